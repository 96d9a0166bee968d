"""Verifies signatures of the algorithms that are met outside, those that no profile of ours would allow included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from trustweft.runtime.encoding import decode_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = ["ForeignKey", "can_verify", "read_key", "verifies"]

ForeignKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_HASHES: Final[Mapping[str, HashAlgorithm]] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
_CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_FAMILIES: Final = frozenset({"RS", "PS", "ES"})


def can_verify(algorithm: str) -> bool:
    """Return whether signatures of this algorithm can be verified here."""
    return algorithm in ("EdDSA", "Ed25519") or (algorithm[:2] in _FAMILIES and algorithm[2:] in _HASHES)


def verifies(token: str, *, algorithm: str, jwk: Mapping[str, object]) -> bool:
    """Return whether the signature of a compact JWS is that of a published key; it says nothing of the claims."""
    signed, _, signature = token.rpartition(".")
    try:
        _verify(algorithm, jwk, decode_base64url(signature), signed.encode())
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def read_key(jwk: Mapping[str, object]) -> ForeignKey:
    """Return a published key, of whatever kind and size others use.

    Raises:
        ValueError: it is no key.
        KeyError: a member is missing, or the curve is not known.
    """
    match jwk.get("kty"):
        case "OKP":
            return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk, "x"))
        case "EC":
            curve = _CURVES[str(jwk["crv"])]
            return ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), curve).public_key()
        case "RSA":
            return rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key()
        case kind:
            raise ValueError(f"keys of the kind {kind!r} are not read here")


def _verify(algorithm: str, jwk: Mapping[str, object], signature: bytes, signed: bytes) -> None:
    match read_key(jwk):
        case ed25519.Ed25519PublicKey() as key if algorithm in ("EdDSA", "Ed25519"):
            key.verify(signature, signed)
        case ec.EllipticCurvePublicKey() as key if algorithm.startswith("ES"):
            half = len(signature) // 2
            pair = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            key.verify(encode_dss_signature(*pair), signed, ec.ECDSA(_HASHES[algorithm[2:]]))
        case rsa.RSAPublicKey() as key if algorithm.startswith("RS"):
            key.verify(signature, signed, padding.PKCS1v15(), _HASHES[algorithm[2:]])
        case rsa.RSAPublicKey() as key if algorithm.startswith("PS"):
            digest = _HASHES[algorithm[2:]]
            salted = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            key.verify(signature, signed, salted, digest)
        case _:
            raise ValueError(f"no key for {algorithm}")


def _octets(jwk: Mapping[str, object], member: str) -> bytes:
    return decode_base64url(str(jwk[member]))


def _number(jwk: Mapping[str, object], member: str) -> int:
    return int.from_bytes(_octets(jwk, member))
