"""What a reader of the status feed knows: how new lists and events change it, and who is refused because of it.

Rules: never back to a lower revision, of the whole or of one subject; a list that is empty, or lacks subjects that were
known, takes nobody away; a delta that begins after what is known is refused, because something between is missing.
A subject counts as the worst of itself and of all that it takes part through. One that the directory never spoke of is
none of its participants, and not refused for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from trustweft.protocol.ecosystem_status import (  # msgspec reads the annotations
    Cause,  # noqa: TC001
    Effect,  # noqa: TC001
    SubjectStatus,  # noqa: TC001
)
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.protocol.ecosystem_status import StatusList

__all__ = ["GAP", "LIST_SHRANK", "LOWER_REVISION", "KnownStatus", "Merged", "Refusal", "apply_event", "merge"]

SEVERITY: Final[Mapping[Effect, int]] = {"active": 0, "suspended": 1, "ended": 2}

LOWER_REVISION = reason(
    "status.lower-revision",
    error="invalid_request",
    public="The status list is older than the one that is known.",
)
GAP = reason(
    "status.gap",
    error="invalid_request",
    public="The status list begins after what is known: something between is missing.",
)
LIST_SHRANK = reason(
    "status.list-shrank",
    error="invalid_request",
    public="The full status list lacks subjects that were known: their last values are kept.",
)


class Refusal(Struct, frozen=True):
    """Why a subject is refused.

    Attributes:
        effect: ``suspended`` or ``ended``.
        source: the subject itself, or what it takes part through.
    """

    effect: Effect
    source: str
    cause: Cause | None


class KnownStatus(Struct, frozen=True, kw_only=True):
    """What is known, as of ``revision``.

    Attributes:
        revision: up to which nothing is missing; -1 where no list ever came.
        subjects: by ``kind:id``, as the directory said it last.
        refused: those that do not count as active; all that a check has to look at.
    """

    revision: int = -1
    subjects: dict[str, SubjectStatus] = {}  # msgspec copies an empty default
    refused: dict[str, Refusal] = {}

    @classmethod
    def of(cls, subjects: dict[str, SubjectStatus], *, revision: int) -> KnownStatus:
        """Return what these subjects come to."""
        return cls(revision=revision, subjects=subjects, refused=_refused(subjects))

    def worst(self, subjects: Iterable[str | None]) -> Refusal | None:
        """Return the refusal that counts among these; None where all of them may go on."""
        refused = self.refused
        if not refused:
            return None
        found = [refused[subject] for subject in subjects if subject is not None and subject in refused]
        return max(found, key=_severity, default=None)


class Merged(Struct, frozen=True):
    """What became of a list: what is known now, and which subjects it lacked though they were known."""

    known: KnownStatus
    missing: tuple[str, ...] = ()


def merge(known: KnownStatus, news: StatusList) -> Merged:
    """Return what is known once a verified list came.

    Raises:
        Reject: ``status.lower-revision``; ``status.gap``, after which a full list has to be asked for.
    """
    if news.revision < known.revision:
        raise LOWER_REVISION.reject(f"{news.revision}, known is {known.revision}")
    if news.since is not None and news.since > known.revision:
        raise GAP.reject(f"since {news.since}, known is {known.revision}")
    missing = () if news.since is not None else tuple(sorted(known.subjects.keys() - news.subjects.keys()))
    newer = {name: status for name, status in news.subjects.items() if _is_newer(status, known, name)}
    if not newer:
        return Merged(replace(known, revision=news.revision), missing)
    return Merged(KnownStatus.of(known.subjects | newer, revision=news.revision), missing)


def apply_event(known: KnownStatus, subject: str, status: SubjectStatus) -> KnownStatus:
    """Return what is known once a verified event about one subject came.

    The revision grows only where nothing between is missing; what the event says is believed in any case.
    An event tells no parents: those that are known stay.
    """
    complete = status.revision == known.revision + 1
    revision = status.revision if complete else known.revision
    if not _is_newer(status, known, subject):
        return replace(known, revision=revision) if complete else known
    before = known.subjects.get(subject)
    if before is not None and not status.parents:
        status = replace(status, parents=before.parents)
    return KnownStatus.of({**known.subjects, subject: status}, revision=revision)


def _is_newer(status: SubjectStatus, known: KnownStatus, name: str) -> bool:
    before = known.subjects.get(name)
    # Of two that say the same revision the first stays: whoever signs both contradicts itself.
    return before is None or status.revision > before.revision or _only_adds_parents(status, before)


def _only_adds_parents(status: SubjectStatus, before: SubjectStatus) -> bool:
    """Say whether a list completes what an event, which tells no parents, said of a subject that was new."""
    return bool(status.parents) and not before.parents and replace(status, parents=()) == before


def _severity(refusal: Refusal) -> int:
    return SEVERITY[refusal.effect]


def _refused(subjects: Mapping[str, SubjectStatus]) -> dict[str, Refusal]:
    """Carry what is not active over to all that takes part through it: what ended first, then what is suspended.

    Each subject is settled once, so that a loop among parents ends, and the cost grows with the list alone.
    """
    children: dict[str, list[str]] = {}
    for name, status in subjects.items():
        for parent in status.parents:
            children.setdefault(parent, []).append(name)
    refused: dict[str, Refusal] = {}
    for effect in ("ended", "suspended"):
        waiting = [
            (name, Refusal(status.effect, name, status.cause))
            for name, status in subjects.items()
            if status.effect == effect
        ]
        while waiting:
            name, refusal = waiting.pop()
            if name not in refused:
                refused[name] = refusal
                waiting.extend((child, refusal) for child in children.get(name, ()))
    return refused
