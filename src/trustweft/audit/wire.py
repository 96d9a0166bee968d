"""The only way out: what is sent goes to hosts that are allowed, not too fast, and is written down."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import deque
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx2

from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import FORM_TYPE, Exchange, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from trustweft.audit.exchange import Request

__all__ = ["HostNotAllowed", "Unreachable", "Wire"]

TIMEOUT_SECONDS: Final = 15.0
MAXIMUM_ANSWER: Final = 4_194_304  # what a check reads of an answer
DEFAULT_RATE: Final = 100.0  # our choice: requests in a second, over all checks
REMEMBERED: Final = 20_000  # exchanges, for the checks that only read
_OWN: Final = "the auditor's own"
NONCE_HEADER: Final = "dpop-nonce"


class Unreachable(Inconclusive):
    """Nobody answered, or the connection was cut; the argument says how."""


class HostNotAllowed(Inconclusive):
    """The request would go to a host that the target does not name."""


class Wire:
    """Sends requests over TLS; follows no redirect and keeps no cookie.

    Args:
        trust: for connections without a client certificate.
        certificates: by name, for connections with one.
        hosts: host names that may be asked; a name of any port.
        rate: requests in a second, over everything.
        own: origins of the auditor's own server, whose certificate is somebody else's to judge: it is not verified.
        sleep: waits.
    """

    def __init__(
        self,
        trust: ssl.SSLContext,
        *,
        certificates: Mapping[str, ssl.SSLContext],
        hosts: Collection[str],
        rate: float = DEFAULT_RATE,
        own: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.hosts = {host.lower() for host in hosts}
        self._contexts: dict[str | None, ssl.SSLContext] = {None: trust}
        self._contexts.update(certificates)
        self._http: dict[str | None, httpx2.Client] = {
            name: _client(context) for name, context in self._contexts.items()
        }
        self._own = frozenset(own)
        self._http[_OWN] = _client(_unverified()) if own else self._http[None]
        self._pace = _Pace(rate, sleep)
        self._lock = threading.Lock()
        self._nonces: dict[str, str] = {}
        self.exchanges: deque[Exchange] = deque(maxlen=REMEMBERED)
        self.sent = 0
        self.cut_off: set[str] = set()  # hosts that pages wanted of Chromium, and that nobody named

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for http in self._http.values():
            http.close()

    def context(self, certificate: str | None = None) -> ssl.SSLContext:
        """Return the TLS context of connections with this certificate."""
        return self._contexts[certificate]

    def add_certificate(self, name: str, context: ssl.SSLContext) -> None:
        """Let requests show one more client certificate."""
        with self._lock:
            self._contexts[name] = context
            self._http[name] = _client(context)

    def nonce(self, url: str) -> str | None:
        """Return the DPoP nonce that the server of ``url`` gave last (RFC 9449 section 8.2)."""
        return self._nonces.get(origin_of(url))

    def send(self, request: Request) -> Exchange:
        """Send a request and return what happened.

        Raises:
            HostNotAllowed: the host is none that the target names.
            Unreachable: nobody answered.
        """
        self.allow(request.url)
        self._pace.wait()
        return self._send(request)

    def _send(self, request: Request) -> Exchange:
        headers = list(request.headers)
        if request.form is not None and request.header("content-type") is None:
            headers.append(("content-type", FORM_TYPE))
        extensions = {} if request.target is None else {"target": request.target.encode()}
        began = time.monotonic()
        try:
            own = origin_of(request.url) in self._own
            with self._http[_OWN if own else request.certificate].stream(
                request.method,
                request.url,
                headers=headers,
                content=request.content(),
                extensions=extensions,
            ) as answer:
                body = _bounded(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as cause:
            raise Unreachable(f"no answer from {origin_of(request.url)}: {cause!r}"[:300]) from cause
        exchange = Exchange(
            request=request,
            status=answer.status_code,
            headers=tuple((name.lower(), value) for name, value in answer.headers.multi_items()),
            body=body,
            seconds=time.monotonic() - began,
        )
        self._remember(exchange)
        return exchange

    def race(self, requests: Sequence[Request]) -> list[Exchange | Unreachable]:
        """Send requests at the same moment; return what became of each, in their order.

        Each waits for its turn before, so that the pace is kept on the whole and does not spread them.
        """
        barrier = threading.Barrier(len(requests))
        results: list[Exchange | Unreachable] = [Unreachable("not sent")] * len(requests)

        for request in requests:
            self.allow(request.url)
            self._pace.wait()

        def run(index: int) -> None:
            barrier.wait()
            try:
                results[index] = self._send(requests[index])
            except Unreachable as cause:
                results[index] = cause

        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def connect(self, url: str) -> socket.socket:
        """Open a connection for what is no HTTP request: to the same hosts, and no faster.

        Raises:
            HostNotAllowed: the host is none that the target names.
            Unreachable: nobody listens.
        """
        self.allow(url)
        self._pace.wait()
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            connection = socket.create_connection((parts.hostname or "", port), TIMEOUT_SECONDS)
        except OSError as cause:
            raise Unreachable(f"no answer from {origin_of(url)}: {cause!r}"[:300]) from cause
        with self._lock:
            self.sent += 1
        return connection

    def allow(self, url: str) -> None:
        """Make sure that a URL leads to a host that may be asked.

        Raises:
            HostNotAllowed: it does not.
        """
        host = (urlsplit(url).hostname or "").lower()
        if host not in self.hosts:
            raise HostNotAllowed(f"{host or url!r} is not among the hosts that may be asked")

    def _remember(self, exchange: Exchange) -> None:
        nonce = exchange.header(NONCE_HEADER)
        with self._lock:
            self.sent += 1
            self.exchanges.append(exchange)
            if nonce is not None:
                self._nonces[origin_of(exchange.request.url)] = nonce


class _Pace:
    """Lets so many through in a second."""

    def __init__(self, rate: float, sleep: Callable[[float], None]) -> None:
        self._interval = 1.0 / rate
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _client(context: ssl.SSLContext) -> httpx2.Client:
    transport = httpx2.HTTPTransport(verify=context, limits=httpx2.Limits(max_connections=64))
    client = httpx2.Client(
        transport=transport,
        timeout=TIMEOUT_SECONDS,
        follow_redirects=False,
        trust_env=False,
    )
    # The library would keep cookies for all browsers together: each `UserAgent` keeps its own.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    client.headers.clear()
    client.headers["user-agent"] = "trustweft-check"
    client.headers["accept"] = "*/*"
    return client


def _bounded(answer: httpx2.Response) -> bytes:
    body = b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > MAXIMUM_ANSWER:
            break
    return body
