"""Proofs and assertions under arbitrary changes: what differs from the good message in any octet is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutations import Message
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, public_jwk
from trustweft.protocol.client_assertion import (
    ASSERTION_TYPE,
    create_client_assertion,
    parse_client_assertion,
    verify_client_assertion,
)
from trustweft.protocol.dpop import create_proof, verify_proof
from trustweft.runtime.encoding import encode_base64url, sha256_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_800_000_000.0
URL = "https://api.example/accounts"
TOKEN = "an.access.token"
CLIENT = "moneyview"
ISSUER = "https://as.example"
SIGNERS = {
    algorithm: LocalSigner(algorithm, generate_private_key(algorithm))
    for algorithm in ("ES256", "PS256", "EdDSA")
}
PROOFS = {
    algorithm: create_proof(signer, method="GET", url=URL, now=NOW, jti="j", access_token=TOKEN, nonce="n")
    for algorithm, signer in SIGNERS.items()
}
ASSERTIONS = {
    algorithm: create_client_assertion(signer, client_id=CLIENT, issuer=ISSUER, now=NOW, lifetime=60, jti="j")
    for algorithm, signer in SIGNERS.items()
}
KEYS = KeySet([VerificationKey(signer.public_key, name, None) for name, signer in SIGNERS.items()])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def verify_as_proof(token: str) -> object:
    """Verify as a resource server does."""
    return verify_proof(
        token, method="GET", urls=(URL,), now=NOW, future_tolerance=30, maximum_age=60, access_token=TOKEN
    )


def verify_as_assertion(token: str) -> object:
    """Verify as the authorization server does."""
    return verify_client_assertion(
        parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=token),
        client_id=CLIENT,
        keys=KEYS,
        algorithm=None,
        issuer=ISSUER,
        now=NOW,
        future_tolerance=30,
        maximum_lifetime=300,
    )


KINDS: list[tuple[dict[str, str], Callable[[str], object], str]] = [
    (PROOFS, verify_as_proof, "dpop."),
    (ASSERTIONS, verify_as_assertion, "client-assertion."),
]


@pytest.mark.parametrize(("tokens", "verify", "area"), KINDS, ids=["proof", "assertion"])
@given(data=st.data())
def test_no_changed_character_goes_unnoticed(
    tokens: dict[str, str], verify: Callable[[str], object], area: str, data: st.DataObject
) -> None:
    """A signed token with one character replaced, removed or added is refused, for every algorithm."""
    token = tokens[data.draw(st.sampled_from(sorted(tokens)))]
    assert verify(token)
    position = data.draw(st.integers(0, len(token)))
    removed = data.draw(st.integers(0, 1))
    added = data.draw(st.text("Aa0-_.=\u00e9", max_size=1) | st.text(max_size=2))
    changed = token[:position] + added + token[position + removed :]
    if changed != token:
        with pytest.raises(Reject) as refused:
            verify(changed)
        assert refused.value.reason.id.startswith(area)


@pytest.mark.parametrize(("tokens", "verify", "area"), KINDS, ids=["proof", "assertion"])
@given(data=st.data())
def test_no_part_of_another_token_fits(
    tokens: dict[str, str], verify: Callable[[str], object], area: str, data: st.DataObject
) -> None:
    """Header, claims and signature of different tokens never make a token."""
    segments = [token.split(".") for kind in (PROOFS, ASSERTIONS) for token in kind.values()]
    mixed = ".".join(data.draw(st.sampled_from(segments))[place] for place in range(3))
    if mixed not in tokens.values():
        with pytest.raises(Reject) as refused:
            verify(mixed)
        assert refused.value.reason.id.startswith(area)


@given(
    text=st.text(max_size=60)
    | st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){0,3}", fullmatch=True)
)
def test_nonsense_is_refused(text: str) -> None:
    """What was never a token is refused with a reason, whatever it is."""
    for _, verify, area in KINDS:
        with pytest.raises(Reject) as refused:
            verify(text)
        assert refused.value.reason.id.startswith(area)


@given(
    header=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "b64"]), JSON),
    payload=st.binary(max_size=40),
)
def test_odd_headers_and_payloads_are_refused(header: dict[str, Any], payload: bytes) -> None:
    """A header of arbitrary types and a payload of arbitrary octets, properly signed, are refused."""
    odd = (
        Message({**PROOF_HEADER, **header}, {}, SIGNERS["ES256"]).encode().split(".")[0]
        + "."
        + encode_base64url(payload)
    )
    token = f"{odd}.{encode_base64url(SIGNERS['ES256'].sign(odd.encode()))}"
    for _, verify, area in KINDS:
        with pytest.raises(Reject) as refused:
            verify(token)
        assert refused.value.reason.id.startswith(area)


PROOF_HEADER: dict[str, object] = {
    "typ": "dpop+jwt",
    "alg": "ES256",
    "jwk": public_jwk(SIGNERS["ES256"].public_key),
}
GOOD_PROOF: dict[str, object] = {
    "jti": "j",
    "htm": "GET",
    "htu": URL,
    "iat": int(NOW),
    "ath": sha256_base64url(TOKEN),
}
GOOD_ASSERTION: dict[str, object] = {
    "iss": CLIENT,
    "sub": CLIENT,
    "aud": ISSUER,
    "exp": int(NOW) + 60,
    "iat": int(NOW),
    "jti": "j",
}


@given(claim=st.sampled_from(["htm", "htu", "ath"]), value=JSON)
def test_no_other_value_of_a_proof_claim(claim: str, value: object) -> None:
    """A claim of a proof that names the request has one value, and no other of any type."""
    with pytest.raises(Reject) as refused:
        verify_as_proof(Message(PROOF_HEADER, {**GOOD_PROOF, claim: value}, SIGNERS["ES256"]).encode())
    assert refused.value.reason.id.startswith("dpop.")


@given(claim=st.sampled_from(["iss", "sub", "aud"]), value=JSON)
def test_no_other_value_of_an_assertion_claim(claim: str, value: object) -> None:
    """A claim of an assertion that names the parties has one value, and no other of any type."""
    with pytest.raises(Reject) as refused:
        verify_as_assertion(
            Message({"alg": "ES256"}, {**GOOD_ASSERTION, claim: value}, SIGNERS["ES256"]).encode()
        )
    assert refused.value.reason.id.startswith("client-assertion.")


def time_in(value: object, earliest: float, latest: float) -> bool:
    """Say whether ``value`` is a number between the two."""
    return type(value) in {int, float} and earliest <= value <= latest  # type: ignore[operator]  # a number by now


PROOF_BOUNDS: dict[str, Callable[[object], bool]] = {
    "iat": lambda value: time_in(value, NOW - 60, NOW + 30),
    "nbf": lambda value: time_in(value, 0, NOW + 30),
    "exp": lambda value: time_in(value, NOW + 1e-6, 253_402_300_799),
    "jti": lambda value: isinstance(value, str) and 0 < len(value) <= 256,
    "nonce": lambda value: value is None or isinstance(value, str),
}
ASSERTION_BOUNDS: dict[str, Callable[[object], bool]] = {
    "iat": lambda value: time_in(value, 0, NOW + 30),
    "nbf": lambda value: time_in(value, 0, NOW + 30),
    "exp": lambda value: time_in(value, NOW + 1e-6, NOW + 330),
    "jti": lambda value: isinstance(value, str) and 0 < len(value) <= 256,
}
NEAR = st.integers(int(NOW) - 100, int(NOW) + 400)


def accepts(verify: Callable[[str], object], token: Message) -> bool:
    """Say whether ``token`` is accepted."""
    try:
        verify(token.encode())
    except Reject:
        return False
    return True


@given(claim=st.sampled_from(sorted(PROOF_BOUNDS)), value=JSON | NEAR | NEAR.map(str))
def test_bounds_of_a_proof(claim: str, value: object) -> None:
    """Times and identifiers of a proof are accepted within their bounds, and at no other value of any type."""
    token = Message(PROOF_HEADER, {**GOOD_PROOF, claim: value}, SIGNERS["ES256"])
    assert accepts(verify_as_proof, token) == PROOF_BOUNDS[claim](value)


@given(claim=st.sampled_from(sorted(ASSERTION_BOUNDS)), value=JSON | NEAR | NEAR.map(str))
def test_bounds_of_an_assertion(claim: str, value: object) -> None:
    """Times and identifiers of an assertion are accepted within their bounds, and at no other value of any type."""
    token = Message({"alg": "ES256"}, {**GOOD_ASSERTION, claim: value}, SIGNERS["ES256"])
    assert accepts(verify_as_assertion, token) == ASSERTION_BOUNDS[claim](value)
