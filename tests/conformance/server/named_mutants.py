"""The mutants by name. Each name says what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from conformance.examiner.keys import random_text, read_claims, sha256
from conformance.server.mutants import (
    adding,
    answering,
    both,
    changing,
    guard_lacking,
    lacking,
    limited,
    putting,
    replaced,
    replacing,
)
from trustweft.net.remote_keys import RefreshedKeys
from trustweft.protocol import access_token, bearer, dpop, pkce
from trustweft.protocol.client_assertion import ClientAssertion
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import parse_query
from trustweft.protocol.redirect_uri import verify_registered
from trustweft.runtime.encoding import digest_of
from trustweft.server import tokens
from trustweft.server.checks import authorization_request, client
from trustweft.server.checks.interaction import CLIENT_MISSING, read_authorization_parameters
from trustweft.server.login.interactions import spend_request
from trustweft.server.pipeline import without
from trustweft.server.records import PushedRequest

if TYPE_CHECKING:
    from conformance.server.mutants import Mutant
    from trustweft.crypto.keys import KeySet
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.redirect_uri import RedirectUri
    from trustweft.server.exchange import Exchange
    from trustweft.server.pipeline import Pipelines

__all__ = ["MUTANTS"]

_PAR: Final = "pushed_authorization_request"
_CODE: Final = "token:authorization_code"


def _with_rs256(_request: HttpRequest, response: HttpResponse) -> HttpResponse:
    offer = b'"token_endpoint_auth_signing_alg_values_supported":['
    return HttpResponse(response.status, response.headers, response.body.replace(offer, offer + b'"RS256",'))


def _with_state(_request: HttpRequest, response: HttpResponse) -> HttpResponse:
    def add(name: str, value: str) -> tuple[str, str]:
        made_up = name == "location" and "code=" in value and "state=" not in value
        return (name, f"{value}&state=made-up") if made_up else (name, value)

    return HttpResponse(response.status, tuple(add(*pair) for pair in response.headers), response.body)


def _with_nonce(exchange: Exchange, *, nonce: str | None, **rest: Any) -> str:
    return _issue_id_token(exchange, nonce=nonce or "made-up", **rest)


_issue_id_token = tokens.issue_id_token


def _openid_first(exchange: Exchange) -> None:
    if not (exchange.form.get("scope") or "").startswith("openid"):
        raise authorization_request.UNSUPPORTED_PARAMETER.reject()


_read_presented_token = bearer.read_presented_token


def _read_cased(request: HttpRequest) -> bearer.PresentedToken:
    scheme = (request.header("authorization") or "").partition(" ")[0]
    if scheme not in {"DPoP", "Bearer"}:
        raise bearer.UNKNOWN_SCHEME.reject(scheme)
    return _read_presented_token(request)


_verify_proof = dpop.verify_proof


def _verify_without_exp(proof: str, **rest: Any) -> dpop.Proof:
    if "exp" in read_claims(proof):
        raise dpop.MALFORMED.reject()
    return _verify_proof(proof, **rest)


def _bind_to_another_key(exchange: Exchange) -> None:
    exchange.dpop_jkt = sha256("another key")


async def _believe_query(exchange: Exchange) -> None:
    query = parse_query(exchange.request.query)
    outside = {name: query.get(name) for name in ("state", "nonce") if query.get(name) is not None}
    exchange.pushed = msgspec.structs.replace(exchange.pushed, **outside)
    store = exchange.deployment.store
    await store.spend_pushed_request(exchange.request_digest, now=exchange.now)
    await store.save_pushed_request(exchange.request_digest, exchange.pushed)


def _cut(**members: Any) -> PushedRequest:
    cut = {name: members[name] and members[name][:64] for name in ("state", "nonce")}
    return PushedRequest(**{**members, **cut})


def _default_redirect_uri(exchange: Exchange) -> None:
    registered = exchange.client.metadata.redirect_uris
    exchange.redirect_uri = verify_registered(
        exchange.form.get("redirect_uri") or registered[0], registered, application_type="web"
    )


def _any(named: str | None) -> RedirectUri:
    return verify_registered(named, (named or "",), application_type="web")


def _any_redirect_uri(exchange: Exchange) -> None:
    exchange.redirect_uri = _any(exchange.form.get("redirect_uri"))


def _never_comparing(pipelines: Pipelines) -> Pipelines:
    """Take any redirect URI when it is pushed, and do not look at it again later."""
    pipelines = replaced(pipelines, _PAR, check_redirect_uri=_any_redirect_uri)
    for endpoint, steps in pipelines.items():
        if authorization_request.refuse_withdrawn_request in steps:
            pipelines = without(pipelines, endpoint, "refuse_withdrawn_request")
    return pipelines


def _refuse_otherwise(_exchange: Exchange) -> None:
    raise authorization_request.GRANT_TYPE.reject()


async def _push_from_query(exchange: Exchange) -> None:
    """Take a plain request as if it had been pushed."""
    query = parse_query(exchange.request.query)
    if query.get("request_uri") is None:
        token = random_text(43)
        now = exchange.now
        exchange.client_id = query.get("client_id") or ""
        exchange.request_digest = digest_of(token)
        await exchange.deployment.store.save_pushed_request(
            exchange.request_digest,
            PushedRequest(
                client_id=exchange.client_id,
                redirect_uri=_any(query.get("redirect_uri")),
                scope=tuple((query.get("scope") or "").split()),
                code_challenge=pkce.check_challenge(query.get("code_challenge"), method="S256"),
                state=query.get("state"),
                nonce=query.get("nonce"),
                dpop_jkt=None,
                prompt=(),
                pushed_at=now,
                expires_at=now + 60,
                kept_until=now + 600,
            ),
        )
        return
    read_authorization_parameters(exchange)


def _read_any_assertion(exchange: Exchange) -> None:
    """Take whoever is named anywhere for the client."""
    assertion = exchange.form.get("client_assertion")
    claims = {} if assertion is None else read_claims(assertion)
    named = claims.get("sub") or claims.get("iss") or exchange.form.get("client_id") or ""
    exchange.assertion, exchange.client_id = None, named


def _believe_assertion(exchange: Exchange) -> None:
    jti = random_text()
    exchange.authentication = ClientAssertion(
        client_id=exchange.client_id, jti=jti, expires_at=exchange.now + 60
    )


def _pass(_exchange: Exchange) -> None:
    """Judge nothing."""


_BELIEVING: Final = {
    "read_client_credentials": _read_any_assertion,
    "verify_client_assertion": _believe_assertion,
    "verify_client_certificate": _pass,
}


def _keep_code(exchange: Exchange) -> None:
    exchange.new_refresh_token = None


def _any_challenge(exchange: Exchange) -> None:
    given = exchange.form.get("code_challenge") or sha256("nothing")
    exchange.code_challenge = pkce.check_challenge(
        given if len(given) == 43 else sha256(given), method="S256"
    )


def _bind_to_some_key(exchange: Exchange) -> None:
    """Bind the tokens of whoever proves nothing to a key that nobody has."""
    jkt = sha256("nobody's key") if exchange.proof is None else exchange.proof.jkt
    exchange.confirmation = access_token.Confirmation(jkt=jkt)


def _demand_scope_in_query(exchange: Exchange) -> None:
    if parse_query(exchange.request.query).get("scope") is None:
        raise CLIENT_MISSING.reject()


_looked_at: Final[set[bytes]] = set()


async def _spend_by_a_look(exchange: Exchange) -> None:
    if exchange.request_digest in _looked_at:
        await spend_request(exchange)
        raise client.UNKNOWN.reject()
    _looked_at.add(exchange.request_digest)


def _read_unsigned(token: str, _keys: KeySet) -> dict[str, object]:
    return read_claims(token)


_verify_access_token = access_token.verify_access_token


def _for_anybody(token: str, *, audience: str, **rest: Any) -> access_token.AccessToken:
    named = read_claims(token)["aud"]
    audience = named if isinstance(named, str) else named[0]
    return _verify_access_token(token, audience=audience, **rest)


_get = RefreshedKeys.get


async def _first_keys(self: RefreshedKeys[Any, Any], wanted: object) -> object:
    return await _get(self, wanted) if self._keys is None else self._keys


def _with_cors(_request: HttpRequest, response: HttpResponse) -> HttpResponse:
    headers = (*response.headers, ("access-control-allow-origin", "*"))
    return HttpResponse(response.status, headers, response.body)


def _of_nobody(_request: HttpRequest, response: HttpResponse) -> HttpResponse:
    def strip(name: str, value: str) -> tuple[str, str]:
        return name, re.sub(r"&iss=[^&]*", "", value) if name == "location" and "error=" in value else value

    return HttpResponse(response.status, tuple(strip(*pair) for pair in response.headers), response.body)


MUTANTS: Final[dict[str, Mutant]] = {
    "metadata that offers RS256": answering(_with_rs256),
    "a guard without check_binding": guard_lacking("check_binding"),
    "a guard without remember_proof": guard_lacking("remember_proof"),
    "a denial that nobody minds": lacking(("decision", "refuse_denial")),
    "a state that nobody sent": answering(_with_state),
    "a nonce that nobody sent": putting(
        "trustweft.server.grants.authorization_code:issue_id_token", _with_nonce
    ),
    "nonces of 63 characters": limited(nonce_max_length=63),
    "a scope that must begin with openid": adding(_PAR, _openid_first, after="check_response_type"),
    "parameters that are ignored": lacking((_PAR, "refuse_unsupported_parameters")),
    "schemes in one case only": putting("trustweft.protocol.bearer:read_presented_token", _read_cased),
    "proofs that may hold no exp": putting("trustweft.protocol.dpop:verify_proof", _verify_without_exp),
    "proofs of this second only": limited(dpop_proof_max_age=1),
    "clocks that must agree": limited(future_tolerance=0),
    "clocks that need not agree": limited(future_tolerance=3_600),
    "pushed keys that are not compared": lacking((_PAR, "bind_pushed_request_key")),
    "codes without a key": lacking((_CODE, "check_code_binding")),
    "codes bound to another key": replacing(_PAR, bind_pushed_request_key=_bind_to_another_key),
    "a query that is believed": adding("authorization", _believe_query, after="find_pushed_request"),
    "state and nonce that are cut": putting("trustweft.server.endpoints.pushed_request:PushedRequest", _cut),
    "a default redirect URI": replacing(_PAR, check_redirect_uri=_default_redirect_uri),
    "redirect URIs that are not compared": changing(_never_comparing),
    "redirect URIs refused with another error": replacing(_PAR, check_redirect_uri=_refuse_otherwise),
    "requests that need not be pushed": replacing(
        "authorization", read_authorization_parameters=_push_from_query
    ),
    "any response type": lacking((_PAR, "check_response_type")),
    "credentials of anybody, codes of any client": changing(
        lambda pipelines: without(
            replaced(pipelines, "token", **_BELIEVING), _CODE, "check_code_belongs_to_client"
        )
    ),
    "tokens for whoever asks": replacing(
        "token", verify_client_certificate=_pass, establish_confirmation=_bind_to_some_key
    ),
    "codes of any client": lacking((_CODE, "check_code_belongs_to_client")),
    "codes that are never spent": replacing(_CODE, redeem_code=_keep_code),
    "codes of two minutes": limited(authorization_code_lifetime=120),
    "credentials of anybody": replacing("token", **_BELIEVING),
    "assertions that never expire": putting(
        "trustweft.protocol.client_assertion:_check_expiry", lambda _claims, *, now, latest: now
    ),
    "assertions for anybody": putting(
        "trustweft.protocol.client_assertion:_check_audience", lambda _presented, _issuer: None
    ),
    "refresh tokens of any client": lacking(("token:refresh_token", "check_refresh_token_belongs_to_client")),
    "request URIs spent by a look": adding("authorization", _spend_by_a_look, after="find_pushed_request"),
    "request URIs that are never spent": lacking(("decision", "spend_request")),
    "request URIs that never expire": lacking(("authorization", "check_request_not_expired")),
    "request URIs of any client": lacking(("authorization", "check_request_belongs_to_client")),
    "a request URI in a pushed request": lacking((_PAR, "refuse_request_uri")),
    "any method": lacking((_PAR, "check_method_post")),
    "any code challenge": replacing(_PAR, check_code_challenge=_any_challenge),
    "any code verifier": lacking((_CODE, "check_code_verifier")),
    "a scope that must stand in the query": adding(
        "authorization", _demand_scope_in_query, after="read_authorization_parameters"
    ),
    "a guard without check_scope": guard_lacking("check_scope"),
    "a guard without check_status": guard_lacking("check_status"),
    "tokens that anybody signed": both(
        guard_lacking("check_status"),
        putting("trustweft.protocol.access_token:_verify_signature", _read_unsigned),
    ),
    "tokens for any audience": both(
        guard_lacking("check_status"),
        both(
            putting("trustweft.resource.tokens:verify_access_token", _for_anybody),
            putting("trustweft.server.endpoints.userinfo:verify_access_token", _for_anybody),
        ),
    ),
    "a guard that looks up keys once": putting("trustweft.net.remote_keys:RefreshedKeys.get", _first_keys),
    "certificates that nobody looks at": lacking(
        (_PAR, "verify_client_certificate"), ("token", "verify_client_certificate")
    ),
    "redirects with 302": limited(redirect_status=302),
    "an authorization endpoint with CORS": answering(_with_cors),
    "request URIs of ten minutes": limited(request_uri_lifetime=600),
    "assertions without a memory": lacking(
        (_PAR, "remember_client_assertion"), (_CODE, "remember_client_assertion")
    ),
    "errors of nobody": answering(_of_nobody),
    "codes for any redirect URI": lacking((_CODE, "check_code_redirect_uri")),
    "pushed requests of anybody": replacing(_PAR, **_BELIEVING),
}
