"""What a pushed authorization request may ask for (RFC 9126 section 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import par, pkce
from trustweft.protocol.oauth import INVALID_REQUEST, parse_scope
from trustweft.protocol.redirect_uri import verify_registered
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.server.checks.details import check_within_registration

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

UNSUPPORTED_PARAMETER = reason(
    "authorization-request.unsupported-parameter",
    error="invalid_request",
    public="A parameter would change what is granted in a way that is not supported here.",
)
RESPONSE_TYPE_MISSING = reason(
    "authorization-request.response-type-missing",
    error="invalid_request",
    public="The response_type is missing.",
)
RESPONSE_TYPE = reason(
    "authorization-request.response-type",
    error="unsupported_response_type",
    public="The only response_type here is code.",
)
RESPONSE_MODE = reason(
    "authorization-request.response-mode",
    error="invalid_request",
    public="The only response_mode here is query.",
)
GRANT_TYPE = reason(
    "authorization-request.grant-type",
    error="unauthorized_client",
    public="The client is not registered for the authorization code grant.",
)
TOO_LONG = reason(
    "authorization-request.too-long", error="invalid_request", public="The state or the nonce is too long."
)

MALFORMED_PROMPT = reason(
    "authorization-request.prompt", error="invalid_request", public="The prompt is malformed."
)

WITHDRAWN = reason(
    "request-uri.withdrawn",
    error=INVALID_REQUEST,
    public="The application may no longer ask for what it asked for here.",
    shown=Shown.PAGE,
)

# Each would widen or redirect what the tokens are for; to ignore one would grant something else than was asked.
_UNSUPPORTED = ("resource", "claims")


def refuse_request_uri(exchange: Exchange) -> None:
    """A pushed request never points at another one (RFC 9126 section 2.1)."""
    par.refuse_nested_request_uri(exchange.form.get("request_uri"))


def refuse_unsupported_parameters(exchange: Exchange) -> None:
    """Parameters that change what is granted are refused, not ignored (RFC 8707, OpenID Connect 5.5)."""
    for name in _UNSUPPORTED:
        if exchange.form.get(name) is not None:
            raise UNSUPPORTED_PARAMETER.reject(name)


@enforces("FAPI2-SP-5.3.2.2-1")
def check_response_type(exchange: Exchange) -> None:
    """The authorization code flow, for clients that are registered for it, and no other flow."""
    response_type = exchange.form.get("response_type")
    if response_type is None:
        raise RESPONSE_TYPE_MISSING.reject()
    if response_type not in exchange.deployment.profile.limits.response_types:
        raise RESPONSE_TYPE.reject(response_type[:80])
    if "authorization_code" not in exchange.client.metadata.grant_types:
        raise GRANT_TYPE.reject(exchange.client_id)


def check_response_mode(exchange: Exchange) -> None:
    """The response comes in the query of the redirect URI; our choice, as browsers keep fragments too long."""
    if exchange.form.get("response_mode") not in (None, "query"):
        raise RESPONSE_MODE.reject()


@enforces("RFC9126-2.1-3", "RFC9700-4.11.2-p2")
def check_redirect_uri(exchange: Exchange) -> None:
    """The redirect URI is there and equal, octet by octet, to a registered one (our choice: FAPI allows others)."""
    exchange.redirect_uri = verify_registered(
        exchange.form.get("redirect_uri"),
        exchange.client.metadata.redirect_uris,
        application_type=exchange.client.metadata.application_type,
    )


@enforces("RFC9700-4.8.2-1")
def check_code_challenge(exchange: Exchange) -> None:
    """PKCE with S256, always."""
    form = exchange.form
    exchange.code_challenge = pkce.check_challenge(
        form.get("code_challenge"), method=form.get("code_challenge_method")
    )


@enforces("FAPI2-SP-5.3.2.2-14")
def check_state_and_nonce_length(exchange: Exchange) -> None:
    """State and nonce are echoed exactly or refused, never cut; a nonce of 64 characters always fits."""
    limits = exchange.deployment.profile.limits
    state, nonce = exchange.form.get("state") or "", exchange.form.get("nonce") or ""
    if len(state) > limits.state_max_length or len(nonce) > limits.nonce_max_length:
        raise TOO_LONG.reject(f"state={len(state)} nonce={len(nonce)}")


def read_prompt(exchange: Exchange) -> None:
    """Read how the person shall be asked (OpenID Connect Core section 3.1.2.1); judged at the browser."""
    prompt = exchange.form.get("prompt")
    try:
        exchange.prompt = () if prompt is None else parse_scope(prompt)  # it has the form of a scope
    except Reject as cause:
        raise MALFORMED_PROMPT.reject(cause.detail) from cause


@enforces("RFC9126-4-p3.1", "RFC9126-7.4-p1")
def refuse_withdrawn_request(exchange: Exchange) -> None:
    """What was pushed is still allowed: a registration that was narrowed since counts from now on.

    Said on a page of ours: a redirect URI that was taken back gets no answer, not even a refusal.
    """
    metadata, pushed = exchange.client.metadata, exchange.pushed
    try:
        verify_registered(
            pushed.redirect_uri, metadata.redirect_uris, application_type=metadata.application_type
        )
        check_within_registration(exchange, pushed.authorization_details)
    except Reject as cause:
        raise WITHDRAWN.reject(f"client_id={exchange.client_id} {cause.reason.id}") from cause
    beyond = set(pushed.scope).difference(metadata.scope)
    if beyond or "authorization_code" not in metadata.grant_types:
        raise WITHDRAWN.reject(f"client_id={exchange.client_id} scope={' '.join(sorted(beyond))[:200]}")
