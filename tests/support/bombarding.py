"""The bombardment of each endpoint, carried out once however many tests look at it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.authority import make_authority
from support.bank_endpoints import bank_endpoints
from support.bombardment import Outcome, bombard
from support.ecosystem_endpoint import ecosystem_endpoint
from support.endpoints import client_endpoints, document_endpoints
from support.federated import federation_endpoints
from support.harbour import make_harbour
from support.page_endpoints import page_endpoints
from support.registration_endpoints import registration_endpoints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support.authority import Authority
    from support.endpoints import Endpoint
    from support.wire import Answer, Sent

__all__ = ["ENDPOINTS", "SERVER", "all_endpoints", "outcome_of"]

SERVER: Final = (
    "par",
    "par, with details",
    "par, signed",
    "token authorization_code",
    "token refresh_token",
    "token client_credentials",
    "introspection",
    "revocation",
    "userinfo",
    "registration",
    "registration, its statement",
    "registration, plain",
    "registration_recovery",
    "client_configuration GET",
    "client_configuration PUT",
    "client_configuration DELETE",
    "federation_registration",
    "authorization:request",
    "ecosystem_events",
    "/jwks",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "authorization",
    "interaction",
    "interaction, logged in",
    "login",
    "cancel",
    "decision",
    "passkey_options",
    "passkey",
    "passkeys",
    "passkey_registration_options",
    "passkey_registration",
)
BANK: Final = (
    "bank /accounts",
    "bank /accounts/{id}/balances",
    "bank /accounts/{id}/transactions",
    "bank /payments",
    "bank /payments, with details",
    "bank /payments/{id}",
    "bank /",
    "bank /.well-known/oauth-protected-resource",
    "bank /openapi.json",
)
ENDPOINTS: Final = (*SERVER, *BANK)

_OUTCOMES: dict[str, Outcome] = {}

Target = tuple["Endpoint", "Callable[[Sent], Awaitable[Answer]]"]


async def all_endpoints(authority: Authority) -> dict[str, Target]:
    """Return every endpoint of the server and the bank by name, and how requests get there."""
    harbour = make_harbour(authority)
    own = (
        *client_endpoints(authority),
        *document_endpoints(authority),
        *registration_endpoints(authority),
        *await page_endpoints(authority),
        *federation_endpoints(authority),
        ecosystem_endpoint(authority),
    )
    targets: dict[str, Target] = {endpoint.name: (endpoint, authority.send) for endpoint in own}
    return targets | {endpoint.name: (endpoint, harbour.send) for endpoint in bank_endpoints(harbour)}


async def outcome_of(name: str) -> Outcome:
    """Bombard an endpoint, or return what came of it before."""
    if name not in _OUTCOMES:
        with tempfile.TemporaryDirectory() as directory:
            authority = await make_authority(Path(directory) / "keys")
            try:
                endpoint, send = (await all_endpoints(authority))[name]
                _OUTCOMES[name] = await bombard(endpoint, send, authority.hearing)
            finally:
                authority.close()
    return _OUTCOMES[name]
