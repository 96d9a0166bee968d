"""Outbound requests: https only, to checked addresses, within bounds of size and time, following no redirect.

A name is resolved once; the addresses are checked, and the connection goes to one of those, under the name's TLS
identity. A name that changes its address between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpcore2
import httpx2

from trustweft.net.addresses import is_public
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
    from types import TracebackType

    Resolve = Callable[[str, int], Awaitable[list[str]]]

__all__ = ["CheckedTransport", "Fetcher", "trust_context"]

MAXIMUM_BODY: Final = 262_144
MAXIMUM_SECONDS: Final = 10.0  # our choice: name, connection, handshake, request and answer together
CONNECT_SECONDS: Final = 3.0  # our choice: for one address, so that a silent one leaves time for the next
# RFC 9325 section 4.2: with TLS 1.2 only ephemeral key exchange and authenticated encryption with AES.
CIPHERS_TLS_1_2: Final = "ECDHE+AESGCM"
MAXIMUM_PORT: Final = 65_535
_HOST: Final = re.compile(
    r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}"
)  # a name, or an IPv6 address without brackets
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)

NOT_HTTPS = reason(
    "fetch.not-https", error="server_error", public="Only an https URL of a host can be fetched.", status=502
)
ADDRESS = reason(
    "fetch.address",
    error="server_error",
    public="The URL leads to an address that may not be asked.",
    status=502,
)
UNRESOLVED = reason(
    "fetch.unresolved", error="server_error", public="The host of the URL has no address.", status=502
)
UNREACHABLE = reason(
    "fetch.unreachable", error="server_error", public="The host of the URL could not be reached.", status=502
)
TIMEOUT = reason(
    "fetch.timeout", error="server_error", public="The host of the URL took too long to answer.", status=502
)
TOO_LARGE = reason(
    "fetch.too-large", error="server_error", public="The answer of the host is too large.", status=502
)
ENCODED = reason(
    "fetch.encoded", error="server_error", public="The answer of the host is compressed.", status=502
)
NOT_JSON = reason(
    "fetch.not-json", error="server_error", public="The answer of the host is not JSON.", status=502
)


@enforces("FAPI2-SP-5.2.2-2")
def trust_context(authorities: Path | None = None) -> ssl.SSLContext:
    """Return a client's TLS context that trusts the authorities of a PEM file, or the system's where none is named."""
    context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_TLS_1_2)
    return context


class Fetcher:
    """Gets and posts; every request has a connection of its own, so nothing needs to be closed.

    Args:
        trust: a TLS context that verifies, or the PEM file of the authorities to trust.
        allowed_hosts: names that may lead to addresses that are not public: `localhost` in the demo.
        maximum_body: octets of an answer.
        maximum_seconds: for everything together.
        resolve: gives the addresses of a name; the system's resolver unless given.
    """

    def __init__(
        self,
        *,
        trust: ssl.SSLContext | Path,
        allowed_hosts: Collection[str] = frozenset(),
        maximum_body: int = MAXIMUM_BODY,
        maximum_seconds: float = MAXIMUM_SECONDS,
        resolve: Resolve | None = None,
    ) -> None:
        self._trust = trust_context(trust) if isinstance(trust, Path) else trust
        self._allowed_hosts = frozenset(allowed_hosts)
        self._maximum_body = maximum_body
        self._maximum_seconds = maximum_seconds
        self._resolve = resolve
        _check_verifies(self._trust)

    async def get(self, url: str, *, expect_json: bool = False) -> HttpResponse:
        """Return the answer to a GET, whatever its status; a redirect is an answer like any other.

        Raises:
            Reject: ``fetch.*``.
        """
        return await self.send("GET", url, expect_json=expect_json)

    async def post(self, url: str, form: Mapping[str, str], *, expect_json: bool = False) -> HttpResponse:
        """Return the answer to a posted form, whatever its status.

        Raises:
            Reject: ``fetch.*``.
        """
        body = urlencode(form).encode("ascii")
        return await self.send("POST", url, headers=_FORM, body=body, expect_json=expect_json)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        expect_json: bool = False,
    ) -> HttpResponse:
        """Return the answer to a request.

        Raises:
            Reject: ``fetch.*``.
        """
        target = _parse(url)
        transport = CheckedTransport(
            trust=self._trust, allowed_hosts=self._allowed_hosts, resolve=self._resolve
        )
        try:
            # One deadline over everything: per-step timeouts let a slow sender go on for ever.
            async with (
                asyncio.timeout(self._maximum_seconds),
                httpx2.AsyncClient(transport=transport, trust_env=False, timeout=None) as client,
                client.stream(
                    method,
                    target,
                    content=body,
                    headers=[("accept-encoding", "identity"), *headers],
                    follow_redirects=False,
                ) as response,
            ):
                return await self._read(response, expect_json=expect_json)
        except TimeoutError as cause:
            raise TIMEOUT.reject(f"{target.host}: {self._maximum_seconds} seconds") from cause
        except httpx2.HTTPError as cause:
            raise UNREACHABLE.reject(f"{target.host}: {cause!r:.200}") from cause

    async def _read(self, response: httpx2.Response, *, expect_json: bool) -> HttpResponse:
        # A compressed answer could unfold to any size; we asked for none.
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise ENCODED.reject(response.headers["content-encoding"][:80])
        if expect_json and not _is_json(response.headers.get("content-type", "")):
            raise NOT_JSON.reject(f"{response.headers.get('content-type')!r:.80}")
        pieces, size = [], 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > self._maximum_body:
                raise TOO_LARGE.reject(f"more than {self._maximum_body} octets")
            pieces.append(piece)
        received = tuple((name.lower(), value) for name, value in response.headers.multi_items())
        return HttpResponse(response.status_code, received, b"".join(pieces))


class CheckedTransport(httpx2.AsyncBaseTransport):
    """A transport for `httpx2.AsyncClient` that connects to checked addresses only, over https only.

    Args:
        trust: a TLS context that verifies.
        allowed_hosts: names that may lead to addresses that are not public.
        resolve: gives the addresses of a name; the system's resolver unless given.
    """

    def __init__(
        self,
        *,
        trust: ssl.SSLContext,
        allowed_hosts: Collection[str] = frozenset(),
        resolve: Resolve | None = None,
    ) -> None:
        _check_verifies(trust)
        # The pool knows connections by name, never by address: two names at one address share none.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trust,
            network_backend=_CheckedBackend(allowed_hosts, _resolve if resolve is None else resolve),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            Reject: ``fetch.*`` for what may not be asked.
            httpx2.TransportError: the request failed.
        """
        url = _parse(str(request.url))
        sent = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=b"https", host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            # No `sni_hostname` of a caller: the TLS identity is the URL's host.
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        try:
            response = await self._pool.handle_async_request(sent)
        except _HTTPCORE_ERRORS as cause:
            raise _translate(cause, request) from cause
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Stream(response, request),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close every connection."""
        await self.aclose()


class _Stream(httpx2.AsyncByteStream):
    """The body of a response, with the errors that callers of httpx2 know."""

    def __init__(self, response: httpcore2.Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.aiter_stream():
                yield piece
        except _HTTPCORE_ERRORS as cause:
            raise _translate(cause, self._request) from cause

    async def aclose(self) -> None:
        await self._response.aclose()


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections; the only place where a name becomes an address."""

    def __init__(self, allowed_hosts: Collection[str], resolve: Resolve) -> None:
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface's own
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to one of the name's addresses, after all of them were found fit.

        Raises:
            Reject: ``fetch.address``, ``fetch.unresolved``.
        """
        patience = CONNECT_SECONDS if timeout is None else min(timeout, CONNECT_SECONDS)
        failure: Exception = UNRESOLVED.reject(host)
        for address in await self._checked_addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as cause:
                failure = cause
        raise failure

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as cause:  # a label that is empty or too long is a UnicodeError
            raise UNRESOLVED.reject(f"{host}: {cause}") from cause
        if host.lower() not in self._allowed_hosts:
            # One unfit address among fit ones is no accident: the whole answer is refused.
            unfit = [address for address in addresses if not is_public(address)]
            if unfit:
                raise ADDRESS.reject(f"{host} is {', '.join(unfit)[:200]}")
        return addresses

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


_HTTPCORE_ERRORS: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


def _translate(cause: Exception, request: httpx2.Request) -> httpx2.TransportError:
    """Return the error of httpx2 that has the name of the one of httpcore2."""
    kind = getattr(httpx2, type(cause).__name__, None)
    if not (isinstance(kind, type) and issubclass(kind, httpx2.TransportError)):
        kind = httpx2.TransportError
    return kind(str(cause), request=request)


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@enforces("FAPI2-SP-5.2.1-1")
def _parse(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
        host = parsed.host  # decoded only now: a name that is no valid IDNA raises here and nowhere later
    except (httpx2.InvalidURL, UnicodeError, ValueError) as cause:
        raise NOT_HTTPS.reject(f"{cause!r:.200}") from cause
    if (
        parsed.scheme != "https"
        or parsed.userinfo
        or not _HOST.fullmatch(parsed.raw_host.decode("ascii"))
        or not 0 < (443 if parsed.port is None else parsed.port) <= MAXIMUM_PORT
    ):
        raise NOT_HTTPS.reject(f"{parsed.scheme!r:.20} {host!r:.80} {parsed.port}")
    return parsed


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


@enforces("FAPI2-SP-5.2.1-5")
def _check_verifies(trust: ssl.SSLContext) -> None:
    if trust.verify_mode != ssl.CERT_REQUIRED or not trust.check_hostname:
        raise ValueError("a TLS context that does not verify whom it talks to is no trust")
