"""A server over TLS that offers what ours does not, such as request objects, devices and logout. Each flaw is one word."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

from trustweft.audit.forging import forge, read_parts
from trustweft.audit.verifying import read_key, verifies
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk, thumbprint
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from local_tls import LocalTls
    from trustweft.crypto.algorithms import PrivateKey

__all__ = ["CALLBACK", "PASSWORD", "SECRETIVE", "USER", "OfferingServer"]

SECRETIVE: Final = "till"  # the client with a secret
USER: Final = "ann"
PASSWORD: Final = "harbour-password"
CALLBACK: Final = "https://client.example/callback"
SIGNED: Final = "application/token-introspection+jwt"
REQUEST_TYPE: Final = "oauth-authz-req+jwt"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
CIBA: Final = "urn:openid:params:grant-type:ciba"
INTERVAL: Final = 5
HOUR: Final = 3600


class OfferingServer:
    """An authorization server with a small API, on one port.

    Args:
        tls: its certificate.
        clients: public keys by client identifier; None stands for a public client.

    Attributes:
        flaws: what is wrong with it; may change while it runs.
        modes: ``signed-only``: it says that authorization requests must be signed; ``open-registration``: anybody may
            register a client, and change its registration.
    """

    def __init__(self, tls: LocalTls, clients: Mapping[str, PrivateKey | None]) -> None:
        self.flaws: frozenset[str] = frozenset()
        self.modes: frozenset[str] = frozenset()
        self.keys: dict[str, tuple[Mapping[str, object], ...]] = {
            name: () if key is None else (public_jwk(key.public_key()),) for name, key in clients.items()
        }
        self.managed: dict[str, str] = {}  # registration access tokens, by client
        self.sessions: dict[str, float] = {}  # when the user logged in, by cookie
        self._secret = secrets.token_urlsafe(32)
        self.signer = LocalSigner("ES256", generate_private_key("ES256"))
        self.pushed: dict[str, dict[str, str]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.waiting: dict[
            str, tuple[str, float]
        ] = {}  # device codes and the like: whose, and when last asked about
        self.tokens: dict[str, dict[str, Any]] = {}
        self.refreshing: dict[str, dict[str, Any]] = {}
        self.devices = 0
        handler = type("Handler", (_Handler,), {"shop": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.socket = tls.server_context().wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secret(self) -> str:
        """Return the secret that it let a client register."""
        return "harbour1" if "weak-secret" in self.flaws else self._secret

    def metadata(self) -> dict[str, Any]:
        """Return what it says of itself."""
        paths = {
            "authorization": "authorize",
            "token": "token",
            "pushed_authorization_request": "par",
            "introspection": "introspect",
            "device_authorization": "device",
            "backchannel_authentication": "backchannel",
            "end_session": "logout",
            "registration": "register",
        }
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in paths.items()},
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "jwt"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "request_object_signing_alg_values_supported": ["ES256"],
            "introspection_signing_alg_values_supported": ["ES256"],
            "require_signed_request_object": "signed-only" in self.modes,
        }

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Return a JWT of the server's."""
        return forge({"alg": "ES256", **header}, claims, key=self.signer.private_key)


class _RefusedError(Exception):
    """The answer is an error of OAuth."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


class _Handler(BaseHTTPRequestHandler):
    shop: ClassVar[OfferingServer]
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # an answer goes out in one piece

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        self.body = sent
        self.form = {} if sent.startswith("{") else dict(parse_qsl(sent))
        pages = {"/authorize": self._authorize, "/login": self._login, "/logout": self._logout}
        answers: dict[str, Callable[[], dict[str, Any] | str]] = {
            "/.well-known/oauth-authorization-server": self._metadata,
            "/.well-known/oauth-protected-resource/api": self._resource_metadata,
            "/jwks": self._jwks,
            "/par": self._par,
            "/token": self._token,
            "/introspect": self._introspect,
            "/device": self._device,
            "/backchannel": self._backchannel,
            "/register": self._register,
            "/api/orders": self._orders,
        }
        page, answer = pages.get(parts.path), answers.get(parts.path)
        if page is not None:
            page()
        elif answer is None:
            self._json(404, {"error": "not_found"})
        else:
            try:
                found = answer()
            except _RefusedError as refused:
                self._json(refused.status, {"error": refused.error})
            else:
                self._json(200, found) if isinstance(found, dict) else self._send(200, found.encode(), SIGNED)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _has(self, flaw: str) -> bool:
        return flaw in self.shop.flaws

    # What it says of itself.

    def _metadata(self) -> dict[str, Any]:
        if self._has("no-metadata"):
            raise _RefusedError("not_found", 404)
        return self.shop.metadata()

    def _resource_metadata(self) -> dict[str, Any]:
        server = "https://attacker.example" if self._has("tokens-by-strangers") else self.shop.url
        return {"resource": f"{self.shop.url}/api", "authorization_servers": [server]}

    def _jwks(self) -> dict[str, Any]:
        return {"keys": [{**public_jwk(self.shop.signer.public_key), "alg": "ES256", "use": "sig"}]}

    # Clients.

    def _client(self) -> str:
        """Return who sent the request: a public client by its name, any other by its assertion or its secret."""
        if self.form.get("client_id") == SECRETIVE and self.form.get("client_secret") == self.shop.secret():
            return SECRETIVE
        assertion = self.form.get("client_assertion", "")
        client = str(read_parts(assertion)[1].get("sub") or self.form.get("client_id", ""))
        if client not in self.shop.keys:
            raise _RefusedError("invalid_client", 401)
        keys = self.shop.keys[client]
        if keys and not any(verifies(assertion, algorithm="ES256", jwk=each) for each in keys):
            raise _RefusedError("invalid_client", 401)
        return client

    def _proof_key(self) -> str:
        """Return the thumbprint of the key of the request's proof."""
        proof = self.headers.get("dpop", "")
        jwk = read_parts(proof)[0].get("jwk")
        if not isinstance(jwk, dict) or not verifies(proof, algorithm="ES256", jwk=jwk):
            raise _RefusedError("invalid_dpop_proof")
        return thumbprint(read_key(jwk))

    # Authorization.

    def _par(self) -> dict[str, Any]:
        client = self._client()
        if "request" in self.form:
            parameters = self._request_object(client, self.form["request"])
        elif "signed-only" in self.shop.modes and not self._has("signing-optional"):
            raise _RefusedError("invalid_request")
        else:
            parameters = self.form
        if parameters.get("redirect_uri") != CALLBACK and not self._has("pushed-unseen"):
            raise _RefusedError("invalid_request")
        uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe()}"
        self.shop.pushed[uri] = {**parameters, "client_id": client}
        return {"request_uri": uri, "expires_in": 60}

    def _request_object(self, client: str, value: str) -> dict[str, str]:
        header, claims = read_parts(value)
        now, key = time.time(), self.shop.keys[client][0]
        wrong = {
            "request-unverified": not verifies(value, algorithm=str(header.get("alg")), jwk=key),
            "request-of-any-type": header.get("typ") != REQUEST_TYPE,
            "request-any-audience": claims.get("aud", self.shop.url) != self.shop.url,
            "request-never-expires": float(str(claims.get("exp", now))) < now,
            "request-endless": not self._is_short(claims, now),
            "request-of-anybody": {claims.get("client_id"), claims.get("iss")} != {client},
        }
        if any(is_so and not self._has(flaw) for flaw, is_so in wrong.items()):
            raise _RefusedError("invalid_request_object")
        found = {name: str(each) for name, each in claims.items()}
        return {**self.form, **found} if self._has("request-completed") else found

    def _is_short(self, claims: dict[str, Any], now: float) -> bool:
        if not {"exp", "nbf", "aud"} <= set(claims):
            return False
        return bool(now - HOUR <= claims["nbf"] and claims["exp"] <= claims["nbf"] + HOUR)

    def _authorize(self) -> None:
        uri = self.query.get("request_uri", "")
        if self._has("request-fetched") and uri.startswith("http://localhost:"):
            with urlopen(uri) as answer:  # noqa: S310  # that is the flaw
                answer.read()
        if uri not in self.shop.pushed:
            self._send(400, b"This request is not known here.", "text/html")
            return
        if self._is_logged_in(self.shop.pushed[uri]):
            self._answer_client(self.shop.pushed.pop(uri))
            return
        page = (
            f"<form method=post action=/login><input type=hidden name=request value='{uri}'>"
            "<input name=username><input type=password name=password></form>"
        )
        self._send(200, page.encode(), "text/html")

    def _is_logged_in(self, asked: dict[str, str]) -> bool:
        since = self.shop.sessions.get(self.headers.get("cookie", "").removeprefix("session="))
        if since is None or self._has("sessions-do"):
            return since is not None
        oldest = float(asked.get("max_age", HOUR))
        return asked.get("prompt") != "login" and time.monotonic() - since < oldest

    def _login(self) -> None:
        asked = self.shop.pushed.pop(self.form.get("request", ""), None)
        if asked is None or (self.form.get("username"), self.form.get("password")) != (USER, PASSWORD):
            self._send(403, b"No.", "text/html")
            return
        session = secrets.token_urlsafe()
        self.shop.sessions[session] = time.monotonic()
        self._answer_client(asked, set_cookie=f"session={session}; Path=/; Secure; HttpOnly; SameSite=Lax")

    def _answer_client(self, asked: dict[str, str], **headers: str) -> None:
        code = secrets.token_urlsafe()
        self.shop.codes[code] = asked
        answer = {"code": code, "state": asked.get("state", ""), "iss": self.shop.url}
        if asked.get("response_mode") == "jwt":
            answer = {"response": self._signed_response(asked["client_id"], answer)}
        self._send(303, b"", "text/html", location=f"{CALLBACK}?{urlencode(answer)}", **headers)

    def _signed_response(self, client: str, answer: dict[str, str]) -> str:
        audience = "anybody" if self._has("response-for-anybody") else client
        return self.shop.sign({}, {**answer, "aud": audience, "exp": int(time.time()) + 60})

    # Tokens.

    def _token(self) -> dict[str, Any]:
        client = self._client()
        match self.form.get("grant_type"):
            case "authorization_code":
                asked = self.shop.codes.pop(self.form.get("code", ""), {})
                verifier = self.form.get("code_verifier", "")
                if (asked.get("client_id"), asked.get("code_challenge")) != (
                    client,
                    sha256_base64url(verifier),
                ):
                    raise _RefusedError("invalid_grant")
                return self._issue(client, self._proof_key(), asked.get("scope", ""))
            case "refresh_token":
                return self._refresh(client)
            case str(grant) if grant in (DEVICE, CIBA):
                return self._poll(client, self.form.get("device_code") or self.form.get("auth_req_id", ""))
        raise _RefusedError("unsupported_grant_type")

    def _issue(self, client: str, key: str, scope: str) -> dict[str, Any]:
        token, refresh = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.shop.tokens[token] = {"client_id": client, "sub": USER, "scope": scope, "cnf": {"jkt": key}}
        self.shop.refreshing[refresh] = {"client_id": client, "key": key, "scope": scope}
        claims = {"iss": self.shop.url, "sub": USER, "aud": client, "exp": int(time.time()) + 300}
        return {
            "access_token": token,
            "token_type": "DPoP",
            "expires_in": 300,
            "refresh_token": refresh,
            "id_token": self.shop.sign({}, {**claims, "iat": int(time.time())}),
        }

    def _refresh(self, client: str) -> dict[str, Any]:
        granted = self.shop.refreshing.get(self.form.get("refresh_token", ""), {})
        if granted.get("client_id") != client:
            raise _RefusedError("invalid_grant")
        key = self._proof_key()
        is_public = self.shop.keys.get(client) == ()
        if is_public and key != granted["key"] and not self._has("refresh-with-any-key"):
            raise _RefusedError("invalid_grant")
        return self._issue(client, key, granted["scope"])

    def _poll(self, client: str, code: str) -> dict[str, Any]:
        owner, asked = self.shop.waiting.get(code, ("", 0.0))
        if not owner or (owner != client and not self._has("polled-by-anybody")):
            raise _RefusedError("invalid_grant")
        self.shop.waiting[code] = (owner, time.monotonic())
        hasty = asked > 0 and time.monotonic() - asked < INTERVAL
        raise _RefusedError(
            "slow_down" if hasty and not self._has("never-slowed") else "authorization_pending"
        )

    def _device(self) -> dict[str, Any]:
        client = self._client()
        self.shop.devices += 1
        code = f"device-{self.shop.devices:08}" if self._has("counted-codes") else secrets.token_urlsafe()
        self.shop.waiting[code] = (client, 0.0)
        user_code = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        return {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": f"{self.shop.url}/verify",
            "expires_in": 300,
            "interval": INTERVAL,
        }

    def _backchannel(self) -> dict[str, Any]:
        client = "anybody" if self._has("open-backchannel") else self._client()
        code = secrets.token_urlsafe()
        self.shop.waiting[code] = (client, 0.0)
        return {"auth_req_id": code, "expires_in": 120, "interval": INTERVAL}

    def _introspect(self) -> dict[str, Any] | str:
        server = self._client()
        known = self.shop.tokens.get(self.form.get("token", ""))
        told = {"active": False} if known is None else {"active": True, **known}
        if self.headers.get("accept") != SIGNED:
            return told
        claims = {"iss": self.shop.url, "aud": server, "iat": int(time.time()), "token_introspection": told}
        kind = "JWT" if self._has("answer-of-any-type") else SIGNED.partition("/")[2]
        return self.shop.sign({"typ": kind}, claims)

    # The rest.

    def _logout(self) -> None:
        wanted = self.query.get("post_logout_redirect_uri", "")
        hint = self.query.get("id_token_hint", "")
        good = verifies(hint, algorithm="ES256", jwk=public_jwk(self.shop.signer.public_key))
        believed = good or (hint and self._has("hint-believed"))
        if wanted and (self._has("logout-anywhere") or (wanted == CALLBACK and believed)):
            self._send(303, b"", "text/html", location=wanted)
        else:
            self._send(200, b"You are logged out.", "text/html")

    def _register(self) -> dict[str, Any]:
        if self.command == "POST":
            if not self._has("open-registration") and "open-registration" not in self.shop.modes:
                raise _RefusedError("invalid_token", 401)
            client, token = secrets.token_urlsafe(), secrets.token_urlsafe()
            self.shop.managed[client] = token
        else:
            client = self.query.get("client", "")
            token = self.headers.get("authorization", "").removeprefix("Bearer ")
            if self.shop.managed.get(client) != token:
                raise _RefusedError("invalid_token", 401)
            if self.command == "PUT":  # as servers may do (RFC 7592 section 2.2)
                token = self.shop.managed[client] = secrets.token_urlsafe()
        if self.command == "DELETE":
            del self.shop.managed[client], self.shop.keys[client]
            return {}
        metadata = json.loads(self.body)
        before = self.shop.keys.get(client, ()) if self._has("keys-kept") else ()
        self.shop.keys[client] = (*before, *metadata.get("jwks", {"keys": []})["keys"])
        managed = {
            "registration_client_uri": f"{self.shop.url}/register?client={client}",
            "registration_access_token": token,
        }
        return {**metadata, "client_id": client, **managed}

    def _orders(self) -> dict[str, Any]:
        token = self.shop.tokens.get(self.headers.get("authorization", "").removeprefix("DPoP "), {})
        if not token or token["cnf"]["jkt"] != self._proof_key():
            raise _RefusedError("invalid_token", 401)
        pattern = r"(a+)+$" if self._has("costly-pattern") else r"[a-z]+$"
        return {"orders": [], "named": bool(re.match(pattern, self.query.get("item", "")))}

    def _json(self, status: int, document: object) -> None:
        limits = {} if self._has("no-limits") else {"ratelimit_limit": "100"}
        self._send(status, json.dumps(document).encode(), "application/json", **limits)

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_type": kind, "content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
