"""Authorization details (RFC 9396) for tests: the sample bank's types, one for machines, and good requests."""

from __future__ import annotations

import json
from typing import Any, Final

from trustweft.demo.bank_data import CUSTOMERS
from trustweft.demo.bank_details import detail_types
from trustweft.protocol.rar import AuthorizationDetail, DetailMember, DetailType, create_authorization_detail
from trustweft.server.details import DetailTypes

__all__ = ["ACCOUNTS", "BANK", "PAYMENT", "RATES", "RATES_SERVER", "TYPES", "changed", "detail", "sent"]

BANK: Final = "https://localhost:8443"
RATES_SERVER: Final = "https://rates.example"
PAYMENT: Final[dict[str, Any]] = {
    "type": "payment_initiation",
    "instructedAmount": {"amount": "123.50", "currency": "EUR"},
    "creditorName": "Bob Lindqvist",
    "creditorAccount": {"iban": CUSTOMERS["bob"].accounts[0].iban},
    "remittanceInformationUnstructured": "Lunch",
}
ACCOUNTS: Final[dict[str, Any]] = {
    "type": "account_information",
    "actions": ["list_accounts", "read_balances"],
}
RATES: Final[dict[str, Any]] = {"type": "exchange_rates", "calls": 100}
# Good at two resource servers, and for a client that acts for itself.
RATES_TYPE: Final = DetailType(
    type="exchange_rates",
    title="Ask for exchange rates",
    explanation="No person is concerned.",
    audiences=(BANK, RATES_SERVER),
    members=(
        DetailMember(name="calls", label="Calls", compare="at-most", absent="As many as it likes"),
        DetailMember(name="locations", label="Where", compare="subset", absent=""),
    ),
    schema={
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"const": "exchange_rates"},
            "calls": {"type": "number", "minimum": 0},
            "locations": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
    },
    without_person=True,
)
TYPES: Final = DetailTypes((*detail_types(BANK), RATES_TYPE))


def changed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the object with other members; ``...`` takes one away, a name with ``__`` means a nested one."""
    made: dict[str, Any] = json.loads(json.dumps(document))
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        target, key = (made.setdefault(outer, {}), inner) if inner else (made, outer)
        target[key] = value
        if value is ...:
            del target[key]
    return made


def detail(document: dict[str, Any], **changes: Any) -> AuthorizationDetail:
    """Return a detail as the server keeps it."""
    return create_authorization_detail(changed(document, **changes))


def sent(*documents: dict[str, Any]) -> str:
    """Return the parameter."""
    return json.dumps(documents)
