"""An authorization server and a resource server for our client, which misbehave on demand."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from trustweft.client import (
    Client,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
)
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client import StartedAuthorization
    from trustweft.client.tokens import TokenStore

__all__ = ["ALIASES", "ISSUER", "RESOURCE", "ScriptedServer", "claims_of", "form_of", "query_of"]

ISSUER: Final = "https://op.example"
ALIASES: Final = "https://mtls.op.example"
RESOURCE: Final = "https://api.example/accounts"
REDIRECT_URI: Final = "https://app.example/callback"


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, whoever signed it."""
    segment = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


def form_of(request: httpx2.Request) -> dict[str, str]:
    """Return the parameters of a request."""
    return dict(parse_qsl(request.content.decode(), keep_blank_values=True))


def _leave(_members: dict[str, Any]) -> None:
    """Change nothing."""


def _never(_request: httpx2.Request) -> None:
    """Refuse nothing."""


@dataclass
class ScriptedServer:
    """Answers as a good server would, but for what a test changes.

    Attributes:
        metadata: edits the metadata document.
        id_token: edits the claims of ID tokens; ``sign`` signs them.
        tokens: edits the answer of the token endpoint.
        callback: edits the parameters of the authorization response.
        date: what the server's clock says; None where answers are not dated.
        refuse: looks at a request, and answers in the server's place where it likes.
        nonces: how often each of token, PAR and resource asks for yet another nonce.
        calls: the paths that were asked, in order.
    """

    clock: ManualClock = field(default_factory=ManualClock)
    metadata: Callable[[dict[str, Any]], None] = _leave
    id_token: Callable[[dict[str, Any]], None] = _leave
    tokens: Callable[[dict[str, Any]], None] = _leave
    callback: Callable[[dict[str, Any]], None] = _leave
    pushed: Callable[[dict[str, Any]], None] = _leave
    sign: Callable[[dict[str, Any]], str] | None = None
    keys: list[dict[str, Any]] = field(default_factory=list)
    nonces: int = 0
    challenge_scheme: str = "DPoP"
    issuer: str = ISSUER
    code: str = "the-code"
    date: Callable[[], float] | None = None
    refuse: Callable[[httpx2.Request], httpx2.Response | None] = _never
    requests: list[httpx2.Request] = field(default_factory=list)
    refreshed: int = 0

    def __post_init__(self) -> None:
        """Make its key and the client's."""
        self.signer = LocalSigner("ES256", generate_private_key("ES256"), "op-key")
        self.keys.append(
            {**public_jwk(self.signer.public_key), "kid": "op-key", "alg": "ES256", "use": "sig"}
        )
        self.configuration = ClientConfiguration(
            issuer=self.issuer,
            client_id="moneyview",
            authentication=PrivateKeyJwt(
                PublishedKeys(LocalSigner("ES256", generate_private_key("ES256"), "rp-key"))
            ),
            sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
            redirect_uri=REDIRECT_URI,
            scope=("openid", "accounts"),
        )
        self._nonce: str | None = None
        self._asked: dict[str, int] = {}

    @property
    def calls(self) -> list[str]:
        """The paths that were asked, in order."""
        return [request.url.path for request in self.requests]

    def client(self, *, store: TokenStore | None = None) -> Client:
        """Return our client, which reaches nobody but this server."""
        http = httpx2.Client(transport=httpx2.MockTransport(self.answer))
        return Client(self.configuration, http, clock=self.clock, entropy=SystemEntropy(), store=store)

    def query(self, started: StartedAuthorization) -> str:
        """Return the query that the browser brings back."""
        self._nonce = started.pending.nonce
        parameters: dict[str, Any] = {"code": self.code, "state": started.pending.state, "iss": self.issuer}
        self.callback(parameters)
        return urlencode(parameters, doseq=True)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self._answer(request)
        if self.date is not None:
            answer.headers["date"] = formatdate(self.date(), usegmt=True)
        return answer

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        refused = self.refuse(request)
        if refused is not None:
            return refused
        wanted = self._wants_nonce(request)
        if wanted is not None:
            return wanted
        if path == "/token":
            return _json(self._token_response(form_of(request)))
        if path == "/par":
            return _json(self._pushed_response(), status=201)
        documents: dict[str, Callable[[], dict[str, Any]]] = {
            "/.well-known/oauth-authorization-server": self._metadata,
            "/jwks": lambda: {"keys": self.keys},
            "/userinfo": lambda: {"sub": "u-1"},
            "/accounts": lambda: {"accounts": []},
            "/revoke": dict,
        }
        return _json(documents[path]()) if path in documents else httpx2.Response(404)

    def _pushed_response(self) -> dict[str, Any]:
        number = len(self.requests)
        answer = {"request_uri": f"urn:ietf:params:oauth:request_uri:{number}", "expires_in": 60}
        self.pushed(answer)
        return answer

    def _wants_nonce(self, request: httpx2.Request) -> httpx2.Response | None:
        path = request.url.path
        if "dpop" not in request.headers or self._asked.get(path, 0) >= self.nonces:
            return None
        self._asked[path] = self._asked.get(path, 0) + 1
        nonce = {"dpop-nonce": f"nonce-{path[1:]}-{self._asked[path]}"}
        if path in {"/accounts", "/userinfo"}:
            challenge = f'{self.challenge_scheme} error="use_dpop_nonce", algs="ES256"'
            return httpx2.Response(401, headers={**nonce, "www-authenticate": challenge})
        return _json({"error": "use_dpop_nonce"}, status=400, headers=nonce)

    def _metadata(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "pushed_authorization_request_endpoint": f"{self.issuer}/par",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "require_pushed_authorization_requests": True,
            "authorization_response_iss_parameter_supported": True,
            "subject_types_supported": ["public"],
        }
        self.metadata(document)
        return document

    def _token_response(self, form: dict[str, str]) -> dict[str, Any]:
        refreshes = form["grant_type"] == "refresh_token"
        self.refreshed += refreshes
        answer: dict[str, Any] = {
            "access_token": f"access-{len(self.requests)}",
            "token_type": "DPoP" if "dpop" in self.requests[-1].headers else "Bearer",
            "expires_in": 300,
            "scope": "openid accounts",
        }
        if not refreshes:
            answer |= {"refresh_token": "refresh-1", "id_token": self._id_token()}
        self.tokens(answer)
        return answer

    def _id_token(self) -> str:
        now = int(self.clock.now() if self.date is None else self.date())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "u-1",
            "aud": "moneyview",
            "iat": now,
            "exp": now + 300,
            "nonce": self._nonce,
        }
        self.id_token(claims)
        return self.sign(claims) if self.sign is not None else jws.sign(claims, signer=self.signer)


def _json(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.Response(status, json=document, headers=headers)


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query))
