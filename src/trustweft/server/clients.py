"""The client registry: registered metadata as stored, read once and kept as long as the stored octets are the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from trustweft.crypto.keys import KeySet
from trustweft.protocol.federation_registration import registered_automatically, registration_expiry
from trustweft.protocol.mtls import RegisteredCertificates, read_registered_certificates
from trustweft.protocol.registration import ClientMetadata, read_client_metadata
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.profile import Limits
    from trustweft.server.storage import ServerStore

__all__ = [
    "PublishedKeys",
    "RegisteredClient",
    "find_client",
    "read_published_keys",
    "ways_beyond",
]

MAXIMUM_METADATA = 262_144


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """A client's JWK Set, ready for use.

    Attributes:
        keys: those for signatures.
        certificates: those, and the bare keys, that ``self_signed_tls_client_auth`` goes by; for such clients only.
    """

    keys: KeySet
    certificates: RegisteredCertificates | None = None


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client of this server.

    Attributes:
        published: its keys, ready for use, where they are registered by value; see ``server.client_keys`` otherwise.
        expires_at: when its registration ends by itself, as one that a Trust Chain made does.
        automatic: whether its Trust Chain registered it, without a request of its own.
    """

    client_id: str
    metadata: ClientMetadata
    published: PublishedKeys | None
    expires_at: float = math.inf
    automatic: bool = False


async def find_client(store: ServerStore, client_id: str, *, now: float) -> RegisteredClient | None:
    """Return the client as it is registered now; a change in the store is seen by the next request.

    One whose registration has ended is none.
    """
    stored = await store.find_client(client_id)
    client = None if stored is None else _read(client_id, stored)
    return client if client is not None and now < client.expires_at else None


@lru_cache(maxsize=1024)
def _read(client_id: str, stored: bytes) -> RegisteredClient:
    """Parsing keys costs as much as a verification; the stored octets themselves are the cache key."""
    document = load_object(stored, limit=MAXIMUM_METADATA)
    expires_at = registration_expiry(document)
    metadata = read_client_metadata(document, federated=expires_at is not None)
    method = metadata.token_endpoint_auth_method
    published = None if metadata.jwks is None else read_published_keys(metadata.jwks, method=method)
    return RegisteredClient(
        client_id,
        metadata,
        published,
        math.inf if expires_at is None else expires_at,
        automatic=registered_automatically(document),
    )


def read_published_keys(jwks: Mapping[str, object], *, method: str) -> PublishedKeys:
    """Read the JWK Set of a client that authenticates with this method.

    Raises:
        Reject: ``jwks.malformed``, ``jwk.*``, ``mtls.bad-certificates``.
    """
    certified = method == "self_signed_tls_client_auth"
    return PublishedKeys(KeySet.read(jwks), read_registered_certificates(jwks) if certified else None)


def ways_beyond(limits: Limits, metadata: ClientMetadata) -> tuple[str, ...]:
    """Return the ways of a registered client that a profile does not allow, or no longer.

    How it authenticates, what binds its tokens, and the algorithms that it was registered to sign and to be answered
    with; each as far as it is used.
    """
    method = metadata.token_endpoint_auth_method
    ways = [(method, limits.client_authentication_methods)]
    if method == "private_key_jwt":
        ways.append((metadata.token_endpoint_auth_signing_alg, limits.signing_algorithms))
    if metadata.request_object_signing_alg is not None:
        ways.append((metadata.request_object_signing_alg, limits.signing_algorithms))
    if metadata.grant_types:
        bound = "mtls" if metadata.tls_client_certificate_bound_access_tokens else "dpop"
        ways.append((bound, limits.sender_constraint_methods))
    if "openid" in metadata.scope:
        ways.append((metadata.id_token_signed_response_alg, limits.signing_algorithms))
    return tuple(way for way, allowed in ways if way not in allowed)
