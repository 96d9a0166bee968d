"""Who is logged in within an interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.errors import Shown, reason
from trustweft.server.login.answers import returning_to_form

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

NOT_LOGGED_IN = reason(
    "login.required", error=ACCESS_DENIED, public="Log in first.", status=303, shown=Shown.PAGE
)
LOGGED_IN = reason(
    "login.second", error=ACCESS_DENIED, public="You are logged in already.", status=303, shown=Shown.PAGE
)
PERSON_GONE = reason(
    "login.person-gone",
    error=ACCESS_DENIED,
    public="Your account was removed.",
    status=403,
    shown=Shown.PAGE,
)


async def require_login(exchange: Exchange) -> None:
    """Somebody logged in within this very interaction, and still exists; there is no other session."""
    subject = exchange.interaction.subject
    if subject is None:
        with returning_to_form(exchange):
            raise NOT_LOGGED_IN.reject()
    user = await exchange.deployment.store.find_subject(subject)
    if user is None:
        raise PERSON_GONE.reject(subject)
    exchange.user = user


def refuse_second_login(exchange: Exchange) -> None:
    """Nobody is logged in yet: who consents is who logged in first."""
    if exchange.interaction.subject is not None:
        with returning_to_form(exchange):
            raise LOGGED_IN.reject()
