"""What a client does once the directory has spoken of an authorization server."""

from __future__ import annotations

import pytest

from support.participants import Member, make_member
from trustweft.client.participation import Offboarder, Participation
from trustweft.client.tokens import MemoryTokenStore, TokenSet
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject

pytestmark = pytest.mark.anyio
BANK, OTHER = "https://bank.example", "https://other.example"
BRAND = "brand:harbour-bank"


async def knowing() -> tuple[Member, Participation]:
    """Return a client that knows two servers of the ecosystem."""
    member = make_member(ManualClock())
    assert await member.reader.poll()
    return member, Participation(member.reader, {BANK: "harbour-bank", OTHER: "other-bank"})


async def test_a_server_that_does_not_take_part_is_not_trusted() -> None:
    """Neither one that is suspended nor one that has ended; others are."""
    member, participation = await knowing()
    participation.check(BANK)
    for effect, reason in (("suspended", "client.server-suspended"), ("ended", "client.server-ended")):
        member.directory.say(BRAND, effect)  # type: ignore[arg-type]
        await member.hear(BRAND)
        with pytest.raises(Reject) as refused:
            participation.check(BANK)
        assert refused.value.reason.id == reason
        participation.check(OTHER)


async def test_with_a_server_ends_what_the_client_has_of_it() -> None:
    """Its tokens are forgotten and counted, those of other servers stay, and a second time finds nothing."""
    member, participation = await knowing()
    tokens = MemoryTokenStore()
    for name, issuer in (("alice at bank", BANK), ("bob at bank", BANK), ("alice elsewhere", OTHER)):
        refresh = "r" if name.startswith("alice") else None
        tokens.save(
            name,
            TokenSet(issuer=issuer, access_token="a", expires_at=0, scope=(), refresh_token=refresh),
        )
    member.directory.say(BRAND, "ended", cause="revoked")
    order = member.directory.order("organisation:harbour", "revoke", subjects=(BRAND,))
    offboarder = Offboarder(participation, tokens)
    assert await offboarder(order) == {"access_tokens": 2, "refresh_tokens": 1}
    assert (tokens.load("alice at bank"), tokens.load("bob at bank")) == (None, None)
    assert tokens.load("alice elsewhere") is not None
    assert await offboarder(order) == {"access_tokens": 0, "refresh_tokens": 0}
    assert await offboarder(member.directory.order("software:x", "revoke")) == {}
