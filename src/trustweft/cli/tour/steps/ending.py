"""How an authorization ends: denied, cancelled, refused, replayed, revoked, expired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.cli.tour.attempts import expect_careful_endpoint, expect_no_replay, expect_own_forms_only
from trustweft.cli.tour.steps.authorization import (
    SEE_OTHER,
    enter,
    enter_and_log_in,
    expect_answered,
    expect_client_answer,
    obtain_code,
    push_aside,
    take_callback,
)
from trustweft.cli.tour.steps.tokens import redeem_aside

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Flow, Tour
    from trustweft.cli.tour.recording import Step
    from trustweft.cli.tour.wire import Draft

_ONCE: Final = ("FAPI2-SP-5.3.2.2-9",)
_VALIDITY: Final = ("FAPI2-SP-5.3.4-3",)


def deny_consent(tour: Tour, step: Step) -> None:
    """Deny: the client learns that, and gets no code."""
    flow = tour.new_flow()
    push_aside(tour, step, flow)
    enter_and_log_in(tour, step, flow)
    form = flow.browser.form("decision", ("decision", "deny"))
    _expect_error(tour, step, flow, form, "access_denied")
    expect_answered(step, flow, form)


def cancel_login(tour: Tour, step: Step) -> None:
    """Go back from the login page: the client learns that, and gets no code."""
    flow = tour.new_flow()
    push_aside(tour, step, flow)
    elsewhere = replace(flow, browser=tour.new_flow().browser)
    enter(step, elsewhere)
    enter(step, flow)
    form = flow.browser.form("cancel")
    expect_own_forms_only(step, form)
    _expect_error(tour, step, flow, form, "access_denied")
    expect_answered(step, flow, form)
    person = (("username", tour.person.username), ("password", tour.person.password))
    step.expect_refused(
        "A login for it in another browser, where its page is still open",
        elsewhere.browser.form("login", *person),
        "request-uri.spent",
        clauses=("FAPI2-SP-6.4-1",),
    )


def refuse_silent_login(tour: Tour, step: Step) -> None:
    """Ask with ``prompt=none``: the client is told that a login is required (OpenID Connect Core 3.1.2.6)."""
    flow = tour.new_flow()
    push_aside(tour, step, flow, ("prompt", "none"))
    if flow.authorization is not None:
        _expect_error(tour, step, flow, flow.authorization, "login_required")


def _expect_error(tour: Tour, step: Step, flow: Flow, draft: Draft, error: str) -> None:
    capture = step.send(draft, status=SEE_OTHER)
    take_callback(flow, capture)
    expect_client_answer(tour, step, flow, capture)
    step.expect(f"the error is {error}", holds=flow.callback.get("error") == error)
    step.expect("there is no code", holds="code" not in flow.callback)


def replay_code(tour: Tour, step: Step) -> None:
    """Redeem a code twice: the second time ends what the first time gave (RFC 6749 section 4.1.2)."""
    flow = tour.new_flow()
    obtain_code(tour, step, flow)
    redeem_aside(tour, step, flow)
    step.send_aside(tour.call(f"{tour.bank}/accounts", flow.access_token), status=200)
    again = tour.form_request(tour.metadata.token_endpoint, *tour.redemption(flow))
    answer = step.expect_refused("The code once more", again, "code.replayed", clauses=_ONCE)
    step.request, step.response = answer.request, answer.response
    _expect_ended(tour, step, flow)


def revoke_grant(tour: Tour, step: Step) -> None:
    """Revoke the refresh token, and with it all that hangs off the grant (RFC 7009)."""
    url = tour.metadata.revocation_endpoint or f"{tour.issuer}/revoke"
    draft = tour.form_request(url, ("token", tour.flow.refresh_token), proof=False)
    expect_careful_endpoint(step, tour, draft, party=tour.client)
    step.expect_refused(
        "Another client that revokes it",
        tour.form_request(url, ("token", tour.flow.refresh_token), party=tour.stranger, proof=False),
        "revocation.other-client",
    )
    step.send_aside(tour.call(f"{tour.bank}/accounts", tour.flow.access_token), status=200)
    sent = tour.with_fresh_assertion(draft)
    step.send(sent, status=200)
    expect_no_replay(step, tour, sent, party=tour.client, proof=False)
    own = tour.form_request(url, ("token", tour.own_token), proof=False)
    step.send_aside(own, status=200)


def call_after_revocation(tour: Tour, step: Step) -> None:
    """Call with tokens that were revoked: nobody accepts them any more."""
    url = f"{tour.bank}/accounts"
    answer = step.expect_refused(
        "The access token at the bank",
        tour.call(url, tour.flow.access_token),
        "guard.token-revoked",
        clauses=_VALIDITY,
    )
    step.request, step.response = answer.request, answer.response
    step.expect_refused(
        "The access token at the userinfo endpoint",
        tour.call(tour.metadata.userinfo_endpoint or f"{tour.issuer}/userinfo", tour.flow.access_token),
        "access-token.revoked",
        clauses=_VALIDITY,
    )
    step.expect_refused(
        "The client's own token at the bank",
        tour.call(url, tour.own_token),
        "guard.token-revoked",
        clauses=_VALIDITY,
    )
    _expect_no_refresh(tour, step, tour.flow)


def _expect_ended(tour: Tour, step: Step, flow: Flow) -> None:
    step.expect_refused(
        "Its access token at the bank",
        tour.call(f"{tour.bank}/accounts", flow.access_token),
        "guard.token-revoked",
        clauses=_VALIDITY,
    )
    _expect_no_refresh(tour, step, flow)


def _expect_no_refresh(tour: Tour, step: Step, flow: Flow) -> None:
    parameters = (("grant_type", "refresh_token"), ("refresh_token", flow.refresh_token))
    step.expect_refused(
        "Its refresh token",
        tour.form_request(tour.metadata.token_endpoint, *parameters),
        "refresh-token.grant-ended",
        clauses=_VALIDITY,
    )


def wait_for_expiry(tour: Tour, step: Step) -> None:
    """Open a request, and redeem a code, when their time is over."""
    late, coded = tour.new_flow(), tour.new_flow()
    obtain_code(tour, step, coded)
    push_aside(tour, step, late)
    limits = tour.limits
    if tour.wait is not None:
        tour.wait(max(limits.authorization_code_lifetime, limits.request_uri_lifetime) + 1)
    if late.authorization is not None:
        step.expect_refused("A request that nobody opened in time", late.authorization, "request-uri.expired")
    draft = tour.form_request(tour.metadata.token_endpoint, *tour.redemption(coded))
    draft = _with_a_nonce_of_now(tour, step, draft)
    answer = step.expect_refused(
        "A code that nobody redeemed in time", draft, "code.expired", clauses=("FAPI2-SP-5.3.2.1-11",)
    )
    step.request, step.response = answer.request, answer.response


def _with_a_nonce_of_now(tour: Tour, step: Step, draft: Draft) -> Draft:
    """Any answer of the token endpoint brings a nonce; the one of a minute ago may be too old."""
    step.expect_refused("A redemption without a proof", draft.with_header("dpop", None), "dpop.missing")
    return tour.with_fresh_proof(tour.with_fresh_assertion(draft))
