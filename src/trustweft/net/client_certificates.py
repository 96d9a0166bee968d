"""Asking a TLS client for a certificate without judging it in the handshake (RFC 8705 sections 2.2 and 4).

Self-signed certificates authenticate clients by their registered key, and any certificate may bind a token; a
handshake that accepts only what some authority issued knows neither. The standard library has no such mode, OpenSSL
has: the callback that verifies a chain is set on the context behind the `ssl` module. Whether that works here is
tried once, in memory, before the first listener relies on it.
"""

from __future__ import annotations

import _ssl
import ctypes
import functools
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trustweft.crypto.local_authority import create_self_signed

__all__ = ["accepts_any_certificate", "ask_for_certificate"]

# The versions in which the context of `ssl` begins with the pointer to OpenSSL's; a later one is not guessed at.
_KNOWN_FROM: Final = (3, 11)
_KNOWN_TO: Final = (3, 14)
_HANDSHAKE_STEPS: Final = 6
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def _accept(_store: int | None, _argument: int | None) -> int:
    """Say that the chain may pass: OpenSSL then keeps the certificate and judges nothing."""
    return 1


_ACCEPT: Final = _Callback(
    _accept
)  # OpenSSL keeps the address, so the object must live as long as the process


def ask_for_certificate(context: ssl.SSLContext, *, authorities: Path) -> None:
    """Let the server's context ask for a certificate; a client without one passes.

    Where this Python allows it, every certificate passes too, and reaches the application. Elsewhere only those that
    lead to ``authorities`` do, and self-signed ones of clients end the handshake.
    """
    context.verify_mode = ssl.CERT_OPTIONAL
    if accepts_any_certificate():
        _accept_any(context)
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(authorities)


@functools.cache
def accepts_any_certificate() -> bool:
    """Tell whether a handshake can leave the judgement to the application, by doing three."""
    known = sys.implementation.name == "cpython" and _KNOWN_FROM <= sys.version_info[:2] <= _KNOWN_TO
    if not known or _libssl() is None:
        return False
    with tempfile.TemporaryDirectory() as directory:
        certificate, der = _throw_away(Path(directory))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        server.verify_mode = ssl.CERT_OPTIONAL
        _accept_any(server)
        return all(
            _seen(server, certificate=own, version=version) == expected
            for own, expected, version in (
                (certificate, der, ssl.TLSVersion.TLSv1_3),
                (certificate, der, ssl.TLSVersion.TLSv1_2),
                (None, None, ssl.TLSVersion.TLSv1_3),
            )
        )


def _accept_any(context: ssl.SSLContext) -> None:
    library = _libssl()
    if library is None:
        raise RuntimeError("this Python's OpenSSL cannot be reached")
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    library.SSL_CTX_set_cert_verify_callback(pointer, _ACCEPT, None)


@functools.cache
def _libssl() -> ctypes.CDLL | None:
    """Return the OpenSSL that `ssl` uses: reached through the extension module, never by looking for a library."""
    file = getattr(_ssl, "__file__", None)  # none where OpenSSL is linked into the interpreter
    if file is None:
        return None
    try:
        library = ctypes.CDLL(file)
        function = library.SSL_CTX_set_cert_verify_callback
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_void_p, _Callback, ctypes.c_void_p)
    function.restype = None
    return library


def _throw_away(directory: Path) -> tuple[Path, bytes]:
    """Return a file with a new key and a certificate that no authority issued, and the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = create_self_signed(
        key, common_name="self-test", now=0.0, days=1
    )  # long expired: it must not matter
    path = directory / "throw-away.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return path, certificate.public_bytes(Encoding.DER)


def _seen(server: ssl.SSLContext, *, certificate: Path | None, version: ssl.TLSVersion) -> bytes | None:
    """Do one handshake in memory; return the client's certificate as the server's side sees it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False  # a server of our own, in memory
    client.verify_mode = ssl.CERT_NONE
    client.maximum_version = version
    if certificate is not None:
        client.load_cert_chain(certificate)
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(downward, upward),
        server.wrap_bio(upward, downward, server_side=True),
    )
    for step in range(_HANDSHAKE_STEPS):
        try:
            sides[step % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return b"refused"
    try:
        return sides[1].getpeercert(binary_form=True)
    except ValueError:  # the handshake never came to its end
        return b"refused"
