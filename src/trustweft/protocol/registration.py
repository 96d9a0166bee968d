"""Client metadata (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2), as FAPI 2.0 allows it.

Members that are ours: ``client_id`` (the operator chooses it), ``organization_name`` (who answers for the
application; people see it when they consent) and ``resource_server_for`` (the audiences whose tokens this identity
may introspect: what makes it a resource server), and ``authorization_details``: the widest details that it may ask
for, where its ``authorization_details_types`` (RFC 9396 section 10) alone would be too much. ``software_id`` (RFC 7591)
and our ``organisation_id`` are the directory's identifiers: with them off-boarding finds a client.

The order of the checks, here and in the tests: (1) client_id (2) names (3) client authentication
(4) algorithms (5) keys, or the certificate's name (6) grant and response types (7) redirect URIs (8) scope (9) sender constraint
(10) resource server (11) authorization details (12) the directory's identifiers (13) request objects.
Members that we do not know are ignored (section 2) and listed, so that a slip of the pen is seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.protocol.federation_jwt import is_entity_identifier
from trustweft.protocol.mtls import MUTUAL_TLS_METHODS
from trustweft.protocol.oauth import parse_scope
from trustweft.protocol.rar_registration import read_registered_details, read_registered_types
from trustweft.protocol.redirect_uri import check_registrable
from trustweft.protocol.registered_keys import read_registered_keys
from trustweft.protocol.software_statement_claims import IDENTIFIER
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.protocol.mtls import CertificateName
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.protocol.redirect_uri import ApplicationType, RedirectUri

__all__ = [
    "AUTHENTICATION_METHODS",
    "DEFAULT_ALGORITHM",
    "KNOWN_MEMBERS",
    "ClientMetadata",
    "read_client_metadata",
]

DEFAULT_ALGORITHM: Final = "ES256"  # our choice: RFC 7591 names none, OpenID Connect the forbidden RS256
GRANT_TYPES: Final = ("authorization_code", "refresh_token", "client_credentials")
_MAXIMUM_NAME: Final = 200
_MAXIMUM_LIST: Final = 100
_MAXIMUM_TEXT: Final = 2_048
# Our choice: without a dot, so that it never equals a subject, `sub.` and 22 characters (FAPI 2.0 section 6.7).
_CLIENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{2,63}")
AUTHENTICATION_METHODS: Final = ("private_key_jwt", *MUTUAL_TLS_METHODS)
KNOWN_MEMBERS: Final = frozenset(
    (
        "application_type",
        "authorization_details",
        "authorization_details_types",
        "client_id",
        "client_name",
        "dpop_bound_access_tokens",
        "grant_types",
        "id_token_signed_response_alg",
        "jwks",
        "jwks_uri",
        "organisation_id",
        "organization_name",
        "redirect_uris",
        "request_object_signing_alg",
        "require_signed_request_object",
        "resource_server_for",
        "response_types",
        "scope",
        "software_id",
        "software_statement",
        "tls_client_auth_san_dns",
        "tls_client_auth_san_email",
        "tls_client_auth_san_ip",
        "tls_client_auth_san_uri",
        "tls_client_auth_subject_dn",
        "tls_client_certificate_bound_access_tokens",
        "token_endpoint_auth_method",
        "token_endpoint_auth_signing_alg",
        "use_mtls_endpoint_aliases",
    )
)

_ERROR: Final = "invalid_client_metadata"  # RFC 7591 section 3.2.2
CLIENT_ID = reason(
    "client-metadata.client-id",
    error=_ERROR,
    public="The client_id must be 3 to 64 lower-case letters, digits, hyphens or underscores, and begin with neither of the last two.",
)
NAME = reason(
    "client-metadata.name",
    error=_ERROR,
    public="The client_name and the organization_name must be readable text of at most 200 characters.",
)
PUBLIC_CLIENT = reason(
    "client-metadata.public-client",
    error=_ERROR,
    public="Public clients are not allowed: token_endpoint_auth_method must be private_key_jwt or a mutual-TLS one.",
)
SHARED_SECRET = reason(
    "client-metadata.shared-secret",
    error=_ERROR,
    public="Shared secrets are not allowed: token_endpoint_auth_method must be private_key_jwt or a mutual-TLS one.",
)
AUTHENTICATION = reason(
    "client-metadata.authentication",
    error=_ERROR,
    public="The token_endpoint_auth_method must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth.",
)
ALGORITHM = reason(
    "client-metadata.algorithm",
    error=_ERROR,
    public="Only PS256, ES256 and EdDSA (Ed25519) are allowed as signature algorithms.",
)
GRANT_TYPE = reason(
    "client-metadata.grant-type",
    error=_ERROR,
    public="Only the grant types authorization_code, refresh_token and client_credentials are allowed.",
)
RESPONSE_TYPE = reason(
    "client-metadata.response-type",
    error=_ERROR,
    public="The response types must be code alone, and only with the authorization_code grant.",
)
REDIRECT_URIS = reason(
    "client-metadata.redirect-uris",
    error="invalid_redirect_uri",
    public="The redirect_uris must be a list of distinct URIs, present exactly where authorization_code is used.",
)
REDIRECT_URI = reason(
    "client-metadata.redirect-uri",
    error="invalid_redirect_uri",
    public="A redirect URI must be https, or http on a loopback address for a native application.",
)
APPLICATION_TYPE = reason(
    "client-metadata.application-type", error=_ERROR, public="The application_type must be web or native."
)
SCOPE = reason("client-metadata.scope", error=_ERROR, public="The scope is malformed.")
SENDER_CONSTRAINT = reason(
    "client-metadata.sender-constraint",
    error=_ERROR,
    public="Access tokens are always bound, in one way: dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens is true.",
)
ALIASES = reason(
    "client-metadata.aliases", error=_ERROR, public="The use_mtls_endpoint_aliases must be true or false."
)
REQUEST_OBJECTS = reason(
    "client-metadata.request-objects",
    error=_ERROR,
    public="The require_signed_request_object must be true or false.",
)
RESOURCE_SERVER = reason(
    "client-metadata.resource-server",
    error=_ERROR,
    public="The resource_server_for must be a list of audiences.",
)
DIRECTORY_IDENTIFIER = reason(
    "client-metadata.directory-identifier",
    error=_ERROR,
    public="The software_id and the organisation_id must be identifiers of the directory, of at most 128 characters.",
)


class ClientMetadata(Struct, frozen=True, kw_only=True):
    """A client as it may be registered: every value was checked.

    Attributes:
        jwks: its public keys, by value; no key where its certificate is known by a name; None where they are by reference.
        jwks_uri: where it publishes its public keys; None where they are by value.
        certificate_name: what its certificate is known by, for ``tls_client_auth``.
        tls_client_certificate_bound_access_tokens: whether its tokens are bound to its certificate.
        dpop_bound_access_tokens: whether they are bound to its proof key: one of the two is true.
        use_mtls_endpoint_aliases: whether it calls the mutual-TLS addresses for every purpose.
        token_endpoint_auth_signing_alg: canonical.
        id_token_signed_response_alg: canonical.
        resource_server_for: the audiences whose tokens it may introspect; empty for a mere client.
        ignored: members of the document that say nothing to us.
        authorization_details_types: the types that it may ask for.
        authorization_details: the widest that it may ask for; a type that none of them has is bounded by its schema.
        software_id: the directory's name for the software, where one is registered; see ``software``.
        organisation_id: the directory's name for who answers for it; None where it is not known.
        software_statement: that it was registered with; None where an operator registered it.
        request_object_signing_alg: canonical; None leaves it the choice among those that are allowed.
        require_signed_request_object: whether it sends no other authorization requests than signed ones (RFC 9101).
    """

    client_id: str
    client_name: str
    organization_name: str
    application_type: ApplicationType
    redirect_uris: tuple[RedirectUri, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    scope: tuple[str, ...]
    jwks: Mapping[str, object] | None
    jwks_uri: str | None = None
    token_endpoint_auth_method: str
    token_endpoint_auth_signing_alg: str
    id_token_signed_response_alg: str
    certificate_name: CertificateName | None
    tls_client_certificate_bound_access_tokens: bool
    dpop_bound_access_tokens: bool
    use_mtls_endpoint_aliases: bool
    resource_server_for: tuple[str, ...]
    ignored: tuple[str, ...]
    authorization_details_types: tuple[str, ...] = ()
    authorization_details: tuple[AuthorizationDetail, ...] = ()
    software_id: str | None = None
    organisation_id: str | None = None
    software_statement: str | None = None
    request_object_signing_alg: str | None = None
    require_signed_request_object: bool = False

    @property
    def software(self) -> str:
        """Return the directory's name for the software: the client identifier where no other is registered."""
        return self.software_id or self.client_id


@enforces("FAPI2-SP-6.7-p2", "RFC9700-2.6-p3", "RFC9700-4.15.1-p1.1", "RFC9700-4.15.1-p1.2", "RFC9068-5-p2")
def _client_id(value: object, *, federated: bool) -> str:
    # Without a dot, which every subject identifier has: whoever is named by one is never the other. An Entity
    # Identifier has dots, but begins as no subject does (OpenID Federation 1.0 section 12.1).
    fits = (
        is_entity_identifier(value) if federated else isinstance(value, str) and _CLIENT_ID.fullmatch(value)
    )
    if not isinstance(value, str) or not fits:
        raise CLIENT_ID.reject(f"{value!r:.100}")
    return value


def read_client_metadata(document: Mapping[str, object], *, federated: bool = False) -> ClientMetadata:
    """Read a client's metadata.

    Args:
        document: what is to be registered, or was.
        federated: whether a Trust Chain registers it, under its Entity Identifier; nobody else may have such a name.

    Raises:
        Reject: ``client-metadata.*``.
    """
    client_id = _client_id(document.get("client_id"), federated=federated)  # (1)
    names = [_name(document, member) for member in ("client_name", "organization_name")]  # (2)
    method = _check_authentication(document)  # (3)
    algorithm = _algorithm(document, "token_endpoint_auth_signing_alg")  # (4)
    id_token_algorithm = _algorithm(document, "id_token_signed_response_alg")
    keys = read_registered_keys(document, method=method, algorithm=algorithm)  # (5)
    grant_types = _grant_types(document)  # (6)
    response_types = _response_types(document, grant_types)
    application_type = _application_type(document)
    certificate_bound = _certificate_bound(document)  # (9)
    return ClientMetadata(
        client_id=client_id,
        client_name=names[0],
        organization_name=names[1],
        application_type=application_type,
        redirect_uris=_redirect_uris(document, application_type, grant_types),  # (7)
        grant_types=grant_types,
        response_types=response_types,
        scope=_scope(document),  # (8)
        jwks=keys.jwks,
        jwks_uri=keys.jwks_uri,
        token_endpoint_auth_method=method,
        token_endpoint_auth_signing_alg=algorithm,
        id_token_signed_response_alg=id_token_algorithm,
        certificate_name=keys.certificate_name,
        tls_client_certificate_bound_access_tokens=certificate_bound,
        dpop_bound_access_tokens=not certificate_bound,
        use_mtls_endpoint_aliases=_use_aliases(document),
        resource_server_for=_resource_server_for(document),  # (10)
        ignored=tuple(sorted(set(document) - KNOWN_MEMBERS)),
        authorization_details_types=read_registered_types(document),  # (11)
        authorization_details=read_registered_details(document),
        software_id=_directory_identifier(document, "software_id"),  # (12)
        organisation_id=_directory_identifier(document, "organisation_id"),
        software_statement=_statement(document),
        request_object_signing_alg=(
            _algorithm(document, "request_object_signing_alg")
            if "request_object_signing_alg" in document
            else None
        ),  # (13)
        require_signed_request_object=_require_signed(document),
    )


def _name(document: Mapping[str, object], member: str) -> str:
    value = document.get(member)
    # Control and direction characters could make a name read as another one on the consent page.
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _MAXIMUM_NAME
        or not value.isprintable()
        or not value.strip()
    ):
        raise NAME.reject(member)
    return value


@enforces("FAPI2-SP-5.3.2.1-3")
def _check_authentication(document: Mapping[str, object]) -> str:
    method = document.get("token_endpoint_auth_method", "private_key_jwt")
    if method == "none":
        raise PUBLIC_CLIENT.reject()
    if "client_secret" in document or (isinstance(method, str) and method.startswith("client_secret")):
        raise SHARED_SECRET.reject()
    if method not in AUTHENTICATION_METHODS:
        raise AUTHENTICATION.reject(f"{method!r:.100}")
    return str(method)


def _algorithm(document: Mapping[str, object], member: str) -> str:
    canonical = canonical_algorithm(document.get(member, DEFAULT_ALGORITHM))
    if canonical is None:
        raise ALGORITHM.reject(f"{member}: {document[member]!r:.100}")
    return canonical


def _grant_types(document: Mapping[str, object]) -> tuple[str, ...]:
    values = _texts(document.get("grant_types", ["authorization_code"]))  # the default of RFC 7591
    if values is None or not set(values) <= set(GRANT_TYPES):
        raise GRANT_TYPE.reject(f"{document.get('grant_types')!r:.200}")
    if "refresh_token" in values and "authorization_code" not in values:
        raise GRANT_TYPE.reject("refresh_token without authorization_code")
    return values


def _response_types(document: Mapping[str, object], grant_types: tuple[str, ...]) -> tuple[str, ...]:
    needed = ("code",) if "authorization_code" in grant_types else ()
    values = _texts(document.get("response_types", list(needed)))
    if values != needed:
        raise RESPONSE_TYPE.reject(f"{document.get('response_types')!r:.200}")
    return needed


def _application_type(document: Mapping[str, object]) -> ApplicationType:
    value = document.get("application_type", "web")
    if value == "web" or value == "native":  # noqa: PLR1714  # two comparisons narrow the type, and fit any value
        return value
    raise APPLICATION_TYPE.reject(f"{value!r:.100}")


def _redirect_uris(
    document: Mapping[str, object], application_type: ApplicationType, grant_types: tuple[str, ...]
) -> tuple[RedirectUri, ...]:
    uris = _texts(document.get("redirect_uris", []))
    if uris is None or bool(uris) != ("authorization_code" in grant_types):
        raise REDIRECT_URIS.reject()
    try:
        return tuple(check_registrable(uri, application_type=application_type) for uri in uris)
    except Reject as cause:
        raise REDIRECT_URI.reject(str(cause)) from cause


def _scope(document: Mapping[str, object]) -> tuple[str, ...]:
    scope = document.get("scope", "")
    if not isinstance(scope, str):
        raise SCOPE.reject()
    try:
        return parse_scope(scope) if scope else ()
    except Reject as cause:
        raise SCOPE.reject(str(cause)) from cause


def _certificate_bound(document: Mapping[str, object]) -> bool:
    certificate = document.get("tls_client_certificate_bound_access_tokens", False)
    proof_key = document.get("dpop_bound_access_tokens", certificate is False)
    if not isinstance(certificate, bool) or not isinstance(proof_key, bool) or certificate is proof_key:
        raise SENDER_CONSTRAINT.reject()
    return certificate


@enforces("FAPI2-SP-5.2.2.1.1-1", "FAPI2-SP-5.2.2.1.1-1.1")
def _use_aliases(document: Mapping[str, object]) -> bool:
    value = document.get("use_mtls_endpoint_aliases", False)
    if not isinstance(value, bool):
        raise ALIASES.reject(f"{value!r:.40}")
    return value


def _require_signed(document: Mapping[str, object]) -> bool:
    value = document.get("require_signed_request_object", False)
    if value is True or value is False:
        return value
    raise REQUEST_OBJECTS.reject(f"{value!r:.40}")


def _resource_server_for(document: Mapping[str, object]) -> tuple[str, ...]:
    audiences = _texts(document.get("resource_server_for", []))
    if audiences is None:
        raise RESOURCE_SERVER.reject()
    return audiences


def _directory_identifier(document: Mapping[str, object], member: str) -> str | None:
    value = document.get(member)
    if value is not None and (not isinstance(value, str) or not IDENTIFIER.fullmatch(value)):
        raise DIRECTORY_IDENTIFIER.reject(f"{member}: {value!r:.140}")
    return value


def _statement(document: Mapping[str, object]) -> str | None:
    """Return the statement as it was kept: whoever registers a client has verified it."""
    value = document.get("software_statement")
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    """Return a list of distinct texts that are not empty; None for anything else."""
    if not isinstance(value, list) or len(value) > _MAXIMUM_LIST:
        return None
    if not all(isinstance(item, str) and 0 < len(item) <= _MAXIMUM_TEXT for item in value):
        return None
    return tuple(value) if len(set(value)) == len(value) else None
