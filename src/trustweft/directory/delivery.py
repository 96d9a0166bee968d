"""Telling participants: Security Event Tokens by push (RFC 8417, RFC 8935), to all of them side by side.

Each participant has a courier of its own, so that a slow or dead one delays nobody. What is delivered is the last that
is to be said of a subject: a change that another overtook is not told any more. It is tried again, ever more seldom,
until the participant accepts it; whatever is new is tried at once. A compromised key goes before everything else,
then what an order stops.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.directory.feed import status_of
from trustweft.directory.members import concerns, find_participants
from trustweft.directory.progress import Progress
from trustweft.protocol.security_event import (
    MEDIA_TYPE,
    StatusChange,
    create_status_change,
    create_verification,
)
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trustweft.crypto.keys import Signer
    from trustweft.directory.members import Participant
    from trustweft.directory.orders import Order
    from trustweft.directory.progress import ProgressKeeper
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.standing import StatusEntry
    from trustweft.net.status_reader import Send
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["Deliveries", "DeliveryRules", "Told"]

_ACCEPTED: Final = 202
_WRITE_PAUSE: Final = 0.05  # seconds: what happens within them is kept with one write

UNREACHABLE = reason(
    "delivery.unreachable",
    error="temporarily_unavailable",
    public="A participant cannot be told of events at this time.",
    status=502,
)
NOT_ACCEPTED = reason(
    "delivery.not-accepted",
    error="server_error",
    public="A participant did not accept an event.",
    status=502,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """Seconds, all our choice.

    Attributes:
        first: between the first attempt that failed and the next; each time it is twice as long, with some chance in it,
            up to ``longest``.
        least: between two attempts that failed, however much is new.
        verify_every: after which a participant that was told nothing is asked whether deliveries arrive; 0 for never.
    """

    first: float = 0.5
    longest: float = 30.0
    least: float = 0.2
    verify_every: float = 300.0


class Told(NamedTuple):
    """How it stands with one participant: how many events wait, and how many attempts failed since the last success."""

    participant: Participant
    waiting: int
    failures: int


class Deliveries:
    """Delivers to everybody.

    Args:
        snapshot: gives what is so now.
        issuer: the directory.
        signer: gives the key of now.
        order_token: gives an order, signed, as a participant is to read it, by its ``kind:id``.
        send: posts; its deadline bounds each attempt.
        keeper: keeps how far each was told.
        clock: tells the time.
        entropy: names verification events.
        observer: hears of what is not accepted.
        rules: times.
    """

    def __init__(  # noqa: PLR0913  # each is another collaborator, by keyword
        self,
        *,
        snapshot: Callable[[], Snapshot],
        issuer: str,
        signer: Callable[[], Signer],
        order_token: Callable[[Order, str], str],
        send: Send,
        keeper: ProgressKeeper,
        clock: Clock,
        entropy: Entropy,
        observer: Observer,
        rules: DeliveryRules | None = None,
    ) -> None:
        self.rules = DeliveryRules() if rules is None else rules
        self.snapshot = snapshot
        self.observer = observer
        self._issuer = issuer
        self._signer = signer
        self._order_token = order_token
        self._send = send
        self._keeper = keeper
        self._clock = clock
        self._entropy = entropy
        self._couriers: dict[str, _Courier] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._known = dict(keeper.load())
        self._looked_at = -1
        self._dirty = asyncio.Event()

    # Who is told.

    def look(self) -> None:
        """Take in what is new: participants, and what they are to be told."""
        snapshot = self.snapshot()
        if snapshot.sequence == self._looked_at:
            return
        found = find_participants(snapshot)
        for identifier in self._couriers.keys() - found.keys():
            self._dismiss(identifier)
        for identifier, participant in found.items():
            courier = self._couriers.get(identifier)
            if courier is None:
                known = self._known.get(identifier) or _beginning(snapshot, participant)
                courier = self._couriers[identifier] = _Courier(self, participant, known)
            courier.take(participant, snapshot)
        self._looked_at = snapshot.sequence
        self.changed()

    def _dismiss(self, identifier: str) -> None:
        """Tell somebody nothing more; where it ended is kept, should it come back."""
        self._known[identifier] = self._couriers.pop(identifier).progress
        task = self._tasks.pop(identifier, None)
        if task is not None:
            task.cancel()

    def participant(self, identifier: str) -> Participant | None:
        """Return who is told under this identifier, None where nobody is."""
        courier = self._couriers.get(identifier)
        return None if courier is None else courier.participant

    def is_told(self, identifier: str, order: Order) -> bool:
        """Say whether a participant is one of those that an order is for."""
        snapshot, courier = self.snapshot(), self._couriers.get(identifier)
        entry = snapshot.status(order.subject)
        return (
            courier is not None
            and entry is not None
            and entry.revision > courier.since
            and concerns(snapshot, courier.participant.subject, order.subject)
        )

    def overview(self) -> tuple[Told, ...]:
        """Return how it stands with each participant."""
        return tuple(
            Told(courier.participant, len(courier.waiting), courier.failures)
            for courier in self._couriers.values()
        )

    def verify(self, identifier: str, state: str) -> None:
        """Have a participant asked whether deliveries arrive, once what waits is delivered."""
        self._couriers[identifier].ask(state)

    # Running.

    async def run(self) -> None:
        """Deliver for ever."""
        try:
            while True:
                self._start_couriers()
                await self._keep()
                await self._dirty.wait()
                await asyncio.sleep(_WRITE_PAUSE)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._keeper.save(self._progress())

    def changed(self) -> None:
        """Note that something has to be kept, or that somebody is new."""
        self._dirty.set()

    def _start_couriers(self) -> None:
        for identifier, courier in self._couriers.items():
            if identifier not in self._tasks:
                self._tasks[identifier] = asyncio.create_task(courier.run())

    async def _keep(self) -> None:
        self._dirty.clear()
        waiting = sum(len(courier.waiting) for courier in self._couriers.values())
        failing = sum(courier.failures > 0 for courier in self._couriers.values())
        self.observer.measured("directory", "deliveries_waiting", waiting)
        self.observer.measured("directory", "participants_failing", failing)
        try:
            await asyncio.to_thread(self._keeper.save, self._progress())
        except OSError as cause:
            self.observer.failed("directory", "deliveries", cause)

    def _progress(self) -> Mapping[str, Progress]:
        return self._known | {identifier: courier.progress for identifier, courier in self._couriers.items()}

    def chance(self) -> float:
        """Return a factor between a half and one: those who failed together are not tried together again."""
        return 0.5 + self._entropy.octets(1)[0] / 510

    def new_name(self) -> str:
        """Return something that nobody can guess."""
        return self._entropy.token()

    # One delivery.

    async def tell(self, participant: Participant, subject: str, entry: StatusEntry) -> None:
        """Deliver one change.

        Raises:
            Reject: ``delivery.*``: it was not accepted.
        """
        order = self.snapshot().order_behind(subject, entry)
        change = StatusChange(
            subject=subject,
            status=status_of(entry),
            order=None if order is None else order.id,
            order_token=None if order is None else self._order_token(order, participant.subject),
        )
        token = create_status_change(
            self._signer(),
            change,
            issuer=self._issuer,
            audience=participant.identifier,
            jti=_name_of(self._issuer, participant.identifier, subject, str(entry.revision)),
            now=self._clock.now(),
        )
        await self._post(participant, token)

    async def ask(self, participant: Participant, state: str) -> None:
        """Ask whether deliveries arrive.

        Raises:
            Reject: ``delivery.*``: they do not.
        """
        token = create_verification(
            self._signer(),
            issuer=self._issuer,
            audience=participant.identifier,
            jti=self.new_name(),
            now=self._clock.now(),
            state=state,
        )
        await self._post(participant, token)

    async def _post(self, participant: Participant, token: str) -> None:
        try:
            response = await self._send(
                "POST",
                participant.events_endpoint,
                headers=(("content-type", MEDIA_TYPE), ("accept", "application/json")),
                body=token.encode("ascii"),
            )
        except (Reject, OSError) as cause:
            raise UNREACHABLE.reject(f"{participant.identifier}: {cause!r:.200}") from cause
        if response.status != _ACCEPTED:
            raise NOT_ACCEPTED.reject(f"{participant.identifier}: {response.status} {response.body[:200]!r}")


def _beginning(snapshot: Snapshot, participant: Participant) -> Progress:
    """Return where somebody begins who was told nothing yet: it owes receipts for orders, and reads the rest itself."""
    waiting = (
        subject
        for subject, entry in snapshot.status_list(since=participant.since).items()
        if snapshot.order_behind(subject, entry) is not None
        and concerns(snapshot, participant.subject, subject)
    )
    return Progress(since=participant.since, until=snapshot.revision, waiting=tuple(waiting))


def _name_of(*parts: str) -> str:
    """Return the ``jti`` of a delivery: the same whenever it is made again, so that its receiver knows it again."""
    return encode_base64url(hashlib.sha256("\n".join(parts).encode()).digest())


class _Courier:
    """Delivers to one participant.

    Attributes:
        waiting: what was not accepted yet, by subject.
        failures: attempts that failed one after the other.
    """

    def __init__(self, deliveries: Deliveries, participant: Participant, progress: Progress) -> None:
        self.participant = participant
        self.since = progress.since
        self.failures = 0
        self._deliveries = deliveries
        # A register that was restored from an older copy has fewer revisions than it had.
        self._until = min(progress.until, deliveries.snapshot().revision)
        self.waiting: dict[str, StatusEntry] = {}
        for subject in progress.waiting:
            entry = deliveries.snapshot().status(subject)
            if entry is not None:
                self.waiting[subject] = entry
        self._wake = asyncio.Event()
        self._question: str | None = None

    @property
    def progress(self) -> Progress:
        """How far this participant was told."""
        return Progress(since=self.since, until=self._until, waiting=tuple(self.waiting))

    def take(self, participant: Participant, snapshot: Snapshot) -> None:
        """Note what is new; what is said anew of a subject takes the place of what waits."""
        returns = participant != self.participant
        self.participant = participant
        news = {
            name: entry
            for name, entry in snapshot.status_list(since=self._until).items()
            if concerns(snapshot, participant.subject, name)
        }
        self.waiting |= news
        if participant.effect == "ended":  # it does not come back: the rest is nothing to it
            self.waiting = {name: entry for name, entry in self.waiting.items() if name in participant.above}
        self._until = snapshot.revision
        if news or returns:
            self._wake.set()

    def ask(self, state: str) -> None:
        """Have the participant asked whether deliveries arrive."""
        self._question = state
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            self._wake.clear()
            try:
                accepted = await self._deliver_all()
            except Exception as cause:  # noqa: BLE001  # nobody else would tell this participant anything any more
                self._deliveries.observer.failed("directory", "delivery", cause)
                accepted = False
            self.failures = 0 if accepted else self.failures + 1
            await self._rest()

    async def _rest(self) -> None:
        rules = self._deliveries.rules
        if self.failures:
            await asyncio.sleep(rules.least)
            longest = min(rules.longest, rules.first * 2 ** min(self.failures - 1, 16))
            pause: float | None = longest * self._deliveries.chance()
        else:
            pause = rules.verify_every or None
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            if not self.failures and self.participant.effect == "active":
                self._question = self._deliveries.new_name()

    async def _deliver_all(self) -> bool:
        """Deliver what waits, the most urgent first; say whether all of it was accepted."""
        refused: set[str] = set()
        while (subject := self._next(refused)) is not None:
            entry = self.waiting[subject]
            try:
                await self._deliveries.tell(self.participant, subject, entry)
            except Reject as refusal:
                self._deliveries.observer.refused("directory", "delivery", refusal)
                if refusal.reason is UNREACHABLE:
                    return False
                refused.add(subject)  # the others may be accepted
                continue
            if self.waiting.get(subject) == entry:
                del self.waiting[subject]
            self._deliveries.changed()
        return await self._answer_question() and not refused

    async def _answer_question(self) -> bool:
        state = self._question
        if state is None:
            return True
        try:
            await self._deliveries.ask(self.participant, state)
        except Reject as refusal:
            self._deliveries.observer.refused("directory", "delivery", refusal)
            return False
        if self._question == state:
            self._question = None
        return True

    def _next(self, refused: Iterable[str]) -> str | None:
        """Return whose change is told next; of others only whoever takes part is told."""
        snapshot, participant = self._deliveries.snapshot(), self.participant
        allowed = [
            (_urgency(snapshot, subject, entry), subject)
            for subject, entry in self.waiting.items()
            if subject not in refused and (participant.effect == "active" or subject in participant.above)
        ]
        return min(allowed)[1] if allowed else None


def _urgency(snapshot: Snapshot, subject: str, entry: StatusEntry) -> tuple[bool, bool, bool, int]:
    """Return what to sort by: compromised keys, then what an order stops, then what it lets go on, then the rest."""
    ordered = snapshot.order_behind(subject, entry) is not None
    return entry.cause != "compromised", entry.effect == "active", not ordered, entry.revision
