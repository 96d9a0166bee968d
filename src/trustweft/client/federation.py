"""The client as a member of a federation (OpenID Federation 1.0): what it says of itself, and a server by its chain.

The client's Entity Identifier is its ``client_id`` wherever servers register it automatically (section 12.1). Before
it sends anybody to a server it has that server's Trust Chain resolved, with `trustweft.net.federation.ChainResolver`
or any other means, and hands the chain to its configuration: metadata then come from the chain and from nowhere else,
and are good for no longer (section 12.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.client.configuration import PrivateKeyJwt
from trustweft.client.publishing import publish
from trustweft.protocol.federation_constraints import FEDERATION_ENTITY
from trustweft.protocol.federation_registration import CLIENT_TYPES
from trustweft.protocol.federation_statement import NewEntityConfiguration, create_entity_configuration
from trustweft.protocol.metadata import read_server_metadata
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.publishing import SigningKeys
    from trustweft.crypto.keys import Signer
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.metadata import ClientNeeds, ServerMetadata

__all__ = ["FederationMembership", "create_client_statement", "server_from_chain"]

SERVER_TYPES: Final = ("openid_provider", "oauth_authorization_server")
STATEMENT_LIFETIME: Final = 3_600.0  # our choice: a key that was replaced is not seen for so long
_AUTOMATIC: Final = "automatic"

OTHER_CHAIN = reason(
    "client.other-chain",
    error="invalid_trust_chain",
    public="The Trust Chain is that of another server, or of something that is no server.",
    status=502,
)
CHAIN_ENDED = reason(
    "client.chain-ended",
    error="invalid_trust_chain",
    public="The Trust Chain of the server has ended and must be resolved again.",
    status=502,
)
NO_AUTOMATIC_REGISTRATION = reason(
    "client.no-automatic-registration",
    error="invalid_metadata",
    public="The server does not say that it registers clients automatically.",
    status=502,
)


class FederationMembership(Struct, frozen=True, kw_only=True):
    """What the client is in its federation.

    Attributes:
        authority_hints: the entities right above it.
        client_name: what people read when they are asked.
        organization_name: who answers for it.
        lifetime: seconds that its statement is good for.
        metadata: further members of its metadata, such as ``logo_uri``.
    """

    authority_hints: tuple[str, ...]
    client_name: str
    organization_name: str
    lifetime: float = STATEMENT_LIFETIME
    metadata: Mapping[str, object] = {}


def create_client_statement(
    configuration: ClientConfiguration,
    membership: FederationMembership,
    *,
    signer: Signer,
    now: float,
    audience: str | None = None,
) -> str:
    """Return the client's Entity Configuration, to be served at ``client_id``/.well-known/openid-federation.

    Args:
        configuration: of the client, whose ``client_id`` is its Entity Identifier.
        membership: what it is in the federation.
        signer: a federation key, which signs nothing else.
        now: the time.
        audience: the one server that an Explicit Registration request is for; None for the statement that all read.

    Raises:
        ValueError: the client does not authenticate with assertions, or signs them with its federation key.
    """
    authentication = configuration.authentication
    keys = authentication.keys if isinstance(authentication, PrivateKeyJwt) else None
    if keys is None:
        raise ValueError("a client of a federation authenticates with the keys of its statement")
    if keys.signer().public_key == signer.public_key:
        raise ValueError("statements and assertions are signed with keys of their own")
    identity = configuration.asks_for_identity
    metadata: dict[str, object] = {
        **membership.metadata,
        "client_name": membership.client_name,
        "organization_name": membership.organization_name,
        "client_registration_types": [_AUTOMATIC, "explicit"],
        "scope": " ".join(configuration.scope),
        "jwks": _published(configuration, keys),
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": keys.signer().algorithm,
    }
    if identity:
        metadata["id_token_signed_response_alg"] = configuration.id_token_algorithm
    if configuration.redirect_uri is None:
        metadata |= {"grant_types": ["client_credentials"], "response_types": []}
    else:
        metadata |= {
            "redirect_uris": [configuration.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        }
    bound = configuration.binds_to_certificate
    metadata["tls_client_certificate_bound_access_tokens"] = bound
    metadata["dpop_bound_access_tokens"] = not bound
    new = NewEntityConfiguration(
        entity=configuration.client_id,
        metadata={
            CLIENT_TYPES[0] if identity else CLIENT_TYPES[1]: metadata,
            FEDERATION_ENTITY: {"organization_name": membership.organization_name},
        },
        lifetime=membership.lifetime,
        authority_hints=membership.authority_hints,
        audience=audience,
    )
    return create_entity_configuration(new, signer=signer, now=now)


def _published(configuration: ClientConfiguration, keys: SigningKeys) -> dict[str, object]:
    """Return the keys of assertions and those of signed requests, each once."""
    members: list[object] = []
    for each in (keys, configuration.request_keys):
        document = {"keys": []} if each is None else publish(each)
        listed = document["keys"]
        members += [key for key in listed if key not in members] if isinstance(listed, list) else []
    return {"keys": members}


def server_from_chain(chain: TrustChain, *, issuer: str, needs: ClientNeeds, now: float) -> ServerMetadata:
    """Return what a client may believe of a server by its verified Trust Chain.

    (1) the chain is of this server (2) and holds (3) it is a server (4) that registers clients automatically (5) its
    metadata are what every server's must be.

    Raises:
        Reject: ``client.other-chain``, ``client.chain-ended``, ``client.no-automatic-registration``, ``metadata.*``.
    """
    if chain.subject != issuer:  # (1)
        raise OTHER_CHAIN.reject(f"{chain.subject[:200]}, not {issuer[:200]}")
    if now >= chain.expires_at:  # (2)
        raise CHAIN_ENDED.reject(f"{now - chain.expires_at:.0f} s ago")
    document = next((chain.metadata[each] for each in SERVER_TYPES if each in chain.metadata), None)
    if document is None:  # (3)
        raise OTHER_CHAIN.reject(" ".join(chain.metadata))
    types = document.get("client_registration_types_supported")
    if (
        not isinstance(types, list) or _AUTOMATIC not in types
    ):  # (4) others may stand there as well (section 5.1.3)
        raise NO_AUTOMATIC_REGISTRATION.reject(f"{types!r:.100}")
    return read_server_metadata(document, issuer=issuer, needs=needs)  # (5)
