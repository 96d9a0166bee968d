"""Where the guard has the issuer's keys from (RFC 8414, RFC 7517 section 5).

Keys of a remote issuer are fetched when they are needed and too old, or when a token names one that is not known.
No attacker decides how often: between two attempts lies a cool-down. An issuer that is away is believed for a stated
time, then the guard fails closed. A key that the issuer no longer publishes is gone with the next fetch.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.crypto import jws
from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.protocol import metadata
from trustweft.protocol.oauth import SERVER_ERROR, TEMPORARILY_UNAVAILABLE
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["CurrentKeys", "Fetch", "KeyRefresh", "RemoteKeys", "StaticKeys"]

MAXIMUM_DOCUMENT: Final = 262_144
MAXIMUM_KNOWN_HEADERS: Final = 64
_OK: Final = 200
_NOT_FOUND: Final = 404

UNAVAILABLE = reason(
    "issuer-keys.unavailable",
    error=TEMPORARILY_UNAVAILABLE,
    public="The keys of the authorization server cannot be had at this time.",
    status=503,
)
FETCH_FAILED = reason(
    "issuer-keys.fetch-failed",
    error=SERVER_ERROR,
    public="A document of the authorization server could not be fetched.",
    status=502,
)


class Fetch(Protocol):
    """Gets a document: over TLS that is verified, within bounds of size and time, following no redirect."""

    def __call__(self, url: str, /) -> Awaitable[HttpResponse]:
        """Return the response, whatever its status.

        Raises:
            Reject: there is none.
            OSError: there is none.
        """
        ...


class StaticKeys:
    """Keys that never change while the process runs."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def key_set(self, token: str) -> KeySet:  # noqa: ARG002  # the interface's name
        """Return the keys."""
        return self._keys


class CurrentKeys:
    """Keys of an issuer in the same process, asked for each time; ``read`` returns the same object until a change."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], KeySet]) -> None:
        self._read = read

    async def key_set(self, token: str) -> KeySet:  # noqa: ARG002  # the interface's name
        """Return the keys as they are now."""
        return self._read()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRefresh:
    """How old keys may be, and how often they are asked for; all in seconds, all our choice.

    Attributes:
        time_to_live: fetched keys are used so long; then they are fetched again, and removed ones are gone.
        stale_cap: while the issuer is away, its last keys are used so long, counted from when they were fetched.
        cool_down: between two fetches, whatever tokens say.
        retry_after: between a fetch that failed and the next.
    """

    time_to_live: float = 300.0
    stale_cap: float = 3_600.0
    cool_down: float = 30.0
    retry_after: float = 5.0

    def __post_init__(self) -> None:
        """Refuse times that contradict each other."""
        if not 0 < self.cool_down <= self.time_to_live <= self.stale_cap or self.retry_after <= 0:
            raise ValueError("cool-down, time to live and stale cap come in this order, and none is zero")


class RemoteKeys:
    """The keys that an issuer publishes. The set is the same object for as long as its content is the same.

    Args:
        issuer: from configuration; its metadata says where its keys are, and must be its own (RFC 8414 section 3.3).
        fetch: gets documents.
        clock: tells the time.
        jwks_uri: where the keys are, if configuration says so; the metadata is not asked then.
        refresh: how often to fetch.
        observer: hears why a fetch failed.
    """

    def __init__(  # each is another collaborator, by keyword
        self,
        *,
        issuer: str,
        fetch: Fetch,
        clock: Clock,
        jwks_uri: str | None = None,
        refresh: KeyRefresh | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._jwks_uri = jwks_uri
        self._policy = KeyRefresh() if refresh is None else refresh
        self._observer = SilentObserver() if observer is None else observer
        self._document: dict[str, object] | None = None
        self._keys: KeySet | None = None
        self._known_headers: set[str] = set()
        self._fetched_at = -math.inf
        self._next_attempt = 0.0
        self._flight: asyncio.Task[None] | None = None

    async def key_set(self, token: str) -> KeySet:
        """Return the keys for this token.

        Raises:
            Reject: ``issuer-keys.unavailable``, with the seconds after which to ask again.
        """
        keys = await self._suitable(token)
        if keys is None:
            wait = max(1, math.ceil(self._next_attempt - self._clock.now()))
            raise UNAVAILABLE.reject(f"issuer={self._issuer}", headers=(("retry-after", str(wait)),))
        return keys

    async def _suitable(self, token: str) -> KeySet | None:
        now = self._clock.now()
        keys = self._usable(now)
        known = keys is not None and self._knows(keys, token)
        if known and now < self._fetched_at + self._policy.time_to_live:
            return keys
        # Only the first pays for a refresh: while one is under way, keys that may still be used are used.
        if self._flight is None and now >= self._next_attempt:
            self._flight = asyncio.create_task(self._refresh(now))
        elif self._flight is None or known:
            return keys
        # Shielded, because a caller who goes away must not take the answer of the others along.
        await asyncio.shield(self._flight)
        return self._usable(self._clock.now())

    def _usable(self, now: float) -> KeySet | None:
        return self._keys if now < self._fetched_at + self._policy.stale_cap else None

    def _knows(self, keys: KeySet, token: str) -> bool:
        """Say whether there is a key for the token, or none can help: what is malformed is refused later."""
        header = token.partition(".")[0]
        if header in self._known_headers:
            return True
        try:
            parsed = jws.parse(token)
            keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)
        except Reject as refused:
            return refused.reason is not NO_KEY
        if len(self._known_headers) >= MAXIMUM_KNOWN_HEADERS:
            self._known_headers.clear()
        self._known_headers.add(header)
        return True

    async def _refresh(self, now: float) -> None:
        """Fetch the keys; a failure is remembered as one and raises nothing."""
        self._next_attempt = now + self._policy.retry_after
        try:
            document = await self._document_at(await self._find_jwks_uri())
            keys = self._keys if document == self._document else KeySet.read(document)
        except (Reject, OSError) as cause:
            failed = cause if isinstance(cause, Reject) else FETCH_FAILED.reject(repr(cause)[:200])
            self._observer.refused("resource", "issuer-keys", failed)
        else:
            self._accept(document, keys)
            self._fetched_at = now  # when it was asked for: what took long to arrive is not younger for that
            self._next_attempt = now + self._policy.cool_down
        finally:
            self._flight = None

    def _accept(self, document: dict[str, object], keys: KeySet | None) -> None:
        if keys is not self._keys:
            self._document, self._keys = document, keys
            self._known_headers.clear()

    async def _find_jwks_uri(self) -> str:
        if self._jwks_uri is not None:
            return self._jwks_uri
        known = metadata.well_known_urls(self._issuer)
        response = await self._fetch(known.oauth)
        if response.status == _NOT_FOUND:
            response = await self._fetch(known.openid)
        document = _read(response)
        if document.get("issuer") != self._issuer:  # octet for octet
            raise metadata.ISSUER.reject(f"{document.get('issuer')!r:.200}")
        uri = document.get("jwks_uri")
        url = parse_url(uri) if isinstance(uri, str) else None
        if not isinstance(uri, str) or url is None or url.scheme != "https":
            raise metadata.ENDPOINT.reject(f"jwks_uri: {uri!r:.200}")
        return uri

    async def _document_at(self, url: str) -> dict[str, object]:
        return _read(await self._fetch(url))


def _read(response: HttpResponse) -> dict[str, object]:
    if response.status != _OK:
        raise FETCH_FAILED.reject(f"status {response.status}")
    return load_object(response.body, limit=MAXIMUM_DOCUMENT)
