"""Compact JSON Web Signatures (RFC 7515), strict: three algorithms, no ``crit``, no duplicate members.

The order of the checks, here and in the tests: (1) size and shape (2) header (3) algorithm (4) key (5) signature
(6) payload. The payload is read only after its signature verified.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature

from trustweft.crypto.algorithms import algorithm_fits, canonical_algorithm, verify_octets
from trustweft.runtime.encoding import decode_base64url, encode_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.algorithms import PublicKey
    from trustweft.crypto.keys import Signer

__all__ = ["MAXIMUM_TOKEN", "Unverified", "parse", "sign", "verify"]

MAXIMUM_TOKEN: Final = 16_384
MAXIMUM_HEADER: Final = 8_192  # a DPoP header that embeds an RSA-4096 key takes about 1,000
SMALL_HEADER: Final = 11_000  # characters: 8 KiB and their base64url
_SEGMENTS: Final = 3

TOO_LARGE = reason("jws.too-large", error="invalid_request", public="The signed token is too large.")
MALFORMED = reason("jws.malformed", error="invalid_request", public="The signed token is malformed.")
BAD_HEADER = reason(
    "jws.bad-header", error="invalid_request", public="The header of the signed token is malformed."
)
CRITICAL = reason(
    "jws.critical-header", error="invalid_request", public="The signed token has a crit header."
)
ALGORITHM = reason(
    "jws.algorithm",
    error="invalid_request",
    public="The signature algorithm is not one of PS256, ES256 and EdDSA.",
)
KEY_MISMATCH = reason(
    "jws.key-mismatch", error="invalid_request", public="The key does not belong to the signature algorithm."
)
BAD_SIGNATURE = reason("jws.bad-signature", error="invalid_request", public="The signature does not verify.")
BAD_PAYLOAD = reason(
    "jws.bad-payload", error="invalid_request", public="The payload of the signed token is malformed."
)


class Unverified(msgspec.Struct, frozen=True):
    """A token whose shape and header were read, and whose signature was not: nothing in it may be believed.

    Attributes:
        header: the JOSE header; shared between calls, never to be changed.
        algorithm: canonical: ``ES256``, ``PS256`` or ``EdDSA``.
        type: the ``typ`` header, in lower case and without ``application/`` (RFC 7515 section 4.1.9).
        key_id: the ``kid`` header where it is a string.
        header_segment: the encoded header, for caches keyed by it.
    """

    header: Mapping[str, object]
    algorithm: str
    type: str
    key_id: str | None
    header_segment: str
    payload_segment: str
    signed: bytes
    signature: bytes

    def unverified_claims(self) -> dict[str, object]:
        """Return the claims, for choosing keys only.

        Raises:
            Reject: ``jws.bad-payload`` or ``json.*``.
        """
        try:
            # The token was bounded when it was parsed.
            return load_object(decode_base64url(self.payload_segment), limit=len(self.payload_segment))
        except ValueError as cause:
            raise BAD_PAYLOAD.reject(str(cause)) from cause


def parse(token: str, *, limit: int = MAXIMUM_TOKEN, header_limit: int = MAXIMUM_HEADER) -> Unverified:
    """Read the shape and the header of a compact JWS.

    Args:
        token: from outside.
        limit: characters that it may have; more only where a specification puts whole documents into it.
        header_limit: octets that its header may have.

    Raises:
        Reject: ``jws.*``, or ``json.*`` for the header.
    """
    if len(token) > limit:
        raise TOO_LARGE.reject(f"{len(token)} characters")
    segments = token.split(".")
    if len(segments) != _SEGMENTS:
        raise MALFORMED.reject(f"{len(segments)} segments")
    header_segment, payload_segment, signature_segment = segments
    try:
        signature = decode_base64url(signature_segment)
    except ValueError as cause:
        raise MALFORMED.reject("signature") from cause
    # A header that carries documents is not kept.
    read = _read_header if len(header_segment) <= SMALL_HEADER else _read_header.__wrapped__
    header, algorithm, kind, key_id = read(header_segment, header_limit)
    signed = token[: len(header_segment) + 1 + len(payload_segment)]
    if not signed.isascii():
        raise MALFORMED.reject("payload")
    return Unverified(
        header, algorithm, kind, key_id, header_segment, payload_segment, signed.encode("ascii"), signature
    )


@lru_cache(maxsize=1024)
@enforces("FAPI2-SP-5.4.1-1.2", "FAPI2-SP-5.4.1-1.3")
def _read_header(segment: str, limit: int) -> tuple[Mapping[str, object], str, str, str | None]:
    """Read a header; the same few headers come with most tokens, hence the cache (refusals are not kept)."""
    try:
        header = load_object(decode_base64url(segment), limit=limit)
    except ValueError as cause:
        raise BAD_HEADER.reject(str(cause)) from cause
    if "crit" in header:  # we understand no extension, so every crit is a refusal (RFC 7515 section 4.1.11)
        raise CRITICAL.reject()
    algorithm = canonical_algorithm(header.get("alg"))
    if algorithm is None:
        raise ALGORITHM.reject(repr(header.get("alg"))[:80])
    kind, key_id = header.get("typ"), header.get("kid")
    return (
        header,
        algorithm,
        kind.lower().removeprefix("application/") if isinstance(kind, str) else "",
        key_id if isinstance(key_id, str) else None,
    )


@enforces("FAPI2-SP-5.4.1-1", "FAPI2-SP-5.4.1-1.1")
def verify(token: Unverified, *, key: PublicKey, algorithm: str | None = None) -> dict[str, object]:
    """Verify the signature with ``key`` and return the claims.

    Args:
        token: what ``parse`` returned.
        key: the only key that may have signed.
        algorithm: the only algorithm that the key may be used with, where it is bound to one (canonical).

    Raises:
        Reject: ``jws.key-mismatch``, ``jws.bad-signature``, ``jws.bad-payload`` or ``json.*``.
    """
    if (algorithm is not None and algorithm != token.algorithm) or not algorithm_fits(token.algorithm, key):
        raise KEY_MISMATCH.reject(f"alg={token.algorithm}")
    try:
        verify_octets(token.algorithm, key, token.signature, token.signed)
    except InvalidSignature as cause:
        raise BAD_SIGNATURE.reject() from cause
    return token.unverified_claims()


@enforces("FAPI2-SP-5.4.2-2")
def sign(claims: Mapping[str, object], *, signer: Signer, header: Mapping[str, object] | None = None) -> str:
    """Return a compact JWS of ``claims``; ``alg`` and, where the signer has one, ``kid`` are set here."""
    full: dict[str, object] = {"alg": signer.algorithm}
    if signer.key_id is not None:
        full["kid"] = signer.key_id
    full.update(header or {})
    signed = f"{encode_base64url(msgspec.json.encode(full))}.{encode_base64url(msgspec.json.encode(claims))}"
    return f"{signed}.{encode_base64url(signer.sign(signed.encode('ascii')))}"
