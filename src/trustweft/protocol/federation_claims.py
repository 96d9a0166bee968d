"""The claims of Entity Statements, read one by one (OpenID Federation 1.0 sections 3.1 and 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.federation_jwt import (
    INVALID_TRUST_CHAIN,
    is_entity_identifier,
    read_entity_identifier,
    read_object,
)
from trustweft.protocol.federation_keys import read_federation_keys, refuse_private_keys
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet

__all__ = [
    "StatedTrustMark",
    "check_audience",
    "check_source_endpoint",
    "read_hints",
    "read_mark_issuers",
    "read_mark_owners",
    "read_metadata",
    "read_trust_marks",
]

_KEY_SET_MEMBERS: Final = ("jwks", "jwks_uri", "signed_jwks_uri")

HINTS = reason(
    "federation.hints",
    error=INVALID_TRUST_CHAIN,
    public="The authority_hints or trust_anchor_hints are not a list of distinct Entity Identifiers.",
)
METADATA = reason(
    "federation.metadata",
    error="invalid_metadata",
    public="The metadata of an entity is not of objects by entity type, or has a null or a secret in it.",
)
MARKS = reason(
    "federation.trust-marks",
    error=INVALID_TRUST_CHAIN,
    public="The trust_marks, trust_mark_issuers or trust_mark_owners of an entity are malformed.",
)
SOURCE_ENDPOINT = reason(
    "federation.source-endpoint",
    error=INVALID_TRUST_CHAIN,
    public="The source_endpoint of a Subordinate Statement is no https URL.",
)
AUDIENCE = reason(
    "federation.audience",
    error=INVALID_TRUST_CHAIN,
    public="The aud of a signed message of the federation is not who received it, or should not be there.",
)


class StatedTrustMark(Struct, frozen=True):
    """A trust mark as an entity shows it; nothing is verified yet, see ``federation_trust_mark``."""

    trust_mark_type: str
    trust_mark: str


def read_hints(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a claim of hints, none where it is absent.

    Raises:
        Reject: ``federation.hints``.
    """
    if name not in claims:
        return ()
    value = claims[name]
    if not isinstance(value, list) or not value or not all(map(is_entity_identifier, value)):
        raise HINTS.reject(f"{name}={value!r:.200}")
    if len(set(value)) != len(value):
        raise HINTS.reject(f"{name} names an entity twice")
    return tuple(value)


def read_metadata(claim: object) -> dict[str, dict[str, object]]:
    """Read a ``metadata`` claim (section 5): objects by entity type, no ``null`` in them, and no secret keys.

    Raises:
        Reject: ``federation.metadata``, ``federation.private-key``, ``federation.keys``.
    """
    if not isinstance(claim, dict):
        raise METADATA.reject(f"{claim!r:.100}")
    for entity_type, parameters in claim.items():
        if not isinstance(parameters, dict) or None in parameters.values():
            raise METADATA.reject(entity_type[:80])
        if entity_type == "federation_entity" and any(name in parameters for name in _KEY_SET_MEMBERS):
            raise METADATA.reject(
                "keys of a federation_entity stand in the statement itself"
            )  # section 5.2.1
        if "jwks" in parameters:
            members = read_object(parameters["jwks"]).get("keys")
            refuse_private_keys(members if isinstance(members, list) else [members])
    return claim


def check_source_endpoint(claims: Mapping[str, object]) -> None:
    """Look at where a statement says that it was fetched from.

    Raises:
        Reject: ``federation.source-endpoint``.
    """
    if "source_endpoint" not in claims:
        return
    value = claims["source_endpoint"]
    url = parse_url(value) if isinstance(value, str) else None
    if url is None or url.scheme != "https" or url.fragment is not None:
        raise SOURCE_ENDPOINT.reject(f"{value!r:.200}")


def check_audience(claims: Mapping[str, object], audience: str | None) -> None:
    """Look at ``aud``, which only messages of Explicit Registration have (sections 3.1.4 and 3.1.5).

    Raises:
        Reject: ``federation.audience``.
    """
    # Absent where nobody is meant; where somebody is, as a string or as the only one of an array (section 3.1.4).
    stated = claims.get("aud")
    if ("aud" in claims) != (audience is not None) or stated not in (audience, [audience]):
        raise AUDIENCE.reject(f"{stated!r:.200}")


def read_trust_marks(value: object) -> tuple[StatedTrustMark, ...]:
    """Return the trust marks that an entity shows (section 3.1.2); nothing of them is verified.

    Raises:
        Reject: ``federation.trust-marks``.
    """
    if not isinstance(value, list):
        raise MARKS.reject("trust_marks")
    return tuple(_trust_mark(item) for item in value)


def _trust_mark(item: object) -> StatedTrustMark:
    kind, mark = (
        (item.get("trust_mark_type"), item.get("trust_mark")) if isinstance(item, dict) else (None, None)
    )
    if not isinstance(kind, str) or not kind or not isinstance(mark, str):
        raise MARKS.reject(f"{item!r:.100}")
    return StatedTrustMark(kind, mark)


def read_mark_issuers(value: object) -> dict[str, tuple[str, ...]]:
    """Return by type of trust mark who may issue it (section 3.1.2).

    Raises:
        Reject: ``federation.trust-marks``.
    """
    if not isinstance(value, dict) or not all(
        isinstance(issuers, list) and all(map(is_entity_identifier, issuers)) for issuers in value.values()
    ):
        raise MARKS.reject("trust_mark_issuers")
    return {kind: tuple(issuers) for kind, issuers in value.items()}


def read_mark_owners(value: object) -> dict[str, tuple[str, KeySet]]:
    """Return by type of trust mark who owns it, and the keys that it delegates with (section 3.1.2).

    Raises:
        Reject: ``federation.*``.
    """
    if not isinstance(value, dict):
        raise MARKS.reject("trust_mark_owners")
    owners = {}
    for kind, owner in value.items():
        members = read_object(owner)
        owners[kind] = (read_entity_identifier(members, "sub"), read_federation_keys(members.get("jwks")))
    return owners
