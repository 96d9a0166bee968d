"""The authorization endpoint (RFC 9126 section 4): from a pushed request to an interaction bound to one browser.

Only ``client_id`` and ``request_uri`` are read; whatever else stands in the query was not authenticated, and is
ignored. Faults are shown as a page: until the pushed request is found and belongs to the client, there is no
redirect URI that could be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.oauth import INVALID_REQUEST, parse_form, parse_query
from trustweft.protocol.par import read_request_uri
from trustweft.runtime.encoding import digest_of, encode_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Shown, reason
from trustweft.server import clients
from trustweft.server.checks.form import METHOD_NOT_ALLOWED
from trustweft.server.login.cookies import MAXIMUM_COOKIES, clear_cookie, read_cookies
from trustweft.server.login.interactions import HANDLE_OCTETS, find_resumed, keep_interaction, spend_request
from trustweft.server.records import Interaction

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

CLIENT_MISSING = reason(
    "authorization.client-missing",
    error=INVALID_REQUEST,
    public="The client_id parameter is missing.",
    shown=Shown.PAGE,
)
CLIENT_UNKNOWN = reason(
    "authorization.client-unknown",
    error=INVALID_REQUEST,
    public="The application that sent you here is not registered.",
    shown=Shown.PAGE,
)
UNKNOWN = reason(
    "request-uri.unknown",
    error="invalid_request_uri",
    public="The request of the application is not known, or was answered already.",
    shown=Shown.PAGE,
)
FOREIGN = reason(
    "request-uri.foreign-client",
    error="invalid_request_uri",
    public="The request was made by another application than the one that sent you here.",
    shown=Shown.PAGE,
)
EXPIRED = reason(
    "request-uri.expired",
    error="invalid_request_uri",
    public="The request of the application is too old.",
    shown=Shown.PAGE,
)
LOGIN_REQUIRED = reason(
    "prompt.login-required", error="login_required", public="The person must log in.", shown=Shown.REDIRECT
)
UNSUPPORTED_PROMPT = reason(
    "prompt.unsupported",
    error=INVALID_REQUEST,
    public="The prompt asks for something that is not supported here.",
    shown=Shown.REDIRECT,
)

# Everybody logs in and is asked, for every request: these ask for nothing more (OpenID Connect Core 3.1.2.1).
_ALWAYS_DONE: Final = frozenset({"login", "consent", "select_account"})


def read_authorization_parameters(exchange: Exchange) -> None:
    """Read the two parameters, from the query or a form (OpenID Connect Core section 3.1.2.1 demands both)."""
    request = exchange.request
    if request.method == "GET":
        form = parse_query(request.query)
    elif request.method == "POST":
        form = parse_form(request.body, content_type=request.header("content-type"))
    else:
        raise METHOD_NOT_ALLOWED.reject(request.method[:20], headers=(("allow", "GET, POST"),))
    client_id = form.get("client_id")
    if client_id is None:
        raise CLIENT_MISSING.reject()
    exchange.client_id = client_id
    exchange.request_digest = digest_of(read_request_uri(form.get("request_uri")))


async def find_authorizing_client(exchange: Exchange) -> None:
    """The client is registered now."""
    client = await clients.find_client(exchange.deployment.store, exchange.client_id, now=exchange.now)
    if client is None:
        raise CLIENT_UNKNOWN.reject(repr(exchange.client_id)[:80])
    exchange.client = client


@enforces("RFC9700-4.11.2-p4.1")
async def find_pushed_request(exchange: Exchange) -> None:
    """The request was pushed, and is not spent."""
    pushed = await exchange.deployment.store.find_pushed_request(exchange.request_digest)
    if pushed is None:
        raise UNKNOWN.reject(f"client_id={exchange.client_id}")
    exchange.pushed = pushed


@enforces("RFC9126-2.2-p3")
def check_request_belongs_to_client(exchange: Exchange) -> None:
    """The client that pushed the request is the one that sent the browser (RFC 9126 section 2.2)."""
    if exchange.pushed.client_id != exchange.client_id:
        raise FOREIGN.reject(f"pushed by {exchange.pushed.client_id}, opened by {exchange.client_id}")


@enforces("RFC9126-4-p2.4")
async def check_request_not_expired(exchange: Exchange) -> None:
    """The request is opened in time; a browser that did so may load the page again until its interaction ends."""
    if exchange.now >= exchange.pushed.expires_at and await find_resumed(exchange) is None:
        raise EXPIRED.reject(f"client_id={exchange.client_id}")


async def check_prompt(exchange: Exchange) -> None:
    """Refuse what cannot be done, to the client; the refusal answers the request, so it is spent.

    ``none`` can never be done. Our choice: there is no session that outlives one request, because one that did
    would let any application, or whoever learned an authorization request, act without the person at the screen.
    """
    beyond = set(exchange.pushed.prompt) - _ALWAYS_DONE
    if not beyond:
        return
    await spend_request(exchange)
    raise (LOGIN_REQUIRED if exchange.pushed.prompt == ("none",) else UNSUPPORTED_PROMPT).reject(
        " ".join(sorted(beyond))[:80]
    )


@enforces("RFC9126-4-p2.3")
async def begin_interaction(exchange: Exchange) -> None:
    """Take up the interaction that this browser has for the request, or begin one with a secret of its own."""
    resumed = await find_resumed(exchange)
    if resumed is not None:
        cookie, exchange.interaction = resumed
        exchange.handle, exchange.interaction_digest = cookie.handle, cookie.digest
        return
    deployment = exchange.deployment
    exchange.handle = encode_base64url(deployment.entropy.octets(HANDLE_OCTETS))
    await keep_interaction(
        exchange,
        Interaction(
            request=exchange.request_digest,
            client_id=exchange.client_id,
            csrf=deployment.entropy.token(),
            started_at=exchange.now,
            expires_at=exchange.now + deployment.profile.limits.interaction_lifetime,
        ),
    )
    # The oldest secrets, beyond those that are looked at, go, so that the header stays small.
    surplus = read_cookies(exchange.request)[: 1 - MAXIMUM_COOKIES]
    exchange.cookies.extend(clear_cookie(cookie.handle) for cookie in surplus)
