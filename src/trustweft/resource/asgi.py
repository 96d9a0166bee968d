"""The guard in front of any ASGI application: what passes brings its authorization along, the rest is answered here.

Everything is protected unless ``required_scope`` names a path public. Bodies stream through untouched, except forms:
those are read, within a bound, because an access token must not stand in one (FAPI 2.0 SP section 5.3.4).
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from trustweft.net.asgi import read_request, send_response
from trustweft.protocol.http import json_response
from trustweft.protocol.oauth import SERVER_ERROR
from trustweft.resource.paths import check_path
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.resource.guard import Guard
    from trustweft.resource.inspection import AuthorizationContext
    from trustweft.runtime.observability import Observer

    RequiredScope = Callable[[HttpRequest], Sequence[str] | None]

__all__ = ["AUTHORIZATION", "PARTICIPANT", "GuardMiddleware", "read_visible_request", "with_headers"]

AUTHORIZATION: Final = (
    "authorization"  # where in scope["state"] the application finds the AuthorizationContext
)
PARTICIPANT: Final = "resource"
FORM_LIMIT: Final = 65_536
INTERACTION_HEADER: Final = "x-fapi-interaction-id"
_ENDPOINT: Final = "guard"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class GuardMiddleware:
    """Lets requests through to ``app`` that the guard accepts, with ``scope["state"]["authorization"]`` set.

    Args:
        app: the ASGI application to protect.
        guard: verifies the requests.
        required_scope: says what a request needs; None where it needs no authorization at all. Whatever it does not
            know should need a token too: return an empty tuple.
        observer: hears of refusals and failures.
        detail_type: says which type of authorization details may stand in place of that scope; the application then
            checks what they cover (see ``Guard.verify``).
    """

    def __init__(
        self,
        app: Application,
        *,
        guard: Guard,
        required_scope: RequiredScope,
        observer: Observer,
        detail_type: Callable[[HttpRequest], str | None] = lambda _request: None,
    ) -> None:
        self._app = app
        self._guard = guard
        self._required_scope = required_scope
        self._observer = observer
        self._detail_type = detail_type

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or hand over to the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(scope, receive, send)
        else:  # a WebSocket: the guard knows requests only, so it stays shut
            await send({"type": "websocket.close", "code": 1008})

    async def _guarded(self, scope: Message, receive: Receive, send: Send) -> None:
        send = with_headers(send, (*self._guard.nonce_header(), *interaction_header(scope)))
        authorization = refusal = None
        try:
            request, receive = await read_visible_request(scope, receive)
            authorization, refusal = await self._decide(request)
        except Reject as refused:
            self._observer.refused(PARTICIPANT, "transport", refused)
            refusal = self._guard.refusal(refused)
        except Exception as cause:  # noqa: BLE001  # whatever broke: nobody gets in, and nothing leaks
            refusal = failure(self._observer, cause)
        if refusal is not None:
            await send_response(send, refusal, head=scope["method"] == "HEAD")
            return
        state = dict(scope.get("state", {}))  # a copy: servers share theirs between requests
        state.pop(AUTHORIZATION, None)
        if authorization is not None:
            state[AUTHORIZATION] = authorization
        await self._app({**scope, "state": state}, receive, send)

    async def _decide(self, request: HttpRequest) -> tuple[AuthorizationContext | None, HttpResponse | None]:
        """Return the authorization, or the answer that refuses; neither for what is public."""
        needed = self._required_scope(request)
        try:
            if needed is None:
                check_path(request.path)
                return None, None
            detail_type = self._detail_type(request)
            return await self._guard.verify(request, scope=needed, detail_type=detail_type), None
        except Reject as refused:
            self._observer.refused(PARTICIPANT, _ENDPOINT, refused)
            return None, self._guard.refusal(refused, scope=needed or (), request=request)


async def read_visible_request(scope: Message, receive: Receive) -> tuple[HttpRequest, Receive]:
    """Return what the guard may see of a request, and where the application reads the body from.

    Raises:
        Reject: ``http.*``: the headers, or the form, are too large.
    """
    is_form = any(
        name == b"content-type" and _FORM_TYPE in value.decode("latin-1").lower()
        for name, value in scope["headers"]
    )
    if not is_form:
        return await read_request(scope, _no_body, body_limit=0), receive
    request = await read_request(scope, receive, body_limit=FORM_LIMIT)
    return request, _again(request.body, receive)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives ``body`` once more, and then whatever comes after it."""
    unread = [body]

    async def receive_again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return receive_again


def interaction_header(scope: Message) -> tuple[tuple[str, str], ...]:
    """Return the identifier that a caller gave this exchange, to be echoed; anything but one UUID is dropped."""
    values = [value for name, value in scope["headers"] if name == INTERACTION_HEADER.encode()]
    text = values[0].decode("latin-1") if len(values) == 1 else ""
    return ((INTERACTION_HEADER, text),) if _UUID.fullmatch(text) else ()


def with_headers(send: Send, headers: Sequence[tuple[str, str]]) -> Send:
    """Return a ``send`` that adds those headers to the answer that it does not have yet."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            missing = [(name, value) for name, value in encoded if name not in present]
            message = {**message, "headers": [*message.get("headers", ()), *missing]}
        await send(message)

    return send_with_headers if encoded else send


def failure(observer: Observer, cause: Exception) -> HttpResponse:
    """Return the answer to a request during which something broke that nobody foresaw; the observer gets the rest."""
    support = secrets.token_hex(6)
    observer.failed(PARTICIPANT, support, cause)
    return json_response({"error": SERVER_ERROR, "error_description": f"Support id {support}"}, status=500)
