"""The description of the sample bank's API (OpenAPI 3.1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trustweft.demo.bank_data import CURRENCY, CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["openapi_document"]

_ACCOUNT: Final = CUSTOMERS["alice"].accounts[0]
_WHEN: Final = "2026-11-02T09:30:00Z"
_ORDER: Final = {
    "debtor_account": _ACCOUNT.id,
    "creditor": {"name": "Greenleaf Market", "iban": CUSTOMERS["bob"].accounts[0].iban},
    "amount": {"value": "24.90", "currency": CURRENCY},
    "reference": "Order 1207",
}


def openapi_document(
    operations: Iterable[tuple[str, str, tuple[str, ...] | None, str | None]],
    *,
    url: str,
    name: str,
    issuer: str,
    scopes: Mapping[str, str],
) -> dict[str, object]:
    """Return the document; ``operations`` are method, path, scope (None where no token is needed) and detail type.

    Raises:
        KeyError: an operation is not described here.
    """
    paths: dict[str, dict[str, object]] = {}
    for method, path, scope, detail_type in operations:
        operation = _operation(method, path, scope)
        if detail_type is not None:
            operation["description"] = (
                f"In place of the scope, authorization details of type `{detail_type}` (RFC 9396) are enough, "
                "where one of them covers this very request."
            )
        paths.setdefault(path, {})[method.lower()] = operation
    asked = "; ".join(f"`{scope}`: {meaning}" for scope, meaning in scopes.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name} API",
            "version": "1.0.0",
            "summary": "Accounts and payments of the sample bank.",
            "description": "Every request brings an access token that is bound to a key, and a proof that the "
            f"sender holds that key (FAPI 2.0 Security Profile, RFC 9449 or RFC 8705). Scopes: {asked}.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": {name: _error(*error) for name, error in _ERRORS.items()},
            "securitySchemes": _security_schemes(issuer),
        },
    }


def _security_schemes(issuer: str) -> dict[str, object]:
    return {
        "token": {
            "type": "http",
            "scheme": "DPoP",
            "bearerFormat": "at+jwt",
            "description": "`Authorization: DPoP <access token>` (RFC 9449 section 7.1), with a token that "
            f"{issuer} issued for this API and bound to the client's key. One that is bound to the client's "
            "certificate instead comes as Bearer, over a connection with that certificate, and needs no proof (RFC "
            "8705 section 3). None is taken from the query or the body.",
        },
        "proof": {
            "type": "apiKey",
            "in": "header",
            "name": "DPoP",
            "description": "A proof for this one request (RFC 9449 section 4): a JWT of type `dpop+jwt` with `htm`, "
            "`htu`, `iat`, `jti`, `ath` and the `nonce` of the latest `DPoP-Nonce` header. It serves once.",
        },
    }


def _operation(method: str, path: str, scope: tuple[str, ...] | None) -> dict[str, object]:
    described = _DESCRIBED[method, path]
    status, schema, example = described["answer"]
    operation: dict[str, Any] = {
        "operationId": described["id"],
        "summary": described["summary"],
        "security": [] if scope is None else [{"token": list(scope), "proof": []}],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in described["parameters"]],
        "responses": {
            status: {
                "description": described["summary"],
                "headers": {} if scope is None else {name: _ref("headers", name) for name in _HEADERS},
                "content": _content(schema, example),
            }
        },
    }
    if "body" in described:
        operation["requestBody"] = {"required": True, "content": _content(*described["body"])}
    errors = () if scope is None else (*_GUARDED, *described["errors"])
    for name in errors:
        operation["responses"][_ERRORS[name][0]] = _ref("responses", name)
    return operation


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(schema: str, example: object) -> dict[str, object]:
    return {"application/json": {"schema": _ref("schemas", schema), "example": example}}


def _error(_status: str, description: str, code: str) -> dict[str, object]:
    example = {"error": code, "error_description": description}
    headers = {"DPoP-Nonce": _ref("headers", "DPoP-Nonce")}
    return {"description": description, "headers": headers, "content": _content("Error", example)}


def _object(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _text(description: str, **rules: object) -> dict[str, object]:
    return {"type": "string", "description": description, **rules}


def _list_of(schema: str) -> dict[str, object]:
    return {"type": "array", "items": _ref("schemas", schema)}


_AMOUNT_VALUE: Final = r"(0|[1-9][0-9]{0,8})\.[0-9]{2}$"
_ORDER_MEMBERS: Final[dict[str, object]] = {
    "debtor_account": _text("The id of the account that pays.", maxLength=64),
    "creditor": _ref("schemas", "Creditor"),
    "amount": _ref("schemas", "Amount"),
    "reference": _text("What the creditor reads.", minLength=1, maxLength=140),
}
_SCHEMAS: Final[dict[str, object]] = {
    "Index": _object(
        name=_text("The bank."), openapi=_text("This document."), metadata=_text("The RFC 9728 document.")
    ),
    "Account": _object(
        id=_text("Names the account in this API."),
        name=_text("What its owner calls it."),
        kind={"type": "string", "enum": ["current", "savings"]},
        currency=_text("ISO 4217.", pattern="^[A-Z]{3}$"),
        iban=_text("ISO 13616.", pattern="^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
    ),
    "Accounts": _object(accounts=_list_of("Account")),
    "Amount": _object(
        value=_text("Two decimals.", pattern=f"^{_AMOUNT_VALUE}"), currency=_text("ISO 4217.", const=CURRENCY)
    ),
    "SignedAmount": _object(
        value=_text("Two decimals; negative leaves the account.", pattern=f"^-?{_AMOUNT_VALUE}"),
        currency=_text("ISO 4217.", const=CURRENCY),
    ),
    "Balance": _object(
        kind={"type": "string", "enum": ["booked", "available"]},
        amount=_ref("schemas", "SignedAmount"),
        as_of=_text("When it was read.", format="date-time"),
    ),
    "Balances": _object(balances=_list_of("Balance")),
    "Transaction": _object(
        id=_text("Names the transaction."),
        booked_on=_text("The day it was booked.", format="date"),
        amount=_ref("schemas", "SignedAmount"),
        counterparty=_text("Who paid or was paid."),
        description=_text("What for."),
    ),
    "Transactions": _object(transactions=_list_of("Transaction")),
    "Creditor": _object(
        name=_text("Who is paid.", minLength=1, maxLength=140),
        iban=_text("ISO 13616.", pattern="^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
    ),
    "PaymentOrder": _object(**_ORDER_MEMBERS),
    "Payment": _object(
        id=_text("Names the payment."),
        status={"type": "string", "enum": ["accepted"]},
        created_at=_text("When it was made.", format="date-time"),
        **_ORDER_MEMBERS,
    ),
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": _text("A code of RFC 6750, RFC 9449 or of this API."),
            "error_description": _text("One sentence."),
        },
    },
}
_PARAMETERS: Final[dict[str, object]] = {
    "account": {
        "name": "account_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": _ACCOUNT.id,
    },
    "payment": {
        "name": "payment_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": "pay-5pN0cQ8rV2sX1tY7uZ3wAA",
    },
    "from": {
        "name": "from",
        "in": "query",
        "description": "The first day; 90 days ago where absent.",
        "schema": {"type": "string", "format": "date"},
    },
    "to": {
        "name": "to",
        "in": "query",
        "description": "The last day.",
        "schema": {"type": "string", "format": "date"},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "At most that many, the newest first.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "The same key with the same order pays once, and gives the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        "example": "3f0c2f0e-6a55-4d2b-9a57-0d3c2b1a9f11",
    },
    "interaction": {
        "name": "x-fapi-interaction-id",
        "in": "header",
        "description": "Comes back with the answer, and into the bank's log.",
        "schema": {"type": "string", "format": "uuid"},
    },
}
_HEADERS: Final[dict[str, object]] = {
    "DPoP-Nonce": {"description": "The nonce for the next proof.", "schema": {"type": "string"}},
    "x-fapi-interaction-id": {
        "description": "The one that was sent.",
        "schema": {"type": "string", "format": "uuid"},
    },
}
_ERRORS: Final[dict[str, tuple[str, str, str]]] = {
    "BadRequest": ("400", "The request is malformed.", "invalid_request"),
    "Unauthorized": ("401", "The token or its proof is missing or not accepted.", "invalid_token"),
    "Forbidden": ("403", "The token does not cover this request.", "insufficient_scope"),
    "NotFound": ("404", "There is nothing of the customer's at this address.", "not_found"),
    "TooLarge": ("413", "The body is too large.", "invalid_request"),
    "MediaType": ("415", "The body must be application/json.", "invalid_request"),
    "Unprocessable": ("422", "The order cannot be carried out.", "insufficient_funds"),
    "Unavailable": ("503", "Whether the token is good cannot be found out.", "temporarily_unavailable"),
}
_GUARDED: Final = ("BadRequest", "Unauthorized", "Forbidden", "Unavailable")
_PAYMENT: Final = {"id": "pay-5pN0cQ8rV2sX1tY7uZ3wAA", "status": "accepted", "created_at": _WHEN, **_ORDER}
_DESCRIBED: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("GET", "/"): {
        "id": "getIndex",
        "summary": "What this is and where to read on.",
        "parameters": [],
        "answer": (
            "200",
            "Index",
            {
                "name": "Harbour Bank",
                "openapi": "https://bank.example/openapi.json",
                "metadata": "https://bank.example/.well-known/oauth-protected-resource",
            },
        ),
    },
    ("GET", "/openapi.json"): {
        "id": "getDescription",
        "summary": "This document.",
        "parameters": [],
        "answer": ("200", "Description", {"openapi": "3.1.0"}),
    },
    ("GET", "/accounts"): {
        "id": "listAccounts",
        "summary": "The customer's accounts.",
        "parameters": ["interaction"],
        "errors": [],
        "answer": (
            "200",
            "Accounts",
            {
                "accounts": [
                    {
                        "id": _ACCOUNT.id,
                        "name": _ACCOUNT.name,
                        "kind": _ACCOUNT.kind,
                        "currency": CURRENCY,
                        "iban": _ACCOUNT.iban,
                    }
                ]
            },
        ),
    },
    ("GET", "/accounts/{account_id}/balances"): {
        "id": "getBalances",
        "summary": "What is on one account.",
        "parameters": ["account", "interaction"],
        "errors": ["NotFound"],
        "answer": (
            "200",
            "Balances",
            {
                "balances": [
                    {
                        "kind": "booked",
                        "amount": {"value": "1842.50", "currency": CURRENCY},
                        "as_of": _WHEN,
                    }
                ]
            },
        ),
    },
    ("GET", "/accounts/{account_id}/transactions"): {
        "id": "listTransactions",
        "summary": "What moved on one account, the newest first.",
        "parameters": ["account", "from", "to", "limit", "interaction"],
        "errors": ["NotFound"],
        "answer": (
            "200",
            "Transactions",
            {
                "transactions": [
                    {
                        "id": "txn-9b1f0c2d3e4a5b6c",
                        "booked_on": "2026-11-01",
                        "amount": {"value": "-980.00", "currency": CURRENCY},
                        "counterparty": "Lindenhof Housing",
                        "description": "Rent",
                    }
                ]
            },
        ),
    },
    ("POST", "/payments"): {
        "id": "createPayment",
        "summary": "Make a payment.",
        "parameters": ["idempotency_key", "interaction"],
        "errors": ["TooLarge", "MediaType", "Unprocessable"],
        "body": ("PaymentOrder", _ORDER),
        "answer": ("201", "Payment", _PAYMENT),
    },
    ("GET", "/payments/{payment_id}"): {
        "id": "getPayment",
        "summary": "What became of a payment.",
        "parameters": ["payment", "interaction"],
        "errors": ["NotFound"],
        "answer": ("200", "Payment", _PAYMENT),
    },
}
_SCHEMAS["Description"] = {
    "type": "object",
    "required": ["openapi"],
    "properties": {"openapi": {"type": "string"}},
}
