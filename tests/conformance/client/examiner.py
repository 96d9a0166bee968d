"""The suite's part: an authorization server and a resource server over real TLS, which err on demand.

Nothing of `trustweft.server` or `trustweft.resource` is in it. It has two addresses, as the suite has: one that asks for a
client certificate and one that does not, and an issuer with a path.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.client.inspection import Inspection
    from trustweft.protocol.http import HttpRequest

__all__ = ["CODE", "REDIRECT_URI", "Exam", "Script", "ServerKeys", "Variant"]

BASE: Final = "/test/a/trustweft"
OAUTH_METADATA: Final = f"/.well-known/oauth-authorization-server{BASE}"
REDIRECT_URI: Final = "https://moneyview.example/callback?bank=examiner"
CODE: Final = "the-code-of-the-examiner"


class Variant(NamedTuple):
    """What the suite calls ``fapi_client_type``, ``client_auth_type`` and ``sender_constrain``."""

    client_type: str
    authentication: str
    constraint: str

    def __str__(self) -> str:
        return "-".join(self)


class ServerKeys:
    """The examiner's keys: one of each kind with the same ``kid``, and one for encryption, as in the suite."""

    def __init__(self) -> None:
        parameters: Any = {"kid": "examiner"}
        self.keys: dict[str, ECKey | RSAKey | OKPKey] = {
            "EdDSA": OKPKey.generate_key("Ed25519", parameters),
            "ES256": ECKey.generate_key("P-256", parameters),
            "PS256": RSAKey.generate_key(2048, parameters),
        }
        self.encryption = RSAKey.generate_key(2048, parameters)

    def document(self) -> dict[str, object]:
        """Return the key set: the key for encryption first, so that whoever takes the first errs."""
        members: list[dict[str, object]] = [
            {**self.encryption.as_dict(private=False), "use": "enc", "alg": "RSA-OAEP"}
        ]
        for algorithm, key in self.keys.items():
            members.append({**key.as_dict(private=False), "use": "sig", "alg": algorithm})
        return {"keys": members}


def _leave(_members: dict[str, Any]) -> None:
    """Change nothing."""


@dataclass
class Script:
    """How the examiner errs in one module.

    Attributes:
        metadata: edits the metadata document.
        callback: edits the parameters of the authorization response.
        tokens: edits the answer of the token endpoint.
        id_token: edits the claims of the ID token; ``signature`` says how it is signed.
        nonces: whether DPoP nonces are demanded, a new one every time.
        challenge_scheme: what the resource's challenge begins with.
        fault: the endpoint whose answer must end the flow.
    """

    metadata: Callable[[dict[str, Any]], None] = _leave
    callback: Callable[[dict[str, Any]], None] = _leave
    tokens: Callable[[dict[str, Any]], None] = _leave
    id_token: Callable[[dict[str, Any]], None] = _leave
    signature: str | None = None
    nonces: bool = True
    challenge_scheme: str = "DPoP"
    fault: str | None = None


@dataclass
class Exam:
    """One module run with one variant.

    Attributes:
        calls: the endpoints that the client called, in order.
        after_fault: those that it called although the answer before should have stopped it.
    """

    variant: Variant
    url: str
    mtls_url: str
    keys: ServerKeys
    inspection: Inspection
    algorithm: str = "ES256"
    script: Script = field(default_factory=Script)
    calls: list[str] = field(default_factory=list)
    after_fault: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know nothing yet."""
        self._faulty = False
        self._nonces = {"authorization": secrets.token_urlsafe(12), "resource": secrets.token_urlsafe(12)}
        self._pushed: dict[str, str] = {}
        self._request_uri = ""
        self._access_token = secrets.token_urlsafe(24)

    @property
    def issuer(self) -> str:
        """The issuer, with a path and a slash at its end."""
        return f"{self.url}{BASE}/"

    @property
    def resource(self) -> str:
        """The accounts, at the address that the binding of the token needs."""
        host = self.mtls_url if self.variant.constraint == "mtls" else self.url
        return f"{host}{BASE}/accounts"

    def _look_at_address(self, endpoint: str, *, mutual_tls: bool) -> None:
        """Hold that a request that shows a certificate goes to the address that asks for one, and no other does."""
        authenticates = self.variant.authentication == "mtls"
        binds = self.variant.constraint == "mtls"
        needed = {"par": authenticates, "token": authenticates or binds, "accounts": binds}.get(endpoint)
        allowed = {"par": authenticates or binds}.get(endpoint, needed)
        if needed is not None:
            self.inspection.demand(f"{endpoint} at the right address", holds=mutual_tls in {needed, allowed})

    def respond(self, request: HttpRequest, *, mutual_tls: bool) -> HttpResponse:
        """Answer one request."""
        endpoint = self._endpoint_of(request.path)
        self.calls.append(endpoint)
        if self._faulty and endpoint != "jwks":
            self.after_fault.append(endpoint)
        self._look_at_address(endpoint, mutual_tls=mutual_tls)
        host = self.mtls_url if mutual_tls else self.url
        answers: dict[str, Callable[[], HttpResponse]] = {
            "metadata": lambda: _json(self._metadata()),
            "jwks": lambda: _json(self.keys.document()),
            "par": lambda: self._par(request, f"{host}{request.path}"),
            "authorize": lambda: self._authorize(request),
            "token": lambda: self._token(request, f"{host}{request.path}"),
            "accounts": lambda: self._accounts(request, f"{host}{request.path}"),
        }
        answer = answers[endpoint]() if endpoint in answers else HttpResponse(404)
        if endpoint == self.script.fault and answer.status < 400:
            self._faulty = True
        return answer

    def _endpoint_of(self, path: str) -> str:
        openid = f"{BASE}/.well-known/openid-configuration"
        if path == (openid if self.variant.client_type == "oidc" else OAUTH_METADATA):
            return "metadata"
        return path.removeprefix(f"{BASE}/")

    def _metadata(self) -> dict[str, Any]:
        base, aliases = f"{self.url}{BASE}", f"{self.mtls_url}{BASE}"
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "registration_endpoint": f"{base}/register",
            "userinfo_endpoint": f"{base}/userinfo",
            "pushed_authorization_request_endpoint": f"{base}/par",
            "require_pushed_authorization_requests": True,
            "mtls_endpoint_aliases": {
                "token_endpoint": f"{aliases}/token",
                "registration_endpoint": f"{aliases}/register",
                "userinfo_endpoint": f"{aliases}/userinfo",
                "pushed_authorization_request_endpoint": f"{aliases}/par",
                "authorization_endpoint": f"{aliases}/no-browser-can-open-this",
            },
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [
                "private_key_jwt" if self.variant.authentication == "private_key_jwt" else "tls_client_auth"
            ],
            "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "EdDSA", "Ed25519"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }
        if self.variant.client_type == "oidc":
            document |= {
                "jwks_uri": f"{base}/jwks",
                "scopes_supported": ["openid"],
                "subject_types_supported": ["public"],
            }
        if self.variant.constraint == "dpop":
            document["dpop_signing_alg_values_supported"] = ["PS256", "ES256", "EdDSA"]
        else:
            document["tls_client_certificate_bound_access_tokens"] = True
        self.script.metadata(document)
        return document

    def _par(self, request: HttpRequest, url: str) -> HttpResponse:
        form, inspection = _form(request), self.inspection
        inspection.authentication(request, form, method=self.variant.authentication)
        inspection.demand("no request_uri in a pushed request", holds="request_uri" not in form)
        inspection.demand("response_type code", holds=form.get("response_type") == "code")
        inspection.demand("S256", holds=form.get("code_challenge_method") == "S256")
        inspection.demand("a challenge of 43", holds=len(form.get("code_challenge", "")) == 43)
        inspection.demand("the registered redirect_uri", holds=form.get("redirect_uri") == REDIRECT_URI)
        openid = "openid" in form.get("scope", "").split()
        inspection.demand("openid as registered", holds=openid == (self.variant.client_type == "oidc"))
        inspection.demand("a state", holds=0 < len(form.get("state", "")) <= 128)
        inspection.demand(
            "a nonce with openid alone, short", holds=openid == (0 < len(form.get("nonce", "")) <= 64)
        )
        refused = self._proof(request, url, "authorization")
        if refused is not None:
            return refused
        self._pushed = form
        self._request_uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(32)}"
        return _json({"request_uri": self._request_uri, "expires_in": 600}, status=201)

    def _authorize(self, request: HttpRequest) -> HttpResponse:
        sent = dict(parse_qsl(request.query.decode()))
        expected = {"client_id": self.inspection.client_id, "request_uri": self._request_uri}
        self.inspection.demand("client_id and request_uri, and nothing else", holds=sent == expected)
        parameters: dict[str, Any] = {"code": CODE, "state": self._pushed["state"], "iss": self.issuer}
        self.script.callback(parameters)
        self._nonces["authorization"] = secrets.token_urlsafe(12)
        return HttpResponse(302, (("location", f"{REDIRECT_URI}&{urlencode(parameters)}"),))

    def _token(self, request: HttpRequest, url: str) -> HttpResponse:
        form, inspection = _form(request), self.inspection
        inspection.authentication(request, form, method=self.variant.authentication)
        if self.variant.constraint == "mtls":
            inspection.shown_certificate(request)
        refused = self._proof(request, url, "authorization")
        if refused is not None:
            return refused
        inspection.demand("the code grant", holds=form.get("grant_type") == "authorization_code")
        inspection.demand("the code", holds=form.get("code") == CODE)
        inspection.demand("the same redirect_uri", holds=form.get("redirect_uri") == REDIRECT_URI)
        challenge = _challenge(form.get("code_verifier", ""))
        inspection.demand("the verifier", holds=challenge == self._pushed["code_challenge"])
        self._nonces["authorization"] = secrets.token_urlsafe(12)
        answer: dict[str, Any] = {
            "access_token": self._access_token,
            "token_type": "DPoP" if self.variant.constraint == "dpop" else "Bearer",
            "expires_in": 900,
            "refresh_token": "the-refresh-token",
            "scope": self._pushed["scope"],
        }
        if self.variant.client_type == "oidc":
            answer["id_token"] = self._id_token()
        self.script.tokens(answer)
        return _json(answer)

    def _id_token(self) -> str:
        now = int(self.inspection.now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "u-1",
            "aud": self.inspection.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": self._pushed["nonce"],
        }
        self.script.id_token(claims)
        algorithm = self.script.signature or self.algorithm
        if algorithm == "none":
            parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
            return ".".join(_base64url(part) for part in parts) + "."
        # RS256 is made with the RSA key, whose kid and kind are right: the algorithm alone is wrong.
        key = self.keys.keys["PS256" if algorithm == "RS256" else algorithm]
        return jwt.encode({"alg": algorithm, "kid": "examiner"}, claims, key, algorithms=[algorithm])

    def _accounts(self, request: HttpRequest, url: str) -> HttpResponse:
        inspection, scheme = self.inspection, "DPoP" if self.variant.constraint == "dpop" else "Bearer"
        shown = request.header_values("authorization")
        inspection.demand("the token in the header", holds=shown == [f"{scheme} {self._access_token}"])
        inspection.demand(
            "and nowhere else", holds=self._access_token.encode() not in request.query + request.body
        )
        if self.variant.constraint == "mtls":
            inspection.shown_certificate(request)
        refused = self._proof(request, url, "resource", access_token=self._access_token)
        if refused is not None:
            return refused
        self._nonces["resource"] = secrets.token_urlsafe(12)
        return _json({"accounts": []})

    def _proof(
        self, request: HttpRequest, url: str, realm: str, *, access_token: str | None = None
    ) -> HttpResponse | None:
        """Look at the proof, and demand the nonce if it is not in there; without DPoP there must be none."""
        if self.variant.constraint != "dpop":
            self.inspection.demand("no proof", holds=request.header_values("dpop") == [])
            return None
        claims = self.inspection.proof(request, url, access_token=access_token)
        nonce = self._nonces[realm]
        if not self.script.nonces:
            self.inspection.demand("no nonce where none was given", holds="nonce" not in (claims or {}))
            return None
        if claims is None or claims.get("nonce") == nonce:
            return None
        headers = (("dpop-nonce", nonce),)
        if realm == "authorization":
            return _json({"error": "use_dpop_nonce"}, status=400, headers=headers)
        challenge = f'{self.script.challenge_scheme} error="use_dpop_nonce", algs="ES256 PS256"'
        return HttpResponse(401, (*headers, ("www-authenticate", challenge)))


def _form(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def _challenge(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _json(document: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    return HttpResponse(
        status, (("content-type", "application/json"), *headers), json.dumps(document).encode()
    )
