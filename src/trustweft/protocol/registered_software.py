"""From a request and a verified software statement to what is registered (RFC 7591 sections 2.3 and 3.1.1).

What the statement says comes before what the request says; what the request may choose lies within the statement.
The order of the checks, here and in the tests: (1) nothing that only an operator gives (2) keys (3) redirect URIs
(4) scope (5) types of authorization details (6) the name in the certificate. What comes out is client metadata as
``trustweft.protocol.registration`` reads it, which has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from trustweft.protocol.distinguished_name import parse_distinguished_name
from trustweft.protocol.oauth import parse_scope
from trustweft.protocol.registration import KNOWN_MEMBERS
from trustweft.protocol.software_certificate import subjects_of
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.protocol.registration import ClientMetadata
    from trustweft.protocol.software_statement import SoftwareStatement

__all__ = ["Terms", "compose_registration", "create_client_information", "with_defaults"]

_ERROR: Final = "invalid_client_metadata"  # RFC 7591 section 3.2.2
# The server chooses the identifier; who may introspect, and what is served by whom, an operator decides.
_OURS: Final = frozenset(("client_id", "software_statement"))
_SUBJECT: Final = "tls_client_auth_subject_dn"
_BINDINGS: Final = frozenset(("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"))
_OTHER_NAMES: Final = (
    "tls_client_auth_san_dns",
    "tls_client_auth_san_email",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_uri",
)

PRIVILEGED = reason(
    "registration.privileged",
    error=_ERROR,
    public="Only an operator can give the resource_server_for: leave it out.",
)
BY_VALUE = reason(
    "registration.keys-by-value",
    error=_ERROR,
    public="Keys are registered by reference here: the jwks_uri of the software statement, and no jwks.",
)
OTHER_KEYS = reason(
    "registration.other-keys",
    error=_ERROR,
    public="The jwks_uri or jwks differs from that of the software statement: leave it out.",
)
REDIRECT_URIS = reason(
    "registration.redirect-uris",
    error="invalid_redirect_uri",
    public="The redirect_uris must be among those of the software statement.",
)
SCOPE = reason(
    "registration.scope",
    error=_ERROR,
    public="The scope goes beyond what the software statement and the active roles of the software allow.",
)
DETAIL_TYPES = reason(
    "registration.authorization-details-types",
    error=_ERROR,
    public="The authorization_details_types go beyond those of the software statement.",
)
CERTIFICATE_NAME = reason(
    "registration.certificate-name",
    error=_ERROR,
    public="The certificate is known by a tls_client_auth_subject_dn that the software statement names, and by no other name.",
)


class Terms(Struct, frozen=True, kw_only=True):
    """What the server offers, and what its profile asks for.

    Attributes:
        scope: values that the server knows.
        roles: by role, the values of the scope that it permits; None where the statement's own scope is all that counts.
        detail_types: types of authorization details that the server knows.
        keys_by_reference: whether keys by value are refused.
        defaults: what a request that says nothing of it means, where the profile leaves only other ways than usual.
    """

    scope: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]] | None = None
    detail_types: tuple[str, ...] = ()
    keys_by_reference: bool = False
    defaults: Mapping[str, object] = {}


def compose_registration(
    document: Mapping[str, object],
    statement: SoftwareStatement,
    *,
    software_statement: str,
    client_id: str,
    terms: Terms,
) -> dict[str, object]:
    """Return the client metadata that a verified statement and a request together ask for.

    Args:
        document: of the request; members that we do not know are left out (RFC 7591 section 2).
        statement: verified.
        software_statement: the same as it came, kept to be shown unmodified (RFC 7591 section 3.2.1).
        client_id: that the server made up.
        terms: of the server.

    Raises:
        Reject: ``registration.*``, ``software-statement.subjects``.
    """
    if "resource_server_for" in document:  # (1)
        raise PRIVILEGED.reject()
    _check_keys(document, statement, by_reference=terms.keys_by_reference)  # (2)
    known = {name: value for name, value in document.items() if name in KNOWN_MEMBERS - _OURS}
    known.pop("jwks", None)
    known = {**_defaults(known, terms), **known}
    keys = {"jwks_uri": statement.jwks_uri} if statement.jwks is None else {"jwks": statement.jwks}
    return {
        **known,
        **keys,
        **_redirect_uris(known, statement),  # (3)
        "scope": " ".join(_scope(known, statement, terms)),  # (4)
        **_detail_types(known, statement, terms),  # (5)
        **_certificate_name(known, statement),  # (6)
        "client_id": client_id,
        "client_name": statement.client_name,
        "organization_name": statement.organization_name,
        "software_id": statement.software_id,
        "organisation_id": statement.organisation_id,
        "software_statement": software_statement,
    }


def _defaults(known: Mapping[str, object], terms: Terms) -> dict[str, object]:
    """Return the defaults; of the two ways to bind tokens one is chosen, by the request where it says anything of them."""
    chosen = not _BINDINGS.isdisjoint(known)
    return {name: value for name, value in terms.defaults.items() if not (chosen and name in _BINDINGS)}


def _check_keys(document: Mapping[str, object], statement: SoftwareStatement, *, by_reference: bool) -> None:
    if by_reference and ("jwks" in document or statement.jwks is not None):
        raise BY_VALUE.reject()
    for member, vouched in (("jwks_uri", statement.jwks_uri), ("jwks", statement.jwks)):
        if member in document and document[member] != vouched:
            raise OTHER_KEYS.reject(f"{member}: {document[member]!r:.200}")


def _redirect_uris(known: Mapping[str, object], statement: SoftwareStatement) -> dict[str, object]:
    wanted = known.get("redirect_uris", list(statement.redirect_uris))
    if known.get("grant_types") == ["client_credentials"] and "redirect_uris" not in known:
        return {"redirect_uris": []}  # the software has people's grants elsewhere
    if not isinstance(wanted, list) or not all(each in statement.redirect_uris for each in wanted):
        raise REDIRECT_URIS.reject(f"{wanted!r:.200}")
    return {"redirect_uris": wanted}


def _scope(known: Mapping[str, object], statement: SoftwareStatement, terms: Terms) -> tuple[str, ...]:
    """Return what is registered: of what is allowed, what was asked for (everything if nothing was), and we know."""
    allowed = statement.scope
    if terms.roles is not None:
        permitted = _permitted(statement.active_roles, terms.roles)
        allowed = tuple(each for each in allowed if each in permitted)
    wanted = _read_scope(known["scope"]) if "scope" in known else allowed
    if not set(wanted) <= set(allowed):
        raise SCOPE.reject(" ".join(sorted(set(wanted) - set(allowed)))[:200])
    return tuple(each for each in wanted if each in terms.scope)


def _permitted(roles: Iterable[str], by_role: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(each for role in roles for each in by_role.get(role, ()))


def _read_scope(scope: object) -> tuple[str, ...]:
    if not isinstance(scope, str):
        raise SCOPE.reject("no text")
    try:
        return parse_scope(scope) if scope else ()
    except Reject as cause:
        raise SCOPE.reject(str(cause)[:200]) from cause


def _detail_types(
    known: Mapping[str, object], statement: SoftwareStatement, terms: Terms
) -> dict[str, object]:
    allowed = statement.authorization_details_types
    wanted = known.get("authorization_details_types", list(allowed))
    if not isinstance(wanted, list) or not all(each in allowed for each in wanted):
        raise DETAIL_TYPES.reject(f"{wanted!r:.200}")
    return {"authorization_details_types": [each for each in wanted if each in terms.detail_types]}


def _certificate_name(known: Mapping[str, object], statement: SoftwareStatement) -> dict[str, object]:
    """Return the one name that the certificate is known by, where the client authenticates by one."""
    if known.get("token_endpoint_auth_method") != "tls_client_auth":
        return {}
    subjects = subjects_of(statement)
    wanted = known.get(_SUBJECT, statement.certificate_subjects[0] if len(subjects) == 1 else None)
    if not isinstance(wanted, str) or any(each in known for each in _OTHER_NAMES):
        raise CERTIFICATE_NAME.reject(f"{wanted!r:.100}")
    try:
        named = parse_distinguished_name(wanted)
    except Reject as cause:
        raise CERTIFICATE_NAME.reject(cause.detail) from cause
    if named not in subjects:
        raise CERTIFICATE_NAME.reject(wanted[:200])
    return {_SUBJECT: wanted}


def with_defaults(document: Mapping[str, object], metadata: ClientMetadata) -> dict[str, object]:
    """Return the document with what it left open as it was understood: the answer tells all that is registered."""
    return {
        **document,
        "application_type": metadata.application_type,
        "dpop_bound_access_tokens": metadata.dpop_bound_access_tokens,
        "grant_types": list(metadata.grant_types),
        "id_token_signed_response_alg": metadata.id_token_signed_response_alg,
        "require_signed_request_object": metadata.require_signed_request_object,
        "response_types": list(metadata.response_types),
        "tls_client_certificate_bound_access_tokens": metadata.tls_client_certificate_bound_access_tokens,
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "token_endpoint_auth_signing_alg": metadata.token_endpoint_auth_signing_alg,
    }


def create_client_information(
    registered: bytes, *, registration_access_token: str, registration_client_uri: str, issued_at: float
) -> dict[str, object]:
    """Return what a client is told of its registration (RFC 7591 section 3.2.1, RFC 7592 section 3).

    Args:
        registered: the metadata, as kept.
        registration_access_token: that looks after the registration from now on.
        registration_client_uri: where it does.
        issued_at: when the client was registered.
    """
    document: dict[str, object] = msgspec.json.decode(registered)
    return document | {
        "client_id_issued_at": int(issued_at),
        "registration_access_token": registration_access_token,
        "registration_client_uri": registration_client_uri,
    }
