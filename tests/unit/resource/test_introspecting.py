"""Revocation by introspection (RFC 7662): asked as a resource server, believed for seconds, closed when in doubt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from guarding import ISSUER, OTHER, Stage, key_set
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.net.fetch import UNREACHABLE
from trustweft.protocol.client_assertion import parse_client_assertion, verify_client_assertion
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.introspection import create_response
from trustweft.resource.guard import Guard
from trustweft.resource.introspecting import IntrospectedRevocations, IntrospectionSettings
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.protocol.access_token import AccessToken

pytestmark = pytest.mark.anyio

ENDPOINT = ISSUER + "/introspect"
BANK = LocalSigner("ES256", generate_private_key("ES256"), "bank-1")


class Endpoint:
    """An introspection endpoint: what it says of each token, and what it was sent."""

    def __init__(self) -> None:
        self.tokens: dict[str, AccessToken] = {}
        self.forms: list[Mapping[str, str]] = []
        self.answer: object = None
        self.status = 200
        self.away: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    async def post(self, url: str, form: Mapping[str, str]) -> HttpResponse:
        """Answer as HTTP does."""
        assert url == ENDPOINT
        self.forms.append(form)
        self.arrived.set()
        await self.gate.wait()
        if self.away is not None:
            raise self.away
        known = create_response(self.tokens.get(form["token"]))
        document = known if self.answer is None else self.answer
        body = document if isinstance(document, bytes) else msgspec.json.encode(document)
        return HttpResponse(self.status, (), body)


class Remembering(SilentObserver):
    """Remembers why there was no answer."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.refusals: list[Reject] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        self.refusals.append(refusal)
        self.reasons.append(f"{participant}/{endpoint}: {refusal.reason.id}")


class World:
    """A guard that asks about each token."""

    def __init__(self, *, maximum_age: float = 5.0, maximum: int = 4_096) -> None:
        self.endpoint = Endpoint()
        self.observer = Remembering()
        self.stage = Stage()
        self.clock = self.stage.clock
        self.revocations = IntrospectedRevocations(
            IntrospectionSettings(
                issuer=ISSUER, endpoint=ENDPOINT, client_id="bank", signer=BANK, maximum_age=maximum_age
            ),
            post=self.endpoint.post,
            clock=self.clock,
            entropy=SystemEntropy(),
            observer=self.observer,
            maximum=maximum,
        )
        self.presented = self.stage.token()
        self.stage.guard = Guard(replace(self.stage.protection, revocations=self.revocations))

    async def learn(self, presented: str | None = None) -> AccessToken:
        """Make a token known to the endpoint, and return it verified."""
        context = await Stage(clock=self.clock).guard.verify(self.stage.request(presented or self.presented))
        self.endpoint.tokens[presented or self.presented] = context.token
        return context.token

    async def refusal(self) -> Reject:
        """Call with the token, which must be refused."""
        with pytest.raises(Reject) as refused:
            await self.stage.guard.verify(self.stage.request(self.presented))
        return refused.value


async def test_the_endpoint_is_asked_as_a_resource_server() -> None:
    """With the token, and an assertion for the issuer that its own rules accept (private_key_jwt)."""
    world = World()
    await world.learn()
    await world.stage.guard.verify(world.stage.request(world.presented))
    (form,) = world.endpoint.forms
    assert (form["token"], form["token_type_hint"], form["client_id"]) == (
        world.presented,
        "access_token",
        "bank",
    )
    assertion = verify_client_assertion(
        parse_client_assertion(
            assertion_type=form["client_assertion_type"], assertion=form["client_assertion"]
        ),
        client_id="bank",
        keys=key_set(BANK),
        algorithm="ES256",
        issuer=ISSUER,
        now=world.clock.now(),
        future_tolerance=30,
        maximum_lifetime=60,
    )
    assert assertion.client_id == "bank"


async def test_an_answer_is_kept_for_five_seconds() -> None:
    """Then it is asked again; a revoked token lives on for no longer."""
    world = World()
    token = await world.learn()
    assert await world.revocations.is_active(token, presented=world.presented)
    del world.endpoint.tokens[world.presented]
    world.clock.advance(4)
    assert await world.revocations.is_active(token, presented=world.presented)
    assert len(world.endpoint.forms) == 1
    world.clock.advance(1)
    assert (await world.refusal()).reason.id == "guard.token-revoked"
    assert len(world.endpoint.forms) == 2


async def test_a_clock_that_was_set_back_keeps_no_answer() -> None:
    """What was answered at a time that is still to come may be of any age, and a pause until then is none."""
    world = World()
    token = await world.learn()
    assert await world.revocations.is_active(token, presented=world.presented)
    del world.endpoint.tokens[world.presented]
    world.clock.advance(-3_600)
    assert not await world.revocations.is_active(token, presented=world.presented)
    world.endpoint.away = OSError("no route")
    world.clock.advance(5)
    with pytest.raises(Reject):
        await world.revocations.is_active(token, presented=world.presented)
    world.endpoint.away = None
    world.clock.advance(-3_600)
    assert not await world.revocations.is_active(token, presented=world.presented)


async def test_every_question_has_an_assertion_of_its_own() -> None:
    """The issuer refuses one that it has seen."""
    world = World(maximum_age=0)
    token = await world.learn()
    for _ in range(3):
        await world.revocations.is_active(token, presented=world.presented)
    assert len({form["client_assertion"] for form in world.endpoint.forms}) == 3


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (401, None, "revocation.bad-answer"),
        (302, None, "revocation.bad-answer"),
        (200, b"", "json.malformed"),
        (200, b"[]", "json.not-an-object"),
        (200, {}, "revocation.bad-answer"),
        (200, {"active": "true"}, "revocation.bad-answer"),
        (200, {"active": 1}, "revocation.bad-answer"),
        (200, {"active": None}, "revocation.bad-answer"),
        (200, b'{"active": true, "active": false}', "json.duplicate-member"),
        (200, {"active": True, "sub": "sub.mallory"}, "revocation.bad-answer"),
        (200, {"active": True, "client_id": "other"}, "revocation.bad-answer"),
        (200, {"active": True, "iss": "https://other.example"}, "revocation.bad-answer"),
        (200, {"active": True, "cnf": {"jkt": "x"}}, "revocation.bad-answer"),
        (500, None, "revocation.endpoint-away"),
        (503, None, "revocation.endpoint-away"),
        (429, None, "revocation.endpoint-away"),
    ],
)
async def test_an_answer_that_is_none_closes_the_door(status: int, answer: object, reason: str) -> None:
    """Whatever is not plainly yes or no, about this token, is a 503 with a time to come back."""
    world = World()
    await world.learn()
    world.endpoint.status, world.endpoint.answer = status, answer
    refused = await world.refusal()
    sent = world.stage.guard.refusal(refused)
    assert (refused.reason.id, sent.status, dict(sent.headers)["retry-after"]) == (
        "revocation.unavailable",
        503,
        "1",
    )
    assert world.observer.reasons == [f"resource/introspection: {reason}"]


@pytest.mark.parametrize("away", [OSError("no route"), TimeoutError()], ids=repr)
async def test_an_endpoint_that_is_away_is_left_alone_for_a_second(away: Exception) -> None:
    """An outage is not made worse by asking for every request, and nobody gets in meanwhile."""
    world = World()
    await world.learn()
    world.endpoint.away = away
    for _ in range(3):
        assert (await world.refusal()).reason.id == "revocation.unavailable"
    assert len(world.endpoint.forms) == 1
    world.clock.advance(1)
    world.endpoint.away = None
    assert (await world.stage.guard.verify(world.stage.request(world.presented))).subject == "sub.alice"


async def test_an_answer_of_before_the_outage_serves_until_it_is_too_old() -> None:
    """Five seconds are five seconds, outage or not."""
    world = World()
    token = await world.learn()
    assert await world.revocations.is_active(token, presented=world.presented)
    world.endpoint.away = OSError()
    world.clock.advance(4)
    assert await world.revocations.is_active(token, presented=world.presented)
    world.clock.advance(1)
    assert (await world.refusal()).reason.id == "revocation.unavailable"


async def test_a_bad_answer_about_one_token_does_not_lock_others_out() -> None:
    """Only an endpoint that is away is left alone."""
    world = World()
    await world.learn()
    world.endpoint.status = 400
    await world.refusal()
    world.endpoint.status = 200
    assert (await world.stage.guard.verify(world.stage.request(world.presented))).subject == "sub.alice"


async def test_of_many_who_ask_about_one_token_one_goes_out() -> None:
    """Single flight for each token; another token is another question."""
    world = World()
    token = await world.learn()
    other = world.stage.token(jti="token-2")
    other_token = await world.learn(other)
    world.endpoint.gate.clear()
    asking = [
        asyncio.create_task(world.revocations.is_active(token, presented=world.presented)) for _ in range(16)
    ]
    asking.append(asyncio.create_task(world.revocations.is_active(other_token, presented=other)))
    await world.endpoint.arrived.wait()
    world.endpoint.gate.set()
    assert await asyncio.gather(*asking) == [True] * 17
    assert len(world.endpoint.forms) == 2


async def test_a_refusal_of_the_fetcher_is_reported_as_it_is() -> None:
    """It was once chained to itself, and whoever followed its causes never came to an end."""
    world = World()
    await world.learn()
    world.endpoint.away = UNREACHABLE.reject("no route")
    assert (await world.refusal()).reason.id == "revocation.unavailable"
    (refusal,) = world.observer.refusals
    assert (refusal.reason, refusal.__cause__) == (UNREACHABLE, None)


async def test_who_goes_away_does_not_take_the_answer_along() -> None:
    """The first request is cancelled while it asks; the second gets the answer all the same."""
    world = World()
    token = await world.learn()
    world.endpoint.gate.clear()
    first, second = (
        asyncio.create_task(world.revocations.is_active(token, presented=world.presented)) for _ in range(2)
    )
    await world.endpoint.arrived.wait()
    first.cancel()
    world.endpoint.gate.set()
    assert (await second, len(world.endpoint.forms)) == (True, 1)


async def test_the_answers_are_bounded() -> None:
    """The oldest is forgotten, and asked for again."""
    world = World(maximum=2)
    for number in range(3):
        presented = world.stage.token(jti=f"token-{number}")
        token = await world.learn(presented)
        await world.revocations.is_active(token, presented=presented)
    assert len(world.revocations._answers) == 2


async def test_no_answer_is_found_by_part_of_a_token() -> None:
    """Answers are kept by the digest of the whole token as it was presented."""
    world = World()
    token = await world.learn()
    assert await world.revocations.is_active(token, presented=world.presented)
    assert not await world.revocations.is_active(token, presented=world.stage.token(signer=OTHER))


@pytest.mark.parametrize("maximum_age", [-1, 5.1, 60])
def test_answers_cannot_be_kept_for_longer(maximum_age: float) -> None:
    """What revocation may lag behind is bounded in code, not by an operator's patience."""
    with pytest.raises(ValueError, match="5 seconds"):
        IntrospectionSettings(
            issuer=ISSUER, endpoint=ENDPOINT, client_id="bank", signer=BANK, maximum_age=maximum_age
        )
