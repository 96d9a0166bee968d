"""Signed tokens that no honest library would make: other algorithms, missing claims, broken signatures."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trustweft.runtime.encoding import decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.algorithms import PrivateKey, PublicKey

__all__ = [
    "forge",
    "forge_with_secret",
    "public_pem",
    "read_parts",
    "unsigned",
    "with_claims",
    "without_signature",
]

_HASHES: Final = {"256": SHA256(), "384": SHA384(), "512": SHA512()}


def forge(
    header: Mapping[str, object], claims: Mapping[str, object], *, key: PrivateKey, sign_as: str | None = None
) -> str:
    """Return a JWS with exactly this header and these claims.

    Args:
        header: as it is written; its ``alg`` decides how it is signed.
        claims: of the payload.
        key: signs.
        sign_as: the algorithm that really signs, where it is not the one in the header.
    """
    signed = _signing_input(header, claims)
    return f"{signed}.{encode_base64url(_sign(sign_as or str(header['alg']), key, signed.encode()))}"


def forge_with_secret(header: Mapping[str, object], claims: Mapping[str, object], *, secret: bytes) -> str:
    """Return a JWS whose HMAC (``HS256``) is made with ``secret``: a client secret, or somebody's public key."""
    signed = _signing_input(header, claims)
    return f"{signed}.{encode_base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def unsigned(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """Return a JWS with an empty signature."""
    return f"{_signing_input(header, claims)}."


def without_signature(token: str, *, algorithm: str = "none") -> str:
    """Return a real token as one that claims to need no signature; its claims stay as they are."""
    header, claims = read_parts(token)
    return unsigned({**header, "alg": algorithm}, claims)


def with_claims(token: str, **changes: object) -> str:
    """Return a real token with other claims under the old signature; a claim of None is left out."""
    head, _, signature = token.split(".")
    _, claims = read_parts(token)
    changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return f"{head}.{encode_base64url(msgspec.json.encode(changed))}.{signature}"


def read_parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return header and claims of a JWT, unverified; two empty ones where it is none."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # RFC 7515 section 7.1
        return {}, {}
    try:
        header, claims = (
            msgspec.json.decode(decode_base64url(part), type=dict[str, object]) for part in parts[:2]
        )
    except (ValueError, msgspec.MsgspecError):
        return {}, {}
    return header, claims


def public_pem(key: PublicKey) -> bytes:
    """Return a public key as PEM: what a careless verifier takes for an HMAC secret."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signing_input(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    return f"{encode_base64url(msgspec.json.encode(header))}.{encode_base64url(msgspec.json.encode(claims))}"


def _sign(algorithm: str, key: PrivateKey, octets: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(octets)
    digest = _HASHES.get(algorithm[-3:], SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if algorithm.startswith("RS"):
        return key.sign(octets, padding.PKCS1v15(), digest)
    return key.sign(octets, padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size), digest)
