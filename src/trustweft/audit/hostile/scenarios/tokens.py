"""Deviations of the token endpoint, of the API and of TLS: what comes with a token, and who asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.hostile.scenario import Place, Scenario
from trustweft.protocol.http import HttpResponse, json_response

if TYPE_CHECKING:
    from trustweft.audit.hostile.scenario import Document, Site
    from trustweft.protocol.http import HttpRequest

__all__ = ["LOOP_LIMIT", "NONCE", "SCENARIOS"]

# Our choice: a client that tries again more often than this would do it for ever.
LOOP_LIMIT: Final = 12
NONCE: Final = "hostile-nonce"
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_TEMPORARY_REDIRECT: Final = 307
_NO_HANDSHAKE: Final = "end the connection in the handshake, and send no request"


def _bearer(document: Document, _site: Site) -> Document:
    return {**document, "token_type": "Bearer"}


def _unknown_type(document: Document, _site: Site) -> Document:
    return {**document, "token_type": "urn:example:unheard-of"}


def _endless_nonces(endpoint: str, request: HttpRequest, site: Site) -> HttpResponse | None:
    if endpoint != "token" or not request.header("dpop") or site.visit("token") > LOOP_LIMIT:
        return None
    headers = (("dpop-nonce", site.entropy.token()),)
    return json_response({"error": "use_dpop_nonce"}, status=_BAD_REQUEST, headers=headers)


def _one_nonce(endpoint: str, request: HttpRequest, site: Site) -> HttpResponse | None:
    """Ask once for a nonce; whether the next proof has it, the check reads in the journal."""
    if endpoint != "token" or not request.header("dpop") or site.visit("token") > 1:
        return None
    headers = (("dpop-nonce", NONCE),)
    return json_response({"error": "use_dpop_nonce"}, status=_BAD_REQUEST, headers=headers)


def _endless_refusals(endpoint: str, _request: HttpRequest, site: Site) -> HttpResponse | None:
    if endpoint not in ("userinfo", "api") or site.visit(endpoint) > LOOP_LIMIT:
        return None
    headers = (
        ("www-authenticate", 'DPoP error="use_dpop_nonce", algs="ES256 PS256 EdDSA"'),
        ("dpop-nonce", site.entropy.token()),
    )
    return json_response({"error": "use_dpop_nonce"}, status=_UNAUTHORIZED, headers=headers)


def _to_counterfeit(endpoint: str, _request: HttpRequest, site: Site) -> HttpResponse | None:
    if endpoint not in ("userinfo", "api"):
        return None
    return HttpResponse(_TEMPORARY_REDIRECT, (("location", f"{site.counterfeit}/{endpoint}"),))


SCENARIOS: Final = (
    Scenario(id="RP-09-token-type", must="not use a token that is bound to nothing", tokens=_bearer),
    Scenario(
        id="RP-09-unknown-type", must="not use a token of a type that it does not know", tokens=_unknown_type
    ),
    Scenario(id="RP-10-nonce-loop", must="give up after a few attempts", intercept=_endless_nonces),
    Scenario(id="RP-10-nonce-used", must="put the nonce into its next proof", intercept=_one_nonce),
    Scenario(id="RP-10-refusal-loop", must="give up after a few attempts", intercept=_endless_refusals),
    Scenario(
        id="RP-11-redirected-token",
        must="not send its access token where an answer of the API redirects it",
        intercept=_to_counterfeit,
    ),
    Scenario(id="RP-16-self-signed", must=_NO_HANDSHAKE, place=Place.SELF_SIGNED),
    Scenario(id="RP-16-other-name", must=_NO_HANDSHAKE, place=Place.OTHER_NAME),
    Scenario(id="RP-16-expired", must=_NO_HANDSHAKE, place=Place.EXPIRED),
)
