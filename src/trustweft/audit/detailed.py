"""Tokens with authorization details (RFC 9396), which a user granted to a client that the target file names them for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from trustweft.audit.api import named_operation
from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.forging import read_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.parties import Party
    from trustweft.audit.target import DetailsEntry, OperationEntry

__all__ = [
    "PARAMETER",
    "detailed_access",
    "detailed_flow",
    "detailed_operation",
    "detailed_party",
    "details_of",
    "fresh_detailed_access",
    "read_details",
    "types_of",
]

PARAMETER = "authorization_details"


def detailed_party(deployment: Deployment) -> tuple[Party, DetailsEntry]:
    """Return the first client with authorization details, and what the target file says of them.

    Raises:
        NotApplicable: no client of the target file has any.
    """
    for party in deployment.parties:
        if party.entry.details is not None:
            return party, party.entry.details
    raise NotApplicable("no client of the target file has authorization details")


def detailed_flow(deployment: Deployment, details: str | None = None, *, party: Party | None = None) -> Flow:
    """Begin an authorization that asks for details; the good ones of the target file unless others are given.

    Raises:
        NotApplicable: no client of the target file has any.
    """
    owner, entry = detailed_party(deployment)
    changes: Mapping[str, str | None] = {PARAMETER: details or entry.good, "scope": entry.scope or None}
    return deployment.flow(party or owner, changes=changes)


def fresh_detailed_access(deployment: Deployment) -> Access:
    """Obtain a token for the good details that no other check uses.

    Raises:
        Inconclusive: none came.
        NotApplicable: no client of the target file has any.
    """
    flow = detailed_flow(deployment)
    return deployment.redeem(flow, deployment.code(flow))


def detailed_access(deployment: Deployment) -> Access:
    """Return a token for the good details that checks share; see ``fresh_detailed_access``."""
    return deployment.once.find("detailed access", lambda: fresh_detailed_access(deployment))


def detailed_operation(deployment: Deployment, entry: OperationEntry | None) -> Operation:
    """Return a request to the first API that the target file holds against the details.

    Raises:
        NotApplicable: it names none.
    """
    if entry is None or not deployment.target.apis:
        raise NotApplicable(
            "the target file names no requests that the authorization details cover or do not"
        )
    return named_operation(deployment.target.apis[0], entry)


def details_of(answer: Exchange) -> list[dict[str, Any]]:
    """Return the details of a new token, as the answer of the token endpoint or else the token tells them."""
    told = answer.document().get(PARAMETER) or read_parts(answer.text("access_token"))[1].get(PARAMETER)
    return _listed(told)


def read_details(text: str) -> list[dict[str, Any]]:
    """Return the details that the target file spells out.

    Raises:
        Inconclusive: they are no JSON.
    """
    try:
        return _listed(msgspec.json.decode(text))
    except msgspec.DecodeError as cause:
        raise Inconclusive(f"the authorization details of the target file are no JSON: {cause}") from cause


def types_of(value: object) -> set[str]:
    """Return the types that a member ``authorization_details`` names."""
    return {each["type"] for each in _listed(value) if isinstance(each.get("type"), str)}


def _listed(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
