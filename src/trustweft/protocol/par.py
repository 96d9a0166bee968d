"""Pushed Authorization Requests (RFC 9126)."""

from __future__ import annotations

import re
from typing import Final, NewType
from urllib.parse import quote, urlencode

import msgspec

from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.runtime.strict_json import load_object

__all__ = [
    "CREATED",
    "PushedResponse",
    "RequestUri",
    "create_authorization_url",
    "create_pushed_response",
    "create_request_uri",
    "read_pushed_response",
    "read_request_uri",
    "refuse_nested_request_uri",
]

RequestUri = NewType("RequestUri", str)

CREATED: Final = 201  # section 2.2
MAXIMUM_RESPONSE: Final = 65_536
MAXIMUM_REQUEST_URI: Final = 512  # our choice: it travels in a browser's address
_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
_REQUEST_URI: Final = re.compile(
    _PREFIX + "([A-Za-z0-9_-]{22,128})"
)  # 22 characters carry 128 bits (section 7.1)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")

MISSING = reason(
    "par.request-uri-missing",
    error="invalid_request",
    public="Authorization requests must be pushed: the request_uri parameter is required.",
    shown=Shown.PAGE,
)
MALFORMED = reason(
    "par.request-uri-malformed",
    error="invalid_request_uri",
    public="The request_uri is not one that this server issued.",
    shown=Shown.PAGE,
)
NESTED = reason(
    "par.nested-request-uri",
    error="invalid_request",
    public="The request_uri parameter is not allowed in a pushed authorization request.",
)
BAD_RESPONSE = reason(
    "par.bad-response",
    error="server_error",
    public="The answer to the pushed authorization request is not as RFC 9126 requires.",
    status=502,
)


@enforces("RFC9126-2.2-p2.2", "RFC9101-5.2-p3.3")
def create_request_uri(token: str) -> RequestUri:
    """Return the request URI for an unguessable token (section 2.2)."""
    return RequestUri(_PREFIX + token)


@enforces("FAPI2-SP-5.3.2.2-3", "RFC9126-4-p4")
def read_request_uri(uri: str | None) -> str:
    """Return the token of a request URI of ours; only a store knows whether it was ever issued.

    Raises:
        Reject: ``par.request-uri-missing`` or ``par.request-uri-malformed``.
    """
    if uri is None:
        raise MISSING.reject()
    match = _REQUEST_URI.fullmatch(uri)
    if match is None:
        raise MALFORMED.reject(repr(uri)[:120])
    return match[1]


@enforces("RFC9126-2.1-2")
def refuse_nested_request_uri(uri: str | None) -> None:
    """Refuse a request URI inside a pushed request (section 2.1, item 2).

    Raises:
        Reject: ``par.nested-request-uri``.
    """
    if uri is not None:
        raise NESTED.reject(repr(uri)[:120])


def create_pushed_response(request_uri: RequestUri, *, expires_in: int) -> dict[str, object]:
    """Return the members of the answer, to be sent with status 201 (section 2.2)."""
    return {"request_uri": request_uri, "expires_in": expires_in}


class PushedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the server made of a pushed request, as the client reads it."""

    request_uri: RequestUri
    expires_in: int


@enforces("RFC9101-5.2-p2")
def read_pushed_response(raw: bytes, *, status: int) -> PushedResponse:
    """Read the answer to a pushed request, for clients (section 2.2).

    (1) status 201 (2) a JSON object (3) ``request_uri`` is a printable string (4) ``expires_in`` is a positive integer.

    Raises:
        Reject: ``par.bad-response``.
    """
    if status != CREATED:  # (1)
        raise BAD_RESPONSE.reject(f"status {status}")
    try:
        members = load_object(raw, limit=MAXIMUM_RESPONSE)  # (2)
    except Reject as cause:
        raise BAD_RESPONSE.reject(cause.reason.id) from cause
    request_uri, expires_in = members.get("request_uri"), members.get("expires_in")
    if (
        not isinstance(request_uri, str)
        or len(request_uri) > MAXIMUM_REQUEST_URI
        or not _VISIBLE.fullmatch(request_uri)
    ):  # (3)
        raise BAD_RESPONSE.reject("request_uri")
    if isinstance(expires_in, bool) or not isinstance(expires_in, int) or expires_in <= 0:  # (4)
        raise BAD_RESPONSE.reject("expires_in")
    return PushedResponse(request_uri=RequestUri(request_uri), expires_in=expires_in)


@enforces("FAPI2-SP-5.3.3.2-6", "RFC9101-5-2")
def create_authorization_url(endpoint: str, *, client_id: str, request_uri: RequestUri) -> str:
    """Return where a client sends the browser: the two parameters of section 4, and no third."""
    query = urlencode({"client_id": client_id, "request_uri": request_uri}, quote_via=quote, safe="")
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
