"""Clients that a Trust Chain registers (OpenID Federation 1.0 section 12): automatically, or by an explicit request.

What a client is registered as is what its chain resolves to, never what it says of itself; and no longer than the
chain holds (section 12.3). What would give it rights or another name in the ecosystem is believed of its superior
alone: ``software_id`` and ``organisation_id``, by which off-boarding finds it. Nobody becomes a resource server here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from trustweft.crypto.keys import KeySet
from trustweft.protocol.federation_chain import read_chain
from trustweft.protocol.federation_claims import check_audience, read_hints, read_metadata
from trustweft.protocol.federation_constraints import FEDERATION_ENTITY
from trustweft.protocol.federation_jwt import (
    MALFORMED,
    check_times,
    parse_federation_jwt,
    read_entity_identifier,
    sign_federation_jwt,
    verify_federation_jwt,
)
from trustweft.protocol.federation_statement import (
    ISSUER,
    SUBJECT,
    create_entity_configuration,
)
from trustweft.protocol.jwt import read_time
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_array

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.crypto.keys import Signer
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_statement import EntityStatement, NewEntityConfiguration

__all__ = [
    "CLIENT_TYPES",
    "EXPLICIT_RESPONSE_TYPE",
    "TRUST_CHAIN_MEDIA_TYPE",
    "ExplicitRegistration",
    "FederatedClient",
    "create_explicit_registration_request",
    "create_explicit_registration_response",
    "read_registration_body",
    "register_from_chain",
    "registered_automatically",
    "registration_expiry",
    "verify_explicit_registration_response",
]

EXPLICIT_RESPONSE_TYPE: Final = "explicit-registration-response+jwt"
TRUST_CHAIN_MEDIA_TYPE: Final = "application/trust-chain+json"
CLIENT_TYPES: Final = ("openid_relying_party", "oauth_client")
MARK: Final = "federation"  # the member of a stored registration that says where it comes from
_BY_SUPERIOR: Final = ("software_id", "organisation_id")
_NEVER: Final = ("resource_server_for", "client_id", "client_secret", MARK)
MAXIMUM_BODY: Final = 65_536

NO_CLIENT = reason(
    "federation.no-client",
    error="invalid_metadata",
    public="The entity is no client: its resolved metadata have neither openid_relying_party nor oauth_client.",
)
REGISTRATION_TYPE = reason(
    "federation.registration-type",
    error="invalid_metadata",
    public="The client does not register in this way: its client_registration_types say so.",
)
REGISTERED_OTHERWISE = reason(
    "federation.registered-otherwise",
    error="invalid_trust_chain",
    public="The answer to a registration names another client, another Trust Anchor or superior, or other entity types.",
)


class FederatedClient(Struct, frozen=True, kw_only=True):
    """What a chain registers a client as.

    Attributes:
        client_id: its Entity Identifier.
        entity_type: the one that its metadata are of.
        document: metadata to be registered and stored, with ``client_id``, where they come from and until when.
        expires_at: when the registration ends: with the chain, or sooner.
    """

    client_id: str
    entity_type: str
    document: Mapping[str, object]
    expires_at: float
    trust_anchor: str
    authority: str


def register_from_chain(chain: TrustChain, *, how: str, latest: float) -> FederatedClient:
    """Return what a verified chain registers its subject as: (1) a client (2) registered in this way (3) its metadata.

    Whether the server takes it is for ``read_client_metadata`` to say, which every client goes through.

    Args:
        chain: of the client.
        how: ``automatic`` or ``explicit``.
        latest: when the registration ends at the latest, however long its chain holds.

    Raises:
        Reject: ``federation.no-client``, ``federation.registration-type``.
    """
    entity_type = next((each for each in CLIENT_TYPES if each in chain.metadata), None)
    if entity_type is None:  # (1)
        raise NO_CLIENT.reject(" ".join(chain.metadata))
    resolved = chain.metadata[entity_type]
    types = resolved.get("client_registration_types")
    if "client_registration_types" in resolved and not (isinstance(types, list) and how in types):  # (2)
        raise REGISTRATION_TYPE.reject(f"{types!r:.100}")
    expires_at = min(chain.expires_at, latest)
    return FederatedClient(
        client_id=chain.subject,
        entity_type=entity_type,
        document=_document(chain, entity_type, how=how, expires_at=expires_at),  # (3)
        expires_at=expires_at,
        trust_anchor=chain.trust_anchor,
        authority=chain.authority,
    )


def _document(chain: TrustChain, entity_type: str, *, how: str, expires_at: float) -> dict[str, object]:
    resolved = chain.metadata[entity_type]
    said = chain.statements[1].metadata.get(entity_type, {}) if len(chain.statements) > 1 else {}
    document = {name: value for name, value in resolved.items() if name not in {*_BY_SUPERIOR, *_NEVER}}
    document |= {name: said[name] for name in _BY_SUPERIOR if name in said}
    general = chain.metadata.get(FEDERATION_ENTITY, {})
    host = urlsplit(chain.subject).netloc
    # People must be told somebody's name: where none is known, the host, of which the certificate spoke.
    document.setdefault("organization_name", general.get("organization_name", host))
    document.setdefault("client_name", resolved.get("display_name", host))
    if entity_type == "openid_relying_party":
        document.setdefault("scope", "openid")
    if "token_endpoint_auth_signing_alg" not in document:
        document |= _algorithm_of(document.get("jwks"))
    document["client_id"] = chain.subject
    document[MARK] = {
        "registration": how,
        "entity_type": entity_type,
        "trust_anchor": chain.trust_anchor,
        "authority": chain.authority,
        "expires_at": int(expires_at),
    }
    return document


def _algorithm_of(jwks: object) -> dict[str, object]:
    """Return the algorithm of a client's keys where they all have one: a client of a federation need not say it."""
    if not isinstance(jwks, dict):
        return {}
    try:
        algorithms = {key.algorithm for key in KeySet.read(jwks).keys}
    except Reject:
        return {}  # whoever reads the metadata refuses them with the reason
    return {"token_endpoint_auth_signing_alg": algorithms.pop()} if len(algorithms) == 1 else {}


def registration_expiry(document: Mapping[str, object]) -> float | None:
    """Return when a stored registration that a chain made ends; None for every other registration."""
    mark = document.get(MARK)
    if not isinstance(mark, dict):
        return None
    return read_time(mark.get("expires_at")) or 0.0


def registered_automatically(document: Mapping[str, object]) -> bool:
    """Say whether a stored registration was made by a chain alone, without a request of the client to be registered."""
    mark = document.get(MARK)
    return isinstance(mark, dict) and mark.get("registration") == "automatic"


def create_explicit_registration_request(new: NewEntityConfiguration, *, signer: Signer, now: float) -> str:
    """Return the request of a client to one server (section 12.2.1): its Entity Configuration, made for that server.

    Raises:
        ValueError: it names no audience or no superior.
    """
    if new.audience is None or not new.authority_hints:
        raise ValueError("an Explicit Registration request names one server and the client's superiors")
    return create_entity_configuration(new, signer=signer, now=now)


def read_registration_body(body: bytes) -> tuple[str, ...]:
    """Return the Trust Chain that was posted as ``application/trust-chain+json``, the client's own statement first.

    Raises:
        Reject: ``json.*``, ``federation.chain-length``.
    """
    return read_chain(load_array(body, limit=MAXIMUM_BODY))


def create_explicit_registration_response(
    client: FederatedClient,
    *,
    request: EntityStatement,
    issuer: str,
    registered: Mapping[str, object],
    signer: Signer,
    now: float,
) -> str:
    """Return the signed answer to a request (section 12.2.3); it ends with the registration.

    Args:
        client: what was registered.
        request: the verified request, the first statement of the chain.
        issuer: the server.
        registered: the client's metadata as they were registered.
        signer: a federation key of the server.
        now: the time.
    """
    claims = {
        "iss": issuer,
        "sub": client.client_id,
        "aud": client.client_id,
        "iat": int(now),
        "exp": int(client.expires_at),
        "jwks": request.claims["jwks"],
        "trust_anchor": client.trust_anchor,
        "authority_hints": [client.authority],
        "metadata": {
            client.entity_type: {name: value for name, value in registered.items() if name != MARK},
        },
    }
    return sign_federation_jwt(claims, signer=signer, kind=EXPLICIT_RESPONSE_TYPE)


class ExplicitRegistration(Struct, frozen=True, kw_only=True):
    """A client's registration as the server confirmed it.

    Attributes:
        client_id: that the server gave it.
        metadata: by entity type, as registered.
        expires_at: when the client must have registered again.
    """

    client_id: str
    metadata: Mapping[str, Mapping[str, object]]
    trust_anchor: str
    expires_at: float


def verify_explicit_registration_response(
    token: str,
    *,
    server: str,
    keys: KeySet,
    asked: EntityStatement,
    trust_anchors: Collection[str],
    now: float,
    future_tolerance: float,
) -> ExplicitRegistration:
    """Verify what a server answered (section 12.2.5).

    (1) type and signature (2) ``iss``, ``sub``, ``aud`` (3) times (4) Trust Anchor (5) superior (6) entity types
    (7) ``client_id``.

    Args:
        token: the answer.
        server: who was asked.
        keys: the server's federation keys, from its own chain.
        asked: the client's own request, verified.
        trust_anchors: those of the client.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.

    Raises:
        Reject: ``federation.*``.
    """
    claims = verify_federation_jwt(parse_federation_jwt(token, kind=EXPLICIT_RESPONSE_TYPE), keys=keys)  # (1)
    client, entity_types = asked.subject, [each for each in CLIENT_TYPES if each in asked.metadata]
    if claims.get("iss") != server:  # (2)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}, not {server[:200]}")
    if claims.get("sub") != client:
        raise SUBJECT.reject(f"{claims.get('sub')!r:.200}, not {client[:200]}")
    check_audience(claims, client)
    _, expires_at = check_times(claims, now=now, future_tolerance=future_tolerance)  # (3)
    anchor = read_entity_identifier(claims, "trust_anchor")
    superiors = read_hints(claims, "authority_hints")
    metadata = read_metadata(claims.get("metadata"))
    if (
        anchor not in trust_anchors  # (4)
        or len(superiors) != 1
        or superiors[0] not in asked.authority_hints  # (5)
        or not set(entity_types) & set(metadata)  # (6)
        or not set(metadata) <= {*entity_types, FEDERATION_ENTITY}
    ):
        raise REGISTERED_OTHERWISE.reject(f"{anchor[:200]} {superiors!r:.200} {' '.join(metadata)[:100]}")
    return ExplicitRegistration(
        client_id=_client_id(metadata, entity_types),  # (7)
        metadata=metadata,
        trust_anchor=anchor,
        expires_at=expires_at,
    )


def _client_id(metadata: Mapping[str, Mapping[str, object]], entity_types: Collection[str]) -> str:
    names = [metadata[each].get("client_id") for each in entity_types if each in metadata]
    name = names[0] if names else None
    if not isinstance(name, str) or not name or any(other != name for other in names):
        raise MALFORMED.reject(f"client_id={names!r:.200}")
    return name
