"""The clients that the examiner plays: two for each way to authenticate and each way to bind tokens."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conformance.examiner.keys import Key

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.examiner.variants import Variant

__all__ = ["CALLBACKS", "Party", "make_parties", "scope_of"]

# Nobody listens there: the examiner reads where the browser is sent, and does not go.
CALLBACKS: Final = (
    "https://client.example/callback",
    "https://client.example/callback?dummy1=lorem&dummy2=ipsum",
)
_ALGORITHMS: Final = ("PS256", "ES256")  # the first has an RSA key, so that RS256 can be tried with it


@dataclass(frozen=True)
class Party:
    """One client.

    Attributes:
        signer: what its assertions are signed with.
        certificate: a file with its client certificate and key, where it has one.
    """

    client_id: str
    signer: Key
    authentication: str
    constraint: str
    certificate: Path | None = None

    @property
    def registration(self) -> dict[str, Any]:
        """What is registered of it (RFC 7591)."""
        return {
            "client_id": self.client_id,
            "client_name": f"Examined {self.client_id}",
            "organization_name": "Conformance Ltd",
            "redirect_uris": list(CALLBACKS),
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": "openid profile email accounts",
            "token_endpoint_auth_signing_alg": self.signer.algorithm,
            "jwks": {"keys": [self.signer.registered_jwk]},
        }

    def trust(self, authority: Path) -> ssl.SSLContext:
        """Return the TLS context of its connections; with its certificate, where it has one."""
        context = ssl.create_default_context(cafile=str(authority))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        return context


def make_parties(authentication: str, constraint: str) -> tuple[Party, Party]:
    """Return two clients with different keys."""
    first, second = (
        Party(
            client_id=f"{authentication}-{constraint}-{number}",
            signer=Key.make(algorithm, key_id=f"{authentication}-{constraint}-{number}-key"),
            authentication=authentication,
            constraint=constraint,
        )
        for number, algorithm in enumerate(_ALGORITHMS, start=1)
    )
    return first, second


def scope_of(variant: Variant) -> str:
    """Return what the clients of this variant ask for."""
    return "openid profile accounts" if variant.openid else "accounts"
