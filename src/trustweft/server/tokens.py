"""What the token endpoint hands out: access tokens, ID tokens, refresh tokens (RFC 6749 section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.access_token import NewAccessToken, create_access_token
from trustweft.protocol.http import json_response
from trustweft.protocol.oidc import NewIdToken, create_id_token
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpResponse
    from trustweft.server.exchange import Exchange

__all__ = ["issue_access_token", "issue_id_token", "token_response"]


@enforces(
    "FAPI2-SP-6.8-4",
    "RFC9700-2.3-p2.1",
    "RFC9449-11.2-p3",
    "RFC9068-2.2.3-p2",
    "RFC9068-3-p5",
    "RFC9068-3-p6.1",
    "RFC9068-3-p6.2",
    "RFC9068-5-p3",
)
def issue_access_token(
    exchange: Exchange,
    *,
    subject: str,
    scope: tuple[str, ...],
    grant_id: str | None = None,
    authenticated_at: float | None = None,
) -> str:
    """Return a signed access token, bound to what this request's sender holds and to the audiences of what it allows."""
    deployment, details = exchange.deployment, exchange.details
    audience = deployment.config.audiences(scope)
    if details:
        audience = tuple(dict.fromkeys((*audience, *deployment.detail_types.audiences(details))))
    lifetime = deployment.profile.limits.access_token_lifetime
    return create_access_token(
        NewAccessToken(
            issuer=deployment.config.issuer,
            subject=subject,
            audience=audience,
            client_id=exchange.client_id,
            scope=scope,
            issued_at=exchange.now,
            expires_at=exchange.now + lifetime,
            jti=deployment.entropy.token(),
            confirmation=exchange.confirmation,
            grant_id=grant_id,
            auth_time=authenticated_at,
            authorization_details=details,
            software_id=exchange.client.metadata.software_id,
            organisation_id=exchange.client.metadata.organisation_id,
        ),
        signer=deployment.keys.signer(),
    )


def issue_id_token(
    exchange: Exchange, *, subject: str, nonce: str | None, authenticated_at: float, access_token: str
) -> str:
    """Return an ID token (OpenID Connect Core section 2), signed as the client registered, with no claim unasked for."""
    deployment = exchange.deployment
    return create_id_token(
        NewIdToken(
            issuer=deployment.config.issuer,
            subject=subject,
            client_id=exchange.client_id,
            issued_at=exchange.now,
            expires_at=exchange.now + deployment.profile.limits.id_token_lifetime,
            nonce=nonce,
            auth_time=authenticated_at,
            access_token=access_token,
        ),
        signer=deployment.keys.signer(exchange.client.metadata.id_token_signed_response_alg),
    )


@enforces("RFC9449-5-p3", "RFC9396-7-p1")
def token_response(
    exchange: Exchange,
    *,
    access_token: str,
    scope: tuple[str, ...],
    refresh_token: str | None = None,
    id_token: str | None = None,
) -> HttpResponse:
    """Return the answer of the token endpoint; nobody may store it."""
    members: dict[str, object] = {
        "access_token": access_token,
        # RFC 8705 section 3.1 has no type of its own: the token says that it is bound.
        "token_type": "Bearer" if exchange.confirmation.jkt is None else "DPoP",
        "expires_in": int(exchange.deployment.profile.limits.access_token_lifetime),
    }
    if scope:
        members["scope"] = " ".join(scope)
    if exchange.details:
        # As assigned to this access token (RFC 9396 section 7).
        members["authorization_details"] = [detail.document() for detail in exchange.details]
    if refresh_token is not None:
        members["refresh_token"] = refresh_token
    if id_token is not None:
        members["id_token"] = id_token
    return json_response(members)
