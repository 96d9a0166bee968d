"""What a client is known by: the part of its metadata (RFC 7591 section 2, RFC 8705 section 2) that is about keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto.keys import KeySet
from trustweft.protocol.mtls import CertificateName, read_certificate_name, read_registered_certificates
from trustweft.protocol.url import parse_url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RegisteredKeys", "read_registered_keys"]

_ERROR: Final = "invalid_client_metadata"
KEYS_TWICE = reason(
    "client-metadata.keys-twice", error=_ERROR, public="Register either jwks or jwks_uri, never both."
)
KEYS_BY_REFERENCE = reason(
    "client-metadata.keys-by-reference",
    error=_ERROR,
    public="The jwks_uri must be an https URL without user information and fragment.",
)
KEYS = reason(
    "client-metadata.keys",
    error=_ERROR,
    public="There is no jwks_uri, and the jwks is missing or is not a set of public keys.",
)
PRIVATE_KEYS = reason(
    "client-metadata.private-keys",
    error=_ERROR,
    public="The jwks holds a private or symmetric key: register public keys only, and replace this one.",
)
NO_FITTING_KEY = reason(
    "client-metadata.no-fitting-key",
    error=_ERROR,
    public="No key of the jwks fits token_endpoint_auth_signing_alg.",
)
CERTIFICATE = reason(
    "client-metadata.certificate",
    error=_ERROR,
    public="The names or keys that the client's certificate shall be known by are missing or malformed.",
)

_WORDS: Final = {"jwk.private": PRIVATE_KEYS, "mtls.bad-certificates": CERTIFICATE}


class RegisteredKeys(Struct, frozen=True, kw_only=True):
    """The members of ``ClientMetadata`` with the same names."""

    jwks: Mapping[str, object] | None
    jwks_uri: str | None
    certificate_name: CertificateName | None


@enforces("FAPI2-SP-5.4.2-p1")
def read_registered_keys(document: Mapping[str, object], *, method: str, algorithm: str) -> RegisteredKeys:
    """Read what the client will be known by.

    (1) the name in its certificate, where it authenticates by one (2) a ``jwks_uri``, or (3) a ``jwks``, and not both.

    Args:
        document: the client's metadata.
        method: how it authenticates.
        algorithm: of its assertions.

    Raises:
        Reject: ``client-metadata.*``.
    """
    certificate_name = _certificate_name(document, method)  # (1)
    jwks_uri = _jwks_uri(document)  # (2)
    jwks = _jwks(document, method, algorithm) if jwks_uri is None else None  # (3)
    return RegisteredKeys(jwks=jwks, jwks_uri=jwks_uri, certificate_name=certificate_name)


def _certificate_name(document: Mapping[str, object], method: str) -> CertificateName | None:
    if method != "tls_client_auth":
        return None
    try:
        return read_certificate_name(document)
    except Reject as cause:
        raise CERTIFICATE.reject(cause.detail) from cause


@enforces("FAPI2-SP-5.4.2-1")
def _jwks_uri(document: Mapping[str, object]) -> str | None:
    """Return where the keys are; which of them fit is seen when they are used."""
    uri = document.get("jwks_uri")
    if uri is None:
        return None
    if document.get("jwks") is not None:  # RFC 7591 section 2
        raise KEYS_TWICE.reject()
    url = parse_url(uri) if isinstance(uri, str) else None
    if not isinstance(uri, str) or url is None or url.scheme != "https" or url.fragment is not None:
        raise KEYS_BY_REFERENCE.reject(f"{uri!r:.200}")
    return uri


def _jwks(document: Mapping[str, object], method: str, algorithm: str) -> Mapping[str, object]:
    if method == "tls_client_auth" and document.get("jwks") is None:
        return {"keys": []}
    jwks = document.get("jwks")
    if not isinstance(jwks, dict):
        raise KEYS.reject("missing")
    try:
        keys = KeySet.read(jwks).keys
        if method == "self_signed_tls_client_auth":
            read_registered_certificates(jwks)
    except Reject as cause:
        raise _WORDS.get(cause.reason.id, KEYS).reject(str(cause)) from cause
    if method == "private_key_jwt" and not any(key.algorithm == algorithm for key in keys):
        raise NO_FITTING_KEY.reject(algorithm)
    return jwks
