"""Who is touched with whom, what an order says, and that suspensions restore exactly what was."""

from __future__ import annotations

import pytest

from support.town import CERTIFICATE, KEY, QUESTION, make_town
from trustweft.directory.cascade import CASCADE
from trustweft.directory.commands import Add
from trustweft.directory.duties import DUTIES
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import LINKS, Software
from trustweft.directory.rights import decide_right
from trustweft.runtime.errors import Reject

TOUCHED = {
    ("organisation:moneyview", "revoke"): {
        "user:mia",
        "role:moneyview~reader",
        "role:moneyview~payer",
        "software:moneyview",
        f"key:{KEY}",
        f"certificate:{CERTIFICATE}",
        "api:moneyview~accounts",
        "api:moneyview~payments",
    },
    ("organisation:harbour-bank", "suspend"): {"brand:harbour-bank", "api:accounts"},
    ("software:moneyview", "withdraw"): {
        f"key:{KEY}",
        f"certificate:{CERTIFICATE}",
        "api:moneyview~accounts",
        "api:moneyview~payments",
    },
    ("brand:harbour-bank", "revoke"): {"api:accounts"},
    ("role:moneyview~payer", "revoke"): {"api:moneyview~payments"},
    (f"key:{KEY}", "compromise"): {f"certificate:{CERTIFICATE}"},
    (f"key:{KEY}", "retire"): {f"certificate:{CERTIFICATE}"},
    (f"certificate:{CERTIFICATE}", "revoke"): set(),
    ("api:moneyview~accounts", "lapse"): set(),
    ("user:mia", "suspend"): set(),
}


@pytest.mark.parametrize(("subject", "action"), TOUCHED)
def test_an_order_names_what_is_touched_and_nothing_more(subject: str, action: str) -> None:
    """A role that is lost takes its own authorisations, and the software's others stay."""
    town = make_town()
    town.move(subject, action)
    (order,) = [each for each in town.register.now.orders.values() if each.subject == subject]
    assert set(order.subjects) == TOUCHED[subject, action]
    assert order.action == action
    for each in order.subjects:
        assert town.register.now.effective(each).effect == order.effect


def test_what_is_stopped_already_is_not_touched_again() -> None:
    """The order names what changes; what ended before ended for its own cause."""
    town = make_town()
    town.move("software:moneyview", "revoke")
    town.move("organisation:moneyview", "suspend")
    order = list(town.register.now.orders.values())[-1]
    assert set(order.subjects) == {"user:mia", "role:moneyview~reader", "role:moneyview~payer"}
    assert town.register.now.effective("software:moneyview").cause == "revoked"


def test_an_order_has_the_deadlines_of_the_profile() -> None:
    """Nothing is cleaned up for a suspension; a compromise has a time of its own."""
    town = make_town()
    town.move("role:moneyview~payer", "suspend")
    town.move("role:moneyview~payer", "revoke")
    town.move(f"key:{KEY}", "compromise")
    assert [each.deadlines for each in town.register.now.orders.values()] == [
        {"refuse": 5, "refuse_by_poll": 60},
        {"refuse": 5, "refuse_by_poll": 60, "clean_up": 300},
        {"refuse": 5, "refuse_by_poll": 60, "clean_up": 300},
    ]


def test_a_suspension_that_is_taken_back_restores_exactly_what_was() -> None:
    """Also what was suspended by itself meanwhile stays so."""
    town = make_town()
    town.move("organisation:moneyview", "suspend")
    town.move("role:moneyview~payer", "suspend")
    town.move("organisation:moneyview", "resume")
    now = town.register.now
    assert decide_right(now, QUESTION, at=town.now).allowed
    assert now.effective("api:moneyview~payments").effect == "suspended"
    assert now.effective("api:moneyview~accounts").effect == "active"


def test_states_that_nobody_defined_together_are_the_worst_of_both() -> None:
    """An organisation that was revoked while its software is live has no live software."""
    town = make_town()
    town.move("software:moneyview", "suspend")
    town.move("organisation:moneyview", "revoke")
    town.move("software:moneyview", "resume")
    now = town.register.now
    assert now.find("software:moneyview").state == "live"
    assert (now.effective("software:moneyview").effect, now.effective("software:moneyview").cause) == (
        "ended",
        "revoked",
    )


def test_nothing_new_begins_under_what_ended() -> None:
    """Neither is it entered, nor does what was entered before become active."""
    town = make_town()
    town.enter("software:second", Software(organisation="moneyview", name="Second"), "certify")
    town.move("organisation:moneyview", "revoke")
    software = Add(
        subject=parse_subject("software:third"), facts=Software(organisation="moneyview", name="3")
    )
    with pytest.raises(Reject, match=r"register\.parent-stopped"):
        town.do(software)
    with pytest.raises(Reject, match=r"register\.parent-not-active"):
        town.move("software:second", "go-live")


def test_the_table_has_every_kind_that_depends_and_every_ordered_action() -> None:
    """By kind and action, over any number of steps; what nobody acts by is left out."""
    assert set(CASCADE["organisation", "revoke"]) == {
        "role",
        "brand",
        "software",
        "user",
        "key",
        "certificate",
        "authorisation",
        "api",
    }
    assert "user" in CASCADE["brand", "revoke"]  # its customers
    assert CASCADE["role", "revoke"] == ("authorisation",)
    assert CASCADE["key", "compromise"] == ("certificate",)
    assert CASCADE["user", "suspend"] == ()
    children = {link.child for link in LINKS}
    assert children == set(LIFECYCLES) - {"organisation"}


def test_the_duties_of_each_effect_are_those_of_the_status_matrix() -> None:
    """Suspended: nothing new, withdrawing works, nothing is deleted. Ended: everything is cleaned up."""
    assert {
        effect: (
            duty.disclose,
            duty.authorise,
            duty.withdraw,
            duty.invalidate_consents,
            duty.clean_up_registration,
        )
        for effect, duty in DUTIES.items()
    } == {
        "active": (True, True, True, False, False),
        "suspended": (False, False, True, False, False),
        "ended": (False, False, False, True, True),
    }
