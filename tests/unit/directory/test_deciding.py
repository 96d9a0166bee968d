"""What the directory refuses, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.town import (
    AUDITOR,
    AUTHORITY,
    KEY,
    MINE,
    OPERATOR,
    SECOND,
    START,
    TERMS,
    YEAR,
    Town,
    make_town,
)
from trustweft.directory.commands import Add, Amend, Approve, Decline, EndRegistration, Move, NoteRegistration
from trustweft.directory.events import Actor, Moved, Proposed
from trustweft.directory.identifiers import KINDS, Subject, parse_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Authorisation, Brand, Contact, Key, Organisation, Role, Software, User
from trustweft.directory.terms import Terms, terms_of
from trustweft.profile import ProfileError, load_profile, profile_names
from trustweft.runtime.errors import Reject

SOFTWARE = parse_subject("software:moneyview")
BRAND = parse_subject("brand:harbour-bank")


def move(subject: str, action: str, reason: str = "because") -> Move:
    return Move(subject=parse_subject(subject), action=action, reason=reason)


def add(subject: str, facts: Any) -> Add:
    kind, _, identifier = subject.partition(":")
    return Add(subject=Subject(kind, identifier), facts=facts)  # type: ignore[arg-type]  # malformed on purpose


STRANGER = Actor(id="mallory", part="administrator", organisation="moneyview")
IMPOSTOR = Actor(id="mia", part="administrator", organisation="harbour-bank")
REFUSED: dict[str, tuple[Any, Actor, str]] = {
    "an auditor who writes": (move("software:moneyview", "suspend"), AUDITOR, "read-only"),
    "an administrator whom nobody entered": (
        move("software:moneyview", "suspend"),
        STRANGER,
        "actor-stopped",
    ),
    "an administrator for another organisation": (
        move("brand:harbour-bank", "suspend"),
        IMPOSTOR,
        "actor-stopped",
    ),
    "an administrator about somebody else": (move("brand:harbour-bank", "suspend"), MINE, "not-permitted"),
    "an administrator who revokes": (move("software:moneyview", "revoke"), MINE, "not-permitted"),
    "an administrator who resumes": (move("software:moneyview", "resume"), MINE, "illegal-transition"),
    "an authority that withdraws for others": (
        move("software:moneyview", "withdraw"),
        AUTHORITY,
        "not-permitted",
    ),
    "an arrow that is not there": (move("software:moneyview", "certify"), OPERATOR, "illegal-transition"),
    "an action that is not there": (move("software:moneyview", "explode"), OPERATOR, "illegal-transition"),
    "a stop without a reason": (move("software:moneyview", "suspend", " "), OPERATOR, "reason-missing"),
    "a subject that is unknown": (move("software:nobody", "suspend"), OPERATOR, "unknown-subject"),
    "the same again": (
        add("software:moneyview", Software(organisation="moneyview", name="M")),
        OPERATOR,
        "exists",
    ),
    "facts of another kind": (add("software:x", Organisation(name="X")), OPERATOR, "wrong-facts"),
    "a parent that is unknown": (
        add("software:x", Software(organisation="nobody", name="X")),
        OPERATOR,
        "unknown-subject",
    ),
    "a role under another name": (
        add("role:moneyview~payer2", Role(organisation="moneyview", role="reader")),
        OPERATOR,
        "wrong-facts",
    ),
    "an authorisation under another name": (
        add(
            "api:other~accounts", Authorisation(software="moneyview", api="accounts", role="moneyview~reader")
        ),
        OPERATOR,
        "wrong-facts",
    ),
    "an authorisation that the role does not permit": (
        add(
            "api:moneyview~balances",
            Authorisation(software="moneyview", api="balances", role="moneyview~payer"),
        ),
        OPERATOR,
        "role-does-not-permit",
    ),
    "an authorisation under somebody else's role": (
        add(
            "api:moneyview~balances",
            Authorisation(software="moneyview", api="balances", role="harbour-bank~reader"),
        ),
        OPERATOR,
        "role-does-not-permit",
    ),
    "a key that is no thumbprint": (add("key:one", Key(owner="software:moneyview")), OPERATOR, "wrong-facts"),
    "a key of a user": (add(f"key:{'k' * 43}", Key(owner="user:mia")), OPERATOR, "wrong-facts"),
    "an issuer that is no https address": (
        add("brand:x", Brand(organisation="moneyview", name="X", issuer="software:moneyview")),
        OPERATOR,
        "wrong-facts",
    ),
    "a customer of another's brand": (
        add("user:harbour-bank~c1", User(organisation="moneyview", part="customer", brand="harbour-bank")),
        MINE,
        "wrong-facts",
    ),
    "a customer named as another brand's": (
        add("user:other~c1", User(organisation="harbour-bank", part="customer", brand="harbour-bank")),
        OPERATOR,
        "wrong-facts",
    ),
    "a customer of no brand": (
        add("user:c1", User(organisation="harbour-bank", part="customer")),
        OPERATOR,
        "wrong-facts",
    ),
    "an administrator named as a customer": (
        add("user:moneyview~max", User(organisation="moneyview")),
        MINE,
        "wrong-facts",
    ),
    "an owner that is none": (add(f"key:{'k' * 43}", Key(owner="moneyview")), OPERATOR, "malformed-subject"),
    "an id with a joint": (
        add("software:a~b", Software(organisation="moneyview", name="X")),
        OPERATOR,
        "malformed-subject",
    ),
    "a brand for somebody else": (
        add("brand:x", Brand(organisation="harbour-bank", name="X", issuer="https://x")),
        MINE,
        "not-permitted",
    ),
    "an organisation by an administrator": (
        add("organisation:x", Organisation(name="X")),
        MINE,
        "not-permitted",
    ),
    "another owner": (
        Amend(subject=SOFTWARE, facts=Software(organisation="harbour-bank", name="M")),
        OPERATOR,
        "belongs-elsewhere",
    ),
    "a proposal that is not there": (Approve(proposal=7), OPERATOR, "no-proposal"),
    "a registration at a software": (
        NoteRegistration(software=SOFTWARE, brand=SOFTWARE, client_id="c"),
        OPERATOR,
        "not-software-and-brand",
    ),
    "a registration told by an authority": (
        NoteRegistration(software=SOFTWARE, brand=BRAND, client_id="c"),
        AUTHORITY,
        "not-permitted",
    ),
    "the end of a registration that is not there": (
        EndRegistration(software=SOFTWARE, brand=BRAND),
        OPERATOR,
        "not-registered",
    ),
    "an archive too early": (move("software:moneyview", "archive"), OPERATOR, "illegal-transition"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_right_is_refused_and_changes_nothing(name: str) -> None:
    """With a reason of its own."""
    command, actor, why = REFUSED[name]
    town = make_town()
    reader = Role(organisation="harbour-bank", role="reader", apis=("balances",))
    town.enter("role:harbour-bank~reader", reader, "grant")
    before = town.register.events
    with pytest.raises(Reject) as refused:
        town.do(command, actor)
    assert refused.value.reason.id == f"register.{why}"
    assert town.register.events == before


@pytest.mark.parametrize(
    "text",
    ["moneyview", "software:", ":x", "planet:x", "software:a b", "role:a", "role:a~b~c", "role:~b", "api:a~"],
)
def test_a_malformed_subject_is_refused(text: str) -> None:
    """A role has one joint and an API at most one, all others none."""
    with pytest.raises(Reject, match=r"register\.malformed-subject"):
        parse_subject(text)


def test_every_kind_has_a_lifecycle_that_the_table_describes_whole() -> None:
    """No state without a way to it, no two arrows for one action in one state, no auditor at an arrow."""
    assert set(KINDS) | {"authorisation"} == set(LIFECYCLES)
    for lifecycle in LIFECYCLES.values():
        steps = [(arrow.source, arrow.action) for arrow in lifecycle.arrows]
        assert len(steps) == len(set(steps))
        reached = {lifecycle.initial} | {arrow.target for arrow in lifecycle.arrows}
        assert reached == set(lifecycle.states)
        assert all(
            arrow.source in lifecycle.states and "auditor" not in arrow.who for arrow in lifecycle.arrows
        )
        assert all(arrow.evidence for arrow in lifecycle.arrows)


def test_what_ended_never_becomes_active_again() -> None:
    """In no lifecycle; who wants to come back is entered anew."""
    for lifecycle in LIFECYCLES.values():
        for arrow in lifecycle.arrows:
            if lifecycle.effect(arrow.source) == "ended":
                assert lifecycle.effect(arrow.target) == "ended"


def test_an_administrator_brings_the_own_organisation_in() -> None:
    """Before it is active: signs, enters a software, and is stopped with it."""
    town = Town()
    town.enter("organisation:moneyview", Organisation(name="M"), "verify")
    town.enter("user:mia", User(organisation="moneyview"), "activate")
    town.move("organisation:moneyview", "sign-terms", MINE)
    town.do(add("software:moneyview", Software(organisation="moneyview", name="M")), MINE)
    town.do(add("contact:desk", Contact(organisation="moneyview", purpose="security")), MINE)
    town.move("organisation:moneyview", "activate")
    town.move("organisation:moneyview", "suspend")
    with pytest.raises(Reject, match=r"register\.actor-stopped"):
        town.move("contact:desk", "withdraw", MINE)


def test_whoever_is_suspended_still_reports_a_key_that_others_may_have() -> None:
    """And does nothing else; whoever has ended does not even that."""
    town = make_town()
    town.move("organisation:moneyview", "suspend")
    with pytest.raises(Reject, match=r"register\.actor-stopped"):
        town.move("software:moneyview", "withdraw", MINE)
    town.move(f"key:{KEY}", "compromise", MINE)
    assert town.register.now.find(f"key:{KEY}").state == "compromised"
    town = make_town()
    town.move("organisation:moneyview", "revoke")
    with pytest.raises(Reject, match=r"register\.actor-stopped"):
        town.move(f"key:{KEY}", "compromise", MINE)


def test_what_a_move_rests_on_stands_in_its_event_whoever_approves() -> None:
    """The digest of a document, for example."""
    town = make_town(TWO)
    command = move("software:moneyview", "revoke")
    (proposed,) = town.do(msgspec.structs.replace(command, evidence="sha-256:1234"))
    _, moved = town.do(Approve(proposal=proposed.sequence), SECOND)
    assert isinstance(moved, Moved)
    assert moved.evidence == "sha-256:1234"


def test_nobody_goes_live_without_key_and_certification() -> None:
    """Each is missed by name; a profile that certifies nothing misses none."""
    town = Town()
    town.enter("organisation:moneyview", Organisation(name="M"), "verify", "sign-terms", "activate")
    town.enter("software:moneyview", Software(organisation="moneyview", name="M"), "certify")
    with pytest.raises(Reject, match=r"register\.not-certified"):
        town.move("software:moneyview", "go-live")
    town.terms = msgspec.structs.replace(TERMS, certified=frozenset())
    with pytest.raises(Reject, match=r"register\.no-key"):
        town.move("software:moneyview", "go-live")
    town.enter(f"key:{KEY}", Key(owner="software:moneyview", valid_until=START + YEAR), "activate")
    town.move("software:moneyview", "go-live")
    assert town.register.now.find("software:moneyview").state == "live"


def test_an_amendment_is_known_from_then_on() -> None:
    """And what ended is not amended any more."""
    town = make_town()
    facts = Software(
        organisation="moneyview", name="MoneyView 2", metadata={"client_uri": "https://m.example"}
    )
    town.do(Amend(subject=SOFTWARE, facts=facts, reason="new name"), MINE)
    assert town.register.now.find(SOFTWARE).facts == facts
    town.move("software:moneyview", "withdraw", MINE)
    with pytest.raises(Reject, match=r"register\.ended"):
        town.do(Amend(subject=SOFTWARE, facts=facts), MINE)


@pytest.mark.parametrize("field", ["events_endpoint", "jwks_uri"])
def test_nobody_moves_the_own_receipts_elsewhere_alone(field: str) -> None:
    """Whoever could would answer for a participant that follows nothing; before it takes part it is its own matter."""
    town = make_town()
    town.enter("user:hana", User(organisation="harbour-bank", name="Hana"), "activate")
    hana = Actor(id="hana", part="administrator", organisation="harbour-bank")
    brand = town.register.now.find(BRAND).facts
    assert isinstance(brand, Brand)
    assert town.register.now.effective(BRAND).active
    facts = msgspec.structs.replace(brand, **{field: "https://elsewhere.example/x"})
    with pytest.raises(Reject, match=r"register\.following-fixed"):
        town.do(Amend(subject=BRAND, facts=facts), hana)
    town.do(Amend(subject=BRAND, facts=msgspec.structs.replace(brand, name="Harbour 2")), hana)
    town.do(Amend(subject=BRAND, facts=facts), OPERATOR)
    new = Brand(organisation="harbour-bank", name="New", issuer="https://new.example")
    town.do(add("brand:new", new), hana)
    town.do(
        Amend(
            subject=parse_subject("brand:new"),
            facts=msgspec.structs.replace(new, **{field: "https://new.example/x"}),
        ),
        hana,
    )


def test_a_key_that_nobody_proved_is_not_said_to_have_ended() -> None:
    """It may be another's that is in use: it is rejected, and no participant is told anything of it."""
    town = make_town()
    key = f"key:{'Y' * 43}"
    town.enter(key, Key(owner="software:moneyview"))
    for action in ("compromise", "retire", "lapse"):
        with pytest.raises(Reject, match=r"register\.illegal-transition"):
            town.move(key, action, MINE)
    before = town.register.now.revision
    town.move(key, "reject", MINE)
    assert town.register.now.revision == before
    assert town.register.now.effective(key).effect is None


@pytest.mark.parametrize(
    "taken", ["https://harbour.example/", "https://HARBOUR.example", "https://harbour.example:443"]
)
def test_the_name_of_another_is_not_taken_by_spelling_it_differently(taken: str) -> None:
    """A capital, a port, a stroke at the end."""
    town = make_town()
    with pytest.raises(Reject, match=r"register\.identifier-taken"):
        town.do(add("brand:thief", Brand(organisation="moneyview", name="T", issuer=taken)))


def test_a_name_that_somebody_squats_on_is_given_back() -> None:
    """An operator rejects what never took part, and it holds no name any more."""
    town = make_town()
    issuer = "https://good.example"
    town.do(add("brand:squatter", Brand(organisation="moneyview", name="S", issuer=issuer)), MINE)
    good = add("brand:good", Brand(organisation="harbour-bank", name="Good", issuer=issuer))
    with pytest.raises(Reject, match=r"register\.identifier-taken"):
        town.do(good)
    with pytest.raises(Reject, match=r"register\.not-permitted"):
        town.move("brand:squatter", "reject", MINE)
    town.move("brand:squatter", "reject")
    town.do(good)


TWO = msgspec.structs.replace(TERMS, two_people=frozenset(("software.revoke", "software.withdraw")))


def test_where_two_people_decide_one_alone_changes_nothing() -> None:
    """The proposer cannot approve; another person can, and both stand in the event."""
    town = make_town(TWO)
    (proposed,) = town.do(move("software:moneyview", "revoke", "fraud"))
    assert town.register.now.find(SOFTWARE).state == "live"
    for own in (OPERATOR, Actor(id=OPERATOR.id, part="authority")):
        with pytest.raises(Reject, match=r"register\.own-proposal"):
            town.do(Approve(proposal=proposed.sequence), own)
    with pytest.raises(Reject, match=r"register\.not-permitted"):
        town.do(Approve(proposal=proposed.sequence), MINE)
    with pytest.raises(Reject, match=r"register\.proposed-already"):
        town.do(move("software:moneyview", "revoke", "fraud"), SECOND)
    _, moved = town.do(Approve(proposal=proposed.sequence), AUTHORITY)
    assert isinstance(moved, Moved)
    assert (moved.by, moved.approved_by, moved.reason) == (OPERATOR, AUTHORITY, "fraud")
    assert town.register.now.orders[f"order-{moved.sequence}"].approved_by == AUTHORITY
    with pytest.raises(Reject, match=r"register\.no-proposal"):
        town.do(Approve(proposal=proposed.sequence), SECOND)


def test_a_proposal_is_checked_again_when_it_is_approved() -> None:
    """What was true when it was proposed may not be true any more."""
    town = make_town(TWO)
    (proposed,) = town.do(move("software:moneyview", "withdraw"), MINE)
    town.move("user:mia", "revoke")
    town.do(move("software:moneyview", "suspend"))
    town.do(Approve(proposal=proposed.sequence), SECOND)  # suspended software is withdrawn as well
    assert town.register.now.find(SOFTWARE).state == "withdrawn"
    town = make_town(TWO)
    (proposed,) = town.do(move("software:moneyview", "revoke"))
    town.do(move("software:moneyview", "lapse"))
    with pytest.raises(Reject, match=r"register\.illegal-transition"):
        town.do(Approve(proposal=proposed.sequence), SECOND)


def test_a_proposal_can_be_declined_or_taken_back() -> None:
    """By whoever made it or could approve it, and by nobody else."""
    town = make_town(TWO)
    (proposed,) = town.do(move("software:moneyview", "revoke"))
    with pytest.raises(Reject, match=r"register\.not-permitted"):
        town.do(Decline(proposal=proposed.sequence), MINE)
    town.do(Decline(proposal=proposed.sequence, reason="no"), SECOND)
    (proposed,) = town.do(move("software:moneyview", "revoke"))
    town.do(Decline(proposal=proposed.sequence), OPERATOR)
    assert town.register.now.proposals == {}
    assert town.register.now.find(SOFTWARE).state == "live"


def test_what_is_urgent_waits_for_nobody() -> None:
    """No profile can ask for two people where a key is compromised, and a slip of the pen is refused."""
    for wrong in ("key.compromise", "software.revok"):
        with pytest.raises(ProfileError, match=wrong):
            msgspec.structs.replace(TERMS, two_people=frozenset((wrong,)))
    with pytest.raises(ProfileError, match="planet"):
        msgspec.structs.replace(TERMS, certified=frozenset(("planet",)))


def test_nobody_gets_round_the_second_person_by_another_name() -> None:
    """Whoever may not end an organisation alone may not let it lapse alone, nor have it leave on a day that has passed."""
    terms = terms_of(load_profile("fapi2-message-signing"))
    town = make_town(terms)
    for action in ("lapse", "revoke", "withdraw"):
        (proposed,) = town.do(move("organisation:moneyview", action))
        assert isinstance(proposed, Proposed)
    with pytest.raises(Reject, match=r"register\.notice-past"):
        town.do(msgspec.structs.replace(move("organisation:moneyview", "give-notice"), due_at=town.now - 1))


def test_the_terms_come_from_the_profile() -> None:
    """Times of one that names them all, and of one that polls."""
    assert terms_of(load_profile("fapi2-security")) == TERMS
    assert terms_of(load_profile("fapi2-message-signing")).two_people == {
        *(
            f"{kind}.{action}"
            for kind in ("brand", "organisation")
            for action in ("lapse", "revoke", "withdraw")
        ),
        "organisation.give-notice",
    }
    assert all(isinstance(terms_of(load_profile(name)), Terms) for name in profile_names())
    register = terms_of(load_profile("au-cdr"))
    assert (register.refuse_by_push, register.refuse_by_poll, register.clean_up) == (300, 300, 86_400)


def test_a_clock_that_goes_back_stands_still() -> None:
    """Events never go back in time, so that every time has one answer."""
    town = make_town()
    last = town.register.now.at
    town.now = START - YEAR
    (event,) = town.do(move("software:moneyview", "suspend"))
    assert event.at == last
