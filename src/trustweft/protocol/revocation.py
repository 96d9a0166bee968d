"""Token revocation (RFC 7009).

An unknown token is no error: the answer is 200 either way, because what the client wants is true (section 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import INVALID_REQUEST
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.protocol.oauth import Form

__all__ = ["TokenQuery", "create_request", "create_response", "read_request"]

_MAXIMUM_TOKEN: Final = 16_384
_HINTS: Final = ("access_token", "refresh_token")

MISSING_TOKEN = reason(
    "revocation.missing-token",
    error=INVALID_REQUEST,
    public="The token parameter is missing or too long.",
)


class TokenQuery(Struct, frozen=True, kw_only=True):
    """Which token is meant.

    Attributes:
        token: as presented; nothing about it is verified.
        hint: the kind that the sender believes it to be; any other hint is ignored (section 2.1).
    """

    token: str
    hint: str | None

    def __repr__(self) -> str:
        return f"TokenQuery(token=***, hint={self.hint!r})"


def create_request(token: str, *, hint: str | None = None) -> dict[str, str]:
    """Return the parameters of a revocation request, client authentication aside."""
    return {"token": token} if hint is None else {"token": token, "token_type_hint": hint}


def read_request(form: Form) -> TokenQuery:
    """Read the parameters of a revocation request.

    Raises:
        Reject: ``revocation.missing-token``.
    """
    token = form.get("token")
    if token is None or len(token) > _MAXIMUM_TOKEN:
        raise MISSING_TOKEN.reject()
    hint = form.get("token_type_hint")
    return TokenQuery(token=token, hint=hint if hint in _HINTS else None)


def create_response() -> HttpResponse:
    """Return the answer to every authenticated, well-formed request, also for an unknown token."""
    return HttpResponse(200, (("cache-control", "no-store"),))
