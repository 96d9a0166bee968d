"""The sample bank behind its guard, its two customers, and one good payment order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from guarding import AUDIENCE, ISSUER, Stage
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.resource.asgi import PARTICIPANT
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.runtime.clock import ManualClock
    from trustweft.runtime.errors import Reject

__all__ = ["ALICES", "BOBS", "IBAN", "PEOPLE", "SCOPES", "World", "amount", "order_of"]

PEOPLE = {"sub.alice": "alice", "sub.bob": "bob"}
SCOPES = ("accounts", "payments")
IBAN = "DE28999000990004711001"
ALICES = [account.id for account in CUSTOMERS["alice"].accounts]
BOBS = [account.id for account in CUSTOMERS["bob"].accounts]


class Remembering(SilentObserver):
    """Remembers refusals and failures."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.failures: list[BaseException] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember a refusal."""
        assert participant == PARTICIPANT
        self.reasons.append(refusal.reason.id)

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Remember a failure."""
        self.failures.append(cause)


class World:
    """A bank, and applications that call it."""

    def __init__(self, *, clock: ManualClock | None = None) -> None:
        self.stage = Stage()
        self.observer = Remembering()
        self.bank = create_bank(
            BankConfig(resource=AUDIENCE, issuer=ISSUER),
            guard=self.stage.guard,
            customers=PEOPLE,
            clock=self.stage.clock if clock is None else clock,
            entropy=SystemEntropy(),
            observer=self.observer,
        )

    async def send(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), **request: Any
    ) -> httpx2.Response:
        """Send a request as it is."""
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.bank), base_url=AUDIENCE
        ) as client:
            return await client.request(method, path, headers=list(headers), **request)

    async def call(
        self,
        method: str,
        path: str,
        *,
        subject: str = "sub.alice",
        client_id: str = "moneyview",
        scope: tuple[str, ...] = SCOPES,
        details: tuple[AuthorizationDetail, ...] = (),
        extra: Sequence[tuple[str, str]] = (),
        **request: Any,
    ) -> httpx2.Response:
        """Send a request with a token of that customer for that application."""
        token = self.stage.token(
            subject=subject, client_id=client_id, scope=scope, authorization_details=details
        )
        headers = self.stage.headers(token, method=method, path=path.partition("?")[0])
        return await self.send(method, path, (*headers, *extra), **request)

    async def pay(self, order: object = None, *, key: str | None = "key-1", **who: Any) -> httpx2.Response:
        """Order a payment."""
        extra = [] if key is None else [("idempotency-key", key)]
        body = order_of() if order is None else order
        if isinstance(body, bytes):
            extra.append(("content-type", "application/json"))
            return await self.call("POST", "/payments", extra=extra, content=body, **who)
        return await self.call("POST", "/payments", extra=extra, json=body, **who)

    async def balance(self) -> str:
        """Return what is on the account that pays."""
        answer = await self.call("GET", f"/accounts/{ALICES[0]}/balances")
        value: str = answer.json()["balances"][0]["amount"]["value"]
        return value


def order_of(**changes: object) -> dict[str, object]:
    """Return the one good order, with changes; ... drops a member."""
    order = {
        "debtor_account": ALICES[0],
        "creditor": {"name": "Greenleaf Market", "iban": IBAN},
        "amount": {"value": "24.90", "currency": "EUR"},
        "reference": "Order 1207",
        **changes,
    }
    return {name: value for name, value in order.items() if value is not ...}


def amount(value: object, currency: object = "EUR") -> dict[str, object]:
    """Return an amount."""
    return {"value": value, "currency": currency}
