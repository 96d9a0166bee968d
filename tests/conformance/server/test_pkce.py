"""PKCE with S256, required at both ends (FAPI 2.0 SP 5.3.2.2-5, RFC 7636)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.keys import random_text
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.examination import Examination


@examines("par-ensure-pkce-required")
def test_par_ensure_pkce_required(examination: Examination) -> None:
    """A request without code challenge is refused."""
    conversation = examination.begin()
    del conversation.request["code_challenge"], conversation.request["code_challenge_method"]
    judging.check_pushed_error(conversation.push(), "invalid_request")


@examines("par-plain-pkce-rejected")
def test_par_plain_pkce_rejected(examination: Examination) -> None:
    """The method `plain` is refused."""
    conversation = examination.begin()
    conversation.request |= {"code_challenge": conversation.verifier, "code_challenge_method": "plain"}
    judging.check_pushed_error(conversation.push(), "invalid_request")


@examines("ensure-pkce-code-verifier-required")
def test_ensure_pkce_code_verifier_required(examination: Examination) -> None:
    """A code is worth nothing without its verifier."""
    conversation = examination.begin()
    conversation.get_code()
    form = conversation.token_form()
    del form["code_verifier"]
    judging.check_token_error(conversation.ask_for_tokens(form), "invalid_grant")


@examines("incorrect-pkce-code-verifier-rejected")
def test_incorrect_pkce_code_verifier_rejected(examination: Examination) -> None:
    """A code is worth nothing with another verifier."""
    conversation = examination.begin()
    conversation.get_code()
    form = {**conversation.token_form(), "code_verifier": random_text(64)}
    judging.check_token_error(conversation.ask_for_tokens(form), "invalid_grant")
