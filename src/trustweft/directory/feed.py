"""The status feed: what readers are told, signed once for all of them, and whoever waits for what is new.

A list is signed when somebody asks, and the same list serves everybody until something changes or half of its time is
over: a thousand readers cost one signature. A delta costs what it tells, however much there is besides.

No list is longer than readers take (``LIST_LIMIT``). Of what would be longer the first revisions are told, as a list
of the revision at which it was cut off; the reader asks from there on, and has all of it after as many requests as
there are pages.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from trustweft.protocol.ecosystem_status import LIST_LIMIT, SubjectStatus, create_status_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trustweft.crypto.keys import Signer
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.standing import StatusEntry
    from trustweft.runtime.clock import Clock

__all__ = ["Feed", "SignedList", "status_of"]

# A JWS is base64url of its payload, four characters for three octets; the rest is for what stands around the subjects.
SUBJECTS_LIMIT: Final = LIST_LIMIT * 3 // 4 - 4_096
MAXIMUM_KEPT: Final = 512  # our choice: lists that are kept signed; nearly all of them are short
# Our choice: whoever is further behind than the one is told from a multiple of the other on, which is a little more than
# it lacks. Nobody makes us sign and keep as many long lists as there are revisions.
NEAR: Final = 256
STEP: Final = 1_024
MAXIMUM_WAITING: Final = 4_096  # our choice: more readers at once are answered without waiting
_BETWEEN: Final = 4  # quotation marks, a colon and a comma


class SignedList(NamedTuple):
    """A signed list, and the revision that it is of: an earlier one than that of now where it was cut off."""

    token: str
    revision: int


class _Kept(NamedTuple):
    """A list that was signed: with which state in view, when, with which key."""

    answer: SignedList
    revision: int
    signed_at: float
    key_id: str | None


def status_of(entry: StatusEntry) -> SubjectStatus:
    """Return what the directory's domain says of a subject in the words of the protocol."""
    return SubjectStatus(
        effect=entry.effect,
        as_of=entry.as_of,
        revision=entry.revision,
        cause=entry.cause,
        parents=entry.parents,
    )


class Feed:
    """Signs lists, and wakes those who wait.

    Args:
        snapshot: gives what is so now.
        issuer: the directory.
        signer: gives the key of now.
        lifetime: gives the seconds that a list is good for.
        clock: tells the time.
    """

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot],
        issuer: str,
        signer: Callable[[], Signer],
        lifetime: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._snapshot = snapshot
        self._issuer = issuer
        self._signer = signer
        self._lifetime = lifetime
        self._clock = clock
        self._kept: OrderedDict[int | None, _Kept] = OrderedDict()
        self._news = asyncio.Event()
        self._waiting = 0
        self._closed = False

    @property
    def revision(self) -> int:
        """How often what readers are told has changed."""
        return self._snapshot().revision

    def current(self, since: int | None) -> SignedList:
        """Return the signed list of now.

        Args:
            since: a revision after which all is told; None for a full list. One that lies ahead of us is none of ours,
                and answered with a full list.
        """
        if since is not None and since > self.revision:
            since = None
        start = since if since is None or self.revision - since <= NEAR else since - since % STEP
        told = self._kept_or_signed(start)
        if since is not None and told.revision <= since < self.revision:
            told = self._kept_or_signed(since)  # what was added in front left no room for what is new
        return told

    def _kept_or_signed(self, since: int | None) -> SignedList:
        signer, now = self._signer(), self._clock.now()
        kept = self._kept.get(since)
        if (
            kept is not None
            and (kept.revision, kept.key_id) == (self.revision, signer.key_id)
            and 0 <= now - kept.signed_at < self._lifetime() / 2
        ):
            self._kept.move_to_end(since)
            return kept.answer
        answer = self._sign(signer, since=since, now=now)
        self._kept[since] = _Kept(answer, self.revision, now, signer.key_id)
        self._kept.move_to_end(since)
        while len(self._kept) > MAXIMUM_KEPT:
            self._kept.popitem(last=False)
        return answer

    def _sign(self, signer: Signer, *, since: int | None, now: float) -> SignedList:
        snapshot = self._snapshot()
        entries = sorted(snapshot.status_list(since=since).items(), key=lambda item: item[1].revision)
        subjects, cut_off = _page(entries)
        revision = snapshot.revision if cut_off is None else cut_off
        token = create_status_list(
            signer,
            issuer=self._issuer,
            now=now,
            lifetime=self._lifetime(),
            revision=revision,
            subjects=subjects,
            since=since,
        )
        return SignedList(token, revision)

    # Waiting.

    def notify(self) -> None:
        """Wake everybody who waits: something changed."""
        self._news.set()
        self._news = asyncio.Event()

    def close(self) -> None:
        """Answer everybody who waits, and let nobody wait any more."""
        self._closed = True
        self.notify()

    async def wait_for_news(self, revision: int, *, seconds: float) -> None:
        """Return when there is another revision, or the time is over; at once where too many wait already."""
        if self._waiting >= MAXIMUM_WAITING:
            return
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                while self.revision == revision and not self._closed:
                    await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._waiting -= 1


def _page(entries: Iterable[tuple[str, StatusEntry]]) -> tuple[dict[str, SubjectStatus], int | None]:
    """Return the first entries, by revision, that fit into one list; and the last one's revision if others do not."""
    subjects: dict[str, SubjectStatus] = {}
    size, revision = 0, 0
    for subject, entry in entries:
        status = status_of(entry)
        size += len(subject) + len(msgspec.json.encode(status)) + _BETWEEN
        if size > SUBJECTS_LIMIT and subjects:
            return subjects, revision
        subjects[subject] = status
        revision = entry.revision
    return subjects, None
