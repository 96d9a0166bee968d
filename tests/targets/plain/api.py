"""A small API: everybody has orders of their own."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

from .web import Answer, Refused, json_answer

if TYPE_CHECKING:
    from .state import State
    from .web import Request

__all__ = ["Bearer", "Orders"]

PAGE: Final = 20
_READ: Final = "orders:read"
_WRITE: Final = "orders:write"
_UNSAFE: Final = ("PATCH", "DELETE")


class Bearer:
    """Finds out who calls an API."""

    def __init__(self, state: State, audience: str) -> None:
        self._state, self._flaws, self._audience = state, state.flaws, audience

    def subject(self, request: Request, scope: str) -> str:
        """Return the user that the token is for.

        Raises:
            Refused: there is no good token, or it does not cover this.
        """
        headers = request.headers
        if "identity-by-header" in self._flaws and "x-forwarded-user" in headers:
            named = (
                each.id for each in self._state.users.values() if each.name == headers["x-forwarded-user"]
            )
            return next(named, "")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not scheme and "token-in-query" in self._flaws:
            scheme, token = "bearer", dict(request.query).get("access_token", "")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized()
        claims = self._state.claims(token, self._audience)
        if claims is None:
            raise _unauthorized("invalid_token")
        if scope not in str(claims.get("scope", "")).split() and "scopes-unchecked" not in self._flaws:
            raise Refused(
                json_answer(
                    403,
                    {"error": "insufficient_scope"},
                    WWW_Authenticate=f'Bearer error="insufficient_scope", scope="{scope}"',
                )
            )
        if "user-by-header" in self._flaws and "x-user-id" in headers:
            return headers["x-user-id"]
        return str(claims["sub"])


class Orders:
    """The API; orders are rows of a database in memory."""

    def __init__(self, state: State) -> None:
        self._bearer = Bearer(state, state.api)
        self._state, self._flaws = state, state.flaws
        self._lock = threading.Lock()
        self._answered: dict[str, Answer] = {}
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows.row_factory = sqlite3.Row
        self._rows.execute(
            "CREATE TABLE orders (id TEXT, owner TEXT, item TEXT, amount INTEGER, paid INTEGER)"
        )
        for user in state.users.values():
            for item in ("tea", "cake"):
                self._insert(user.id, item, 1)

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if "cache-by-address" in self._flaws and request.method == "GET":
            answer = self._cached(request)
        else:
            answer = self._answer(request)
        if "cors-reflect" in self._flaws and "origin" in request.headers:
            answer.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
            answer.headers["Access-Control-Allow-Credentials"] = "true"
        return answer

    def _answer(self, request: Request) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        parts = [each for each in request.path.split("/") if each]
        if request.path == "/status" and method == "GET":
            return json_answer(200, {"status": "fine"})
        if request.path == "/me" and method == "GET":
            return self._me(self._bearer.subject(request, _READ))
        if request.path == "/orders" and method == "GET":
            return self._kept(request, self._list(request))
        if request.path == "/orders" and method == "POST":
            return self._create(request)
        if len(parts) == 2 and parts[0] == "orders" and request.path == f"/orders/{parts[1]}":
            if method == "GET":
                return self._read(request, parts[1])
            if method in _UNSAFE:
                return self._change(request, method, parts[1])
        self._bearer.subject(request, _READ)  # what is not there is nobody's business without a token
        raise _refused(405 if request.path in ("/orders", "/me", "/status") or len(parts) == 2 else 404)

    def _cached(self, request: Request) -> Answer:
        """Answer like a cache that looks at the address alone."""
        address = f"{request.path}?{request.query}"
        if address not in self._answered:
            self._answered[address] = self._answer(request)
        return self._answered[address]

    # ---- operations

    def _me(self, subject: str) -> Answer:
        user = self._state.users.get(subject)
        if user is None:
            raise _refused(404)
        shown = {"id": user.id, "username": user.name, "email": user.email}
        return json_answer(
            200, {**shown, "password_hash": user.password} if "data-exposed" in self._flaws else shown
        )

    def _list(self, request: Request) -> Answer:
        subject = self._bearer.subject(request, _READ)
        query = dict(request.query)
        if "owner-parameter" in self._flaws:
            subject = query.get("owner", subject)
        limit = query.get("limit", str(PAGE))
        if (
            not limit.isascii()
            or not limit.isdigit()
            or (int(limit) > PAGE and "unlimited" not in self._flaws)
        ):
            raise _refused(400)
        item = query.get("item", "")
        if "sql-injection" in self._flaws:
            found = self._run(f"SELECT * FROM orders WHERE owner = '{subject}' AND item LIKE '%{item}%'")  # noqa: S608
        else:
            found = self._run("SELECT * FROM orders WHERE owner = ? AND item LIKE ?", subject, f"%{item}%")
        return json_answer(200, {"orders": found[: int(limit)]})

    def _read(self, request: Request, identifier: str) -> Answer:
        if "anonymous" in self._flaws:
            return json_answer(200, self._order(identifier, None))
        subject = self._bearer.subject(request, _READ)
        if "method-override" in self._flaws and request.headers.get("x-http-method-override") in _UNSAFE:
            return self._change_own(subject, request.headers["x-http-method-override"], identifier, request)
        return self._kept(request, json_answer(200, self._order(identifier, subject)))

    def _create(self, request: Request) -> Answer:
        subject = self._bearer.subject(request, _WRITE)
        asked = _document(request)
        self._only_known(asked)
        item, amount = asked.get("item"), asked.get("amount")
        if not _good_item(item) or not _good_amount(amount):
            raise _refused(400)
        identifier = self._insert(subject, item, amount)
        self._assign(identifier, asked)
        answer = json_answer(201, self._order(identifier, None))
        answer.headers["Location"] = f"{self._state.api}/orders/{identifier}"
        return answer

    def _change(self, request: Request, method: str, identifier: str) -> Answer:
        if self._state.objects_first:
            self._order(identifier, self._bearer.subject(request, _READ))
        flaw = "change-without-scope" if method == "PATCH" else "delete-without-scope"
        scope = _READ if flaw in self._flaws else _WRITE
        return self._change_own(self._bearer.subject(request, scope), method, identifier, request)

    def _change_own(self, subject: str, method: str, identifier: str, request: Request) -> Answer:
        owner = None if "bola-write" in self._flaws else subject
        self._order(identifier, owner)
        if method == "DELETE":
            self._run("DELETE FROM orders WHERE id = ?", identifier)
            return Answer(204, headers={"Cache-Control": "no-store"})
        asked = _document(request)
        self._only_known(asked)
        if not _good_item(asked.get("item", "x")) or not _good_amount(asked.get("amount", 1)):
            raise _refused(400)
        self._assign(identifier, asked)
        return json_answer(200, self._order(identifier, None))

    # ---- rows

    def _order(self, identifier: str, subject: str | None) -> dict[str, Any]:
        found = self._run("SELECT * FROM orders WHERE id = ?", identifier)
        foreign = found and subject is not None and found[0]["owner"] != subject
        if not found or (foreign and "bola" not in self._flaws):
            raise _refused(404)
        return found[0]

    def _insert(self, owner: str, item: object, amount: object) -> str:
        identifier = secrets.token_hex(8)
        self._run("INSERT INTO orders VALUES (?, ?, ?, ?, 0)", identifier, owner, item, amount)
        return identifier

    def _only_known(self, asked: dict[str, Any]) -> None:
        if not set(asked) <= {"item", "amount"} and "mass-assignment" not in self._flaws:
            raise _refused(400)

    def _assign(self, identifier: str, asked: dict[str, Any]) -> None:
        for name in ("item", "amount", "owner", "paid"):
            if name in asked and isinstance(asked[name], str | int):
                self._run(f"UPDATE orders SET {name} = ? WHERE id = ?", asked[name], identifier)  # noqa: S608  # a fixed name

    def _run(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with self._lock:
            found = [dict(row) for row in self._rows.execute(statement, values)]
        for each in found:
            each["paid"] = bool(each["paid"])
        return found

    def _kept(self, request: Request, answer: Answer) -> Answer:
        if "shared-cache" in self._flaws:
            answer.headers["Cache-Control"] = "public, max-age=60"
        return answer


def _document(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _refused(415)
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        raise _refused(400) from None
    if not isinstance(document, dict):
        raise _refused(400)
    return document


def _good_item(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def _good_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000


def _refused(status: int) -> Refused:
    return Refused(json_answer(status, {"error": "invalid_request" if status != 404 else "not_found"}))


def _unauthorized(error: str = "") -> Refused:
    """Refuse a request without a good token (RFC 6750 section 3): no error where nothing was sent."""
    shown = f', error="{error}"' if error else ""
    return Refused(
        json_answer(401, {"error": error or "unauthorized"}, WWW_Authenticate=f'Bearer realm="orders"{shown}')
    )
