"""How lists and events change what a reader knows."""

from __future__ import annotations

import pytest

from support.directory import DIRECTORY, NOW, TestDirectory
from trustweft.protocol.ecosystem_status import StatusList, verify_status_list
from trustweft.protocol.known_status import KnownStatus, apply_event, merge
from trustweft.runtime.errors import Reject


def told(directory: TestDirectory, *, since: int | None = None) -> StatusList:
    """Return the list of a directory, verified."""
    token = directory.feed(since=since)
    return verify_status_list(token, keys=directory.keys(), issuer=DIRECTORY, now=NOW, tolerance=60)


def knowing(directory: TestDirectory) -> KnownStatus:
    """Return what a reader of the full list knows."""
    return merge(KnownStatus(), told(directory)).known


def test_a_lower_revision_changes_nothing() -> None:
    """A list from before, signed and in date, does not bring back who ended since."""
    directory = TestDirectory()
    directory.say("software:a", "active")
    before = told(directory)
    directory.say("software:a", "ended", cause="revoked")
    known = knowing(directory)
    with pytest.raises(Reject, match=r"status\.lower-revision"):
        merge(known, before)


def test_a_delta_after_what_is_known_is_refused() -> None:
    """A delta that leaves something out between is refused, so that the reader asks for all."""
    directory = TestDirectory()
    known = knowing(directory)
    directory.say("software:a", "ended", cause="revoked")
    directory.say("software:b", "active")
    with pytest.raises(Reject, match=r"status\.gap"):
        merge(known, told(directory, since=1))
    assert merge(known, told(directory, since=0)).known.worst(["software:a"]) is not None


def test_an_empty_list_clears_nothing() -> None:
    """A full list that lacks what was known takes nobody away and says which it lacks."""
    directory = TestDirectory()
    directory.say("software:a", "ended", cause="revoked")
    directory.say("software:b", "active")
    known = knowing(directory)
    directory.subjects.clear()
    merged = merge(known, told(directory))
    assert merged.missing == ("software:a", "software:b")
    assert merged.known.subjects == known.subjects
    assert merged.known.worst(["software:a"]) is not None


def test_the_worst_of_itself_and_its_parents_counts() -> None:
    """What takes part through something that ended has ended, however far away, and loops end too."""
    directory = TestDirectory()
    directory.say("organisation:o", "suspended", cause="suspended")
    directory.say("software:a", "active", parents=("organisation:o",))
    directory.say("api:a~accounts", "ended", cause="withdrawn", parents=("software:a",))
    directory.say("key:k", "active", parents=("key:l",))
    directory.say("key:l", "active", parents=("key:k", "software:a"))
    known = knowing(directory)
    effects = {name: refusal.effect for name, refusal in known.refused.items()}
    assert effects == {
        "organisation:o": "suspended",
        "software:a": "suspended",
        "api:a~accounts": "ended",
        "key:k": "suspended",
        "key:l": "suspended",
    }
    refusal = known.worst(["software:unheard-of", None, "software:a", "api:a~accounts"])
    assert refusal is not None
    assert (refusal.effect, refusal.source) == ("ended", "api:a~accounts")


def test_an_event_is_believed_at_once_and_keeps_the_parents() -> None:
    """What an event says counts even where something between is missing; then the revision waits for the list."""
    directory = TestDirectory()
    directory.say("organisation:o", "active")
    directory.say("software:a", "active", parents=("organisation:o",))
    known = knowing(directory)
    known = apply_event(known, "organisation:o", directory.say("organisation:o", "ended", cause="revoked"))
    assert (known.revision, known.worst(["software:a"]) is not None) == (3, True)
    directory.say("software:b", "active")
    late = directory.say("software:a", "suspended", cause="suspended")
    known = apply_event(known, "software:a", late)
    assert (known.revision, known.subjects["software:a"].parents) == (3, ("organisation:o",))


def test_an_event_from_before_changes_nothing() -> None:
    """An event that comes again, or late, takes no subject back."""
    directory = TestDirectory()
    resumed = directory.say("software:a", "active")
    directory.say("software:a", "ended", cause="revoked")
    known = knowing(directory)
    assert apply_event(known, "software:a", resumed) == known


def test_a_list_completes_what_an_event_said_first() -> None:
    """A subject that an event named first gets its parents from the list."""
    directory = TestDirectory()
    new = directory.say("software:a", "active")
    known = apply_event(KnownStatus(revision=0), "software:a", new)
    directory.subjects["software:a"] = type(new)(
        effect="active", as_of=new.as_of, revision=new.revision, parents=("organisation:o",)
    )
    directory.say("organisation:o", "ended", cause="lapsed")
    assert merge(known, told(directory, since=1)).known.worst(["software:a"]) is None
    assert merge(known, told(directory)).known.worst(["software:a"]) is not None


def test_an_event_that_only_fills_the_gap_raises_the_revision() -> None:
    """An event that says nothing new of its subject still shows that nothing is missing."""
    directory = TestDirectory()
    status = directory.say("software:a", "active")
    known = KnownStatus.of({"software:a": status}, revision=0)
    assert apply_event(known, "software:a", status).revision == 1
