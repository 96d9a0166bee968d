"""ASGI on one side, requests and responses as values on the other; bounded before anything is read."""

from __future__ import annotations

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["Application", "application", "read_request", "refusal_response", "send_response"]

if TYPE_CHECKING:
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Message, Receive, Send], Awaitable[None]]
else:
    Application = object

BODY_TOO_LARGE = reason(
    "http.body-too-large", error="invalid_request", public="The body is too large.", status=413
)
HEADERS_TOO_LARGE = reason(
    "http.headers-too-large", error="invalid_request", public="The headers are too large.", status=431
)
DISCONNECTED = reason(
    "http.disconnected", error="invalid_request", public="The request ended before its end."
)

HEADER_LIMIT: Final = 65_536
HEADER_COUNT_LIMIT: Final = 100
_SUPPORT_OCTETS: Final = 6
_SYSTEM_ENTROPY: Final = SystemEntropy()
_WITHOUT_CONTENT: Final = frozenset({204, 304})  # RFC 9110 section 8.6: no content-length of their own
_UNSENDABLE: Final = re.compile(rb"[^\t\x20-\x7e\x80-\xff]")  # what would end a header line, and its kin


async def read_request(scope: Message, receive: Receive, *, body_limit: int) -> HttpRequest:
    """Return the request, at most ``body_limit`` octets of body read.

    Raises:
        Reject: ``http.*``.
    """
    raw_headers = scope["headers"]
    if len(raw_headers) > HEADER_COUNT_LIMIT or sum(len(n) + len(v) for n, v in raw_headers) > HEADER_LIMIT:
        raise HEADERS_TOO_LARGE.reject()
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw_headers)
    tls = scope.get("extensions", {}).get("tls", {})
    client = scope.get("client")
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"],
        query=scope.get("query_string", b""),
        headers=headers,
        body=await _read_body(receive, limit=body_limit),
        client_certificate=tls.get("client_cert_der"),
        client_certificate_chain=tls.get("client_cert_chain_der", ()),
        peer=client[0] if client else None,
    )


async def _read_body(receive: Receive, *, limit: int) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DISCONNECTED.reject()
        piece: bytes = message.get("body", b"")
        body += piece
        if len(body) > limit:
            raise BODY_TOO_LARGE.reject(f"more than {limit} octets")
        if not message.get("more_body", False):
            return body


async def send_response(send: Send, response: HttpResponse, *, head: bool = False) -> None:
    """Send the response; ``Date`` comes from the server that runs the application.

    Raises:
        ValueError: a header cannot be sent as it is; nothing was sent.
    """
    await _send(send, response, _encode_headers(response), head=head)


async def _send(
    send: Send, response: HttpResponse, headers: list[tuple[bytes, bytes]], *, head: bool
) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


def _encode_headers(response: HttpResponse) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    for name, value in headers:
        if _UNSENDABLE.search(value) or _UNSENDABLE.search(name):
            # Sent on, it would let whoever supplied the value write headers, or a whole response, of their own.
            raise ValueError(f"the header {name!r} holds a character that ends it")
    if response.status not in _WITHOUT_CONTENT:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers


def application(
    respond: Callable[[HttpRequest], Awaitable[HttpResponse]],
    *,
    participant: str,
    observer: Observer,
    body_limit: int,
    endpoint_of: Callable[[str], str] = lambda _path: "any",
    entropy: Entropy = _SYSTEM_ENTROPY,
) -> Application:
    """Return an ASGI application around ``respond``.

    What nobody foresaw becomes a 500 that says nothing but an id; the observer gets the rest.

    Args:
        respond: answers a request; a ``Reject`` from it becomes a JSON answer.
        participant: who answers, for the observer.
        observer: hears of refusals, failures, and how long each answer took.
        body_limit: octets of body that are read at most.
        endpoint_of: names the endpoint at a path, one of a bounded set, for the observer.
        entropy: where support ids come from.
    """

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = perf_counter()
        try:
            request = await read_request(scope, receive, body_limit=body_limit)
            response = await respond(request)
            headers = _encode_headers(response)
        except Reject as refusal:
            observer.refused(participant, "transport", refusal)
            response = refusal_response(refusal)
            headers = _encode_headers(response)
        except Exception as cause:  # noqa: BLE001  # the last line of defence: logged, and nothing leaks
            support = entropy.octets(_SUPPORT_OCTETS).hex()
            observer.failed(participant, support, cause)
            response = json_response(
                {"error": "server_error", "error_description": f"Support id {support}"}, status=500
            )
            headers = _encode_headers(response)
        await _send(send, response, headers, head=scope["method"] == "HEAD")
        observer.answered(
            participant,
            endpoint_of(scope["path"]),
            status=response.status,
            seconds=perf_counter() - began,
        )

    return run


def refusal_response(refusal: Reject) -> HttpResponse:
    """Return the JSON answer to a request that is refused before any participant sees it."""
    fields = {"error": refusal.reason.error, "error_description": refusal.reason.public}
    headers = (*refusal.headers, ("trustweft-reason", refusal.reason.id))
    return json_response(fields, status=refusal.reason.status, headers=headers)


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
