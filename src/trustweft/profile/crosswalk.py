"""Which groups of requirements the well-known certificates touch: a table, read strictly.

Its point is the empty cells: whoever holds such a certificate has shown nothing about most of the protocol.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Crosswalk", "Group", "Scheme", "load_crosswalk", "read_crosswalk"]

_FILE: Final = "crosswalk.toml"
_Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
# CC6.1 and P4.1 of SOC 2, 4.2.1.1 of PCI DSS, A.8.24 of ISO 27001.
_Control = Annotated[str, Meta(pattern=r"^(CC|C|A|P|A\.)?[0-9]+(\.[0-9]+)*$")]


class Scheme(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scheme that certificates are issued under.

    Attributes:
        source: its edition.
        compared: what the numbers of the controls were compared with, where the edition itself was not at hand.
    """

    id: _Identifier
    title: str
    source: str
    compared: Annotated[str, Meta(min_length=10)]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One group of requirements, the `mechanism` of their rows.

    Attributes:
        touched: the controls in the same area, by the id of their scheme; a scheme that is absent has none.
        sentence: what they ask for, and what not.
    """

    id: _Identifier
    touched: dict[_Identifier, Annotated[tuple[_Control, ...], Meta(min_length=1)]]
    sentence: Annotated[str, Meta(pattern=r"^[A-Z].{20,}\.$", max_length=200)]


class Crosswalk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table: every scheme, every group."""

    scheme: tuple[Scheme, ...]
    group: tuple[Group, ...]

    def select(self, identifiers: Iterable[str]) -> tuple[Group, ...]:
        """Return the groups with these ids, in the order of the table; those that it does not have are left out."""
        wanted = set(identifiers)
        return tuple(group for group in self.group if group.id in wanted)

    def missing(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        """Return those ids that the table has no row for: nobody has compared them yet."""
        return tuple(sorted(set(identifiers) - {group.id for group in self.group}))


@cache
def load_crosswalk() -> Crosswalk:
    """Return the packaged table.

    Raises:
        ProfileError: it is malformed.
    """
    return read_crosswalk((files("trustweft.profile") / _FILE).read_bytes())


def read_crosswalk(text: bytes) -> Crosswalk:
    """Read a table.

    Raises:
        ProfileError: it is malformed, a group occurs twice, or a scheme is not declared.
    """
    try:
        crosswalk = msgspec.toml.decode(text, type=Crosswalk)
    except msgspec.DecodeError as cause:
        raise ProfileError(f"{_FILE}: {cause}") from cause
    schemes = {scheme.id for scheme in crosswalk.scheme}
    seen: set[str] = set()
    for group in crosswalk.group:
        if group.id in seen:
            raise ProfileError(f"{_FILE}: {group.id} occurs twice")
        if strangers := set(group.touched) - schemes:
            raise ProfileError(
                f"{_FILE}: {group.id} names {', '.join(sorted(strangers))}, which is no scheme"
            )
        seen.add(group.id)
    return crosswalk
