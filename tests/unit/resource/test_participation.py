"""What the guard refuses once the directory has spoken, however valid the token is."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, cast

import httpx2
import pytest

from guarding import CLIENT, ISSUER_KEY, Stage, key_set
from support.directory import new_signer
from support.participants import Member, make_member
from trustweft.crypto.keys import thumbprint
from trustweft.net.event_addresses import RECEIPT_KEYS_PATH, with_events
from trustweft.protocol.access_token import AccessToken, Confirmation
from trustweft.resource.checks import PIPELINE, check_participation
from trustweft.resource.guard import Guard
from trustweft.resource.issuer_keys import StaticKeys
from trustweft.resource.participation import (
    Participation,
    ParticipationConfig,
    clean_up,
)
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from trustweft.net.asgi import Message, Receive, Send

pytestmark = pytest.mark.anyio
CONFIG = ParticipationConfig(
    issuer_brand="harbour-bank", api="accounts", roles={"accounts": "reader"}, payments=("payments",)
)


async def guarded() -> tuple[Stage, Member]:
    """Return a guard that takes part."""
    stage = Stage()
    member = make_member(stage.clock)
    member.directory.say("software:moneyview", "active")
    assert await member.reader.poll()
    participation = Participation(member.reader, CONFIG)
    stage.guard.protection = replace(stage.protection, participation=participation)
    return stage, member


@pytest.mark.parametrize(
    "subject",
    [
        "software:mv-app",
        "organisation:mv",
        "user:harbour-bank~sub.alice",
        pytest.param(f"key:{thumbprint(CLIENT.public_key)}", id="key"),
        "brand:harbour-bank",
        "api:accounts",
        "api:mv-app~accounts",
        "role:mv~reader",
    ],
)
async def test_a_valid_token_of_who_does_not_take_part_is_refused(subject: str) -> None:
    """Client, organisation, person, key, issuer, API and role: each is looked at with every request."""
    stage, member = await guarded()
    token = stage.token(software_id="mv-app", organisation_id="mv")
    assert (await stage.guard.verify(stage.request(token), scope=("accounts",))).client_id == "moneyview"
    for other in ("software:somebody-else", "user:sub.alice", "user:other-bank~sub.alice"):
        member.directory.say(other, "ended", cause="revoked")
        await member.hear(other)
    assert (await stage.guard.verify(stage.request(token), scope=("accounts",))).client_id == "moneyview"
    for effect in ("suspended", "ended"):
        member.directory.say(subject, effect)
        await member.hear(subject)
        with pytest.raises(Reject) as refused:
            await stage.guard.verify(stage.request(token), scope=("accounts",))
        assert refused.value.reason.id == f"guard.participant-{effect}"
        assert stage.guard.refusal(refused.value).status == 401
    member.directory.say(subject, "active")
    await member.hear(subject)
    assert (await stage.guard.verify(stage.request(token), scope=("accounts",))).client_id == "moneyview"


async def test_a_key_of_the_issuer_that_has_ended_signs_nothing_that_is_believed() -> None:
    """Whoever stole it writes tokens for anybody: none is taken, not even one that was verified before."""
    stage, member = await guarded()
    other = new_signer("issuer-2")
    stage.guard.protection = replace(stage.guard.protection, keys=StaticKeys(key_set(ISSUER_KEY, other)))
    stolen, good = stage.token(), stage.token(signer=other)
    key = f"key:{thumbprint(ISSUER_KEY.public_key)}"
    member.directory.say("software:somebody-else", "ended", cause="revoked")
    await member.hear("software:somebody-else")
    for token in (stolen, good):
        await stage.guard.verify(stage.request(token), scope=("accounts",))
    member.directory.say(key, "ended", cause="compromised")
    await member.hear(key)
    for token in (stolen, stage.token(subject="sub.bob")):
        with pytest.raises(Reject, match=r"access-token\.unknown-key"):
            await stage.guard.verify(stage.request(token), scope=("accounts",))
    await stage.guard.verify(stage.request(good), scope=("accounts",))
    member.directory.say(key, "active")
    await member.hear(key)
    await stage.guard.verify(stage.request(stolen), scope=("accounts",))


async def test_what_was_verified_stays_remembered_while_other_keys_and_people_end() -> None:
    """The set of keys is the same object until one of its own ends: nothing is verified anew for what others did."""
    stage, member = await guarded()
    participation = stage.guard.protection.participation
    assert participation is not None
    keys = key_set(ISSUER_KEY, new_signer("issuer-2"))
    assert participation.believed(keys) is keys
    for subject in ("software:somebody-else", f"key:{'k' * 43}"):
        member.directory.say(subject, "ended", cause="revoked")
        await member.hear(subject)
        assert participation.believed(keys) is keys
    ended = f"key:{thumbprint(ISSUER_KEY.public_key)}"
    member.directory.say(ended, "ended", cause="compromised")
    await member.hear(ended)
    left = participation.believed(keys)
    assert [each.key_id for each in left.keys] == ["issuer-2"]
    member.directory.say("user:harbour-bank~sub.bob", "ended", cause="revoked")
    await member.hear("user:harbour-bank~sub.bob")
    assert participation.believed(keys) is left


@pytest.mark.parametrize("order", list(permutations(("key", "brand", "organisation"))), ids="-".join)
async def test_a_stolen_key_is_not_believed_again_because_its_owner_ended_too(order: tuple[str, ...]) -> None:
    """Whatever ended first: a guard that knows no name for its issuer would take the thief's tokens."""
    stage, member = await guarded()
    stage.guard.protection = replace(
        stage.protection, participation=Participation(member.reader, ParticipationConfig())
    )
    key = f"key:{thumbprint(ISSUER_KEY.public_key)}"
    for kind in order:
        match kind:
            case "key":
                member.directory.say(key, "ended", cause="compromised", parents=("brand:b",))
            case "brand":
                member.directory.say("brand:b", "active", parents=("organisation:o",))
            case _:
                member.directory.say("organisation:o", "ended", cause="revoked")
    assert await member.reader.poll()
    with pytest.raises(Reject, match=r"access-token\.unknown-key"):
        await stage.guard.verify(stage.request(stage.token()), scope=("accounts",))


async def test_a_key_whose_owner_is_stopped_is_refused_as_its_owner() -> None:
    """The reason names who does not take part, and not a key that nobody knows."""
    stage, member = await guarded()
    key = f"key:{thumbprint(ISSUER_KEY.public_key)}"
    member.directory.say("brand:harbour-bank", "ended", cause="revoked")
    member.directory.say(key, "active", parents=("brand:harbour-bank",))
    assert await member.reader.poll()
    assert key in member.reader.known.refused
    with pytest.raises(Reject, match=r"guard\.participant-ended"):
        await stage.guard.verify(stage.request(stage.token()), scope=("accounts",))


@pytest.mark.parametrize(
    ("subject", "refused"),
    [
        ("api:accounts", {"accounts", "account_information"}),
        ("api:mv-app~accounts", {"accounts", "account_information"}),
        ("api:payments", {"payments"}),
        ("role:mv~payer", {"payments"}),
    ],
)
async def test_an_api_that_is_lost_takes_only_what_needs_it(subject: str, refused: set[str]) -> None:
    """By scope value, and by type of authorization details: who may not pay any more still reads."""
    _, member = await guarded()
    names = ParticipationConfig(
        apis={"accounts": "accounts", "account_information": "accounts", "payments": "payments"},
        roles={"payments": "payer"},
    )
    participation = Participation(member.reader, names)
    token = AccessToken(
        issuer="https://server.example",
        subject="sub.alice",
        audience=(),
        client_id="moneyview",
        scope=(),
        issued_at=None,
        expires_at=0.0,
        jti="",
        confirmation=Confirmation(jkt="k" * 43),
        grant_id=None,
        auth_time=None,
        acr=None,
        claims={"software_id": "mv-app", "organisation_id": "mv"},
    )
    member.directory.say(subject, "ended", cause="revoked")
    await member.hear(subject)
    found = set()
    for name, scope, kinds in (
        ("accounts", ("accounts",), ()),
        ("payments", ("payments",), ()),
        ("account_information", (), ("account_information",)),
    ):
        with contextlib.suppress(Reject):
            participation.check(token, scope=scope, kinds=kinds)
            continue
        found.add(name)
    assert found == refused


async def test_the_keys_of_receipts_are_published_beside_the_guard() -> None:
    """Whoever reads them needs no token; nothing is changed there, and everything else is the guard's."""
    _, member = await guarded()
    asked: list[str] = []

    async def api(scope: Message, _receive: Receive, _send: Send) -> None:
        asked.append(scope["path"])

    keys = {"keys": [{"kty": "EC"}]}
    app = with_events(
        api, member.receiver, observer=SilentObserver(), participant="resource", receipt_keys=keys
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bank.example") as http:
        answer = await http.get(RECEIPT_KEYS_PATH)
        assert answer.json() == keys
        refused = await http.post(RECEIPT_KEYS_PATH)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    await app({"type": "http", "path": "/accounts"}, cast("Receive", None), cast("Send", None))
    assert asked == ["/accounts"]


async def test_payments_stop_before_data_when_the_directory_is_away() -> None:
    """Ten minutes after its last answer data is still given, and payments are refused for now."""
    stage, member = await guarded()
    member.reached.away = True
    stage.clock.advance(600)
    token = stage.token(scope=("accounts", "payments"))
    assert (await stage.guard.verify(stage.request(token), scope=("accounts",))).client_id == "moneyview"
    with pytest.raises(Reject, match=r"status\.stale"):
        await stage.guard.verify(stage.request(token), scope=("payments",))
    stage.clock.advance(3_001)
    token = stage.token()
    with pytest.raises(Reject, match=r"status\.stale") as refused:
        await stage.guard.verify(stage.request(token), scope=("accounts",))
    answer = stage.guard.refusal(refused.value)
    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "2")


async def test_a_guard_keeps_nothing_that_had_to_be_ended() -> None:
    """Its receipt says so."""
    _, member = await guarded()
    assert await clean_up(member.directory.order("software:moneyview", "revoke")) == {"caches": 0}


async def test_without_the_check_somebody_who_ended_still_gets_data() -> None:
    """Nothing else of the guard looks: the token is valid until it expires."""
    stage, member = await guarded()
    member.directory.say("software:moneyview", "ended", cause="revoked")
    await member.hear("software:moneyview")
    token = stage.token()
    with pytest.raises(Reject, match=r"guard\.participant-ended"):
        await stage.guard.verify(stage.request(token), scope=("accounts",))
    left = tuple(check for check in PIPELINE if check is not check_participation)
    unguarded = Guard(stage.guard.protection, pipeline=left)
    assert (await unguarded.verify(stage.request(token), scope=("accounts",))).client_id == "moneyview"
