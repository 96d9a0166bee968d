"""What the sample bank's authorization details are (RFC 9396), and which one each of its operations needs.

A scope says "payments"; a detail says which payment. Either is enough here, and a detail for a payment pays once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from trustweft.demo.bank_data import CURRENCY
from trustweft.protocol.rar import AuthorizationDetail, DetailMember, DetailType, create_authorization_detail

if TYPE_CHECKING:
    from trustweft.demo.bank_ledger import PaymentOrder

__all__ = [
    "ACCOUNT_INFORMATION",
    "PAYMENT_INITIATION",
    "detail_types",
    "needed_for_account",
    "needed_for_payment",
]

ACCOUNT_INFORMATION: Final = "account_information"
PAYMENT_INITIATION: Final = "payment_initiation"
_IBAN: Final = {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 140}
_LOCATIONS: Final = {
    "type": "array",
    "items": {"type": "string", "format": "uri"},
    "minItems": 1,
    "maxItems": 5,
    "uniqueItems": True,
}


def _object(required: tuple[str, ...], **properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _schema(kind: str, required: tuple[str, ...], **properties: object) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_object(("type", *required), type={"const": kind}, **properties),
    }


_LOCATION: Final = DetailMember(name="locations", label="Where", compare="subset", absent="")


def _payment(resource: str) -> DetailType:
    return DetailType(
        type=PAYMENT_INITIATION,
        title="Make one payment",
        explanation="Once, to this creditor and to nobody else.",
        audiences=(resource,),
        members=(
            DetailMember(
                name="instructedAmount.amount",
                label="At most",
                compare="at-most",
                kind="amount",
                unit="instructedAmount.currency",
                absent="",
            ),
            DetailMember(name="instructedAmount.currency"),
            # No request leaves these out; the bound of a registration may.
            DetailMember(name="creditorName", label="To", absent=""),
            DetailMember(name="creditorAccount.iban", label="Their account", kind="account", absent=""),
            DetailMember(name="remittanceInformationUnstructured", label="Reference", absent=""),
            DetailMember(
                name="debtorAccount.iban", label="From", kind="account", absent="Any of your accounts"
            ),
            _LOCATION,
        ),
        schema=_schema(
            PAYMENT_INITIATION,
            ("instructedAmount", "creditorName", "creditorAccount", "remittanceInformationUnstructured"),
            instructedAmount=_object(
                ("amount", "currency"),
                amount={"type": "string", "pattern": r"^(0|[1-9][0-9]{0,8})\.[0-9]{2}$"},
                currency={"type": "string", "const": CURRENCY},
            ),
            creditorName=_TEXT,
            creditorAccount=_object(("iban",), iban=_IBAN),
            remittanceInformationUnstructured=_TEXT,
            debtorAccount=_object(("iban",), iban=_IBAN),
            locations=_LOCATIONS,
        ),
    )


def _accounts(resource: str) -> DetailType:
    actions = {
        "list_accounts": "Which accounts you have",
        "read_balances": "Balances",
        "read_transactions": "Transactions",
    }
    return DetailType(
        type=ACCOUNT_INFORMATION,
        title="See your accounts",
        explanation="Looking only, no payments.",
        audiences=(resource,),
        members=(
            DetailMember(name="actions", label="It sees", compare="subset", values=actions, absent=""),
            DetailMember(
                name="accounts",
                label="Of accounts",
                compare="subset",
                kind="account",
                absent="All of your accounts",
            ),
            DetailMember(
                name="validUntil",
                label="Last day",
                compare="earlier",
                kind="date",
                absent="As long as the permission lasts",
            ),
            _LOCATION,
        ),
        schema=_schema(
            ACCOUNT_INFORMATION,
            ("actions",),
            actions={
                "type": "array",
                "items": {"type": "string", "enum": list(actions)},
                "minItems": 1,
                "uniqueItems": True,
            },
            accounts={"type": "array", "items": _IBAN, "minItems": 1, "maxItems": 20, "uniqueItems": True},
            validUntil={"type": "string", "format": "date"},
            locations=_LOCATIONS,
        ),
    )


def detail_types(resource: str) -> tuple[DetailType, ...]:
    """Return the types of the bank at ``resource``."""
    return (_payment(resource), _accounts(resource))


def needed_for_payment(order: PaymentOrder, *, debtor_iban: str | None) -> AuthorizationDetail:
    """Return what carrying out this very order needs."""
    debtor = {} if debtor_iban is None else {"debtorAccount": {"iban": debtor_iban}}
    return create_authorization_detail(
        {
            "type": PAYMENT_INITIATION,
            "instructedAmount": {"amount": order.amount.value, "currency": order.amount.currency},
            "creditorName": order.creditor.name,
            "creditorAccount": {"iban": order.creditor.iban},
            "remittanceInformationUnstructured": order.reference,
            **debtor,
        }
    )


def needed_for_account(action: str, *, iban: str, now: float) -> AuthorizationDetail:
    """Return what one look at this account needs today."""
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    return create_authorization_detail(
        {"type": ACCOUNT_INFORMATION, "actions": [action], "accounts": [iban], "validUntil": today}
    )
