"""Trust Chains collected from the entity upwards: found, kept as long as they hold, and never beyond the bounds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from support.federation import NOW, Member, Web, new_member, new_signer, statement, superior
from trustweft.net.federation import ChainResolver, ResolverLimits
from trustweft.net.federation_fetching import MAXIMUM_KEPT
from trustweft.net.fetch import ADDRESS, TOO_LARGE
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

ANCHOR = superior("https://anchor.example")
MIDDLE = superior("https://middle.example", ANCHOR.entity)
LEAF = new_member("https://leaf.example", MIDDLE.entity, oauth_client={"client_name": "Leaf"})
CONFIGURATION = f"{LEAF.entity}/.well-known/openid-federation"


def make_web(*further: Member, leaf: Member = LEAF) -> Web:
    """Return a federation of an anchor, an intermediate and a leaf."""
    web = Web(ANCHOR, MIDDLE, leaf, *further)
    web.vouch(ANCHOR, MIDDLE)
    web.vouch(MIDDLE, leaf)
    return web


def make_resolver(web: Web, clock: ManualClock | None = None, **limits: Any) -> ChainResolver:
    """Return a resolver that knows the anchor."""
    return ChainResolver(
        anchors={ANCHOR.entity: ANCHOR.keys},
        fetch=web.fetch,
        clock=clock or ManualClock(NOW),
        future_tolerance=30,
        limits=ResolverLimits(**limits),
    )


async def refusal(web: Web, entity: str = LEAF.entity, **limits: Any) -> Reject:
    """Return why there is no chain."""
    with pytest.raises(Reject) as refused:
        await make_resolver(web, **limits).resolve(entity)
    return refused.value


async def test_a_chain_is_collected_and_kept() -> None:
    """The chain leads to the anchor; who asks again makes nobody fetch again, until it ends."""
    web, clock = make_web(), ManualClock(NOW)
    resolver = make_resolver(web, clock)
    assert resolver.known(LEAF.entity) is None
    chain = await resolver.resolve(LEAF.entity)
    assert (chain.subject, chain.authority, chain.trust_anchor) == (LEAF.entity, MIDDLE.entity, ANCHOR.entity)
    fetches = len(web.asked)
    assert fetches == 5
    assert await resolver.resolve(LEAF.entity) is chain
    assert resolver.known(LEAF.entity) is chain
    clock.advance(chain.expires_at - NOW)
    web.now = clock.now()
    assert (await resolver.resolve(LEAF.entity)).expires_at == chain.expires_at + 3_600
    assert len(web.asked) == 2 * fetches


async def test_a_chain_is_believed_no_longer_than_its_first_statement_or_we_want() -> None:
    """What ends first, ends the chain; and the resolver itself sets a bound."""
    web, clock = make_web(leaf=replace(LEAF, lifetime=60)), ManualClock(NOW)
    resolver = make_resolver(web, clock)
    await resolver.resolve(LEAF.entity)
    clock.advance(59)
    assert resolver.known(LEAF.entity) is not None
    clock.advance(1)
    assert resolver.known(LEAF.entity) is None
    bounded = make_resolver(make_web(), clock := ManualClock(NOW), lifetime=10)
    await bounded.resolve(LEAF.entity)
    clock.advance(10)
    assert bounded.known(LEAF.entity) is None


async def test_a_clock_that_was_set_back_extends_nothing() -> None:
    """How long a chain was kept is unknown after the clock was set back: it is collected anew."""
    clock = ManualClock(NOW)
    resolver = make_resolver(make_web(), clock)
    await resolver.resolve(LEAF.entity)
    clock.advance(-86_400)
    assert resolver.known(LEAF.entity) is None


async def test_the_anchor_is_its_own_chain() -> None:
    """The Trust Anchor itself has a chain of one statement."""
    assert (await make_resolver(make_web()).resolve(ANCHOR.entity)).authority == ANCHOR.entity


async def test_a_way_that_leads_nowhere_does_not_hide_one_that_does() -> None:
    """Of several superiors one is enough; the others may be away, strange or not know the entity."""
    elsewhere = superior("https://elsewhere.example")
    leaf = replace(LEAF, hints=("https://away.example", elsewhere.entity, MIDDLE.entity))
    web = make_web(elsewhere, leaf=leaf)
    web.answers["https://away.example/.well-known/openid-federation"] = OSError("away")
    assert (await make_resolver(web).resolve(LEAF.entity)).authority == MIDDLE.entity


async def test_the_shortest_way_is_taken() -> None:
    """Of two ways the one with fewer intermediates is the chain, in whatever order they are named."""
    leaf = replace(LEAF, hints=(MIDDLE.entity, ANCHOR.entity))
    web = make_web(leaf=leaf)
    web.vouch(ANCHOR, leaf)
    assert (await make_resolver(web).resolve(LEAF.entity)).authority == ANCHOR.entity


async def test_fifty_hints_are_too_many() -> None:
    """An entity with more superiors than we look at is refused, and none of them is asked."""
    web = make_web(leaf=replace(LEAF, hints=tuple(f"https://h{number}.example" for number in range(50))))
    assert (await refusal(web)).reason.id == "federation.too-many-hints"
    assert web.asked == [CONFIGURATION]


async def test_a_megabyte_is_too_large() -> None:
    """A statement of a megabyte is refused: by the fetcher, and by whoever reads it."""
    web = make_web()
    web.answers[CONFIGURATION] = TOO_LARGE.reject()
    assert (await refusal(web)).reason.id == "federation.too-large"
    web.answers[CONFIGURATION] = statement(LEAF.configuration() + "A" * 1_000_000)
    assert (await refusal(web)).reason.id == "federation.too-large"


async def test_a_circle_of_superiors() -> None:
    """Superiors that lead around end the collection; two that name each other do as well."""
    one = superior("https://one.example", "https://two.example")
    two = superior("https://two.example", one.entity)
    leaf = replace(LEAF, hints=(one.entity,))
    web = Web(one, two, leaf)
    web.vouch(one, leaf)
    web.vouch(two, one)
    web.vouch(one, two)
    assert (await refusal(web)).reason.id == "federation.loop"
    own = replace(LEAF, hints=(LEAF.entity,))
    assert (await refusal(Web(own))).reason.id == "federation.loop"


async def test_a_tower_of_superiors() -> None:
    """An anchor that is higher than we climb is not found."""
    tower = [LEAF.entity, *(f"https://s{number}.example" for number in range(8)), ANCHOR.entity]
    members = [superior(entity, above) for entity, above in pairwise(tower[1:])]
    leaf = replace(LEAF, hints=(tower[1],))
    web = Web(leaf, *members, ANCHOR)
    for below, above in zip([leaf, *members], [*members, ANCHOR], strict=True):
        web.vouch(above, below)
    assert (await refusal(web)).reason.id == "federation.too-high"


async def test_requests_and_seconds_are_bounded() -> None:
    """A collection that takes more requests or more time than we spend ends with that."""
    assert (await refusal(make_web(), fetches=4)).reason.id == "federation.too-many-fetches"
    web = make_web()

    async def never() -> None:
        await asyncio.Event().wait()

    web.on_fetch = never
    late = await refusal(web, seconds=0.01)
    assert (late.reason.id, late.reason.status) == ("federation.timeout", 503)


def _changed(**answers: HttpResponse | Exception) -> Mapping[str, HttpResponse | Exception]:
    urls = {
        "leaf": CONFIGURATION,
        "middle": f"{MIDDLE.entity}/.well-known/openid-federation",
        "about": f"{MIDDLE.entity}/fetch?sub=https%3A%2F%2Fleaf.example",
    }
    return {urls[name]: answer for name, answer in answers.items()}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (_changed(leaf=OSError("away")), "federation.unreachable"),
        (_changed(leaf=ADDRESS.reject()), "federation.unreachable"),
        (_changed(leaf=HttpResponse(404)), "federation.answer"),
        (_changed(leaf=HttpResponse(302, (("location", CONFIGURATION),))), "federation.answer"),
        (
            _changed(leaf=HttpResponse(200, (("content-type", "application/json"),), b"{}")),
            "federation.answer",
        ),
        (_changed(leaf=replace(statement(""), body=b"\xff")), "federation.answer"),
        (_changed(leaf=statement("")), "federation.malformed"),
        (_changed(leaf=statement(MIDDLE.configuration())), "federation.issuer"),
        (_changed(middle=HttpResponse(503)), "federation.answer"),
        (_changed(middle=statement(MIDDLE.configuration(metadata={}))), "federation.no-fetch-endpoint"),
        (_changed(about=HttpResponse(404)), "federation.not-subordinate"),
        (_changed(about=statement(LEAF.configuration())), "federation.issuer"),
        (_changed(about=statement(MIDDLE.about(ANCHOR))), "federation.subject"),
        (_changed(about=statement(MIDDLE.about(LEAF, signer=new_signer()))), "federation.unknown-key"),
        (_changed(about=statement(replace(MIDDLE, now=NOW - 7_200).about(LEAF))), "federation.expired"),
        (_changed(about=statement(replace(MIDDLE, now=NOW + 300).about(LEAF))), "federation.from-future"),
        (_changed(leaf=statement(LEAF.configuration(hints=()))), "federation.trust-anchor"),
        (_changed(middle=statement(MIDDLE.configuration(hints=()))), "federation.trust-anchor"),
    ],
)
async def test_each_failure_has_its_reason(
    answers: Mapping[str, HttpResponse | Exception], expected: str
) -> None:
    """Whatever is wrong with an answer on the only way up is the reason why there is no chain."""
    web = make_web()
    web.answers.update(answers)
    assert (await refusal(web)).reason.id == expected


async def test_ways_that_fail_for_different_reasons() -> None:
    """Where every way up fails in another way, the operator is told of each."""
    leaf = replace(LEAF, hints=("https://away.example", MIDDLE.entity))
    web = make_web(leaf=leaf)
    del web.about[MIDDLE.entity, LEAF.entity]
    told = await refusal(web)
    assert told.reason.id == "federation.no-chain"
    assert "federation.answer" in told.detail
    assert "federation.not-subordinate" in told.detail


async def test_a_failure_is_remembered_for_a_cool_down() -> None:
    """An entity that failed is not asked again at once, and is asked again after that."""
    web, clock = make_web(), ManualClock(NOW)
    resolver = make_resolver(web, clock)
    web.answers[CONFIGURATION] = OSError("away")
    for _ in range(3):
        with pytest.raises(Reject):
            await resolver.resolve(LEAF.entity)
    assert web.asked == [CONFIGURATION]
    del web.answers[CONFIGURATION]
    clock.advance(30)
    assert (await resolver.resolve(LEAF.entity)).subject == LEAF.entity


async def test_of_many_who_wait_one_collects() -> None:
    """Callers at the same time share one collection, and one who goes away takes nothing along."""
    web = make_web()
    gate = asyncio.Event()
    web.on_fetch = gate.wait
    resolver = make_resolver(web)
    waiting = [asyncio.create_task(resolver.resolve(LEAF.entity)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.set()
    chains = await asyncio.gather(*waiting[1:])
    assert len({id(chain) for chain in chains}) == 1
    assert len(web.asked) == 5


async def test_collections_at_once_are_bounded() -> None:
    """Beyond so many entities at once the next is told to come back."""
    web = make_web()
    gate = asyncio.Event()
    web.on_fetch = gate.wait
    resolver = make_resolver(web, at_once=1)
    first = asyncio.create_task(resolver.resolve(LEAF.entity))
    await web.was_asked.wait()
    with pytest.raises(Reject) as refused:
        await resolver.resolve(MIDDLE.entity)
    assert (refused.value.reason.id, refused.value.headers) == ("federation.busy", (("retry-after", "5"),))
    gate.set()
    await first
    assert (await resolver.resolve(MIDDLE.entity)).subject == MIDDLE.entity


async def test_what_is_remembered_is_bounded() -> None:
    """Of more entities than are kept, the one that came first is forgotten."""
    web = make_web()
    resolver = make_resolver(web, kept=1)
    await resolver.resolve(LEAF.entity)
    await resolver.resolve(MIDDLE.entity)
    assert resolver.known(LEAF.entity) is None
    assert resolver.known(MIDDLE.entity) is not None


async def test_superiors_that_are_remembered_are_bounded() -> None:
    """Of more superiors than are kept, the one that came first is asked anew."""
    many = [superior(f"https://s{number}.example", ANCHOR.entity) for number in range(MAXIMUM_KEPT)]
    web = make_web(*many)
    resolver = make_resolver(web)
    await resolver.resolve(LEAF.entity)
    for each in many:
        web.vouch(ANCHOR, each)
        await resolver.resolve(each.entity)
    asked = web.asked.count(f"{MIDDLE.entity}/.well-known/openid-federation")
    await resolver.resolve(MIDDLE.entity)
    assert web.asked.count(f"{MIDDLE.entity}/.well-known/openid-federation") == asked + 1


async def test_who_was_removed_is_forgotten() -> None:
    """Forgetting an entity forgets every chain that it takes part in, one that is being collected too."""
    web = make_web()
    resolver = make_resolver(web)
    await resolver.resolve(LEAF.entity)
    assert resolver.forget("https://other.example") == 0
    assert resolver.forget(MIDDLE.entity) == 1
    del web.about[MIDDLE.entity, LEAF.entity]
    with pytest.raises(Reject) as refused:
        await resolver.resolve(LEAF.entity)
    assert refused.value.reason.id == "federation.not-subordinate"

    web = make_web()
    gate = asyncio.Event()
    web.on_fetch = gate.wait
    resolver = make_resolver(web)
    under_way = asyncio.create_task(resolver.resolve(LEAF.entity))
    await web.was_asked.wait()
    resolver.forget(LEAF.entity)
    gate.set()
    await under_way
    assert resolver.known(LEAF.entity) is None


async def test_a_registration_request_is_resolved_from_itself() -> None:
    """The configuration that a client made for one server is what counts, and it is not kept for others."""
    web, op = make_web(), "https://op.example"
    resolver = make_resolver(web)
    request = LEAF.configuration(audience=op, metadata={"oauth_client": {"client_name": "For you"}})
    chain = await resolver.resolve_request(request, audience=op)
    assert chain.metadata == {"oauth_client": {"client_name": "For you"}}
    assert resolver.known(LEAF.entity) is None
    assert CONFIGURATION not in web.asked
    for wrong, expected in (
        (LEAF.configuration(), "federation.audience"),
        (LEAF.configuration(audience="https://other.example"), "federation.audience"),
        (replace(LEAF, signer=new_signer()).configuration(audience=op), "federation.unknown-key"),
    ):
        with pytest.raises(Reject) as refused:
            await resolver.resolve_request(wrong, audience=op)
        assert refused.value.reason.id == expected
