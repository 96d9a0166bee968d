"""The decision: once, by whoever logged in, in their browser; and what the client then gets."""

from __future__ import annotations

import asyncio
import re

import pytest
from msgspec.structs import replace

from browsing import ISSUER, STATE, Browser, Site, answer_of, header_of, location_of
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.enforces import enforced_by
from trustweft.server.login.answers import answer_client, see_other
from trustweft.server.pipeline import without

pytestmark = pytest.mark.anyio


async def test_approval_sends_code_state_and_issuer(site: Site, at_consent: Browser) -> None:
    """And nothing else; the redirect URI's own query stays byte for byte (checked by ``answer_of``)."""
    response = await at_consent.decide("approve")
    answer = answer_of(response)
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", answer["code"])
    assert header_of(response, "cache-control") == "no-store"
    assert header_of(response, "referrer-policy") == "no-referrer"
    assert response.body == b""
    assert at_consent.jar == {}


async def test_the_code_carries_what_was_pushed_and_who_agreed(site: Site, at_consent: Browser) -> None:
    """Only its digest is stored, and it dies within 60 seconds."""
    code = answer_of(await at_consent.decide("approve"))["code"]
    alice = await site.store.find_user("alice")
    record = await site.store.find_code(digest_of(code))
    assert record is not None
    assert alice is not None
    now = site.clock.now()
    assert (record.client_id, record.subject, record.scope) == (
        "moneyview",
        alice.subject,
        ("openid", "accounts"),
    )
    assert (record.nonce, record.methods, record.authenticated_at) == ("n-1", ("pwd",), now)
    assert (record.expires_at - now, record.dpop_jkt is not None) == (60, True)
    grant = await site.store.find_grant(record.grant_id)
    assert grant is not None
    assert (grant.subject, grant.client_id, grant.scope) == (record.subject, record.client_id, record.scope)
    assert grant.expires_at - now == site.deployment.profile.limits.grant_lifetime
    assert code not in repr(record)


async def test_denial_sends_access_denied(site: Site, at_consent: Browser) -> None:
    """With state and issuer, and without a code."""
    answer = answer_of(await at_consent.decide("deny"))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER)
    assert "code" not in answer
    assert site.last_reason == "consent.denied"


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_no_state_in_no_state_out(site: Site, browser: Browser, decision: str) -> None:
    """The client's state is its own affair."""
    await browser.open(await site.push(state=None))
    await browser.follow(await browser.log_in())
    assert "state" not in answer_of(await browser.decide(decision))


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_decision_is_made_once(site: Site, at_consent: Browser, decision: str) -> None:
    """The same form again, with the cookies of before, is shown a page."""
    cookies = dict(at_consent.jar)
    form = {"csrf": at_consent.csrf, "decision": decision}
    assert (await at_consent.submit("/decision", form)).status == 303
    at_consent.jar = cookies
    assert (await at_consent.submit("/decision", form)).status == 400
    assert site.last_reason == "interaction.ended"


async def test_of_two_browsers_with_one_request_one_wins(site: Site) -> None:
    """A leaked request is answered once, whoever answers it."""
    url = await site.push()
    browsers = [Browser(site), Browser(site)]
    for browser, name in zip(browsers, ("alice", "bob"), strict=True):
        await browser.open(url)
        await browser.follow(await browser.log_in(name))
    responses = await asyncio.gather(*(browser.decide("approve") for browser in browsers))
    assert sorted(response.status for response in responses) == [303, 400]
    assert site.last_reason == "request-uri.spent"


async def test_of_many_copies_of_one_decision_one_wins(site: Site, at_consent: Browser) -> None:
    """Double clicks make one grant."""
    form = {"csrf": at_consent.csrf, "decision": "approve"}
    copies = [Browser(site) for _ in range(10)]
    for copy in copies:
        copy.jar, copy.path = dict(at_consent.jar), at_consent.path
    responses = await asyncio.gather(*(copy.submit("/decision", form) for copy in copies))
    assert sorted(response.status for response in responses) == [303] + [400] * 9


async def test_a_page_of_a_request_that_another_browser_answered_says_so(site: Site) -> None:
    """The question goes away with the request."""
    url = await site.push()
    slow, quick = Browser(site), Browser(site)
    await slow.open(url)
    await quick.open(url)
    await quick.follow(await quick.log_in())
    await quick.decide("approve")
    assert (await slow.get(slow.interaction)).status == 400
    assert site.last_reason == "request-uri.spent"


async def test_without_spending_a_request_is_answered_twice(site: Site) -> None:
    """The check is what refuses: the mutant without it lets both browsers win."""
    site.pipelines = without(site.pipelines, "decision", "spend_request")
    url = await site.push()
    for name in ("alice", "bob"):
        browser = Browser(site)
        await browser.open(url)
        await browser.follow(await browser.log_in(name))
        assert "code" in answer_of(await browser.decide("approve"))


async def test_nobody_approves_without_having_logged_in(site: Site, at_login: Browser) -> None:
    """The decision is refused, and nothing is spent."""
    response = await at_login.decide("approve")
    assert location_of(response).startswith(ISSUER + at_login.interaction)
    assert site.last_reason == "login.required"
    await at_login.follow(response)
    await at_login.follow(await at_login.log_in())
    assert "code" in answer_of(await at_login.decide("approve"))


@pytest.mark.parametrize("decision", ["", "Approve", "approve ", "yes"])
async def test_anything_else_is_no_decision(site: Site, at_consent: Browser, decision: str) -> None:
    """The question stays open."""
    assert (
        await at_consent.submit("/decision", {"csrf": at_consent.csrf, "decision": decision})
    ).status == 400
    assert site.last_reason == "consent.decision"
    await at_consent.get(at_consent.interaction)
    assert "code" in answer_of(await at_consent.decide("approve"))


async def test_a_foreign_page_cannot_approve(site: Site, at_consent: Browser) -> None:
    """Neither with the token from before the login, nor across origins."""
    form = {"csrf": at_consent.csrf, "decision": "approve"}
    foreign = {"sec-fetch-site": "same-site", "origin": "https://localhost:8444"}
    assert (await at_consent.submit("/decision", form, headers=foreign)).status == 403
    assert (await at_consent.submit("/decision", {**form, "csrf": "x"})).status == 403


async def test_another_browser_cannot_approve(site: Site, at_consent: Browser) -> None:
    """Not even with address and token."""
    stranger = Browser(site)
    stranger.path, stranger.page = at_consent.path, at_consent.page
    assert (await stranger.decide("approve")).status == 403


async def test_a_client_that_was_removed_gets_no_code(site: Site, at_consent: Browser) -> None:
    """Removal counts at once."""
    await site.store.remove_client("moneyview", now=site.clock.now())
    assert (await at_consent.decide("approve")).status == 400
    assert site.last_reason == "interaction.client-gone"


async def test_a_client_that_was_removed_is_not_shown(site: Site, at_login: Browser) -> None:
    """Nobody is asked for a password on its behalf."""
    await site.store.remove_client("moneyview", now=site.clock.now())
    assert (await at_login.get(at_login.interaction)).status == 400
    assert site.last_reason == "interaction.client-gone"


async def test_a_decision_without_a_login_time_makes_no_code(site: Site, at_consent: Browser) -> None:
    """Whatever the store has: a code always says when its person logged in."""
    for digest, interaction in [*site.store._interactions.items()]:
        site.store._interactions[digest] = replace(interaction, authenticated_at=None)
    assert (await at_consent.decide("approve")).status == 400
    assert site.last_reason == "interaction.ended"


async def test_a_person_who_was_removed_grants_nothing(site: Site, at_consent: Browser) -> None:
    """Removal counts at once."""
    await site.store.remove_user("alice", now=site.clock.now())
    assert (await at_consent.decide("approve")).status == 403
    assert site.last_reason == "login.person-gone"
    assert (await at_consent.get(at_consent.interaction)).status == 403


async def test_names_of_strangers_are_text(site: Site, browser: Browser) -> None:
    """A client's name cannot write into the page."""
    await site.register("evil-app", name="<script>alert(1)</script>")
    await browser.open(await site.push("evil-app"))
    assert "<script>alert" not in browser.page
    assert "<script>alert(1)</script>" in html_unescaped(browser.page)


def html_unescaped(page: str) -> str:
    """Return the page with its entities resolved."""
    return page.replace("&lt;", "<").replace("&gt;", ">")


def test_the_answers_are_tied_to_their_clauses() -> None:
    """``iss`` on every response, 303 and never 307: one place each."""
    assert "FAPI2-SP-5.3.2.2-7" in enforced_by(answer_client)
    assert {"FAPI2-SP-5.3.2.2-10", "FAPI2-SP-5.3.2.2-11"} <= set(enforced_by(see_other))
