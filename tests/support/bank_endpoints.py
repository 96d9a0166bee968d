"""Every operation of the sample bank, behind the guard: a good request to it, and whether an answer was deserved."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from support.authority import BANK
from support.detail_judge import allows_payment
from support.drafts import Draft
from support.endpoints import Endpoint, hold
from support.harbour import ACCOUNT, ORDER
from support.judge import Judge, read_json
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.protocol.rar import create_authorization_detail

if TYPE_CHECKING:
    from support.harbour import Harbour
    from support.wire import Answer, Sent

__all__ = ["bank_endpoints"]

IBANS = {account.id: account.iban for account in CUSTOMERS["alice"].accounts}
OWN = {account.id for account in CUSTOMERS["alice"].accounts}
PUBLIC = {"/", "/openapi.json", "/.well-known/oauth-protected-resource"}


class _Bank:
    """What an application asks of the bank."""

    def __init__(self, harbour: Harbour) -> None:
        self.harbour = harbour
        self.judge = Judge(harbour.authority)

    async def call(self, path: str) -> tuple[Draft, Any]:
        return await self.harbour.call("GET", path), None

    async def pay(self) -> tuple[Draft, Any]:
        return await self.harbour.pay(), None

    async def pay_by_detail(self) -> tuple[Draft, Any]:
        allowed = {
            "type": "payment_initiation",
            "instructedAmount": {"amount": "0.05", "currency": "EUR"},
            "creditorName": ORDER["creditor"]["name"],
            "creditorAccount": {"iban": ORDER["creditor"]["iban"]},
            "remittanceInformationUnstructured": ORDER["reference"],
            "locations": [f"{BANK}/payments"],
        }
        return await self.harbour.pay(scope=(), details=(create_authorization_detail(allowed),)), None

    async def look_up_payment(self) -> tuple[Draft, Any]:
        paid = await self.harbour.send(await self.harbour.pay())
        return await self.harbour.call("GET", paid.header("location")), None

    async def look(self, path: str) -> tuple[Draft, Any]:
        return Draft("GET", path, headers=[("accept", "application/json")]), None

    async def approve(self, sent: Sent, answer: Answer, _known: Any) -> None:
        """Whatever operation the request is about: each may become another by a change."""
        path = sent.path.decode("latin-1")
        if path in PUBLIC and sent.method in {"GET", "HEAD"}:
            return
        token, claims = self.judge.access_token(sent, audience=BANK)
        jkt = self.judge.proof(sent, BANK, nonces=self.harbour.nonces, access_token=token)
        hold(claims["cnf"] == {"jkt": jkt}, "the token of another key")
        if claims["sub"] != self.harbour.authority.alice.subject:
            hold(path == "/accounts" and answer.json == {"accounts": []}, "accounts of somebody else")
        needed = "payments" if path.startswith("/payments") else "accounts"
        if needed not in claims.get("scope", "").split(" "):
            hold(sent.method == "POST", "not covered by the scope")
            order = read_json(sent.body.decode("utf-8"))
            iban = IBANS[order["debtor_account"]]
            allowed = claims.get("authorization_details")
            hold(allows_payment(allowed, order, iban=iban, url=BANK + path), "not covered by the details")
        if path.startswith("/accounts/"):
            hold(path.split("/")[2] in OWN, "the account of somebody else")
        if sent.method == "POST":
            self._approve_order(sent, answer)
        else:
            hold(sent.method in {"GET", "HEAD"}, "another method")

    def _approve_order(self, sent: Sent, answer: Answer) -> None:
        hold(answer.status == 201, "not created")
        keys = sent.header_values("idempotency-key")
        hold(len(keys) == 1 and re.fullmatch(r"[\x21-\x7e]{1,128}", keys[0]), "without a key")
        kinds = sent.header_values("content-type")
        hold(len(kinds) == 1 and kinds[0].lower().startswith("application/json"), "another type")
        order = json.loads(sent.body.decode("utf-8"))
        hold(set(order) == set(ORDER), "members more or less")
        hold(order["debtor_account"] in OWN, "from the account of somebody else")
        hold(re.fullmatch(r"[0-9]{1,9}\.[0-9]{2}", order["amount"]["value"]), "no amount")
        hold(float(order["amount"]["value"]) > 0 and order["amount"]["currency"] == "EUR", "no money")
        hold({name: answer.json[name] for name in ORDER} == order, "something else was ordered")


def bank_endpoints(harbour: Harbour) -> tuple[Endpoint, ...]:
    """Return the operations of the bank, what everybody may read, and an address with nothing at it."""
    own = _Bank(harbour)
    called = ("/accounts", f"/accounts/{ACCOUNT}/balances", f"/accounts/{ACCOUNT}/transactions")
    return (
        *(
            Endpoint(
                f"bank {path.replace(ACCOUNT, '{id}')}", partial(own.call, path), own.approve, protected=True
            )
            for path in called
        ),
        Endpoint("bank /payments", own.pay, own.approve, protected=True),
        Endpoint("bank /payments, with details", own.pay_by_detail, own.approve, protected=True),
        Endpoint("bank /payments/{id}", own.look_up_payment, own.approve, protected=True),
        *(
            Endpoint(f"bank {path}", partial(own.look, path), own.approve, protected=True)
            for path in sorted(PUBLIC)
        ),
    )
