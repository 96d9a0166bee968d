"""The TLS context of a client: whom it trusts, and the certificate that it shows (FAPI 2.0 SP section 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.net.fetch import trust_context
from trustweft.runtime.enforces import enforces
from trustweft.runtime.files import read_private_file

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

__all__ = ["tls_context"]


@enforces("RFC8705-3-p3")
def tls_context(
    *,
    authorities: Path | None = None,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> ssl.SSLContext:
    """Return a context that verifies servers; TLS 1.3, or 1.2 with ephemeral keys and AES in GCM alone.

    Pass it as ``verify`` of an httpx2 client that is used for this ecosystem only: every server that asks for a
    certificate is shown this one.

    Args:
        authorities: a PEM file of whom to trust; the system's authorities where none is named.
        certificate: a PEM file with the client's certificate, then those of its issuers.
        private_key: a PEM file with the certificate's key; in ``certificate`` where none is named.

    Raises:
        KeyFileError: others can read the private key.
        ValueError: a key without a certificate.
        OSError: a file cannot be read, or key and certificate do not fit (``ssl.SSLError``).
    """
    context = trust_context(authorities)
    if certificate is not None:
        read_private_file(certificate if private_key is None else private_key)  # for its look at the mode
        context.load_cert_chain(certificate, private_key)
    elif private_key is not None:
        raise ValueError("a private key goes with a certificate")
    return context
