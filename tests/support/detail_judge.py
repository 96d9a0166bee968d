"""An independent opinion on authorization details; nothing of the product is used to read or to compare them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any, Final

from support.details import BANK

__all__ = ["allows_payment", "is_good"]

_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,8})[.][0-9]{2}")
_ACTIONS: Final = {"list_accounts", "read_balances", "read_transactions"}
_PAYMENT: Final = {
    *("type", "instructedAmount", "creditorName", "creditorAccount"),
    "remittanceInformationUnstructured",
}


def _text(value: object, limit: int = 140) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= limit
        and value.isprintable()
        and unicodedata.normalize("NFC", value) == value
    )


def _account(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"iban"} and _matches(_IBAN, value["iban"])


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _several(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) == len({str(each) for each in value})


def _locations(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, str) and (each == BANK or each.startswith(BANK + "/")) for each in value
    )


def _payment(detail: dict[str, Any]) -> bool:
    amount = detail.get("instructedAmount")
    return (
        _PAYMENT <= set(detail) <= _PAYMENT | {"debtorAccount", "locations"}
        and isinstance(amount, dict)
        and set(amount) == {"amount", "currency"}
        and _matches(_AMOUNT, amount["amount"])
        and amount["currency"] == "EUR"
        and _text(detail["creditorName"])
        and _text(detail["remittanceInformationUnstructured"])
        and _account(detail["creditorAccount"])
        and _account(detail.get("debtorAccount", detail["creditorAccount"]))
    )


def _looking(detail: dict[str, Any]) -> bool:
    until = detail.get("validUntil", "2026-01-01")
    try:
        date.fromisoformat(until)
    except (TypeError, ValueError):
        return False
    actions, accounts = detail.get("actions"), detail.get("accounts", ["DE02100100109307118603"])
    return (
        set(detail) <= {"type", "actions", "accounts", "validUntil", "locations"}
        and len(until) == 10
        and _several(actions)
        and set(actions or ()) <= _ACTIONS
        and _several(accounts)
        and all(_matches(_IBAN, each) for each in accounts)
    )


_RULES: Final = {"payment_initiation": _payment, "account_information": _looking}


def is_good(details: object) -> bool:
    """Say whether a client may ask for these: of the bank's two types, as the bank defines them."""
    if not isinstance(details, list) or not 0 < len(details) <= 10:
        return False
    for detail in details:
        kind = detail.get("type") if isinstance(detail, dict) else None
        if not isinstance(kind, str) or kind not in _RULES or not _RULES[kind](detail):
            return False
        if "locations" in detail and not _locations(detail["locations"]):
            return False
    return True


def allows_payment(details: object, order: dict[str, Any], *, iban: str, url: str) -> bool:
    """Say whether one of the details of a token allows this order at this address."""
    return isinstance(details, list) and any(_allows(detail, order, iban, url) for detail in details)


def _allows(detail: dict[str, Any], order: dict[str, Any], iban: str, url: str) -> bool:
    if detail.get("type") != "payment_initiation" or not _payment(detail):
        return False
    amount = detail["instructedAmount"]
    places = detail.get("locations", [BANK])
    return (
        Decimal(order["amount"]["value"]) <= Decimal(amount["amount"])
        and order["amount"]["currency"] == amount["currency"]
        and order["creditor"] == {"name": detail["creditorName"], **detail["creditorAccount"]}
        and order["reference"] == detail["remittanceInformationUnstructured"]
        and detail.get("debtorAccount", {"iban": iban}) == {"iban": iban}
        and any(url == place or url.startswith(place.rstrip("/") + "/") or place == BANK for place in places)
    )
