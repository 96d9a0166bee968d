"""Who may do what in the console, and see what: the only file in which that is decided.

The register decides once more about every change. Where both say no, nobody gets further than the first one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from trustweft.directory.permitting import organisations_of
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trustweft.directory.events import Proposed
    from trustweft.directory.people import ConsolePart, Person
    from trustweft.directory.snapshot import Record, Snapshot

__all__ = [
    "PROVEN_ELSEWHERE",
    "RIGHTS",
    "Right",
    "check_right",
    "check_second_person",
    "find_visible",
    "has_right",
    "may_take_here",
    "sees",
    "visible_records",
]

Right: TypeAlias = Literal["read", "change", "see-people", "manage-people"]

RIGHTS: Final[Mapping[ConsolePart, frozenset[Right]]] = MappingProxyType(
    {
        "operator": frozenset(("read", "change", "see-people", "manage-people")),
        "administrator": frozenset(("read", "change")),
        "auditor": frozenset(("read", "see-people")),
    }
)
# Actions of an administrator that rest on a proof which has to be checked: the one who shows it does not wave it
# through. `trustweft onboard` checks it; an operator may take the arrow here, and answers for having seen the proof.
PROVEN_ELSEWHERE: Final = frozenset(("key.activate", "software.register"))

NOT_PERMITTED = reason(
    "console.not-permitted",
    error="access_denied",
    public="Your account is not for this.",
    status=403,
    shown=Shown.PAGE,
)
# What is not there and what is another organisation's look the same from outside.
NOT_FOUND = reason(
    "console.not-found",
    error="not_found",
    public="There is nothing here, or nothing that you may see.",
    status=404,
    shown=Shown.PAGE,
)
SAME_SOURCE = reason(
    "console.not-a-second-person",
    error="access_denied",
    public="Your account and that of whoever proposed this go back to one person, and count as one.",
    status=403,
    shown=Shown.PAGE,
)


def has_right(person: Person, right: Right) -> bool:
    """Say whether somebody's part has a right."""
    return right in RIGHTS[person.part]


def check_right(person: Person, right: Right) -> None:
    """Hold that somebody's part has a right.

    Raises:
        Reject: ``console.not-permitted``.
    """
    if not has_right(person, right):
        raise NOT_PERMITTED.reject(f"{person.part} {person.name}: {right}")


def sees(person: Person, snapshot: Snapshot, subject: str) -> bool:
    """Say whether somebody may see a subject: an administrator what is of the own organisation alone."""
    if snapshot.get(subject) is None:
        return False
    if person.part != "administrator":
        return True
    return organisations_of(snapshot, subject) == {f"organisation:{person.organisation}"}


def find_visible(person: Person, snapshot: Snapshot, subject: str) -> Record:
    """Return what is known of a subject that somebody may see.

    Raises:
        Reject: ``console.not-found``.
    """
    if not sees(person, snapshot, subject):
        raise NOT_FOUND.reject(f"{subject[:200]!r} for {person.name}")
    return snapshot.find(subject)


def visible_records(
    person: Person, snapshot: Snapshot, records: Iterable[Record] | None = None
) -> Iterator[Record]:
    """Yield those of the records, of all unless named, that somebody may see."""
    found = snapshot.records() if records is None else records
    return (each for each in found if sees(person, snapshot, str(each.subject)))


def may_take_here(person: Person, species: str, action: str) -> bool:
    """Say whether an action that the lifecycle gives somebody's part can be taken in the console."""
    return person.part != "administrator" or f"{species}.{action}" not in PROVEN_ELSEWHERE


def check_second_person(person: Person, proposal: Proposed, people: Iterable[Person]) -> None:
    """Hold that two accounts are two people: whoever can make accounts could otherwise approve alone.

    Raises:
        Reject: ``console.not-a-second-person``.
    """
    sources = {each.name: each.vouched_by for each in people}
    if sources.get(proposal.by.id) == person.vouched_by and proposal.by.id != person.name:
        raise SAME_SOURCE.reject(f"{person.name} and {proposal.by.id}: {person.vouched_by}")
