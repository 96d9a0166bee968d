"""What the guard refuses once the directory has spoken, however valid the token is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guarding import CLIENT, Stage
from support.participants import Member, make_member
from trustweft.crypto.keys import thumbprint
from trustweft.resource.checks import PIPELINE, check_participation
from trustweft.resource.guard import Guard
from trustweft.resource.participation import Participation, ParticipationConfig, clean_up
from trustweft.runtime.errors import Reject

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
        "user:sub.alice",
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
    member.directory.say("software:somebody-else", "ended", cause="revoked")
    await member.hear("software:somebody-else")
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
