"""Forms: from our own pages, of this browser, as the page was; and everything malformed is refused with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.console import FORM, Visitor
from trustweft.web.console.application import BODY_LIMIT
from trustweft.web.wording import instant

if TYPE_CHECKING:
    from support.console import Site

pytestmark = pytest.mark.anyio

ROLE = "/console/participants/role:moneyview~payer"


@pytest.fixture
async def before(site: Site, olga: Visitor) -> int:
    """How many events there are, with the confirmation page open."""
    assert (await olga.get(f"{ROLE}/do/suspend")).status == 200
    return len(site.events())


async def test_a_form_without_the_token_changes_nothing(site: Site, olga: Visitor, before: int) -> None:
    """Neither without one, nor with another browser's, nor with that of the way in."""
    otto = await site.signed_in("otto", "operator")
    await otto.get("/console")
    stranger = Visitor(site)
    await stranger.get("/console/sign-in")
    for token in ("", "x", otto.csrf, stranger.csrf):
        answer = await olga.post(
            f"{ROLE}/do/suspend", {"csrf": token, "state": "active", "reason": "a page elsewhere"}
        )
        assert (answer.status, answer.reason) == (403, "csrf.token")
    assert len(site.events()) == before


async def test_the_token_of_no_cookie_is_no_token(site: Site) -> None:
    """Whoever has no cookie cannot compute what a form without one would carry."""
    stranger = Visitor(site)
    answer = await stranger.post("/console/sign-in/options", {"csrf": ""})
    assert (answer.status, answer.reason) == (403, "csrf.token")
    await stranger.get("/console/sign-in")
    empty = Visitor(site)
    empty.jar = {"__Host-trustweft-console-ceremony": ""}
    assert (await empty.post("/console/sign-in/options", {"csrf": stranger.csrf})).reason == "csrf.token"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"sec_fetch_site": "cross-site"}, "csrf.cross-site"),
        ({"sec_fetch_site": "same-site"}, "csrf.cross-site"),
        ({"sec_fetch_site": "none"}, "csrf.cross-site"),
        ({"origin": "https://localhost:8444"}, "csrf.foreign-origin"),
        ({"origin": "null", "sec_fetch_site": ""}, "csrf.foreign-origin"),
        ({"content_type": "text/plain"}, "form.content-type"),
        ({"content_type": "application/json"}, "form.content-type"),
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(
    site: Site, olga: Visitor, before: int, headers: dict[str, str], reason: str
) -> None:
    """Even with the right token; on one machine the neighbours are the same site."""
    fields = {"csrf": olga.csrf, "state": "active", "reason": "elsewhere"}
    answer = await olga.post(f"{ROLE}/do/suspend", fields, **headers)
    assert answer.reason == reason
    assert 400 <= answer.status < 500
    assert len(site.events()) == before


async def test_a_link_never_changes_anything(site: Site, olga: Visitor) -> None:
    """What changes something takes POST alone."""
    await olga.get("/console")
    before, token = len(site.events()), olga.csrf
    for address in ("/console/proposals/1/approve", "/console/people/ada/remove", "/console/sign-out"):
        answer = await olga.get(address)
        assert (answer.status, answer.reason) == (405, "console.method")
        assert answer.header("allow") == "POST"
    await olga.get(f"{ROLE}/do/suspend?state=active&reason=x&csrf={token}")
    assert len(site.events()) == before


async def test_what_changed_meanwhile_is_looked_at_again(site: Site, olga: Visitor, before: int) -> None:
    """A form that was filled in for another state does nothing."""
    for state in ("suspended", "", "live"):
        answer = await olga.submit(f"{ROLE}/do/suspend", state=state, reason="late")
        assert (answer.status, answer.reason) == (409, "console.changed-meanwhile")
    assert len(site.events()) == before


async def test_whoever_stops_somebody_says_why(site: Site, olga: Visitor, before: int) -> None:
    """The register asks for it, whatever the browser lets through."""
    for why in ("", "   "):
        answer = await olga.submit(f"{ROLE}/do/suspend", state="active", reason=why)
        assert (answer.status, answer.reason) == (400, "register.reason-missing")
    answer = await olga.submit(f"{ROLE}/do/suspend", state="active", reason="x" * 501)
    assert answer.reason == "console.text-too-long"
    assert len(site.events()) == before
    assert (await olga.submit(f"{ROLE}/do/suspend", state="active", reason="x" * 500)).status == 303


async def test_an_action_that_there_is_not_is_not_found(site: Site, olga: Visitor) -> None:
    """Neither by the page nor by the form."""
    await olga.get("/console")
    for action in ("resume", "delete", "archive", "%00", "go-live"):
        assert (await olga.get(f"{ROLE}/do/{action}")).reason == "console.not-found"
        answer = await olga.submit(f"{ROLE}/do/{action}", state="active", reason="x")
        assert answer.reason == "console.not-found"
    assert site.hearing.failures == []


async def test_a_notice_needs_a_day(site: Site, olga: Visitor) -> None:
    """And a day that there is; it stands on the page afterwards."""
    address = "/console/participants/organisation:moneyview"
    page = await olga.get(f"{address}/do/give-notice")
    assert 'type="date"' in page.text
    for due in ("soon", "2027-02-30", "2027-2-3", "٢٠٢٧-01-01"):
        answer = await olga.submit(f"{address}/do/give-notice", state="active", due=due)
        assert (answer.status, answer.reason) == (400, "console.malformed-time")
    answer = await olga.submit(f"{address}/do/give-notice", state="active", due="2027-03-01")
    assert "Leaves 1 March 2027" in (await olga.follow(answer)).words
    assert site.keeper.register.now.find("organisation:moneyview").due_at == 1_803_859_200.0


@pytest.mark.parametrize(
    "address",
    [
        "/console/nothing",
        "/console/",
        "/console/participants/",
        "/console/participants/x",
        "/console/participants/software:a/b",
        "/console/participants/%73oftware:moneyview%2f..",
        "/console/participants/software:%ff",
        "/console/proposals/-1",
        "/console/proposals/99999999999999999999999999",
        "/console/proposals/%d9%a1",
        "/console/log/events/0",
        "/console/log/events/999999",
        "/console/log/events/1e3",
        "/console/log/entries/0",
        "/console/log/entries/" + "9" * 50,
        "/console/graph?organisation=nobody",
    ],
)
async def test_addresses_that_lead_nowhere(site: Site, olga: Visitor, address: str) -> None:
    """All get the same page, and nothing breaks."""
    answer = await olga.get(address)
    assert (answer.status, answer.reason) == (404, "console.not-found")
    assert "There is nothing here" in answer.words
    assert site.hearing.failures == []


@pytest.mark.parametrize(
    "query",
    [
        "at=yesterday", "at=2027-01-15T25:00Z", "at=2027-13-01T00:00Z", "at=9999-12-31T23:59Z", "at=0000-01-01T00:00Z",
        "at=2027-01-15T08:00+02:00", "at=1&at=2", "at=%ff", "page=0&page=1",
    ],
)  # fmt: skip
async def test_a_malformed_question_is_refused(site: Site, olga: Visitor, query: str) -> None:
    """With a page and a 4xx."""
    for address in ("/console", "/console/participants", "/console/graph", "/console/calendar"):
        answer = await olga.get(f"{address}?{query}")
        assert 400 <= answer.status < 500, answer.status
        assert answer.reason
    assert site.hearing.failures == []


async def test_nobody_looks_ahead(site: Site, olga: Visitor) -> None:
    """A minute from now is the future; this very second is not."""
    ahead = instant(site.clock.now() + 60)
    answer = await olga.get(f"/console?at={ahead}")
    assert (answer.status, answer.reason) == (400, "console.future-time")
    assert (await olga.get(f"/console?at={instant(site.clock.now())}")).status == 200


@pytest.mark.parametrize("query", ["month=2027", "month=2027-13", "month=0000-01", "month=x", "month=2027-1"])
async def test_a_month_that_there_is_not_is_refused(olga: Visitor, query: str) -> None:
    """With the form that a month has."""
    answer = await olga.get(f"/console/calendar?{query}")
    assert (answer.status, answer.reason) == (400, "console.malformed-time")


@pytest.mark.parametrize("query", ["month=0001-01", "month=9999-12", "page=0", "page=-1", "page=9999", "page=x",
                                   "kind=nothing", "effect=nothing", "before=x", "type=%22", "said=%3Cb%3E"])  # fmt: skip
async def test_a_strange_question_gets_an_empty_answer(site: Site, olga: Visitor, query: str) -> None:
    """Filters that fit nothing find nothing."""
    for address in ("/console/participants", "/console/calendar", "/console/log", "/console/graph"):
        assert (await olga.get(f"{address}?{query}")).status == 200
    assert site.hearing.failures == []


async def test_a_body_has_an_end(site: Site, olga: Visitor, before: int) -> None:
    """More than a passkey's answer needs is not read."""
    answer = await olga.send(
        "POST", f"{ROLE}/do/suspend", body=b"x" * (BODY_LIMIT + 1), headers={"content-type": FORM}
    )
    assert answer.status == 413
    twice = await olga.send(
        "POST",
        f"{ROLE}/do/suspend",
        body=f"csrf={olga.csrf}&state=active&reason=a&reason=b".encode(),
        headers={"content-type": FORM, "sec-fetch-site": "same-origin"},
    )
    assert twice.reason == "form.repeated-parameter"
    assert len(site.events()) == before


async def test_two_cookies_of_one_name_are_none(site: Site, olga: Visitor) -> None:
    """One of them was planted, and nobody knows which."""
    (secret,) = olga.jar.values()
    name = "__Host-trustweft-console"
    answer = await olga.send("GET", "/console", headers={"cookie": f"{name}={secret}; {name}={'A' * 43}"})
    assert answer.status == 303
    assert site.hearing.failures == []


@pytest.mark.parametrize("address", ["/console", "/console/sign-in", "/console/nothing", "/console/people"])
async def test_every_page_is_protected(olga: Visitor, address: str) -> None:
    """Nothing from elsewhere, nothing inline, nothing framed, nothing kept."""
    answer = await olga.get(address)
    policy = answer.header("content-security-policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "form-action 'self'; frame-ancestors 'none'" in policy
    assert ("script-src" in policy) is (address == "/console/sign-in")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("x-content-type-options") == "nosniff"
    assert "<style" not in answer.text
    assert "style=" not in answer.text


async def test_only_operators_and_their_links_change_who_there_is(site: Site, olga: Visitor) -> None:
    """Wrong parts and names are refused with the register and the accounts as they were."""
    await olga.get("/console/people")
    before = len(site.events())
    for fields, reason in (
        ({"name": "x", "part": "authority"}, "console.wrong-part"),
        ({"name": "x"}, "console.wrong-part"),
        ({"name": "x", "part": "administrator"}, "console.wrong-part"),
        ({"name": "<b>", "part": "auditor"}, "console.wrong-name"),
        ({"name": "olga", "part": "auditor"}, "console.name-taken"),
        ({"name": "olga", "part": "administrator", "organisation": "moneyview"}, "console.name-taken"),
    ):
        answer = await olga.submit("/console/people", **fields)
        assert answer.reason == reason
    for name, reason in (("nobody", "console.unknown-person"), ("olga", "console.last-operator")):
        await olga.get("/console/people")
        assert (await olga.submit(f"/console/people/{name}/remove")).reason == reason
    assert len(site.events()) == before
