"""What the registration of a client says of authorization details (RFC 9396 section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.rar import read_authorization_details
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.protocol.rar import AuthorizationDetail

__all__ = ["read_registered_details", "read_registered_types"]

_ERROR: Final = "invalid_client_metadata"  # RFC 7591 section 3.2.2
_MAXIMUM_TYPES: Final = 100

TYPES = reason(
    "client-metadata.authorization-details-types",
    error=_ERROR,
    public="The authorization_details_types must be a list of distinct identifiers.",
)
DETAILS = reason(
    "client-metadata.authorization-details",
    error=_ERROR,
    public="The authorization_details must be such, each of a type that authorization_details_types names.",
)


def read_registered_types(document: Mapping[str, object]) -> tuple[str, ...]:
    """Return the types that the client may ask for, none where it names none.

    Raises:
        Reject: ``client-metadata.authorization-details-types``.
    """
    types = document.get("authorization_details_types", [])
    if not isinstance(types, list) or len(types) > _MAXIMUM_TYPES:
        raise TYPES.reject()
    if not all(isinstance(each, str) and each for each in types) or len(set(types)) != len(types):
        raise TYPES.reject()
    return tuple(types)


def read_registered_details(document: Mapping[str, object]) -> tuple[AuthorizationDetail, ...]:
    """Return the widest details that the client may ask for: none where its types alone are the bound.

    Raises:
        Reject: ``client-metadata.authorization-details``.
    """
    if document.get("authorization_details", []) == []:
        return ()
    try:
        details = read_authorization_details(document["authorization_details"])
    except Reject as cause:
        raise DETAILS.reject(str(cause)) from cause
    if not {detail.type for detail in details} <= set(read_registered_types(document)):
        raise DETAILS.reject("a type that is not registered")
    return details
