"""The keys that a client's credentials are verified with: as registered, or where the client publishes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.mtls import NOT_REGISTERED, verify_self_signed
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.crypto.jws import Unverified
    from trustweft.server.clients import PublishedKeys
    from trustweft.server.exchange import Exchange


def find_client_keys(exchange: Exchange) -> Awaitable[None] | None:
    """Have the client's keys at hand; those of its ``jwks_uri`` are asked for where they are needed, and only there."""
    client = exchange.client
    if client.published is not None:
        exchange.client_keys = client.published  # nothing to wait for
        return None
    address, serves = client.metadata.jwks_uri, _wanted(exchange)
    return None if address is None or serves is None else _fetch(exchange, address, serves)


async def _fetch(exchange: Exchange, address: str, serves: Callable[[PublishedKeys], bool]) -> None:
    method = exchange.client.metadata.token_endpoint_auth_method
    exchange.client_keys = await exchange.deployment.client_keys.find(address, method=method, serves=serves)


def _wanted(exchange: Exchange) -> Callable[[PublishedKeys], bool] | None:
    """Return what says whether known keys serve; None where the credentials are refused with any keys, or need none."""
    metadata = exchange.client.metadata
    assertion, certificate = exchange.assertion, exchange.request.client_certificate
    match metadata.token_endpoint_auth_method:
        case "private_key_jwt" if assertion is not None:
            # A signature of an algorithm that is not the client's is refused with any keys.
            hopeless = assertion.token.algorithm != metadata.token_endpoint_auth_signing_alg
            return lambda known: hopeless or _has_key(known, assertion.token)
        case "self_signed_tls_client_auth" if assertion is None and certificate is not None:
            return lambda known: _has_certificate(known, certificate, now=exchange.now)
        case _:
            return None


def _has_key(known: PublishedKeys, token: Unverified) -> bool:
    try:
        known.keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject:
        return False
    return True


def _has_certificate(known: PublishedKeys, certificate: bytes, *, now: float) -> bool:
    if known.certificates is None:
        return False
    try:
        verify_self_signed(certificate, registered=known.certificates, now=now)
    except Reject as refused:
        return refused.reason is not NOT_REGISTERED
    return True
