"""What this server says of itself in its federation: its Entity Configuration (OpenID Federation 1.0 section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.federation_constraints import FEDERATION_ENTITY
from trustweft.protocol.federation_requests import signed_response
from trustweft.protocol.federation_statement import (
    ENTITY_STATEMENT_TYPE,
    NewEntityConfiguration,
    create_entity_configuration,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.protocol.http import HttpResponse
    from trustweft.server.exchange import Deployment
    from trustweft.server.federation import Federation

__all__ = ["OwnStatement"]

REGISTRATION_TYPES: Final = ("automatic", "explicit")


class OwnStatement:
    """The server's Entity Configuration; signed anew when it is half used up, or says something else.

    Args:
        deployment: the server.
        federation: the one that it is a member of.
        metadata: tells what the server says of itself elsewhere.
    """

    def __init__(
        self, deployment: Deployment, federation: Federation, metadata: Callable[[], Mapping[str, object]]
    ) -> None:
        self._deployment = deployment
        self._federation = federation
        self._metadata = metadata
        self._signed_at = 0.0
        self._spoken_of: tuple[object, object] | None = None
        self._response: HttpResponse | None = None

    def current(self) -> HttpResponse:
        """Return the Entity Configuration of now."""
        now, federation = self._deployment.clock.now(), self._federation
        keys = federation.keys.public_jwks()
        spoken_of = (keys, self._deployment.keys.algorithms)
        fresh = 0 <= now - self._signed_at < federation.statement_lifetime / 2
        if self._response is None or not fresh or self._spoken_of != spoken_of:
            self._signed_at, self._spoken_of = now, spoken_of
            self._response = signed_response(self._sign(now, keys), kind=ENTITY_STATEMENT_TYPE)
        return self._response

    def _request_authentication(self) -> dict[str, object]:
        """Return how clients prove who they are when they begin, where they need not push (section 5.1.3)."""
        metadata = self._metadata()
        if not self._federation.requests_without_push:
            return {}
        return {
            "request_authentication_methods_supported": {
                "authorization_endpoint": ["request_object"],
                "pushed_authorization_request_endpoint": metadata["token_endpoint_auth_methods_supported"],
            },
            "request_authentication_signing_alg_values_supported": metadata[
                "request_object_signing_alg_values_supported"
            ],
        }

    def _sign(self, now: float, keys: Mapping[str, object]) -> str:
        config, federation = self._deployment.config, self._federation
        server = {
            **self._metadata(),
            "client_registration_types_supported": list(REGISTRATION_TYPES),
            "federation_registration_endpoint": config.endpoint("federation_registration"),
            **self._request_authentication(),
        }
        members = keys["keys"]
        new = NewEntityConfiguration(
            entity=config.issuer,
            # The one document serves as both: the server is an OpenID Provider, and what OAuth asks of one besides.
            metadata={
                "openid_provider": server,
                "oauth_authorization_server": server,
                FEDERATION_ENTITY: {"organization_name": federation.organization_name},
            },
            lifetime=federation.statement_lifetime,
            authority_hints=federation.authority_hints,
            keys=tuple(members) if isinstance(members, list) else (),
        )
        return create_entity_configuration(new, signer=federation.keys.signer(), now=now)
