"""The way in: which step comes next, who may take it, what it lacks, and that taking it twice does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from support.town import KEY, MINE, OPERATOR, SECOND, START, TERMS, YEAR, Town, make_town
from trustweft.directory.commands import Approve
from trustweft.directory.enrolment import Enrolment
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Brand, Certificate, Certification, Key, Organisation, Role, Software
from trustweft.directory.onboarding import next_step, steps_of
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject
from trustweft.store.register import MemoryRegisterStore

if TYPE_CHECKING:
    from trustweft.directory.events import Actor
    from trustweft.directory.terms import Terms

ACME = parse_subject("organisation:acme")
APP = parse_subject("software:acme-pay")
CERTIFIED = Certification(
    covers=str(APP), method="check", run="run", tested_at=START, valid_until=START + YEAR, digest="d"
)


def states(town: Town, subject: str) -> dict[str, str]:
    """Return the state of each step."""
    return {each.id: each.state for each in steps_of(town.register.now, subject, town.terms, at=town.now)}


def applied(terms: Terms = TERMS) -> Town:
    """Return an ecosystem with one organisation that has just applied."""
    town = Town(terms)
    town.enter(str(ACME), Organisation(name="Acme"))
    return town


def with_software(*, terms: Terms = TERMS) -> Town:
    """Return one whose organisation was admitted, and entered a software."""
    town = applied(terms)
    for action in ("verify", "sign-terms", "activate"):
        town.move(str(ACME), action)
    town.enter("role:acme~reader", Role(organisation="acme", role="reader", apis=("accounts",)), "grant")
    town.enter(str(APP), Software(organisation="acme", name="Acme Pay"))
    return town


def test_whoever_applied_is_verified_next() -> None:
    """What comes later is blocked, but for what may be requested any time."""
    assert states(applied(), str(ACME)) == {
        "apply": "done",
        "verify": "open",
        "sign": "blocked",
        "admit": "blocked",
        "role": "open",
        "brand-or-software": "open",
    }


def test_a_step_says_who_may_take_it_and_which_command_it_leads_to() -> None:
    """Terms are signed by the organisation's own administrator too; verified it is by the operator alone."""
    verify, sign = steps_of(applied().register.now, ACME, TERMS)[1:3]
    assert (verify.who, sign.who) == (("operator",), ())
    assert [(each.action, each.subject) for each in verify.actions] == [("verify", "organisation:acme")]
    town = applied()
    town.move(str(ACME), "verify")
    assert steps_of(town.register.now, ACME, TERMS)[2].who == ("operator", "administrator")


def test_a_role_is_granted_to_those_who_were_admitted() -> None:
    """Before, the request waits, and says for what."""
    town = applied()
    town.enter("role:acme~reader", Role(organisation="acme", role="reader"))
    assert states(town, str(ACME))["role"] == "blocked"
    for action in ("verify", "sign-terms", "activate"):
        town.move(str(ACME), action)
    assert states(town, str(ACME))["role"] == "open"


def test_software_needs_a_key_and_a_proof_before_it_goes_live() -> None:
    """And says which of the two is missing, in the words of the check that would refuse it."""
    town = with_software()
    assert {name: states(town, str(APP))[name] for name in ("key", "prove", "live")} == {
        "key": "open",
        "prove": "open",
        "live": "blocked",
    }
    town.enter("certification:run", CERTIFIED, "accept")
    live = next(each for each in steps_of(town.register.now, APP, TERMS) if each.id == "live")
    assert (live.state, live.needed) == ("blocked", "The subject has no key that is active.")
    town.enter(f"key:{KEY}", Key(owner=str(APP)))
    key = next(each for each in steps_of(town.register.now, APP, TERMS) if each.id == "key")
    assert (key.state, key.actions[0].action) == ("open", "activate")
    town.move(f"key:{KEY}", "activate")
    assert states(town, str(APP))["live"] == "open"


def test_a_certification_that_has_run_out_proves_nothing_any_more() -> None:
    """By the time that is asked about, whatever the last event's was."""
    town = with_software()
    town.enter("certification:run", CERTIFIED, "accept")
    assert states(town, str(APP))["prove"] == "done"
    town.now = START + YEAR + 1
    assert states(town, str(APP))["prove"] == "open"


def test_where_no_certification_is_asked_for_there_is_no_such_step() -> None:
    """And it goes live from where it was entered, without having been called certified."""
    town = with_software(terms=msgspec.structs.replace(TERMS, certified=frozenset()))
    assert "prove" not in states(town, str(APP))
    town.enter(f"key:{KEY}", Key(owner=str(APP)), "activate")
    town.move(str(APP), "go-live")
    assert (town.register.now.find(APP).state, states(town, str(APP))["live"]) == ("live", "done")


def test_without_its_certification_nobody_goes_live_from_any_state() -> None:
    """Also from the state that everything begins in."""
    town = with_software()
    town.enter(f"key:{KEY}", Key(owner=str(APP)), "activate")
    town.enter("brand:acme", Brand(organisation="acme", name="A", issuer="https://a.example"))
    for subject, action in ((str(APP), "go-live"), ("brand:acme", "list")):
        with pytest.raises(Reject, match=r"register\.not-certified"):
            town.move(subject, action)


def test_what_two_people_decide_waits_for_the_second() -> None:
    """The step names the proposal, and who cannot be the second person."""
    town = applied(msgspec.structs.replace(TERMS, two_people=frozenset(("organisation.activate",))))
    town.move(str(ACME), "verify")
    town.move(str(ACME), "sign-terms")
    town.move(str(ACME), "activate")
    step = next_step(steps_of(town.register.now, ACME, town.terms))
    assert step is not None
    assert (step.id, step.state, step.needed) == ("admit", "waiting", "a second person, other than olga")
    assert step.proposal is not None
    with pytest.raises(Reject, match=r"register\.own-proposal"):
        town.do(Approve(proposal=step.proposal), OPERATOR)
    town.do(Approve(proposal=step.proposal), SECOND)
    assert states(town, str(ACME))["admit"] == "done"


def test_whoever_was_not_admitted_has_no_next_step_before_applying_anew() -> None:
    """The steps that were not taken are blocked, and say why."""
    town = applied()
    town.move(str(ACME), "reject")
    verify = steps_of(town.register.now, ACME, TERMS)[1]
    assert (verify.state, verify.needed) == (
        "blocked",
        "It was not admitted. Whoever tries again is entered anew.",
    )


def test_whoever_has_ended_brings_nothing_more() -> None:
    """What was done stays done."""
    town = with_software()
    town.move(str(ACME), "revoke")
    assert {name: state for name, state in states(town, str(APP)).items() if state != "done"} == {
        "key": "blocked",
        "prove": "blocked",
        "live": "blocked",
        "authorise": "blocked",
    }
    assert next_step(steps_of(town.register.now, APP, TERMS)) is None


def test_a_town_is_on_board() -> None:
    """Organisation, brand and software of a living ecosystem have every step behind them."""
    town = make_town()
    assert set(states(town, "software:moneyview").values()) == {"done"}
    # A brand's keys are its own matter: it is listed without one that the directory knows.
    assert {name for name, state in states(town, "brand:harbour-bank").items() if state != "done"} == {"key"}
    assert next_step(steps_of(town.register.now, "organisation:moneyview", town.terms)) is None


def test_only_participants_are_led_in() -> None:
    """A role or a key belongs to one of them; somebody unknown is told so."""
    town = make_town()
    with pytest.raises(Reject, match=r"onboarding\.not-a-participant"):
        steps_of(town.register.now, "role:moneyview~reader", TERMS)
    with pytest.raises(Reject, match=r"register\.unknown-subject"):
        steps_of(town.register.now, "software:nobody", TERMS)


# Taking the steps.


def enrolment(
    store: MemoryRegisterStore, *, actor: Actor = OPERATOR, terms: Terms = TERMS
) -> tuple[Enrolment, Keeper]:
    """Return a person's hand, with the keeper behind it."""
    keeper = Keeper(store, clock=ManualClock(START), terms=lambda: terms)
    return Enrolment(keeper, actor=actor), keeper


async def lead_in(hand: Enrolment) -> int:
    """Take every step of an organisation with a software; return how many events it took."""
    done = await hand.enter(ACME, Organisation(name="Acme"))
    done += await hand.advance(ACME, "verify", evidence="entry")
    done += await hand.sign_terms(ACME, terms="1")
    done += await hand.advance(ACME, "activate")
    done += await hand.role(Role(organisation="acme", role="reader", apis=("accounts",)))
    done += await hand.enter(APP, Software(organisation="acme", name="Acme Pay"))
    done += await hand.key(KEY, Key(owner=str(APP)), proof="shown")
    done += await hand.certificate("C" * 43, Certificate(owner=str(APP), key=KEY), evidence="issued")
    done += await hand.certify("run", CERTIFIED)
    done += await hand.advance(APP, "go-live")
    return len(done)


@pytest.mark.anyio
async def test_steps_that_were_taken_are_not_taken_again() -> None:
    """Whoever was interrupted starts again, and nothing is entered twice."""
    store = MemoryRegisterStore()
    hand, keeper = enrolment(store)
    assert await lead_in(hand) == 16
    assert {each.state for each in steps_of((await keeper.read()).now, APP, TERMS)[:-1]} == {"done"}
    before = (await keeper.read()).now.sequence
    assert await hand.enter(ACME, Organisation(name="Acme", terms="1")) == ()
    assert await hand.advance(ACME, "activate") == ()
    assert await hand.role(Role(organisation="acme", role="reader")) == ()
    assert await hand.key(KEY, Key(owner=str(APP)), proof="shown") == ()
    assert await hand.certify("run", CERTIFIED) == ()
    assert await hand.advance(APP, "go-live") == ()
    assert (await keeper.read()).now.sequence == before


@pytest.mark.anyio
async def test_another_thing_of_the_same_name_is_refused() -> None:
    """Nobody takes over what somebody else entered: neither an organisation nor a key."""
    hand, _ = enrolment(MemoryRegisterStore())
    await lead_in(hand)
    with pytest.raises(Reject, match=r"register\.exists"):
        await hand.enter(ACME, Organisation(name="Another"))
    await hand.enter(parse_subject("software:thief"), Software(organisation="acme", name="Thief"))
    with pytest.raises(Reject, match=r"register\.exists"):
        await hand.key(KEY, Key(owner="software:thief"), proof="shown")


@pytest.mark.anyio
async def test_a_key_without_proof_waits() -> None:
    """It is announced, and proves nothing."""
    hand, keeper = enrolment(MemoryRegisterStore())
    await hand.enter(ACME, Organisation(name="Acme"))
    await hand.key(KEY, Key(owner=str(ACME)))
    assert (await keeper.read()).now.find(f"key:{KEY}").state == "announced"


@pytest.mark.anyio
async def test_a_proposal_is_made_once() -> None:
    """Whoever tries again changes nothing: the second person is waited for."""
    terms = msgspec.structs.replace(TERMS, two_people=frozenset(("organisation.activate",)))
    hand, keeper = enrolment(MemoryRegisterStore(), terms=terms)
    await hand.enter(ACME, Organisation(name="Acme"))
    await hand.advance(ACME, "verify")
    await hand.sign_terms(ACME, terms="1")
    assert len(await hand.advance(ACME, "activate")) == 1
    assert await hand.advance(ACME, "activate") == ()
    assert list((await keeper.read()).now.proposals) != []


@pytest.mark.anyio
async def test_an_administrator_requests_and_an_operator_grants() -> None:
    """The administrator's own hand stops where the arrow is not theirs, and is not refused for what it may do."""
    store = MemoryRegisterStore()
    town = make_town()
    await store.append(town.register.events, expected=0)
    hand, keeper = enrolment(store, actor=MINE)
    await hand.role(Role(organisation="moneyview", role="signer"))
    assert (await keeper.read()).now.find("role:moneyview~signer").state == "requested"
    await hand.certificate("D" * 43, Certificate(owner="software:moneyview"), evidence="brought")
    assert (await keeper.read()).now.find(f"certificate:{'D' * 43}").state == "requested"
    await hand.certify(
        "again", msgspec.structs.replace(CERTIFIED, covers="software:moneyview", digest="other")
    )
    assert (await keeper.read()).now.find("certification:again").state == "attached"
    operator, _ = enrolment(store)
    await operator.role(Role(organisation="moneyview", role="signer"))
    assert (await keeper.read()).now.find("role:moneyview~signer").state == "active"
