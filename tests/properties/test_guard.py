"""The guard against changes that nobody thought of: whatever is changed in one good request, it is refused.

Changes that mean the same (another order of headers, another spelling of a URL that is one) are not among them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from effort import effort
from guarding import AUDIENCE, CLIENT, ISSUER_KEY, Stage
from trustweft.crypto import jws
from trustweft.protocol.http import HttpRequest
from trustweft.runtime.encoding import decode_base64url, encode_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.crypto.keys import LocalSigner

SCOPE = ("accounts",)
REFUSED = {400, 401, 403}
# What a token may lack, or say otherwise, and still be the same authorization (RFC 9068 section 2.2).
FREE_IN_TOKENS = {"iat", "auth_time", "acr", "grant_id", "sub", "client_id", "jti", "scope", "exp", "aud"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


def decide(stage: Stage, request: HttpRequest) -> int:
    """Return 200, or the status of the refusal."""
    try:
        asyncio.run(stage.guard.verify(request, scope=SCOPE))
    except Reject as refused:
        return stage.guard.refusal(refused, scope=SCOPE).status
    return 200


def signed(header: dict[str, object], claims: dict[str, object], signer: LocalSigner) -> str:
    """Sign whatever is given, sense or nonsense."""
    text = ".".join(encode_base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{encode_base64url(signer.sign(text.encode()))}"


def parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return header and claims of a token of ours."""
    parsed = jws.parse(token)
    return dict(parsed.header), parsed.unverified_claims()


@given(position=st.integers(0, 2_000), character=st.characters(max_codepoint=255))
@settings(max_examples=effort(75, 3_000), deadline=None)
@pytest.mark.parametrize("name", ["authorization", "dpop"])
def test_one_changed_character_is_refused(name: str, position: int, character: str) -> None:
    """In the Authorization header and in the proof, at any place, whatever it becomes."""
    stage = Stage()
    headers = dict(stage.headers())
    value = headers[name]
    position %= len(value)
    changed = value[:position] + character + value[position + 1 :]
    assume(changed.lower() != value.lower() or position >= len("DPoP "))
    assume(changed != value)
    headers[name] = changed
    assert decide(stage, HttpRequest("GET", "/accounts", headers=tuple(headers.items()))) in REFUSED


@given(cut=st.integers(0, 2_000))
@settings(max_examples=effort(40, 1_500), deadline=None)
@pytest.mark.parametrize("name", ["authorization", "dpop"])
def test_a_truncated_header_is_refused(name: str, cut: int) -> None:
    """However much is missing."""
    stage = Stage()
    headers = dict(stage.headers())
    headers[name] = headers[name][: cut % len(headers[name])]
    assert decide(stage, HttpRequest("GET", "/accounts", headers=tuple(headers.items()))) in REFUSED


@given(octets=st.binary(max_size=300))
@settings(max_examples=effort(50, 2_000), deadline=None)
@pytest.mark.parametrize("name", ["authorization", "dpop"])
def test_any_octets_in_a_header_are_refused(name: str, octets: bytes) -> None:
    """Not one of them is more than a refusal."""
    stage = Stage()
    headers = dict(stage.headers())
    headers[name] = octets.decode("latin-1")
    assert decide(stage, HttpRequest("GET", "/accounts", headers=tuple(headers.items()))) in REFUSED


@given(
    value=JSON, claim=st.sampled_from(["iss", "aud", "exp", "cnf", "client_id", "sub", "jti", "scope", "nbf"])
)
@example(value=["accounts"], claim="scope")
@example(value=True, claim="exp")
@example(value=1e308, claim="exp")
@settings(max_examples=effort(75, 3_000), deadline=None)
def test_a_claim_of_the_token_with_another_value_is_never_a_crash(value: object, claim: str) -> None:
    """The issuer may sign nonsense: it is refused, or it is a value that is as good."""
    stage = Stage()
    header, claims = parts(stage.token())
    status = decide(stage, stage.request(signed(header, {**claims, claim: value}, ISSUER_KEY)))
    assert status in REFUSED or claim in FREE_IN_TOKENS or (claim == "nbf" and type(value) in {int, float})


def is_recent(stage: Stage, value: object) -> bool:
    """Say whether a proof of that moment is good: neither older than the guard allows, nor from the future."""
    protection, now = stage.protection, stage.clock.now()
    return (
        type(value) in {int, float}
        and now - protection.proof_maximum_age <= value <= now + protection.future_tolerance  # type: ignore[operator]  # a number
    )


@given(value=JSON, claim=st.sampled_from(["htm", "htu", "iat", "ath", "nonce", "jti"]))
@example(value=1_799_999_940.0, claim="iat")
@example(value=1_799_999_939.0, claim="iat")
@example(value="https://bank.example/accounts?x", claim="htu")
@settings(max_examples=effort(75, 3_000), deadline=None)
def test_a_claim_of_the_proof_with_another_value_is_refused(value: object, claim: str) -> None:
    """Only another identifier, another moment within bounds, or another spelling of the URL is as good."""
    stage = Stage()
    token = stage.token()
    header, claims = parts(stage.proof(token))
    proof = signed(header, {**claims, claim: value}, CLIENT)
    status = decide(
        stage, HttpRequest("GET", "/accounts", headers=(("authorization", f"DPoP {token}"), ("dpop", proof)))
    )
    as_good = (
        (claim == "jti" and isinstance(value, str) and value != "")
        or (claim == "htu" and str(value).partition("?")[0] == AUDIENCE + "/accounts")
        or (claim == "iat" and is_recent(stage, value))
    )
    assert status in REFUSED or as_good


@given(
    value=JSON,
    member=st.sampled_from(["alg", "typ", "jwk", "crit", "kid"]),
    of=st.sampled_from(["token", "proof"]),
)
@settings(max_examples=effort(75, 3_000), deadline=None)
def test_a_header_member_with_another_value_is_refused(value: object, member: str, of: str) -> None:
    """Of the token or the proof; a ``kid`` in a proof and a ``jwk`` in a token mean nothing to us."""
    stage = Stage()
    token = stage.token()
    if of == "token":
        header, claims = parts(token)
        token = signed({**header, member: value}, claims, ISSUER_KEY)
        proof = stage.proof(token)
    else:
        header, claims = parts(stage.proof(token))
        proof = signed({**header, member: value}, claims, CLIENT)
    status = decide(
        stage, HttpRequest("GET", "/accounts", headers=(("authorization", f"DPoP {token}"), ("dpop", proof)))
    )
    # A kid that is no text counts as none; the issuer of this stage has one key, which needs none.
    no_kid = of == "token" and member == "kid" and not isinstance(value, str)
    meaningless = (of, member) in {("token", "jwk"), ("proof", "kid")} or no_kid
    assert status in REFUSED or meaningless


@given(
    path=st.text(st.characters(codec="latin-1"), max_size=40).map(lambda text: "/" + text)
    | st.sampled_from(
        ["/accounts/", "/ACCOUNTS", "/account", "/accounts/1", "//accounts", "/%61ccounts", "/accounts%00"]
    )
)
@settings(max_examples=effort(50, 2_000), deadline=None)
def test_a_proof_serves_one_path(path: str) -> None:
    """At every other path it is refused."""
    assume(path != "/accounts")
    stage = Stage()
    assert decide(stage, replace(stage.request(), path=path)) in REFUSED


@given(method=st.text(max_size=10))
@settings(max_examples=effort(25, 1_000), deadline=None)
def test_a_proof_serves_one_method(method: str) -> None:
    """Methods are compared in the case that they were sent in (RFC 9110 section 9.1)."""
    assume(method != "GET")
    stage = Stage()
    assert decide(stage, replace(stage.request(), method=method)) in REFUSED


@given(query=st.binary(max_size=60), encoded=st.lists(st.booleans(), min_size=12, max_size=12))
@settings(max_examples=effort(50, 2_000), deadline=None)
def test_a_token_in_the_query_is_found_however_it_is_written(query: bytes, encoded: list[bool]) -> None:
    """Percent-encoded in part or as a whole, behind other parameters: refused beside a good header too."""
    stage = Stage()
    name = "".join(
        f"%{ord(letter):02x}" if hide else letter
        for letter, hide in zip("access_token", encoded, strict=True)
    ).encode()
    assert decide(stage, replace(stage.request(), query=query + b"&" + name + b"=x")) in REFUSED


@given(
    name=st.sampled_from(["authorization", "dpop"]),
    other=st.text(st.characters(codec="latin-1"), max_size=30),
)
@settings(max_examples=effort(25, 1_000), deadline=None)
def test_a_second_header_is_refused_whatever_it_holds(name: str, other: str) -> None:
    """Which of two is meant is never guessed."""
    stage = Stage()
    headers = stage.headers()
    for both in ((*headers, (name, other)), ((name, other), *headers)):
        assert decide(stage, HttpRequest("GET", "/accounts", headers=both)) in REFUSED


@given(seconds=st.floats(-10_000, 10_000))
@settings(max_examples=effort(25, 1_000), deadline=None)
def test_a_request_is_good_at_its_time_only(seconds: float) -> None:
    """From half a minute before to a minute after it was made, to the second."""
    stage = Stage()
    request = stage.request()
    stage.clock.advance(seconds)
    assert (decide(stage, request) == 200) == (-30 <= seconds <= 60)


def test_signatures_have_one_spelling() -> None:
    """The last character of a signature carries unused bits: only one of its spellings is read."""
    stage = Stage()
    headers = dict(stage.headers())
    token = headers["authorization"]
    octets = decode_base64url(token.rpartition(".")[2])
    spellings = [
        token[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    ]
    accepted = [
        spelling
        for spelling in spellings
        if decide(
            stage,
            HttpRequest("GET", "/accounts", headers=(("authorization", spelling), ("dpop", headers["dpop"]))),
        )
        == 200
    ]
    assert (len(octets), accepted) == (64, [token])
