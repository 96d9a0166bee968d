"""The addresses at which a participant is told of events, and publishes the keys of its receipts, beside what it is for.

An authorization server has both among its own endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.net.asgi import application
from trustweft.net.event_receiver import EVENTS_PATH
from trustweft.protocol.http import json_response
from trustweft.protocol.security_event import TOKEN_LIMIT
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.net.event_receiver import EventReceiver
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.runtime.observability import Observer

__all__ = ["RECEIPT_KEYS_PATH", "with_events"]

# Where somebody publishes the keys that its receipts are signed with, if it has no other place for them.
RECEIPT_KEYS_PATH: Final = "/ecosystem/jwks"

METHOD = reason(
    "receipt-keys.method", error="invalid_request", public="This address answers to GET alone.", status=405
)


def with_events(
    app: Application,
    receiver: EventReceiver,
    *,
    observer: Observer,
    participant: str,
    receipt_keys: Mapping[str, object] | None = None,
) -> Application:
    """Return ``app`` with the addresses that the directory needs; ``app`` is not asked for these.

    Args:
        app: an API with its guard, or an application.
        receiver: takes the directory's events.
        observer: hears of refusals.
        participant: who this is, for the observer.
        receipt_keys: the JWK Set with which receipts are verified, published where it is given.
    """
    events = application(
        receiver.respond,
        participant=participant,
        observer=observer,
        body_limit=TOKEN_LIMIT,
        endpoint_of=lambda _path: "ecosystem_events",
    )

    keys = application(
        _publishing(receipt_keys or {"keys": []}),
        participant=participant,
        observer=observer,
        body_limit=0,
        endpoint_of=lambda _path: "receipt_keys",
    )
    theirs = {EVENTS_PATH: events} | ({} if receipt_keys is None else {RECEIPT_KEYS_PATH: keys})

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        ours = theirs.get(scope["path"], app) if scope["type"] == "http" else app
        await ours(scope, receive, send)

    return respond


def _publishing(keys: Mapping[str, object]) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    async def respond(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            raise METHOD.reject(request.method[:20], headers=(("allow", "GET, HEAD"),))
        return json_response(keys)

    return respond
