"""Presenting access tokens (RFC 6750, RFC 9449 section 7) and refusing them (with ``resource_metadata`` of RFC 9728).

The order of the checks, here and in the tests: (1) no token in the query (2) no token in the body (3) exactly one
Authorization header (4) scheme (5) form of the token; and once the token is verified: (6) the scheme fits the token
(7) its scope suffices (8) its authorization details suffice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from trustweft.crypto.jws import MAXIMUM_TOKEN
from trustweft.protocol.rar_order import is_narrower
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reason, reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trustweft.protocol.access_token import AccessToken
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.rar import AuthorizationDetail, DetailType

__all__ = [
    "Challenge",
    "PresentedToken",
    "Scheme",
    "check_details",
    "check_scheme",
    "check_scope",
    "create_authorization",
    "create_challenge",
    "read_challenges",
    "read_presented_token",
]

MAXIMUM_CHALLENGE: Final = 4_096
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_CREDENTIALS: Final = re.compile(r"([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)[ \t]*")
_QUOTABLE: Final = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_PARAMETER: Final = re.compile(
    r'[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&\'*+.^_`|~0-9A-Za-z-]+))[ \t]*'
)
_SCHEME: Final = re.compile(r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +|(?=,|$))")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")

IN_QUERY = reason(
    "bearer.in-query", error="invalid_request", public="An access token must not stand in the query."
)
IN_BODY = reason(
    "bearer.in-body", error="invalid_request", public="An access token must not stand in the body."
)
MISSING = reason("bearer.missing", error="invalid_token", public="An access token is required.", status=401)
REPEATED = reason(
    "bearer.repeated", error="invalid_request", public="The Authorization header occurs more than once."
)
UNKNOWN_SCHEME = reason(
    "bearer.scheme",
    error="invalid_token",
    public="The Authorization scheme is neither DPoP nor Bearer.",
    status=401,
)
MALFORMED = reason(
    "bearer.malformed", error="invalid_request", public="The Authorization header is malformed."
)
BOUND = reason(
    "bearer.bound",
    error="invalid_token",
    public="An access token that is bound to a DPoP key needs the DPoP scheme.",
    status=401,
)
NOT_BOUND = reason(
    "bearer.not-bound",
    error="invalid_token",
    public="The DPoP scheme needs an access token that is bound to a DPoP key.",
    status=401,
)
INSUFFICIENT_SCOPE = reason(
    "bearer.insufficient-scope",
    error="insufficient_scope",
    public="The access token does not cover this request.",
    status=403,
)
# RFC 9396 names no error for resource servers. RFC 6750 section 3.1 means insufficient_scope for a request that
# "requires higher privileges than provided by the access token", whichever way those are written.
INSUFFICIENT_DETAILS = reason(
    "bearer.insufficient-authorization-details",
    error="insufficient_scope",
    public="The authorization details of the access token do not cover this request.",
    status=403,
)
BAD_CHALLENGE = reason(
    "bearer.bad-challenge", error="invalid_request", public="The WWW-Authenticate header is malformed."
)


class Scheme(Enum):
    """How an access token is presented."""

    DPOP = "DPoP"
    BEARER = "Bearer"


_SCHEMES: Final = {scheme.value.lower(): scheme for scheme in Scheme}


class PresentedToken(Struct, frozen=True):
    """An access token as it was presented: nothing about it is verified."""

    scheme: Scheme
    token: str

    @enforces("RFC9700-4.9.3-3")
    def __repr__(self) -> str:
        return f"PresentedToken({self.scheme}, ***)"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header: the scheme in lower case, and its parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str]


def read_presented_token(request: HttpRequest) -> PresentedToken:
    """Return the access token of a request.

    Raises:
        Reject: ``bearer.*``.
    """
    _refuse_in_query(request.query)  # (1)
    _refuse_in_body(request)  # (2)
    return _read_header(request.header_values("authorization"))


@enforces("FAPI2-SP-5.3.4-2")
def _refuse_in_query(query: bytes) -> None:
    if query and _has_access_token(query):
        raise IN_QUERY.reject()


def _refuse_in_body(request: HttpRequest) -> None:
    # RFC 6750 section 2.2 would allow a form body; FAPI 2.0 section 5.3.4 item 1 names the header only.
    types = request.header_values("content-type") if request.body else []
    if any(_FORM_TYPE in value.lower() for value in types) and _has_access_token(request.body):
        raise IN_BODY.reject()


def _has_access_token(pairs: bytes) -> bool:
    if b"access" not in unquote_to_bytes(pairs):  # most have nothing of the kind: one cheap look
        return False
    names = (pair.partition(b"=")[0] for pair in pairs.split(b"&"))
    return any(unquote_to_bytes(name) == b"access_token" for name in names)


@enforces("FAPI2-SP-5.3.4-1")
def _read_header(values: Sequence[str]) -> PresentedToken:
    if not values:  # (3)
        raise MISSING.reject()
    if len(values) > 1:
        raise REPEATED.reject()
    scheme = _SCHEMES.get(values[0].partition(" ")[0].lower())  # (4) RFC 9110 section 11.1: in any case
    if scheme is None:
        raise UNKNOWN_SCHEME.reject()
    match = _CREDENTIALS.fullmatch(values[0])  # (5) RFC 6750 section 2.1, RFC 9449 section 7.1
    if match is None or len(match[2]) > MAXIMUM_TOKEN:
        raise MALFORMED.reject()
    return PresentedToken(scheme, match[2])


@enforces("RFC9449-7.2-p1")
def check_scheme(presented: PresentedToken, token: AccessToken) -> None:
    """Check (6): a token that is bound to a DPoP key comes with the DPoP scheme, and no other does.

    Without this check a stolen token could be used by a downgrade to Bearer (RFC 9449 section 7.2).

    Raises:
        Reject: ``bearer.bound``, ``bearer.not-bound``.
    """
    if presented.scheme is Scheme.BEARER and token.confirmation.jkt is not None:
        raise BOUND.reject()
    if presented.scheme is Scheme.DPOP and token.confirmation.jkt is None:
        raise NOT_BOUND.reject()


@enforces("FAPI2-SP-5.3.4-4")
def check_scope(token: AccessToken, needed: Collection[str]) -> None:
    """Check (7): the token covers every scope value that the request needs (RFC 6750 section 3.1).

    Raises:
        Reject: ``bearer.insufficient-scope``.
    """
    missing = set(needed).difference(token.scope)
    if missing:
        raise INSUFFICIENT_SCOPE.reject(f"lacks {sorted(missing)}")


@enforces("RFC9700-2.3-p3.2")
def check_details(
    held: Collection[AuthorizationDetail],
    needed: Collection[AuthorizationDetail],
    types: Mapping[str, DetailType],
) -> None:
    """Check (8): each detail that the request needs is covered by one of those that hold for it (RFC 9396 section 9).

    Where a detail is meant to be used is no part of what it covers: ``held`` are those that are meant for this place.

    Raises:
        Reject: ``bearer.insufficient-authorization-details``.
    """
    for detail in needed:
        definition = types.get(detail.type)
        if definition is None or not any(
            is_narrower(detail, wide, definition, ignoring="locations") for wide in held
        ):
            raise INSUFFICIENT_DETAILS.reject(f"lacks one of type {detail.type!r}"[:120])


@enforces("FAPI2-SP-5.3.3.1-3", "RFC9700-4.3.2-1", "RFC9449-7.1-p10")
def create_authorization(token: str, *, scheme: Scheme = Scheme.DPOP) -> tuple[str, str]:
    """Return the Authorization header that presents ``token``.

    Raises:
        ValueError: the token has characters that the header cannot carry.
    """
    value = f"{scheme.value} {token}"
    if _CREDENTIALS.fullmatch(value) is None:
        raise ValueError("the access token cannot be sent in a header")
    return ("authorization", value)


@enforces("RFC9449-7.1-4", "RFC9449-7.1-6", "RFC9449-7.2-1")
def create_challenge(
    why: Reason,
    *,
    algorithms: Sequence[str] = ("ES256", "PS256", "EdDSA"),
    resource_metadata: str | None = None,
    scope: Collection[str] = (),
    request: HttpRequest | None = None,
) -> tuple[str, str]:
    """Return the WWW-Authenticate header of a refusal (RFC 9449 section 7.1, RFC 6750 section 3).

    Args:
        why: the reason; where no credentials came at all, no error code is told (RFC 6750 section 3.1).
        algorithms: what proofs may be signed with.
        resource_metadata: where the protected resource describes itself (RFC 9728 section 5.1).
        scope: what the request needs, for ``insufficient_scope``.
        request: that was refused: one with the Bearer scheme is challenged with it.
    """
    scheme = _challenged_scheme(why, request)
    parameters: dict[str, str] = {}
    if why is not MISSING and why is not UNKNOWN_SCHEME:
        parameters |= {"error": why.error, "error_description": why.public}
    if scope:
        parameters["scope"] = " ".join(scope)
    if scheme is Scheme.DPOP:
        parameters["algs"] = " ".join(algorithms)
    if resource_metadata is not None:
        parameters["resource_metadata"] = resource_metadata
    for value in parameters.values():
        if not _QUOTABLE.fullmatch(value):
            raise ValueError(f"{value!r} cannot be quoted")
    text = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    return ("www-authenticate", f"{scheme.value} {text}")


@enforces("RFC9449-7.2-p4", "RFC9449-7.2-2")
def _challenged_scheme(why: Reason, request: HttpRequest | None) -> Scheme:
    """Return the scheme to try again with: that of the request, unless it does not fit the token."""
    if why is BOUND or why is NOT_BOUND:
        return Scheme.DPOP if why is BOUND else Scheme.BEARER
    values = () if request is None else request.header_values("authorization")
    scheme = _SCHEMES.get(values[0].partition(" ")[0].lower()) if len(values) == 1 else None
    return scheme or Scheme.DPOP


@enforces("RFC9449-7.1-7")
def read_challenges(values: Sequence[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all WWW-Authenticate headers of a response (RFC 9110 section 11.6.1).

    Raises:
        Reject: ``bearer.bad-challenge``: malformed, too long, or a parameter occurs twice.
    """
    text = ", ".join(values)
    if len(text) > MAXIMUM_CHALLENGE:
        raise BAD_CHALLENGE.reject("too long")
    challenges: list[Challenge] = []
    position = 0
    while position < len(text):
        position = _read_item(text, position, challenges)
        if position < len(text) and text[position] != ",":
            raise BAD_CHALLENGE.reject(f"at {position}")
        position += 1
    return tuple(challenges)


def _read_item(text: str, position: int, challenges: list[Challenge]) -> int:
    """Read one element of the list at ``position``: a parameter, or a scheme with its first parameter."""
    rest = text[position:].lstrip(" \t")
    if not rest or rest[0] == ",":  # an empty element, which RFC 9110 section 5.6.1.2 lets pass
        return len(text) - len(rest)
    parameter = _PARAMETER.match(text, position)
    if parameter is None:
        scheme = _SCHEME.match(text, position)
        if scheme is None:
            raise BAD_CHALLENGE.reject(f"at {position}")
        challenges.append(Challenge(scheme[1].lower(), {}))
        opaque = _TOKEN68.match(text, scheme.end())
        if opaque is not None:  # credentials of another scheme, in one word
            return opaque.end()
        parameter = _PARAMETER.match(text, scheme.end())
        if parameter is None:
            return scheme.end()
    if not challenges or parameter[1].lower() in challenges[-1].parameters:
        raise BAD_CHALLENGE.reject(f"at {position}")
    quoted, plain = parameter[2], parameter[3]
    challenges[-1].parameters[parameter[1].lower()] = (
        plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    )
    return parameter.end()
