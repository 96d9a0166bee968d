"""What the outside suite has no module for, at the authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.browser import Callback, Page
from conformance.examiner.parties import CALLBACKS
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination
    from conformance.examiner.wire import Answer


@examines("redirects-are-303")
def test_redirects_are_303(examination: Examination) -> None:
    """Every redirect makes the browser go on with GET (FAPI 2.0 SP 5.3.2.2-11): a 307 would post a password again."""
    allowed, denied = examination.begin(), examination.begin()
    allowed.get_code()
    denied.pushed()
    denied.browser.deny(denied.authorization_url(), examination.subject.person)
    for conversation in (allowed, denied):
        assert len(conversation.browser.redirects) >= 3
        assert set(conversation.browser.redirects) == {303}


@examines("authorization-endpoint-sends-no-cors")
def test_authorization_endpoint_sends_no_cors(examination: Examination) -> None:
    """No script of another origin reads the authorization endpoint (FAPI 2.0 SP 5.2.3-3), and no page frames it."""
    conversation = examination.begin()
    conversation.pushed()
    url = conversation.authorization_url()
    foreign = (("origin", "https://client.example"),)
    preflight = (*foreign, ("access-control-request-method", "GET"))
    for answer in (
        examination.wire.get(url, foreign),
        examination.wire.post(url, {}, foreign),
        examination.wire.send("OPTIONS", url, preflight),
    ):
        _check_browser_headers(answer)
    page = conversation.browser.open(url)
    assert isinstance(page, Page)
    _check_browser_headers(page.answer)


def _check_browser_headers(answer: Answer) -> None:
    shared = [name for name, _ in answer.headers if name.startswith("access-control-")]
    assert shared == [], shared
    if answer.media_type == "text/html":
        assert "frame-ancestors 'none'" in (answer.header("content-security-policy") or ""), answer.headers


@examines("request-uris-live-less-than-600-seconds")
def test_request_uris_live_less_than_600_seconds(examination: Examination) -> None:
    """A request URI lives less than ten minutes (FAPI 2.0 SP 5.3.2.2-12); nobody else keeps the answer."""
    conversation = examination.begin()
    answer = conversation.push()
    _uri, seconds = judging.check_pushed(answer)
    assert seconds < 600
    assert "no-store" in (answer.header("cache-control") or ""), answer.headers


@examines("assertions-serve-once-at-all-endpoints")
def test_assertions_serve_once_at_all_endpoints(examination: Examination) -> None:
    """An assertion that was used at one endpoint is of no use at another, nor at the same again."""
    conversation = examination.begin()
    used = {"client_assertion": conversation.assertion()}
    answer = conversation.post("pushed_authorization_request", {**conversation.request, **used})
    conversation.request_uri, conversation.expires_in = judging.check_pushed(answer)
    again = conversation.post("pushed_authorization_request", {**conversation.request, **used})
    judging.check_pushed_error(again, "invalid_client")
    conversation.authorized()
    answer = conversation.ask_for_tokens({**conversation.token_form(), **used})
    judging.check_token_error(answer, "invalid_client")
    conversation.got_tokens()  # what was refused burnt nothing
    revoking = {"token": conversation.access_token, **used}
    judging.check_token_error(conversation.post("revocation", revoking), "invalid_client")


@examines("errors-name-the-issuer")
def test_errors_name_the_issuer(examination: Examination) -> None:
    """Errors that travel to the client say whose they are, too (RFC 9207 section 2)."""
    silent = examination.begin()
    silent.request["prompt"] = "none"
    silent.pushed()
    _check_error(silent, silent.browser.open(silent.authorization_url()), "login_required")
    cancelled = examination.begin_second()
    cancelled.pushed()
    page = cancelled.browser.open(cancelled.authorization_url())
    assert isinstance(page, Page)
    _check_error(cancelled, cancelled.browser.press(page, "cancel"), "access_denied")


def _check_error(conversation: Conversation, shown: Page | Callback, error: str) -> None:
    assert isinstance(shown, Callback), shown.answer.body.decode()
    judging.check_callback_error(
        shown,
        error,
        redirect_uri=conversation.redirect_uri,
        state=conversation.request["state"],
        issuer=conversation.examination.metadata["issuer"],
    )


@examines("codes-are-bound-to-their-redirect-uri")
def test_codes_are_bound_to_their_redirect_uri(examination: Examination) -> None:
    """A code is worth nothing with another redirect URI of the client, nor without one (RFC 6749 section 4.1.3)."""
    conversation = examination.begin()
    conversation.get_code()
    form = conversation.token_form()
    other = {**form, "redirect_uri": CALLBACKS[1]}
    judging.check_token_error(conversation.ask_for_tokens(other), "invalid_grant")
    del form["redirect_uri"]
    judging.check_token_error(conversation.ask_for_tokens(form), "invalid_grant", "invalid_request")


@examines("pushing-needs-credentials")
def test_pushing_needs_credentials(examination: Examination) -> None:
    """Nobody pushes a request in a client's name alone (FAPI 2.0 SP 5.3.2.2-4)."""
    conversation = examination.begin()
    by_assertion = examination.variant.signs_assertions
    answer = conversation.push(authenticates=not by_assertion, certified=False)
    judging.check_pushed_error(answer, "invalid_client")
