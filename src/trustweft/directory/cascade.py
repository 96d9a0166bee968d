"""What is touched with what: whoever is stopped takes along what depends on it, and brings it back when it goes on.

Nothing that depends on a subject changes its own state: it counts as the worst of itself and of what it depends on.
So a suspension that is taken back restores exactly what was, also where something else was stopped meanwhile; and no
combination of states is undefined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.directory.lifecycles import LIFECYCLES, ORDERED
from trustweft.directory.objects import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.directory.identifiers import Subject
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.standing import Standing

__all__ = ["CASCADE", "dependents", "touched_by"]

# Nobody acts for a contact or by a certification: no participant has anything to do with them.
_NOT_ORDERED: Final = frozenset(("contact", "certification"))


def _reached(parent: str) -> tuple[str, ...]:
    """Return every kind that depends on a kind, over however many steps."""
    found: dict[str, None] = {}
    waiting = [parent]
    while waiting:
        at = waiting.pop(0)
        for link in LINKS:
            if at in link.parents and link.child not in _NOT_ORDERED and link.child not in found:
                found[link.child] = None
                waiting.append(link.child)
    return tuple(found)


# By kind and action: the kinds that are touched besides. A role that is lost takes the authorisations that rest on it, and
# not the software that had it.
CASCADE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    (name, action): _reached(name)
    for name, lifecycle in LIFECYCLES.items()
    if name not in _NOT_ORDERED
    for action in lifecycle.actions
    if action in ORDERED
}


def dependents(snapshot: Snapshot, subject: Subject | str) -> Iterator[str]:
    """Yield everything that depends on a subject, near before far, each once."""
    seen = {str(subject)}
    waiting = [str(subject)]
    while waiting:
        for child in snapshot.children(waiting.pop(0)):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                yield child


def touched_by(
    snapshot: Snapshot, subject: Subject | str, *, action: str, becomes: Standing
) -> tuple[str, ...]:
    """Return what else will count as something else once ``subject`` counts as ``becomes``."""
    kinds = CASCADE.get((snapshot.find(subject).species, action), ())
    instead = {str(subject): becomes}
    return tuple(
        each
        for each in dependents(snapshot, subject)
        if snapshot.find(each).species in kinds
        and (before := snapshot.effective(each)).effect is not None
        and before.effect != snapshot.effective(each, instead=instead).effect
    )
