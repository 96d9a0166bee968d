"""Forms come from our own pages: the browser says so, and the form carries the interaction's token.

Either would do; together one mistake is not enough. On one machine every participant is the same *site*, so
``SameSite`` cookies do not tell them apart, but ``Sec-Fetch-Site`` does.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from trustweft.protocol.oauth import INVALID_REQUEST
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest
    from trustweft.server.exchange import Exchange

__all__ = ["check_csrf_token", "check_same_origin", "check_sent_from", "check_token"]

CROSS_SITE = reason(
    "csrf.cross-site",
    error=INVALID_REQUEST,
    public="The form was not sent from a page of this server.",
    status=403,
    shown=Shown.PAGE,
)
FOREIGN_ORIGIN = reason(
    "csrf.foreign-origin",
    error=INVALID_REQUEST,
    public="The form was sent from a page of another server.",
    status=403,
    shown=Shown.PAGE,
)
TOKEN = reason(
    "csrf.token",
    error=INVALID_REQUEST,
    public="The form is not the one that this browser was shown last.",
    status=403,
    shown=Shown.PAGE,
)


def check_same_origin(exchange: Exchange) -> None:
    """The browser says that the form comes from our own origin, if it says anything."""
    check_sent_from(exchange.request, origin=exchange.deployment.config.origin)


def check_sent_from(request: HttpRequest, *, origin: str) -> None:
    """Hold that a form comes from ``origin``, as far as the browser says (Fetch Metadata section 2.4).

    Our pages send no referrer, and with it browsers send ``Origin: null`` for a form (Fetch section 3.2), so that
    value is believed together with ``Sec-Fetch-Site: same-origin``, and only then.

    Raises:
        Reject: ``csrf.cross-site``, ``csrf.foreign-origin``.
    """
    sites = request.header_values("sec-fetch-site")
    if any(site != "same-origin" for site in sites):
        raise CROSS_SITE.reject(", ".join(sites)[:80])
    own = {origin} | ({"null"} if sites else set())
    origins = request.header_values("origin")
    if any(sent not in own for sent in origins):
        raise FOREIGN_ORIGIN.reject(", ".join(origins)[:200])


def check_csrf_token(exchange: Exchange) -> None:
    """The form carries the interaction's token, which no other page can read."""
    check_token(exchange.form.get("csrf"), expected=exchange.interaction.csrf)


def check_token(presented: str | None, *, expected: str) -> None:
    """Hold that a form carries the token of the browser that it was shown to.

    Raises:
        Reject: ``csrf.token``.
    """
    if not hmac.compare_digest((presented or "").encode(), expected.encode()):
        raise TOKEN.reject()
