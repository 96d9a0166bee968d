"""The sample bank's customers, by the names that they log in with.

The directory keeps no list of customers: one is entered, under the server's identifier for the person and nothing
else, once there is something to say of that person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.box_enrolment import BRAND
from trustweft.cli.settings import ResourceSettings
from trustweft.directory.enrolment import Enrolment
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import User
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from trustweft.cli.offboard.desk import Desk
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.snapshot import Snapshot

__all__ = ["customer_called", "enter_customer"]

_KIND: Final = "user:"


def customer_called(desk: Desk, text: str) -> Subject | None:
    """Return the customer whom somebody means by ``alice`` or ``user:alice``; None where it is nobody's name.

    Whatever the directory itself knows under a name comes first.

    Raises:
        SettingsError: the sample bank's settings cannot be read.
    """
    name = text.removeprefix(_KIND)
    if ":" in name or _is_known(desk.register.now, text):
        return None
    path = desk.data.path / "resource/resource.toml"
    if not path.exists():
        return None
    customers = read_settings(path, ResourceSettings, environment={}).value.customers
    found = [subject for subject, called in customers.items() if name in {called, subject}]
    return parse_subject(f"{_KIND}{found[0]}") if len(found) == 1 else None


def enter_customer(desk: Desk, subject: Subject, *, kind: str | None) -> bool:
    """Enter a customer whom the directory does not know yet; say whether that was so.

    Raises:
        click.ClickException: what is to be done cannot be done to anybody, so that nobody is entered for it.
        Reject: ``register.*``: it is refused; ``store.unavailable``.
    """
    if desk.register.now.get(subject) is not None:
        return False
    if kind is not None and LIFECYCLES["user"].arrow(source="active", action=kind) is None:
        raise click.ClickException(f"no {kind} of a user is possible")
    enrolment = Enrolment(desk.keeper, actor=desk.actor)
    customer = User(organisation=BRAND, part="customer")
    desk.run(enrolment.enter(subject, customer, reason="named by an order"))
    desk.run(enrolment.advance(subject, "activate", reason="a customer of the bank"))
    return True


def _is_known(snapshot: Snapshot, text: str) -> bool:
    if ":" in text:
        return snapshot.get(parse_subject(text)) is not None
    return any(str(record.subject.id) == text for record in snapshot.records())
