"""Metadata of authorization servers (RFC 8414, OpenID Connect Discovery 1.0).

The order of the checks on what a server says of itself, here and in the tests: (1) issuer (2) endpoints
(3) what the profile needs it to support (4) algorithms. What we do not know is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto.algorithms import ALGORITHMS
from trustweft.protocol.metadata_members import (
    ENDPOINT,
    ERROR,
    MALFORMED,
    UNSUPPORTED,
    allowed_algorithms,
    is_https,
    texts_of,
)
from trustweft.protocol.well_known import WellKnown, resource_well_known_url, well_known_urls
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ClientNeeds",
    "ServerDescription",
    "ServerMetadata",
    "WellKnown",
    "create_server_metadata",
    "read_server_metadata",
    "resource_well_known_url",
    "well_known_urls",
]

ISSUER = reason("metadata.issuer", error=ERROR, public="The metadata belongs to another issuer.", status=502)
NO_ALGORITHM = reason(
    "metadata.algorithm",
    error=ERROR,
    public="The metadata offers none of the allowed signature algorithms.",
    status=502,
)


class ServerDescription(Struct, frozen=True, kw_only=True):
    """What an authorization server says of itself; the rest of its document follows from the profile.

    Attributes:
        id_token_algorithms: what it signs ID tokens with; empty where it knows no OpenID Connect.
        signing_algorithms: what it verifies: assertions and proofs.
        authentication_methods: how clients may authenticate.
        mtls_endpoint_aliases: endpoints on the listener for client certificates (RFC 8705 section 5).
        certificate_bound_access_tokens: whether it binds tokens to client certificates.
        dpop_bound_access_tokens: whether it binds them to proof keys.
        authorization_details_types: which it knows (RFC 9396 section 10).
        request_object_algorithms: what request objects may be signed with; empty where none are taken.
        require_signed_request_object: whether nothing else is taken (RFC 9101 section 10.5).
        require_pushed_requests: whether every request is pushed (RFC 9126 section 5).
        registration_recovery_endpoint: where a software that lost its registration's token gets a new one; our own.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    jwks_uri: str
    scopes: tuple[str, ...]
    grant_types: tuple[str, ...]
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    registration_endpoint: str | None = None
    registration_recovery_endpoint: str | None = None
    claims: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    prompt_values: tuple[str, ...] = ()
    id_token_algorithms: tuple[str, ...] = ("ES256",)
    signing_algorithms: tuple[str, ...] = ALGORITHMS
    authentication_methods: tuple[str, ...] = ("private_key_jwt",)
    mtls_endpoint_aliases: tuple[tuple[str, str], ...] = ()
    certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = True
    service_documentation: str | None = None
    authorization_details_types: tuple[str, ...] = ()
    request_object_algorithms: tuple[str, ...] = ()
    require_signed_request_object: bool = False
    require_pushed_requests: bool = True


class ClientNeeds(Struct, frozen=True, kw_only=True):
    """What a client must find: a method, a binding, keys for ID tokens, the code flow where it asks people."""

    authentication_methods: tuple[str, ...] = ("private_key_jwt",)
    dpop: bool = True
    certificate_bound: bool = False
    keys: bool = True
    people: bool = True


class ServerMetadata(Struct, frozen=True, kw_only=True):
    """What a client may believe of an authorization server; the code flow lacks only where nobody needs it."""

    issuer: str
    authorization_endpoint: str | None
    token_endpoint: str
    pushed_authorization_request_endpoint: str | None
    jwks_uri: str | None
    introspection_endpoint: str | None
    revocation_endpoint: str | None
    userinfo_endpoint: str | None
    scopes: tuple[str, ...]
    grant_types: tuple[str, ...]
    assertion_algorithms: tuple[str, ...]
    dpop_algorithms: tuple[str, ...]
    id_token_algorithms: tuple[str, ...]
    mtls_endpoint_aliases: Mapping[str, str]
    authorization_details_types: tuple[str, ...] = ()
    registration_endpoint: str | None = None
    registration_recovery_endpoint: str | None = None


@enforces(
    "FAPI2-SP-5.3.2.1-1",
    "FAPI2-SP-5.2.2.1-2",
    "RFC9126-2-p1",
    "RFC9126-2-p2",
    "RFC9207-2.3-p1",
    "RFC9207-2.3-2",
    "RFC9700-2.1.1-p8.1",
    "RFC9700-2.1.1-p8.2",
    "RFC9700-4.7.1-p3.1",
    "RFC9700-4.7.1-p3.2",
    "RFC9068-4-p2.3",
)
def create_server_metadata(server: ServerDescription) -> dict[str, object]:
    """Return the metadata document, the same for RFC 8414 and OpenID Connect Discovery.

    OpenID Connect Discovery would have RS256 among the ID token algorithms; FAPI 2.0 section 5.4.1 forbids it.

    Raises:
        ValueError: an algorithm is not allowed, or a URL is not https.
    """
    offered = {*server.signing_algorithms, *server.id_token_algorithms, *server.request_object_algorithms}
    if not offered <= set(ALGORITHMS):
        raise ValueError("an algorithm that FAPI 2.0 does not allow is never advertised")
    endpoints = {name: getattr(server, name) for name in (*_REQUIRED_ENDPOINTS, *_OPTIONAL_ENDPOINTS)}
    endpoints = {name: url for name, url in endpoints.items() if url is not None}
    aliases = dict(server.mtls_endpoint_aliases)
    for url in (server.issuer, *endpoints.values(), *aliases.values()):
        if not is_https(url):
            raise ValueError(f"{url} is no https URL without fragment")
    document: dict[str, object] = {"issuer": server.issuer, **endpoints}
    document |= _oauth_members(server) | _authentication_members(server)
    if server.id_token_algorithms:
        document |= _openid_members(server)
    if aliases:
        document["mtls_endpoint_aliases"] = aliases
    if server.authorization_details_types:
        document["authorization_details_types_supported"] = list(server.authorization_details_types)
    if server.service_documentation is not None:
        document["service_documentation"] = server.service_documentation
    return document


def _oauth_members(server: ServerDescription) -> dict[str, object]:
    return {
        "scopes_supported": list(server.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(server.grant_types),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,  # RFC 9207
        "require_pushed_authorization_requests": server.require_pushed_requests,  # RFC 9126
        **_dpop_members(server),
        "tls_client_certificate_bound_access_tokens": server.certificate_bound_access_tokens,  # RFC 8705
        **_request_object_members(server),
        "request_uri_parameter_supported": False,  # it would be true where left out; does not concern RFC 9126
    }


def _request_object_members(server: ServerDescription) -> dict[str, object]:
    if not server.request_object_algorithms:
        return {"request_parameter_supported": False}
    return {
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(server.request_object_algorithms),
        "require_signed_request_object": server.require_signed_request_object,  # RFC 9101 section 10.5
    }


def _dpop_members(server: ServerDescription) -> dict[str, object]:
    if not server.dpop_bound_access_tokens:
        return {}
    return {"dpop_signing_alg_values_supported": list(server.signing_algorithms)}  # RFC 9449


def _authentication_members(server: ServerDescription) -> dict[str, object]:
    members: dict[str, object] = {}
    for endpoint in ("token", "introspection", "revocation"):
        if getattr(server, f"{endpoint}_endpoint") is not None:
            members[f"{endpoint}_endpoint_auth_methods_supported"] = list(server.authentication_methods)
            members[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(
                server.signing_algorithms
            )
    return members


def _openid_members(server: ServerDescription) -> dict[str, object]:
    members: dict[str, object] = {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(server.id_token_algorithms),
        "claims_supported": list(server.claims),
        "claims_parameter_supported": False,
    }
    if server.acr_values:
        members["acr_values_supported"] = list(server.acr_values)
    if server.prompt_values:
        members["prompt_values_supported"] = list(server.prompt_values)
    return members


_REQUIRED_ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "pushed_authorization_request_endpoint",
    "jwks_uri",
)
_PEOPLE: Final = ("authorization_endpoint", "pushed_authorization_request_endpoint")
_OPTIONAL_ENDPOINTS: Final = (
    "introspection_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "registration_endpoint",
    "registration_recovery_endpoint",
)
# (3): member, the value that must be in it, and what a document that leaves it out means (RFC 8414 section 2).
_REQUIRED_VALUES: Final = (
    ("response_types_supported", "code", ()),
    ("code_challenge_methods_supported", "S256", ()),
    ("grant_types_supported", "authorization_code", ("authorization_code", "implicit")),
    ("response_modes_supported", "query", ("query", "fragment")),
)
_NEEDS: Final = ClientNeeds()


def read_server_metadata(
    document: Mapping[str, object], *, issuer: str, needs: ClientNeeds = _NEEDS
) -> ServerMetadata:
    """Read the metadata that was fetched from a well-known URL of ``issuer``.

    Raises:
        Reject: ``metadata.*``.
    """
    _check_issuer(document, issuer)  # (1)
    needed = dict.fromkeys(_PEOPLE, needs.people) | {"token_endpoint": True, "jwks_uri": needs.keys}
    endpoints = {  # (2)
        name: _endpoint(document, name) if needed.get(name) or name in document else None
        for name in (*_REQUIRED_ENDPOINTS, *_OPTIONAL_ENDPOINTS)
    }
    _check_supported(document, needs)  # (3)
    dpop = allowed_algorithms(document, "dpop_signing_alg_values_supported")  # (4)
    assertion = allowed_algorithms(document, "token_endpoint_auth_signing_alg_values_supported")
    if (needs.dpop and not dpop) or ("private_key_jwt" in needs.authentication_methods and not assertion):
        raise NO_ALGORITHM.reject()
    return ServerMetadata(
        issuer=issuer,
        authorization_endpoint=endpoints["authorization_endpoint"],
        token_endpoint=_endpoint(document, "token_endpoint"),
        pushed_authorization_request_endpoint=endpoints["pushed_authorization_request_endpoint"],
        jwks_uri=endpoints["jwks_uri"],
        introspection_endpoint=endpoints["introspection_endpoint"],
        revocation_endpoint=endpoints["revocation_endpoint"],
        userinfo_endpoint=endpoints["userinfo_endpoint"],
        registration_endpoint=endpoints["registration_endpoint"],
        registration_recovery_endpoint=endpoints["registration_recovery_endpoint"],
        scopes=texts_of(document, "scopes_supported"),
        grant_types=texts_of(document, "grant_types_supported", ("authorization_code", "implicit")),
        assertion_algorithms=assertion,
        dpop_algorithms=dpop,
        id_token_algorithms=allowed_algorithms(document, "id_token_signing_alg_values_supported"),
        mtls_endpoint_aliases=_aliases(document),
        authorization_details_types=texts_of(document, "authorization_details_types_supported"),
    )


@enforces("FAPI2-SP-5.3.3.1-11", "RFC9207-2.4-p2.1", "RFC9700-UPDATE-2.1.2.1-p1.2")
def _check_issuer(document: Mapping[str, object], issuer: str) -> None:
    # Octet for octet: RFC 8414 section 3.3 knows no normalisation.
    if not is_https(issuer) or document.get("issuer") != issuer:
        raise ISSUER.reject(f"{document.get('issuer')!r:.200}")


def _check_supported(document: Mapping[str, object], needs: ClientNeeds) -> None:
    methods = texts_of(document, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    if set(needs.authentication_methods).isdisjoint(methods):
        raise UNSUPPORTED.reject(f"no {' or '.join(needs.authentication_methods)} at the token endpoint")
    if needs.certificate_bound and document.get("tls_client_certificate_bound_access_tokens") is not True:
        raise UNSUPPORTED.reject("tls_client_certificate_bound_access_tokens")
    if needs.people:
        _check_code_flow(document)


@enforces("RFC9700-4.7.1-1")
def _check_code_flow(document: Mapping[str, object]) -> None:
    for member, needed, default in _REQUIRED_VALUES:
        if needed not in texts_of(document, member, default):
            raise UNSUPPORTED.reject(f"{member} lacks {needed}")
    # Without iss in its answers a client cannot tell servers apart (FAPI 2.0 section 5.3.3.2 item 5).
    if document.get("authorization_response_iss_parameter_supported") is not True:
        raise UNSUPPORTED.reject("authorization_response_iss_parameter_supported")


def _endpoint(document: Mapping[str, object], member: str) -> str:
    url = document.get(member)
    if not isinstance(url, str) or not is_https(url):
        raise ENDPOINT.reject(f"{member}: {url!r:.200}")
    return url


@enforces("RFC8705-5-1.1")
def _aliases(document: Mapping[str, object]) -> dict[str, str]:
    aliases = document.get("mtls_endpoint_aliases", {})
    if not isinstance(aliases, dict):
        raise MALFORMED.reject("mtls_endpoint_aliases")
    known = (*_REQUIRED_ENDPOINTS[1:3], *_OPTIONAL_ENDPOINTS)
    return {member: _endpoint(aliases, member) for member in known if member in aliases}
