"""Who is meant: an id such as ``moneyview``, or ``kind:id``; and what is done to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from trustweft.directory.identifiers import parse_subject
from trustweft.directory.lifecycles import LIFECYCLES, ORDERED

if TYPE_CHECKING:
    from trustweft.directory.snapshot import Record, Snapshot

__all__ = ["ACTIONS", "action_for", "called", "find_subject", "is_known", "namesakes"]

# By the name of the lifecycle, what is meant where nobody says what is to be done: what is final, and urgent.
_STRICT: Final = {
    "software": "revoke",
    "brand": "revoke",
    "api": "revoke",
    "organisation": "revoke",
    "role": "revoke",
    "authorisation": "revoke",
    "user": "revoke",
    "key": "compromise",
    "certificate": "revoke",
}
ACTIONS: Final = ("suspend", "withdraw", "revoke", "lapse", "compromise", "retire")


def find_subject(snapshot: Snapshot, text: str) -> Record:
    """Return who is meant.

    A software is meant where it and others have the id, for example the organisation behind it: of what an order
    could take out that is the least. Any other id that several have is refused.

    Raises:
        click.ClickException: nobody is, several are, or it is nobody whom anybody could off-board.
        Reject: ``register.malformed-subject``, ``register.unknown-subject``.
    """
    if ":" in text:
        record = snapshot.find(parse_subject(text))
        if record.species not in _STRICT:
            raise click.ClickException(f"a {record.species} is not off-boarded: nobody acts for it")
        return record
    found = called(snapshot, text)
    if not found:
        raise click.ClickException(
            f"the directory knows nobody called {text}; `trustweft onboard status` lists whom it knows"
        )
    software = [each for each in found if each.species == "software"]
    if len(found) > 1 and len(software) != 1:
        named = ", ".join(str(each.subject) for each in found)
        raise click.ClickException(f"{text} may be any of these, say which: {named}")
    return (software or found)[0]


def called(snapshot: Snapshot, name: str) -> list[Record]:
    """Return everybody of an id who could be off-boarded."""
    return [each for each in snapshot.records() if each.species in _STRICT and each.subject.id == name]


def is_known(snapshot: Snapshot, text: str) -> bool:
    """Say whether the directory has a subject of exactly this name.

    Raises:
        Reject: ``register.malformed-subject``.
    """
    return snapshot.get(parse_subject(text)) is not None


def namesakes(snapshot: Snapshot, record: Record, text: str) -> tuple[str, ...]:
    """Return who else has the id that somebody typed."""
    if ":" in text:
        return ()
    return tuple(
        str(each.subject)
        for each in snapshot.records()
        if each.species in _STRICT and each.subject.id == text and each.subject != record.subject
    )


def action_for(record: Record, kind: str | None) -> str:
    """Return the action that is meant.

    Raises:
        click.ClickException: the subject has no such action in the state that it is in.
    """
    action = _STRICT[record.species] if kind is None else kind
    lifecycle = LIFECYCLES[record.species]
    if lifecycle.arrow(source=record.state, action=action) is None:
        legal = [
            arrow.action
            for arrow in lifecycle.arrows
            if arrow.source == record.state and arrow.action in ORDERED
        ]
        raise click.ClickException(
            f"{record.subject} is {record.state}: no {action} is possible"
            + (f"; possible: {', '.join(dict.fromkeys(legal))}" if legal else "")
        )
    return action
