"""The sample bank: a small API behind the guard, for people to try and for tools to attack.

``OPERATIONS`` is the API on one screen: what the guard asks for, what the routes do and what the OpenAPI document
says come from the same rows.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from trustweft.demo.bank_data import HISTORY_DAYS
from trustweft.demo.bank_details import (
    ACCOUNT_INFORMATION,
    PAYMENT_INITIATION,
)
from trustweft.demo.bank_ledger import (
    Ledger,
    PaymentOrder,
    amount_of,
    shown_account,
    shown_entry,
    shown_payment,
)
from trustweft.demo.bank_openapi import openapi_document
from trustweft.demo.bank_permissions import Permissions
from trustweft.net.asgi import DISCONNECTED
from trustweft.protocol.bearer import INSUFFICIENT_DETAILS
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.oauth import INVALID_REQUEST, error_fields, parse_query
from trustweft.protocol.resource_metadata import ResourceDescription
from trustweft.resource.asgi import AUTHORIZATION, PARTICIPANT, GuardMiddleware, failure
from trustweft.resource.guard import REASON_HEADER
from trustweft.resource.metadata import publish_metadata
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from trustweft.demo.bank_journal import Journal
    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpRequest
    from trustweft.resource.guard import Guard
    from trustweft.resource.inspection import AuthorizationContext
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

    Handler = Callable[["Bank", Request], Awaitable[HttpResponse]]

__all__ = ["OPERATIONS", "SCOPES", "BankConfig", "create_bank"]

BODY_LIMIT: Final = 8_192
MAXIMUM_ENTRIES: Final = 500
DEFAULT_ENTRIES: Final = 100
SCOPES: Final[Mapping[str, str]] = {
    "accounts": "See your accounts, balances and transactions",
    "payments": "Make payments from your accounts",
}
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
_JSON: Final = re.compile(r"application/json(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?[ \t]*", re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,2}")

NO_SUCH_PATH = reason(
    "bank.no-such-path", error="not_found", public="There is nothing at this address.", status=404
)
METHOD = reason(
    "bank.method", error=INVALID_REQUEST, public="This address does not answer to that method.", status=405
)
MEDIA_TYPE = reason(
    "bank.media-type", error=INVALID_REQUEST, public="The body must be application/json.", status=415
)
TOO_LARGE = reason("bank.too-large", error=INVALID_REQUEST, public="The body is too large.", status=413)
MALFORMED = reason("bank.malformed", error=INVALID_REQUEST, public="The body is not a payment order.")
BAD_KEY = reason(
    "bank.idempotency-key",
    error=INVALID_REQUEST,
    public="One Idempotency-Key of 1 to 128 visible characters is required.",
)
BAD_QUERY = reason("bank.query", error=INVALID_REQUEST, public="A parameter of the query cannot be used.")


class BankConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator decides about the sample bank.

    Attributes:
        resource: its base URL, which is its identifier too: the audience of its tokens.
        issuer: the authorization server whose tokens it accepts.
        name: what people see.
        asks_for_certificates: whether its listener asks for client certificates, so that they can bind tokens.
    """

    resource: str
    issuer: str
    name: str = "Harbour Bank"
    asks_for_certificates: bool = False


class Operation(NamedTuple):
    """One thing that the API does.

    Attributes:
        scope: what it needs; None where no token is needed.
        detail_type: the authorization details that may stand in place of the scope; the handler checks what they cover.
    """

    method: str
    path: str
    scope: tuple[str, ...] | None
    handler: Handler
    detail_type: str | None = None


class Bank:
    """What the operations need."""

    def __init__(
        self, config: BankConfig, *, guard: Guard, ledger: Ledger, clock: Clock, observer: Observer
    ) -> None:
        self.config = config
        self.guard = guard
        self.ledger = ledger
        self.permissions = Permissions(ledger, guard.protection.detail_types, clock)
        self.clock = clock
        self.observer = observer
        self.metadata = publish_metadata(
            ResourceDescription(
                resource=config.resource,
                authorization_servers=(config.issuer,),
                scopes=tuple(SCOPES),
                name=config.name,
                certificate_bound_access_tokens=config.asks_for_certificates,
                authorization_details_types=tuple(guard.protection.detail_types),
            )
        )
        rows = [(each.method, each.path, each.scope, each.detail_type) for each in OPERATIONS]
        self.openapi = _public(
            openapi_document(rows, url=config.resource, name=config.name, issuer=config.issuer, scopes=SCOPES)
        )

    def answering(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an operation; refusals and failures become answers here."""

        async def endpoint(request: Request) -> Response:
            try:
                answer = await operation.handler(self, request)
            except Reject as refused:
                answer = self.refuse(operation.path, refused)
            except Exception as cause:  # noqa: BLE001  # the last line of defence: logged, and nothing leaks
                answer = failure(self.observer, cause)
            return Response(answer.body, answer.status, dict(answer.headers))

        return endpoint

    def refuse(self, endpoint: str, refused: Reject) -> HttpResponse:
        """Return the answer to a request that the guard let through and the bank does not carry out."""
        self.observer.refused(PARTICIPANT, endpoint, refused)
        if refused.reason is INSUFFICIENT_DETAILS:
            return self.guard.refusal(refused)
        headers = (*refused.headers, (REASON_HEADER, refused.reason.id))
        return json_response(error_fields(refused), status=refused.reason.status, headers=headers)


def create_bank(
    config: BankConfig,
    *,
    guard: Guard,
    customers: Mapping[str, str],
    clock: Clock,
    entropy: Entropy,
    observer: Observer,
    journal: Journal | None = None,
) -> Application:
    """Return the bank as an ASGI application.

    Args:
        config: what the operator decides.
        guard: must accept tokens of ``config.issuer`` for ``config.resource``.
        customers: which of ``bank_data.CUSTOMERS`` each subject identifier is.
        clock: tells the day.
        entropy: names payments.
        observer: hears of refusals and failures.
        journal: where payments are written down; in memory unless given.
    """
    bank = Bank(
        config,
        guard=guard,
        ledger=Ledger(customers, clock=clock, entropy=entropy, journal=journal),
        clock=clock,
        observer=observer,
    )
    operations = (*OPERATIONS, Operation("GET", bank.metadata.path, None, get_metadata))
    return GuardMiddleware(
        _routes(bank, operations),
        guard=guard,
        required_scope=lambda request: _found(operations, request).scope,
        detail_type=lambda request: _found(operations, request).detail_type,
        observer=observer,
    )


def _routes(bank: Bank, operations: Sequence[Operation]) -> Starlette:
    async def answer_error(_request: Request, error: Exception) -> Response:
        status, headers = (
            (error.status_code, error.headers or {}) if isinstance(error, HTTPException) else (404, {})
        )
        why = METHOD if status == METHOD.status else NO_SUCH_PATH
        answer = bank.refuse("none", why.reject(headers=tuple(headers.items())))
        return Response(answer.body, answer.status, dict(answer.headers))

    routes = [
        Route(operation.path, bank.answering(operation), methods=[operation.method])
        for operation in operations
    ]
    application = Starlette(routes=routes, exception_handlers={HTTPException: answer_error})
    application.router.redirect_slashes = False  # its redirects would repeat whatever Host says
    return application


@lru_cache(maxsize=32)
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", path))


def _found(operations: Sequence[Operation], request: HttpRequest) -> Operation:
    """Return the operation that a request is; what is none still needs a token."""
    method = "GET" if request.method == "HEAD" else request.method
    for operation in operations:
        if method == operation.method and _pattern(operation.path).fullmatch(request.path):
            return operation
    return _NONE


# Operations.


async def get_index(bank: Bank, _request: Request) -> HttpResponse:
    """Say what this is and where to read on."""
    return _public(
        {
            "name": bank.config.name,
            "openapi": bank.config.resource + "/openapi.json",
            "metadata": bank.metadata.url,
        }
    )


async def get_openapi(bank: Bank, _request: Request) -> HttpResponse:
    """Describe the API."""
    return bank.openapi


async def get_metadata(bank: Bank, _request: Request) -> HttpResponse:
    """Describe the protected resource (RFC 9728)."""
    return bank.metadata.response


async def list_accounts(bank: Bank, request: Request) -> HttpResponse:
    """List the customer's accounts, or those that the authorization details are about."""
    accounts = bank.permissions.accounts(_caller(request))
    return json_response({"accounts": [shown_account(account) for account in accounts]})


async def get_balances(bank: Bank, request: Request) -> HttpResponse:
    """Tell what is on one account."""
    bank.permissions.check_account(_caller(request), "read_balances", request.path_params["account_id"])
    cents = bank.ledger.balance(_caller(request).subject, request.path_params["account_id"])
    as_of = datetime.fromtimestamp(bank.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    balances = [
        {"kind": kind, "amount": amount_of(cents), "as_of": as_of} for kind in ("booked", "available")
    ]
    return json_response({"balances": balances})


async def list_transactions(bank: Bank, request: Request) -> HttpResponse:
    """List what moved on one account, the newest first."""
    bank.permissions.check_account(_caller(request), "read_transactions", request.path_params["account_id"])
    today = datetime.fromtimestamp(bank.clock.now(), UTC).date()
    query = parse_query(request.scope["query_string"])
    if not {name for name, _ in query.pairs} <= {"from", "to", "limit"}:
        raise BAD_QUERY.reject(repr(query))
    entries = bank.ledger.entries(
        _caller(request).subject,
        request.path_params["account_id"],
        since=_read_date(query.get("from"), otherwise=today - timedelta(days=HISTORY_DAYS)),
        until=_read_date(query.get("to"), otherwise=date.max),
    )
    limit = _read_limit(query.get("limit"))
    return json_response({"transactions": [shown_entry(entry) for entry in entries[:limit]]})


async def create_payment(bank: Bank, request: Request) -> HttpResponse:
    """Make a payment, once for each ``Idempotency-Key``."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise BAD_KEY.reject(f"{len(keys)} headers")
    order = await _read_order(request)
    caller = _caller(request)
    bank.permissions.check_payment(caller, order)
    # A scope allows any number of payments; a detail allows one.
    grant = None if "payments" in caller.scope else caller.grant_id or caller.token.jti
    payment = bank.ledger.pay(
        caller.subject, client_id=caller.client_id, key=keys[0], order=order, grant=grant
    )
    return json_response(
        shown_payment(payment), status=201, headers=(("location", f"/payments/{payment.id}"),)
    )


async def get_payment(bank: Bank, request: Request) -> HttpResponse:
    """Tell what became of a payment."""
    caller = _caller(request)
    payment = bank.ledger.payment(
        caller.subject, client_id=caller.client_id, payment_id=request.path_params["payment_id"]
    )
    bank.permissions.check_payment(caller, payment.order)
    return json_response(shown_payment(payment))


OPERATIONS: Final = (
    Operation("GET", "/", None, get_index),
    Operation("GET", "/openapi.json", None, get_openapi),
    Operation("GET", "/accounts", ("accounts",), list_accounts, ACCOUNT_INFORMATION),
    Operation("GET", "/accounts/{account_id}/balances", ("accounts",), get_balances, ACCOUNT_INFORMATION),
    Operation(
        "GET", "/accounts/{account_id}/transactions", ("accounts",), list_transactions, ACCOUNT_INFORMATION
    ),
    Operation("POST", "/payments", ("payments",), create_payment, PAYMENT_INITIATION),
    Operation("GET", "/payments/{payment_id}", ("payments",), get_payment, PAYMENT_INITIATION),
)
_NONE: Final = Operation("", "", (), get_index)


def _caller(request: Request) -> AuthorizationContext:
    context: AuthorizationContext = request.scope["state"][AUTHORIZATION]  # a KeyError here lets nobody in
    return context


def _read_date(text: str | None, *, otherwise: date) -> date:
    if text is None:
        return otherwise
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as cause:  # a thirteenth month
        raise BAD_QUERY.reject(text) from cause
    raise BAD_QUERY.reject(repr(text)[:40])


def _read_limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_ENTRIES
    if not _NUMBER.fullmatch(text) or int(text) > MAXIMUM_ENTRIES:
        raise BAD_QUERY.reject(repr(text)[:40])
    return int(text)


async def _read_order(request: Request) -> PaymentOrder:
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not _JSON.fullmatch(types[0]):
        raise MEDIA_TYPE.reject(repr(types)[:120])
    raw = b""
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > BODY_LIMIT:
                raise TOO_LARGE.reject()
    except ClientDisconnect as cause:  # whoever goes away in the middle is no defect of ours
        raise DISCONNECTED.reject() from cause
    try:
        return msgspec.convert(load_object(raw, limit=BODY_LIMIT), PaymentOrder)
    except msgspec.ValidationError as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause


def _public(document: object) -> HttpResponse:
    headers = (("content-type", "application/json"), ("cache-control", "public, max-age=300"))
    return HttpResponse(200, headers, msgspec.json.encode(document))
