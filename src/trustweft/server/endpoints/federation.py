"""The registration endpoint of a federation: Explicit Registration (OpenID Federation 1.0 section 12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.federation_chain import read_chain
from trustweft.protocol.federation_registration import (
    EXPLICIT_RESPONSE_TYPE,
    TRUST_CHAIN_MEDIA_TYPE,
    create_explicit_registration_response,
    read_registration_body,
)
from trustweft.protocol.federation_requests import signed_response
from trustweft.protocol.federation_statement import ENTITY_STATEMENT_MEDIA_TYPE, parse_entity_statement
from trustweft.runtime.errors import reason
from trustweft.server.federation import register_client

if TYPE_CHECKING:
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.server.exchange import Exchange

NO_FEDERATION = reason(
    "federated-client.no-federation",
    error="invalid_request",
    public="This server is no member of a federation.",
    status=404,
)
CONTENT_TYPE = reason(
    "federated-client.content-type",
    error="invalid_request",
    public="The body must be an Entity Configuration (application/entity-statement+jwt) or a Trust Chain (application/trust-chain+json).",
)
BODY = reason(
    "federated-client.body", error="invalid_request", public="The body is not the text of a signed statement."
)
PEER = reason(
    "federated-client.peer-chain",
    error="invalid_trust_chain",
    public="The peer_trust_chain does not lead from this server to the Trust Anchor of the client's chain.",
)


def check_federation(exchange: Exchange) -> None:
    """The server is a member of a federation."""
    if exchange.deployment.federation is None:
        raise NO_FEDERATION.reject()
    exchange.federation = exchange.deployment.federation


def read_registration_request(exchange: Exchange) -> None:
    """Read what was posted: the client's statement for this server, alone or with the chain above it."""
    request = exchange.request
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type == TRUST_CHAIN_MEDIA_TYPE:
        exchange.statements = read_registration_body(request.body)
    elif media_type == ENTITY_STATEMENT_MEDIA_TYPE:
        try:
            text = request.body.decode("ascii")
        except UnicodeDecodeError as cause:
            raise BODY.reject() from cause
        header = parse_entity_statement(text, for_registration=True).token.header
        # What the client made for us counts, not the statement that stands in the chain (section 12.2.2 item 5).
        above = read_chain(header["trust_chain"])[1:] if "trust_chain" in header else ()
        exchange.statements = (text, *above)
    else:
        raise CONTENT_TYPE.reject(media_type[:80])


async def resolve_registration(exchange: Exchange) -> None:
    """Verify the chain that came, or collect one: either way every statement of it is verified."""
    resolver, audience = exchange.federation.resolver, exchange.deployment.config.issuer
    if len(exchange.statements) > 1:
        exchange.chain = resolver.verify(exchange.statements, audience=audience)
    else:
        exchange.chain = await resolver.resolve_request(exchange.statements[0], audience=audience)
    header = parse_entity_statement(exchange.statements[0], for_registration=True).token.header
    if "peer_trust_chain" in header:
        peer = resolver.verify(read_chain(header["peer_trust_chain"]))
        _check_peer(peer, exchange.chain, issuer=audience)


def _check_peer(peer: TrustChain, chain: TrustChain, *, issuer: str) -> None:
    if peer.subject != issuer or peer.trust_anchor != chain.trust_anchor:  # section 12.2.2 item 6
        raise PEER.reject(f"from {peer.subject[:200]} to {peer.trust_anchor[:200]}")


async def register_explicitly(exchange: Exchange) -> None:
    """Register the client until its chain ends; an earlier registration of it is replaced (section 12.2.2 item 7)."""
    exchange.federated = await register_client(
        exchange.chain, how="explicit", store=exchange.deployment.store, now=exchange.now
    )


def answer_federation_registration(exchange: Exchange) -> None:
    """Answer with a statement about the client that says what it was registered as (section 12.2.3)."""
    client = exchange.federated
    token = create_explicit_registration_response(
        client,
        request=exchange.chain.statements[0],
        issuer=exchange.deployment.config.issuer,
        registered=client.document,
        signer=exchange.federation.keys.signer(),
        now=exchange.now,
    )
    exchange.response = signed_response(token, kind=EXPLICIT_RESPONSE_TYPE)
