"""Authorization Server Issuer Identification (RFC 9207), and the form of issuer identifiers (RFC 8414 section 2)."""

from __future__ import annotations

from typing import NewType

from trustweft.protocol.url import parse_url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Shown, reason

__all__ = ["Issuer", "check_issuer_identifier", "check_response_issuer"]

Issuer = NewType("Issuer", str)

MALFORMED = reason(
    "issuer.malformed",
    error="invalid_request",
    public="An issuer identifier must be an https URL without query and fragment.",
)
MISSING = reason(
    "issuer.missing",
    error="invalid_request",
    public="The authorization response does not say which authorization server it comes from.",
    shown=Shown.PAGE,
)
MISMATCH = reason(
    "issuer.mismatch",
    error="invalid_request",
    public="The authorization response comes from another authorization server than the request went to.",
    shown=Shown.PAGE,
)


def check_issuer_identifier(value: str) -> Issuer:
    """Return ``value`` as an issuer identifier (RFC 8414 section 2).

    Raises:
        Reject: ``issuer.malformed``.
    """
    url = parse_url(value)
    if url is None or url.scheme != "https" or url.query is not None or url.fragment is not None:
        raise MALFORMED.reject(repr(value)[:200])
    return Issuer(value)


@enforces(
    "FAPI2-SP-5.3.3.2-5",
    "RFC9207-2.4-p1.2",
    "RFC9207-2.4-p1.3",
    "RFC9207-2.4-p1.4",
    "RFC9207-2.4-p3.2",
    "RFC9700-2.1-p4",
    "RFC9700-2.1-1",
    "RFC9700-4.4.2-p1",
    "RFC9700-4.4.2.1-p1.1",
    "RFC9700-4.4.2.1-p1.2",
    "RFC9700-4.4.2.1-p3",
)
def check_response_issuer(presented: str | None, *, expected: Issuer) -> Issuer:
    """Return the issuer of an authorization response, errors included, for clients (RFC 9207 section 2.4).

    (1) present: the profile has every server send it (2) equal, character by character (RFC 3986 section 6.2.1).

    Raises:
        Reject: ``issuer.missing`` or ``issuer.mismatch``: a mix-up; nothing of the response may be used.
    """
    if presented is None:  # (1)
        raise MISSING.reject()
    if presented != expected:  # (2)
        raise MISMATCH.reject(f"got {presented[:200]!r}, expected {expected!r}")
    return expected
