"""Key sets of others: which of their keys we use, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trustweft.crypto.keys import KeySet, generate_private_key, private_jwk, public_jwk
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.crypto.keys import VerificationKey

PRIVATE = {name: generate_private_key(name) for name in ("ES256", "PS256", "EdDSA")}
GOOD = {name: public_jwk(key.public_key()) for name, key in PRIVATE.items()}


def member(algorithm: str, **changes: Any) -> dict[str, Any]:
    """Return one good key under the kid that all of them have, with members changed."""
    return {**GOOD[algorithm], "kid": "same", "alg": algorithm, "use": "sig", **changes}


def found(keys: list[dict[str, Any]], algorithm: str, *, key_id: str | None = "same") -> VerificationKey:
    """Return the key that a token with this kid and algorithm is verified with."""
    return KeySet.read({"keys": keys}).find(key_id=key_id, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", list(GOOD))
def test_of_keys_with_one_kid_the_one_for_the_algorithm_is_found(algorithm: str) -> None:
    """In whatever order they stand: the kid alone picks none (RFC 7517 section 4.5)."""
    keys = [member(name) for name in GOOD]
    for order in (keys, keys[::-1]):
        key = found(order, algorithm)
        assert (public_jwk(key.key), key.algorithm) == (GOOD[algorithm], algorithm)


OTHER = public_jwk(generate_private_key("ES256").public_key())


@pytest.mark.parametrize(
    "decoy",
    [
        member("ES256", **OTHER, use="enc"),
        member("ES256", **OTHER, use=["sig"]),
        member("ES256", **OTHER, key_ops=["deriveKey"]),
        member("ES256", **OTHER, alg="ES384"),
        member("ES256", **OTHER, alg="ECDH-ES"),
        member("ES256", **OTHER, alg="PS256"),
        member("ES256", **OTHER, alg="EdDSA"),
        member("ES256", **OTHER, alg=None),
        member("ES256", **OTHER, alg=["ES256"]),
        member("ES256", crv="P-384"),
        member("ES256", crv="Ed25519"),
        member("ES256", crv=None),
        member("ES256", kty="OKP"),
        member("ES256", kty=["EC"]),
        member("PS256", alg="RS256"),
        member("PS256", alg="RSA-OAEP-256", use="enc"),
        member("PS256", alg="ES256"),
        member("PS256", crv="P-256"),
        member("EdDSA", crv="X25519", use="enc"),
        member("EdDSA", crv="P-256", alg="ES256"),
        member("EdDSA", alg="ES256"),
        {"kty": "AKP", "alg": "ML-DSA-65", "kid": "same", "pub": "AA"},
        {},
    ],
)
def test_a_key_for_something_else_is_passed_over(decoy: dict[str, Any]) -> None:
    """Encryption, another curve, an algorithm that is not of its kind: the good key under the same kid is found."""
    for keys in ([decoy, member("ES256")], [member("ES256"), decoy]):
        assert public_jwk(found(keys, "ES256").key) == GOOD["ES256"]
    for name in GOOD:
        with pytest.raises(Reject) as refused:
            found([decoy], name)
        assert refused.value.reason.id == "jwks.no-key"


def test_the_same_key_twice_is_one_key() -> None:
    """A set that repeats itself says nothing wrong."""
    assert public_jwk(found([member("ES256"), member("ES256")], "ES256").key) == GOOD["ES256"]


def test_without_a_kid_the_choice_must_be_plain() -> None:
    """One key of the algorithm is found, of two neither."""
    keys = [member("ES256"), member("PS256")]
    assert public_jwk(found(keys, "ES256", key_id=None).key) == GOOD["ES256"]
    with pytest.raises(Reject):
        found([*keys, member("ES256", **OTHER, kid="other")], "ES256", key_id=None)


def test_a_kid_that_is_no_text_names_nothing() -> None:
    """It is found by its algorithm alone."""
    assert found([member("ES256", kid=5)], "ES256", key_id=None).key_id is None
    with pytest.raises(Reject):
        found([member("ES256", kid=5)], "ES256", key_id="5")


@pytest.mark.parametrize(
    "secret", [private_jwk(PRIVATE["ES256"]), {"kty": "oct", "k": "c2VjcmV0"}], ids=["EC", "oct"]
)
def test_a_set_with_a_secret_in_it_is_no_set(secret: dict[str, Any]) -> None:
    """Whoever publishes it is in trouble: nothing of it is believed, wherever the secret stands."""
    with pytest.raises(Reject) as refused:
        KeySet.read({"keys": [member("ES256"), {**secret, "use": "enc"}]})
    assert refused.value.reason.id == "jwk.private"


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": ["x"]}, {"keys": [{}] * 101}], ids=str)
def test_what_is_no_set_is_refused(document: dict[str, Any]) -> None:
    """Nor is one with more keys than anybody needs."""
    with pytest.raises(Reject) as refused:
        KeySet.read(document)
    assert refused.value.reason.id == "jwks.malformed"
