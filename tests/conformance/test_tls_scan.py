"""The scan of TLS is no formality: a port that speaks what it must not is noticed, each fault for itself."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from conformance.examiner.tls import check_tls
from local_tls import make_local_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_tls import LocalTls

    Change = Callable[[ssl.SSLContext], None]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """An authority, and a certificate for this machine."""
    return make_local_tls(tmp_path_factory.mktemp("tls"))


def good(context: ssl.SSLContext) -> None:
    """Speak what the profile allows."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")


def old_version(version: ssl.TLSVersion) -> Change:
    """Return what speaks an old version too."""

    def change(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = version

    return change


def no_1_3(context: ssl.SSLContext) -> None:
    """Speak TLS 1.2 alone."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def suites(names: str) -> Change:
    """Return what takes other cipher suites of TLS 1.2 too."""
    return lambda context: context.set_ciphers(f"ECDHE+AESGCM:{names}")


@contextlib.contextmanager
def port_of(tls: LocalTls, change: Change) -> Iterator[str]:
    """Do handshakes on a port of this machine."""
    context = tls.server_context()
    good(context)
    change(context)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed: that is how it ends
            while True:
                plain, _address = listening.accept()
                with plain, contextlib.suppress(OSError):
                    context.wrap_socket(plain, server_side=True).close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def scan(tls: LocalTls, change: Change) -> None:
    """Scan a port that speaks like that."""
    authority: Path = tls.authority.certificate_file
    with port_of(tls, change) as url:
        check_tls(url, authority=authority)


def test_a_port_that_speaks_as_it_should_passes(tls: LocalTls) -> None:
    """What the others change one thing of is good."""
    scan(tls, good)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (no_1_3, "TLS 1.3 is not preferred"),
        (old_version(ssl.TLSVersion.TLSv1), "TLSv1 is spoken"),
        (old_version(ssl.TLSVersion.TLSv1_1), "TLSv1_1 is spoken"),
        (suites("ECDHE+CHACHA20"), "CHACHA20-POLY1305 is accepted"),
        (suites("ECDHE-ECDSA-AES256-SHA384"), "ECDHE-ECDSA-AES256-SHA384 is accepted"),
        (suites("ECDHE-ECDSA-AES128-CCM"), "ECDHE-ECDSA-AES128-CCM is accepted"),
    ],
    ids=["no 1.3", "1.0", "1.1", "ChaCha20", "CBC", "CCM"],
)
def test_a_port_with_a_fault_does_not(tls: LocalTls, change: Change, fault: str) -> None:
    """Old versions, other suites, or no TLS 1.3 fail the scan."""
    with pytest.raises(AssertionError, match=fault):
        scan(tls, change)
