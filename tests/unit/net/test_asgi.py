"""Requests and responses as values on one side, ASGI messages on the other."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from trustweft.net.asgi import HEADER_COUNT_LIMIT, HEADER_LIMIT, application, read_request, send_response
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

LIMIT = 10
REFUSED = reason("net-asgi-test.refused", error="invalid_grant", public="Not today.", status=403)


class Recorder(SilentObserver):
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, str, str]] = []
        self.failures: list[tuple[str, str, str]] = []
        self.answers: list[tuple[str, str, int]] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        self.refusals.append((participant, endpoint, refusal.reason.id))

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Remember the support id and the cause."""
        self.failures.append((participant, support, str(cause)))

    def answered(self, participant: str, endpoint: str, *, status: int, seconds: float) -> None:
        """Remember the status."""
        assert seconds >= 0
        self.answers.append((participant, endpoint, status))


class Counting:
    """Entropy that counts."""

    def token(self) -> str:
        """Return a token that is not one."""
        return "token"

    def octets(self, count: int) -> bytes:
        """Return the same octets again and again."""
        return b"\xab" * count


def scope(**changes: object) -> dict[str, Any]:
    """Return the scope of one good request, with changes."""
    return {
        "type": "http",
        "method": "POST",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"x=%FF&x=1",
        "headers": [(b"host", b"localhost"), (b"x-twice", b"1"), (b"X-Twice", b"\xe9")],
        "client": ("127.0.0.1", 50000),
        **changes,
    }


class Channel:
    """Both directions of one exchange; the test's end."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._incoming = deque(messages)
        self.received = 0
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        """Give the next message."""
        self.received += 1
        return self._incoming.popleft()

    async def send(self, message: Any) -> None:
        """Remember what was sent."""
        self.sent.append(message)

    @property
    def status(self) -> int:
        """The status that was sent."""
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers that were sent."""
        return dict(self.sent[0]["headers"])

    @property
    def document(self) -> Any:
        """The JSON that was sent."""
        return json.loads(self.sent[1]["body"])


def body(*pieces: bytes) -> list[dict[str, Any]]:
    """Return the messages of a body in pieces."""
    last = len(pieces) - 1
    return [
        {"type": "http.request", "body": piece, "more_body": number < last}
        for number, piece in enumerate(pieces)
    ]


async def run(
    respond: Callable[[HttpRequest], Awaitable[HttpResponse]],
    channel: Channel,
    observer: Recorder,
    **changes: object,
) -> None:
    """Run an application around ``respond`` on one request."""
    app = application(
        respond,
        participant="bank",
        observer=observer,
        body_limit=LIMIT,
        endpoint_of=lambda path: "known" if path == "/a b" else "none",
        entropy=Counting(),
    )
    await app(scope(**changes), channel.receive, channel.send)


async def echo(request: HttpRequest) -> HttpResponse:
    """Answer with the body of the request."""
    return HttpResponse(200, (("content-type", "text/plain"),), request.body)


async def test_a_request_becomes_a_value() -> None:
    """Path and query stay as sent; names are in lower case, repeated headers are kept, octets are Latin-1."""
    channel = Channel(*body(b"12345", b"", b"67890"))
    tls = {"client_cert_der": b"DER", "tls_version": "TLSv1.3"}
    request = await read_request(scope(extensions={"tls": tls}), channel.receive, body_limit=LIMIT)
    assert request == HttpRequest(
        method="POST",
        path="/a%20b",
        query=b"x=%FF&x=1",
        headers=(("host", "localhost"), ("x-twice", "1"), ("x-twice", "\u00e9")),
        body=b"1234567890",
        client_certificate=b"DER",
        peer="127.0.0.1",
    )


async def test_what_a_scope_may_leave_out_is_left_out() -> None:
    """No raw path, no TLS, no peer: the decoded path, and nothing for the rest."""
    channel = Channel({"type": "http.request"})
    sparse = scope(raw_path=None, client=None, headers=[])
    del sparse["query_string"]
    request = await read_request(sparse, channel.receive, body_limit=LIMIT)
    assert request == HttpRequest(method="POST", path="/a b")


@pytest.mark.parametrize(
    ("pieces", "read"), [((b"12345678901",), 1), ((b"12345", b"678901"), 2), ((b"x" * 11, b"never"), 1)]
)
async def test_a_body_beyond_the_limit_is_refused_before_more_is_read(
    pieces: tuple[bytes, ...], read: int
) -> None:
    """The octet over the limit is the last one that is looked at."""
    channel = Channel(*body(*pieces))
    with pytest.raises(Reject) as refused:
        await read_request(scope(), channel.receive, body_limit=LIMIT)
    assert (refused.value.reason.id, channel.received) == ("http.body-too-large", read)


@pytest.mark.parametrize(
    "headers",
    [[(b"a", b"")] * (HEADER_COUNT_LIMIT + 1), [(b"a", b"x" * HEADER_LIMIT)]],
    ids=["too many", "too large"],
)
async def test_headers_beyond_the_limit_are_refused_before_the_body_is_read(
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Neither many small nor one large header passes."""
    channel = Channel(*body(b""))
    with pytest.raises(Reject) as refused:
        await read_request(scope(headers=headers), channel.receive, body_limit=LIMIT)
    assert (refused.value.reason.id, channel.received) == ("http.headers-too-large", 0)


async def test_headers_at_the_limit_pass() -> None:
    """The limits themselves are allowed."""
    headers = [(b"a", b"")] * (HEADER_COUNT_LIMIT - 1)
    headers.append((b"a", b"x" * (HEADER_LIMIT - HEADER_COUNT_LIMIT)))
    request = await read_request(scope(headers=headers), Channel(*body(b"")).receive, body_limit=LIMIT)
    assert len(request.headers) == HEADER_COUNT_LIMIT


async def test_a_caller_who_goes_away_is_a_refusal() -> None:
    """Half a body is never mistaken for a whole one."""
    channel = Channel(
        {"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}
    )
    with pytest.raises(Reject) as refused:
        await read_request(scope(), channel.receive, body_limit=LIMIT)
    assert refused.value.reason.id == "http.disconnected"


async def test_an_answer_is_sent_and_told_to_the_observer() -> None:
    """The length is added; the observer hears participant, endpoint and status."""
    channel, observer = Channel(*body(b"hello")), Recorder()
    await run(echo, channel, observer)
    assert channel.sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain"), (b"content-length", b"5")],
        },
        {"type": "http.response.body", "body": b"hello"},
    ]
    assert observer.answers == [("bank", "known", 200)]


async def test_head_has_the_length_and_no_body() -> None:
    """RFC 9110 section 9.3.2: the headers of GET, without its content."""
    channel = Channel(*body(b"hello"))
    await run(echo, channel, Recorder(), method="HEAD")
    assert (channel.headers[b"content-length"], channel.sent[1]["body"]) == (b"5", b"")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_content_has_no_length(status: int) -> None:
    """RFC 9110 section 8.6."""
    channel = Channel()
    await send_response(channel.send, HttpResponse(status))
    assert channel.headers == {}


async def test_a_refusal_becomes_a_json_answer() -> None:
    """Error code, public text, reason id and headers are sent; the private detail is not."""

    async def refuse(_request: HttpRequest) -> HttpResponse:
        raise REFUSED.reject("private detail", headers=(("dpop-nonce", "n"),))

    channel, observer = Channel(*body(b"")), Recorder()
    await run(refuse, channel, observer)
    assert channel.status == 403
    assert channel.document == {"error": "invalid_grant", "error_description": "Not today."}
    assert channel.headers[b"trustweft-reason"] == b"net-asgi-test.refused"
    assert channel.headers[b"dpop-nonce"] == b"n"
    assert channel.headers[b"cache-control"] == b"no-store"
    assert observer.refusals == [("bank", "transport", "net-asgi-test.refused")]
    assert observer.answers == [("bank", "known", 403)]
    assert b"private" not in repr(channel.sent).encode()


async def test_a_body_that_is_too_large_is_answered() -> None:
    """The caller learns why; the participant never sees the request."""
    channel, observer = Channel(*body(b"x" * 11)), Recorder()
    await run(echo, channel, observer, path="/other")
    assert (channel.status, observer.refusals) == (413, [("bank", "transport", "http.body-too-large")])
    assert observer.answers == [("bank", "none", 413)]


async def test_what_nobody_foresaw_leaks_nothing() -> None:
    """The caller gets a support id, the observer the same id and the cause."""

    async def fail(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError("the password is hunter2")

    channel, observer = Channel(*body(b"")), Recorder()
    await run(fail, channel, observer)
    assert channel.status == 500
    assert channel.document == {"error": "server_error", "error_description": f"Support id {'ab' * 6}"}
    assert observer.failures == [("bank", "ab" * 6, "the password is hunter2")]
    assert observer.answers == [("bank", "known", 500)]
    assert "hunter2" not in repr(channel.sent)


@pytest.mark.parametrize(
    "value", ["x\r\nset-cookie: a=b", "x\ny", "x\ry", "x\0y", "\u20ac", "x\x7fy"], ids=repr
)
async def test_a_header_that_would_split_the_answer_is_never_sent(value: str) -> None:
    """A value with a line end is our defect: a 500, and not a header of the attacker's."""

    async def reflect(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(303, (("location", value),))

    channel, observer = Channel(*body(b"")), Recorder()
    await run(reflect, channel, observer)
    assert (channel.status, b"location" in channel.headers, len(observer.failures)) == (500, False, 1)
    with pytest.raises(ValueError, match=r"header|latin-1"):
        await send_response(channel.send, HttpResponse(200, (("x", value),)))


async def test_a_cancelled_request_is_cancelled() -> None:
    """Stopping the server is no failure to be answered."""

    async def wait(_request: HttpRequest) -> HttpResponse:
        raise asyncio.CancelledError

    channel, observer = Channel(*body(b"")), Recorder()
    with pytest.raises(asyncio.CancelledError):
        await run(wait, channel, observer)
    assert (channel.sent, observer.failures) == ([], [])


async def test_the_life_of_the_server_is_acknowledged() -> None:
    """Start and stop are answered, so that any ASGI server runs the application."""
    channel = Channel({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await run(echo, channel, Recorder(), type="lifespan")
    assert [message["type"] for message in channel.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_websocket_is_refused() -> None:
    """Nothing here speaks WebSocket: 1008, against policy."""
    channel = Channel({"type": "websocket.connect"})
    await run(echo, channel, Recorder(), type="websocket")
    assert channel.sent == [{"type": "websocket.close", "code": 1008}]
