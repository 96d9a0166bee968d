"""Reads a person's accounts from the bank's API, every request signed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from trustweft.runtime.errors import reason
from trustweft.runtime.strict_json import load_object
from trustweft.web.views import Account, Amount, Transaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.client.drivers import AsyncClient

__all__ = ["read_accounts"]

MAXIMUM_DOCUMENT: Final = 1_048_576
LATEST: Final = 8
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_JSON: Final = ("accept", "application/json")

UNREADABLE = reason(
    "moneyview.unreadable", error="server_error", public="The bank's answer cannot be read.", status=502
)
ENDED = reason(
    "moneyview.ended",
    error="access_denied",
    public="The bank no longer lets this application see your accounts.",
    status=403,
)
REFUSED = reason(
    "moneyview.refused", error="server_error", public="The bank refused to show the accounts.", status=502
)


async def read_accounts(client: AsyncClient, bank_url: str, *, name: str) -> tuple[Account, ...]:
    """Return the accounts with their latest transactions, read with the tokens under ``name``.

    Raises:
        Reject: the bank refuses, or answers in a way that cannot be read.
    """

    async def get(path: str) -> dict[str, Any]:
        response = await client.call("GET", bank_url + path, name=name, headers=(_JSON,))
        if response.status == _UNAUTHORIZED:
            raise ENDED.reject(path)
        if response.status != _OK:
            raise REFUSED.reject(f"{path}: status {response.status}")
        return load_object(response.body, limit=MAXIMUM_DOCUMENT)

    listed = await get("/accounts")
    try:
        return tuple([await _account(get, entry) for entry in listed["accounts"]])
    except (KeyError, TypeError, ValueError, InvalidOperation, IndexError) as cause:
        raise UNREADABLE.reject(repr(cause)[:200]) from cause


async def _account(get: Callable[[str], Awaitable[dict[str, Any]]], entry: dict[str, Any]) -> Account:
    path = f"/accounts/{quote(entry['id'], safe='')}"
    balances = await get(f"{path}/balances")
    transactions = await get(f"{path}/transactions?limit={LATEST}")
    return Account(
        name=entry["name"],
        number=entry["iban"],
        kind=entry["kind"],
        balance=_amount(balances["balances"][0]["amount"]),
        transactions=tuple(
            Transaction(
                booked=dt.date.fromisoformat(line["booked_on"]),
                description=f"{line['counterparty']}: {line['description']}",
                amount=_amount(line["amount"]),
            )
            for line in transactions["transactions"]
        ),
    )


def _amount(document: dict[str, Any]) -> Amount:
    return Amount(value=Decimal(document["value"]), currency=document["currency"])
