"""Keys that another party publishes at a URL (RFC 7517 section 5): when they are fetched, and how long they are believed.

They are fetched when they are needed and too old, or when a message names one that is not among them. No attacker
decides how often: between two attempts lies a cool-down, and of many who wait one fetches. A host that is away is
believed for a stated time, then nobody is. A key that is no longer published is gone with the next fetch.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from trustweft.runtime.errors import Reject
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.errors import Reason

__all__ = ["Fetch", "KeyRefresh", "RefreshedKeys", "body_of"]

Headers = tuple[tuple[str, str], ...]
Keys = TypeVar("Keys")
Wanted = TypeVar("Wanted")

MAXIMUM_DOCUMENT: Final = 262_144
_OK: Final = 200


class Fetch(Protocol):
    """Gets a document: over TLS that is verified, within bounds of size and time, following no redirect."""

    def __call__(self, url: str, /) -> Awaitable[HttpResponse]:
        """Return the response, whatever its status.

        Raises:
            Reject: there is none.
            OSError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRefresh:
    """How old keys may be, and how often they are asked for; all in seconds, all our choice.

    Attributes:
        time_to_live: fetched keys are used so long; then they are fetched again, and removed ones are gone.
        stale_cap: while the host is away, its last keys are used so long, counted from when they were fetched.
        cool_down: between two fetches, whatever messages say.
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


class RefreshedKeys(Generic[Keys, Wanted]):
    """The keys of one party, within the rules; they are the same object for as long as the document is the same.

    Args:
        load: gets the document's octets; its failures are ``Reject`` and ``OSError``.
        read: makes keys of the document, or refuses it.
        serves: says whether there is a key for what a message wants, or none could help.
        clock: tells the time.
        rules: how often to fetch.
        unavailable: makes the refusal while there are no keys, from the headers that say when to ask again.
        failed: the reason to report for a failure that is no refusal.
        tell: hears why a fetch failed.
        awaits_successor: says whether one of the keys has ended, so that the party will publish another one soon: until
            it did, it is asked again as soon as after a failure.
    """

    def __init__(  # noqa: PLR0913  # each is another collaborator, by keyword
        self,
        *,
        load: Callable[[], Awaitable[bytes]],
        read: Callable[[Mapping[str, object]], Keys],
        serves: Callable[[Keys, Wanted], bool],
        clock: Clock,
        rules: KeyRefresh,
        unavailable: Callable[[Headers], Reject],
        failed: Reason,
        tell: Callable[[Reject], None],
        awaits_successor: Callable[[Keys], bool] = lambda _: False,
    ) -> None:
        self._load = load
        self._read = read
        self._serves = serves
        self._clock = clock
        self._rules = rules
        self._unavailable = unavailable
        self._failed = failed
        self._tell = tell
        self._awaits_successor = awaits_successor
        self._document: bytes | None = None
        self._keys: Keys | None = None
        self._fetched_at = -math.inf
        self._attempted_at = -math.inf
        self._next_attempt = -math.inf
        self._flight: asyncio.Task[None] | None = None

    def is_idle(self) -> bool:
        """Say whether nothing is under way and the next fetch may begin: to forget all of this changes no rule."""
        return self._flight is None and self._now() >= self._next_attempt

    async def get(self, wanted: Wanted) -> Keys:
        """Return the keys as they are for this message; whether its key is among them is for the caller to see.

        Raises:
            Reject: ``unavailable``, with the seconds after which to ask again.
        """
        now = self._now()
        keys = self._usable(now)
        known = keys is not None and self._serves(keys, wanted)
        if keys is not None and known and now < self._fetched_at + self._rules.time_to_live:
            return keys
        # Only the first pays for a refresh: while one is under way, keys that may still be used are used.
        if self._flight is None and now >= self._earliest(keys):
            self._flight = asyncio.create_task(self._refresh(now))
        elif self._flight is None or known:
            return self._or_refuse(keys)
        # Shielded, because a caller who goes away must not take the answer of the others along.
        await asyncio.shield(self._flight)
        return self._or_refuse(self._usable(self._now()))

    def _now(self) -> float:
        """Return the time. Where the clock was set back nobody knows how old the keys are: they are due at once."""
        now = self._clock.now()
        if now < self._attempted_at:
            self._attempted_at = self._next_attempt = now
            self._fetched_at = min(self._fetched_at, now - self._rules.time_to_live)
        return now

    def _earliest(self, keys: Keys | None) -> float:
        """Return when the next fetch may begin."""
        if keys is None or not self._awaits_successor(keys):
            return self._next_attempt
        return min(self._next_attempt, self._attempted_at + self._rules.retry_after)

    def _usable(self, now: float) -> Keys | None:
        return self._keys if now < self._fetched_at + self._rules.stale_cap else None

    def _or_refuse(self, keys: Keys | None) -> Keys:
        if keys is None:
            wait = max(1, math.ceil(self._next_attempt - self._now()))
            raise self._unavailable((("retry-after", str(wait)),))
        return keys

    async def _refresh(self, now: float) -> None:
        """Fetch the keys; a failure is remembered as one and raises nothing."""
        self._attempted_at, self._next_attempt = now, now + self._rules.retry_after
        try:
            document = await self._load()
            if document != self._document:
                self._keys = self._read(load_object(document, limit=MAXIMUM_DOCUMENT))
                self._document = document
        except (Reject, OSError) as cause:
            self._tell(cause if isinstance(cause, Reject) else self._failed.reject(repr(cause)[:200]))
        else:
            # When it was asked for: what took long to arrive is not younger for that.
            self._fetched_at = self._attempted_at = now
            self._next_attempt = now + self._rules.cool_down
        finally:
            self._flight = None


def body_of(response: HttpResponse, *, failed: Reason) -> bytes:
    """Return the document that a response brought.

    Raises:
        Reject: ``failed``, for any status but 200: a redirect is not followed, and no answer either.
    """
    if response.status != _OK:
        raise failed.reject(f"status {response.status}")
    return response.body
