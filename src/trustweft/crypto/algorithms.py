"""The three signature algorithms that FAPI 2.0 Security Profile section 5.4.1 allows, and nothing else.

``EdDSA`` (RFC 8037, with Ed25519) and ``Ed25519`` (RFC 9864) are two names of one algorithm.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ALGORITHMS",
    "PrivateKey",
    "PublicKey",
    "algorithm_fits",
    "canonical_algorithm",
    "sign_octets",
    "verify_octets",
]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: Final = ("ES256", "PS256", "EdDSA", "Ed25519")
_CANONICAL: Final = {"ES256": "ES256", "PS256": "PS256", "EdDSA": "EdDSA", "Ed25519": "EdDSA"}

_SHA256 = SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)
_P256_OCTETS = 32
_P256_SIGNATURE_OCTETS = 64


@enforces("FAPI2-SP-5.4.1-p2")
def canonical_algorithm(name: object) -> str | None:
    """Return ``ES256``, ``PS256`` or ``EdDSA`` for a name of one of them, None for anything else."""
    return _CANONICAL.get(name) if isinstance(name, str) else None


def algorithm_fits(algorithm: str, key: PublicKey | PrivateKey) -> bool:
    """Say whether the kind of ``key`` is the one that the canonical ``algorithm`` uses."""
    return _kind_fits(algorithm, type(key))


@lru_cache(maxsize=32)
def _kind_fits(algorithm: str, kind: type) -> bool:
    """Say whether keys of this type are for the algorithm: abstract classes are slow to ask, and types are few."""
    return issubclass(kind, _KEY_KINDS[algorithm])


def verify_octets(algorithm: str, key: PublicKey, signature: bytes, signed: bytes) -> None:
    """Verify ``signature`` over ``signed``.

    Raises:
        InvalidSignature: it does not verify, has the wrong form, or the key is of another kind.
    """
    if not _kind_fits(algorithm, type(key)):
        raise InvalidSignature
    _VERIFIERS[algorithm](key, signature, signed)


def sign_octets(algorithm: str, key: PrivateKey, signed: bytes) -> bytes:
    """Return the JWS signature (RFC 7518 section 3, RFC 8037) of ``signed``."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm == "ES256":
        r, s = decode_dss_signature(key.sign(signed, _ECDSA))
        return r.to_bytes(_P256_OCTETS, "big") + s.to_bytes(_P256_OCTETS, "big")
    if isinstance(key, rsa.RSAPrivateKey) and algorithm == "PS256":
        return key.sign(signed, _PSS, _SHA256)
    if isinstance(key, ed25519.Ed25519PrivateKey) and algorithm == "EdDSA":
        return key.sign(signed)
    raise ValueError(f"a key of this kind cannot sign with {algorithm}")


def _verify_es256(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != _P256_SIGNATURE_OCTETS:
        raise InvalidSignature
    key.verify(_der_of_raw(signature), signed, _ECDSA)


def _verify_ps256(key: rsa.RSAPublicKey, signature: bytes, signed: bytes) -> None:
    key.verify(signature, signed, _PSS, _SHA256)


def _verify_eddsa(key: ed25519.Ed25519PublicKey, signature: bytes, signed: bytes) -> None:
    key.verify(signature, signed)


def _der_of_raw(signature: bytes) -> bytes:
    """Return r and s, 32 octets each, as the DER sequence that OpenSSL reads; twice as fast as by integers."""
    r, s = _der_integer(signature[:_P256_OCTETS]), _der_integer(signature[_P256_OCTETS:])
    return bytes((0x30, len(r) + len(s))) + r + s


def _der_integer(octets: bytes) -> bytes:
    first = octets[0]
    if first & 0x80:  # the top bit would read as a sign
        return b"\x02\x21\0" + octets
    if first:
        return b"\x02\x20" + octets
    octets = octets.lstrip(b"\0") or b"\0"
    if octets[0] & 0x80:
        octets = b"\0" + octets
    return bytes((0x02, len(octets))) + octets


_KEY_KINDS: Final[dict[str, type]] = {
    "ES256": ec.EllipticCurvePublicKey,
    "PS256": rsa.RSAPublicKey,
    "EdDSA": ed25519.Ed25519PublicKey,
}
_VERIFIERS: Final[dict[str, Callable[..., None]]] = {
    "ES256": _verify_es256,
    "PS256": _verify_ps256,
    "EdDSA": _verify_eddsa,
}
