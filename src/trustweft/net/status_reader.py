"""A participant's view of the directory: it polls the status feed, takes pushes, and says who is refused.

Each participant has one. While the directory is away the last list is good up to a cap for each class of risk; then
everybody is refused, with a reason and a time to try again. The directory's clock is known from the ``Date`` of its
answers, which come over TLS: a clock of ours that is minutes off changes nothing.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from trustweft.crypto import jws
from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.net.remote_keys import KeyRefresh, RefreshedKeys, body_of
from trustweft.protocol.ecosystem_status import LIST_LIMIT, verify_status_list
from trustweft.protocol.known_status import GAP, LIST_SHRANK, KnownStatus, apply_event, merge
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.net.status_state import State, StateKeeper
    from trustweft.protocol.http import HttpResponse
    from trustweft.protocol.known_status import Refusal
    from trustweft.protocol.security_event import StatusChange
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["DATA", "PAYMENTS", "ReaderRules", "Send", "StatusReader"]

DATA: Final = "data"
PAYMENTS: Final = "payments"
# A key that the directory takes out of its document is refused after a minute at the latest while it can be reached,
# and after an hour in any case.
KEYS: Final = KeyRefresh(time_to_live=60.0, stale_cap=3_600.0, cool_down=10.0, retry_after=5.0)
MAXIMUM_OFFSET: Final = (
    14 * 3_600.0
)  # our choice: a clock that shows another zone's local time; more is no mistake
FIRST_PAUSE: Final = 0.05  # our choice: half of the first pause after a failure, which doubles with each
_NOT_MODIFIED: Final = 304

STALE = reason(
    "status.stale",
    error="temporarily_unavailable",
    public="The directory has been away for too long: who takes part is not known at this time.",
    status=503,
)
KEYS_UNAVAILABLE = reason(
    "status.keys-unavailable",
    error="temporarily_unavailable",
    public="The keys of the directory cannot be had at this time.",
    status=503,
)
FETCH_FAILED = reason(
    "status.fetch-failed",
    error="server_error",
    public="The directory gave no answer that can be used.",
    status=502,
)


class Send(Protocol):
    """Sends a request: over TLS that is verified, within bounds of size and time, following no redirect."""

    async def __call__(
        self, method: str, url: str, /, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpResponse:
        """Return the response, whatever its status.

        Raises:
            Reject: there is none.
            OSError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRules:
    """How long the last list is good, and how often the directory is asked; all in seconds.

    Attributes:
        caps: by class of risk. Money that moved does not come back, so payments stop first.
        tolerance: that the two clocks may differ by where the directory's answers do not say what time it is there.
        wait: that the directory may hold an answer back until there is something new.
        pause: between two requests, and after one that failed.
    """

    caps: Mapping[str, float] = field(default_factory=lambda: {PAYMENTS: 300.0, DATA: 3_600.0})
    tolerance: float = 60.0
    wait: int = 25
    pause: float = 2.0


class StatusReader:
    """Knows who takes part.

    Args:
        issuer: the directory.
        feed: where its status list is, https.
        jwks_uri: where its keys are, https.
        send: makes requests; its deadline is longer than ``rules.wait``.
        keeper: where the state is kept; read once, here.
        clock: tells the time.
        observer: hears what is refused, and what changed.
        participant: who reads, for the observer.
        rules: caps and times.
        keys: the directory's keys from a file, instead of ``jwks_uri``.
    """

    def __init__(  # noqa: PLR0913  # each is another collaborator, by keyword
        self,
        *,
        issuer: str,
        feed: str,
        jwks_uri: str,
        send: Send,
        keeper: StateKeeper,
        clock: Clock,
        observer: Observer,
        participant: str,
        rules: ReaderRules | None = None,
        keys: KeySet | None = None,
    ) -> None:
        self.issuer = issuer
        self.rules = ReaderRules() if rules is None else rules
        self.state: State = keeper.load().of(issuer)
        self.known = KnownStatus.of(self.state.subjects, revision=self.state.revision)
        self._feed = feed
        self._jwks_uri = jwks_uri
        self._send = send
        self._keeper = keeper
        self._clock = clock
        self._observer = observer
        self._participant = participant
        self._own_keys = keys
        self._offset = 0.0
        self._good_until = -math.inf  # by the directory's clock: when the list that we hold expires
        self._whole = self.state.revision < 0  # whether to ask for all of it
        self._missing: tuple[str, ...] = ()
        self._hurry = asyncio.Event()
        self._keys: RefreshedKeys[KeySet, jws.Unverified] = RefreshedKeys(
            load=self._load_keys,
            read=KeySet.read,
            serves=_has_key,
            clock=clock,
            rules=KEYS,
            unavailable=lambda headers: KEYS_UNAVAILABLE.reject(jwks_uri[:200], headers=headers),
            failed=FETCH_FAILED,
            tell=lambda refusal: observer.refused(participant, "directory-keys", refusal),
        )

    # What checks ask.

    def check_fresh(self, risk: str = DATA) -> None:
        """Refuse while the directory has been away for longer than this class of risk allows.

        Raises:
            Reject: ``status.stale``, with the seconds after which to ask again.
        """
        age = self._clock.now() - self.state.confirmed_at
        # Where the clock was set back nobody knows how old the list is; the next answer of the directory says.
        if age > self.rules.caps[risk] or age < -self.rules.tolerance:
            wait = max(1, math.ceil(self.rules.pause))
            raise STALE.reject(f"{risk}: {age:.0f} s old", headers=(("retry-after", str(wait)),))

    def is_fresh(self) -> bool:
        """Tell whether the directory was heard of, not long ago."""
        try:
            self.check_fresh()
        except Reject:
            return False
        return True

    def refusal_of(self, subjects: Iterable[str | None]) -> Refusal | None:
        """Return why one of these is refused, the worst of them; None where all may go on."""
        return self.known.worst(subjects)

    # Polling.

    async def run(self) -> None:
        """Keep up with the directory for ever; what goes wrong is told, and tried again."""
        failures = 0
        while True:
            self._hurry.clear()
            fine = await self.poll()
            failures = 0 if fine else failures + 1
            if not fine or not self._whole:
                # Who starts with the directory, or right before it, need not wait long for its first word.
                soon = self.rules.pause if fine else FIRST_PAUSE * 2 ** min(failures, 10)
                await self._rest(min(self.rules.pause, soon))

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def poll(self, *, wait: bool = True) -> bool:
        """Ask the directory once; say whether it confirmed what is known, or told something new."""
        try:
            await self._poll(wait=wait)
        except (Reject, OSError) as cause:
            refusal = cause if isinstance(cause, Reject) else FETCH_FAILED.reject(repr(cause)[:200])
            self._whole = self._whole or refusal.reason is GAP
            self._observer.refused(self._participant, "status-feed", refusal)
            return False
        return True

    async def _poll(self, *, wait: bool) -> None:
        asked_at = self._clock.now()
        headers: list[tuple[str, str]] = []
        query = "" if self._whole else f"?since={self.known.revision}"
        # An answer that nothing changed is not signed: the list that it confirms must be in date.
        if not self._whole and self.directory_time() + self.rules.wait < self._good_until:
            headers.append(("if-none-match", f'"{self.known.revision}"'))
            query += f"&wait={self.rules.wait if wait else 0}"
        response = await self._send("GET", self._feed + query, headers=headers)
        self._learn_time(response, asked_at)
        if response.status == _NOT_MODIFIED and headers:
            self._keep(self.known, confirmed_at=asked_at)
            return
        body = body_of(response, failed=FETCH_FAILED)
        if len(body) > LIST_LIMIT or not body.isascii():
            raise FETCH_FAILED.reject(f"{len(body)} octets")
        await self._take(body.decode("ascii"), asked_at)

    async def _take(self, token: str, asked_at: float) -> None:
        news = verify_status_list(
            token,
            keys=await self.keys_for(token),
            issuer=self.issuer,
            now=self.directory_time(),
            tolerance=self.rules.tolerance,
        )
        merged = merge(self.known, news)
        if merged.missing and merged.missing != self._missing:
            self._observer.refused(
                self._participant, "status-feed", LIST_SHRANK.reject(" ".join(merged.missing)[:500])
            )
        if news.since is None:
            self._missing, self._whole = merged.missing, False
        self._good_until = news.expires_at
        # How old it was when it came: a list that somebody kept is not younger for that.
        age = max(0.0, asked_at + self._offset - news.issued_at)
        # A time that has not come yet is of a clock that was set back since: it says nothing.
        before = self.state.confirmed_at if self.state.confirmed_at <= asked_at else 0.0
        self._keep(merged.known, confirmed_at=max(before, asked_at - age))

    # Pushes.

    def take_change(self, change: StatusChange) -> None:
        """Believe a verified event at once; where something between is missing the directory is asked."""
        known = apply_event(self.known, change.subject, change.status)
        if change.status.revision > known.revision:
            self._hurry.set()
            self._good_until = -math.inf
        self._keep(known, confirmed_at=self.state.confirmed_at)

    async def keys_for(self, token: str) -> KeySet:
        """Return the directory's keys for this token; one that was removed is gone within a minute.

        Raises:
            Reject: ``status.keys-unavailable``; ``jws.*`` for what is no token.
        """
        if self._own_keys is not None:
            return self._own_keys
        return await self._keys.get(jws.parse(token, limit=LIST_LIMIT))

    def directory_time(self) -> float:
        """Return what time it is at the directory."""
        return self._clock.now() + self._offset

    def remember(self, state: State) -> None:
        """Keep what has to be known after a restart, durably, before this returns."""
        self.state = state
        self._keeper.save(state)

    def _keep(self, known: KnownStatus, *, confirmed_at: float) -> None:
        changed = known is not self.known
        if changed and known.revision != self.known.revision:
            self._observer.happened(self._participant, "status-changed", revision=known.revision)
        self.known = known
        self.remember(
            replace(self.state, revision=known.revision, subjects=known.subjects, confirmed_at=confirmed_at)
        )

    def _learn_time(self, response: HttpResponse, asked_at: float) -> None:
        dates = [value for name, value in response.headers if name.lower() == "date"]
        if len(dates) != 1 or any(name.lower() == "age" for name, _ in response.headers):
            return
        try:
            offset = parsedate_to_datetime(dates[0]).timestamp() - self._clock.now()
        except (ValueError, OverflowError):
            return
        # What a long poll takes lies between the two; nearer than the tolerance the clocks count as equal.
        near = abs(offset) <= self.rules.tolerance + max(0.0, self._clock.now() - asked_at)
        if abs(offset) <= MAXIMUM_OFFSET:
            self._offset = 0.0 if near else offset

    async def _load_keys(self) -> bytes:
        return body_of(await self._send("GET", self._jwks_uri), failed=FETCH_FAILED)


def _has_key(keys: KeySet, token: jws.Unverified) -> bool:
    try:
        keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject as refused:
        return refused.reason is not NO_KEY
    return True
