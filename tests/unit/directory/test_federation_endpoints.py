"""The directory as a Trust Anchor: its statements, lists, trust marks, resolved members and earlier keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.anchor import HARBOUR, ISSUER, Anchor, make_anchor
from support.anchor_members import CALLBACK, MONEYVIEW, join, publish
from support.drafts import message_of
from support.town import MINE
from trustweft.crypto.key_rotation import retire
from trustweft.crypto.keys import KeySet, public_jwk, thumbprint
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Brand, Certification, Key, Software
from trustweft.profile import load_profile
from trustweft.protocol.federation_keys import verify_historical_keys
from trustweft.protocol.federation_resolve import verify_resolve_response
from trustweft.protocol.federation_statement import (
    EntityStatement,
    parse_entity_statement,
    verify_entity_configuration,
    verify_subordinate_statement,
)
from trustweft.protocol.federation_trust_mark import parse_trust_mark, verify_trust_mark
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.protocol.http import HttpResponse

pytestmark = pytest.mark.anyio

MARK = f"{ISSUER}/trust-marks/check"


@pytest.fixture
async def anchor(tmp_path: Path) -> AsyncIterator[Anchor]:
    """A directory with an application and a bank that are members of its federation."""
    made = await make_anchor(tmp_path)
    await join(made)
    yield made
    await made.stop()


def reason_of(response: HttpResponse) -> tuple[int, str]:
    """Return status and reason of a refusal."""
    return response.status, dict(response.headers)["trustweft-reason"]


async def own_statement(anchor: Anchor) -> EntityStatement:
    """Return what the directory says of itself, verified."""
    answer = await anchor.ask("/.well-known/openid-federation")
    assert dict(answer.headers)["content-type"] == "application/entity-statement+jwt"
    return verify_entity_configuration(
        parse_entity_statement(answer.body.decode()),
        entity=ISSUER,
        now=anchor.clock.now(),
        future_tolerance=0,
    )


async def statement_about(anchor: Anchor, entity: str) -> EntityStatement:
    """Return what the directory says of a member, verified."""
    answer = await anchor.ask(f"/federation/fetch?sub={entity}")
    assert answer.status == 200, answer.body
    return verify_subordinate_statement(
        parse_entity_statement(answer.body.decode()),
        issuer=ISSUER,
        subject=entity,
        keys=anchor.keys(),
        now=anchor.clock.now(),
        future_tolerance=0,
    )


async def test_the_entity_configuration_names_every_endpoint(anchor: Anchor) -> None:
    """And who may issue trust marks; nobody is above a Trust Anchor."""
    own = await own_statement(anchor)
    assert own.authority_hints == ()
    endpoints = own.metadata["federation_entity"]
    assert endpoints["federation_fetch_endpoint"] == f"{ISSUER}/federation/fetch"
    assert sum(name.endswith("_endpoint") for name in endpoints) == 7
    assert own.trust_mark_issuers[MARK] == (ISSUER,)
    assert 300 <= own.expires_at - own.issued_at <= 900


async def test_a_statement_says_what_the_register_has(anchor: Anchor) -> None:
    """The member's keys, who it is, what the profile lets it be, and that nobody is below it."""
    said = await statement_about(anchor, MONEYVIEW)
    (key,) = said.keys.keys
    assert key.key == anchor.bank.signer.public_key
    for entity_type in ("openid_relying_party", "oauth_client"):
        client = said.metadata[entity_type]
        assert client["software_id"] == client["organisation_id"] == "moneyview"
        assert (client["client_name"], client["organization_name"]) == ("MoneyView", "MoneyView")
        assert client["redirect_uris"] == [CALLBACK]
    assert said.constraints.max_path_length == 0
    assert said.constraints.allowed_entity_types == ("openid_relying_party", "oauth_client")
    assert 300 <= said.expires_at - said.issued_at <= 900
    bank = await statement_about(anchor, HARBOUR)
    assert set(bank.metadata) == {"openid_provider", "oauth_authorization_server"}
    assert bank.claims["source_endpoint"] == f"{ISSUER}/federation/fetch"


async def test_a_statement_ends_with_the_keys_that_it_names(anchor: Anchor) -> None:
    """One in force never vouches for a key that ran out."""
    signer = anchor.harbour.signer
    await anchor.move(f"key:{thumbprint(anchor.bank.signer.public_key)}", "retire")
    subject = parse_subject(f"key:{thumbprint(anchor.prober.signer.public_key)}")
    facts = Key(
        owner="software:moneyview",
        use="federation",
        jwk=public_jwk(anchor.prober.signer.public_key),
        valid_until=anchor.clock.now() + 100,
    )
    await anchor.do(Add(subject=subject, facts=facts))
    await anchor.do(Move(subject=subject, action="activate"))
    said = await statement_about(anchor, MONEYVIEW)
    assert said.expires_at <= anchor.clock.now() + 100
    assert signer.public_key not in [key.key for key in said.keys.keys]


@pytest.mark.parametrize("action", ["suspend", "withdraw"])
async def test_nothing_is_said_of_who_does_not_take_part(anchor: Anchor, action: str) -> None:
    """Not fetched, not listed, not marked, not resolved; of who was suspended again once it goes on."""
    await anchor.move("software:moneyview", action)
    unknown = (404, "federation.unknown-subject")
    for path in (
        f"fetch?sub={MONEYVIEW}",
        f"resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}",
        f"trust-mark?trust_mark_type={MARK}&sub={MONEYVIEW}",
    ):
        assert reason_of(await anchor.ask(f"/federation/{path}")) == unknown
    assert MONEYVIEW not in json.loads((await anchor.ask("/federation/list")).body)
    if action == "suspend":
        await anchor.move("software:moneyview", "resume")
        await statement_about(anchor, MONEYVIEW)


async def test_a_member_whose_key_is_compromised_is_not_vouched_for(anchor: Anchor) -> None:
    """Without a key there is nothing to say."""
    await anchor.move(f"key:{thumbprint(anchor.bank.signer.public_key)}", "compromise", MINE)
    await anchor.move(f"key:{'K' * 43}", "compromise", MINE)
    answer = await anchor.ask(f"/federation/fetch?sub={MONEYVIEW}")
    assert reason_of(answer) == (404, "federation.unknown-subject")


async def test_fetch_refuses_what_it_cannot_answer(anchor: Anchor) -> None:
    """As the suite's modules ask: no sub, one that is none, and the directory itself."""
    assert reason_of(await anchor.ask("/federation/fetch")) == (400, "federation.parameter")
    assert reason_of(await anchor.ask("/federation/fetch?sub=x")) == (400, "federation.parameter")
    assert reason_of(await anchor.ask(f"/federation/fetch?sub={ISSUER}")) == (
        400,
        "federation.own-statement",
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {MONEYVIEW, HARBOUR}),
        ("entity_type=openid_provider", {HARBOUR}),
        ("entity_type=oauth_client&entity_type=openid_provider", {MONEYVIEW, HARBOUR}),
        ("entity_type=oauth_resource", set()),
        ("intermediate=true", set()),
        ("intermediate=false", {MONEYVIEW, HARBOUR}),
        ("trust_marked=true", {MONEYVIEW, HARBOUR}),
        ("trust_marked=false", set()),
        (f"trust_mark_type={MARK}", {MONEYVIEW}),
        (f"trust_marked=true&trust_mark_type={MARK}&entity_type=openid_provider", set()),
    ],
)
async def test_the_list_is_filtered(anchor: Anchor, query: str, expected: set[str]) -> None:
    """By type, by trust marks; nobody is an intermediate."""
    answer = await anchor.ask(f"/federation/list?{query}")
    assert set(json.loads(answer.body)) == expected


async def test_a_certification_is_a_trust_mark(anchor: Anchor) -> None:
    """Which verifies, is listed, is active, and is revoked with its certification or its subject."""
    answer = await anchor.ask(f"/federation/trust-mark?trust_mark_type={MARK}&sub={MONEYVIEW}")
    assert dict(answer.headers)["content-type"] == "application/trust-mark+jwt"
    text = answer.body.decode()
    mark = verify_trust_mark(
        parse_trust_mark(text),
        subject=MONEYVIEW,
        trust_mark_type=MARK,
        keys=anchor.keys(),
        anchor=await own_statement(anchor),
        now=anchor.clock.now(),
        future_tolerance=0,
    )
    assert mark.claims["certification"] == "certification:moneyview"
    listed = await anchor.ask(f"/federation/trust-marked?trust_mark_type={MARK}")
    assert json.loads(listed.body) == [MONEYVIEW]
    assert await status_of(anchor, text) == "active"
    await anchor.move("software:moneyview", "suspend")
    assert await status_of(anchor, text) == "revoked"
    await anchor.move("software:moneyview", "resume")
    assert await status_of(anchor, text) == "active"
    await anchor.move("certification:moneyview", "revoke")
    assert await status_of(anchor, text) == "revoked"
    anchor.clock.advance(86_401)
    assert await status_of(anchor, text) == "expired"


async def status_of(anchor: Anchor, text: str) -> str:
    """Ask what a mark is worth."""
    answer = await anchor.ask(
        "/federation/trust-mark-status",
        method="POST",
        headers=[("content-type", "application/x-www-form-urlencoded")],
        body=f"trust_mark={text}".encode(),
    )
    assert dict(answer.headers)["content-type"] == "application/trust-mark-status-response+jwt"
    return str(message_of(answer.body.decode(), anchor.bank.signer).claims["status"])


async def test_a_later_certification_does_not_revive_an_older_mark(anchor: Anchor) -> None:
    """Each mark is of one certification."""
    asked = f"/federation/trust-mark?trust_mark_type={MARK}&sub={MONEYVIEW}"
    old = (await anchor.ask(asked)).body.decode()
    await anchor.move("certification:moneyview", "revoke")
    assert reason_of(await anchor.ask(asked)) == (404, "federation.unknown-trust-mark")
    later = Certification(
        covers="software:moneyview",
        method="check",
        run="run-2",
        tested_at=anchor.clock.now(),
        valid_until=anchor.clock.now() + 1_000,
    )
    await anchor.do(Add(subject=parse_subject("certification:second"), facts=later))
    await anchor.do(Move(subject=parse_subject("certification:second"), action="accept"))
    assert await status_of(anchor, old) == "revoked"
    assert await status_of(anchor, (await anchor.ask(asked)).body.decode()) == "active"


async def test_marks_that_are_not_ours(anchor: Anchor) -> None:
    """A forged one is invalid, another issuer's is unknown, and what is no mark is refused."""
    asked = f"/federation/trust-mark?trust_mark_type={MARK}&sub={MONEYVIEW}"
    text = (await anchor.ask(asked)).body.decode()
    head, payload, signature = text.split(".")
    forged = f"{head}.{payload}.{signature[:-6]}AAAAAA"
    assert await status_of(anchor, forged) == "invalid"
    for path, expected in (
        ("trust-marked?trust_mark_type=https://other.example/mark", "federation.unknown-trust-mark"),
        (f"trust-mark?trust_mark_type=x&sub={MONEYVIEW}", "federation.unknown-trust-mark"),
    ):
        assert reason_of(await anchor.ask(f"/federation/{path}")) == (404, expected)
    answer = await anchor.ask(
        "/federation/trust-mark-status",
        method="POST",
        headers=[("content-type", "application/x-www-form-urlencoded")],
        body=b"trust_mark=nothing",
    )
    assert answer.status == 400


async def test_a_member_is_resolved_with_its_marks(anchor: Anchor) -> None:
    """The chain in the answer is what anybody would collect, and the metadata are what the policy leaves."""
    mark_answer = await anchor.ask(f"/federation/trust-mark?trust_mark_type={MARK}&sub={MONEYVIEW}")
    mark = mark_answer.body.decode()
    publish(anchor, trust_marks=[{"trust_mark_type": MARK, "trust_mark": mark}])
    answer = await anchor.ask(
        f"/federation/resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}&entity_type=openid_relying_party"
    )
    assert answer.status == 200, answer.body
    resolved = verify_resolve_response(
        answer.body.decode(),
        resolver=ISSUER,
        keys=anchor.keys(),
        subject=MONEYVIEW,
        entity_types=("openid_relying_party",),
        anchors={ISSUER: anchor.keys()},
        now=anchor.clock.now(),
        future_tolerance=0,
    )
    client = resolved.metadata["openid_relying_party"]
    assert client["require_pushed_authorization_requests"] is True
    assert client["software_id"] == "moneyview"
    assert [each.trust_mark_type for each in resolved.trust_marks] == [MARK]


async def test_resolving_asks_nobody_whom_the_register_does_not_name(anchor: Anchor) -> None:
    """Neither a stranger, nor for another Trust Anchor; and nobody may ask without end."""
    stranger = await anchor.ask(f"/federation/resolve?sub=https://192.0.2.7&trust_anchor={ISSUER}")
    assert reason_of(stranger) == (404, "federation.unknown-subject")
    other = await anchor.ask(f"/federation/resolve?sub={MONEYVIEW}&trust_anchor=https://other.example")
    assert reason_of(other) == (404, "federation.unknown-trust-anchor")
    for _ in range(130):
        answer = await anchor.ask(f"/federation/resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}")
    assert reason_of(answer) == (429, "directory.too-fast")
    elsewhere = await anchor.ask(
        f"/federation/resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}", peer="192.0.2.9"
    )
    assert elsewhere.status == 503  # away: nobody published anything
    anchor.clock.advance(60)
    again = await anchor.ask(f"/federation/resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}")
    assert again.status == 503


async def test_a_chain_is_forgotten_when_the_register_changes(anchor: Anchor) -> None:
    """Who ended is not resolved from memory."""
    publish(anchor)
    asked = f"/federation/resolve?sub={MONEYVIEW}&trust_anchor={ISSUER}"
    assert (await anchor.ask(asked)).status == 200
    await anchor.move("software:moneyview", "suspend")
    assert (await anchor.ask(asked)).status == 404
    await anchor.move("software:moneyview", "resume")
    assert (await anchor.ask(asked)).status == 200


async def test_earlier_keys_are_told_with_what_became_of_them(anchor: Anchor) -> None:
    """One that others may have is revoked, with the reason."""
    ring, now = anchor.directory.keys, anchor.clock.now()
    old = ring.signer().key_id or ""
    retire(ring.directory, old, compromised=True, now=now)
    anchor.clock.advance(60)  # until its successor signs
    now = anchor.clock.now()
    ring.reload(now)
    answer = await anchor.ask("/federation/historical-keys")
    assert dict(answer.headers)["content-type"] == "application/jwk-set+jwt"
    (key,) = verify_historical_keys(
        answer.body.decode(),
        issuer=ISSUER,
        keys=KeySet.read(json.loads((await anchor.ask("/jwks")).body)),
        now=now,
        future_tolerance=0,
    )
    assert (key.key_id, key.revocation_reason) == (old, "compromised")
    assert (await own_statement(anchor)).keys.keys == ring.key_set().keys


async def test_the_name_of_another_is_nobodys_to_take(anchor: Anchor) -> None:
    """Else its events, and the word on its receipts, would go to whoever came second."""
    for subject, facts, reason in (
        ("software:thief", Software(organisation="moneyview", name="T", entity=HARBOUR), "identifier-taken"),
        ("brand:thief", Brand(organisation="moneyview", name="T", issuer=HARBOUR), "identifier-taken"),
        (
            "brand:plain",
            Brand(organisation="moneyview", name="T", issuer=MONEYVIEW, events_endpoint="http://x.example"),
            "wrong-facts",
        ),
    ):
        with pytest.raises(Reject) as refused:
            await anchor.do(Add(subject=parse_subject(subject), facts=facts))
        assert refused.value.reason.id == f"register.{reason}"


async def test_another_profile_is_said_from_the_next_statement_on(anchor: Anchor) -> None:
    """What members may be follows the profile in force."""
    before = await statement_about(anchor, MONEYVIEW)
    profile = load_profile("fapi2-security").with_limits(grant_types=("authorization_code",))
    anchor.directory.adopt(profile)
    after = await statement_about(anchor, MONEYVIEW)
    assert before.claims["metadata_policy"] != after.claims["metadata_policy"]
