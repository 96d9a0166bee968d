"""Who acts in the directory from the command line; on this machine a name is a claim."""

from __future__ import annotations

import os
import pwd
import re
from typing import TYPE_CHECKING, Final

import click

from trustweft.directory.events import Actor
from trustweft.directory.objects import User

if TYPE_CHECKING:
    from trustweft.directory.snapshot import Snapshot

__all__ = ["actor_of", "person_option"]

_PERSON: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

person_option = click.option(
    "--as",
    "person",
    metavar="PERSON",
    help="Who acts: an administrator that the directory knows, or an operator. [default: the account of this shell]",
)


def actor_of(snapshot: Snapshot, person: str | None) -> Actor:
    """Return who acts: somebody whom the directory knows as what it knows them as, anybody else as an operator."""
    name = _account() if person is None else person
    if not _PERSON.fullmatch(name):
        raise click.BadParameter(
            "a person is named by up to 64 letters, digits, dots, underscores and hyphens", param_hint="--as"
        )
    known = snapshot.get(f"user:{name}")
    if known is None or not isinstance(known.facts, User):
        return Actor(id=name, part="operator")
    if known.facts.part != "administrator":
        raise click.BadParameter(
            f"{name} is a customer of {known.facts.organisation}, and acts for nobody else", param_hint="--as"
        )
    return Actor(id=name, part="administrator", organisation=known.facts.organisation)


def _account() -> str:
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account-{number}"
