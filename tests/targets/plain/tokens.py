"""The token endpoint and the revocation endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .state import Grant, Refresh, encoded
from .web import Answer, Refused, json_answer

if TYPE_CHECKING:
    from .state import Client, Code, State
    from .web import Request

__all__ = ["Tokens"]

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Tokens:
    """What clients call."""

    def __init__(self, state: State) -> None:
        self._state, self._flaws = state, state.flaws

    def respond(self, request: Request) -> Answer | None:
        """Return the answer to a client, None where it is for neither endpoint."""
        if request.path not in ("/token", "/revoke"):
            return None
        by_get = request.method == "GET" and "token-by-get" in self._flaws
        if request.method != "POST" and not by_get:
            return json_answer(405, {"error": "invalid_request"}, Allow="POST")
        pairs = request.query if by_get else request.form()
        sent = dict(pairs)
        if len(sent) != len(pairs):
            raise _refused("invalid_request")
        client = self._client(request, sent)
        if request.path == "/revoke":
            return self._revoke(client, sent)
        grants = {
            "authorization_code": self._redeem,
            "refresh_token": self._refresh,
            "client_credentials": self._own,
            "password": self._password,
        }
        kind = sent["grant_type"] if "verbose-errors" in self._flaws else sent.get("grant_type", "")
        if kind not in grants or (kind == "password" and "password-grant" not in self._flaws):
            raise _refused("unsupported_grant_type" if kind else "invalid_request")
        if kind not in client.grants and kind != "password":
            raise _refused("unauthorized_client")
        answer = grants[kind](client, sent)
        if "token-cacheable" in self._flaws:
            del answer.headers["Cache-Control"]
        return answer

    def _client(self, request: Request, sent: dict[str, str]) -> Client:
        """Return the client that authenticates, by ``client_secret_basic`` or ``client_secret_post``."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme and ("client_secret" in sent or "client_assertion" in sent):
            raise _refused("invalid_request")
        name, secret = sent.get("client_id", ""), sent.get("client_secret")
        if scheme.lower() == "basic":
            try:
                pair = base64.b64decode(credentials, validate=True).decode().partition(":")
            except ValueError:
                raise _refused("invalid_client") from None
            if name not in ("", unquote_plus(pair[0])):
                raise _refused("invalid_request")
            name, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
        client = self._state.clients.get(name)
        if client is None:
            raise _refused("invalid_client")
        if secret is None and (not client.secret or "secret-optional" in self._flaws):
            return (
                client  # a public client has no secret, and proves with PKCE alone that the code is its own
            )
        if not client.secret:
            raise _refused("invalid_client")
        same = hmac.compare_digest((secret or "").encode(), client.secret.encode())
        if not same and not ("secret-ignored" in self._flaws and secret is not None):
            raise _refused("invalid_client")
        return client

    # ---- grants

    def _redeem(self, client: Client, sent: dict[str, str]) -> Answer:
        name = sent.get("code", "")
        code = self._state.codes.get(name)
        if code is None or code.until < time.time() or not code.grant.alive:
            raise _refused("invalid_grant")
        if code.grant.client != client.id and "code-not-bound-to-client" not in self._flaws:
            raise _refused("invalid_grant")
        self._claim(code)
        other = sent.get("redirect_uri") != code.redirect_uri
        if other and "code-not-bound-to-redirect" not in self._flaws:
            raise _refused("invalid_grant")
        if not self._verified(code, sent.get("code_verifier", "")):
            raise _refused("invalid_grant")
        if sent.get("resource", code.grant.audience) != code.grant.audience:
            raise _refused("invalid_target")
        return self._answer(code.grant, code.grant.scopes)

    def _claim(self, code: Code) -> None:
        """Let one request win; another ends everything that came of the code."""
        if "code-reuse" in self._flaws:
            return
        if "code-race" in self._flaws:
            used = code.used
            time.sleep(0.3)  # what a busy database would take
            code.used = True
        else:
            with self._state.lock:
                used, code.used = code.used, True
        if used:
            if "tokens-survive-reuse" not in self._flaws:
                code.grant.alive = False
            raise _refused("invalid_grant")

    def _verified(self, code: Code, verifier: str) -> bool:
        if "no-pkce-check" in self._flaws and verifier:
            return True
        if not verifier:
            return not code.challenge or "verifier-optional" in self._flaws
        if "challenge-as-verifier" in self._flaws and verifier == code.challenge:
            return True
        digest = encoded(hashlib.sha256(verifier.encode()).digest())
        return bool(_VERIFIER.fullmatch(verifier)) and hmac.compare_digest(digest, code.challenge)

    def _refresh(self, client: Client, sent: dict[str, str]) -> Answer:
        refresh = self._state.refreshes.get(sent.get("refresh_token", ""))
        if refresh is None or not refresh.grant.alive:
            raise _refused("invalid_grant")
        if refresh.grant.client != client.id and "refresh-cross-client" not in self._flaws:
            raise _refused("invalid_grant")
        scopes = frozenset(sent["scope"].split()) if "scope" in sent else refresh.grant.scopes
        if not scopes <= refresh.grant.scopes and "scope-widening" not in self._flaws:
            raise _refused("invalid_scope")
        with self._state.lock:
            used, refresh.used = refresh.used, True
            if used and "refresh-reuse" not in self._flaws:
                refresh.grant.alive = False
        if used and "refresh-reuse" not in self._flaws:
            raise _refused("invalid_grant")
        return self._answer(refresh.grant, scopes)

    def _own(self, client: Client, sent: dict[str, str]) -> Answer:
        scopes = frozenset(sent.get("scope", "").split()) or client.scopes
        if not scopes <= client.scopes:
            raise _refused("invalid_scope")
        grant = Grant(client.id, "", scopes, self._state.api)
        return json_answer(200, self._token(grant, scopes, subject=client.id), Pragma="no-cache")

    def _password(self, client: Client, sent: dict[str, str]) -> Answer:
        user = self._state.user_named(sent.get("username", ""), sent.get("password", ""))
        if user is None:
            raise _refused("invalid_grant")
        return self._answer(Grant(client.id, user.id, client.scopes, self._state.api), client.scopes)

    def _answer(self, grant: Grant, scopes: frozenset[str]) -> Answer:
        answer = self._token(grant, scopes, subject=grant.user)
        name = secrets.token_urlsafe(32)
        with self._state.lock:
            self._state.refreshes[name] = Refresh(grant)
        return json_answer(200, {**answer, "refresh_token": name}, Pragma="no-cache")

    def _token(self, grant: Grant, scopes: frozenset[str], *, subject: str) -> dict[str, object]:
        return {
            "access_token": self._state.access_token(grant, scopes, subject=subject),
            "token_type": "Bearer",
            "expires_in": self._state.lifetime,
            "scope": " ".join(sorted(scopes)),
        }

    # ---- revocation

    def _revoke(self, client: Client, sent: dict[str, str]) -> Answer:
        """Revoke a token of the client (RFC 7009); a refresh token takes its grant along."""
        token = sent.get("token", "")
        if not token:
            raise _refused("invalid_request")
        refresh = self._state.refreshes.get(token)
        if refresh is not None and refresh.grant.client == client.id:
            refresh.grant.alive = False
        claims = next(filter(None, (self._state.claims(token, each) for each in self._state.audiences)), None)
        if claims is not None and claims["client_id"] == client.id:
            with self._state.lock:
                self._state.revoked.add(claims["jti"])
        return Answer(200, headers={"Cache-Control": "no-store"})


def _refused(error: str) -> Refused:
    if error == "invalid_client":
        return Refused(json_answer(401, {"error": error}, WWW_Authenticate='Basic realm="plain"'))
    return Refused(json_answer(400, {"error": error}))
