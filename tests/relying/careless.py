"""A web application that does OAuth as old tutorials do: no state, no PKCE, a secret, bearer tokens, one global login.

``/login?issuer=...`` begins a flow, ``/callback`` ends it, ``/inside`` is for those who are logged in. It is for tests of
the auditor: nearly everything about it is wrong.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

__all__ = ["careless_application"]


class _Application(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, trust: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trust = trust
        self.tokens: dict[str, str] = {}

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Application

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/login":
                self._begin(query["issuer"])
            case "/callback":
                self._finish(query)
            case "/inside" if self._session() in self.server.tokens:
                self._page("<title>Inside</title>Your accounts")
            case "/inside":
                self._page("<title>Log in</title>Please log in")
            case _:
                self._page("<title>Nothing</title>", status=404)

    def _begin(self, issuer: str) -> None:
        session = self._session() or token_urlsafe(24)
        asked = {
            "response_type": "code",
            "client_id": "careless",
            "redirect_uri": f"{self.server.base}/callback",
            "scope": "accounts",
        }
        self._redirect(
            f"{issuer}/authorize?{urlencode(asked)}", cookies=(f"sid={session}", f"issuer={issuer}")
        )

    def _finish(self, query: dict[str, str]) -> None:
        if "code" not in query:
            self._page("<title>Denied</title>", status=403)
            return
        session = self._session() or token_urlsafe(24)
        issuer = self._cookie("issuer") or query.get("iss", "")
        with httpx2.Client(verify=self.server.trust) as http:
            answer = http.post(
                f"{issuer}/token",
                data={
                    "grant_type": "authorization_code",
                    "code": query["code"],
                    "redirect_uri": f"{self.server.base}/callback",
                },
                auth=("careless", "secret"),
            )
            if answer.status_code != httpx2.codes.OK:
                self._page("<title>Refused</title>", status=502)
                return
            token: str = answer.json()["access_token"]
            http.get(f"{issuer}/api/accounts", headers={"authorization": f"Bearer {token}"})
        self.server.tokens[session] = token
        self._redirect("/inside", cookies=(f"sid={session}",))

    def _session(self) -> str:
        return self._cookie("sid")

    def _cookie(self, name: str) -> str:
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return next((value for each, _, value in pairs if each == name), "")

    def _redirect(self, location: str, *, cookies: tuple[str, ...]) -> None:
        self.send_response(302)
        self.send_header("location", location)
        for cookie in cookies:
            self.send_header("set-cookie", f"{cookie}; Path=/")
        self.send_header("content-length", "0")
        self.end_headers()

    def _page(self, html: str, *, status: int = 200) -> None:
        body = html.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def careless_application(trust: ssl.SSLContext) -> Iterator[str]:
    """Serve the application on a free port, and return its base URL."""
    application = _Application(trust)
    thread = threading.Thread(target=application.serve_forever)
    thread.start()
    try:
        yield application.base
    finally:
        application.shutdown()
        thread.join()
        application.server_close()
