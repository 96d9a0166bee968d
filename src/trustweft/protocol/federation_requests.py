"""Requests to the federation endpoints of an entity, and its answers (OpenID Federation 1.0 sections 8 and 9).

Parameters that we do not know are ignored (section 8); one that we know and do not do is said to be so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from msgspec import Struct

from trustweft.protocol.federation_jwt import is_entity_identifier
from trustweft.protocol.federation_trust_mark import MAXIMUM_MARK
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.jwt import read_text
from trustweft.protocol.oauth import error_fields, parse_form, parse_query
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.protocol.oauth import Form

__all__ = [
    "WELL_KNOWN",
    "ListRequest",
    "MarkedListRequest",
    "ResolveRequest",
    "TrustMarkRequest",
    "create_fetch_url",
    "entity_configuration_url",
    "federation_refusal",
    "read_fetch_request",
    "read_list_request",
    "read_marked_list_request",
    "read_resolve_request",
    "read_trust_mark_request",
    "read_trust_mark_status_request",
    "signed_response",
]

WELL_KNOWN: Final = "/.well-known/openid-federation"
MAXIMUM_REPEATED: Final = 20  # our choice: more Trust Anchors or entity types than anybody has
_REPEATABLE: Final = frozenset(("trust_anchor", "entity_type"))

PARAMETER = reason(
    "federation.parameter",
    error="invalid_request",
    public="A parameter is missing, is no Entity Identifier, or has another malformed value.",
)
OWN_STATEMENT = reason(
    "federation.own-statement",
    error="invalid_request",
    public="The sub is the issuer itself: what it says of itself is its Entity Configuration.",
)
UNKNOWN_SUBJECT = reason(
    "federation.unknown-subject",
    error="not_found",
    public="The entity is not known here.",
    status=404,
)
UNKNOWN_TRUST_ANCHOR = reason(
    "federation.unknown-trust-anchor",
    error="invalid_trust_anchor",
    public="None of the Trust Anchors that were named is known here.",
    status=404,
)
UNKNOWN_TRUST_MARK = reason(
    "federation.unknown-trust-mark",
    error="not_found",
    public="No such trust mark was issued here.",
    status=404,
)
UNSUPPORTED_PARAMETER = reason(
    "federation.unsupported-parameter",
    error="unsupported_parameter",
    public="A parameter is not supported here.",
)


class ListRequest(Struct, frozen=True, kw_only=True):
    """Which subordinates to list (section 8.2.1); what is None or empty is no filter."""

    entity_types: tuple[str, ...] = ()
    trust_marked: bool | None = None
    trust_mark_type: str | None = None
    intermediate: bool | None = None


class ResolveRequest(Struct, frozen=True, kw_only=True):
    """What to resolve (section 8.3.1): the answer may end at any of the Trust Anchors; no entity type means all."""

    subject: str
    trust_anchors: tuple[str, ...]
    entity_types: tuple[str, ...]


class MarkedListRequest(Struct, frozen=True, kw_only=True):
    """Whose trust marks to list (section 8.5.1)."""

    trust_mark_type: str
    subject: str | None


class TrustMarkRequest(Struct, frozen=True, kw_only=True):
    """Which trust mark to hand out (section 8.6.1)."""

    trust_mark_type: str
    subject: str


def entity_configuration_url(entity: str) -> str:
    """Return where an entity publishes its Entity Configuration (section 9); a trailing slash is left out."""
    return entity.removesuffix("/") + WELL_KNOWN


def create_fetch_url(endpoint: str, *, subject: str) -> str:
    """Return the URL of a request for a Subordinate Statement (section 8.1.1)."""
    separator = "&" if "?" in endpoint else "?"
    return f"{endpoint}{separator}{urlencode({'sub': subject})}"


def read_fetch_request(query: bytes, *, issuer: str) -> str:
    """Return whom a Subordinate Statement is asked for; whether there is one is for the caller (``UNKNOWN_SUBJECT``).

    Args:
        query: as sent, without its question mark.
        issuer: the entity that is asked.

    Raises:
        Reject: ``federation.parameter``, ``federation.own-statement``, ``form.*``.
    """
    subject = _entity(_query(query), "sub")
    if subject == issuer:
        raise OWN_STATEMENT.reject()
    return subject


def read_list_request(query: bytes) -> ListRequest:
    """Read a request for the subordinates.

    Raises:
        Reject: ``federation.parameter``, ``form.*``.
    """
    form = _query(query)
    return ListRequest(
        entity_types=_several(form, "entity_type"),
        trust_marked=_boolean(form, "trust_marked"),
        trust_mark_type=form.get("trust_mark_type"),
        intermediate=_boolean(form, "intermediate"),
    )


def read_resolve_request(query: bytes) -> ResolveRequest:
    """Read a request to resolve an entity.

    Raises:
        Reject: ``federation.parameter``, ``form.*``.
    """
    form = _query(query)
    anchors = _several(form, "trust_anchor")
    if not anchors or not all(map(is_entity_identifier, anchors)):
        raise PARAMETER.reject("trust_anchor")
    return ResolveRequest(
        subject=_entity(form, "sub"), trust_anchors=anchors, entity_types=_several(form, "entity_type")
    )


def read_trust_mark_status_request(body: bytes, *, content_type: str | None) -> str:
    """Return the trust mark that somebody asks about, as it was posted.

    Raises:
        Reject: ``federation.parameter``, ``form.*``.
    """
    form = parse_form(body, content_type=content_type)
    form.refuse_duplicates()
    mark = form.get("trust_mark")
    if mark is None or len(mark) > MAXIMUM_MARK:
        raise PARAMETER.reject("trust_mark")
    return mark


def read_marked_list_request(query: bytes) -> MarkedListRequest:
    """Read a request for the entities that have a trust mark.

    Raises:
        Reject: ``federation.parameter``, ``form.*``.
    """
    form = _query(query)
    subject = _entity(form, "sub") if form.get("sub") is not None else None
    return MarkedListRequest(trust_mark_type=_text(form, "trust_mark_type"), subject=subject)


def read_trust_mark_request(query: bytes) -> TrustMarkRequest:
    """Read a request for a trust mark.

    Raises:
        Reject: ``federation.parameter``, ``form.*``.
    """
    form = _query(query)
    return TrustMarkRequest(trust_mark_type=_text(form, "trust_mark_type"), subject=_entity(form, "sub"))


def _query(query: bytes) -> Form:
    form = parse_query(query)
    form.refuse_duplicates(repeatable=_REPEATABLE)
    return form


def _text(form: Form, name: str) -> str:
    value = read_text(form.get(name))
    if value is None:
        raise PARAMETER.reject(name)
    return value


def _entity(form: Form, name: str) -> str:
    value = form.get(name)
    if value is None or not is_entity_identifier(value):
        raise PARAMETER.reject(f"{name}={value!r:.200}")
    return value


def _several(form: Form, name: str) -> tuple[str, ...]:
    values = form.get_all(name)
    if len(values) > MAXIMUM_REPEATED:
        raise PARAMETER.reject(f"{len(values)} times {name}")
    return tuple(dict.fromkeys(values))


def _boolean(form: Form, name: str) -> bool | None:
    value = form.get(name)
    if value not in {None, "true", "false"}:
        raise PARAMETER.reject(f"{name}={value!r:.40}")
    return None if value is None else value == "true"


def signed_response(token: str, *, kind: str) -> HttpResponse:
    """Return a signed message as the answer of an endpoint; its ``typ`` is its media type (section 15).

    Nobody keeps it by HTTP: how long it holds stands in it.
    """
    headers = (("content-type", f"application/{kind}"), ("cache-control", "no-store"))
    return HttpResponse(200, headers, token.encode("ascii"))


def federation_refusal(refusal: Reject) -> HttpResponse:
    """Return the error answer of an endpoint (section 8.9): JSON, unsigned, public words only."""
    return json_response(error_fields(refusal), status=refusal.reason.status, headers=refusal.headers)
