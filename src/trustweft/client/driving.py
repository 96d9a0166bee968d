"""Carries out conversations over httpx2: one request, one bounded answer, and the next; redirects are never followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from trustweft.protocol.http import HttpResponse
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    import httpx2

    from trustweft.client.wire import Call, Flow

__all__ = ["drive", "drive_async"]

T = TypeVar("T")

MAXIMUM_ANSWER: Final = 1_048_576

TOO_LARGE = reason(
    "client.answer-too-large",
    error="server_error",
    public="The answer of the server is too large.",
    status=502,
)
ENCODED = reason(
    "client.answer-encoded",
    error="server_error",
    public="The answer of the server is compressed.",
    status=502,
)


def drive(flow: Flow[T], http: httpx2.Client) -> T:
    """Return what comes of a conversation.

    Raises:
        Reject: an answer does not fit; and whatever the conversation raises, and httpx2 where there is no answer.
    """
    try:
        call = next(flow)
        while True:
            call = flow.send(_send(call, http))
    except StopIteration as done:
        result: T = done.value
        return result


async def drive_async(flow: Flow[T], http: httpx2.AsyncClient) -> T:
    """Return what comes of a conversation; see ``drive``."""
    try:
        call = next(flow)
        while True:
            call = flow.send(await _send_async(call, http))
    except StopIteration as done:
        result: T = done.value
        return result


def _send(call: Call, http: httpx2.Client) -> HttpResponse:
    with http.stream(
        call.method, call.url, headers=_plain(call), content=call.body, follow_redirects=False
    ) as response:
        _refuse_encoded(response)
        body = bytearray()
        for piece in response.iter_bytes():
            _add(body, piece)
        return _value(response, bytes(body))


async def _send_async(call: Call, http: httpx2.AsyncClient) -> HttpResponse:
    async with http.stream(
        call.method, call.url, headers=_plain(call), content=call.body, follow_redirects=False
    ) as response:
        _refuse_encoded(response)
        body = bytearray()
        async for piece in response.aiter_bytes():
            _add(body, piece)
        return _value(response, bytes(body))


def _plain(call: Call) -> list[tuple[str, str]]:
    # Compressed, a small answer could grow beyond all bounds before it is counted.
    return [*call.headers, ("accept-encoding", "identity")]


def _refuse_encoded(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ENCODED.reject()


def _add(body: bytearray, piece: bytes) -> None:
    if len(body) + len(piece) > MAXIMUM_ANSWER:
        raise TOO_LARGE.reject(f"more than {MAXIMUM_ANSWER} octets")
    body += piece  # in its place: a server that sends single octets must not make us copy all for each


def _value(response: httpx2.Response, body: bytes) -> HttpResponse:
    headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
    return HttpResponse(response.status_code, headers, body)
