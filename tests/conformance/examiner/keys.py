"""Keys and signed tokens of the examiner's own: made and verified with `cryptography` alone.

Nothing here refuses to make nonsense: an examiner sends what an attacker would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

__all__ = [
    "Key",
    "Token",
    "decode",
    "encode",
    "random_text",
    "read_claims",
    "read_header",
    "sha256",
    "verify",
]

_COORDINATE: Final = 32
_SALTED: Final = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def encode(octets: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return what base64url without padding stands for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(text: str) -> str:
    """Return the digest as challenges and `ath` hold it."""
    return encode(hashlib.sha256(text.encode()).digest())


def random_text(length: int = 20) -> str:
    """Return letters and digits; long ones end with every other character that is safe in a URL, as in the suite."""
    ending = "-._~" if length > 20 else ""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length - len(ending))) + ending


@dataclass(frozen=True)
class Key:
    """One private key."""

    algorithm: str
    private: Private
    key_id: str = ""

    @classmethod
    def make(cls, algorithm: str = "ES256", key_id: str = "") -> Key:
        """Return a new key."""
        private: Private
        if algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        return cls(algorithm, private, key_id)

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half, with nothing in it but the key."""
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            return self.public_jwk_of(public)
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
        return {
            "kty": "RSA",
            "n": _number(public.public_numbers().n),
            "e": _number(public.public_numbers().e),
        }

    @staticmethod
    def public_jwk_of(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
        """Return a key of a certificate as a JWK."""
        numbers = public.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}

    @property
    def private_jwk(self) -> dict[str, str]:
        """The key as no header may hold it."""
        assert isinstance(self.private, ec.EllipticCurvePrivateKey)
        return {**self.public_jwk, "d": _coordinate(self.private.private_numbers().private_value)}

    @property
    def registered_jwk(self) -> dict[str, str]:
        """The public half as a client registers it."""
        return {**self.public_jwk, "kid": self.key_id, "alg": self.algorithm, "use": "sig"}

    @property
    def thumbprint(self) -> str:
        """The JWK thumbprint (RFC 7638)."""
        return sha256(json.dumps(self.public_jwk, sort_keys=True, separators=(",", ":")))

    def signature(self, octets: bytes, *, algorithm: str) -> bytes:
        """Sign with the key, in the way that the algorithm's name says."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(octets, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE)
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(octets)
        salted = algorithm == "PS256"
        return self.private.sign(octets, _SALTED if salted else padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Token:
    """A signed token to be: members are encoded as they stand, sense or nonsense."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: Key

    def sign(self) -> str:
        """Return the compact serialization; unsigned where the header says so."""
        parts = [encode(json.dumps(part).encode()) for part in (self.header, self.claims)]
        signed = ".".join(parts)
        algorithm = self.header.get("alg", self.key.algorithm)
        if algorithm == "none":
            return f"{signed}."
        return f"{signed}.{encode(self.key.signature(signed.encode(), algorithm=algorithm))}"


def read_header(token: str) -> dict[str, Any]:
    """Return the header of a token, believed for nothing."""
    header: dict[str, Any] = json.loads(decode(token.split(".", maxsplit=1)[0]))
    return header


def read_claims(token: str) -> dict[str, Any]:
    """Return what a token claims, believed for nothing."""
    claims: dict[str, Any] = json.loads(decode(token.split(".")[1]))
    return claims


def verify(token: str, jwks: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that one of the keys signed, under an algorithm that FAPI 2.0 allows.

    Raises:
        AssertionError: it was signed by none.
    """
    assert token.count(".") == 2, "not a compact JWS"
    header = read_header(token)
    assert header.get("alg") in {"PS256", "ES256", "EdDSA", "Ed25519"}, header
    assert header.get("kid"), "the header names no key"
    found = [jwk for jwk in jwks["keys"] if jwk.get("kid") == header["kid"]]
    assert len(found) == 1, f"{len(found)} published keys have the kid of the token"
    signed, _, signature = token.rpartition(".")
    try:
        _verify(found[0], header["alg"], signed.encode(), decode(signature))
    except InvalidSignature as cause:
        raise AssertionError("the signature does not verify with the published key") from cause
    return header, read_claims(token)


def _verify(jwk: Mapping[str, str], algorithm: str, signed: bytes, signature: bytes) -> None:
    if algorithm == "ES256":
        x, y = (int.from_bytes(decode(jwk[name])) for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        numbers = [int.from_bytes(part) for part in (signature[:_COORDINATE], signature[_COORDINATE:])]
        public.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
    elif algorithm == "PS256":
        n, e = (int.from_bytes(decode(jwk[name])) for name in ("n", "e"))
        rsa.RSAPublicNumbers(e, n).public_key().verify(signature, signed, _SALTED, hashes.SHA256())
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"])).verify(signature, signed)


def _coordinate(number: int) -> str:
    return encode(number.to_bytes(_COORDINATE))


def _number(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))
