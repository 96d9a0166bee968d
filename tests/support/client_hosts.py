"""Where clients publish their keys, as whoever fetches them sees it: documents by address, and who was asked how often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from trustweft.crypto.keys import public_jwk
from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from trustweft.crypto.keys import LocalSigner

__all__ = ["ClientHosts", "jwk_of"]


def jwk_of(signer: LocalSigner, **members: object) -> dict[str, object]:
    """Return the public key of a signer as its owner publishes it."""
    return {
        **public_jwk(signer.public_key),
        "kid": signer.key_id,
        "alg": signer.algorithm,
        "use": "sig",
        **members,
    }


class ClientHosts:
    """Answers as HTTP does. An address that is in ``away`` fails; one in ``slow`` answers when it is told to."""

    def __init__(self) -> None:
        self.documents: dict[str, HttpResponse] = {}
        self.asked: list[str] = []
        self.away: dict[str, Exception] = {}
        self.slow: dict[str, asyncio.Event] = {}
        self.arrived = asyncio.Event()

    def publish(self, address: str, *keys: LocalSigner | dict[str, object]) -> None:
        """Publish those keys and no others."""
        jwks = [key if isinstance(key, dict) else jwk_of(key) for key in keys]
        self.documents[address] = HttpResponse(200, (), msgspec.json.encode({"keys": jwks}))

    async def fetch(self, address: str) -> HttpResponse:
        """Return the document; 404 where there is none."""
        self.asked.append(address)
        self.arrived.set()
        if address in self.slow:
            await self.slow[address].wait()
        if address in self.away:
            raise self.away[address]
        return self.documents.get(address, HttpResponse(404))
