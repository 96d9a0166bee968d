"""The userinfo endpoint (OpenID Connect Core section 5.3): a protected resource of the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import dpop
from trustweft.protocol.access_token import verify_access_token
from trustweft.protocol.bearer import check_scheme, check_scope, create_challenge, read_presented_token
from trustweft.protocol.http import json_response
from trustweft.protocol.oauth import error_fields
from trustweft.protocol.oidc import create_userinfo
from trustweft.protocol.sender_constraint import verify_sender
from trustweft.runtime.errors import reason
from trustweft.server.checks.form import METHOD_NOT_ALLOWED
from trustweft.server.checks.participation import token_takes_part
from trustweft.server.records import TokenStatus

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.runtime.errors import Reject
    from trustweft.server.exchange import Exchange

REVOKED = reason(
    "access-token.revoked", error="invalid_token", public="The access token is revoked.", status=401
)
NO_PERSON = reason(
    "userinfo.no-person", error="invalid_token", public="The access token is not about a person.", status=401
)
_PROOF_ERRORS = frozenset({"invalid_dpop_proof", "use_dpop_nonce"})
_UNAUTHORIZED = 401


def check_userinfo_method(exchange: Exchange) -> None:
    """Userinfo is read with GET or POST (OpenID Connect Core section 5.3.1)."""
    if exchange.request.method not in {"GET", "POST"}:
        raise METHOD_NOT_ALLOWED.reject(exchange.request.method[:20], headers=(("allow", "GET, POST"),))


def verify_userinfo_token(exchange: Exchange) -> None:
    """Verify the access token; it is for the server itself."""
    deployment = exchange.deployment
    exchange.presented = read_presented_token(exchange.request)
    exchange.access_token = verify_access_token(
        exchange.presented.token,
        keys=deployment.token_keys(),
        issuer=deployment.config.issuer,
        audience=deployment.config.issuer,
        now=exchange.now,
        future_tolerance=deployment.profile.limits.future_tolerance,
    )
    exchange.client_id = exchange.access_token.client_id


def check_userinfo_scheme(exchange: Exchange) -> None:
    """A bound token never comes as a bearer token (RFC 9449 section 7.2)."""
    check_scheme(exchange.presented, exchange.access_token)


def read_userinfo_proof(exchange: Exchange) -> None:
    """Verify the proof for this request and this token; one that is bound to a certificate alone needs none."""
    deployment = exchange.deployment
    if exchange.access_token.jkt is None:
        return
    exchange.proof = dpop.verify_proof(
        dpop.parse_proof_header(exchange.request.header_values("dpop")),
        method=exchange.request.method,
        urls=deployment.config.endpoint_urls("userinfo"),
        now=exchange.now,
        future_tolerance=deployment.profile.limits.future_tolerance,
        maximum_age=deployment.profile.limits.dpop_proof_max_age,
        algorithms=deployment.profile.limits.signing_algorithms,
        access_token=exchange.presented.token,
    )


def check_userinfo_binding(exchange: Exchange) -> None:
    """The sender holds every key that the token is bound to: that of the proof, that of the certificate."""
    verify_sender(
        exchange.access_token.confirmation,
        proof=exchange.proof,
        client_certificate=exchange.request.client_certificate,
    )


def check_userinfo_scope(exchange: Exchange) -> None:
    """The token covers OpenID Connect."""
    check_scope(exchange.access_token, ("openid",))


async def check_userinfo_status(exchange: Exchange) -> None:
    """Neither the token nor its grant is revoked."""
    token = exchange.access_token
    status = await exchange.deployment.store.access_token_status(
        jti=token.jti, grant_id=token.grant_id, client_id=token.client_id, now=exchange.now
    )
    if status is not TokenStatus.ACTIVE or not token_takes_part(exchange, token):
        raise REVOKED.reject(f"client_id={token.client_id}")


async def answer_userinfo(exchange: Exchange) -> None:
    """Answer with what the scope asks for, and nothing else."""
    token = exchange.access_token
    user = await exchange.deployment.store.find_subject(token.subject)
    if user is None:
        raise NO_PERSON.reject(f"client_id={token.client_id}")
    claims = {"name": user.name, "preferred_username": user.username, "email": user.email}
    exchange.response = json_response(create_userinfo(user.subject, scope=token.scope, claims=claims))


def challenge(request: HttpRequest, refusal: Reject) -> HttpResponse:
    """Return a refusal as protected resources give it: with a challenge (RFC 6750 section 3, RFC 9449 section 7.1)."""
    status = _UNAUTHORIZED if refusal.reason.error in _PROOF_ERRORS else refusal.reason.status
    headers = (create_challenge(refusal.reason, request=request), *refusal.headers)
    return json_response(error_fields(refusal), status=status, headers=headers)
