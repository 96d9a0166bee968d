"""Requests as octets, for what no HTTP library would send: messages whose end can be read in two ways."""

from __future__ import annotations

import time
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from trustweft.audit.exchange import Pairs
    from trustweft.audit.wire import Wire

__all__ = ["AMBIGUOUS", "plain_request", "send_raw"]

SECONDS: Final = 10.0
MAXIMUM_BODY: Final = 65_536
_END: Final = "0\r\n\r\n"  # a last chunk, or five octets


def plain_request(url: str) -> bytes:
    """Return a GET with a body of five octets and one length: the control."""
    return _request(url, ("Content-Length", "5"))


def _request(url: str, *headers: tuple[str, str]) -> bytes:
    parts = urlsplit(url)
    lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + _END).encode()


# RFC 9112 section 6.3 and 5.1. Each body is the same five octets, which end the request by every reading.
AMBIGUOUS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "a length and chunks": lambda url: _request(
        url, ("Content-Length", "5"), ("Transfer-Encoding", "chunked")
    ),
    "two different lengths": lambda url: _request(url, ("Content-Length", "5"), ("Content-Length", "0")),
    "a space before the colon": lambda url: _request(
        url, ("Content-Length", "5"), ("Transfer-Encoding ", "chunked")
    ),
    "a length that is no number": lambda url: _request(url, ("Content-Length", "+5")),
}


def send_raw(wire: Wire, url: str, octets: bytes) -> Exchange:
    """Send octets on a connection of their own, and return the first answer; status 400 where it is only cut.

    Raises:
        HostNotAllowed: the host is none that the target names.
        Unreachable: nobody answers in time.
    """
    parts = urlsplit(url)
    began = time.monotonic()
    with wire.connect(url) as plain:
        plain.settimeout(SECONDS)
        try:
            if parts.scheme == "https":
                with wire.context().wrap_socket(plain, server_hostname=parts.hostname) as connection:
                    answer = _talk(connection, octets)
            else:
                answer = _talk(plain, octets)
        except TimeoutError as silence:
            raise Unreachable(f"no answer from {parts.netloc} in {SECONDS:.0f} s") from silence
        except (OSError, HTTPException):
            answer = (400, (), b"(the connection was closed)")
    status, headers, body = answer
    head, _, content = octets.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return Exchange(
        request=Request(
            method="GET", url=url, headers=tuple((name, value) for name, _, value in lines), body=content
        ),
        status=status,
        headers=headers,
        body=body,
        seconds=time.monotonic() - began,
    )


def _talk(connection: socket.socket, octets: bytes) -> tuple[int, Pairs, bytes]:
    connection.sendall(octets)
    with HTTPResponse(connection) as answer:
        answer.begin()
        headers = tuple((name.lower(), value) for name, value in answer.getheaders())
        return answer.status, headers, answer.read(MAXIMUM_BODY)
