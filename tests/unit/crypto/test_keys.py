"""Keys that cannot be trusted are no keys, whoever shows them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.crypto.keys import KeySet, generate_private_key, public_jwk, read_public_jwk
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject

PRIME = 2**255 - 19
D = -121_665 * pow(121_666, -1, PRIME) % PRIME
SIGN = 2**255

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(one: Point, two: Point) -> Point:
    """Add points of edwards25519 (RFC 8032 section 5.1.4)."""
    (x1, y1), (x2, y2) = one, two
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, PRIME)
    return x % PRIME, y % PRIME


def decode(y: int, *, odd: bool) -> Point | None:
    """Return the point of the curve with this y (RFC 8032 section 5.1.3), None where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if x * x % PRIME != square:
        return None
    return (PRIME - x if x % 2 != odd else x), y


def point_of_order_8() -> Point:
    """Multiply any point by the order of the large group: what is left has a small order; look until it is 8."""
    order = 2**252 + 27_742_317_777_372_353_535_851_937_790_883_648_493
    for y in range(2, 100):
        base = decode(y, odd=False)
        if base is None:
            continue
        small, factor = IDENTITY, order
        while factor:
            if factor & 1:
                small = add(small, base)
            base, factor = add(base, base), factor >> 1
        if add(add(small, small), add(small, small)) != IDENTITY:
            return small
    raise AssertionError("there is one in every second try")


def small_group() -> list[Point]:
    """Return all eight points of small order."""
    generator = point_of_order_8()
    points = [IDENTITY]
    for _ in range(7):
        points.append(add(points[-1], generator))
    assert add(points[-1], generator) == IDENTITY
    return points


def refusal(octets: bytes) -> str:
    """Return the reason that an Ed25519 key with these octets is refused for."""
    with pytest.raises(Reject) as refused:
        read_public_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(octets)})
    return refused.value.reason.id


@pytest.mark.parametrize("sign", [0, SIGN], ids=["even", "odd"])
def test_a_point_of_small_order_is_no_key(sign: int) -> None:
    """With such a key anybody makes up signatures that verify; each of the eight points, with either sign."""
    encodings = {y | sign for _, y in small_group()}
    assert len(encodings) == 5
    assert {refusal(encoding.to_bytes(32, "little")) for encoding in encodings} == {"jwk.weak"}


@pytest.mark.parametrize("excess", range(19))
def test_a_point_has_one_spelling(excess: int) -> None:
    """A y that is not reduced would be the same key under another thumbprint."""
    assert refusal((PRIME + excess).to_bytes(32, "little")) == "jwk.malformed"


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_a_key_that_was_made_for_it_is_one(algorithm: str) -> None:
    """What is shown of a good key reads back as the same key."""
    shown = public_jwk(generate_private_key(algorithm).public_key())
    assert public_jwk(read_public_jwk(shown)) == shown


REAL = generate_private_key("ES256").public_key()
FOUND = {**public_jwk(REAL), "kid": "one", "alg": "ES256", "use": "sig"}
OTHER = {**public_jwk(generate_private_key("ES256").public_key()), "kid": "one"}
DECOYS = {
    "another kind": {**public_jwk(generate_private_key("PS256").public_key()), "alg": "PS256", "use": "sig"},
    "another curve": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
    "a kind for key agreement": {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    "Ed25519": {**public_jwk(generate_private_key("EdDSA").public_key()), "use": "sig"},
    "for encryption": {**OTHER, "use": "enc"},
    "for encryption, and says how": {**OTHER, "use": "enc", "alg": "ECDH-ES"},
    "an algorithm that is not allowed": {**OTHER, "use": "sig", "alg": "ES384"},
    "an operation that is not ours": {**OTHER, "key_ops": ["deriveKey"]},
    "a use of nobody": {**OTHER, "use": ["sig"]},
    "says neither use nor algorithm": OTHER,
}


@pytest.mark.parametrize("decoy", DECOYS.values(), ids=DECOYS)
@pytest.mark.parametrize("first", [True, False], ids=["decoy first", "decoy last"])
def test_a_decoy_with_the_same_kid_is_not_taken_for_the_key(decoy: dict[str, object], *, first: bool) -> None:
    """FAPI 2.0 SP section 5.4.3: kty, crv, use and alg tell keys apart that have one name."""
    named = {**decoy, "kid": "one"}
    keys = KeySet.read({"keys": [named, FOUND] if first else [FOUND, named]})
    found = keys.find(key_id="one", algorithm="ES256")
    assert public_jwk(found.key) == public_jwk(REAL)


@pytest.mark.parametrize("use", ["enc", "", None, 1, ["sig"], "SIG"], ids=repr)
def test_a_key_for_something_else_is_never_picked(use: object) -> None:
    """Not even where it is the only one."""
    with pytest.raises(Reject) as refused:
        KeySet.read({"keys": [{**FOUND, "use": use}]}).find(key_id="one", algorithm="ES256")
    assert refused.value.reason.id == "jwks.no-key"


def test_a_private_key_among_the_decoys_is_no_key_set() -> None:
    """Whoever publishes one has more to do than we can help with."""
    with pytest.raises(Reject) as refused:
        KeySet.read({"keys": [FOUND, {"kty": "oct", "k": "AAAA", "kid": "one"}]})
    assert refused.value.reason.id == "jwk.private"


@pytest.mark.parametrize("bits", [1_024, 2_040])
def test_a_small_rsa_key_is_no_key(bits: int) -> None:
    """FAPI 2.0 SP section 5.4.1 item 2, to the octet."""
    numbers = rsa.generate_private_key(public_exponent=65_537, key_size=bits).public_key().public_numbers()
    modulus = encode_base64url(numbers.n.to_bytes(bits // 8, "big"))
    with pytest.raises(Reject) as refused:
        read_public_jwk({"kty": "RSA", "n": modulus, "e": "AQAB"})
    assert refused.value.reason.id == "jwk.weak"


@pytest.mark.parametrize(
    "curve", [ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1()], ids=lambda curve: curve.name
)
def test_another_curve_is_no_key(curve: ec.EllipticCurve) -> None:
    """FAPI 2.0 SP section 5.4.1 item 3: of the curves one is read, and it has 256 bits."""
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    x, y = (encode_base64url(n.to_bytes((curve.key_size + 7) // 8, "big")) for n in (numbers.x, numbers.y))
    names = {"secp192r1": "P-192", "secp224r1": "P-224", "secp256k1": "secp256k1"}
    with pytest.raises(Reject) as refused:
        read_public_jwk({"kty": "EC", "crv": names[curve.name], "x": x, "y": y})
    assert refused.value.reason.id == "jwk.unsupported"


@pytest.mark.parametrize(
    "name", ["Ed448", "EdDSA448", "ed25519", "ESP256", "RS256", "none", "", None, ["ES256"]]
)
def test_another_name_of_an_algorithm_is_none(name: object) -> None:
    """Of the names that came later, only `Ed25519` is one of ours (FAPI 2.0 SP section 5.4.1, RFC 9864)."""
    assert canonical_algorithm(name) is None
    assert canonical_algorithm("Ed25519") == canonical_algorithm("EdDSA") == "EdDSA"
