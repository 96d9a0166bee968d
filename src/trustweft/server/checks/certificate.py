"""Client authentication with a certificate, and what tokens are bound to (RFC 8705)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.protocol import dpop, mtls
from trustweft.protocol.access_token import Confirmation
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.exchange import Exchange

BINDING_MISSING = reason(
    "mtls.binding-missing",
    error="invalid_request",
    public="The client's tokens are bound to its certificate, and none came with this connection.",
)


@enforces("RFC8705-2-p3.2")
def verify_client_certificate(exchange: Exchange) -> Awaitable[None] | None:
    """Verify the certificate of a client that is registered to authenticate with one."""
    match exchange.client.metadata.token_endpoint_auth_method:
        case "tls_client_auth":
            return _verify_name(exchange)
        case "self_signed_tls_client_auth":
            _verify_self_signed(exchange)
    return None  # for every other client verify_client_assertion has seen to it


async def _verify_name(exchange: Exchange) -> None:
    name = exchange.client.metadata.certificate_name
    if name is None:
        raise AttributeError("the client is known by no name: its registration has a hole")
    verified = await exchange.deployment.client_certificates.verify(
        _certificate(exchange), intermediates=exchange.request.client_certificate_chain, now=exchange.now
    )
    mtls.verify_certificate_name(verified.certificate, expected=name)


def _verify_self_signed(exchange: Exchange) -> None:
    certificate = _certificate(exchange)
    registered = exchange.client_keys.certificates
    if registered is None:
        raise AttributeError("the client has no certificates: its registration has a hole")
    mtls.verify_self_signed(certificate, registered=registered, now=exchange.now)


@enforces("RFC8705-2-p2")
def _certificate(exchange: Exchange) -> bytes:
    certificate = exchange.request.client_certificate
    if certificate is None:
        raise mtls.MISSING.reject(f"client_id={exchange.client_id}")
    return certificate


@enforces("RFC9449-5.2-p3")
def establish_confirmation(exchange: Exchange) -> None:
    """Say what the tokens to come are bound to: the key of the proof, or the certificate of this connection."""
    if not exchange.client.metadata.tls_client_certificate_bound_access_tokens:
        if exchange.proof is None:
            raise dpop.MISSING.reject()
        exchange.confirmation = Confirmation(jkt=exchange.proof.jkt)
        return
    certificate = exchange.request.client_certificate
    if certificate is None:
        raise BINDING_MISSING.reject(f"client_id={exchange.client_id}")
    exchange.confirmation = Confirmation(certificate_thumbprint=certificate_thumbprint(certificate))
