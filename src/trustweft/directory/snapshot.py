"""What is so: all events up to one of them, folded.

Only `apply` changes a snapshot, and nothing but events goes into it: who folds the same events has the same snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec
from msgspec import Struct

from trustweft.directory.events import (
    Added,
    Amended,
    Approved,
    Declined,
    Event,
    Moved,
    Proposed,
    Registered,
    Unregistered,
)
from trustweft.directory.identifiers import Subject, parse_subject, species_of
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Facts, parents_of
from trustweft.directory.orders import Order, order_of
from trustweft.directory.standing import Standing, StatusEntry, worst
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.directory.lifecycle import Lifecycle

__all__ = ["Record", "Registration", "Snapshot"]

UNKNOWN_SUBJECT = reason(
    "register.unknown-subject",
    error="not_found",
    public="The directory does not know this subject.",
    status=404,
)

# Nobody decides by a contact, and a certification counts where rights are decided. The feed tells of both nothing.
_NOT_TOLD = frozenset(("contact", "certification"))
# Users are many and active without being told; readers hear of those who were stopped, also when they may go on.
_TOLD_ONCE_STOPPED = frozenset(("user",))


class Record(Struct, frozen=True, kw_only=True):
    """One thing as it is.

    Attributes:
        since: when it came into its state.
        effective_since: when it began to count as it does.
        due_at: when it leaves, if it gave notice.
    """

    subject: Subject
    species: str
    facts: Facts
    parents: tuple[str, ...]
    state: str
    since: float
    standing: Standing
    added_at: float
    due_at: float | None = None


class Registration(Struct, frozen=True, kw_only=True):
    """A software's registration at one authorization server, which may have ended."""

    software: str
    brand: str
    client_id: str
    since: float
    ended_at: float | None = None


class Snapshot:
    """Everything that the directory knows after one event.

    Attributes:
        sequence: of the last event; 0 where there is none.
        at: its time.
        revision: how often the status feed changed.
        proposals: those that wait for a second person, by id.
        orders: every order, by id, in their order.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.at = 0.0
        self.revision = 0
        self.proposals: dict[int, Proposed] = {}
        self.orders: dict[str, Order] = {}
        self._records: dict[str, Record] = {}
        self._children: dict[str, list[str]] = {}
        self._registrations: dict[tuple[str, str], list[Registration]] = {}
        self._status: dict[str, StatusEntry] = {}
        self._changed: list[str] = []  # the subject that each revision is about
        self._last_orders: dict[str, str] = {}  # by subject

    # Reading.

    def get(self, subject: Subject | str) -> Record | None:
        """Return what is known of a subject, None where it is unknown."""
        return self._records.get(str(subject))

    def find(self, subject: Subject | str) -> Record:
        """Return what is known of a subject.

        Raises:
            Reject: ``register.unknown-subject``.
        """
        record = self._records.get(str(subject))
        if record is None:
            raise UNKNOWN_SUBJECT.reject(str(subject))
        return record

    def records(self, species: str | None = None) -> Iterator[Record]:
        """Yield everything, or everything of one kind, in the order in which it was entered."""
        return (each for each in self._records.values() if species in (None, each.species))

    def children(self, subject: Subject | str) -> tuple[str, ...]:
        """Return what depends on a subject directly."""
        return tuple(self._children.get(str(subject), ()))

    def effective(self, subject: Subject | str, *, instead: Mapping[str, Standing] | None = None) -> Standing:
        """Return the worst of a subject and of all that it depends on.

        Args:
            subject: whose.
            instead: what some count as in a question of the form "what if".

        Raises:
            Reject: ``register.unknown-subject``.
        """
        record = self.find(subject)
        own = (instead or {}).get(str(subject), record.standing)
        return worst((own, *(self.effective(parent, instead=instead) for parent in record.parents)))

    def status(self, subject: Subject | str) -> StatusEntry | None:
        """Return what the feed says of a subject; None where it says nothing."""
        return self._status.get(str(subject))

    def status_list(self, *, since: int | None = None) -> dict[str, StatusEntry]:
        """Return what readers are told: everything, or what changed after a revision.

        What is archived is in no full list, nor what depends on it: a reader that starts today refuses it as unknown.
        Whatever is told has its parents told before it.
        """
        if since is None:
            gone: set[str] = set()
            for subject, entry in self._status.items():
                if self._records[subject].state == "archived" or not gone.isdisjoint(entry.parents):
                    gone.add(subject)
            return {subject: entry for subject, entry in self._status.items() if subject not in gone}
        return {subject: self._status[subject] for subject in dict.fromkeys(self._changed[max(since, 0) :])}

    def order_behind(self, subject: Subject | str, entry: StatusEntry) -> Order | None:
        """Return the order by which a subject counts as the feed says; None where it was none, or another came since."""
        order = self.orders.get(self._last_orders.get(str(subject), ""))
        if order is None or (order.effect, order.cause, order.effective_at) != (
            entry.effect,
            entry.cause,
            entry.as_of,
        ):
            return None
        return order

    def registration(self, *, software: Subject | str, brand: Subject | str) -> Registration | None:
        """Return the registration that stands, by which a lost ``client_id`` is found again."""
        past = self._registrations.get((str(software), str(brand)), ())
        return next((each for each in reversed(past) if each.ended_at is None), None)

    def registrations(self, software: Subject | str) -> tuple[Registration, ...]:
        """Return every registration of a software, those that ended too."""
        return tuple(
            each
            for (owner, _), past in self._registrations.items()
            if owner == str(software)
            for each in past
        )

    # Folding.

    def apply(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            ValueError: it is not the next one; nothing is taken in.
        """
        if event.sequence != self.sequence + 1:
            raise ValueError(f"event {event.sequence} cannot follow event {self.sequence}")
        match event:
            case Added():
                self._add(event)
            case Amended():
                record = self._records[event.subject]
                self._records[event.subject] = msgspec.structs.replace(record, facts=event.facts)
            case Moved():
                self._move(event)
            case Proposed():
                self.proposals[event.sequence] = event
            case Approved() | Declined():
                del self.proposals[event.proposal]
            case Registered() | Unregistered():
                self._note_registration(event)
            case _ as never:
                assert_never(never)
        self.sequence, self.at = event.sequence, event.at

    def _add(self, event: Added) -> None:
        subject = parse_subject(event.subject)
        species = species_of(subject)
        lifecycle = LIFECYCLES[species]
        parents = parents_of(event.facts)
        self._records[event.subject] = Record(
            subject=subject,
            species=species,
            facts=event.facts,
            parents=parents,
            state=lifecycle.initial,
            since=event.at,
            standing=_standing(lifecycle, lifecycle.initial, at=event.at),
            added_at=event.at,
        )
        for parent in parents:
            self._children.setdefault(parent, []).append(event.subject)
        self._tell(event.subject)

    def _move(self, event: Moved) -> None:
        record = self._records[event.subject]
        standing = _standing(LIFECYCLES[record.species], event.after, at=event.at)
        if standing.effect == record.standing.effect and standing.cause in (None, record.standing.cause):
            standing = record.standing  # another state that counts the same: since when does not change
        self._records[event.subject] = msgspec.structs.replace(
            record, state=event.after, since=event.at, standing=standing, due_at=event.due_at
        )
        self._tell(event.subject)
        if event.order is not None and standing.effect is not None:
            self.orders[event.order] = order_of(
                event, identifier=event.order, effect=standing.effect, cause=standing.cause
            )
            self._last_orders[event.subject] = event.order

    def _tell(self, subject: str) -> None:
        """Bring the feed up to date with one subject; it has a new revision if that changes what readers know.

        Nobody is told of what depends on something that they were not told of; that follows when its parents are.
        """
        record, told = self._records[subject], self._status.get(subject)
        standing = record.standing
        if standing.effect is None or record.species in _NOT_TOLD:
            return
        if told is None and record.species in _TOLD_ONCE_STOPPED and standing.active:
            return
        if told is not None and (told.effect, told.cause) == (standing.effect, standing.cause):
            return
        if not all(parent in self._status for parent in record.parents):
            return
        self.revision += 1
        self._changed.append(subject)
        self._status[subject] = StatusEntry(
            effect=standing.effect,
            cause=standing.cause,
            as_of=standing.as_of,
            revision=self.revision,
            parents=record.parents,
        )
        if told is None:
            for child in self.children(subject):
                self._tell(child)

    def _note_registration(self, event: Registered | Unregistered) -> None:
        past = self._registrations.setdefault((event.subject, event.brand), [])
        if isinstance(event, Registered):
            past.append(
                Registration(
                    software=event.subject, brand=event.brand, client_id=event.client_id, since=event.at
                )
            )
        else:
            past[-1] = msgspec.structs.replace(past[-1], ended_at=event.at)


def _standing(lifecycle: Lifecycle, state: str, *, at: float) -> Standing:
    meaning = lifecycle.states[state]
    return Standing(effect=meaning.effect, cause=meaning.cause, as_of=at)
