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

    import httpx2

__all__ = ["read_accounts"]

MAXIMUM_DOCUMENT: Final = 1_048_576
LATEST: Final = 8
_OK: Final = 200

UNREADABLE = reason(
    "moneyview.unreadable", error="server_error", public="The bank's answer cannot be read.", status=502
)
REFUSED = reason(
    "moneyview.refused", error="server_error", public="The bank refused to show the accounts.", status=502
)


async def read_accounts(
    http: httpx2.AsyncClient, bank_url: str, *, sign: Callable[[], Awaitable[httpx2.Auth]]
) -> tuple[Account, ...]:
    """Return the accounts with their latest transactions.

    Raises:
        Reject: the bank refuses, or answers in a way that cannot be read.
    """
    auth = await sign()
    listed = await _get(http, f"{bank_url}/accounts", auth)
    try:
        return tuple([await _account(http, bank_url, auth, entry) for entry in listed["accounts"]])
    except (KeyError, TypeError, ValueError, InvalidOperation, IndexError) as cause:
        raise UNREADABLE.reject(repr(cause)[:200]) from cause


async def _account(
    http: httpx2.AsyncClient, bank_url: str, auth: httpx2.Auth, entry: dict[str, Any]
) -> Account:
    address = f"{bank_url}/accounts/{quote(entry['id'], safe='')}"
    balances = await _get(http, f"{address}/balances", auth)
    transactions = await _get(http, f"{address}/transactions?limit={LATEST}", auth)
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


async def _get(http: httpx2.AsyncClient, url: str, auth: httpx2.Auth) -> dict[str, Any]:
    response = await http.get(url, auth=auth, headers={"accept": "application/json"}, follow_redirects=False)
    if response.status_code != _OK:
        raise REFUSED.reject(f"{url}: status {response.status_code}")
    return load_object(response.content, limit=MAXIMUM_DOCUMENT)


def _amount(document: dict[str, Any]) -> Amount:
    return Amount(value=Decimal(document["value"]), currency=document["currency"])
