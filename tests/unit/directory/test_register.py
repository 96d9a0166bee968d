"""History: what was so when, what readers are told, what dates ask for, and where a software is registered."""

from __future__ import annotations

import pytest

from support.town import KEY, QUESTION, START, TERMS, YEAR, Town, make_town
from trustweft.directory.commands import EndRegistration, Move
from trustweft.directory.due import due, expiring
from trustweft.directory.events import Actor, Moved
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import DIRECTORY
from trustweft.directory.objects import Certification, Key, Organisation, Software
from trustweft.directory.register import Register
from trustweft.directory.rights import decide_right
from trustweft.directory.standing import StatusEntry
from trustweft.runtime.errors import Reject

SOFTWARE = parse_subject("software:moneyview")
BRAND = parse_subject("brand:harbour-bank")


def let_dates_pass(town: Town, at: float) -> list[str]:
    """Do what is due by a time, and return it."""
    town.now = at
    moves = due(town.register.now, now=at, terms=town.terms)
    for each in moves:
        town.do(each, DIRECTORY)
    return [f"{each.subject} {each.action}" for each in moves]


def test_what_was_so_at_a_time_has_an_answer() -> None:
    """Before, between and after; the present is what follows from everything."""
    town = make_town()
    before = town.now
    town.move("software:moneyview", "suspend")
    between = town.now
    town.move("software:moneyview", "revoke")
    states = [town.register.as_of(at).find(SOFTWARE).state for at in (before, between, town.now + 1)]
    assert states == ["live", "suspended", "revoked"]
    assert town.register.as_of(START).get(SOFTWARE) is None
    assert decide_right(town.register.as_of(before), QUESTION, at=before).allowed


def test_a_participant_had_to_believe_what_was_so_for_long_enough() -> None:
    """Within the budget it may not have heard of it yet."""
    town = make_town()
    town.move("software:moneyview", "suspend")
    told = [
        town.register.had_to_believe(town.now + after, within=5)["software:moneyview"].effect
        for after in (4, 5)
    ]
    assert told == ["active", "suspended"]


def test_an_event_out_of_order_is_not_taken_in() -> None:
    """One that is missing, or that comes twice."""
    events = make_town().register.events
    with pytest.raises(ValueError, match="cannot follow"):
        Register(events[1:])
    register = Register(events)
    with pytest.raises(ValueError, match="cannot follow"):
        register.take(events[-1:])
    assert register.events == events


def test_the_feed_tells_each_change_with_one_revision() -> None:
    """A full list holds whatever was active once; a delta only what changed after a revision."""
    town = make_town()
    revision = town.register.now.revision
    full = town.register.now.status_list()
    assert set(full) == {
        "organisation:harbour-bank",
        "organisation:moneyview",
        "role:moneyview~reader",
        "role:moneyview~payer",
        "brand:harbour-bank",
        "software:moneyview",
        f"key:{KEY}",
        f"certificate:{'C' * 43}",
        "api:accounts",
        "api:moneyview~accounts",
        "api:moneyview~payments",
    }
    assert sorted(entry.revision for entry in full.values()) == list(range(1, revision + 1))
    town.move("organisation:moneyview", "suspend")
    assert town.register.now.status_list(since=revision) == {
        "organisation:moneyview": StatusEntry(
            effect="suspended", cause="suspended", as_of=town.now, revision=revision + 1
        )
    }
    assert town.register.now.status("software:moneyview") == full["software:moneyview"]
    assert full["software:moneyview"].parents == ("organisation:moneyview",)
    assert town.register.now.status_list(since=revision + 1) == {}


def test_nobody_is_told_of_what_depends_on_something_untold() -> None:
    """A key that is active before its software is live follows with it, after it."""
    town = Town()
    town.enter("organisation:moneyview", Organisation(name="M"), "verify", "sign-terms")
    town.enter("software:moneyview", Software(organisation="moneyview", name="M"), "certify")
    town.enter(f"key:{KEY}", Key(owner="software:moneyview"), "activate")
    town.enter("certification:one", _certification(until=START + YEAR), "accept")
    assert town.register.now.status_list() == {}
    town.move("organisation:moneyview", "activate")
    town.move("software:moneyview", "go-live")
    assert list(town.register.now.status_list()) == [
        "organisation:moneyview",
        "software:moneyview",
        f"key:{KEY}",
    ]
    assert [each.revision for each in town.register.now.status_list().values()] == [1, 2, 3]


def test_what_depends_on_the_archived_is_in_no_full_list_either() -> None:
    """A reader that starts then knows none of them, instead of taking a part for the whole."""
    town = make_town()
    town.move("organisation:moneyview", "revoke")
    let_dates_pass(town, town.now + TERMS.retention)
    full = town.register.now.status_list()
    assert not [subject for subject in full if "moneyview" in subject or "key" in subject]
    assert "organisation:harbour-bank" in full


def test_the_calendar_has_what_runs_out_next_first() -> None:
    """Keys, certificates and certifications that are good now."""
    town = make_town()
    town.move("certification:harbour", "revoke")
    assert expiring(town.register.now, by=START + YEAR) == (
        (START + YEAR, parse_subject("certification:moneyview")),
    )
    assert [subject.kind for _, subject in expiring(town.register.now, by=START + 3 * YEAR)] == [
        "certification",
        "certificate",
        "key",
    ]


def test_a_lock_is_a_suspension_to_participants() -> None:
    """Nobody else has to know of it, and it can be taken back like one."""
    town = make_town()
    town.move("software:moneyview", "lock")
    town.move("software:moneyview", "resume")
    assert [order.action for order in town.register.now.orders.values()] == ["suspend", "resume"]


def test_what_changes_nothing_for_readers_has_no_revision() -> None:
    """Notice, degradation, contacts and certifications are the directory's own matter."""
    town = make_town()
    revision = town.register.now.revision
    town.move("organisation:harbour-bank", "give-notice")
    town.move("brand:harbour-bank", "degrade")
    town.move("brand:harbour-bank", "recover")
    town.move("certification:harbour", "suspend")
    assert town.register.now.revision == revision


def test_a_user_is_told_of_once_stopped_and_when_going_on() -> None:
    """Users are many; readers hear only of those of whom they must know something."""
    town = make_town()
    town.move("user:mia", "suspend")
    town.move("user:mia", "resume")
    entry = town.register.now.status("user:mia")
    assert entry is not None
    assert entry.effect == "active"


def test_keys_that_ran_out_lapse_by_themselves() -> None:
    """It is an event of the directory, told to readers like any other."""
    town = make_town()
    town.enter("certification:later", _certification(until=START + 3 * YEAR), "accept")
    assert let_dates_pass(town, START + 2 * YEAR - 1) == [
        "brand:harbour-bank suspend",
        "certification:harbour lapse",
        "certification:moneyview lapse",
    ]
    assert let_dates_pass(town, START + 2 * YEAR) == [f"key:{KEY} lapse", f"certificate:{'C' * 43} lapse"]
    last = town.register.events[-1]
    assert isinstance(last, Moved)
    assert last.by == Actor(id="directory", part="directory")
    assert let_dates_pass(town, START + 2 * YEAR) == []


def _certification(*, until: float) -> Certification:
    return Certification(
        covers="software:moneyview", method="check", run="run-2", tested_at=START, valid_until=until
    )


def test_whose_certification_ran_out_is_suspended_until_there_is_another() -> None:
    """Nothing is deleted for it: the new one brings everything back."""
    town = make_town()
    assert "software:moneyview suspend" in let_dates_pass(town, START + YEAR)
    town.enter("certification:later", _certification(until=START + 2 * YEAR), "accept")
    town.move("software:moneyview", "resume")
    town.move("brand:harbour-bank", "revoke")
    assert decide_right(town.register.now, QUESTION, at=town.now).refused_for == ("brand",)


def test_a_notice_runs_and_then_the_organisation_has_withdrawn() -> None:
    """Until then everything goes on; the notice can be taken back."""
    town = Town()
    town.enter("organisation:moneyview", Organisation(name="M"), "verify", "sign-terms", "activate")
    subject = parse_subject("organisation:moneyview")
    town.do(Move(subject=subject, action="give-notice", due_at=START + YEAR))
    town.move("organisation:moneyview", "take-back-notice")
    assert let_dates_pass(town, START + YEAR) == []
    town.do(Move(subject=subject, action="give-notice", due_at=START + 2 * YEAR))
    assert let_dates_pass(town, START + 2 * YEAR) == ["organisation:moneyview withdraw"]
    assert town.register.now.effective(subject).cause == "withdrawn"


def test_what_ended_is_archived_after_two_years_and_keeps_its_cause() -> None:
    """Not earlier; its events stay, and readers that know it are told nothing new."""
    town = make_town()
    town.move("software:moneyview", "revoke")
    ended = town.now
    with pytest.raises(Reject, match=r"register\.kept-longer"):
        town.move("software:moneyview", "archive")
    revision = town.register.now.revision
    assert "software:moneyview archive" in let_dates_pass(town, ended + TERMS.retention)
    now = town.register.now
    assert now.find(SOFTWARE).state == "archived"
    assert (now.effective(SOFTWARE).effect, now.effective(SOFTWARE).cause) == ("ended", "revoked")
    assert "software:moneyview" not in now.status_list()
    assert "software:moneyview" not in now.status_list(since=revision)
    assert town.register.as_of(ended - 1).find(SOFTWARE).state == "live"


def test_a_lost_client_id_is_found_again() -> None:
    """One registration stands at each server; those that ended are remembered."""
    town = make_town()
    town.note("first")
    with pytest.raises(Reject, match=r"register\.registered-already.*first"):
        town.note("second")
    town.do(EndRegistration(software=SOFTWARE, brand=BRAND, reason="reaped"))
    assert town.register.now.registration(software=SOFTWARE, brand=BRAND) is None
    town.note("second")
    found = town.register.now.registration(software=SOFTWARE, brand=BRAND)
    assert found is not None
    assert found.client_id == "second"
    assert [each.client_id for each in town.register.now.registrations(SOFTWARE)] == ["first", "second"]


def test_cleaning_up_is_noted_also_of_what_ended() -> None:
    """A registration of what ended can go, and none can come."""
    town = make_town()
    town.note("first")
    town.move("software:moneyview", "revoke")
    town.do(EndRegistration(software=SOFTWARE, brand=BRAND))
    with pytest.raises(Reject, match=r"register\.registration-of-stopped"):
        town.note("second")
