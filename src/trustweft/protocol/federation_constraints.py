"""Constraints of Subordinate Statements (OpenID Federation 1.0 section 6.2): path length, names, entity types.

Each statement's constraints hold for its subject and for everybody below, independently of those of other statements.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.federation_jwt import INVALID_TRUST_CHAIN
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FEDERATION_ENTITY", "Constraints", "check_constraints", "keep_allowed_types", "read_constraints"]

FEDERATION_ENTITY: Final = "federation_entity"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME: Final = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*")  # RFC 5280 section 4.2.1.10
_IP_ADDRESS: Final = re.compile(r"\[.*\]|[0-9.]+")

MALFORMED = reason(
    "federation.constraints",
    error=INVALID_TRUST_CHAIN,
    public="The constraints of a Subordinate Statement are malformed.",
)
PATH_LENGTH = reason(
    "federation.path-length",
    error=INVALID_TRUST_CHAIN,
    public="There are more intermediates in the Trust Chain than a superior allows.",
)
NAMING = reason(
    "federation.naming",
    error=INVALID_TRUST_CHAIN,
    public="An Entity Identifier in the Trust Chain lies outside the names that a superior allows.",
)


class Constraints(Struct, frozen=True, kw_only=True):
    """What a superior allows below it; what is None is not constrained.

    Attributes:
        max_path_length: intermediates between who sets it and the subject of the chain.
        permitted: hosts, or domains with a period before them, in one of which every entity must be.
        excluded: likewise, in none of which an entity may be; it goes before ``permitted``.
        allowed_entity_types: beside ``federation_entity``, which is always allowed.
    """

    max_path_length: int | None = None
    permitted: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    allowed_entity_types: tuple[str, ...] | None = None

    def document(self) -> dict[str, object]:
        """Return the value of the ``constraints`` claim."""
        naming: dict[str, object] = {}
        if self.permitted is not None:
            naming["permitted"] = list(self.permitted)
        if self.excluded:
            naming["excluded"] = list(self.excluded)
        members: dict[str, object] = {}
        if self.max_path_length is not None:
            members["max_path_length"] = self.max_path_length
        if naming:
            members["naming_constraints"] = naming
        if self.allowed_entity_types is not None:
            members["allowed_entity_types"] = list(self.allowed_entity_types)
        return members


def read_constraints(claim: object) -> Constraints:
    """Read a ``constraints`` claim; members that we do not know are ignored (section 6.2).

    Raises:
        Reject: ``federation.constraints``.
    """
    if not isinstance(claim, dict):
        raise MALFORMED.reject(f"{claim!r:.100}")
    length = claim.get("max_path_length")
    if "max_path_length" in claim and (type(length) is not int or length < 0):
        raise MALFORMED.reject(f"max_path_length={length!r:.40}")
    naming = claim.get("naming_constraints", {})
    if not isinstance(naming, dict):
        raise MALFORMED.reject("naming_constraints")
    allowed = _texts(claim["allowed_entity_types"]) if "allowed_entity_types" in claim else None
    if allowed is not None and FEDERATION_ENTITY in allowed:  # section 6.2.3: it must not stand there
        raise MALFORMED.reject("allowed_entity_types")
    return Constraints(
        max_path_length=length,
        permitted=_names(naming["permitted"]) if "permitted" in naming else None,
        excluded=_names(naming.get("excluded", [])),
        allowed_entity_types=allowed,
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise MALFORMED.reject(f"{value!r:.200}")
    return tuple(value)


def _names(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if not all(_NAME.fullmatch(name) for name in names):
        raise MALFORMED.reject(f"{names!r:.200}")
    return tuple(name.lower() for name in names)


def check_constraints(constraints: Constraints, *, intermediates: int, entities: Iterable[str]) -> None:
    """Check a chain below the statement that sets the constraints: its path length and its names.

    Args:
        constraints: of one Subordinate Statement.
        intermediates: how many entities stand between who issued the statement and the subject of the chain.
        entities: the statement's subject and all below it.

    Raises:
        Reject: ``federation.path-length``, ``federation.naming``.
    """
    if constraints.max_path_length is not None and intermediates > constraints.max_path_length:
        raise PATH_LENGTH.reject(f"{intermediates}, allowed {constraints.max_path_length}")
    if constraints.permitted is None and not constraints.excluded:
        return
    for entity in entities:
        url = parse_url(entity)
        # An address has no place in a tree of names (RFC 5280 section 4.2.1.10).
        if url is None or _IP_ADDRESS.fullmatch(url.host):
            raise NAMING.reject(entity[:200])
        permitted = constraints.permitted is None or _is_within(url.host, constraints.permitted)
        if not permitted or _is_within(url.host, constraints.excluded):
            raise NAMING.reject(entity[:200])


def _is_within(host: str, names: Iterable[str]) -> bool:
    return any(host.endswith(name) if name.startswith(".") else host == name for name in names)


def keep_allowed_types(
    constraints: Constraints, metadata: Mapping[str, Mapping[str, object]]
) -> dict[str, Mapping[str, object]]:
    """Return the metadata without the entity types that are not allowed (section 6.2.3)."""
    allowed = constraints.allowed_entity_types
    return {
        entity_type: parameters
        for entity_type, parameters in metadata.items()
        if allowed is None or entity_type == FEDERATION_ENTITY or entity_type in allowed
    }
