"""Whatever order lists and events arrive in, no reader goes back, and nobody who ended comes in again unsaid."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trustweft.protocol.ecosystem_status import StatusList, SubjectStatus
from trustweft.protocol.known_status import SEVERITY, KnownStatus, apply_event, merge
from trustweft.runtime.errors import Reject

NAMES = ["organisation:o", "software:a", "software:b", "key:k"]
EFFECTS = ["active", "suspended", "ended"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(EFFECTS),
        st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    ),
    max_size=8,
)
# What arrives: a full list, a delta, or the event of a revision, each as of some moment; and whether it lacks everything.
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["full", "delta", "event"]), st.integers(0, 8), st.integers(0, 8), st.booleans()
    ),
    max_size=12,
)


def history(changes: list[tuple[str, str, list[str]]]) -> list[tuple[str, SubjectStatus]]:
    """Return what the directory said, one revision after the other."""
    return [
        (name, SubjectStatus(effect=effect, as_of=0, revision=number, parents=tuple(parents)))  # type: ignore[arg-type]
        for number, (name, effect, parents) in enumerate(changes, start=1)
    ]


def as_of(said: list[tuple[str, SubjectStatus]], revision: int) -> dict[str, SubjectStatus]:
    """Return everything as it stood at a revision."""
    return dict(said[:revision])


@given(changes=CHANGES, arrivals=ARRIVALS)
def test_readers_never_go_back_and_catch_up(
    changes: list[tuple[str, str, list[str]]], arrivals: list[tuple[str, int, int, bool]]
) -> None:
    """Revisions only grow; nobody vanishes; the newest full list brings every reader to the same."""
    said, known = history(changes), KnownStatus()
    for kind, at, since, empty in arrivals:
        before, revision = known, min(at, len(said))
        if kind == "event":
            if revision:
                known = apply_event(known, *said[revision - 1])
        else:
            start = min(since, revision) if kind == "delta" else None
            told = {} if empty and kind == "full" else as_of(said, revision)
            shown = {name: each for name, each in told.items() if start is None or each.revision > start}
            news = StatusList(
                issuer="d", issued_at=0, expires_at=1, revision=revision, since=start, subjects=shown
            )
            try:
                known = merge(known, news).known
            except Reject:
                assert revision < known.revision or (start is not None and start > known.revision)
        assert known.revision >= before.revision
        for name, status in before.subjects.items():
            assert known.subjects[name].revision >= status.revision
    final = StatusList(
        issuer="d",
        issued_at=0,
        expires_at=1,
        revision=len(said),
        since=None,
        subjects=as_of(said, len(said)),
    )
    known = merge(known, final).known
    assert {name: each.effect for name, each in known.subjects.items()} == {
        name: each.effect for name, each in as_of(said, len(said)).items()
    }


@given(changes=CHANGES)
def test_a_subject_counts_as_the_worst_of_all_that_it_takes_part_through(
    changes: list[tuple[str, str, list[str]]],
) -> None:
    """The same as following every parent by hand, loops and strangers included."""
    subjects = as_of(history(changes), len(changes))
    known = KnownStatus.of(subjects, revision=len(changes))
    for name in subjects:
        reached, waiting = {name}, [name]
        while waiting:
            for parent in subjects[waiting.pop()].parents:
                if parent in subjects and parent not in reached:
                    reached.add(parent)
                    waiting.append(parent)
        worst = max((subjects[each].effect for each in reached), key=SEVERITY.__getitem__)
        refusal = known.worst([name])
        assert ("active" if refusal is None else refusal.effect) == worst
