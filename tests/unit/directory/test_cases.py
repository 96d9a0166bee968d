"""A case says what was done, what was seen, and who is late: never for what is not due yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from support.directory import DIRECTORY, NOW
from trustweft.directory.cases import Case, Expected, ReceiptSeen, make_case
from trustweft.directory.events import Actor
from trustweft.directory.orders import Order
from trustweft.protocol.offboarding import Receipt
from trustweft.protocol.offboarding_probe import Probe, ProbedParticipant

if TYPE_CHECKING:
    from trustweft.protocol.offboarding_probe import Credential

SERVER, BANK = "https://login.bank.example", "https://api.bank.example"
ORDER = Order(
    id="order-9",
    subject="software:moneyview",
    action="revoke",
    reason="in a test",
    ordered_at=NOW,
    effective_at=NOW,
    ordered_by=Actor(id="ada", part="operator"),
    effect="ended",
    cause="revoked",
    sequence=9,
    deadlines={"refuse": 5, "refuse_by_poll": 60, "clean_up": 300},
)
EXPECTED = (
    Expected(id=SERVER, kind="server", subject="brand:bank", told=True),
    Expected(id=BANK, kind="resource", subject="api:bank-accounts", told=True),
)


def receipt(
    participant: str, *, refused: float = 0.2, cleaned: float | None = 0.5, received: float = 1.0
) -> ReceiptSeen:
    """Return a receipt; times in seconds after the order."""
    return ReceiptSeen(
        receipt=Receipt(
            iss=participant,
            aud=DIRECTORY,
            order=ORDER.id,
            iat=NOW,
            refused_at=NOW + refused,
            cleaned_at=None if cleaned is None else NOW + cleaned,
            counts={"grants": 2},
            revision=4,
        ),
        received_at=NOW + received,
    )


def probed(participant: str, refused: dict[Credential, float | None]) -> ProbedParticipant:
    """Return what was seen at a participant."""
    return ProbedParticipant(
        id=participant,
        kind="server" if participant == SERVER else "resource",
        before_ok=dict.fromkeys(refused, True),
        refused=refused,
    )


def probe(*participants: ProbedParticipant, lasted: float = 3.0, control_ok: bool | None = True) -> Probe:
    """Return a probe that lasted so long."""
    return Probe(
        iss=f"{DIRECTORY}/prober",
        aud=DIRECTORY,
        order=ORDER.id,
        iat=NOW,
        participants=participants,
        control_ok=control_ok,
        finished_at=NOW + lasted,
    )


GOOD = probe(
    probed(SERVER, {"code": 0.3, "client_key": 0.1, "refresh_token": 0.2}),
    probed(BANK, {"access_token": 0.4}),
)


def case(
    *,
    order: Order = ORDER,
    receipts: tuple[ReceiptSeen, ...] = (receipt(SERVER), receipt(BANK)),
    probes: tuple[Probe, ...] = (GOOD,),
    expected: tuple[Expected, ...] = EXPECTED,
    after: float = 10,
) -> Case:
    """Return the case as it stands some seconds after the order."""
    return make_case(order, expected=expected, receipts=receipts, probes=probes, now=NOW + after)


def said(found: Case, participant: str, what: str) -> tuple[str, float | None]:
    """Return how a participant stands with something."""
    (known,) = (each for each in found.participants if each.id == participant)
    (finding,) = (each for each in known.findings if each.what == what)
    return finding.state, finding.took


def test_a_case_that_went_well_has_no_laggards_and_says_how_fast_it_was() -> None:
    """Percentiles are over every credential at every participant; receipts are shown with their counts and times."""
    found = case()
    assert (found.p50, found.p95, found.max) == (0.2, 0.4, 0.4)
    assert (found.laggards, found.control_ok, found.probes) == ((), True, 1)
    document = found.as_document()
    assert document["subject"] == "software:moneyview"
    assert document["reason"] == "in a test"
    assert found.participants[0].receipt == {
        "received_at": NOW + 1,
        "refused_at": NOW + 0.2,
        "refused_after": 0.2,
        "cleaned_at": NOW + 0.5,
        "cleaned_after": 0.5,
        "counts": {"grants": 2},
        "revision": 4,
        "repeated": False,
    }
    assert {each.state for one in found.participants for each in one.findings} == {"kept"}


@pytest.mark.parametrize(("after", "state"), [(10, "not due yet"), (300, "not due yet"), (301, "late")])
def test_a_receipt_is_late_only_once_it_is_due(after: float, state: str) -> None:
    """Until everything has to be cleaned up, a participant that was seen to refuse owes nothing."""
    found = case(receipts=(receipt(SERVER),), after=after)
    assert said(found, BANK, "send a receipt") == (state, None)
    assert found.laggards == ((BANK,) if state == "late" else ())


@pytest.mark.parametrize(("after", "state"), [(4.9, "not due yet"), (5.1, "late")])
def test_whoever_nothing_is_heard_of_is_late_when_it_had_to_refuse(after: float, state: str) -> None:
    """Neither a receipt nor a refusal that somebody saw: what nothing shows is not taken for granted."""
    found = case(receipts=(receipt(SERVER),), probes=(), after=after)
    assert said(found, BANK, "refuse") == (state, None)
    assert found.laggards == ((BANK,) if state == "late" else ())
    assert (found.p50, found.control_ok) == (None, None)


@pytest.mark.parametrize(("lasted", "state"), [(3.0, "not due yet"), (8.0, "late")])
def test_what_was_never_refused_is_late_only_if_it_was_tried_until_it_was_due(
    lasted: float, state: str
) -> None:
    """A probe that ended too early shows nothing of what came later; the figures say never, not a small number."""
    seen = probe(
        probed(SERVER, {"code": 0.3, "client_key": 0.2}), probed(BANK, {"access_token": None}), lasted=lasted
    )
    found = case(probes=(seen,))
    assert said(found, BANK, "refuse access_token") == (state, None)
    assert found.laggards == ((BANK,) if state == "late" else ())
    assert (found.p50, found.p95, found.max) == (0.3, None, None)


def test_what_was_refused_too_late_or_not_for_good_is_late() -> None:
    """A refusal after five seconds is late, and one that does not last is none."""
    slow = probed(SERVER, {"code": 5.2})
    back = structs.replace(probed(BANK, {"access_token": 0.2}), came_back=("access_token",))
    found = case(probes=(probe(slow, back, lasted=8),))
    assert said(found, SERVER, "refuse code") == ("late", 5.2)
    assert said(found, BANK, "refuse access_token") == ("late", 0.2)
    assert found.laggards == (SERVER, BANK)


def test_of_several_probes_the_worse_answer_counts() -> None:
    """Whoever saw more going on is believed, also about the control."""
    other = probe(probed(SERVER, {"code": 0.9}), probed(BANK, {"access_token": None}), control_ok=False)
    found = case(probes=(GOOD, other), after=4)
    assert found.participants[0].refused["code"] == 0.9
    assert found.participants[1].refused["access_token"] is None
    assert found.control_ok is False


def test_a_participant_that_is_server_and_api_is_seen_as_both() -> None:
    """Under one name; what its API never refused is not lost for what its server did."""
    one = probe(
        probed(SERVER, {"client_key": 0.2}),
        ProbedParticipant(
            id=SERVER, kind="resource", before_ok={"access_token": True}, refused={"access_token": None}
        ),
        lasted=400,
    )
    found = case(probes=(one,), expected=EXPECTED[:1], receipts=(receipt(SERVER),), after=400)
    assert found.max is None
    assert found.laggards == (SERVER,)


def test_cleaning_up_too_late_is_late_and_cleaning_nothing_is_said() -> None:
    """A receipt that came in time may still tell of something that took too long, or did not happen."""
    found = case(
        receipts=(receipt(SERVER, cleaned=310, received=320), receipt(BANK, cleaned=None)), after=400
    )
    assert said(found, SERVER, "clean up") == ("late", 310)
    assert said(found, SERVER, "send a receipt") == ("late", 320)
    assert said(found, BANK, "clean up") == ("late", None)
    assert found.laggards == (SERVER, BANK)


def test_a_wrong_clock_hides_nobody() -> None:
    """What is dated before the order, in a receipt that comes late, was done when the receipt came, and no earlier."""
    wrong = receipt(BANK, refused=-100.0, cleaned=-99.0, received=200)
    found = case(receipts=(receipt(SERVER), wrong), after=400)
    assert said(found, BANK, "refuse by its own word") == ("late", 200.0)
    assert found.laggards == (BANK,)


@pytest.mark.parametrize("skew", [300.0, -300.0])
def test_a_wrong_clock_makes_nobody_late(skew: float) -> None:
    """What a participant says it had done when its receipt came, it had done by then."""
    wrong = receipt(BANK, refused=skew + 0.2, cleaned=skew + 0.5)
    found = case(receipts=(receipt(SERVER), wrong))
    assert said(found, BANK, "refuse by its own word") == ("kept", 1.0)
    assert found.laggards == ()
    (finding,) = (each for each in found.participants[1].findings if each.what == "refuse by its own word")
    assert finding.text == "when its receipt came, as its clock is wrong"


def test_who_only_reads_the_feed_owes_no_receipt_and_has_longer() -> None:
    """It is held to the time for whoever asks."""
    reader = structs.replace(EXPECTED[1], told=False)
    seen = probe(probed(SERVER, {"code": 0.3}), probed(BANK, {"access_token": 42.0}), lasted=50)
    found = case(expected=(EXPECTED[0], reader), receipts=(receipt(SERVER),), probes=(seen,), after=400)
    assert [each.what for each in found.participants[1].findings] == ["refuse access_token"]
    assert found.laggards == ()
    silent = case(expected=(reader,), receipts=(), probes=(), after=400)
    assert said(silent, BANK, "refuse") == ("unknown", None)


def test_a_suspension_ends_nothing_and_a_resumption_refuses_nobody() -> None:
    """Neither asks anybody to clean up; the receipt is due when those who ask have heard of it too."""
    suspended = structs.replace(
        ORDER, action="suspend", effect="suspended", deadlines={"refuse": 5, "refuse_by_poll": 60}
    )
    found = case(order=suspended, receipts=(receipt(SERVER, cleaned=None),), after=61)
    assert [each.what for each in found.participants[0].findings][-1] == "send a receipt"
    assert said(found, BANK, "send a receipt") == ("late", None)
    resumed = structs.replace(suspended, action="resume", effect="active", cause=None)
    found = case(order=resumed, receipts=(), probes=(), after=59)
    assert {each.what: each.state for each in found.participants[0].findings} == {
        "send a receipt": "not due yet"
    }


def test_whoever_answers_without_being_expected_is_shown_too() -> None:
    """What a stranger says or does is no less evidence."""
    found = case(expected=(EXPECTED[0],))
    assert [each.id for each in found.participants] == [SERVER, BANK]
