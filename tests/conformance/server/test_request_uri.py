"""Request URIs: who may use them, how long, how often; and what the endpoint that gives them out refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.browser import Page
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination


@examines("par-without-duplicate-parameters")
def test_par_without_duplicate_parameters(examination: Examination) -> None:
    """client_id and request_uri are all that the browser need bring (RFC 9126 section 4)."""
    conversation = examination.begin()
    conversation.pushed()
    conversation.authorized(conversation.authorization_url(duplicates=False))
    conversation.got_tokens()
    conversation.used()


@examines("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")
def test_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(examination: Examination) -> None:
    """A page that is loaded twice works the second time: a look spends nothing (FAPI 2.0 SP 5.3.2.2)."""
    conversation = examination.begin()
    conversation.pushed()
    first = conversation.browser.open(conversation.authorization_url())
    assert isinstance(first, Page)
    assert "login" in first.buttons, first.answer.body.decode()
    conversation.authorized()
    conversation.got_tokens()
    conversation.used()


@examines("par-attempt-reuse-request_uri")
def test_par_attempt_reuse_request_uri(examination: Examination) -> None:
    """A request that was answered is not answered again (RFC 9126 section 7.3)."""
    conversation = examination.begin()
    conversation.completed()
    _check_no_use(conversation)


@examines("par-attempt-to-use-expired-request_uri")
def test_par_attempt_to_use_expired_request_uri(examination: Examination) -> None:
    """A request URI dies when the answer said that it would."""
    conversation = examination.begin()
    conversation.pushed()
    examination.wait(conversation.expires_in)
    _check_no_use(conversation)


@examines("par-attempt-to-use-request_uri-for-different-client")
def test_par_attempt_to_use_request_uri_for_different_client(examination: Examination) -> None:
    """A request URI serves the client that pushed the request (RFC 9126 section 2.2)."""
    conversation = examination.begin()
    conversation.pushed()
    _check_no_use(conversation, client_id=examination.second.client_id)


def _check_no_use(conversation: Conversation, **outside: str) -> None:
    """Hold that a request URI leads to a page that says so, and to nobody's log-in.

    The suite would let the error travel to the client too. Ours does not: nothing that is not this client's request
    has a redirect URI to be trusted.
    """
    shown = conversation.examination.browser().open(conversation.authorization_url(outside))
    assert isinstance(shown, Page), shown
    assert shown.is_error, "somebody is asked to log in"


@examines("par-authorization-request-containing-request_uri-form-param")
def test_par_authorization_request_containing_request_uri_form_param(examination: Examination) -> None:
    """A pushed request never points at another one (RFC 9126 section 2.1)."""
    conversation = examination.begin()
    conversation.request["request_uri"] = "urn:fdc:example.com:E2ooXxELkEFSKR90ymYV-BbwAvCC2TozHfSb_mMCw2s"
    judging.check_pushed_error(
        conversation.push(), "invalid_request", "invalid_request_object", "request_uri_not_supported"
    )


@examines("par-attempt-invalid-http-method")
def test_par_attempt_invalid_http_method(examination: Examination) -> None:
    """Requests are pushed with POST and nothing else (RFC 9126 section 2.3)."""
    answer = examination.begin().push(method="PUT")
    assert answer.status == 405, answer
    assert answer.header("allow") == "POST", answer
