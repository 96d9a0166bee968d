"""Two people decide: the proposer is not the second one, whatever accounts there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.console import Visitor

if TYPE_CHECKING:
    from support.console import Site

pytestmark = pytest.mark.anyio

SOFTWARE = "/console/participants/software:moneyview"


async def propose(visitor: Visitor, site: Site) -> str:
    """Propose to suspend the software; return the address of the proposal."""
    page = await visitor.get(f"{SOFTWARE}/do/suspend")
    assert "Two people decide about this" in page.words
    answer = await visitor.submit(f"{SOFTWARE}/do/suspend", state="live", reason="it leaks")
    assert answer.header("location").endswith("software:moneyview?said=proposed")
    assert site.keeper.register.now.find("software:moneyview").state == "live"
    return f"/console/proposals/{max(site.keeper.register.now.proposals)}"


async def test_a_second_person_approves_and_it_is_done(site: Site, olga: Visitor) -> None:
    """The register has both names; the overview named what waited."""
    otto = await site.signed_in("otto", "operator")
    address = await propose(olga, site)
    assert "suspend software:moneyview" in (await otto.get("/console")).words
    page = await otto.get(address)
    assert "it leaks" in page.words
    assert "Approve: suspend" in page.words
    assert "may use accounts" in page.words  # what it would stop besides
    answer = await otto.submit(f"{address}/approve")
    assert answer.header("location").endswith("said=approved")
    event = site.events()[-1]
    assert event.approved_by is not None
    assert (event.by.id, event.approved_by.id) == ("olga", "otto")
    assert site.keeper.register.now.find("software:moneyview").state == "suspended"


async def test_the_proposer_cannot_approve(site: Site, olga: Visitor) -> None:
    """The page says so and has no button; a request of one's own is refused."""
    address = await propose(olga, site)
    page = await olga.get(address)
    assert "You cannot approve it" in page.words
    assert 'id="approve"' not in page.text
    answer = await olga.submit(f"{address}/approve")
    assert (answer.status, answer.reason) == (403, "register.own-proposal")
    assert site.keeper.register.now.find("software:moneyview").state == "live"


async def test_an_account_that_the_proposer_made_is_no_second_person(site: Site, olga: Visitor) -> None:
    """An operator who invites a second self still counts as one person."""
    puppet = await site.signed_in("marionette", "operator", vouched_by="olga")
    address = await propose(olga, site)
    page = await puppet.get(address)
    assert "go back to one person" in page.words
    answer = await puppet.submit(f"{address}/approve")
    assert (answer.status, answer.reason) == (403, "console.not-a-second-person")
    assert site.keeper.register.now.find("software:moneyview").state == "live"
    otto = await site.signed_in("otto", "operator")
    await otto.get(address)
    assert (await otto.submit(f"{address}/approve")).status == 303


async def test_whoever_is_invited_in_the_console_goes_back_to_who_invited(site: Site, olga: Visitor) -> None:
    """Over any number of steps."""
    chain = olga
    for name in ("first", "second"):
        await chain.get("/console/people")
        page = await chain.submit("/console/people", name=name, part="operator")
        link = page.text.partition('id="link">https://localhost:8445')[2].partition("<")[0]
        chain = Visitor(site)
        await chain.enrol(link)
        await chain.sign_in()
        person = await site.accounts.find_person(name)
        assert person is not None
        assert person.vouched_by == "olga"


async def test_a_proposal_is_declined_or_taken_back(site: Site, olga: Visitor) -> None:
    """Nothing happened, and the log says why."""
    otto = await site.signed_in("otto", "operator")
    for visitor in (otto, olga):
        address = await propose(olga, site)
        await visitor.get(address)
        answer = await visitor.submit(f"{address}/decline", reason="not so")
        assert answer.header("location").endswith("said=declined")
        assert site.keeper.register.now.proposals == {}
        assert site.events()[-1].reason == "not so"
    again = await otto.submit("/console/proposals/9999/approve")
    assert again.reason == "console.not-found"


async def test_a_declined_reason_has_an_end(site: Site, olga: Visitor) -> None:
    """Nobody fills the register with a book."""
    address = await propose(olga, site)
    answer = await olga.submit(f"{address}/decline", reason="x" * 501)
    assert answer.reason == "console.text-too-long"
    assert site.keeper.register.now.proposals


async def test_an_auditor_sees_who_must_approve(site: Site, olga: Visitor, ada: Visitor) -> None:
    """Without a button."""
    address = await propose(olga, site)
    page = await ada.get(address)
    assert "Somebody else than olga" in page.words
    assert "<button id=" not in page.text.replace('<button id="sign-out"', "")
