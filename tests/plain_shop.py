"""A small shop with plain OAuth: a client secret, bearer tokens, an API described in YAML. Each flaw is one word."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

from trustweft.runtime.encoding import decode_base64url, encode_base64url

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["PASSWORD", "PlainShop"]

PASSWORD = "shop-password"
CLIENT = ("shop-client", "shop-client-secret")
PEOPLE = {"ann": 1, "ben": 2}

HEAD = """
openapi: 3.0.3
info: {title: Shop, version: '1'}
security: [{oauth: [orders]}]
paths:
"""
ORDERS = """  /api/me:
    get:
      responses: {'200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}}}
  /api/orders:
    get: {responses: {'200': {description: ok}}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
      responses: {'201': {description: ok}}
  /api/orders/{order_id}:
    parameters: [{$ref: '#/components/parameters/order'}]
    get: {responses: {'200': {description: ok}}}
    put:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/ChangedOrder'}}}}
      responses: {'200': {description: ok}}
    delete: {responses: {'204': {description: ok}}}
  /api/invoices:
    get:
      parameters: [{name: order_id, in: query, schema: {type: integer}}, {name: logo_url, in: query, schema: {type: string}}]
      responses: {'200': {description: ok}}
  /api/admin/users:
    get: {responses: {'200': {description: ok}}}
"""
# Accounts are opened at the counter: here they can only be renamed, and paid from.
ACCOUNTS = """  /api/accounts:
    get: {responses: {'200': {description: ok}}}
  /api/accounts/{account_id}:
    parameters: [{$ref: '#/components/parameters/account'}]
    get: {responses: {'200': {description: ok}}}
    patch:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Account'}}}}
      responses: {'200': {description: ok}}
  /api/accounts/{account_id}/payments:
    parameters: [{$ref: '#/components/parameters/account'}]
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Payment'}}}}
      responses: {'200': {description: ok}}
"""
COMPONENTS = """components:
  parameters:
    order: {name: order_id, in: path, required: true, schema: {type: integer}}
    account: {name: account_id, in: path, required: true, schema: {type: integer}}
  schemas:
    Person:
      type: object
      properties:
        id: {type: integer}
        username: {type: string}
        email: {type: string}
        recovery: {type: string, writeOnly: true}
    Order:
      type: object
      required: [item, address]
      properties: {item: {type: string}, address: {type: string}, webhook: {type: string, format: uri}}
    ChangedOrder:
      type: object
      required: [item, address]
      properties: {item: {type: string}, address: {type: string}}
    Account:
      type: object
      properties: {nickname: {type: string}, balance: {type: integer, readOnly: true}}
    Payment:
      type: object
      required: [to, amount]
      properties: {to: {type: string}, amount: {type: integer, minimum: 1}}
"""
DESCRIPTIONS = {
    "/openapi.yaml": HEAD + ORDERS + ACCOUNTS + COMPONENTS,
    "/accounts.yaml": HEAD + ACCOUNTS + COMPONENTS,
}


class PlainShop:
    """The shop on two ports of this machine: the public one, and the one behind it.

    Attributes:
        flaws: what is wrong with it; may change while it runs.
    """

    def __init__(self) -> None:
        self.flaws: frozenset[str] = frozenset()
        self.secret = secrets.token_bytes(32)
        self.codes: dict[str, tuple[str, str]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.accounts = {
            4_000 + number: {
                "nickname": f"purse of {name}",
                "balance": 900 + number,
                "premium": False,
                "owner": number,
            }
            for name, number in PEOPLE.items()
        }
        self._next = 1_000
        for owner in PEOPLE.values():
            self.add(owner, {"item": f"lamp of {owner}", "address": f"{owner} Harbour Street"})
        handler = type("Handler", (_Handler,), {"shop": self})
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.url, self.origin = (f"http://127.0.0.1:{each.server_port}" for each in self._servers)

    def add(self, owner: int, order: dict[str, Any]) -> dict[str, Any]:
        """Keep an order."""
        self._next += 7
        # The same size for everybody, and nothing in it that could be anybody's but by its owner.
        self.orders[self._next] = {
            "status": "ordered",
            "total": 40 + self._next,
            **order,
            "id": self._next,
            "owner": owner,
        }
        return self.orders[self._next]

    def key(self) -> bytes:
        """What signs tokens."""
        return b"supersecret" if "weak-secret" in self.flaws else self.secret

    def __enter__(self) -> Self:
        for each in self._servers:
            threading.Thread(target=each.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._servers:
            each.shutdown()
            each.server_close()


class _Handler(BaseHTTPRequestHandler):
    shop: ClassVar[PlainShop]
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # an answer goes out in one piece

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.sent = self.rfile.read(length)
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        name = {"/authorize": self._authorize, "/login": self._login, "/token": self._token}.get(parts.path)
        if name is not None:
            name()
        elif parts.path in DESCRIPTIONS:
            self._send(200, DESCRIPTIONS[parts.path].encode(), "application/yaml")
        else:
            self._api(parts.path)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    # The authorization server.

    def _authorize(self) -> None:
        fields = "".join(
            f"<input type=hidden name={name} value='{value}'>" for name, value in self.query.items()
        )
        page = f"<form method=post action=/login>{fields}<input name=username><input type=password name=password></form>"
        self._send(200, page.encode(), "text/html")

    def _login(self) -> None:
        form = dict(parse_qsl(self.sent.decode()))
        if form.get("password") != PASSWORD or form.get("username") not in PEOPLE:
            self._send(403, b"no", "text/plain")
            return
        code = secrets.token_urlsafe()
        self.shop.codes[code] = (form["username"], form.get("resource", self.shop.url))
        answer = urlencode({"code": code, "state": form.get("state", "")})
        self._send(302, b"", "text/plain", location=f"{form['redirect_uri']}?{answer}")

    def _token(self) -> None:
        form = dict(parse_qsl(self.sent.decode()))
        found = self.shop.codes.pop(form.get("code", ""), None)
        if (form.get("client_id"), form.get("client_secret")) != CLIENT or found is None:
            self._json(400, {"error": "invalid_grant"})
            return
        claims = {"sub": found[0], "aud": found[1], "exp": int(time.time()) + 600, "scope": "orders"}
        head, body = (encode_base64url(json.dumps(each).encode()) for each in ({"alg": "HS256"}, claims))
        token = f"{head}.{body}.{self._signature(f'{head}.{body}')}"
        self._json(200, {"access_token": token, "token_type": "Bearer", "expires_in": 600})

    def _signature(self, signed: str) -> str:
        return encode_base64url(hmac.new(self.shop.key(), signed.encode(), hashlib.sha256).digest())

    # The API.

    def _user(self) -> int | None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(signature, self._signature(signed)):
            return None
        claims = json.loads(decode_base64url(signed.partition(".")[2]))
        here = f"{self.shop.url}/stock" if self.path.startswith("/stock") else self.shop.url
        if claims["aud"] != here and "any-audience" not in self.shop.flaws:
            return None
        return PEOPLE[claims["sub"]]

    def _api(self, path: str) -> None:
        behind = self.connection.getsockname()[1] == int(self.shop.origin.rpartition(":")[2])
        user = PEOPLE["ann"] if behind and "open-origin" in self.shop.flaws else self._user()
        if user is None:
            self._json(401, {"error": "invalid_token"}, www_authenticate='Bearer error="invalid_token"')
            return
        head, _, last = path.rpartition("/")
        match self.command, path:
            case "GET" | "HEAD", "/api/me":
                self._me(user)
            case "GET" | "HEAD", "/api/orders":
                self._list(user)
            case "POST", "/api/orders":
                self._create(user)
            case "GET", "/api/invoices":
                self._invoices(user)
            case "GET", "/api/admin/users" if "open-admin" in self.shop.flaws:
                self._json(200, list(PEOPLE))
            case "GET", "/stock/levels":
                self._json(200, {"levels": "plenty of everything"})
            case _, _ if head == "/api/orders" and last.isdigit():
                self._one(user, int(last))
            case _, _ if path.startswith("/api/accounts"):
                self._accounts(user, path.split("/")[3:])
            case _:
                self._json(403 if path.startswith("/api/admin") else 404, {"error": "not_found"})

    def _list(self, user: int) -> None:
        orders = self.shop.orders.values()
        if "shared-list" in self.shop.flaws:
            names = {number: name for name, number in PEOPLE.items()}
            self._json(200, [{"id": each["id"], "by": names[each["owner"]]} for each in orders])
        else:
            self._json(200, [each for each in orders if each["owner"] == user])

    def _me(self, user: int) -> None:
        name = next(each for each, number in PEOPLE.items() if number == user)
        person = {"id": user, "username": name, "email": f"{name}@shop.example"}
        self._json(200, {**person, "recovery": "blue whale"} if "write-only" in self.shop.flaws else person)

    def _own(self, user: int, wanted: str) -> list[dict[str, Any]]:
        everybody = "foreign-query" in self.shop.flaws and wanted
        orders = [each for each in self.shop.orders.values() if everybody or each["owner"] == user]
        return [each for each in orders if not wanted or str(each["id"]) == wanted]

    def _invoices(self, user: int) -> None:
        if "invoices-by-header" in self.shop.flaws:
            user = PEOPLE.get(self.headers.get("x-forwarded-user", ""), user)
        self._fetch(self.query.get("logo_url"))
        own = self._own(user, self.query.get("order_id", ""))
        self._json(200, {"invoices": [{"order": each["id"], "address": each["address"]} for each in own]})

    def _create(self, user: int) -> None:
        sent, order = self._order()
        if order is None:
            return
        self._fetch(sent.get("webhook"))
        made = self.shop.add(user, {**sent, **order} if "mass-assignment" in self.shop.flaws else order)
        self._json(201, made)

    def _fetch(self, url: object) -> None:
        if "errands" in self.shop.flaws and isinstance(url, str) and url.startswith("http://localhost:"):
            with urlopen(url) as answer:  # noqa: S310  # that is the flaw
                answer.read()

    def _order(self) -> tuple[dict[str, Any], dict[str, str] | None]:
        """Return what was sent, and the order in it; without one the request is refused."""
        try:
            sent = json.loads(self.sent)
            return sent, {name: str(sent[name]) for name in ("item", "address")}
        except (ValueError, KeyError, TypeError, RecursionError):
            self._json(400, {"error": "invalid_request"})
            return {}, None

    def _one(self, user: int, number: int) -> None:
        order = self.shop.orders.get(number)
        reading = self.command in ("GET", "HEAD")
        flaws = {"foreign-objects", "shared-list", "foreign-made"} if reading else {"foreign-writes"}
        if order is None or (order["owner"] != user and not flaws & self.shop.flaws):
            self._json(404, {"error": "not_found"})
        elif self.command == "DELETE":
            del self.shop.orders[number]
            self._json(200, {})
        elif self.command == "PUT":
            _, changed = self._order()
            if changed is not None:
                self._json(200, {**order, **changed})
                order.update(changed)
        else:
            self._json(200, order)

    def _accounts(self, user: int, rest: list[str]) -> None:
        accounts = self.shop.accounts
        number = int(rest[0]) if rest and rest[0].isdigit() else 0
        match self.command, rest:
            case "GET" | "HEAD", []:
                own = [
                    {"id": each, **account} for each, account in accounts.items() if account["owner"] == user
                ]
                self._json(200, own)
            case "GET" | "HEAD" | "PATCH", [_]:
                self._account(user, number)
            case "POST", [_, "payments"]:
                self._pay(user, number)
            case _:
                self._json(404, {"error": "not_found"})

    def _account(self, user: int, number: int) -> None:
        account = self.shop.accounts.get(number)
        writing = self.command == "PATCH"
        if account is None or (
            account["owner"] != user and not (writing and "foreign-changes" in self.shop.flaws)
        ):
            self._json(404, {"error": "not_found"})
            return
        if writing:
            settable = {"nickname", *(("balance", "premium") if "balance-set" in self.shop.flaws else ())}
            account.update({name: value for name, value in self._document().items() if name in settable})
        self._json(200, {"id": number, **account})

    def _pay(self, user: int, number: int) -> None:
        account, asked = self.shop.accounts.get(number), self._document()
        foreign = account is None or (account["owner"] != user and "foreign-payments" not in self.shop.flaws)
        good = (
            isinstance(asked.get("amount"), int) and asked["amount"] > 0 and isinstance(asked.get("to"), str)
        )
        if not good and (not foreign or "bodies-first" in self.shop.flaws):
            self._json(400, {"error": "invalid_request"})
        elif foreign or account is None or "payees-unknown" in self.shop.flaws:
            self._json(404, {"error": "not_found"})
        else:
            account["balance"] -= asked["amount"]
            self._json(200, {"paid": asked["amount"]})

    def _document(self) -> dict[str, Any]:
        try:
            sent = json.loads(self.sent)
        except (ValueError, RecursionError):
            return {}
        return sent if isinstance(sent, dict) else {}

    def _json(self, status: int, document: object, **headers: str) -> None:
        self._send(status, json.dumps(document).encode(), "application/json", **headers)

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_type": kind, "content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
