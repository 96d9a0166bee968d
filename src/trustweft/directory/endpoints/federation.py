"""The endpoints of a Trust Anchor (OpenID Federation 1.0 sections 8 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.federation_keys import HISTORICAL_KEYS_TYPE
from trustweft.protocol.federation_requests import (
    UNKNOWN_TRUST_MARK,
    read_fetch_request,
    read_list_request,
    read_marked_list_request,
    read_resolve_request,
    read_trust_mark_request,
    read_trust_mark_status_request,
    signed_response,
)
from trustweft.protocol.federation_resolve import RESOLVE_RESPONSE_TYPE
from trustweft.protocol.federation_statement import ENTITY_STATEMENT_TYPE
from trustweft.protocol.federation_trust_mark import STATUS_TYPE, TRUST_MARK_TYPE
from trustweft.protocol.http import HttpResponse, json_response

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.directory.members import Entity
    from trustweft.protocol.federation_requests import ListRequest
    from trustweft.protocol.http import HttpRequest

__all__ = [
    "fetch",
    "hand_out_trust_mark",
    "list_members",
    "list_trust_marked",
    "resolve",
    "tell_entity_configuration",
    "tell_historical_keys",
    "tell_trust_mark_status",
]


async def tell_entity_configuration(directory: Directory, _request: HttpRequest) -> HttpResponse:
    """Say who we are (section 9)."""
    return signed_response(directory.statements.own(), kind=ENTITY_STATEMENT_TYPE)


async def fetch(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Say who a member is (section 8.1); of those who do not take part now nothing is said."""
    subject = read_fetch_request(request.query, issuer=directory.config.issuer)
    return signed_response(directory.statements.about(subject), kind=ENTITY_STATEMENT_TYPE)


async def list_members(directory: Directory, request: HttpRequest) -> HttpResponse:
    """List the members that take part now (section 8.2)."""
    wanted = read_list_request(request.query)
    entities = directory.statements.entities().values()
    return json_response([each.entity for each in entities if _fits(directory, each, wanted)])


def _fits(directory: Directory, entity: Entity, wanted: ListRequest) -> bool:
    if wanted.entity_types and not set(entity.types).intersection(wanted.entity_types):
        return False
    if wanted.intermediate:  # everybody is right below us, and nobody below them
        return False
    if wanted.trust_marked is None and wanted.trust_mark_type is None:
        return True
    marks = directory.statements.marks.of(entity)
    if wanted.trust_marked is not None and bool(marks) is not wanted.trust_marked:
        return False
    return wanted.trust_mark_type is None or wanted.trust_mark_type in marks


async def resolve(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Resolve a member (section 8.3)."""
    wanted = read_resolve_request(request.query)
    directory.pace.check(request.peer)
    return signed_response(await directory.resolving.resolve(wanted), kind=RESOLVE_RESPONSE_TYPE)


async def tell_trust_mark_status(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Say what a mark of ours is worth today (section 8.4)."""
    mark = read_trust_mark_status_request(request.body, content_type=request.header("content-type"))
    return signed_response(directory.statements.marks.tell_status(mark), kind=STATUS_TYPE)


async def list_trust_marked(directory: Directory, request: HttpRequest) -> HttpResponse:
    """List whoever has a mark of a type (section 8.5)."""
    wanted = read_marked_list_request(request.query)
    marks = directory.statements.marks
    if wanted.trust_mark_type not in marks.known_types():
        raise UNKNOWN_TRUST_MARK.reject(wanted.trust_mark_type[:200])
    return json_response(
        [
            each.entity
            for each in directory.statements.entities().values()
            if wanted.subject in {None, each.entity} and wanted.trust_mark_type in marks.of(each)
        ]
    )


async def hand_out_trust_mark(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Hand out a mark (section 8.6)."""
    wanted = read_trust_mark_request(request.query)
    entity = directory.statements.entity(wanted.subject)
    mark = directory.statements.marks.issue(entity, wanted.trust_mark_type)
    return signed_response(mark, kind=TRUST_MARK_TYPE)


async def tell_historical_keys(directory: Directory, _request: HttpRequest) -> HttpResponse:
    """Say which keys we signed with before, and which of them others may have (section 8.7)."""
    return signed_response(directory.statements.historical_keys(), kind=HISTORICAL_KEYS_TYPE)
