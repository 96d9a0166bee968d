"""The mechanisms that a profile can switch on: one vocabulary for profiles, prover and coverage.

Graded kinds (`KINDS`) have exactly one value at a time and are written ``kind=value``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "KINDS",
    "Cost",
    "Mechanism",
    "MechanismsInForce",
    "check_closing",
    "check_mechanisms",
    "load_mechanisms",
]

# Weakest first.
KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "auth": ("none", "secret", "pkjwt", "mtls"),
        "sc": ("none", "dpop", "mtls"),
        "aud": ("endpoint", "issuer"),
    }
)

Cost = Literal["configuration", "server", "client", "client-and-server", "hardware"]


class Mechanism(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measure that participants can take.

    Attributes:
        id: its name; ``kind=value`` for a graded one.
        title: what it is, for people.
        participant: who has to do it.
        cost: what switching it on takes, cheapest first as in `Cost`.
        requires: mechanisms without which it does nothing.
        conflicts: mechanisms with which it makes no sense.
        requirements: the clauses that ask for it.
        not_modelled: why the prover leaves it out.
    """

    id: str
    title: Annotated[str, Meta(min_length=5)]
    participant: str
    cost: Cost
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    not_modelled: Annotated[str, Meta(min_length=10)] | None = None


class MechanismsInForce(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a profile switches on.

    Attributes:
        on: ids of mechanisms, one value of each graded kind among them.
        choices: values of graded kinds that are allowed instead.
        why: where a mechanism comes from, when that is not plain from its clauses.
    """

    on: tuple[str, ...]
    choices: tuple[str, ...] = ()
    why: dict[str, str] = msgspec.field(default_factory=dict)


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    mechanism: tuple[Mechanism, ...]


@cache
def load_mechanisms() -> Mapping[str, Mechanism]:
    """Return every mechanism by its id.

    Raises:
        ProfileError: the packaged table is malformed.
    """
    source = files("trustweft.profile") / "mechanisms.toml"
    try:
        rows = msgspec.toml.decode(source.read_bytes(), type=_Document).mechanism
    except msgspec.DecodeError as cause:
        raise ProfileError(f"{source}: {cause}") from cause
    table = {row.id: row for row in rows}
    for row in rows:
        unknown = {*row.requires, *row.conflicts} - set(table)
        if unknown:
            raise ProfileError(f"{source}: {row.id} names unknown mechanisms: {', '.join(sorted(unknown))}")
    return MappingProxyType(table)


def check_mechanisms(in_force: MechanismsInForce) -> None:
    """Hold that a profile names mechanisms that exist, and exactly one value of each graded kind.

    Raises:
        ProfileError: it does not.
    """
    known = load_mechanisms()
    unknown = [name for name in (*in_force.on, *in_force.choices, *in_force.why) if name not in known]
    if unknown:
        raise ProfileError(f"unknown mechanisms: {', '.join(unknown)} - at `$.mechanisms`")
    for kind in KINDS:
        values = values_of(kind, in_force.on)
        if len(values) != 1:
            raise ProfileError(f"{kind} has {len(values)} values, and needs one - at `$.mechanisms.on`")
    plain = [name for name in in_force.choices if "=" not in name]
    if plain:
        raise ProfileError(
            f"only graded mechanisms can be choices, not {', '.join(plain)} - at `$.mechanisms.choices`"
        )


def check_closing(names: Iterable[str]) -> None:
    """Hold that what would close an accepted risk is a mechanism that exists.

    Raises:
        ProfileError: it is not.
    """
    unknown = [name for name in names if name not in load_mechanisms()]
    if unknown:
        raise ProfileError(f"unknown mechanisms: {', '.join(unknown)} - at `$.residual[...].closed_by`")


def values_of(kind: str, mechanisms: Iterable[str]) -> tuple[str, ...]:
    """Return the values of a graded kind among ``mechanisms``."""
    return tuple(name.partition("=")[2] for name in mechanisms if name.startswith(f"{kind}="))
