"""An access token with everything that its holder needs to use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.parties import Party
    from trustweft.audit.target import User

__all__ = ["Access", "read_access"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a token endpoint gave.

    Attributes:
        user: who agreed; None for a client's own token.
        flow: in which it came; None for a client's own token.
        scheme: of the Authorization header: ``DPoP`` or ``Bearer``.
        expires_at: seconds since 1970; infinity where the server does not say.
        answer: of the token endpoint.
    """

    party: Party
    user: User | None
    flow: Flow | None
    token: str
    scheme: str
    refresh_token: str
    id_token: str
    scope: str
    expires_at: float
    answer: Exchange


def read_access(
    answer: Exchange, *, party: Party, user: User | None, flow: Flow | None, now: float
) -> Access:
    """Return what is in the answer of a token endpoint."""
    document = answer.document()
    lifetime = document.get("expires_in")
    asked = flow.parameters.get("scope", "") if flow is not None else ""
    return Access(
        party=party,
        user=user,
        flow=flow,
        token=answer.text("access_token"),
        scheme="DPoP" if answer.text("token_type").lower() == "dpop" else "Bearer",
        refresh_token=answer.text("refresh_token"),
        id_token=answer.text("id_token"),
        scope=answer.text("scope") or asked,
        expires_at=now + lifetime if isinstance(lifetime, int | float) else float("inf"),
        answer=answer,
    )
