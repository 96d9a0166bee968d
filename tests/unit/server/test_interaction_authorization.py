"""The authorization endpoint: only a pushed request of the client that sends the browser, in time, gets a page."""

from __future__ import annotations

import pytest

from browsing import (
    ISSUER,
    REDIRECT_URI,
    STATE,
    Browser,
    Site,
    answer_of,
    authorization_url,
    header_of,
    location_of,
)
from trustweft.protocol.http import HttpRequest
from trustweft.protocol.par import create_request_uri
from trustweft.server.pipeline import without

pytestmark = pytest.mark.anyio


async def test_a_pushed_request_leads_to_the_login_page(site: Site, browser: Browser) -> None:
    """The browser is redirected with 303 to an address of its own, which shows no parameter of the request."""
    response = await browser.get(await site.push())
    assert location_of(response).startswith(f"{ISSUER}/interaction/")
    assert "request_uri" not in location_of(response)
    assert header_of(response, "cache-control") == "no-store"
    page = await browser.follow(response)
    assert page.status == 200
    assert 'id="username"' in browser.page
    assert "MoneyView Ltd" in browser.words


async def test_the_cookie_is_bound_to_this_host_and_this_participant(site: Site, browser: Browser) -> None:
    """No other host, page without TLS or script gets at the secret, and its name says whose it is."""
    cookie = header_of(await browser.get(await site.push()), "set-cookie")
    name, _, attributes = cookie.partition(";")
    assert name.startswith("__Host-trustweft-server-")
    assert attributes.split("; ")[1:] == ["Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"]


async def test_no_answer_of_the_endpoint_invites_scripts_of_others(site: Site, browser: Browser) -> None:
    """The authorization endpoint never answers with CORS headers, whoever asks."""
    url = await site.push()
    for target in (url, url + "x", "/authorize"):
        response = await browser.get(target, origin="https://localhost:8444")
        assert not [name for name, _ in response.headers if name.startswith("access-control-")]


async def test_whatever_else_is_in_the_query_is_ignored(site: Site, browser: Browser) -> None:
    """Parameters outside the pushed request were not authenticated: even repeated ones change nothing."""
    url = await site.push()
    extra = "&redirect_uri=https%3A%2F%2Fevil.example&state=evil&scope=all&scope=more&response_type=token"
    await browser.open(url + extra)
    await browser.follow(await browser.log_in())
    assert answer_of(await browser.decide("approve"))["state"] == STATE


async def test_the_two_parameters_may_come_in_a_form(site: Site, browser: Browser) -> None:
    """OpenID Connect Core 3.1.2.1 has both methods."""
    query = (await site.push()).partition("?")[2]
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = await browser.send("POST", "/authorize", body=query.encode(), headers=form)
    assert location_of(response).startswith(f"{ISSUER}/interaction/")


async def test_another_method_is_refused(site: Site, browser: Browser) -> None:
    """The answer says which methods there are."""
    response = await browser.send("PUT", await site.push(), headers={})
    assert (response.status, header_of(response, "allow")) == (405, "GET, POST")


UNKNOWN_URI = create_request_uri("A" * 43)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "authorization.client-missing"),
        ("client_id=moneyview", "par.request-uri-missing"),
        ("client_id=moneyview&request_uri=", "par.request-uri-missing"),
        ("client_id=moneyview&request_uri=https%3A%2F%2Fevil.example%2Frequest", "par.request-uri-malformed"),
        (authorization_url("moneyview", UNKNOWN_URI).partition("?")[2], "request-uri.unknown"),
        (authorization_url("nobody", UNKNOWN_URI).partition("?")[2], "authorization.client-unknown"),
        (f"client_id=moneyview&client_id=otherapp&request_uri={UNKNOWN_URI}", "form.repeated-parameter"),
        (f"client_id=moneyview&request_uri={UNKNOWN_URI}&request_uri=x", "form.repeated-parameter"),
        (
            "client_id=moneyview&redirect_uri=https%3A%2F%2Flocalhost%3A8444%2Fcallback&response_type=code",
            "par.request-uri-missing",
        ),
    ],
)
async def test_faults_are_shown_as_a_page(site: Site, browser: Browser, query: str, reason: str) -> None:
    """Nothing redirects before a pushed request was found: the endpoint is no open redirector."""
    response = await browser.get(f"/authorize?{query}")
    assert (response.status, site.last_reason) == (400, reason)
    assert "location" not in dict(response.headers)
    assert 'id="error"' in browser.page
    assert "frame-ancestors 'none'" in header_of(response, "content-security-policy")


async def test_a_request_of_another_client_is_not_opened(site: Site, browser: Browser) -> None:
    """One client cannot send a browser with another's request."""
    url = (await site.push("moneyview")).replace("client_id=moneyview", "client_id=otherapp")
    response = await browser.get(url)
    assert (response.status, site.last_reason) == (400, "request-uri.foreign-client")
    assert browser.jar == {}


async def test_a_removed_client_gets_no_page(site: Site, browser: Browser) -> None:
    """Removal counts at once, also for a request that was pushed before it."""
    url = await site.push()
    await site.store.remove_client("moneyview", now=site.clock.now())
    assert (await browser.get(url)).status == 400
    assert site.last_reason == "authorization.client-unknown"


async def test_the_request_expires_at_its_second(site: Site, browser: Browser) -> None:
    """One moment before it opens, at the very second it does not."""
    url = await site.push()
    site.clock.advance(59.999)
    assert (await Browser(site).get(url)).status == 303
    site.clock.advance(0.001)
    assert (await browser.get(url)).status == 400
    assert site.last_reason == "request-uri.expired"


async def test_without_the_expiry_check_an_old_request_opens(site: Site, browser: Browser) -> None:
    """The check is what refuses it: the mutant without it lets it through."""
    url = await site.push()
    site.clock.advance(61)
    site.pipelines = without(site.pipelines, "authorization", "check_request_not_expired")
    assert (await browser.get(url)).status == 303


async def test_the_browser_that_opened_it_in_time_may_reload(site: Site, browser: Browser) -> None:
    """Expiry is judged when the request is first opened; the interaction then has its own time."""
    url = await site.push()
    first = await browser.get(url)
    site.clock.advance(300)
    assert location_of(await browser.get(url)) == location_of(first)
    assert (await Browser(site).get(url)).status == 400


async def test_the_interaction_ends_after_ten_minutes(site: Site, at_login: Browser) -> None:
    """Neither its page nor its form works from that second on."""
    site.clock.advance(600)
    assert (await at_login.log_in()).status == 400
    assert site.last_reason == "interaction.ended"
    assert (await at_login.get(at_login.interaction)).status == 400


async def test_opening_twice_before_the_end_is_fine(site: Site) -> None:
    """A page load spends nothing: link previews and impatient people do no harm."""
    url = await site.push()
    preview, browser = Browser(site), Browser(site)
    await preview.open(url)
    await browser.open(url)
    await browser.open(url)
    await browser.follow(await browser.log_in())
    assert set(answer_of(await browser.decide("approve"))) == {"code", "state", "iss"}


async def test_a_spent_request_is_not_opened_again(site: Site, at_consent: Browser) -> None:
    """After the answer the request is gone, for this browser and for others."""
    site.observer.reasons.clear()
    url = await site.push()
    other = Browser(site)
    await other.open(url)
    await other.follow(await other.log_in())
    await other.decide("deny")
    for visitor in (other, Browser(site)):
        assert (await visitor.get(url)).status == 400
        assert site.last_reason == "request-uri.unknown"


@pytest.mark.parametrize("prompt", [("login",), ("consent",), ("login", "consent"), ("select_account",)])
async def test_prompts_for_what_is_always_done_change_nothing(
    site: Site, browser: Browser, prompt: tuple[str, ...]
) -> None:
    """Everybody logs in and is asked anyway."""
    assert (await browser.open(await site.push(prompt=prompt))).status == 200


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (("none",), "login_required"),
        (("none", "login"), "invalid_request"),
        (("create",), "invalid_request"),
        (("login", "dance"), "invalid_request"),
    ],
)
async def test_impossible_prompts_go_back_to_the_client(
    site: Site, browser: Browser, prompt: tuple[str, ...], error: str
) -> None:
    """The refusal names the issuer and carries the state, and answers the request for good."""
    url = await site.push(prompt=prompt)
    answer = answer_of(await browser.get(url))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, ISSUER)
    assert (await browser.get(url)).status == 400


async def test_at_most_eight_cookies_are_kept_and_looked_at(site: Site, browser: Browser) -> None:
    """The oldest secrets go, so that a browser's header never outgrows what servers take."""
    urls = [await site.push() for _ in range(12)]
    for url in urls:
        await browser.get(url)
    assert len(browser.jar) == 8
    site.clock.advance(61)
    assert (await browser.get(urls[-1])).status == 303
    assert (await browser.get(urls[0])).status == 400


async def test_planted_duplicates_of_a_cookie_open_nothing(site: Site, at_login: Browser) -> None:
    """Two secrets under one name: one of them was planted, so neither counts."""
    ((name, value),) = at_login.jar.items()
    request = HttpRequest(
        method="GET", path=at_login.interaction, headers=(("cookie", f"{name}={value}; {name}={'A' * 43}"),)
    )
    assert (await site.respond(request)).status == 403
    assert site.last_reason == "interaction.no-cookie"


async def test_the_policy_of_the_page_names_the_verified_redirect_uri(site: Site, browser: Browser) -> None:
    """Browsers check every hop of a form's redirects against it."""
    page = await browser.open(await site.push())
    assert "form-action 'self' https://localhost:8444;" in header_of(page, "content-security-policy")
    assert REDIRECT_URI not in browser.page
