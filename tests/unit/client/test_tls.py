"""Whom a client talks to, and how: the handshakes that it does not complete (FAPI 2.0 SP section 5.2)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from local_tls import make_local_tls
from trustweft.client import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_tls import LocalTls

    Change = Callable[[ssl.SSLContext], None]

SECONDS = 10  # no handshake on this machine takes that long


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """An authority, and a certificate for this machine."""
    return make_local_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """Another authority, with a certificate for the same names."""
    return make_local_tls(tmp_path_factory.mktemp("stranger"))


def version(wanted: ssl.TLSVersion, suites: str | None = None) -> Change:
    """Return what makes a server speak one version alone."""

    def change(context: ssl.SSLContext) -> None:
        context.set_ciphers(suites or "ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = wanted

    return change


@contextlib.contextmanager
def port_of(tls: LocalTls, change: Change) -> Iterator[int]:
    """Do one handshake on a port of this machine."""
    context = tls.server_context()
    change(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):  # a client that goes away is what the tests are about
                plain, _address = listening.accept()
                with plain:
                    context.wrap_socket(plain, server_side=True).close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(SECONDS)


def spoken(tls: LocalTls, change: Change, *, authority: Path, name: str = "localhost") -> str | None:
    """Return which version a client of ours ends up with."""
    context = tls_context(authorities=authority)
    with (
        port_of(tls, change) as port,
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (version(ssl.TLSVersion.TLSv1_3), "TLSv1.3"),
        (version(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"), "TLSv1.2"),
        (version(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"), "TLSv1.2"),
    ],
    ids=["1.3", "1.2, AES-128", "1.2, AES-256"],
)
def test_a_good_server_is_talked_to(tls: LocalTls, change: Change, expected: str) -> None:
    """What the others change one thing of is good."""
    assert spoken(tls, change, authority=tls.authority.certificate_file) == expected


@pytest.mark.parametrize("old", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_an_old_version_is_not_spoken(tls: LocalTls, old: ssl.TLSVersion) -> None:
    """Not even with a server that knows no other."""
    with pytest.raises(ssl.SSLError):
        spoken(tls, version(old), authority=tls.authority.certificate_file)


@pytest.mark.parametrize(
    "suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
)
def test_another_suite_is_not_spoken(tls: LocalTls, suite: str) -> None:
    """TLS 1.2 with anything but ephemeral keys and AES-GCM is no TLS for us."""
    change = version(ssl.TLSVersion.TLSv1_2, f"{suite}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        spoken(tls, change, authority=tls.authority.certificate_file)


def test_a_server_of_another_name_is_not_talked_to(tls: LocalTls) -> None:
    """The authority is the right one, and the certificate is somebody else's (RFC 9525)."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"):
        spoken(
            tls,
            version(ssl.TLSVersion.TLSv1_3),
            authority=tls.authority.certificate_file,
            name="server.example",
        )


def test_a_server_of_another_authority_is_not_talked_to(tls: LocalTls, stranger: LocalTls) -> None:
    """The name is the right one, and nobody whom we trust said so."""
    with pytest.raises(ssl.SSLCertVerificationError):
        spoken(stranger, version(ssl.TLSVersion.TLSv1_3), authority=tls.authority.certificate_file)
