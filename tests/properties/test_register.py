"""Whatever is asked of the directory, in whatever order: only legal states, one history, and the same answer each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from support.town import AUDITOR, AUTHORITY, MINE, OPERATOR, QUESTION, SECOND, START, TERMS, Town, make_town
from trustweft.directory.commands import Approve, Decline, Move
from trustweft.directory.deciding import decide
from trustweft.directory.due import due
from trustweft.directory.events import Moved, decode_event, encode_event
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import DIRECTORY
from trustweft.directory.lifecycle import SEVERITY
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.register import Register
from trustweft.directory.rights import decide_right
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor
    from trustweft.directory.lifecycle import Effect
    from trustweft.directory.snapshot import Snapshot

NOW = make_town().register.now
SUBJECTS = [str(record.subject) for record in NOW.records()]
ACTORS = [OPERATOR, OPERATOR, SECOND, AUTHORITY, MINE, AUDITOR, DIRECTORY]
# Only what a lifecycle has: all else is refused at the first look, and leads no story on.
STEPS = [
    (subject, action) for subject in SUBJECTS for action in LIFECYCLES[NOW.find(subject).species].actions
]
SUSPENDABLE = [subject for subject, action in STEPS if action == "suspend"]
TWO = msgspec.structs.replace(
    TERMS, two_people=frozenset(("organisation.revoke", "software.suspend", "role.withdraw"))
)

moves = st.sampled_from(STEPS).map(
    lambda step: Move(subject=parse_subject(step[0]), action=step[1], reason="because")
)
proposals = st.integers(NOW.sequence + 1, NOW.sequence + 20)
commands = st.one_of(
    moves, moves, moves, st.builds(Approve, proposal=proposals), st.builds(Decline, proposal=proposals)
)
steps = st.lists(
    st.tuples(commands, st.sampled_from(ACTORS), st.floats(0, 40_000_000)), min_size=1, max_size=40
)


def walk(town: Town, story: list[tuple[Command, Actor, float]]) -> None:
    """Ask for everything; what is refused changes nothing."""
    for command, actor, later in story:
        town.now += later
        before = town.register.now.sequence
        try:
            town.do(command, actor)
        except Reject:
            assert town.register.now.sequence == before


def as_value(snapshot: Snapshot) -> object:
    """Return everything that a snapshot says, to be compared."""
    return (
        snapshot.sequence,
        snapshot.at,
        snapshot.revision,
        list(snapshot.records()),
        snapshot.proposals,
        snapshot.orders,
        snapshot.status_list(),
        snapshot.status_list(since=0),
    )


@given(steps)
@settings(deadline=None)
def test_no_story_leads_to_an_illegal_state(story: list[tuple[Command, Actor, float]]) -> None:
    """Every move is an arrow of the table, by somebody who stands at it; who approved is another person."""
    town = make_town(TWO)
    walk(town, story)
    states: dict[str, str] = {}
    for event in town.register.events:
        if event.subject not in states:
            record = town.register.now.find(event.subject)
            states[event.subject] = LIFECYCLES[record.species].initial
        if isinstance(event, Moved):
            lifecycle = LIFECYCLES[town.register.now.find(event.subject).species]
            arrow = lifecycle.arrow(source=states[event.subject], action=event.action)
            assert arrow is not None
            assert (event.before, event.after) == (arrow.source, arrow.target)
            assert event.by.part in arrow.who
            alone = f"{lifecycle.name}.{event.action}" not in TWO.two_people or event.by == DIRECTORY
            assert alone or (event.approved_by is not None and event.approved_by.id != event.by.id)
            states[event.subject] = event.after


@given(steps, st.data())
@settings(deadline=None)
def test_any_time_has_one_answer(story: list[tuple[Command, Actor, float]], data: st.DataObject) -> None:
    """What was so at a time is the fold of the events up to it, read back from what was written."""
    town = make_town(TWO)
    walk(town, story)
    events = town.register.events
    at = data.draw(st.floats(START - 1, town.now + 1))
    written = [decode_event(encode_event(event)) for event in events]
    up_to = Register(event for event in written if event.at <= at)
    assert as_value(town.register.as_of(at)) == as_value(up_to.now)
    assert as_value(Register(written).now) == as_value(town.register.now)


@given(steps)
@settings(deadline=None)
def test_a_decision_made_again_is_the_same(story: list[tuple[Command, Actor, float]]) -> None:
    """And it is given exactly where every input holds."""
    town = make_town(TWO)
    decisions = []
    for step in story:
        walk(town, [step])
        decisions.append(decide_right(town.register.now, QUESTION, at=town.now))
    for decision in decisions:
        assert town.register.again(decision) == decision
        assert decision.allowed == all(each.holds for each in decision.inputs)
        assert set(decision.refused_for) == {each.name for each in decision.inputs if not each.holds}


@given(steps, st.sampled_from(SUSPENDABLE))
@settings(deadline=None)
def test_suspending_and_resuming_restores_exactly_the_rights(
    story: list[tuple[Command, Actor, float]], subject: str
) -> None:
    """Whatever happened before, everything counts as it did; the feed says so in two more revisions."""
    town = make_town()
    walk(town, story)
    record = town.register.now.find(subject)
    assume(record.standing.active)

    def counts() -> object:
        now = town.register.now
        rights = decide_right(now, QUESTION, at=town.now).refused_for
        return rights, {each: now.effective(each).effect for each in SUBJECTS}

    before, revision, at = counts(), town.register.now.revision, town.now
    town.do(Move(subject=record.subject, action="suspend", reason="x"), OPERATOR)
    town.do(Move(subject=record.subject, action="resume", reason="x"), OPERATOR)
    town.now = at
    assert counts() == before
    assert town.register.now.revision == revision + (0 if record.species == "certification" else 2)


@given(steps)
@settings(deadline=None)
def test_a_reader_of_deltas_knows_what_a_reader_of_full_lists_knows(
    story: list[tuple[Command, Actor, float]],
) -> None:
    """And the worst of an entry and its parents is what the directory itself takes the subject for."""
    town = make_town()
    known = dict(town.register.now.status_list())
    for step in story:
        revision = town.register.now.revision
        walk(town, [step])
        known |= town.register.now.status_list(since=revision)
    now = town.register.now

    def archived(subject: str) -> bool:
        record = now.find(subject)
        return record.state == "archived" or any(map(archived, record.parents))

    assert {key: entry for key, entry in known.items() if not archived(key)} == now.status_list()

    def effect(subject: str) -> Effect:
        entry = known[subject]
        return max((entry.effect, *map(effect, entry.parents)), key=SEVERITY.__getitem__)

    for subject in known:
        assert effect(subject) == now.effective(subject).effect


@given(steps)
@settings(deadline=None)
def test_dates_are_kept_without_end_or_refusal(story: list[tuple[Command, Actor, float]]) -> None:
    """What is due can be done, and is not due again."""
    town = make_town(TWO)
    walk(town, story)
    for _ in range(5):
        moves = due(town.register.now, now=town.now, terms=TWO)
        for each in moves:
            events = decide(town.register.now, each, actor=DIRECTORY, now=town.now, terms=TWO)
            town.register.take(events)
    assert moves == ()
