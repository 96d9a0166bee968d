"""Proof of possession at the server's own endpoints (RFC 9449 sections 5, 8 and 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import dpop
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.exchange import Submitted

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

PUSHED_KEY_MISMATCH = reason(
    "dpop.jkt-mismatch",
    error="invalid_dpop_proof",
    public="The dpop_jkt is not the thumbprint of the key that made the DPoP proof.",
)


CERTIFICATE_BOUND = reason(
    "dpop.certificate-bound",
    error="invalid_request",
    public="The client's tokens are bound to its certificate: it sends neither a DPoP proof nor a dpop_jkt.",
)


@enforces("RFC9449-5-p2")
def read_dpop_proof(exchange: Exchange) -> None:
    """Verify the proof, where there is one, for this endpoint's configured URLs."""
    values = exchange.request.header_values("dpop")
    if not values:
        return
    _check_not_certificate_bound(exchange)
    deployment = exchange.deployment
    exchange.proof = dpop.verify_proof(
        dpop.parse_proof_header(values),
        method=exchange.request.method,
        urls=deployment.config.endpoint_urls(exchange.endpoint),
        now=exchange.now,
        future_tolerance=deployment.profile.limits.future_tolerance,
        maximum_age=deployment.profile.limits.dpop_proof_max_age,
        algorithms=deployment.profile.limits.signing_algorithms,
    )


def _check_not_certificate_bound(exchange: Exchange) -> None:
    if exchange.client.metadata.tls_client_certificate_bound_access_tokens:
        raise CERTIFICATE_BOUND.reject(f"client_id={exchange.client_id}")


def check_dpop_nonce(exchange: Exchange) -> None:
    """The proof holds a nonce that this server gave out lately, so it was not made in advance."""
    if exchange.proof is not None and exchange.deployment.profile.duties.require_dpop_nonce:
        exchange.deployment.nonces.check(exchange.proof.nonce, now=exchange.now)


@enforces("FAPI2-SP-5.3.2.1-12", "RFC9449-10.1-2", "RFC9449-10.1-p2.1", "RFC9449-10.1-p2.2")
def bind_pushed_request_key(exchange: Exchange) -> None:
    """A proof or a ``dpop_jkt`` binds the code to come to a key; where both are sent they agree (section 10.1)."""
    named = exchange.form.get("dpop_jkt")
    if named is not None:
        _check_not_certificate_bound(exchange)
        exchange.dpop_jkt = dpop.check_thumbprint(named)
    if exchange.proof is not None:
        if exchange.dpop_jkt is not None:
            dpop.verify_key_binding(
                exchange.proof, expected_jkt=exchange.dpop_jkt, mismatch=PUSHED_KEY_MISMATCH
            )
        exchange.dpop_jkt = exchange.proof.jkt


@enforces("RFC9449-11.1-p2")
def remember_dpop_proof(exchange: Exchange) -> None:
    """Submit the proof's identifier to the replay memory."""
    proof = exchange.proof
    if proof is not None:
        outcome = exchange.deployment.store.remember_jti(
            space="dpop", key=proof.replay_key, expires_at=proof.expires_at
        )
        exchange.submitted.append(Submitted(outcome, dpop.REPLAYED))
