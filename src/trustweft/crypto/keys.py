"""JSON Web Keys (RFC 7517), their thumbprints (RFC 7638), key sets, and the interface to whoever signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trustweft.crypto.algorithms import PrivateKey, PublicKey, canonical_algorithm, sign_octets
from trustweft.runtime.encoding import decode_base64url, encode_base64url, sha256_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

__all__ = [
    "KeySet",
    "LocalSigner",
    "Signer",
    "VerificationKey",
    "generate_private_key",
    "private_jwk",
    "public_jwk",
    "read_private_jwk",
    "read_public_jwk",
    "thumbprint",
]

MINIMUM_RSA_BITS: Final = 2048
MAXIMUM_RSA_BITS: Final = 4096  # our choice: a larger modulus makes every verification a denial of service
MAXIMUM_KEYS: Final = 100
_PRIVATE_MEMBERS: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_KINDS: Final = (("EC", "P-256", "ES256"), ("OKP", "Ed25519", "EdDSA"), ("RSA", None, "PS256"))
_P256_OCTETS: Final = 32
_ED25519_OCTETS: Final = 32
_ED25519_PRIME: Final = 2**255 - 19
# Eight points of the curve (RFC 8032 section 5.1) have a small order: those of order 8 have one of two y, the others
# 0, 1 and -1. With such a key a signature can be made up that verifies for every message.
_ED25519_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL: Final = frozenset(
    (0, 1, _ED25519_PRIME - 1, _ED25519_ORDER_8, _ED25519_PRIME - _ED25519_ORDER_8)
)

MALFORMED = reason("jwk.malformed", error="invalid_request", public="The JSON Web Key is malformed.")
PRIVATE = reason(
    "jwk.private", error="invalid_request", public="The JSON Web Key holds a private or symmetric key."
)
UNSUPPORTED = reason(
    "jwk.unsupported", error="invalid_request", public="The JSON Web Key is not RSA, EC P-256 or OKP Ed25519."
)
WEAK = reason(
    "jwk.weak", error="invalid_request", public="The JSON Web Key is too small, or too large to be real."
)
ALGORITHM = reason(
    "jwk.algorithm",
    error="invalid_request",
    public="The JSON Web Key is meant for an algorithm that is not allowed.",
)
NO_KEY = reason("jwks.no-key", error="invalid_request", public="No key of the key set fits the signed token.")
MALFORMED_SET = reason("jwks.malformed", error="invalid_request", public="The JSON Web Key Set is malformed.")


class Signer(Protocol):
    """Signs octets with a key that it does not show: a local key, a hardware module, a remote service."""

    @property
    def algorithm(self) -> str:
        """Return the ``alg`` of its signatures."""
        ...

    @property
    def key_id(self) -> str | None:
        """Return the ``kid`` that others find its public key by."""
        ...

    @property
    def public_key(self) -> PublicKey:
        """Return the public half."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """Return the JWS signature of ``octets``."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """Signs with a private key in this process."""

    algorithm: str
    private_key: PrivateKey
    key_id: str | None = None

    @property
    def public_key(self) -> PublicKey:
        """Return the public half."""
        return self.private_key.public_key()

    def sign(self, octets: bytes) -> bytes:
        """Return the JWS signature of ``octets``."""
        return sign_octets(canonical_algorithm(self.algorithm) or self.algorithm, self.private_key, octets)

    def __repr__(self) -> str:
        return f"LocalSigner(algorithm={self.algorithm!r}, key_id={self.key_id!r})"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key from a key set, and the one algorithm that it verifies (canonical)."""

    key: PublicKey
    algorithm: str
    key_id: str | None


class KeySet:
    """The public keys of one party; ``find`` picks by kid, kind, curve, use and algorithm, never by kid alone."""

    __slots__ = ("keys",)

    def __init__(self, keys: Sequence[VerificationKey]) -> None:
        self.keys = tuple(keys)

    @classmethod
    def read(cls, document: Mapping[str, object]) -> KeySet:
        """Read a JWK Set; keys that we cannot use for verification are passed over (RFC 7517 section 5).

        Raises:
            Reject: ``jwks.malformed``; ``jwk.private`` where any key is not public.
        """
        members = document.get("keys")
        if not isinstance(members, list) or len(members) > MAXIMUM_KEYS:
            raise MALFORMED_SET.reject()
        keys = []
        for member in sorted(members, key=_vagueness):
            if not isinstance(member, dict):
                raise MALFORMED_SET.reject()
            if not _PRIVATE_MEMBERS.isdisjoint(member):
                raise PRIVATE.reject()
            if _verifies(member):
                key = read_public_jwk(member)
                kid = member.get("kid")
                keys.append(VerificationKey(key, _algorithm_of(key), kid if isinstance(kid, str) else None))
        return cls(keys)

    def without(self, thumbprints: Container[str]) -> KeySet:
        """Return the set without the keys that have these RFC 7638 thumbprints; the same object where it has none."""
        left = [each for each in self.keys if thumbprint(each.key) not in thumbprints]
        return self if len(left) == len(self.keys) else KeySet(left)

    @enforces("FAPI2-SP-5.4.3-1", "FAPI2-SP-5.4.3-2", "FAPI2-SP-5.4.3-3")
    def find(self, *, key_id: str | None, algorithm: str) -> VerificationKey:
        """Return the key for a token with this ``kid`` and canonical algorithm.

        Without a ``kid`` the choice must be unambiguous.

        Raises:
            Reject: ``jwks.no-key``.
        """
        fitting = [
            key
            for key in self.keys
            if key.algorithm == algorithm and (key_id is None or key.key_id == key_id)
        ]
        if not fitting or (key_id is None and len(fitting) > 1):
            raise NO_KEY.reject(f"kid={key_id!r} alg={algorithm}")
        return fitting[0]


@enforces("FAPI2-SP-5.4.3-p1")
def _vagueness(member: object) -> int:
    """Return how many of ``alg`` and ``use`` a key leaves open: of two that fit, the one that says so comes first."""
    return sum(name not in member for name in ("alg", "use")) if isinstance(member, dict) else 0


@enforces("FAPI2-SP-6.8-2")
def _verifies(member: Mapping[str, object]) -> bool:
    """Say whether a key of a set is one of ours to use: others may stand in a set that many read.

    One that contradicts itself, such as an elliptic key meant for PS256, verifies nothing, whatever its ``kid``.
    """
    operations = member.get("key_ops")
    permitted = member.get("use", "sig") == "sig" and (
        not isinstance(operations, list) or "verify" in operations
    )
    # Compared, not looked up: a member may be of any type, and a list cannot be looked up.
    return permitted and any(
        member.get("kty") == kind
        and member.get("crv") == curve
        and ("alg" not in member or canonical_algorithm(member["alg"]) == algorithm)
        for kind, curve, algorithm in _KINDS
    )


def read_public_jwk(document: Mapping[str, object]) -> PublicKey:
    """Read one public key for signatures, as a DPoP header or a key set holds it.

    Raises:
        Reject: ``jwk.*``.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(document):
        raise PRIVATE.reject()
    key = _build_public(document)
    if "alg" in document and canonical_algorithm(document["alg"]) != _algorithm_of(key):
        raise ALGORITHM.reject(repr(document["alg"])[:80])
    return key


@enforces("FAPI2-SP-5.4.1-3")
def _build_public(document: Mapping[str, object]) -> PublicKey:
    # Of the curves, only P-256 and edwards25519 are built: both beyond the 224 bits that are asked for.
    match document.get("kty"), document.get("crv"):
        case "EC", "P-256":
            point = b"\x04" + _octets(document, "x", _P256_OCTETS) + _octets(document, "y", _P256_OCTETS)
            try:
                return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            except ValueError as cause:
                raise MALFORMED.reject("not a point of the curve") from cause
        case "OKP", "Ed25519":
            octets = _octets(document, "x", _ED25519_OCTETS)
            _check_ed25519_point(octets)
            try:
                return ed25519.Ed25519PublicKey.from_public_bytes(octets)
            except ValueError as cause:
                raise MALFORMED.reject("not an Ed25519 key") from cause
        case "RSA", None:
            return _build_rsa(document)
        case kind:
            raise UNSUPPORTED.reject(repr(kind)[:80])


@enforces("FAPI2-SP-5.4.1-2")
def _check_rsa_size(modulus: int) -> None:
    if not MINIMUM_RSA_BITS <= modulus.bit_length() <= MAXIMUM_RSA_BITS:
        raise WEAK.reject(f"{modulus.bit_length()} bits")


def _check_ed25519_point(octets: bytes) -> None:
    y = int.from_bytes(octets, "little") & (2**255 - 1)  # the top bit is the sign of x
    if y >= _ED25519_PRIME:
        raise MALFORMED.reject("a point with two spellings")
    if y in _ED25519_SMALL:
        raise WEAK.reject("a point of small order")


def _build_rsa(document: Mapping[str, object]) -> PublicKey:
    modulus = int.from_bytes(_octets(document, "n"), "big")
    exponent = int.from_bytes(_octets(document, "e"), "big")
    _check_rsa_size(modulus)
    if exponent.bit_length() > 64 or exponent < 65537:  # noqa: PLR2004  # below F4 or absurd: weak or slow
        raise WEAK.reject("exponent")
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as cause:
        raise MALFORMED.reject("not an RSA key") from cause


def _octets(document: Mapping[str, object], member: str, length: int | None = None) -> bytes:
    value = document.get(member)
    if not isinstance(value, str):
        raise MALFORMED.reject(f"{member} is missing")
    try:
        octets = decode_base64url(value)
    except ValueError as cause:
        raise MALFORMED.reject(member) from cause
    if not octets or (length is not None and len(octets) != length):
        raise MALFORMED.reject(f"{member} has {len(octets)} octets")
    return octets


def _algorithm_of(key: PublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ES256"
    return "PS256" if isinstance(key, rsa.RSAPublicKey) else "EdDSA"


def public_jwk(key: PublicKey) -> dict[str, str]:
    """Return the required members of the public JWK, in the order of RFC 7638 section 3.3 (by name)."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers = key.public_numbers()
        x, y = (encode_base64url(number.to_bytes(_P256_OCTETS, "big")) for number in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return {"e": _integer(rsa_numbers.e), "kty": "RSA", "n": _integer(rsa_numbers.n)}
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(key.public_bytes_raw())}


def private_jwk(key: PrivateKey) -> dict[str, str]:
    """Return the private JWK: for files with mode 0600, never for the wire."""
    public = public_jwk(key.public_key())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {
            **public,
            "d": encode_base64url(key.private_numbers().private_value.to_bytes(_P256_OCTETS, "big")),
        }
    if isinstance(key, rsa.RSAPrivateKey):
        n = key.private_numbers()
        parts = {"d": n.d, "p": n.p, "q": n.q, "dp": n.dmp1, "dq": n.dmq1, "qi": n.iqmp}
        return {**public, **{name: _integer(value) for name, value in parts.items()}}
    return {**public, "d": encode_base64url(key.private_bytes_raw())}


def read_private_jwk(document: Mapping[str, object]) -> PrivateKey:
    """Read a private JWK from a file of ours.

    Raises:
        Reject: ``jwk.*``.
    """
    public = _build_public(document)
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            secret = int.from_bytes(_octets(document, "d", _P256_OCTETS), "big")
            return ec.EllipticCurvePrivateNumbers(secret, public.public_numbers()).private_key()
        if isinstance(public, rsa.RSAPublicKey):
            d, p, q, dp, dq, qi = (
                int.from_bytes(_octets(document, member), "big")
                for member in ("d", "p", "q", "dp", "dq", "qi")
            )
            return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public.public_numbers()).private_key()
        return ed25519.Ed25519PrivateKey.from_private_bytes(_octets(document, "d", _ED25519_OCTETS))
    except ValueError as cause:
        raise MALFORMED.reject("not a private key") from cause


def _integer(value: int) -> str:
    return encode_base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def thumbprint(key: PublicKey) -> str:
    """Return the JWK SHA-256 thumbprint (RFC 7638), 43 characters: the ``jkt`` of RFC 9449."""
    members = ",".join(f'"{name}":"{value}"' for name, value in public_jwk(key).items())
    return sha256_base64url(f"{{{members}}}")


def generate_private_key(algorithm: str) -> PrivateKey:
    """Make a new private key for ``ES256``, ``PS256`` (2048 bits) or ``EdDSA``."""
    match canonical_algorithm(algorithm):
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "PS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=MINIMUM_RSA_BITS)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            raise ValueError(f"no key can be made for {algorithm}")
