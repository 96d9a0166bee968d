"""The revocation lists of the authorities that clients' certificates hang off: fetched, kept, and asked.

Lists come from files and https URLs that the operator named, and from nowhere else: a certificate's own distribution
point is never asked, because whoever presents a certificate would aim our requests with it. One task refreshes them
in the background; a request is judged from memory, and waits for the network once at most, when nothing in memory
can answer it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trustweft.crypto.revocation import (
    MAXIMUM_LIST,
    UNKNOWN,
    RevocationList,
    RevocationPolicy,
    check_not_revoked,
    verify_list,
)
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cryptography import x509

    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

    Fetch = Callable[[str], Awaitable[bytes]]

__all__ = ["ListRefresh", "ListedAuthority", "RevocationLists"]

MAXIMUM_SOURCES: Final = 64
_SCHEME: Final = "https://"
_ENDPOINT: Final = "revocation-lists"

UNAVAILABLE = reason(
    "revocation-list.unavailable",
    error="server_error",
    public="A certificate revocation list cannot be had at this time.",
    status=502,
)
OLDER = reason(
    "revocation-list.older",
    error="server_error",
    public="A certificate revocation list is older than the one that is known.",
    status=502,
)


@dataclass(frozen=True, slots=True)
class ListedAuthority:
    """An issuer of certificates, and where its lists are.

    Attributes:
        certificate: the issuer's own; another one of the same name and key stands for it too.
        sources: files and https URLs; one list in date is enough, and what any of them revokes is revoked. ``none``
            where the operator says that the issuer has no lists: its certificates are then never found revoked.
    """

    certificate: x509.Certificate
    sources: Sequence[Path | str] | Literal["none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRefresh:
    """How often lists are asked for; in seconds, all our choice.

    Attributes:
        fetch_every: between two fetches from a URL, however far away the list's ``nextUpdate`` is.
        pause: between two looks whether files have changed, and after a failure. No request shortens it.
    """

    fetch_every: float = 900.0
    pause: float = 30.0

    def __post_init__(self) -> None:
        """Refuse times that contradict each other."""
        if not 0 < self.pause <= self.fetch_every:
            raise ValueError("the pause is above zero, and not above fetch_every")


@dataclass(slots=True)
class _Source:
    """One place where lists of one issuer are, and the last good one."""

    place: Path | str
    issuer: x509.Certificate
    held: RevocationList | None = None
    digest: bytes = b""
    stamp: tuple[int, ...] = ()
    next_attempt: float = -math.inf


class RevocationLists:
    """The lists of all configured issuers.

    Args:
        authorities: each issuer of certificates that clients may have, intermediate ones too. Certificates of an
            issuer that is not among them are refused: ``none`` is said, never assumed.
        clock: tells the time.
        fetch: gets the octets at a URL, within bounds of size and time; raises ``Reject`` or ``OSError`` otherwise.
            Needed where a source is a URL.
        policy: what holds while lists cannot be had.
        refresh: how often to ask.
        observer: hears why a list was not taken, and how many sources have none that is in date.
        participant: who uses the lists, for the observer.
        wait: pauses between two rounds of ``run``.

    Raises:
        ValueError: the configuration contradicts itself.
    """

    def __init__(
        self,
        authorities: Sequence[ListedAuthority],
        *,
        clock: Clock,
        fetch: Fetch | None = None,
        policy: RevocationPolicy | None = None,
        refresh: ListRefresh | None = None,
        observer: Observer | None = None,
        participant: str = "server",
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._fetch = fetch
        self._policy = RevocationPolicy() if policy is None else policy
        self._times = ListRefresh() if refresh is None else refresh
        self._observer = SilentObserver() if observer is None else observer
        self._participant = participant
        self._wait = wait
        self._issuers: dict[bytes, list[_Source]] = {}  # no source: the operator said none
        self._flight: asyncio.Task[None] | None = None
        for authority in authorities:
            self._add(authority)
        if len(self._sources()) > MAXIMUM_SOURCES:
            raise ValueError(f"more than {MAXIMUM_SOURCES} sources of revocation lists")

    def check(self, chain: Sequence[x509.Certificate], *, now: float) -> None:
        """Hold, from memory, that no certificate of a verified chain was revoked.

        Args:
            chain: the client's own first, each issued by the next, the trust anchor last; an anchor is not looked up,
                because its removal is the operator's to configure.
            now: seconds since the epoch.

        Raises:
            Reject: ``certificate.revoked``, ``certificate.revocation-unknown``.
        """
        unknown: Reject | None = None
        for certificate, issuer in itertools.pairwise(chain):
            try:
                self._check_one(certificate, issuer, now=now)
            except Reject as refused:
                if refused.reason is not UNKNOWN:
                    raise
                unknown = refused
        if unknown is not None:
            raise unknown

    async def verify(self, chain: Sequence[x509.Certificate]) -> None:
        """Hold the same; where memory cannot tell, after one refresh, which all callers share.

        Raises:
            Reject: ``certificate.revoked``; ``certificate.revocation-unknown``, with the seconds after which to ask
                again.
        """
        try:
            self.check(chain, now=self._clock.now())
        except Reject as refused:
            if refused.reason is not UNKNOWN:
                raise
            await self.refresh()
            self.check(chain, now=self._clock.now())

    async def refresh(self) -> None:
        """Ask every source whose time has come; a failure is told to the observer and raises nothing."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._refresh())
        # Shielded, because a caller who goes away must not take the lists of the others along.
        await asyncio.shield(self._flight)

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh()
            await self._wait(self._times.pause)

    def _add(self, authority: ListedAuthority) -> None:
        key = _identity(authority.certificate)
        if key in self._issuers:
            raise ValueError(f"{_name(authority.certificate)} is configured twice")
        if authority.sources == "none":
            self._issuers[key] = []
            return
        if isinstance(authority.sources, str) or not authority.sources:
            raise ValueError(f"{_name(authority.certificate)} needs sources of revocation lists, or none")
        for place in authority.sources:
            if isinstance(place, str) and (not place.startswith(_SCHEME) or self._fetch is None):
                raise ValueError(f"{place} cannot be fetched: a source is a file or an https URL")
        self._issuers[key] = [_Source(place, authority.certificate) for place in authority.sources]

    def _check_one(self, certificate: x509.Certificate, issuer: x509.Certificate, *, now: float) -> None:
        sources = self._issuers.get(_identity(issuer))
        if sources is None:
            raise UNKNOWN.reject(f"nothing is configured about revocation by {_name(issuer)}")
        if not sources:
            return
        held = [source.held for source in sources if source.held is not None]
        try:
            check_not_revoked(certificate, held, policy=self._policy, now=now)
        except Reject as refused:
            if refused.reason is UNKNOWN:
                refused.headers = (("retry-after", str(math.ceil(self._times.pause))),)
            raise

    def _sources(self) -> list[_Source]:
        return [source for sources in self._issuers.values() for source in sources]

    async def _refresh(self) -> None:
        now = self._clock.now()
        try:
            due = [source for source in self._sources() if now >= source.next_attempt]
            await asyncio.gather(*(self._update(source, now) for source in due))
        finally:
            self._flight = None
        self._observer.measured(self._participant, "revocation_lists_missing", float(self._missing(now)))

    def _missing(self, now: float) -> int:
        return sum(
            1
            for source in self._sources()
            if source.held is None or not self._policy.believes(source.held, now=now)
        )

    async def _update(self, source: _Source, now: float) -> None:
        """Ask one source; the list that is held stays until a newer good one is there."""
        source.next_attempt = now + self._times.pause
        try:
            octets, stamp = await self._read(source)
            if octets is not None:
                await self._accept(source, octets, now=now)
                source.stamp = stamp
        except (Reject, OSError) as cause:
            failed = cause if isinstance(cause, Reject) else UNAVAILABLE.reject(repr(cause)[:200])
            self._observer.refused(self._participant, _ENDPOINT, failed)
        else:
            source.next_attempt = self._next_attempt(source, now)

    def _next_attempt(self, source: _Source, now: float) -> float:
        """Return when to ask again: a URL from time to time and when its list ends, a file at every round."""
        if isinstance(source.place, Path) or source.held is None:
            return now + self._times.pause
        return min(now + self._times.fetch_every, max(now + self._times.pause, source.held.next_update))

    async def _read(self, source: _Source) -> tuple[bytes | None, tuple[int, ...]]:
        """Return what is there, None for a file that has not changed, and what tells that a file has."""
        if isinstance(source.place, Path):
            return await asyncio.to_thread(_read_file, source.place, source.stamp)
        if self._fetch is None:
            raise UNAVAILABLE.reject("nothing fetches here")
        return await self._fetch(source.place), ()

    async def _accept(self, source: _Source, octets: bytes, *, now: float) -> None:
        digest = hashlib.sha256(octets).digest()
        if digest == source.digest:
            return
        # In a thread: a long list takes longer than other requests should wait.
        found = await asyncio.to_thread(verify_list, octets, issuer=source.issuer, now=now)
        held = source.held
        # RFC 5280 section 5.2.3: the later list has the higher number. Whoever replays an old one revives what it
        # does not know to be revoked.
        if held is not None and (found.number < held.number or found.this_update < held.this_update):
            raise OLDER.reject(f"number {found.number} after {held.number}")
        source.held, source.digest = found, digest


def _read_file(path: Path, stamp: tuple[int, ...]) -> tuple[bytes | None, tuple[int, ...]]:
    """Return a file's octets, at most one more than may be; None where its stamp is the same."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        found = (status.st_ino, status.st_mtime_ns, status.st_size)
        return (None if found == stamp else file.read(MAXIMUM_LIST + 1)), found


def _identity(issuer: x509.Certificate) -> bytes:
    """Return what issuers are told apart by: name and key, whatever certificate carries them."""
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(issuer.subject.public_bytes()).digest() + hashlib.sha256(key).digest()


def _name(issuer: x509.Certificate) -> str:
    return issuer.subject.rfc4514_string()[:200]
