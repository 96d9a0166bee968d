"""Attempts that must fail at several endpoints alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.parties import Party
    from trustweft.cli.tour.recording import Step
    from trustweft.cli.tour.wire import Draft

__all__ = ["expect_careful_endpoint", "expect_no_replay", "expect_nonce", "expect_own_forms_only"]

_CONFIDENTIAL: Final = ("FAPI2-SP-5.3.2.1-3", "FAPI2-SP-5.3.2.1-6")
_AUDIENCE: Final = ("FAPI2-SP-5.3.2.1-8",)
_NONCE: Final = ("FAPI2-SP-5.3.2.1-10",)


def expect_careful_endpoint(step: Step, tour: Tour, draft: Draft, *, party: Party) -> None:
    """What every endpoint for authenticated clients refuses; ``draft`` is a request that would be accepted."""
    step.expect_refused(
        "The same with GET", replace(draft, method="GET", form=None), "http.method-not-allowed"
    )
    twice = replace(draft, form=(*(draft.form or ()), ("tour", "1"), ("tour", "2")))
    step.expect_refused("A parameter that comes twice", twice, "form.repeated-parameter")
    step.expect_refused(
        "No authentication: a public client",
        draft.without_parameters("client_assertion", "client_assertion_type"),
        "client-assertion.missing",
        clauses=_CONFIDENTIAL,
    )
    step.expect_refused(
        "An assertion for the endpoint's address instead of the issuer",
        draft.with_parameters(*party.authentication(audience=draft.url)),
        "client-assertion.audience",
        clauses=_AUDIENCE,
    )
    other = tour.stranger if party is not tour.stranger else tour.client
    step.expect_refused(
        "Another client's identifier beside the own assertion",
        draft.with_parameters(("client_id", other.client_id)),
        "client.mismatch",
        clauses=_CONFIDENTIAL,
    )


def expect_nonce(step: Step, tour: Tour, draft: Draft, *, party: Party) -> None:
    """A proof without the server's nonce could have been made long ago."""
    step.expect_refused(
        "A proof without the server's nonce",
        tour.with_fresh_proof(draft, party=party, use_nonce=False),
        "dpop.nonce-required",
        clauses=_NONCE,
    )


def expect_no_replay(step: Step, tour: Tour, sent: Draft, *, party: Party, proof: bool = True) -> None:
    """What was accepted once is never accepted again; ``sent`` was accepted."""
    again = tour.with_fresh_proof(sent, party=party) if proof else sent
    step.expect_refused("The same client assertion again", again, "client-assertion.replayed")
    if proof:
        step.expect_refused(
            "The same proof again", tour.with_fresh_assertion(sent, party=party), "dpop.replayed"
        )


def expect_own_forms_only(step: Step, draft: Draft) -> None:
    """What every form of the server's pages refuses; ``draft`` is the form as the page would send it."""
    step.expect_refused(
        "The same with GET", replace(draft, method="GET", form=None), "http.method-not-allowed"
    )
    step.expect_refused(
        "The form sent by a page of another site",
        draft.with_header("sec-fetch-site", "cross-site"),
        "csrf.cross-site",
    )
    step.expect_refused(
        "The form with a token that was guessed", draft.with_parameters(("csrf", "guessed")), "csrf.token"
    )
    twice = replace(draft, form=(*(draft.form or ()), ("tour", "1"), ("tour", "2")))
    step.expect_refused("A parameter that comes twice", twice, "form.repeated-parameter")
    step.expect_refused(
        "The form sent by another browser", draft.with_header("cookie", None), "interaction.no-cookie"
    )
