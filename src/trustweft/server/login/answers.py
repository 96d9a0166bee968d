"""What the browser is sent away with: redirects within the server, and the authorization response to the client.

Nothing here takes a target from a request: addresses of our own come from configuration, a client's from the
pushed request, where it was compared with the registered ones.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import authorization_redirect, error_fields
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject
from trustweft.server.pages import ErrorView, Participant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.server.exchange import Exchange

__all__ = [
    "answer_client",
    "go_to_page",
    "page_address",
    "page_path",
    "page_refusal",
    "participant",
    "redirect_refusal",
    "returning_to_form",
    "see_other",
]

_START_AGAIN: Final = "Go back to the application and start again from there."
_WAIT: Final = "Wait a while, then try again."
_HEADERS: Final = (("cache-control", "no-store"), ("referrer-policy", "no-referrer"))


@enforces(
    "FAPI2-SP-5.3.2.2-10", "FAPI2-SP-5.3.2.2-11", "RFC9700-2.1-p6", "RFC9700-4.12-p6.1", "RFC9700-4.12-p6.2"
)
def see_other(exchange: Exchange, location: str) -> HttpResponse:
    """Return a redirect that the browser follows with GET: a form's content never travels on (RFC 9110 15.4.4)."""
    cookies = tuple(("set-cookie", value) for value in exchange.cookies)
    status = exchange.deployment.profile.limits.redirect_status
    return HttpResponse(status, (("location", location), *_HEADERS, *cookies))


@enforces("FAPI2-SP-5.3.2.2-7", "RFC9207-2-p1", "RFC9207-2.3-1")
def answer_client(exchange: Exchange, parameters: Mapping[str, str]) -> HttpResponse:
    """Return the authorization response: ``parameters``, the ``state`` if one was sent, and always ``iss``."""
    pushed = exchange.pushed
    state = {} if pushed.state is None else {"state": pushed.state}
    issuer = {"iss": exchange.deployment.config.issuer}  # RFC 9207 section 2
    return see_other(exchange, authorization_redirect(pushed.redirect_uri, {**parameters, **state, **issuer}))


def redirect_refusal(exchange: Exchange, refusal: Reject) -> HttpResponse:
    """Return the error response to the client (RFC 6749 section 4.1.2.1) for a reason that is ``Shown.REDIRECT``.

    Only pipelines that have established ``exchange.pushed``, and with it a verified redirect URI, have such reasons.
    """
    return answer_client(exchange, error_fields(refusal))


def page_refusal(exchange: Exchange, refusal: Reject) -> HttpResponse:
    """Return the page that tells the person what was refused, with the headers that the refusal needs."""
    why = refusal.reason
    waits = any(name.lower() == "retry-after" for name, _ in refusal.headers)
    page = exchange.deployment.pages.error(
        ErrorView(
            participant=participant(exchange),
            title="This did not work",
            public=why.public,
            reason=why.id,
            advice=_WAIT if waits else _START_AGAIN,
            support=f"{why.id}, {datetime.fromtimestamp(exchange.now, tz=UTC):%Y-%m-%d %H:%M:%S} UTC",
        ),
        status=why.status,
    )
    return HttpResponse(page.status, (*page.headers, *refusal.headers), page.body)


def participant(exchange: Exchange) -> Participant:
    """Return whose pages these are, with the host to compare with the browser's."""
    config = exchange.deployment.config
    return Participant(name=config.display_name, host=urlsplit(config.issuer).netloc)


def page_address(exchange: Exchange, step: str = "") -> str:
    """Return the absolute address of a page of this interaction."""
    return f"{exchange.deployment.config.endpoint('interaction')}/{exchange.handle}{step}"


def page_path(exchange: Exchange, step: str = "") -> str:
    """Return the path of a page of this interaction, for links and forms."""
    return urlsplit(page_address(exchange, step)).path


def go_to_page(exchange: Exchange, step: str = "") -> HttpResponse:
    """Send the browser to a page of this interaction."""
    return see_other(exchange, page_address(exchange, step))


@contextmanager
def returning_to_form(exchange: Exchange, step: str = "") -> Iterator[None]:
    """Send a refusal from within back to the form, which then says why.

    Redirected like every answer to a form, so that going back or reloading never posts a password again. Only the
    reason's id travels in the address; the form knows the words. The reasons have the status 303.
    """
    try:
        yield
    except Reject as refusal:
        location = ("location", f"{page_address(exchange, step)}?failed={refusal.reason.id}")
        raise refusal.reason.reject(refusal.detail, headers=(location, *refusal.headers)) from refusal
