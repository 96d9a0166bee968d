"""Authorization requests: what may be left out, what is echoed, what is refused, and what the query is not asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from conformance.examiner import judging
from conformance.examiner.browser import Callback, Page
from conformance.examiner.keys import random_text
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination

_OBJECT_ERRORS: Final = ("invalid_request", "invalid_request_object")


@examines("ensure-authorization-request-without-state-success")
def test_ensure_authorization_request_without_state_success(examination: Examination) -> None:
    """Where no state is sent, none comes back."""
    conversation = examination.begin()
    del conversation.request["state"]
    conversation.completed()


@examines("ensure-authorization-request-without-nonce-success")
def test_ensure_authorization_request_without_nonce_success(examination: Examination) -> None:
    """Where no nonce is sent, there is none in the ID token."""
    conversation = examination.begin()
    del conversation.request["nonce"]
    conversation.completed()


@examines("ensure-authorization-request-with-64-char-nonce-success")
def test_ensure_authorization_request_with_64_char_nonce_success(examination: Examination) -> None:
    """A nonce of 64 characters is taken (FAPI 2.0 SP 5.3.2.2-14)."""
    conversation = examination.begin()
    conversation.set_nonce(64)
    conversation.completed()


@examines("ensure-other-scope-order-succeeds")
def test_ensure_other_scope_order_succeeds(examination: Examination) -> None:
    """The order of scope values means nothing (RFC 6749 section 3.3)."""
    conversation = examination.begin()
    conversation.request["scope"] = " ".join(reversed(conversation.request["scope"].split()))
    conversation.completed()


@examines("test-claims-parameter-identity-claims")
def test_test_claims_parameter_identity_claims(examination: Examination) -> None:
    """The metadata says that there is no claims parameter; asking for claims with one is refused, not ignored.

    The suite skips the module where the metadata says so, which it may.
    """
    assert examination.metadata["claims_parameter_supported"] is False
    conversation = examination.begin()
    conversation.request["claims"] = json.dumps({"id_token": {"email": {"essential": True}}})
    judging.check_pushed_error(conversation.push(), "invalid_request")


@examines("ensure-different-nonce-inside-and-outside-request-object")
def test_ensure_different_nonce_inside_and_outside_request_object(examination: Examination) -> None:
    """The nonce that was pushed counts, not one in the query."""
    conversation = examination.begin()
    conversation.pushed()
    conversation.authorized(conversation.authorization_url({"nonce": random_text()}))
    conversation.got_tokens()
    conversation.used()


@examines("ensure-different-state-inside-and-outside-request-object")
def test_ensure_different_state_inside_and_outside_request_object(examination: Examination) -> None:
    """The state that was pushed counts, not one in the query."""
    conversation = examination.begin()
    conversation.pushed()
    conversation.authorized(conversation.authorization_url({"state": random_text()}))
    conversation.got_tokens()
    conversation.used()


@examines("state-only-outside-request-object-not-used")
def test_state_only_outside_request_object_not_used(examination: Examination) -> None:
    """A state in the query alone is no state."""
    conversation = examination.begin()
    del conversation.request["state"]
    conversation.pushed()
    conversation.authorized(conversation.authorization_url({"state": random_text()}))
    conversation.got_tokens()
    conversation.used()


@examines("ensure-authorization-request-with-long-nonce")
def test_ensure_authorization_request_with_long_nonce(examination: Examination) -> None:
    """A nonce of 384 characters is kept as it is, or refused; never cut."""
    conversation = examination.begin()
    conversation.set_nonce(384)
    _complete_or_refuse(conversation)


@examines("ensure-authorization-request-with-long-state")
def test_ensure_authorization_request_with_long_state(examination: Examination) -> None:
    """A state of 1000 characters is echoed as it is, or refused; never cut."""
    conversation = examination.begin()
    conversation.set_state(1_000)
    _complete_or_refuse(conversation)


def _complete_or_refuse(conversation: Conversation) -> None:
    answer = conversation.push()
    if answer.status >= 400:
        judging.check_pushed_error(answer, "invalid_request")
        return
    conversation.request_uri, conversation.expires_in = judging.check_pushed(answer)
    conversation.authorized()
    conversation.got_tokens()
    conversation.used()


@examines("ensure-request-object-without-redirect-uri-fails")
def test_ensure_request_object_without_redirect_uri_fails(examination: Examination) -> None:
    """A request without redirect_uri is refused when it is pushed; what the query says does not make up for it."""
    conversation = examination.begin()
    outside = conversation.request.pop("redirect_uri")
    _check_refused(conversation, *_OBJECT_ERRORS, redirect_uri=outside)


@examines("ensure-redirect-uri-in-authorization-request")
def test_ensure_redirect_uri_in_authorization_request(examination: Examination) -> None:
    """A request without redirect_uri is refused (FAPI 2.0 SP 5.3.2.2-6; the suite would let a default pass)."""
    conversation = examination.begin()
    del conversation.request["redirect_uri"]
    _check_refused(conversation, *_OBJECT_ERRORS)


@examines("ensure-registered-redirect-uri")
def test_ensure_registered_redirect_uri(examination: Examination) -> None:
    """A redirect URI that is not registered is refused, and nobody is sent there.

    The suite asks this of national profiles alone: plain FAPI would allow it (RFC 9126 section 2.4). We do not.
    """
    conversation = examination.begin()
    conversation.request["redirect_uri"] += f"/{random_text(10)}"
    _check_refused(conversation, *_OBJECT_ERRORS)


@examines("plain-fapi-tolerate-unregistered-redirect-uri")
def test_plain_fapi_tolerate_unregistered_redirect_uri(examination: Examination) -> None:
    """A redirect URI that is not registered is taken, or refused with the right error."""
    conversation = examination.begin()
    conversation.request["redirect_uri"] += f"/{random_text(10)}"
    conversation.redirect_uri = conversation.request["redirect_uri"]
    answer = conversation.push()
    if answer.status >= 400:
        judging.check_pushed_error(answer, *_OBJECT_ERRORS)
        return
    conversation.request_uri, conversation.expires_in = judging.check_pushed(answer)
    conversation.authorized()
    conversation.got_tokens()


@examines("ensure-unsigned-authorization-request-without-using-par-fails")
def test_ensure_unsigned_authorization_request_without_using_par_fails(examination: Examination) -> None:
    """A request that was not pushed is answered with an error: a page, or a redirect with invalid_request."""
    conversation = examination.begin()
    url = f"{examination.metadata['authorization_endpoint']}?{urlencode(conversation.request)}"
    _check_error_page_or_redirect(conversation, url, "invalid_request")


@examines("ensure-response-type-code-idtoken-fails")
def test_ensure_response_type_code_idtoken_fails(examination: Examination) -> None:
    """The response type `code id_token` is refused (FAPI 2.0 SP 5.3.2.2-1)."""
    _check_response_type_refused(examination, "code id_token")


@examines("ensure-response-type-token-fails")
def test_ensure_response_type_token_fails(examination: Examination) -> None:
    """The response type `token` is refused (FAPI 2.0 SP 5.3.2.2-1)."""
    _check_response_type_refused(examination, "token")


def _check_response_type_refused(examination: Examination, response_type: str) -> None:
    conversation = examination.begin()
    conversation.request["response_type"] = response_type
    _check_refused(conversation, "unsupported_response_type", "invalid_request", "unauthorized_client")


def _check_refused(conversation: Conversation, *errors: str, **outside: str) -> None:
    """Hold that a request is refused when it is pushed, or at the browser; in neither case is there a code."""
    answer = conversation.push()
    if answer.status >= 400:
        judging.check_pushed_error(answer, *errors)
        return
    conversation.request_uri, conversation.expires_in = judging.check_pushed(answer)
    _check_error_page_or_redirect(conversation, conversation.authorization_url(outside), *errors)


def _check_error_page_or_redirect(conversation: Conversation, url: str, *errors: str) -> None:
    shown = conversation.browser.open(url)
    if isinstance(shown, Page):
        assert shown.is_error, "somebody is asked to log in"
        return
    assert isinstance(shown, Callback)
    judging.check_callback_error(
        shown,
        *errors,
        redirect_uri=conversation.redirect_uri,
        state=conversation.request.get("state"),
        issuer=conversation.examination.metadata["issuer"],
    )
