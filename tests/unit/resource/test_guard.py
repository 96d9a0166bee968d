"""What the guard does for honest clients, and how its answers look."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from guard_attacks import CERTIFICATE, bound_to_certificate
from guarding import AUDIENCE, CLIENT, ISSUER_KEY, Stage, key_set
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key
from trustweft.protocol import bearer, dpop
from trustweft.protocol.bearer import read_challenges
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.protocol.rar import create_authorization_detail
from trustweft.resource.asgi import failure
from trustweft.resource.guard import Guard
from trustweft.resource.issuer_keys import CurrentKeys
from trustweft.resource.memory import MemoryReplays
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

pytestmark = pytest.mark.anyio

DETAIL = {"type": "payment", "amount": "20.00", "to": "Bob"}
MTLS = "https://mtls.bank.example"


async def refusal(stage: Stage, request: HttpRequest) -> Reject:
    with pytest.raises(Reject) as refused:
        await stage.guard.verify(request, scope=("accounts",))
    return refused.value


def header(answer: HttpResponse, name: str) -> str:
    (value,) = (value for header, value in answer.headers if header == name)
    return value


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_the_scheme_may_be_in_any_case(scheme: str) -> None:
    """RFC 9110 section 11.1: schemes are compared without regard to case."""
    stage = Stage()
    token = stage.token()
    headers = (("authorization", f"{scheme} {token}"), ("dpop", stage.proof(token)))
    context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers), scope=("accounts",))
    assert context.client_id == "moneyview"


@pytest.mark.parametrize("age", [60, 10, 0, -10, -30])
async def test_clocks_may_differ(age: float) -> None:
    """A proof may be a minute old and half a minute ahead (FAPI 2.0 SP section 5.3.2.1 item 13 asks for 10 s)."""
    stage = Stage()
    token = stage.token()
    headers = (("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, age=age)))
    context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
    assert context.subject == "sub.alice"


async def test_every_configured_base_url_is_a_good_htu() -> None:
    """A resource server that is reached by two addresses accepts proofs for both."""
    stage = Stage(base_urls=(AUDIENCE, MTLS))
    token = stage.token()
    for base in (AUDIENCE, MTLS):
        proof = stage.proof(token, url=f"{base}/accounts")
        headers = (("authorization", f"DPoP {token}"), ("dpop", proof))
        context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
        assert context.subject == "sub.alice"


async def test_of_many_at_once_one_wins() -> None:
    """Sixteen copies of one request at the same time: one passes, fifteen are replays."""
    stage = Stage()
    request = stage.request()
    outcomes = await asyncio.gather(
        *(stage.guard.verify(request, scope=("accounts",)) for _ in range(16)), return_exceptions=True
    )
    reasons = [outcome.reason.id for outcome in outcomes if isinstance(outcome, Reject)]
    assert reasons == ["dpop.replayed"] * 15


async def test_a_refused_request_uses_no_proof_up() -> None:
    """What is refused for its scope can be sent again where it suffices: the replay memory comes last."""
    stage = Stage()
    request = stage.request()
    with pytest.raises(Reject) as refused:
        await stage.guard.verify(request, scope=("payments",))
    context = await stage.guard.verify(request, scope=("accounts",))
    assert (refused.value.reason.id, context.subject) == ("bearer.insufficient-scope", "sub.alice")


async def test_the_refusal_gives_the_nonce_for_the_next_proof() -> None:
    """Ask without a nonce, take the one of the answer, ask again: RFC 9449 section 9."""
    stage = Stage()
    token = stage.token()
    headers = (("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, nonce=None)))
    refused = await refusal(stage, HttpRequest("GET", "/accounts", headers=headers))
    answer = stage.guard.refusal(refused)
    assert answer.status == 401
    assert read_challenges([header(answer, "www-authenticate")])[0].parameters["error"] == "use_dpop_nonce"
    proof = stage.proof(token, nonce=header(answer, "dpop-nonce"))
    headers = (("authorization", f"DPoP {token}"), ("dpop", proof))
    context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
    assert context.subject == "sub.alice"


async def test_a_nonce_serves_until_its_window_ends() -> None:
    """A client that keeps a nonce for two steps is not sent back for a new one."""
    stage = Stage()
    nonce = stage.nonces.current(stage.clock.now())
    stage.clock.advance(119)
    token = stage.token()
    headers = (("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, nonce=nonce)))
    context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
    assert context.subject == "sub.alice"


async def test_without_nonces_none_is_asked_for_and_none_is_given() -> None:
    """A deployment may do without: then no answer has the header."""
    stage = Stage(require_nonce=False)
    token = stage.token()
    headers = (("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, nonce=None)))
    context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
    assert (context.subject, stage.guard.nonce_header()) == ("sub.alice", ())
    answer = stage.guard.refusal(bearer.MISSING.reject())
    assert [name for name, _ in answer.headers if name == "dpop-nonce"] == []


def test_a_request_without_credentials_is_told_no_error_code() -> None:
    """RFC 6750 section 3.1; the challenge says where the resource describes itself (RFC 9728 section 5.1)."""
    answer = Stage().guard.refusal(bearer.MISSING.reject())
    (challenge,) = read_challenges([header(answer, "www-authenticate")])
    assert (answer.status, challenge.scheme) == (401, "dpop")
    assert challenge.parameters == {
        "algs": "ES256 PS256 EdDSA",
        "resource_metadata": f"{AUDIENCE}/.well-known/oauth-protected-resource",
    }


def test_a_scope_that_does_not_suffice_is_a_403_that_names_the_one_that_does() -> None:
    """RFC 6750 section 3.1: insufficient_scope, with the scope that is needed."""
    answer = Stage().guard.refusal(bearer.INSUFFICIENT_SCOPE.reject(), scope=("accounts", "payments"))
    (challenge,) = read_challenges([header(answer, "www-authenticate")])
    assert (answer.status, challenge.parameters["error"], challenge.parameters["scope"]) == (
        403,
        "insufficient_scope",
        "accounts payments",
    )


def test_a_bad_proof_is_a_401_at_a_resource() -> None:
    """RFC 9449 section 7.1, where the token endpoint says 400."""
    answer = Stage().guard.refusal(dpop.REPLAYED.reject("a detail"))
    assert (
        answer.status,
        header(answer, "www-authenticate").startswith('DPoP error="invalid_dpop_proof"'),
    ) == (
        401,
        True,
    )


def test_details_stay_inside() -> None:
    """What is for the operator's log is in no header and in no body."""
    answer = Stage().guard.refusal(dpop.KEY_MISMATCH.reject("the-private-detail"))
    assert "the-private-detail" not in f"{answer.headers} {answer.body!r}"


def test_an_outage_is_no_challenge() -> None:
    """A 503 is not about credentials: a client must not fetch another token for it."""
    stage = Stage()
    reason = replace(bearer.MISSING, status=503)
    answer = stage.guard.refusal(reason.reject(headers=(("retry-after", "3"),)))
    names = [name for name, _ in answer.headers]
    assert (answer.status, "www-authenticate" in names, header(answer, "retry-after")) == (503, False, "3")


def test_a_failure_tells_an_identifier_and_nothing_else() -> None:
    """Whoever asks for help names it; the cause is told to the observer."""
    answer = failure(SilentObserver(), RuntimeError("the database's password"))
    assert (answer.status, b"password" in answer.body, b"Support id" in answer.body) == (500, False, True)


# The memory for tokens.


async def test_a_remembered_token_is_verified_once() -> None:
    """The second request finds the token; status and proof are judged all the same."""
    stage = Stage()
    token = stage.token()
    first = await stage.guard.verify(stage.request(token))
    second = await stage.guard.verify(stage.request(token))
    assert first.token is second.token
    assert stage.revocations.asked == 2


async def test_a_key_that_is_withdrawn_takes_its_tokens_along() -> None:
    """When the issuer's keys change, nothing is remembered of tokens that older keys verified."""
    new = LocalSigner("ES256", generate_private_key("ES256"), "as-2")
    current: list[KeySet] = [key_set(ISSUER_KEY)]
    stage = Stage(keys=CurrentKeys(lambda: current[0]))
    token = stage.token()
    await stage.guard.verify(stage.request(token))
    current[0] = key_set(new)
    assert (await refusal(stage, stage.request(token))).reason.id == "access-token.unknown-key"
    context = await stage.guard.verify(stage.request(stage.token(signer=new)))
    assert context.subject == "sub.alice"


async def test_a_token_for_another_audience_is_never_found() -> None:
    """Two guards that share a memory do not accept each other's tokens."""
    stage = Stage()
    token = stage.token()
    await stage.guard.verify(stage.request(token))
    elsewhere = Stage()
    elsewhere.guard = Guard(replace(stage.protection, audience="https://other.example"))
    assert (await refusal(elsewhere, stage.request(token))).reason.id == "access-token.audience"


async def test_a_token_in_another_form_is_another_token() -> None:
    """A remembered token is found by all of its octets: one more or less is verified anew, and refused."""
    stage = Stage()
    token = stage.token()
    await stage.guard.verify(stage.request(token))
    for other in (token[:-1], token + "A", token.replace(".", "..", 1)):
        assert (await refusal(stage, stage.request(other))).reason.error == "invalid_token"


async def test_the_memory_for_tokens_is_bounded() -> None:
    """The oldest is forgotten first."""
    stage = Stage()
    tokens = stage.protection.tokens
    tokens._maximum = 2
    for number in range(3):
        await stage.guard.verify(stage.request(stage.token(jti=f"token-{number}")))
    assert [token.jti for token in tokens._tokens.values()] == ["token-1", "token-2"]


async def test_what_is_remembered_cannot_be_changed() -> None:
    """An application that writes into the claims of one request would speak for all later ones."""
    stage = Stage()
    context = await stage.guard.verify(stage.request())
    with pytest.raises(TypeError):
        context.token.claims["sub"] = "sub.mallory"  # type: ignore[index] # what an application may try


# Tokens that are bound to a certificate.


@pytest.mark.parametrize("also_to_key", [False, True])
async def test_the_holder_of_the_certificate_passes(*, also_to_key: bool) -> None:
    """RFC 8705 section 3: no proof is needed beside the certificate, unless the token names a key as well."""
    stage = Stage()
    request = bound_to_certificate(stage, CERTIFICATE, also_to_key=also_to_key)
    assert (await stage.guard.verify(request)).subject == "sub.alice"


async def test_a_certificate_bound_token_may_be_used_again() -> None:
    """There is no proof that could be replayed: each connection proves the key anew."""
    stage = Stage()
    request = bound_to_certificate(stage, CERTIFICATE)
    for _ in range(2):
        assert (await stage.guard.verify(request)).client_id == "moneyview"


@pytest.mark.parametrize(
    ("scheme", "bound_by", "challenged"),
    [
        ("Bearer", "certificate", 'Bearer error="invalid_token"'),
        ("DPoP", "certificate", 'Bearer error="invalid_token"'),  # a proof would not help it
        ("DPoP", "key", 'DPoP error="invalid_token"'),
        ("Bearer", "key", 'DPoP error="invalid_token"'),  # and here nothing else would
    ],
)
async def test_a_refused_token_is_challenged_with_the_scheme_that_it_needs(
    scheme: str, bound_by: str, challenged: str
) -> None:
    """RFC 6750 section 3: Bearer for what comes as a bearer token, and no algorithms of proofs beside it."""
    stage = Stage()
    good = stage.request() if bound_by == "key" else bound_to_certificate(stage, CERTIFICATE)
    token = good.header_values("authorization")[0].partition(" ")[2]
    stage.revocations.revoked.add("token-1")
    headers = (("authorization", f"{scheme} {token}"), *good.headers[1:])
    request = HttpRequest("GET", "/accounts", headers=headers)  # without the certificate
    answer = stage.guard.refusal(await refusal(stage, request), request=request)
    challenge = dict(answer.headers)["www-authenticate"]
    assert challenge.startswith(challenged)
    assert ("algs=" in challenge) == challenged.startswith("DPoP")


# The memory for proofs.


async def test_the_replay_memory_forgets_what_cannot_be_replayed() -> None:
    """A proof is known until it expires, and takes no room for longer than twice its life."""
    stage = Stage()
    replays = MemoryReplays(clock=stage.clock)
    for second in range(600):
        key = second.to_bytes(4, "big")
        expires_at = stage.clock.now() + 90
        assert await replays.first_use(key=key, expires_at=expires_at)
        known = [back for back in range(90) if second >= back]
        for back in known[-1:]:
            earlier = (second - back).to_bytes(4, "big")
            assert not await replays.first_use(key=earlier, expires_at=expires_at - back)
        assert len(replays._old) + len(replays._new) <= 182
        stage.clock.advance(1)


async def test_a_full_replay_memory_refuses() -> None:
    """It never forgets a proof that could come again, so a flood is answered with 503 and a time to wait."""
    stage = Stage()
    replays = MemoryReplays(clock=stage.clock, maximum=2)
    stage.guard = Guard(replace(stage.protection, replays=replays))
    for _ in range(2):
        await stage.guard.verify(stage.request())
    refused = await refusal(stage, stage.request())
    answer = stage.guard.refusal(refused)
    assert (refused.reason.id, answer.status, header(answer, "retry-after")) == (
        "guard.replay-memory-full",
        503,
        "5",
    )
    stage.clock.advance(91)
    assert (await stage.guard.verify(stage.request())).subject == "sub.alice"


async def test_the_same_jti_of_another_key_is_another_proof() -> None:
    """Nobody can use up the identifiers of somebody else."""
    stage = Stage()
    other = LocalSigner("ES256", generate_private_key("ES256"))
    for holder in (CLIENT, other):
        token = stage.token(holder=holder)
        headers = (
            ("authorization", f"DPoP {token}"),
            ("dpop", stage.proof(token, signer=holder, jti="same")),
        )
        context = await stage.guard.verify(HttpRequest("GET", "/accounts", headers=headers))
        assert context.subject == "sub.alice"


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"amount": "1000"},
        {"locations": [AUDIENCE]},
        {"locations": [AUDIENCE + "/accounts", "https://other.example"]},
    ],
    ids=str,
)
async def test_a_detail_that_is_as_wide_as_needed_lets_the_request_pass(held: dict[str, object]) -> None:
    """The application gets the details that are meant for this place."""
    stage = Stage()
    detail = create_authorization_detail({**DETAIL, **held})
    elsewhere = create_authorization_detail({**DETAIL, "locations": ["https://other.example"]})
    token = stage.token(authorization_details=(elsewhere, detail))
    context = await stage.guard.verify(
        stage.request(token), scope=("accounts",), details=(create_authorization_detail(DETAIL),)
    )
    assert context.authorization_details == (detail,)


async def test_details_and_scope_are_both_needed() -> None:
    """What an operation asks for is everything that it asks for."""
    stage = Stage()
    token = stage.token(scope=(), authorization_details=(create_authorization_detail(DETAIL),))
    with pytest.raises(Reject) as refused:
        await stage.guard.verify(
            stage.request(token), scope=("accounts",), details=(create_authorization_detail(DETAIL),)
        )
    assert refused.value.reason is bearer.INSUFFICIENT_SCOPE


@pytest.mark.parametrize(
    ("detail_type", "locations", "passes"),
    [
        ("payment", [AUDIENCE], True),
        ("payment", ["https://other.example"], False),
        ("payments", [AUDIENCE], False),
        (None, [AUDIENCE], False),
    ],
)
async def test_a_detail_stands_in_place_of_the_scope_where_the_application_judges_it(
    detail_type: str | None, locations: list[str], *, passes: bool
) -> None:
    """Only of the type that the operation names, and only one that is meant for this place."""
    stage = Stage()
    detail = create_authorization_detail({**DETAIL, "locations": locations})
    token = stage.token(scope=(), authorization_details=(detail,))
    verified = stage.guard.verify(stage.request(token), scope=("accounts",), detail_type=detail_type)
    if passes:
        assert (await verified).authorization_details == (detail,)
    else:
        with pytest.raises(Reject):
            await verified
