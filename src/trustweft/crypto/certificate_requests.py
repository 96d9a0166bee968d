"""Certificate signing requests of strangers (RFC 2986): read with care, and believed for their key and name alone.

Whatever else a request asks for (extensions, attributes, a name beside the one that is expected) is not given: the
authority decides what its certificates say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import NameOID

from trustweft.crypto.strength import strong_key
from trustweft.crypto.x509 import UNREADABLE
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.crypto.algorithms import PublicKey

__all__ = ["verify_request"]

MAXIMUM_REQUEST: Final = 16_384
_PEM_BEGINNING: Final = b"-----BEGIN"
_HASHES: Final = (SHA256, SHA384, SHA512)

MALFORMED = reason(
    "certificate-request.malformed",
    error="invalid_request",
    public="The file holds no certificate signing request, or one that cannot be read.",
)
UNPROVEN = reason(
    "certificate-request.bad-signature",
    error="invalid_request",
    public="The certificate signing request is not signed with the key that it is for, or with an old hash.",
)
NAME = reason(
    "certificate-request.name",
    error="invalid_request",
    public="The certificate signing request must have exactly one name: a common name, the id of its owner.",
)


def verify_request(octets: bytes, *, common_name: str) -> PublicKey:
    """Return the key of a request, in PEM or DER, whose private half whoever made the request has.

    Args:
        octets: the request.
        common_name: the only name that it may have; so that nobody's request is taken for somebody else's.

    Raises:
        Reject: ``certificate-request.*``, ``certificate.weak-key``.
    """
    # (1) size and shape  (2) kind and size of the key  (3) signature, which is the proof of possession  (4) name
    if len(octets) > MAXIMUM_REQUEST:
        raise MALFORMED.reject(f"{len(octets)} octets")
    try:
        read = x509.load_pem_x509_csr if octets.startswith(_PEM_BEGINNING) else x509.load_der_x509_csr
        request = read(octets)
        subject, key = request.subject, request.public_key()
        verifies, digest = request.is_signature_valid, request.signature_hash_algorithm
    except UNREADABLE as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause
    strong = strong_key(key)
    # Ed25519 has its hash inside.
    if not verifies or not (digest is None or isinstance(digest, _HASHES)):
        raise UNPROVEN.reject(f"{digest and digest.name}")
    names = [(each.oid, each.value) for each in subject]
    if names != [(NameOID.COMMON_NAME, common_name)]:
        raise NAME.reject(f"{subject.rfc4514_string()[:200]} is not CN={common_name}")
    return strong
