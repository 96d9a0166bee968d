"""One resource server under the guard, its issuer, and one good request to it: attacks change one thing of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, thumbprint
from trustweft.demo.bank_details import detail_types
from trustweft.protocol.access_token import Confirmation, NewAccessToken, create_access_token
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.http import HttpRequest
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.protocol.rar import DetailMember, DetailType
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.issuer_keys import StaticKeys
from trustweft.resource.memory import MemoryReplays
from trustweft.runtime.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.protocol.access_token import AccessToken
    from trustweft.resource.checks import GuardCheck
    from trustweft.resource.inspection import IssuerKeys

__all__ = ["AUDIENCE", "CLIENT", "ISSUER", "ISSUER_KEY", "OTHER", "Revocations", "Stage", "key_set"]

ISSUER = "https://as.example"
AUDIENCE = "https://bank.example"
ISSUER_KEY = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
CLIENT = LocalSigner("ES256", generate_private_key("ES256"))
OTHER = LocalSigner("ES256", generate_private_key("ES256"))


PAYMENT = DetailType(
    type="payment",
    title="Pay",
    explanation="",
    audiences=(AUDIENCE,),
    members=(
        DetailMember(name="amount", label="Amount", compare="at-most"),
        DetailMember(name="to", label="To"),
    ),
)


def key_set(*signers: LocalSigner) -> KeySet:
    """Return the public keys of those signers."""
    return KeySet([VerificationKey(each.public_key, each.algorithm, each.key_id) for each in signers])


@dataclass
class Revocations:
    """Knows which tokens are revoked, by ``jti``."""

    revoked: set[str] = field(default_factory=set)
    asked: int = 0

    async def is_active(self, token: AccessToken, *, presented: str) -> bool:
        """Say whether the token is good."""
        self.asked += 1
        return token.jti not in self.revoked


class Stage:
    """A guard with everything it needs, and the client that calls it."""

    def __init__(
        self,
        *,
        keys: IssuerKeys | None = None,
        pipeline: Sequence[GuardCheck] | None = None,
        require_nonce: bool = True,
        base_urls: tuple[str, ...] = (AUDIENCE,),
        clock: ManualClock | None = None,
    ) -> None:
        self.clock = ManualClock() if clock is None else clock
        self.revocations = Revocations()
        self.nonces = Nonces(b"n" * 32, step=60, window=180)
        self.protection = Protection(
            issuer=ISSUER,
            audience=AUDIENCE,
            base_urls=base_urls,
            resource_metadata=resource_well_known_url(AUDIENCE),
            keys=StaticKeys(key_set(ISSUER_KEY)) if keys is None else keys,
            replays=MemoryReplays(clock=self.clock),
            revocations=self.revocations,
            nonces=self.nonces,
            clock=self.clock,
            future_tolerance=30,
            proof_maximum_age=60,
            require_nonce=require_nonce,
            detail_types={each.type: each for each in (PAYMENT, *detail_types(AUDIENCE))},
        )
        self.guard = Guard(self.protection) if pipeline is None else Guard(self.protection, pipeline=pipeline)
        self.count = 0

    def token(
        self, *, signer: LocalSigner = ISSUER_KEY, holder: LocalSigner = CLIENT, **changes: object
    ) -> str:
        """Return an access token of the issuer, bound to the client's key."""
        now = self.clock.now()
        new = NewAccessToken(
            issuer=ISSUER,
            subject="sub.alice",
            audience=(AUDIENCE,),
            client_id="moneyview",
            scope=("accounts",),
            issued_at=now,
            expires_at=now + 300,
            jti="token-1",
            confirmation=Confirmation(jkt=thumbprint(holder.public_key)),
            grant_id="grant-1",
        )
        return create_access_token(msgspec.structs.replace(new, **changes), signer=signer)

    def proof(
        self,
        token: str,
        *,
        signer: LocalSigner = CLIENT,
        method: str = "GET",
        url: str = AUDIENCE + "/accounts",
        nonce: str | None = "current",
        jti: str | None = None,
        age: float = 0,
    ) -> str:
        """Return a fresh proof for one request with the token."""
        now = self.clock.now()
        self.count += 1
        return create_proof(
            signer,
            method=method,
            url=url,
            now=now - age,
            jti=jti or f"proof-{self.count}",
            access_token=token,
            nonce=self.nonces.current(now) if nonce == "current" else nonce,
        )

    def headers(
        self, token: str | None = None, *, method: str = "GET", path: str = "/accounts"
    ) -> tuple[tuple[str, str], ...]:
        """Return the headers that authorize one request."""
        token = self.token() if token is None else token
        proof = self.proof(token, method=method, url=self.protection.base_urls[0] + path)
        return (("authorization", f"DPoP {token}"), ("dpop", proof))

    def request(
        self, token: str | None = None, *, method: str = "GET", path: str = "/accounts"
    ) -> HttpRequest:
        """Return one good request."""
        return HttpRequest(method, path, headers=self.headers(token, method=method, path=path))
