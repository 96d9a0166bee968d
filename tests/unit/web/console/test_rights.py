"""Who may do what: each part at each address, and administrators at what is not theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.console import Visitor
from support.town import CERTIFICATE, KEY
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Key
from trustweft.web.console.rights import RIGHTS
from trustweft.web.console.routes import ROUTES

if TYPE_CHECKING:
    from support.console import Answer, Site

pytestmark = pytest.mark.anyio

MINE = ("organisation:moneyview", "software:moneyview", "role:moneyview~reader", f"key:{KEY}",
        f"certificate:{CERTIFICATE}", "api:moneyview~accounts", "certification:moneyview", "user:mia")  # fmt: skip
OTHERS = ("organisation:harbour-bank", "brand:harbour-bank", "api:accounts", "certification:harbour")
FILLED = {
    "subject": "software:moneyview",
    "action": "suspend",
    "species": "role",
    "proposal": "9999",
    "number": "1",
    "name": "nobody",
    "secret": "S" * 43,
}


def filled(address: str) -> str:
    """Return an address with something in place of its names."""
    return re.sub(r"\{(\w+)\}", lambda match: FILLED[match[1]], address)


@pytest.mark.parametrize("part", RIGHTS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.address}")
async def test_each_part_opens_what_it_has_the_right_to(site: Site, part: str, route: object) -> None:
    """Every pair of part and address: refused for the right, or not for it."""
    found = next(each for each in ROUTES if each is route)
    visitor = await (
        site.signed_in("mia", "administrator", "moneyview")
        if part == "administrator"
        else site.signed_in("olga", part)  # type: ignore[arg-type]  # one of the three
    )
    events = len(site.events())
    await visitor.get("/console")
    target = filled(found.address)
    answer = await (visitor.get(target) if found.method == "GET" else visitor.submit(target))
    allowed = found.right is None or found.right in RIGHTS[part]  # type: ignore[index]  # as above
    assert (answer.reason == "console.not-permitted") is not allowed
    if not allowed:
        assert answer.status == 403
        assert len(site.events()) == events


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.address}")
async def test_nobody_who_is_not_signed_in_sees_a_page(site: Site, olga: Visitor, route: object) -> None:
    """Every address that takes a right sends strangers to the way in, and tells them nothing."""
    assert olga is not None
    found = next(each for each in ROUTES if each is route)
    if found.right is None:
        return
    stranger = Visitor(site)
    await stranger.get("/console/sign-in")
    target = filled(found.address)
    answer = await (stranger.get(target) if found.method == "GET" else stranger.submit(target))
    assert answer.status == 303
    assert answer.header("location").endswith("/console/sign-in")
    assert answer.body == b""


async def test_an_auditor_reads_everything(site: Site, ada: Visitor) -> None:
    """Every subject, every event, the people; and no page offers to change anything."""
    for subject in (*MINE, *OTHERS):
        page = await ada.get(f"/console/participants/{subject}")
        assert page.status == 200
        assert "/do/" not in page.text
    for event in site.events():
        assert (await ada.get(f"/console/log/events/{event.sequence}")).status == 200
    assert (await ada.get("/console/people")).status == 200
    assert "Invite somebody" not in ada.page


async def test_an_auditor_changes_nothing_also_with_requests_of_their_own(site: Site, ada: Visitor) -> None:
    """Every form of the console, filled in by hand."""
    before = len(site.events())
    await ada.get("/console")
    for route in ROUTES:
        if route.method == "POST" and route.right not in (None, "read"):
            answer = await ada.submit(
                filled(route.address), state="live", reason="mine", name="x", part="operator"
            )
            assert (answer.status, answer.reason) == (403, "console.not-permitted")
    assert len(site.events()) == before


def is_hidden(answer: Answer) -> bool:
    """Say whether an answer is that of something that is not there."""
    return (answer.status, answer.reason) == (404, "console.not-found")


@pytest.mark.parametrize("subject", MINE)
async def test_an_administrator_sees_what_is_of_the_own_organisation(mia: Visitor, subject: str) -> None:
    """Its entry, and everything below it."""
    assert (await mia.get(f"/console/participants/{subject}")).status == 200


@pytest.mark.parametrize("subject", OTHERS)
@pytest.mark.parametrize("rest", ["", "/lifecycle.svg", "/do/suspend"])
async def test_what_is_of_others_looks_like_nothing(mia: Visitor, subject: str, rest: str) -> None:
    """Somebody else's subject and one that there is not get the same answer, to the octet."""
    others = await mia.get(f"/console/participants/{subject}{rest}")
    nothing = await mia.get(f"/console/participants/software:not-there{rest}")
    assert is_hidden(others)
    assert (others.status, others.body) == (nothing.status, nothing.body)


@pytest.mark.parametrize("subject", OTHERS)
async def test_an_administrator_stops_nobody_else(site: Site, mia: Visitor, subject: str) -> None:
    """The form of the own software, sent to an address of others."""
    before = len(site.events())
    await mia.get("/console/participants/software:moneyview/do/suspend")
    for action in ("suspend", "revoke", "withdraw", "lapse"):
        answer = await mia.submit(
            f"/console/participants/{subject}/do/{action}", state="listed", reason="mine"
        )
        assert is_hidden(answer)
    assert len(site.events()) == before


async def test_no_page_tells_an_administrator_of_others(site: Site, mia: Visitor, olga: Visitor) -> None:
    """Lists, counts, the calendar, its download, the graph, the log: nothing of the bank is in any of them."""
    await olga.get("/console/participants/organisation:harbour-bank/do/revoke")
    await olga.submit(
        "/console/participants/organisation:harbour-bank/do/revoke", state="active", reason="Harbour closes"
    )
    await olga.get("/console/participants/brand:harbour-bank/do/suspend")
    await olga.submit(
        "/console/participants/brand:harbour-bank/do/suspend", state="listed", reason="Harbour is looked into"
    )
    assert site.keeper.register.now.orders
    addresses = [
        "/console",
        "/console/participants",
        "/console/participants?q=harbour",
        "/console/calendar?view=list",
        "/console/calendar.ics",
        "/console/graph",
        "/console/log",
        "/console/log?subject=brand:harbour-bank",
    ]
    kinds = ("organisation", "brand", "api", "role", "user", "certification")
    addresses.extend(f"/console/participants?kind={kind}" for kind in kinds)
    for address in addresses:
        page = (await mia.get(address)).text.replace('value="harbour"', "")
        page = page.replace('value="brand:harbour-bank"', "")
        assert "arbour" not in page, address
    assert is_hidden(await mia.get("/console/graph?organisation=harbour-bank"))
    mine = {event.sequence for event in site.events() if event.subject in MINE}
    for event in site.events():
        seen = await mia.get(f"/console/log/events/{event.sequence}")
        assert is_hidden(seen) or event.sequence in mine or "moneyview" in event.subject
    proposal = max(site.keeper.register.now.proposals)
    assert is_hidden(await mia.get(f"/console/proposals/{proposal}"))
    assert is_hidden(await mia.submit(f"/console/proposals/{proposal}/approve"))
    assert is_hidden(await mia.submit(f"/console/proposals/{proposal}/decline"))
    assert site.keeper.register.now.proposals


async def test_looking_back_shows_an_administrator_no_more(site: Site, mia: Visitor) -> None:
    """The past of others is theirs too."""
    at = "2027-01-15T08:00:40Z"
    assert (await mia.get(f"/console/participants/software:moneyview?at={at}")).status == 200
    assert is_hidden(await mia.get(f"/console/participants/brand:harbour-bank?at={at}"))
    assert "arbour" not in (await mia.get(f"/console/graph?at={at}")).text
    assert site.hearing.failures == []


async def test_an_administrator_acts_for_the_own_organisation(site: Site, mia: Visitor) -> None:
    """A role that is not needed any more; the register has who it was."""
    await mia.get("/console/participants/role:moneyview~payer/do/withdraw")
    answer = await mia.submit(
        "/console/participants/role:moneyview~payer/do/withdraw",
        state="active",
        reason="no payments any more",
    )
    assert answer.status == 303
    event = site.events()[-1]
    assert (event.by.id, event.by.part, event.by.organisation) == ("mia", "administrator", "moneyview")
    assert site.keeper.register.now.find("role:moneyview~payer").state == "withdrawn"


async def test_an_administrator_does_not_resume_what_was_suspended(
    site: Site, mia: Visitor, olga: Visitor
) -> None:
    """What an operator suspended, an operator takes up again: the page says who, and the form is refused."""
    await olga.get("/console/participants/role:moneyview~payer/do/suspend")
    await olga.submit(
        "/console/participants/role:moneyview~payer/do/suspend", state="active", reason="doubts"
    )
    page = await mia.get("/console/participants/role:moneyview~payer")
    assert "Not now: for: operator, authority" in page.words
    answer = await mia.submit(
        "/console/participants/role:moneyview~payer/do/resume", state="suspended", reason="mine"
    )
    assert (answer.status, answer.reason) == (403, "register.not-permitted")
    assert site.keeper.register.now.find("role:moneyview~payer").state == "suspended"


async def test_an_administrator_waves_no_key_through(site: Site, mia: Visitor) -> None:
    """A key that was announced is activated by who checks its proof: otherwise it could be anybody's."""
    subject = parse_subject("key:" + "Z" * 43)
    person = await site.accounts.find_person("mia")
    assert person is not None
    await site.keeper.carry_out(
        Add(subject=subject, facts=Key(owner="software:moneyview")), actor=person.actor
    )
    page = await mia.get(f"/console/participants/{subject}")
    assert "it is not taken by a form" in page.words
    for answer in (
        await mia.get(f"/console/participants/{subject}/do/activate"),
        await mia.submit(f"/console/participants/{subject}/do/activate", state="announced"),
    ):
        assert (answer.status, answer.reason) == (403, "console.proven-elsewhere")
    assert site.keeper.register.now.find(subject).state == "announced"


async def test_a_suspended_organisation_still_reports_a_stolen_key(
    site: Site, mia: Visitor, olga: Visitor
) -> None:
    """Its administrator is let in, may do nothing else, and that at once."""
    assert olga is not None
    operator = await site.accounts.find_person("olga")
    assert operator is not None
    stop = Move(subject=parse_subject("organisation:moneyview"), action="suspend", reason="doubts")
    await site.keeper.carry_out(stop, actor=operator.actor)
    await mia.get(f"/console/participants/key:{KEY}/do/compromise")
    refused = await mia.submit(f"/console/participants/key:{KEY}/do/retire", state="active", reason="old")
    assert refused.reason == "register.actor-stopped"
    answer = await mia.submit(
        f"/console/participants/key:{KEY}/do/compromise", state="active", reason="stolen"
    )
    assert answer.status == 303
    assert site.keeper.register.now.find(f"key:{KEY}").state == "compromised"
