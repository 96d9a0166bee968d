"""The person's decision, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import ACCESS_DENIED, INVALID_REQUEST
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

DECISION = reason(
    "consent.decision",
    error=INVALID_REQUEST,
    public="The answer must be approve or deny.",
    shown=Shown.PAGE,
)
DENIED = reason(
    "consent.denied", error=ACCESS_DENIED, public="The person did not agree.", shown=Shown.REDIRECT
)


def check_decision(exchange: Exchange) -> None:
    """The answer is one of two words; anything else is no answer, and leaves the question open."""
    if exchange.form.get("decision") not in {"approve", "deny"}:
        raise DECISION.reject()


def refuse_denial(exchange: Exchange) -> None:
    """Whoever says no is taken at their word."""
    if exchange.form.get("decision") != "approve":
        raise DENIED.reject(f"client_id={exchange.client_id}")
