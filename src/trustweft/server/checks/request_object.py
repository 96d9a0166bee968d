"""Request objects (RFC 9101): pushed beside the client's authentication, or brought by a browser in a federation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol import jar
from trustweft.protocol.oauth import INVALID_REQUEST, Form, parse_form, parse_query
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.server.checks.interaction import CLIENT_MISSING
from trustweft.server.exchange import Submitted

if TYPE_CHECKING:
    from trustweft.crypto.jws import Unverified
    from trustweft.server.clients import PublishedKeys
    from trustweft.server.exchange import Exchange

BY_VALUE: Final = "authorization:request"
"""The pipeline of the authorization endpoint for requests that were not pushed."""

REQUIRED = reason(
    "request-object.required",
    error=INVALID_REQUEST,  # RFC 9126 section 2.3
    public="The request must be a signed request object.",
)
NOT_FEDERATED = reason(
    "request-object.not-federated",
    error=INVALID_REQUEST,
    public="The application must push its requests: only what its federation registers need not.",
    shown=Shown.PAGE,
)


def find_way(exchange: Exchange) -> str:
    """Return the pipeline of a request to the authorization endpoint: pushed before, or here by value.

    By value only where the operator lets the federation's clients do so (OpenID Federation 1.0 section 12.1.1.1); any
    other request without ``request_uri`` is one that was not pushed, and refused as such.

    Raises:
        Reject: ``form.*``.
    """
    federation = exchange.deployment.federation
    if federation is None or not federation.requests_without_push:
        return exchange.endpoint
    form = _read(exchange)
    by_value = form is not None and form.get("request") is not None and form.get("request_uri") is None
    return BY_VALUE if by_value else exchange.endpoint


def _read(exchange: Exchange) -> Form | None:
    request = exchange.request
    match request.method:
        case "GET":
            return parse_query(request.query)
        case "POST":
            return parse_form(request.body, content_type=request.header("content-type"))
        case _:
            return None


def read_request_by_value(exchange: Exchange) -> None:
    """Read what the browser brings; beside the object only ``client_id`` is looked at (RFC 9101 section 5)."""
    exchange.form = _read(exchange) or Form(())
    client_id = exchange.form.get("client_id")
    if client_id is None:
        raise CLIENT_MISSING.reject()
    exchange.client_id = client_id


@enforces("RFC9126-3-p1.1", "RFC9101-4-p5.1")
def read_request_object(exchange: Exchange) -> None:
    """Read the object where there is one; who has signed it is seen once the client's keys are known."""
    sent = exchange.form.get("request")
    exchange.request_object = None if sent is None else jar.parse_request_object(sent)


def check_registered_automatically(exchange: Exchange) -> None:
    """The client is one that its Trust Chain registers: all others push (FAPI 2.0 SP section 5.3.2.2 item 3)."""
    if not exchange.client.automatic:
        raise NOT_FEDERATED.reject(f"client_id={exchange.client_id}")


async def find_request_object_keys(exchange: Exchange) -> None:
    """Have the keys at hand that the object may be signed with: as registered, or where the client publishes them."""
    client, request = exchange.client, exchange.request_object
    if request is None:
        return
    if client.published is not None:
        exchange.client_keys = client.published
    elif client.metadata.jwks_uri is not None:
        exchange.client_keys = await exchange.deployment.client_keys.find(
            client.metadata.jwks_uri,
            method=client.metadata.token_endpoint_auth_method,
            serves=lambda known: _has_key(known, request.token),
        )


def _has_key(known: PublishedKeys, token: Unverified) -> bool:
    try:
        known.keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject:
        return False
    return True


@enforces(
    "RFC9101-5-p6.2",
    "RFC9101-6.3-p1.2",
    "RFC9101-10.5-p3.1",
    "RFC9101-10.5-p4.1",
    "RFC9126-2.3-p2",
)
def verify_request_object(exchange: Exchange) -> None:
    """Verify the object; from here on the request is what it says, and nothing that stood beside it.

    Where the profile or the client's registration demands one, there is one.
    """
    profile, metadata = exchange.deployment.profile, exchange.client.metadata
    demanded = "jar" in profile.mechanisms.on
    exchange.signed_parameters = None
    if exchange.request_object is None:
        if demanded or metadata.require_signed_request_object:
            raise REQUIRED.reject(f"client_id={exchange.client_id}")
        return
    exchange.signed_parameters = jar.verify_request_object(
        exchange.request_object,
        expected=jar.ExpectedRequestObject(
            client_id=exchange.client_id,
            issuer=exchange.deployment.config.issuer,
            algorithms=profile.limits.signing_algorithms,
            algorithm=metadata.request_object_signing_alg,
            # Message Signing has it so; what else a federation's clients know says nothing of nbf.
            require_not_before=demanded or not exchange.client.automatic,
            # Where nothing else proves who the client is, nothing else keeps its request from being sent again.
            require_identifier=exchange.endpoint == BY_VALUE,
        ),
        keys=exchange.client_keys.keys,
        now=exchange.now,
        future_tolerance=profile.limits.future_tolerance,
    )
    exchange.form = Form(exchange.signed_parameters.parameters)


def remember_request_object(exchange: Exchange) -> None:
    """Submit its identifier, where it has one, to the replay memory: a signed request is good once."""
    signed = exchange.signed_parameters
    if signed is None or signed.replay_key is None:
        return
    outcome = exchange.deployment.store.remember_jti(
        space="request-object", key=signed.replay_key, expires_at=signed.expires_at
    )
    exchange.submitted.append(Submitted(outcome, jar.REPLAYED))
