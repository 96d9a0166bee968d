"""The sample bank behind the guard, in this process, next to the authorization server whose tokens it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from support.authority import BANK, ISSUER
from support.details import TYPES
from support.requests import access_token, protected_request
from support.wire import Answer, Sent, send
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.issuer_keys import CurrentKeys
from trustweft.store.guard import StoreReplayMemory, StoreRevocations
from trustweft.store.memory import MemoryStore

if TYPE_CHECKING:
    from support.authority import Authority, Party
    from support.drafts import Draft
    from trustweft.net.asgi import Application
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.resource.inspection import IssuerKeys
    from trustweft.resource.participation import Participation
    from trustweft.resource.storage import ReplayMemory, RevocationSource

__all__ = ["ACCOUNT", "ORDER", "Harbour", "make_harbour"]

ACCOUNT: Final = CUSTOMERS["alice"].accounts[0].id
ORDER: Final[dict[str, Any]] = {
    "debtor_account": ACCOUNT,
    "creditor": {"name": "Bob Lindqvist", "iban": CUSTOMERS["bob"].accounts[0].iban},
    "amount": {"value": "0.01", "currency": "EUR"},
    "reference": "Lunch",
}


@dataclass
class Harbour:
    """The bank, its guard, and the authority that it believes."""

    authority: Authority
    nonces: Nonces
    application: Application

    @property
    def nonce(self) -> str:
        """The nonce that proofs need now."""
        return self.nonces.current(self.authority.clock.now())

    async def send(self, request: Draft | Sent) -> Answer:
        """Send a request through the ASGI application."""
        return await send(self.application, request if isinstance(request, Sent) else request.finish())

    async def call(
        self,
        method: str,
        path: str,
        *,
        scope: tuple[str, ...] = ("accounts", "payments"),
        party: Party | None = None,
        details: tuple[AuthorizationDetail, ...] = (),
    ) -> Draft:
        """Call the bank for Alice, with a fresh token of a grant of hers."""
        party = party or self.authority.moneyview
        grant = await self.authority.grant(party)
        token = access_token(
            self.authority, party=party, grant=grant, audience=(BANK,), scope=scope, details=details
        )
        return protected_request(
            self.authority, token, party=party, url=BANK + path, method=method, nonce=self.nonce
        )

    async def pay(
        self,
        *,
        scope: tuple[str, ...] = ("accounts", "payments"),
        details: tuple[AuthorizationDetail, ...] = (),
        **changes: Any,
    ) -> Draft:
        """Order a payment."""
        draft = await self.call("POST", "/payments", scope=scope, details=details)
        draft.headers.append(("content-type", "application/json"))
        draft.headers.append(("idempotency-key", self.authority.deployment.entropy.token()))
        draft.body = msgspec.json.encode(ORDER | changes)
        return draft


def make_harbour(
    authority: Authority,
    *,
    keys: IssuerKeys | None = None,
    revocations: RevocationSource | None = None,
    replays: ReplayMemory | None = None,
    participation: Participation | None = None,
) -> Harbour:
    """Build the bank for this authority's people."""
    clock, entropy, limits = (
        authority.clock,
        authority.deployment.entropy,
        authority.deployment.profile.limits,
    )
    nonces = Nonces(entropy.octets(32), step=60, window=120)
    protection = Protection(
        issuer=ISSUER,
        audience=BANK,
        base_urls=(BANK,),
        resource_metadata=resource_well_known_url(BANK),
        keys=keys or CurrentKeys(authority.deployment.keys.key_set),
        replays=replays or StoreReplayMemory(MemoryStore(), space=BANK),
        revocations=revocations or StoreRevocations(authority.store, clock=clock),
        nonces=nonces,
        clock=clock,
        future_tolerance=limits.future_tolerance,
        proof_maximum_age=limits.dpop_proof_max_age,
        detail_types=TYPES.definitions,
        participation=participation,
    )
    customers = {user.subject: name for name, user in authority.people.items()}
    bank = create_bank(
        BankConfig(resource=BANK, issuer=ISSUER),
        guard=Guard(protection),
        customers=customers,
        clock=clock,
        entropy=entropy,
        observer=authority.hearing,
    )
    return Harbour(authority, nonces, bank)
