"""Entering new participants, and the way in as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trustweft.directory.events import Added
from trustweft.directory.objects import Brand, Role, Software

if TYPE_CHECKING:
    from support.console import Site, Visitor

pytestmark = pytest.mark.anyio

NEW = "/console/participants/organisation:acme"


async def take(visitor: Visitor, site: Site, subject: str, action: str) -> None:
    """Take an arrow by its form."""
    address = f"/console/participants/{subject}/do/{action}"
    await visitor.get(address)
    state = site.keeper.register.now.find(subject).state
    answer = await visitor.submit(address, state=state, reason="as agreed", evidence="minutes of 14 January")
    assert answer.status == 303, answer.text


async def test_an_organisation_is_led_in(site: Site, olga: Visitor) -> None:
    """From the application on, the page names the next step, who takes it, and where."""
    await olga.get("/console/enter/organisation")
    answer = await olga.submit("/console/enter/organisation", id="acme", name="Acme Ltd", jurisdiction="GB")
    page = await olga.follow(answer)
    assert "Verify who it is open Needs its identity" in page.words
    assert "Sign the terms blocked" in page.words
    assert f'href="{NEW}/do/verify"' in page.text
    for action in ("verify", "sign-terms", "activate"):
        await take(olga, site, "organisation:acme", action)
    page = await olga.get(NEW)
    assert "Admit the organisation done" in page.words
    assert "/console/enter/role?under=organisation%3Aacme" in page.text
    assert "minutes of 14 January" in page.words


async def test_an_administrator_brings_a_software_in_and_others_do_the_rest(site: Site, mia: Visitor) -> None:
    """Entered by its owner, with metadata; the proofs are shown elsewhere, as the page says."""
    form = await mia.get("/console/enter/software?under=organisation:moneyview")
    assert "It belongs to Organisation MoneyView" in form.words
    answer = await mia.submit(
        "/console/enter/software",
        under="organisation:moneyview",
        id="budget",
        name="Budget",
        metadata='{"redirect_uris": ["https://budget.example/callback"]}',
    )
    page = await mia.follow(answer)
    facts = site.keeper.register.now.find("software:budget").facts
    assert isinstance(facts, Software)
    assert facts.metadata["redirect_uris"] == ["https://budget.example/callback"]
    assert "It rests on a proof: trustweft onboard --help" in page.words
    assert "Go live blocked" in page.words


async def test_a_step_that_waits_for_a_second_person_leads_to_the_proposal(site: Site, olga: Visitor) -> None:
    """Nobody else has to look for it."""
    terms = frozenset(("organisation.activate",))
    site.terms.two_people = terms
    await olga.get("/console/enter/organisation")
    await olga.submit("/console/enter/organisation", id="acme", name="Acme Ltd")
    for action in ("verify", "sign-terms", "activate"):
        await take(olga, site, "organisation:acme", action)
    page = await olga.get(NEW)
    assert "Admit the organisation waiting Needs a second person, other than olga" in page.words
    proposal = max(site.keeper.register.now.proposals)
    assert f'href="/console/proposals/{proposal}">See the proposal' in page.text


async def test_every_form_makes_what_it_says(site: Site, olga: Visitor) -> None:
    """Roles, brands, APIs, authorisations and contacts."""
    for species, under, fields, subject in (
        (
            "role",
            "organisation:moneyview",
            {"role": "lender", "apis": "loans, rates"},
            "role:moneyview~lender",
        ),
        (
            "brand",
            "organisation:harbour-bank",
            {"id": "h2", "name": "Harbour 2", "issuer": "https://two.example"},
            "brand:h2",
        ),
        ("api", "brand:harbour-bank", {"id": "loans", "family": "loans"}, "api:loans"),
        (
            "authorisation",
            "software:moneyview",
            {"api": "balances", "role": "moneyview~reader"},
            "api:moneyview~balances",
        ),
        (
            "contact",
            "organisation:moneyview",
            {"id": "c1", "purpose": "security", "email": "s@moneyview.example"},
            "contact:c1",
        ),
    ):
        assert (await olga.get(f"/console/enter/{species}?under={under}")).status == 200
        answer = await olga.submit(f"/console/enter/{species}", under=under, **fields)
        assert answer.header("location").endswith(f"/participants/{subject}?said=done"), answer.text
        assert (await olga.follow(answer)).status == 200
    snapshot = site.keeper.register.now
    role, brand = snapshot.find("role:moneyview~lender").facts, snapshot.find("brand:h2").facts
    assert isinstance(role, Role)
    assert isinstance(brand, Brand)
    assert role.apis == ("loans", "rates")
    assert brand.organisation == "harbour-bank"


@pytest.mark.parametrize(
    ("species", "fields", "reason"),
    [
        ("organisation", {"name": "x"}, "console.missing-field"),
        ("organisation", {"id": "x", "name": "  "}, "console.missing-field"),
        ("organisation", {"id": "a b", "name": "x"}, "register.malformed-subject"),
        ("organisation", {"id": "a~b", "name": "x"}, "register.malformed-subject"),
        ("organisation", {"id": "moneyview", "name": "x"}, "register.exists"),
        ("organisation", {"id": "x", "name": "x" * 301}, "console.wrong-field"),
        ("brand", {"id": "x", "name": "x", "issuer": "javascript:alert(1)"}, "console.wrong-field"),
        ("brand", {"id": "x", "name": "x", "issuer": "http://x.example"}, "console.wrong-field"),
        (
            "brand",
            {"id": "x", "name": "x", "issuer": "https://x.example", "logo_uri": "data:,"},
            "console.wrong-field",
        ),
        ("software", {"id": "x", "name": "x", "metadata": "[1]"}, "json.not-an-object"),
        ("software", {"id": "x", "name": "x", "metadata": '{"a":1,"a":2}'}, "json.duplicate-member"),
        ("software", {"id": "x", "name": "x", "metadata": "{"}, "json.malformed"),
        ("contact", {"id": "x", "purpose": "fun"}, "console.wrong-field"),
        ("key", {"id": "x"}, "console.not-found"),
        ("certification", {"id": "x"}, "console.not-found"),
        ("user", {"id": "x"}, "console.not-found"),
        ("nothing", {}, "console.not-found"),
    ],
)
async def test_a_wrong_form_enters_nothing(
    site: Site, olga: Visitor, species: str, fields: dict[str, str], reason: str
) -> None:
    """Each is refused for what is wrong with it."""
    await olga.get("/console")
    before = len(site.events())
    answer = await olga.submit(f"/console/enter/{species}", under="organisation:moneyview", **fields)
    assert 400 <= answer.status < 500
    assert answer.reason == reason
    assert len(site.events()) == before
    assert site.hearing.failures == []


@pytest.mark.parametrize(
    ("species", "under", "reason"),
    [
        ("software", "organisation:harbour-bank", "console.not-found"),
        ("software", "organisation:nobody", "console.not-found"),
        ("software", "brand:harbour-bank", "console.not-found"),
        ("software", "software:moneyview", "console.not-found"),
        ("software", "", "console.not-found"),
        ("brand", "organisation:harbour-bank", "console.not-found"),
        ("role", "organisation:harbour-bank", "console.not-found"),
        ("organisation", "", "console.not-permitted"),
    ],
)
async def test_an_administrator_enters_nothing_for_others(
    site: Site, mia: Visitor, species: str, under: str, reason: str
) -> None:
    """Neither by the form nor by a request; others' organisations look like none."""
    await mia.get("/console")
    answer = await mia.submit(
        f"/console/enter/{species}",
        under=under,
        organisation="harbour-bank",
        id="x",
        name="x",
        role="x",
        issuer="https://x.example",
    )
    assert answer.reason == reason
    assert (await mia.get(f"/console/enter/{species}?under={under}")).reason == reason
    assert not [e for e in site.events() if isinstance(e, Added) and e.by.id == "mia"]


async def test_an_administrator_borrows_no_role_of_others(site: Site, mia: Visitor) -> None:
    """A software is authorised under a role of its own organisation."""
    await mia.get("/console")
    for role, reason in (
        ("harbour-bank~reader", "register.unknown-subject"),
        ("moneyview~payer", "register.role-does-not-permit"),
    ):
        answer = await mia.submit(
            "/console/enter/authorisation", under="software:moneyview", api="savings", role=role
        )
        assert answer.reason == reason
    assert site.keeper.register.now.get("api:moneyview~savings") is None


async def test_an_auditor_is_offered_no_form(ada: Visitor) -> None:
    """Nor any step to take."""
    page = await ada.get("/console/participants/organisation:moneyview")
    assert "The way in" in page.words
    assert "/console/enter/" not in page.text
    assert "/console/enter/" not in (await ada.get("/console/participants")).text
    assert (await ada.get("/console/enter/organisation")).reason == "console.not-permitted"
