"""An interaction: one browser's way through login and consent, found by a secret that only this browser has.

A login begins a successor under a new secret and leaves what was before as it was: a secret that somebody planted
or read earlier still opens the login form, as any browser with the request would see it, and nothing more. Nothing
is lost when somebody clicks twice or an answer gets lost on its way. However many secrets there come to be for a
request, it is answered once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trustweft.protocol.oauth import INVALID_REQUEST
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Shown, reason
from trustweft.server import clients
from trustweft.server.checks.form import METHOD_NOT_ALLOWED
from trustweft.server.login.cookies import (
    MAXIMUM_COOKIES,
    InteractionCookie,
    clear_cookie,
    read_cookies,
    set_cookie,
)

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange
    from trustweft.server.records import Interaction

HANDLE_OCTETS: Final = 16

NO_COOKIE = reason(
    "interaction.no-cookie",
    error=INVALID_REQUEST,
    public="This page belongs to another browser, or cookies are switched off.",
    status=403,
    shown=Shown.PAGE,
)
ENDED = reason(
    "interaction.ended",
    error=INVALID_REQUEST,
    public="The time for this page is over, or it was answered already.",
    shown=Shown.PAGE,
)
CLIENT_GONE = reason(
    "interaction.client-gone",
    error=INVALID_REQUEST,
    public="The application that sent you here is no longer registered.",
    shown=Shown.PAGE,
)
SPENT = reason(
    "request-uri.spent",
    error="invalid_request_uri",
    public="The request of the application was answered already.",
    shown=Shown.PAGE,
)


def check_method_get(exchange: Exchange) -> None:
    """A page is for looking at."""
    if exchange.request.method != "GET":
        raise METHOD_NOT_ALLOWED.reject(exchange.request.method[:20], headers=(("allow", "GET"),))


async def find_interaction(exchange: Exchange) -> None:
    """The browser has the secret of the interaction that the address names (``exchange.handle``).

    The handle alone opens nothing: it stands in histories and logs.
    """
    cookies = [cookie for cookie in read_cookies(exchange.request) if cookie.handle == exchange.handle]
    if not cookies:
        raise NO_COOKIE.reject(exchange.handle)
    digest = cookies[0].digest
    interaction = await exchange.deployment.store.find_interaction(digest, now=exchange.now)
    if interaction is None:
        raise ENDED.reject(exchange.handle)
    exchange.interaction, exchange.interaction_digest = interaction, digest


async def find_interaction_request(exchange: Exchange) -> None:
    """The request that the interaction is about is not answered yet."""
    exchange.request_digest = exchange.interaction.request
    pushed = await exchange.deployment.store.find_pushed_request(exchange.request_digest)
    if pushed is None:
        raise SPENT.reject(f"client_id={exchange.interaction.client_id}")
    exchange.pushed = pushed


async def find_interaction_client(exchange: Exchange) -> None:
    """The client is still registered: whoever was removed in the meantime gets nothing."""
    exchange.client_id = exchange.interaction.client_id
    client = await clients.find_client(exchange.deployment.store, exchange.client_id, now=exchange.now)
    if client is None:
        raise CLIENT_GONE.reject(exchange.client_id)
    exchange.client = client


async def find_resumed(exchange: Exchange) -> tuple[InteractionCookie, Interaction] | None:
    """Return this browser's interaction for this very request; only its newest few secrets are looked at."""
    for cookie in read_cookies(exchange.request)[-MAXIMUM_COOKIES:]:
        interaction = await exchange.deployment.store.find_interaction(cookie.digest, now=exchange.now)
        if interaction is not None and interaction.request == exchange.request_digest:
            return cookie, interaction
    return None


async def keep_interaction(exchange: Exchange, interaction: Interaction) -> None:
    """Keep the interaction under a new secret, and hand the secret to the browser."""
    cookie = InteractionCookie(exchange.handle, exchange.deployment.entropy.token())
    await exchange.deployment.store.save_interaction(cookie.digest, interaction)
    exchange.interaction, exchange.interaction_digest = interaction, cookie.digest
    exchange.cookies = [set_cookie(cookie, lifetime=interaction.expires_at - exchange.now)]


async def set_challenge(exchange: Exchange, challenge: str | None) -> None:
    """Remember what the passkey is asked; of two challenges the later one counts."""
    exchange.interaction = replace(exchange.interaction, challenge=challenge)
    await exchange.deployment.store.save_interaction(exchange.interaction_digest, exchange.interaction)


async def end_interaction(exchange: Exchange) -> None:
    """End the interaction and take the browser's secret away; one caller does, the others see a page."""
    if not await exchange.deployment.store.end_interaction(exchange.interaction_digest):
        raise ENDED.reject("another request was first")
    exchange.cookies = [clear_cookie(exchange.handle)]


@enforces("FAPI2-SP-5.3.2.2-p4", "FAPI2-SP-6.4-1", "RFC9126-4-p2.2", "RFC9126-7.3-p1")
async def spend_request(exchange: Exchange) -> None:
    """Take the pushed request: it is about to be answered, and each request is answered once."""
    spent = await exchange.deployment.store.spend_pushed_request(exchange.request_digest, now=exchange.now)
    if spent is None:
        raise SPENT.reject(f"client_id={exchange.client_id}")
    exchange.pushed = spent
