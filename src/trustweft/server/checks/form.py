"""The request as a form (RFC 6749 section 3.2): method, encoding, each parameter at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import parse_form
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

METHOD_NOT_ALLOWED = reason(
    "http.method-not-allowed",
    error="invalid_request",
    public="This endpoint does not know that method.",
    status=405,
)


def check_method_post(exchange: Exchange) -> None:
    """The endpoints that change something take POST alone (RFC 9126 section 2, RFC 6749 section 3.2)."""
    if exchange.request.method != "POST":
        raise METHOD_NOT_ALLOWED.reject(exchange.request.method[:20], headers=(("allow", "POST"),))


def read_form(exchange: Exchange) -> None:
    """Read the body as ordered pairs; nothing is lost, nothing is judged."""
    request = exchange.request
    exchange.form = parse_form(request.body, content_type=request.header("content-type"))


def refuse_duplicates(exchange: Exchange) -> None:
    """No parameter may occur twice: two readers could believe different ones (RFC 6749 section 3.2)."""
    exchange.form.refuse_duplicates()
