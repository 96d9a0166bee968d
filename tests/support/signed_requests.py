"""Good authorization requests that their client signed (RFC 9101): pushed, or brought by a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mutations import Message
from support.authority import CHALLENGE, ISSUER
from support.drafts import FORM, Draft
from support.requests import client_form, with_proof
from trustweft.server.config import PATHS

if TYPE_CHECKING:
    from support.authority import Authority, Party

__all__ = ["REQUEST", "browser_request", "request_object", "signed_push"]

REQUEST: Final = "{request}"  # stands for the request object of a draft


def request_object(authority: Authority, party: Party, **parameters: object) -> Message:
    """Return a fresh request object, not yet signed; ``...`` leaves a claim out."""
    now = int(authority.clock.now())
    claims: dict[str, object] = {
        "iss": party.client_id,
        "aud": ISSUER,
        "client_id": party.client_id,
        "response_type": "code",
        "redirect_uri": party.redirect_uris[0],
        "scope": " ".join(party.scope),
        "state": "af0ifjsldkj",
        "nonce": "n-0S6_WzA2Mj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": authority.deployment.entropy.token(),
    }
    kept = {name: value for name, value in (claims | parameters).items() if value is not ...}
    header: dict[str, object] = {
        "typ": "oauth-authz-req+jwt",
        "alg": party.signer.algorithm,
        "kid": party.signer.key_id,
    }
    return Message(header, kept, party.signer)


def signed_push(authority: Authority, party: Party | None = None, **parameters: object) -> Draft:
    """Push a request object, with the client's authentication beside it and nothing else."""
    party = party or authority.moneyview
    draft = client_form(authority, party, "pushed_authorization_request", request=REQUEST)
    draft.tokens[REQUEST] = request_object(authority, party, **parameters)
    return with_proof(draft, authority, party)


def browser_request(
    authority: Authority, party: Party, *, method: str = "GET", **parameters: object
) -> Draft:
    """Open the authorization endpoint with a request object, as OpenID Connect has it: some parameters stand beside it."""
    beside = {"client_id": party.client_id, "response_type": "code", "scope": "openid", "request": REQUEST}
    headers = [("sec-fetch-site", "cross-site"), ("accept", "text/html")]
    draft = Draft(method, PATHS["authorization"], headers=headers)
    if method == "GET":
        draft.query = "&".join(f"{name}={quote(value, safe='{}')}" for name, value in beside.items())
    else:
        draft.headers.append(FORM)
        draft.form = list(beside.items())
    draft.tokens[REQUEST] = request_object(authority, party, **parameters)
    return draft
