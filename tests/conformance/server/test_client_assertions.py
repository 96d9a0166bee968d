"""Client assertions: whom they are for, how long they live, and what they must hold (FAPI 2.0 SP 5.3.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.server.examining import examines

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.examiner.examination import Examination
    from conformance.examiner.keys import Token
    from conformance.examiner.wire import Answer

    Edit = Callable[[Token], None]

_EITHER = ("invalid_client", "invalid_request")


def _ask(examination: Examination, edit: Edit) -> Answer:
    """Ask for tokens with a changed assertion."""
    conversation = examination.begin()
    conversation.get_code()
    conversation.edit_assertion = edit
    return conversation.ask_for_tokens()


def _push(examination: Examination, edit: Edit) -> Answer:
    """Push a request with a changed assertion."""
    conversation = examination.begin()
    conversation.edit_assertion = edit
    return conversation.push()


def _claims(**changes: object) -> Edit:
    def edit(assertion: Token) -> None:
        assertion.claims |= changes

    return edit


def _later(seconds: int, *names: str) -> Edit:
    def edit(assertion: Token) -> None:
        assertion.claims |= {name: assertion.claims[name] + seconds for name in names}

    return edit


@examines("ensure-signed-client-assertion-with-RS256-fails")
def test_ensure_signed_client_assertion_with_rs256_fails(examination: Examination) -> None:
    """RS256 is refused, though the client's key could make it (FAPI 2.0 SP 5.4.1)."""

    def edit(assertion: Token) -> None:
        assert assertion.header["alg"] == "PS256"
        assertion.header["alg"] = "RS256"

    judging.check_token_error(_ask(examination, edit), "invalid_client")


@examines("ensure-client-assertion-in-token-endpoint")
def test_ensure_client_assertion_in_token_endpoint(examination: Examination) -> None:
    """A client's name is no credential."""
    conversation = examination.begin()
    conversation.get_code()
    form = {**conversation.token_form(), "client_id": conversation.party.client_id}
    judging.check_token_error(conversation.ask_for_tokens(form, authenticates=False), *_EITHER)


@examines("ensure-client-assertion-with-exp-is-5-minutes-in-past-fails")
def test_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(examination: Examination) -> None:
    """An assertion that expired five minutes ago is refused."""
    judging.check_token_error(_ask(examination, _claims(exp=examination.now() - 300)), *_EITHER)


@examines("ensure-client-assertion-with-wrong-aud-fails")
def test_ensure_client_assertion_with_wrong_aud_fails(examination: Examination) -> None:
    """An assertion for somebody else is refused."""
    edit = _claims(aud="https://resource.example/api/userinfo")
    judging.check_token_error(_ask(examination, edit), *_EITHER)


@examines("ensure-client-assertion-with-no-sub-fails")
def test_ensure_client_assertion_with_no_sub_fails(examination: Examination) -> None:
    """An assertion without sub is refused: a signed request object would pass for one (RFC 7523 section 3)."""
    judging.check_token_error(_ask(examination, lambda assertion: assertion.claims.pop("sub")), *_EITHER)


@examines("par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")
def test_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(
    examination: Examination,
) -> None:
    """A client whose clock is eight seconds ahead is heard (FAPI 2.0 SP 5.3.2.1)."""
    conversation = examination.begin()
    conversation.edit_assertion = _later(8, "iat", "nbf")
    conversation.pushed()
    conversation.edit_assertion = lambda _assertion: None
    conversation.authorized()
    conversation.got_tokens()
    conversation.used()


@examines("par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")
def test_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails(
    examination: Examination,
) -> None:
    """A client whose clock is 62 seconds ahead is refused (FAPI 2.0 SP 5.3.2.1)."""
    judging.check_pushed_error(_push(examination, _later(62, "iat", "nbf", "exp")), *_EITHER)


@examines("par-test-array-as-audience-fails")
def test_par_test_array_as_audience_fails(examination: Examination) -> None:
    """The audience is a string, not a list (FAPI 2.0 SP 5.3.2.1-8)."""
    audience = [examination.metadata["issuer"], "https://other1.example.com"]
    judging.check_pushed_error(_push(examination, _claims(aud=audience)), *_EITHER)


@examines("par-test-par-endpoint-url-as-audience-fails")
def test_par_test_par_endpoint_url_as_audience_fails(examination: Examination) -> None:
    """The audience is the issuer, not the endpoint for pushed requests."""
    audience = examination.endpoint("pushed_authorization_request")
    judging.check_pushed_error(_push(examination, _claims(aud=audience)), *_EITHER)


@examines("par-test-token-endpoint-url-as-audience-fails")
def test_par_test_token_endpoint_url_as_audience_fails(examination: Examination) -> None:
    """The audience is the issuer, not the token endpoint."""
    judging.check_pushed_error(_push(examination, _claims(aud=examination.endpoint("token"))), *_EITHER)
