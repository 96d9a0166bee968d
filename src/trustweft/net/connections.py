"""One HTTP connection of a server: bounded in size and time, and with the facts of its TLS session in the ASGI scope.

uvicorn's protocol class does HTTP. What it leaves open is closed here: headers without end, requests that never end,
peers that never read, and trailers, which it would mix with the headers (RFC 9110 section 6.5.1 forbids that: who
filters headers in front of us does not see them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import REQUEST_ID

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.server import ServerState

__all__ = ["HEAD_LIMIT", "REQUEST_SECONDS", "Connection"]

# Our choice: above what an application refuses with a reason, so that this bound is for those who do not listen.
HEAD_LIMIT: Final = 131_072
REQUEST_SECONDS: Final = 30.0  # our choice: for a whole request, and for an answer to be taken
_CONNECTION_ID_OCTETS: Final = 4
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)
_INTERIM: Final = b"HTTP/1.1 100 "


class _Answer:
    """Where an answer is written: its head waits for its body, and both go out in one piece.

    The ASGI specification wants the head to wait; here it saves a TLS record, a system call and waking the peer twice.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, octets: bytes) -> None:
        """Keep the head; write the rest, the first of it behind the head."""
        if self._head is None and not octets.startswith(_INTERIM):
            self._head = octets
        elif self._head:
            self._transport.write(self._head + octets)
            self._head = b""  # written: the rest of the body goes out as it comes
        else:
            self._transport.write(octets)

    def close(self) -> None:
        """Write a head that nothing follows, and close the connection."""
        if self._head:
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()


class Connection(HttpToolsProtocol):
    """Serves the requests of one connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._reading_head = False
        self._reading = False
        self._body_came = False
        self._completed = False
        self._overhead = 0
        self._request_deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    @property
    def is_answering(self) -> bool:
        """Tell whether a request is being answered."""
        cycle: Any = self.cycle  # None before the first request, whatever its annotation says
        return cycle is not None and not cycle.response_complete

    def abort(self) -> None:
        """End the connection now, without waiting for the peer."""
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Begin: after the TLS handshake."""
        super().connection_made(transport)
        self._request_deadline = self.loop.call_later(REQUEST_SECONDS, self.abort)
        connection = transport.get_extra_info("ssl_object")
        facts = {
            "client_cert_der": connection.getpeercert(binary_form=True),
            "tls_version": connection.version(),
        }
        application = self.app
        identifier = SystemEntropy().octets(_CONNECTION_ID_OCTETS).hex()
        number = 0

        async def with_facts(scope: Any, receive: Any, send: Any) -> None:
            nonlocal number
            number += 1
            REQUEST_ID.set(f"{identifier}-{number}")
            scope["extensions"] = {"tls": facts}
            await application(scope, receive, send)

        self.app = with_facts

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_request_deadline()
        self._stop_write_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; what is neither body nor the end of a request must not go on for ever."""
        self._body_came = self._completed = False
        super().data_received(data)
        if self._completed:
            self._stop_request_deadline()
            if not self._reading:
                return
        if self._request_deadline is None:
            self._request_deadline = self.loop.call_later(REQUEST_SECONDS, self.abort)
        if not self._body_came:
            self._overhead += len(data)
            if self._overhead > HEAD_LIMIT and not self.transport.is_closing():
                if not self.is_answering:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._reading = self._reading_head = True
        self._overhead = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is dropped."""
        if self._reading_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._reading_head = False
        before: Any = self.cycle
        super().on_headers_complete()
        cycle: Any = self.cycle
        if cycle is not before and self.scope["method"] != "HEAD":  # to HEAD, nothing would follow the head
            cycle.transport = _Answer(self.transport)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._reading = False
        self._completed = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the peer to read, but not for ever."""
        super().pause_writing()
        self._write_deadline = self.loop.call_later(REQUEST_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._stop_write_deadline()
        super().resume_writing()

    def _stop_request_deadline(self) -> None:
        if self._request_deadline is not None:
            self._request_deadline.cancel()
            self._request_deadline = None

    def _stop_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
