"""Where the guard has the issuer's keys from (RFC 8414, RFC 7517 section 5).

Keys of a remote issuer are kept by the rules of ``trustweft.net.remote_keys``; the guard fails closed without them.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from trustweft.crypto import jws
from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.net.remote_keys import MAXIMUM_DOCUMENT, Fetch, KeyRefresh, RefreshedKeys, body_of
from trustweft.protocol import metadata, metadata_members
from trustweft.protocol.oauth import SERVER_ERROR, TEMPORARILY_UNAVAILABLE
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["CurrentKeys", "Fetch", "KeyRefresh", "RemoteKeys", "StaticKeys"]

MAXIMUM_KNOWN_HEADERS: Final = 64
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


class RemoteKeys:
    """The keys that an issuer publishes. The set is the same object for as long as its document is the same.

    Args:
        issuer: from configuration; its metadata says where its keys are, and must be its own (RFC 8414 section 3.3).
        fetch: gets documents.
        clock: tells the time.
        jwks_uri: where the keys are, if configuration says so; the metadata is not asked then.
        refresh: how often to fetch.
        observer: hears why a fetch failed.
        believed: returns a key set without the keys that have ended (``Participation.believed``): while the issuer
            publishes one of those, its next one is asked for sooner.
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
        believed: Callable[[KeySet], KeySet] | None = None,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._believed = believed
        self._ended_since: float | None = None
        self._refresh = KeyRefresh() if refresh is None else refresh
        self._fetch = fetch
        self._jwks_uri = jwks_uri
        self._observer = SilentObserver() if observer is None else observer
        self._known_headers: set[str] = set()
        self._known_in: KeySet | None = None
        self._keys = RefreshedKeys(
            load=self._load,
            read=KeySet.read,
            serves=self._serves,
            clock=clock,
            rules=self._refresh,
            unavailable=self._unavailable,
            failed=FETCH_FAILED,
            tell=lambda refusal: self._observer.refused("resource", "issuer-keys", refusal),
            awaits_successor=self._awaits_successor,
        )

    async def key_set(self, token: str) -> KeySet:
        """Return the keys for this token.

        Raises:
            Reject: ``issuer-keys.unavailable``, with the seconds after which to ask again; also for a key that may be the
                successor, not fetched yet, of one that has ended: its client would take a refusal for the end of all.
        """
        keys = await self._keys.get(token)
        if self._awaits_successor(keys) and not self._serves(keys, token):
            raise self._unavailable((("retry-after", str(ceil(self._refresh.retry_after))),))
        return keys

    def _unavailable(self, headers: tuple[tuple[str, str], ...]) -> Reject:
        return UNAVAILABLE.reject(f"issuer={self._issuer}", headers=headers)

    def _awaits_successor(self, keys: KeySet) -> bool:
        """Say whether the issuer publishes a key that has ended, and has done so for no longer than keys are kept."""
        if self._believed is None or self._believed(keys) is keys:
            self._ended_since = None
            return False
        now = self._clock.now()
        if self._ended_since is None or now < self._ended_since:
            self._ended_since = now
        return now < self._ended_since + self._refresh.time_to_live

    def _serves(self, keys: KeySet, token: str) -> bool:
        """Say whether there is a key for the token, or none can help: what is malformed is refused later."""
        if keys is not self._known_in:
            self._known_headers.clear()
            self._known_in = keys
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

    async def _load(self) -> bytes:
        return body_of(await self._fetch(await self._find_jwks_uri()), failed=FETCH_FAILED)

    async def _find_jwks_uri(self) -> str:
        if self._jwks_uri is not None:
            return self._jwks_uri
        known = metadata.well_known_urls(self._issuer)
        response = await self._fetch(known.oauth)
        if response.status == _NOT_FOUND:
            response = await self._fetch(known.openid)
        document = load_object(body_of(response, failed=FETCH_FAILED), limit=MAXIMUM_DOCUMENT)
        if document.get("issuer") != self._issuer:  # octet for octet
            raise metadata.ISSUER.reject(f"{document.get('issuer')!r:.200}")
        uri = document.get("jwks_uri")
        url = parse_url(uri) if isinstance(uri, str) else None
        if not isinstance(uri, str) or url is None or url.scheme != "https":
            raise metadata_members.ENDPOINT.reject(f"jwks_uri: {uri!r:.200}")
        return uri
