"""A plain OAuth server as many were written before anybody asked: opaque tokens, HTML errors, slashes, a password grant.

It is careful but for its traits: some are flaws, others only habits that a correct server may have.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit
from urllib.request import urlopen

from trustweft.audit.forging import forge, read_parts
from trustweft.audit.target import Api, ClientEntry, OperationEntry, Target, User
from trustweft.audit.verifying import can_verify, verifies
from trustweft.crypto.keys import generate_private_key

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["ForeignServer"]

SECRET = "p+ss w%rd/=é-0123456789abcdef0123456789abcdef"
KEY = generate_private_key("ES256")
_BUTTONS = '<input type="submit" value="Cancel"><input type="submit" name="allow" value="Authorize">'
_CHOICE = (
    '<input type="radio" name="decision" value="no" checked><input type="radio" name="decision" value="yes">'
    '<select name="for"><option value="1">a day</option></select><input type="submit" value="Senden">'
)
_NAME = '<input name="user_login" autofocus>'
_PASSWORD = '<input name="user_pass" type="password">'
_DECOY = '<input name="not_shown" type="password" style="display: none">'  # for programs that keep passwords
_AGAIN = '<label>Confirm with your password <input name="again" type="password"></label>'
OTHER_SECRET = "known-to-nobody-0123456789abcdef0123456789"
PEOPLE = {"ann": ("ann-secret-1", "5f1"), "ben": ("ben-secret-2", "7c2")}
CLIENTS = {
    "web app": (SECRET, "http://client.example/cb?from=foreign"),
    "partner": (OTHER_SECRET, "http://partner.example/cb"),
    "pocket": ("", "http://pocket.example/cb"),
}


@dataclass
class Grant:
    """What a user, or nobody, gave to a client."""

    client: str
    user: str
    scope: str
    redirect_uri: str = ""
    challenge: str = ""
    used: bool = False
    alive: bool = True


@dataclass
class ForeignServer:
    """The server on a port of this machine.

    Attributes:
        traits: how it differs from a careful server; may change while it runs.
        failed_logins: how many attempts with a wrong name or password there were.
        agreed: who said yes to which client and scope; counts where consent is remembered.
        seen: headers of the token and revocation requests, and their forms.
    """

    traits: frozenset[str] = frozenset()
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    failed_logins: int = 0
    agreed: set[tuple[str, str, str]] = field(default_factory=set)
    pushed: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://localhost:{self._server.server_port}"
        for name, (_, number) in PEOPLE.items():
            key = f"thing-{number}"
            self.things[key] = {"key": key, "owner": name, "note": f"private note of {name}"}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def issuer(self) -> str:
        """With a slash at its end, as many have it."""
        return f"{self.url}/oauth/"

    def target(self, *, others: tuple[str, ...] = ("partner",), **of_first: Any) -> Target:
        """Return what the auditor is told of it."""
        first = {"grant_types": ("authorization_code", "refresh_token", "client_credentials"), **of_first}
        kinds = {"web app": "client_secret_basic", "partner": "client_secret_post", "pocket": "none"}
        clients = [
            ClientEntry(
                client_id=name,
                authentication=kinds[name],  # type: ignore[arg-type]
                secret=CLIENTS[name][0] or None,
                redirect_uri=CLIENTS[name][1],
                scope="things things:write",
                narrow_scope="things",
                **(first if name == "web app" else {"grant_types": first["grant_types"][:2]}),
            )
            for name in ("web app", *others)
        ]
        return Target(
            issuer=self.issuer,
            profile="oauth2-plain",
            canary_host="localhost",
            rate=1000.0,
            clients=tuple(clients),
            users=tuple(User(username=name, password=word) for name, (word, _) in PEOPLE.items()),
            apis=(
                Api(
                    url=f"{self.url}/api",
                    operations=(
                        OperationEntry(path="/me/", scope="things"),
                        OperationEntry(path="/things/", scope="things"),
                        OperationEntry(path="/things/thing-5f1/", scope="things", owner="ann"),
                        OperationEntry(method="POST", path="/things/", scope="things:write", body='{"note": "mine"}'),
                    ),
                ),
            ),
        )  # fmt: skip


class RefusedError(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server_of: ClassVar[ForeignServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.traits = self.server_of.traits
        if "keep-is-signed" in self.traits and self._keep_is_foreign():
            return self._page(400, "<h1>Bad request</h1>")
        pages = {
            "/oauth/authorize/": self._authorize,
            "/accounts/login/": self._login,
            "/oauth/token/": self._token,
            "/oauth/revoke/": self._revoke,
            "/oauth/push/": self._push,
            "/oauth/introspect/": self._introspect,
            "/.well-known/oauth-authorization-server/oauth": self._metadata,
            "/.well-known/oauth-authorization-server/oauth/": self._metadata,
        }
        try:
            page = pages.get(parts.path)
            if page is not None:
                page()
            elif parts.path.startswith("/api/"):
                self._api(parts.path)
            else:
                self._page(404, "<h1>Not found</h1>")
        except RefusedError as refused:
            error = {"error": str(refused), "error_description": "That did not work."}
            self._json(200 if "errors-are-200" in self.traits else refused.status, error)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    def _metadata(self) -> None:
        at = self.server_of.url + "/oauth"
        grants = ["authorization_code", "refresh_token", "client_credentials"]
        document: dict[str, object] = {
            "issuer": self.server_of.issuer,
            "authorization_endpoint": f"{at}/authorize/",
            "token_endpoint": f"{at}/token/",
            "revocation_endpoint": f"{at}/revoke/",
            "response_types_supported": ["code"],
            "grant_types_supported": [*grants, *(["password"] if "password-grant" in self.traits else [])],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        }
        if "no-authorization-endpoint" in self.traits:
            del document["authorization_endpoint"]
        if "pushes" in self.traits:
            document["pushed_authorization_request_endpoint"] = f"{at}/push/"
        if "introspection" in self.traits:
            document["introspection_endpoint"] = f"{at}/introspect/"
        self._json(200, document)

    # ---- the browser

    def _keep_is_foreign(self) -> bool:
        """Whether a cookie that only a login brings was not made here."""
        keep = self._cookie("keep")
        return bool(keep) and keep not in {_csrf(f"keep {name}") for name in PEOPLE}

    def _cookie(self, name: str) -> str:
        found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        return found.value if found else ""

    def _authorize(self) -> None:
        asked = dict(self.query)
        twice = len(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)) != len(asked)
        asked = self._as_pushed(asked)
        client = CLIENTS.get(asked.get("client_id", ""))
        if "busy-for-partner" in self.traits and asked.get("client_id") == "partner":
            return self._page(503, "<h1>Busy</h1>")
        if (
            twice
            or client is None
            or asked.get("redirect_uri") != client[1]
            or "password-only" in self.traits
        ):
            return self._page(400, "<h1>Bad request</h1>")
        session = self._cookie("sid")
        user = self.server_of.sessions.get(session)
        if "foreign-keep-spoils" in self.traits and self._keep_is_foreign():
            user = None
        silent = asked.get("prompt") == "none"
        wrong = self._wrong(asked) or ("login_required" if user is None and silent else "")
        if wrong:
            return self._back(asked, {"error": wrong})
        if user is None:
            return self._send(302, b"", location=f"/accounts/login/?{urlencode({'next': self.path})}")
        return self._consent(asked, user, session, silent=silent)

    def _as_pushed(self, asked: dict[str, str]) -> dict[str, str]:
        """Return the request that was pushed, where the address names one."""
        pushed = self.server_of.pushed.get(asked.get("request_uri", ""))
        if pushed is None:
            return asked
        beside = ("scope",) if "scope-beside" in self.traits else ()
        return pushed | {name: asked[name] for name in beside if name in asked}

    def _consent(self, asked: dict[str, str], user: str, session: str, *, silent: bool) -> None:
        form = dict(parse_qsl(self.body.decode())) if self.command == "POST" else {}
        said = dict(self.query) if "agrees-by-address" in self.traits else {}
        if form.get("decision") == "yes":
            form["allow"] = "Authorize"
        posted = form.get("allow") == "Authorize" and secrets.compare_digest(
            form.get("csrf", ""), _csrf(session)
        )
        if "confirms-consent" in self.traits and form.get("again") != PEOPLE[user][0]:
            posted = False
            self.server_of.failed_logins += bool(form)
        skipped = self._remembered(asked, user) or (
            "consent-skipped-again" in self.traits and f"seen {session}" in self.server_of.sessions
        )
        if (
            posted
            or said.get("allow")
            or skipped
            or "asks-nobody" in self.traits
            or (silent and "silent-consent" in self.traits)
        ):
            wider = {"scope": form["scope"]} if "scope-by-form" in self.traits and "scope" in form else {}
            return self._agreed(asked | wider, user)
        if silent or (form and not form.get("allow")):
            return self._back(asked, {"error": "consent_required" if silent else "access_denied"})
        self.server_of.sessions[f"seen {session}"] = user
        shown = escape(asked.get("scope", ""))
        if "markup-at-consent" in self.traits:
            shown = asked.get("state", "")
        return self._page(
            200,
            f"<h1>Authorize {escape(asked['client_id'])}?</h1><p>{shown}</p>"
            f'<form id="authorizationForm" method="post"><input type="hidden" name="csrf" value="{_csrf(session)}">'
            f"{_AGAIN if 'confirms-consent' in self.traits else ''}"
            f"{_CHOICE if 'radio-consent' in self.traits else _BUTTONS}</form>",
        )

    def _remembered(self, asked: dict[str, str], user: str) -> bool:
        anew = asked.get("prompt") == "consent" and "asks-anew" in self.traits
        scopes = asked.get("scope", "things").split()
        agreed = {(user, asked["client_id"], scope) for scope in scopes} <= self.server_of.agreed
        return agreed and not anew and "remembers-consent" in self.traits

    def _wrong(self, asked: dict[str, str]) -> str:
        if asked.get("response_type") != "code":
            return "unsupported_response_type" if asked.get("response_type") else "invalid_request"
        if asked.get("response_mode", "query") != "query":
            return "invalid_request"
        if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
            return "invalid_request"
        if not set(asked.get("scope", "things").split()) <= {"things", "things:write"}:
            return "invalid_scope"
        return ""

    def _agreed(self, asked: dict[str, str], user: str) -> None:
        code = secrets.token_urlsafe(24)
        scopes = asked.get("scope", "things").split()
        self.server_of.agreed |= {(user, asked["client_id"], scope) for scope in scopes}
        self.server_of.codes[code] = Grant(
            asked["client_id"],
            user,
            "things things:write" if "grants-all" in self.traits else asked.get("scope", "things"),
            asked["redirect_uri"],
            asked.get("code_challenge", ""),
        )
        self._back(asked, {"code": code})

    def _back(self, asked: dict[str, str], answer: dict[str, str]) -> None:
        uri = asked["redirect_uri"]
        state = {"state": asked["state"]} if "state" in asked else {}
        query = urlencode({**answer, **state, "iss": self.server_of.issuer})
        self._send(302, b"", location=f"{uri}{'&' if '?' in uri else '?'}{query}")

    def _login(self) -> None:
        onward = self.query.get("next", "/")
        session = self._cookie("sid") or secrets.token_urlsafe(24)
        message = self._told()
        if self.command == "POST":
            form = dict(parse_qsl(self.body.decode()))
            good = secrets.compare_digest(
                form.get("csrfmiddlewaretoken", "").encode(), _csrf(session).encode()
            )
            name = form.get("user_login", "")
            if good and PEOPLE.get(name, ("",))[0] == form.get("user_pass") and onward.startswith("/oauth/"):
                session = session if "session-kept" in self.traits else secrets.token_urlsafe(24)
                self.server_of.sessions[session] = name
                cookies = {"set_cookie": _session(session)}
                keeps = {"keep-is-signed", "foreign-keep-spoils"} & self.traits
                if keeps and not self._keep_is_foreign():
                    cookies["Set_Cookie"] = f"keep={_csrf(f'keep {name}')}; Path=/; HttpOnly; SameSite=Lax"
                return self._send(302, b"", location=onward, **cookies)
            if good and "user_pass" not in form and "name-first" in self.traits:
                name = f'<input type="hidden" name="user_login" value="{escape(name, quote=True)}">'
                return self._page(
                    200, self._login_form(session, onward, name, _PASSWORD), set_cookie=_session(session)
                )
            message = "Please enter a correct name and password."
            self.server_of.failed_logins += 1
            if "markup-after-login" in self.traits:
                return self._send(302, b"", location=f"?{urlencode({'next': onward, 'wrong': message})}")
        asked: tuple[str, ...] = (_NAME,) if "name-first" in self.traits else (_NAME, _PASSWORD)
        asked += (_DECOY,) if "decoy" in self.traits else ()
        page = f"<p>{message}</p>{self._login_form(session, onward, *asked)}"
        return self._page(200, page, set_cookie=_session(session))

    def _told(self) -> str:
        """Return what the address of the login page says to whoever opens it."""
        shown = {"markup-at-login": "error", "markup-after-login": "wrong"}
        return "".join(self.query.get(name, "") for trait, name in shown.items() if trait in self.traits)

    def _login_form(self, session: str, onward: str, *fields: str) -> str:
        if "fresh-tokens" in self.traits:
            fields = (*fields, f'<input type="hidden" name="token" value="{secrets.token_hex(8)}">')
        return (
            '<form action="/accounts/reset/" method="POST"><input name="email"><button>Forgot password?</button></form>'
            f'<form class="login" action="?{escape(urlencode({"next": onward}))}" method="POST">'
            f'<input type="hidden" name="csrfmiddlewaretoken" value="{_csrf(session)}">{"".join(fields)}'
            '<input name="remember" type="checkbox"><input type="submit" value="Log in &raquo;"></form>'
        )

    # ---- clients

    def _client(self, form: dict[str, str]) -> str:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if scheme.lower() == "basic":
            try:
                pair = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:
                raise RefusedError(401, "invalid_client") from None
            if "client_secret" in form:
                raise RefusedError(400, "invalid_request")
            # What the header says is who it is, whatever the form says: many servers do so.
            name, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
        if name not in CLIENTS or not secrets.compare_digest(CLIENTS[name][0].encode(), secret.encode()):
            raise RefusedError(401, "invalid_client")
        return name

    def _form(self, name: str) -> dict[str, str]:
        if self.command != "POST":
            raise RefusedError(405, "invalid_request")
        pairs = parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            raise RefusedError(400, "invalid_request")
        self.server_of.seen.append((name, dict(self.headers), form))
        return form

    def _token(self) -> None:
        form = self._form("token")
        kind = form.get("grant_type", "")
        client = self._client(form)
        match kind:
            case "authorization_code":
                grant = self._code(form, client)
            case "refresh_token":
                grant = self._refreshed(form, client)
            case "client_credentials" if client == "web app":
                grant = Grant(client, "", self._scope(form))
            case "password" if "password-grant" in self.traits:
                wrong = PEOPLE.get(form.get("username", ""), ("",))[0] != form.get("password")
                if wrong or (client == "web app" and "second-factor-for-first" in self.traits):
                    raise RefusedError(400, "invalid_grant")
                grant = Grant(client, form["username"], self._scope(form))
            case _:
                raise RefusedError(400, "unsupported_grant_type" if kind else "invalid_request")
        token, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        if "signed" in self.traits:
            claims: dict[str, object] = {
                "sub": grant.user or client,
                "jti": token,
                "client_id": client,
                "scope": grant.scope,
            }
            claims |= {"iss": self.server_of.issuer, "aud": f"{self.server_of.url}/api"}
            claims |= {"iat": int(time.time()), "exp": int(time.time()) + 600}
            token = forge({"alg": "ES256", "typ": "JWT", "kid": "1"}, claims, key=KEY)
        self.server_of.access[token] = grant
        answer = {"access_token": token, "token_type": "bearer", "expires_in": 600, "scope": grant.scope}
        if grant.user and not (client == "pocket" and "little-for-public" in self.traits):
            self.server_of.refresh[refresh] = grant
            answer["refresh_token"] = refresh
        self._json(200, answer)

    def _scope(self, form: dict[str, str]) -> str:
        if not set(form.get("scope", "things").split()) <= {"things", "things:write"}:
            raise RefusedError(400, "invalid_scope")
        return form.get("scope", "things")

    def _code(self, form: dict[str, str], client: str) -> Grant:
        grant = self.server_of.codes.get(form.get("code", ""))
        if grant is None or (grant.client != client and "code-of-anybody" not in self.traits):
            raise RefusedError(400, "invalid_grant")
        if grant.used:
            grant.alive = False
            raise RefusedError(400, "invalid_grant")
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if (grant.challenge or verifier) and digest != grant.challenge:
            raise RefusedError(400, "invalid_grant")
        if form.get("redirect_uri") != grant.redirect_uri:
            raise RefusedError(400, "invalid_grant")
        grant.used = True
        return grant

    def _refreshed(self, form: dict[str, str], client: str) -> Grant:
        token = form.get("refresh_token", "")
        grant = self.server_of.refresh.get(token)
        if grant is None or not grant.alive or "refreshing-is-off" in self.traits:
            raise RefusedError(400, "invalid_grant")
        if grant.client != client and "refresh-of-anybody" not in self.traits:
            raise RefusedError(400, "invalid_grant")
        if not set(form.get("scope", grant.scope).split()) <= set(grant.scope.split()):
            raise RefusedError(400, "invalid_scope")
        if "grace" not in self.traits:
            del self.server_of.refresh[token]
        for each in [name for name, held in self.server_of.access.items() if held is grant]:
            del self.server_of.access[
                each
            ]  # the access token of before ends with the refresh token of before
        return Grant(grant.client, grant.user, form.get("scope", grant.scope))

    def _push(self) -> None:
        form = self._form("push")
        self._client(form)
        if "refuses-narrow" in self.traits and form.get("scope") == "things":
            raise RefusedError(400, "invalid_scope")
        request_uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(24)}"
        self.server_of.pushed[request_uri] = form
        self._json(201, {"request_uri": request_uri, "expires_in": 60})

    def _revoke(self) -> None:
        if "revocation-is-missing" in self.traits:
            raise RefusedError(404, "not_found")
        form = self._form("revoke")
        client = "" if "revoke-open" in self.traits else self._client(form)
        if client == "pocket" and "little-for-public" in self.traits:
            self._send(302, b"", location="/accounts/login/")
            return
        token = form.get("token", "")
        for tokens in (self.server_of.access, self.server_of.refresh):
            grant = tokens.get(token)
            if grant is not None and (
                grant.client == client or self.traits & {"revoke-open", "revoke-anybody"}
            ):
                del tokens[token]
        self._send(200, b"")

    def _introspect(self) -> None:
        form = self._form("introspect")
        client = self._client(form)
        grant = self.server_of.access.get(form.get("token", ""))
        good = grant is not None and grant.client == client and grant.alive
        self._json(200, {"active": True, "scope": grant.scope} if good and grant else {"active": False})

    # ---- the API

    def _grant(self, scope: str) -> Grant:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        grant = self.server_of.access.get(token) if scheme.lower() == "bearer" else None
        if grant is None and self.traits & {"follows-jku", "fetches-jku"}:
            grant = self._by_header(token)
        if grant is None or not grant.alive:
            raise RefusedError(401, "invalid_token")
        if scope not in grant.scope.split() and not (
            self.command == "POST" and "writes-unscoped" in self.traits
        ):
            raise RefusedError(403, "insufficient_scope")
        return grant

    def _by_header(self, token: str) -> Grant | None:
        """Believe a token whose key is where the token says."""
        header, claims = read_parts(token)
        if not isinstance(header.get("jku"), str):
            return None
        with urlopen(str(header["jku"])) as answer:  # noqa: S310  # that is the flaw
            keys = json.loads(answer.read())["keys"]
        algorithm = str(header["alg"])
        good = can_verify(algorithm) and any(verifies(token, algorithm=algorithm, jwk=key) for key in keys)
        believed = good and "follows-jku" in self.traits
        return Grant("web app", str(claims["sub"]), "things things:write") if believed else None

    def _api(self, path: str) -> None:
        grant = self._grant("things:write" if self.command == "POST" else "things")
        user = grant.user or ("ann" if "client-is-ann" in self.traits else "")
        key = path.removeprefix("/api/things/").rstrip("/")
        if path == "/api/me/" and self.command in ("GET", "HEAD"):
            return self._json(
                200, {"login": user, "mail": f"{user}@foreign.example"} if user else {"login": None}
            )
        if path == "/api/things/" and self.command == "POST":
            self._read_body()
            made = {"key": f"thing-{secrets.token_hex(4)}", "owner": user, "note": "mine"}
            return self._json(201, made)
        if path == "/api/things/" and self.command in ("GET", "HEAD"):
            return self._json(
                200, {"results": [each for each in self.server_of.things.values() if each["owner"] == user]}
            )
        thing = self.server_of.things.get(key)
        if thing is None or thing["owner"] != user or self.command not in ("GET", "HEAD"):
            raise RefusedError(404, "not_found")
        return self._json(200, thing)

    def _read_body(self) -> None:
        try:
            if self.body.count(b"[") + self.body.count(b"{") > 50 or not isinstance(
                json.loads(self.body), dict
            ):
                raise RefusedError(400, "invalid_request")
        except ValueError:
            raise RefusedError(400, "invalid_request") from None

    # ---- answers

    def _page(self, status: int, html: str, **headers: str) -> None:
        body = f"<!doctype html><html><head><title>Foreign</title></head><body>{html}</body></html>"
        # Chromium follows a form's redirect to the client only where the policy names it.
        clients = " ".join(f"http://{urlsplit(uri).netloc}" for _, uri in CLIENTS.values())
        directives = ("default-src 'none'", f"form-action 'self' {clients}", "frame-ancestors 'none'")
        policy = {"content_security_policy": "; ".join(directives)}
        self._send(
            status,
            body.encode(),
            content_type="text/html; charset=utf-8",
            referrer_policy="no-referrer",
            cache_control="no-store",
            x_content_type_options="nosniff",
            **policy,
            **headers,
        )

    def _json(self, status: int, document: object, **headers: str) -> None:
        if status == 401:
            headers["www_authenticate"] = 'Bearer error="invalid_token"'
        self._send(
            status,
            json.dumps(document).encode(),
            content_type="application/json",
            cache_control="no-store",
            x_content_type_options="nosniff",
            **headers,
        )

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _csrf(session: str) -> str:
    return hashlib.sha256(f"csrf {session}".encode()).hexdigest()


def _session(value: str) -> str:
    return f"sid={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={int(time.time() % 1) + 3600}"
