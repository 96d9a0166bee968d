"""HTTP for both servers: one request in, one answer out, on top of the standard library's server."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Answer", "Refused", "Request", "Server", "html", "json_answer", "redirect"]

LONGEST_BODY: Final = 65_536
_PAGE_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_NO_FRAMES: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
}


class Refused(Exception):  # noqa: N818  # an answer, not a failure
    """The request is refused with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]

    def form(self) -> list[tuple[str, str]]:
        """Return the parameters of a form."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return []
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True)
        except ValueError:
            return []


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)


def json_answer(status: int, document: object, **headers: str) -> Answer:
    """Return JSON that nobody stores; names of headers have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    base = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(status, json.dumps(document).encode(), base | named)


def html(status: int, text: str, *, framable: bool = False) -> Answer:
    """Return a page."""
    page = f"<!doctype html><html lang=en><title>Plain login</title><body>{text}</body></html>"
    return Answer(status, page.encode(), _PAGE_HEADERS | ({} if framable else _NO_FRAMES))


def redirect(url: str, status: int = 303) -> Answer:
    """Send the browser on."""
    written = quote(url, safe=":/?#[]@!$&'()*+,;=%")
    return Answer(
        status, headers={"Location": written, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    )


class Server(ThreadingHTTPServer):
    """Serves one application on this machine alone.

    Args:
        port: on the loopback interface.
        respond: answers a request, or raises ``Refused``.
        flaws: ``verbose-errors`` shows failures to everybody.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[Request], Answer], flaws: Collection[str]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._respond, self._verbose = respond, "verbose-errors" in flaws

    def answer(self, read: Callable[[], Request]) -> Answer:
        """Return the answer to a request; whatever goes wrong is an answer too."""
        try:
            return self._respond(read())
        except Refused as refused:
            return refused.answer
        except Exception:  # noqa: BLE001  # the last line
            shown = {"trace": traceback.format_exc()} if self._verbose else {}
            return json_answer(500, {"error": "server_error", **shown})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    server: Server

    def version_string(self) -> str:
        return "plain"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that it has
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request that anybody here would read."""
        del message, explain
        self.close_connection = True
        self._send(json_answer(code, {"error": "invalid_request"}))

    def handle_any(self) -> None:
        self._send(self.server.answer(self._read))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any  # noqa: N815

    def _read(self) -> Request:
        lengths = self.headers.get_all("content-length") or []
        unclear = "transfer-encoding" in self.headers or any(name != name.strip() for name in self.headers)
        if unclear or len(lengths) > 1 or not all(map(_is_number, lengths)):
            self.close_connection = True
            raise Refused(json_answer(400, {"error": "invalid_request"}))
        length = int(lengths[0]) if lengths else 0
        if length > LONGEST_BODY:
            self.close_connection = True
            raise Refused(json_answer(413, {"error": "invalid_request"}))
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            cookies=_cookies(self.headers.get("cookie", "")),
        )

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Server", self.version_string())
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", "") != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
