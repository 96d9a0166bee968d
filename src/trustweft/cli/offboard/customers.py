"""The sample bank's customers, by the names that they log in with.

The directory keeps no list of customers: one is entered, under the server's identifier for the person and nothing
else, once there is something to say of that person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.box_enrolment import BRAND
from trustweft.cli.offboard.subjects import called, is_known
from trustweft.cli.settings import ResourceSettings
from trustweft.directory.enrolment import Enrolment
from trustweft.directory.identifiers import customer_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import User
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from trustweft.cli.offboard.desk import Desk
    from trustweft.directory.identifiers import Subject

__all__ = ["customer_called", "enter_customer"]

_KIND: Final = "user:"


def customer_called(desk: Desk, text: str) -> Subject | None:
    """Return the customer whom somebody means by ``alice``; None where it is nobody's name.

    ``user:alice``, the server's identifier for the person, and the directory's name ``user:harbour-bank~...`` mean the
    same.

    Raises:
        click.ClickException: others whom the directory knows have that name too: nobody is stopped by mistake.
        Reject: ``register.malformed-subject``.
        SettingsError: the sample bank's settings cannot be read.
    """
    name = text.removeprefix(_KIND)
    # What is written out as the directory has it means that, whatever else is called so.
    if ":" in name or (name != text and is_known(desk.register.now, text)):
        return None
    named = {
        customer_subject(brand=BRAND, identifier=identifier): {login, identifier, f"{BRAND}~{identifier}"}
        for identifier, login in _customers(desk).items()
    }
    subjects = [subject for subject, names in named.items() if name in names]
    if not subjects:
        return None
    others = [
        str(each.subject)
        for each in called(desk.register.now, name)
        if each.subject not in subjects and (text == name or each.species == "user")
    ]
    if len(subjects) + len(others) > 1:
        meant = ", ".join((*(f"{each} (a customer)" for each in subjects), *others))
        raise click.ClickException(f"{text} may be any of these, say which: {meant}")
    return subjects[0]


def _customers(desk: Desk) -> dict[str, str]:
    path = desk.data.path / "resource/resource.toml"
    if not path.exists():
        return {}
    return read_settings(path, ResourceSettings, environment={}).value.customers


def enter_customer(desk: Desk, subject: Subject, *, kind: str | None) -> bool:
    """Enter a customer whom the directory does not know yet; say whether that was so.

    Raises:
        click.ClickException: what is to be done cannot be done to anybody, so that nobody is entered for it; or it is
            no customer whom the directory knows under that identifier.
        Reject: ``register.*``: it is refused; ``store.unavailable``.
    """
    record, customer = (
        desk.register.now.get(subject),
        User(organisation=BRAND, part="customer", brand=BRAND),
    )
    if record is not None and record.facts != customer:
        raise click.ClickException(f"{subject} is no customer of {BRAND} in the directory")
    if record is not None and record.standing.effect is not None:
        return False
    if kind is not None and LIFECYCLES["user"].arrow(source="active", action=kind) is None:
        raise click.ClickException(f"no {kind} of a user is possible")
    # Each step is left out where it was taken already: whoever was interrupted goes on.
    enrolment = Enrolment(desk.keeper, actor=desk.actor)
    desk.run(enrolment.enter(subject, customer, reason="named by an order"))
    desk.run(enrolment.advance(subject, "activate", reason="a customer of the bank"))
    return True
