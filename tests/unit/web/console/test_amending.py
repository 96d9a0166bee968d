"""Changing what is known of a participant by its form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.town import OPERATOR
from trustweft.directory.commands import Move
from trustweft.directory.events import Amended
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Brand, Contact, Organisation, Software

if TYPE_CHECKING:
    from support.console import Site, Visitor

pytestmark = pytest.mark.anyio

BRAND = "/console/participants/brand:harbour-bank"
MINE = "/console/participants/organisation:moneyview"
FOLLOWING = {
    "name": "Harbour",
    "events_endpoint": "https://harbour.example/events",
    "jwks_uri": "https://harbour.example/jwks",
}


async def known(visitor: Visitor, address: str) -> str:
    """Open the form, and return what it says that it was made from."""
    page = await visitor.get(f"{address}/amend")
    found = re.search(r'name="known" value="(\d+)"', page.text)
    assert found, page.text
    return found[1]


def amended(site: Site) -> list[Amended]:
    """Return what was changed."""
    return [event for event in site.events() if isinstance(event, Amended)]


async def test_a_brand_says_where_it_is_told_of_events(site: Site, olga: Visitor) -> None:
    """The page links to the form, which shows what is known; only what was written differently changes."""
    assert f'href="{BRAND}/amend"' in (await olga.get(BRAND)).text
    before = site.keeper.register.now.find("brand:harbour-bank").facts
    answer = await olga.submit(
        f"{BRAND}/amend", known=await known(olga, BRAND), reason="it follows now", **FOLLOWING
    )
    page = await olga.follow(answer)
    assert "https://harbour.example/events" in page.words
    assert "facts changed" in page.words
    after = site.keeper.register.now.find("brand:harbour-bank").facts
    assert isinstance(before, Brand)
    assert isinstance(after, Brand)
    assert (after.events_endpoint, after.jwks_uri) == (FOLLOWING["events_endpoint"], FOLLOWING["jwks_uri"])
    assert (after.issuer, after.organisation) == (before.issuer, before.organisation)
    assert amended(site)[-1].reason == "it follows now"
    shown = await olga.get(f"{BRAND}/amend")
    assert 'value="https://harbour.example/events"' in shown.text


async def test_what_is_as_it_was_is_no_change(site: Site, olga: Visitor) -> None:
    """Nothing is logged where nothing was written differently."""
    before = len(site.events())
    answer = await olga.submit(f"{BRAND}/amend", known=await known(olga, BRAND), name="Harbour")
    assert answer.status == 303
    assert len(site.events()) == before


async def test_what_something_is_known_by_is_not_asked_and_not_taken(site: Site, olga: Visitor) -> None:
    """An issuer or a redirect URI that is slipped in stays what it was."""
    form = await olga.get(f"{BRAND}/amend")
    assert 'name="issuer"' not in form.text
    await olga.submit(
        f"{BRAND}/amend", known=await known(olga, BRAND), name="Harbour 2", issuer="https://evil.example"
    )
    software = "/console/participants/software:moneyview"
    await olga.submit(
        f"{software}/amend",
        known=await known(olga, software),
        name="MoneyView 2",
        metadata='{"redirect_uris": ["https://evil.example/"]}',
        organisation="harbour-bank",
    )
    brand, client = (
        site.keeper.register.now.find(each).facts for each in ("brand:harbour-bank", "software:moneyview")
    )
    assert isinstance(brand, Brand)
    assert isinstance(client, Software)
    assert (brand.name, brand.issuer) == ("Harbour 2", "https://harbour.example")
    assert (client.name, client.organisation) == ("MoneyView 2", "moneyview")
    assert "evil.example" not in str(client.metadata)


async def test_the_terms_are_noted_by_operators_alone(site: Site, olga: Visitor, mia: Visitor) -> None:
    """Nobody says of itself which version it signed, nor anything else of its organisation."""
    assert "/amend" not in (await mia.get(MINE)).text
    answer = await mia.submit(f"{MINE}/amend", known="99", name="MoneyView", terms="99")
    assert answer.reason == "console.not-permitted"
    await olga.submit(f"{MINE}/amend", known=await known(olga, MINE), name="MoneyView", terms="2026-11")
    facts = site.keeper.register.now.find("organisation:moneyview").facts
    assert isinstance(facts, Organisation)
    assert facts.terms == "2026-11"
    assert [event.by.id for event in amended(site)] == ["olga"]


@pytest.mark.parametrize("said", [None, "", "x", "-1"])
async def test_whoever_was_overtaken_looks_again(
    site: Site, olga: Visitor, mia: Visitor, said: str | None
) -> None:
    """A form that was made before somebody else's change, or says nothing of when, takes nothing of it back."""
    address = "/console/participants/software:moneyview"
    made = await known(mia, address)
    await olga.submit(f"{address}/amend", known=await known(olga, address), name="MoneyView 2")
    answer = await mia.submit(f"{address}/amend", known=made if said is None else said, name="MoneyView")
    assert (answer.status, answer.reason) == (409, "console.amended-meanwhile")
    facts = site.keeper.register.now.find("software:moneyview").facts
    assert isinstance(facts, Software)
    assert facts.name == "MoneyView 2"


@pytest.mark.parametrize(
    ("subject", "fields", "reason"),
    [
        ("brand:harbour-bank", {"name": ""}, "console.missing-field"),
        ("brand:harbour-bank", {"name": "x", "events_endpoint": "http://x.example/e"}, "console.wrong-field"),
        ("brand:harbour-bank", {"name": "x", "jwks_uri": "javascript:alert(1)"}, "console.wrong-field"),
        ("brand:harbour-bank", {"name": "x" * 301}, "console.wrong-field"),
        ("brand:harbour-bank", {"name": "x", "reason": "y" * 301}, "console.wrong-field"),
        ("key:none", {"name": "x"}, "console.not-found"),
        ("certification:moneyview", {"name": "x"}, "console.not-found"),
        ("role:moneyview~reader", {"name": "x"}, "console.not-permitted"),
    ],
)
async def test_a_wrong_form_changes_nothing(
    site: Site, olga: Visitor, subject: str, fields: dict[str, str], reason: str
) -> None:
    """Each is refused for what is wrong with it."""
    await olga.get("/console")
    before = len(site.events())
    answer = await olga.submit(f"/console/participants/{subject}/amend", known=str(before), **fields)
    assert answer.reason == reason
    assert len(site.events()) == before


async def test_a_purpose_that_there_is_not_is_refused(site: Site, olga: Visitor) -> None:
    """A contact is for one of four things."""
    await olga.get("/console/enter/contact?under=organisation:moneyview")
    await olga.submit(
        "/console/enter/contact", under="organisation:moneyview", id="c1", purpose="security", name="Sam"
    )
    address = "/console/participants/contact:c1"
    answer = await olga.submit(f"{address}/amend", known=await known(olga, address), purpose="fun")
    assert answer.reason == "console.wrong-field"
    await olga.submit(f"{address}/amend", known=await known(olga, address), purpose="business", name="")
    facts = site.keeper.register.now.find("contact:c1").facts
    assert isinstance(facts, Contact)
    assert (facts.purpose, facts.name) == ("business", "")


async def test_what_has_ended_has_no_form(site: Site, olga: Visitor, ada: Visitor) -> None:
    """Neither for what was stopped for good, nor for who reads alone."""
    assert "/amend" not in (await ada.get(BRAND)).text
    site.terms.two_people = frozenset()
    await site.keeper.carry_out(
        Move(subject=parse_subject("brand:harbour-bank"), action="revoke", reason="over"), actor=OPERATOR
    )
    assert "/amend" not in (await olga.get(BRAND)).text
    answer = await olga.submit(f"{BRAND}/amend", known=str(len(site.events())), name="Back")
    assert answer.reason == "register.ended"
