"""What the server publishes about itself: metadata and keys, as octets that are kept (RFC 8414, RFC 7517)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trustweft.crypto.algorithms import ALGORITHMS, canonical_algorithm
from trustweft.protocol.federation_requests import WELL_KNOWN
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.metadata import ServerDescription, create_server_metadata, well_known_urls
from trustweft.protocol.oidc import CLAIMS_OF_SCOPE
from trustweft.protocol.registration import AUTHENTICATION_METHODS
from trustweft.server.config import PATHS
from trustweft.server.federation_statement import OwnStatement

if TYPE_CHECKING:
    from trustweft.server.exchange import Deployment

__all__ = ["Documents"]

# Endpoints that a client may reach on the listener for client certificates; never the authorization endpoint.
_ALIASED: Final = ("token", "pushed_authorization_request", "introspection", "revocation", "userinfo")
_REGISTRATION: Final = ("registration", "registration_recovery")
_TOLD: Final = ("name", "preferred_username", "email")
KEY_SET_MAXIMUM_AGE: Final = 300


class Documents:
    """The documents of one deployment, by path; made anew only where the keys that they speak of have changed."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._known = well_known_urls(deployment.config.issuer)
        self._metadata_paths = {urlsplit(url).path for url in (self._known.oauth, self._known.openid)}
        # Whoever opens the bare address is curious: what the server says of itself is the best answer.
        self._home = HttpResponse(
            deployment.profile.limits.redirect_status, (("location", self._known.openid),)
        )
        self._algorithms, self._metadata = deployment.keys.algorithms, _metadata(deployment)
        self._public, self._key_set = deployment.keys.public_jwks(), _key_set(deployment)
        self._statement = (
            None
            if deployment.federation is None
            else OwnStatement(
                deployment, deployment.federation, lambda: create_server_metadata(_describe(deployment))
            )
        )

    def find(self, path: str) -> HttpResponse | None:
        """Return the document at this path."""
        if path == PATHS["jwks"]:
            return self._current_key_set()
        if path in self._metadata_paths:
            return self._current_metadata()
        if path == WELL_KNOWN and self._statement is not None:
            return self._statement.current()
        return self._home if path == "/" else None

    def _current_metadata(self) -> HttpResponse:
        algorithms = self._deployment.keys.algorithms
        if algorithms is not self._algorithms:
            self._algorithms, self._metadata = algorithms, _metadata(self._deployment)
        return self._metadata

    def _current_key_set(self) -> HttpResponse:
        public = self._deployment.keys.public_jwks()
        if public is not self._public:
            self._public, self._key_set = public, _key_set(self._deployment)
        return self._key_set


def _metadata(deployment: Deployment) -> HttpResponse:
    headers = (("content-type", "application/json"), ("cache-control", "public, max-age=300"))
    body = msgspec.json.encode(create_server_metadata(_describe(deployment)))
    return HttpResponse(200, headers, body)


def _key_set(deployment: Deployment) -> HttpResponse:
    # Published before use: a client that keeps the set this long never meets a key that it cannot know.
    headers = (
        ("content-type", "application/jwk-set+json"),
        ("cache-control", f"public, max-age={KEY_SET_MAXIMUM_AGE}"),
    )
    return HttpResponse(200, headers, msgspec.json.encode(deployment.keys.public_jwks()))


def _describe(deployment: Deployment) -> ServerDescription:
    config, limits, keys = deployment.config, deployment.profile.limits, deployment.keys.algorithms
    scopes = tuple(definition.name for definition in config.scopes)
    aliases: tuple[tuple[str, str], ...] = ()
    offered = _REGISTRATION if deployment.registrations is not None else ()
    if config.mtls_base is not None:
        aliases = tuple(
            (f"{name}_endpoint", config.mtls_base + PATHS[name]) for name in (*_ALIASED, *offered)
        )
    methods = AUTHENTICATION_METHODS if aliases else ("private_key_jwt",)
    verified = tuple(each for each in ALGORITHMS if canonical_algorithm(each) in limits.signing_algorithms)
    return ServerDescription(
        issuer=config.issuer,
        authorization_endpoint=config.endpoint("authorization"),
        token_endpoint=config.endpoint("token"),
        pushed_authorization_request_endpoint=config.endpoint("pushed_authorization_request"),
        jwks_uri=config.endpoint("jwks"),
        introspection_endpoint=config.endpoint("introspection"),
        revocation_endpoint=config.endpoint("revocation"),
        userinfo_endpoint=config.endpoint("userinfo"),
        registration_endpoint=config.endpoint("registration") if offered else None,
        registration_recovery_endpoint=config.endpoint("registration_recovery") if offered else None,
        scopes=scopes,
        grant_types=limits.grant_types,
        claims=("sub", *(name for name in _TOLD if any(name in CLAIMS_OF_SCOPE.get(s, ()) for s in scopes))),
        id_token_algorithms=tuple(each for each in keys if each in limits.signing_algorithms),
        signing_algorithms=verified,
        mtls_endpoint_aliases=aliases,
        certificate_bound_access_tokens=bool(aliases) and "mtls" in limits.sender_constraint_methods,
        request_object_algorithms=verified,
        require_signed_request_object="jar" in deployment.profile.mechanisms.on,
        require_pushed_requests=not (
            deployment.federation is not None and deployment.federation.requests_without_push
        ),
        dpop_bound_access_tokens="dpop" in limits.sender_constraint_methods,
        authentication_methods=tuple(
            each for each in methods if each in limits.client_authentication_methods
        ),
        authorization_details_types=tuple(deployment.detail_types.definitions),
    )
