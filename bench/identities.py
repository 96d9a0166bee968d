"""Who takes part: clients with their keys, holders of DPoP keys, the person; the same for both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk, thumbprint

__all__ = ["AUDIENCE", "PERSON", "REDIRECT_URI", "SCOPE", "Client", "Identities", "make_identities"]

AUDIENCE: Final = "https://bank.example"
REDIRECT_URI: Final = "https://client.example/callback"
PERSON: Final = "u-1"
SCOPE: Final = "openid accounts"
CLIENTS: Final = 8
HOLDERS: Final = 64
_KEY_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client."""

    client_id: str
    signer: LocalSigner

    @property
    def metadata(self) -> dict[str, Any]:
        """Return its registration (RFC 7591), which both sides take as it is."""
        return {
            "client_id": self.client_id,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types": ["code"],
            "scope": SCOPE,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": {"keys": [published(self.signer)]},
        }


@dataclass(frozen=True, slots=True)
class Identities:
    """Everybody.

    Attributes:
        holders: DPoP keys; a client in the field has one per session or one for all.
        thumbprints: of the holders' keys, in the same order.
        issuer: signs the tokens that the guards verify.
    """

    clients: tuple[Client, ...]
    holders: tuple[LocalSigner, ...]
    thumbprints: tuple[str, ...]
    issuer: LocalSigner


def published(signer: LocalSigner) -> dict[str, str]:
    """Return the public key as a member of a key set."""
    return {
        **public_jwk(signer.public_key),
        "kid": signer.key_id or "",
        "alg": signer.algorithm,
        "use": "sig",
    }


def make_identities() -> Identities:
    """Make everybody's keys."""
    holders = tuple(LocalSigner("ES256", generate_private_key("ES256")) for _ in range(HOLDERS))
    return Identities(
        clients=tuple(Client(f"client-{number}", _signer()) for number in range(CLIENTS)),
        holders=holders,
        thumbprints=tuple(thumbprint(holder.public_key) for holder in holders),
        issuer=_signer(),
    )


def _signer() -> LocalSigner:
    key = generate_private_key("ES256")
    return LocalSigner("ES256", key, thumbprint(key.public_key())[:_KEY_ID_LENGTH])
