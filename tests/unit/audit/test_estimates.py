"""What the auditor estimates and reads by itself: entropy, strength of secrets, signatures, audiences, scopes."""

from __future__ import annotations

import msgspec
import pytest

from trustweft.audit.checks.client_authentication import SECRET_BITS, secret_bits
from trustweft.audit.checks.token_content import ENTROPY_BITS, entropy_bits
from trustweft.audit.checks.token_grants import granted_scope
from trustweft.audit.forging import forge, with_claims
from trustweft.audit.token_reading import audience_of
from trustweft.audit.verifying import can_verify, verifies
from trustweft.crypto.keys import generate_private_key, public_jwk
from trustweft.runtime.entropy import SystemEntropy
from unit.audit.samples import exchange


def test_random_tokens_have_enough_entropy() -> None:
    entropy = SystemEntropy()
    assert entropy_bits([entropy.token() for _ in range(4)]) > ENTROPY_BITS


@pytest.mark.parametrize(
    "values",
    [
        ["code-000001", "code-000002", "code-000003"],
        ["8f14e45f", "c9f0f895", "45c48cce"],
        ["the-same", "the-same", "another!"],
        ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2"],
    ],
    ids=["counted", "short", "repeated", "one character differs"],
)
def test_what_can_be_guessed_has_too_little(values: list[str]) -> None:
    assert entropy_bits(values) < ENTROPY_BITS


@pytest.mark.parametrize("secret", ["", "secret", "Passw0rd!", "0123456789abcdef0123"])
def test_a_secret_of_a_person_is_weak(secret: str) -> None:
    assert secret_bits(secret) < SECRET_BITS


@pytest.mark.parametrize("secret", ["0123456789abcdef0123456789abcdef", "vT3_9fK-2QmZ8xLr7WcYpA4b"])
def test_a_random_secret_is_strong(secret: str) -> None:
    assert secret_bits(secret) >= SECRET_BITS


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_signatures_are_verified_over_what_was_signed(algorithm: str) -> None:
    key = generate_private_key(algorithm)
    jwk = public_jwk(key.public_key())
    token = forge({"alg": algorithm}, {"sub": "alice"}, key=key)
    assert verifies(token, algorithm=algorithm, jwk=jwk)
    assert not verifies(with_claims(token, sub="bob"), algorithm=algorithm, jwk=jwk)
    assert not verifies(token, algorithm=algorithm, jwk={**jwk, "x": "AA", "n": "AA"})


def test_rs256_is_verified_as_well() -> None:
    key = generate_private_key("PS256")
    token = forge({"alg": "RS256"}, {"sub": "alice"}, key=key)
    assert verifies(token, algorithm="RS256", jwk=public_jwk(key.public_key()))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES257", ""])
def test_what_needs_no_public_key_cannot_be_verified(algorithm: str) -> None:
    assert not can_verify(algorithm)


@pytest.mark.parametrize(
    ("aud", "read"), [("a", ("a",)), (["a", "b"], ("a", "b")), ("", ()), (None, ()), (7, ())]
)
def test_an_audience_is_a_string_or_a_list(aud: object, read: tuple[str, ...]) -> None:
    assert audience_of({"aud": aud}) == read


def test_the_scope_of_a_token_is_what_the_answer_says() -> None:
    answer = exchange(body=msgspec.json.encode({"access_token": "opaque", "scope": "a b"}))
    assert granted_scope(answer, "a b c") == ("a", "b")


def test_without_a_word_the_scope_is_what_was_asked_for() -> None:
    assert granted_scope(exchange(body=b'{"access_token": "opaque"}'), "a b") == ("a", "b")


def test_a_jwt_says_its_scope_itself() -> None:
    token = forge({"alg": "ES256"}, {"scope": ["a"]}, key=generate_private_key("ES256"))
    assert granted_scope(exchange(body=msgspec.json.encode({"access_token": token})), "a b") == ("a",)
