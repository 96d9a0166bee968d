"""A person at a browser: opens a request, logs in, agrees. Every person has an address of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from soak.connections import Request
from soak.site import PASSWORD

if TYPE_CHECKING:
    from soak.connections import Answer, Connection
    from soak.site import Site

__all__ = ["SEE_OTHER", "Person", "code_of"]

SEE_OTHER: Final = 303
PASSWORD_EVERY: Final = (
    8  # logins: a password takes a processor a tenth of a second, on purpose; a passkey does not
)
_CSRF: Final = re.compile(rb'name="csrf" value="([^"]+)"')


class Person:
    """One customer with a browser that keeps cookies.

    Args:
        site: whose customer it is.
        number: any; decides which customer, how they log in, and from where.
    """

    def __init__(self, site: Site, number: int) -> None:
        self._username, self._authenticator = site.customers[number % len(site.customers)]
        self._has_password_only = number % PASSWORD_EVERY == 0
        # Attempts to log in are counted for each address: a crowd has many.
        self.source = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self._issuer = site.client.issuer
        self._cookies: dict[str, str] = {}
        self._path = ""
        self._csrf = ""

    async def open(self, connection: Connection, *, client_id: str, request_uri: str) -> Answer:
        """Come from the application; the answer is the first page, or why there is none."""
        self._cookies.clear()
        answer = await self._get(
            connection, f"/authorize?client_id={client_id}&request_uri={quote(request_uri, safe='')}"
        )
        return await self._follow(connection, answer) if answer.status == SEE_OTHER else answer

    async def log_in(self, connection: Connection) -> Answer:
        """Log in; the answer is the question, or why there is none."""
        form = {"csrf": self._csrf}
        if self._has_password_only:
            step = "/login"
            form |= {"username": self._username, "password": PASSWORD}
        else:
            step = "/passkey"
            options = await self._send(connection, self.submit("/passkey_options", form))
            form["credential"] = self._authenticator.get(options.body)
        answer = await self._send(connection, self.submit(step, form))
        return await self._follow(connection, answer) if answer.status == SEE_OTHER else answer

    def agree(self) -> Request:
        """Return the answer to the question, ready to be sent."""
        return self.submit("/decision", {"csrf": self._csrf, "decision": "approve"})

    async def decide(self, connection: Connection) -> Answer:
        """Answer the question."""
        return await self._send(connection, self.agree())

    def submit(self, step: str, form: dict[str, str]) -> Request:
        """Return a form of the page, as the browser sends it."""
        return Request("POST", self._path + step, (("origin", self._issuer), *self._cookie_header), form)

    @property
    def _cookie_header(self) -> tuple[tuple[str, str], ...]:
        pairs = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return (("cookie", pairs),) if pairs else ()

    async def _get(self, connection: Connection, target: str) -> Answer:
        return await self._send(connection, Request("GET", target, self._cookie_header))

    async def _follow(self, connection: Connection, answer: Answer) -> Answer:
        self._path = urlsplit(answer.header("location")).path
        shown = await self._get(connection, self._path)
        found = _CSRF.search(shown.body)
        self._csrf = found[1].decode() if found else ""
        return shown

    async def _send(self, connection: Connection, request: Request) -> Answer:
        answer = await connection.send(request)
        for name, value in answer.headers:
            if name == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self._cookies[cookie] = content
        return answer


def code_of(answer: Answer) -> str:
    """Return the code that the person's browser is sent back with; empty where it is not."""
    found = parse_qs(urlsplit(answer.header("location")).query).get("code", [""])
    return found[0]
