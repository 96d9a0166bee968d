"""The endpoints of an authorization server that takes any client, and of which one scenario changes one thing.

It authenticates nobody: what the client under test sends to prove itself is looked at by the checks. In everything
else it does what a good server does, so that a client which relies on its server for a defence (PKCE above all) has it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from trustweft.audit.forging import read_parts
from trustweft.audit.hostile.grants import Grant, Memory, certificate_name
from trustweft.audit.hostile.scenario import DENIED, Draft
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.metadata import ServerDescription, create_server_metadata
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from trustweft.audit.exchange import Pairs
    from trustweft.audit.hostile.scenario import Document, Scenario, Site
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.clock import Clock

__all__ = ["SUBJECT", "AuthorizationServer"]

SUBJECT: Final = "alice"
LIFETIME: Final = 300
_CREATED: Final = 201
_METHODS: Final = (
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "none",
)


class AuthorizationServer:
    """Answers for one scenario at a time; what it gave out is remembered over all of them.

    Args:
        clock: dates tokens.
        memory: what was given out.
        pushing_required: what the metadata says of pushed requests.
    """

    def __init__(self, clock: Clock, memory: Memory, *, pushing_required: bool) -> None:
        self._clock = clock
        self._memory = memory
        self._pushing_required = pushing_required

    def metadata(self, scenario: Scenario, site: Site) -> HttpResponse:
        """Answer with the metadata document (RFC 8414 section 3.2)."""
        issuer = site.issuer
        document = create_server_metadata(
            ServerDescription(
                issuer=issuer,
                authorization_endpoint=f"{issuer}/authorize",
                token_endpoint=f"{issuer}/token",
                pushed_authorization_request_endpoint=f"{issuer}/par",
                jwks_uri=f"{issuer}/jwks",
                revocation_endpoint=f"{issuer}/revoke",
                userinfo_endpoint=f"{issuer}/userinfo",
                scopes=("openid", "profile", "email", "accounts", "offline_access"),
                grant_types=("authorization_code", "refresh_token", "client_credentials"),
                claims=("sub", "name"),
                authentication_methods=_METHODS,
                certificate_bound_access_tokens=True,
            )
        )
        document["id_token_signing_alg_values_supported"] = [site.keys.algorithm]
        document["require_pushed_authorization_requests"] = self._pushing_required
        return json_response(document if scenario.metadata is None else scenario.metadata(document, site))

    def jwks(self, site: Site) -> HttpResponse:
        """Answer with the key set."""
        return json_response(site.keys.jwks())

    def push(self, request: HttpRequest, site: Site) -> HttpResponse:
        """Take an authorization request (RFC 9126 section 2.2)."""
        uri = f"urn:ietf:params:oauth:request_uri:{site.entropy.token()}"
        self._memory.pushed[uri] = _unpacked(dict(_form(request)))
        return json_response({"request_uri": uri, "expires_in": LIFETIME}, status=_CREATED)

    def authorize(self, request: HttpRequest, scenario: Scenario, site: Site) -> HttpResponse:
        """Send the browser back at once: the user has agreed, or, in one scenario, has not."""
        query = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
        asked = self._memory.pushed.pop(query.get("request_uri", ""), None) or _unpacked(query)
        redirect_uri = asked.get("redirect_uri", "")
        if not redirect_uri.startswith(("http://", "https://")) and ":" not in redirect_uri:
            return json_response({"error": "invalid_request"}, status=400)
        if scenario.id == DENIED:
            answer: Pairs = (("error", "access_denied"),)
        else:
            answer = (("code", self._code(scenario, asked, site)),)
        if "state" in asked:
            answer = (*answer, ("state", asked["state"]))
        answer = (*answer, ("iss", site.issuer))
        if scenario.response is not None:
            answer = scenario.response(answer, site)
        return _return_to(redirect_uri, answer, mode=asked.get("response_mode", "query"))

    def _code(self, scenario: Scenario, asked: dict[str, str], site: Site) -> str:
        code = site.entropy.token()
        self._memory.codes[code] = Grant(scenario.id, asked)
        return code

    def tokens(self, request: HttpRequest, scenario: Scenario, site: Site) -> HttpResponse:
        """Redeem a code or a refresh token, or give the client a token of its own."""
        form = dict(_form(request))
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._redeemed(form)
            case "refresh_token":
                grant = self._memory.refresh.get(form.get("refresh_token", ""))
                grant = None if grant is None or grant.revoked else grant
            case "client_credentials":
                grant = Grant(scenario.id, form)
            case _:
                return json_response({"error": "unsupported_grant_type"}, status=400)
        if grant is None:
            return json_response({"error": "invalid_grant"}, status=400)
        grant.bound = bool(request.header("dpop"))
        grant.certificate = certificate_name(request)
        document = self._issue(grant, scenario, site, with_identity="code" in form)
        return json_response(document)

    def _redeemed(self, form: dict[str, str]) -> Grant | None:
        """Return the grant of a code that is good: for once, for its redirect URI and for its verifier."""
        grant = self._memory.codes.get(form.get("code", ""))
        if grant is None:
            return None
        if grant.redeemed:
            grant.revoked = True  # RFC 6749 section 4.1.2
            return None
        if form.get("redirect_uri", grant.parameters.get("redirect_uri")) != grant.parameters.get(
            "redirect_uri"
        ):
            return None
        if not _fits(form.get("code_verifier"), grant.parameters):
            return None
        grant.redeemed = True
        return grant

    def _issue(self, grant: Grant, scenario: Scenario, site: Site, *, with_identity: bool) -> Document:
        token, refresh = site.entropy.token(), grant.refresh_token or site.entropy.token()
        grant.refresh_token = refresh
        self._memory.access[token] = self._memory.refresh[refresh] = grant
        document: Document = {
            "access_token": token,
            "token_type": "DPoP" if grant.bound else "Bearer",
            "expires_in": LIFETIME,
            "refresh_token": refresh,
            "scope": grant.scope,
        }
        if with_identity and grant.asks_for_identity:
            draft = self._draft(grant, token, site)
            signed = draft.signed() if scenario.id_token is None else scenario.id_token(draft, site)
            if signed is not None:
                document["id_token"] = signed
        return document if scenario.tokens is None else scenario.tokens(document, site)

    def _draft(self, grant: Grant, access_token: str, site: Site) -> Draft:
        now = int(self._clock.now())
        claims: Document = {
            "iss": site.issuer,
            "sub": SUBJECT,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + LIFETIME,
            "auth_time": now,
        }
        if "nonce" in grant.parameters:
            claims["nonce"] = grant.parameters["nonce"]
        return Draft(
            header=site.keys.header(), claims=claims, key=site.keys.published, access_token=access_token
        )

    def revoke(self, request: HttpRequest) -> HttpResponse:
        """End a grant (RFC 7009)."""
        token = dict(_form(request)).get("token", "")
        grant = self._memory.refresh.get(token) or self._memory.access.get(token)
        if grant is not None:
            grant.revoked = True
        return HttpResponse(200)


def _form(request: HttpRequest) -> Pairs:
    return tuple(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))


def _unpacked(parameters: dict[str, str]) -> dict[str, str]:
    """Return the parameters of a request, those of its request object in their place (RFC 9101)."""
    if "request" not in parameters:
        return parameters
    _, claims = read_parts(parameters["request"])
    return {name: str(value) for name, value in claims.items()} | {
        "client_id": parameters.get("client_id", str(claims.get("client_id", "")))
    }


def _fits(verifier: str | None, asked: dict[str, str]) -> bool:
    challenge = asked.get("code_challenge")
    if challenge is None:
        return True  # the client does without, which another check looks at
    if verifier is None:
        return False
    return challenge in (verifier, sha256_base64url(verifier))


def _return_to(redirect_uri: str, answer: Pairs, *, mode: str) -> HttpResponse:
    if mode == "form_post":
        fields = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in answer
        )
        page = f'<form method="post" action="{escape(redirect_uri)}">{fields}<button>Continue</button></form>'
        return HttpResponse(200, (("content-type", "text/html; charset=utf-8"),), page.encode())
    joint = "#" if mode == "fragment" else "&" if "?" in redirect_uri else "?"
    location = f"{redirect_uri}{joint}{urlencode(answer)}"
    return HttpResponse(303, (("location", location), ("cache-control", "no-store")))
