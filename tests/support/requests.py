"""Good requests to every endpoint that clients and resource servers use: each answers well as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mutations import Message
from support.authority import CHALLENGE, ISSUER, VERIFIER
from support.drafts import ASSERTION, ATH, FORM, PROOF, TOKEN, Draft, message_of
from trustweft.crypto.keys import public_jwk
from trustweft.protocol.access_token import Confirmation, NewAccessToken, create_access_token
from trustweft.protocol.client_assertion import ASSERTION_TYPE
from trustweft.server.config import PATHS

if TYPE_CHECKING:
    from support.authority import Authority, IssuedCode, Party
    from trustweft.crypto.keys import LocalSigner
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.server.records import Grant

__all__ = [
    "access_token",
    "assertion",
    "code_request",
    "credentials_request",
    "document_request",
    "introspection_request",
    "proof",
    "protected_request",
    "pushed_request",
    "refresh_request",
    "revocation_request",
    "userinfo_request",
]


def assertion(authority: Authority, party: Party) -> Message:
    """Return a fresh client assertion, not yet signed."""
    now = int(authority.clock.now())
    claims: dict[str, object] = {
        "iss": party.client_id,
        "sub": party.client_id,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": authority.deployment.entropy.token(),
    }
    return Message({"alg": party.signer.algorithm, "kid": party.signer.key_id}, claims, party.signer)


def proof(
    authority: Authority,
    holder: LocalSigner,
    *,
    method: str = "POST",
    url: str,
    nonce: str | None = None,
    **claims: Any,
) -> Message:
    """Return a fresh proof of possession with the current nonce, not yet signed."""
    header: dict[str, object] = {
        "typ": "dpop+jwt",
        "alg": holder.algorithm,
        "jwk": public_jwk(holder.public_key),
    }
    members: dict[str, object] = {
        "jti": authority.deployment.entropy.token(),
        "htm": method,
        "htu": url,
        "iat": int(authority.clock.now()),
        "nonce": nonce or authority.nonce,
    }
    return Message(header, {**members, **claims}, holder)


def client_form(authority: Authority, party: Party, endpoint: str, **parameters: str) -> Draft:
    """Return a form that a client signs for, or sends beside its certificate."""
    form = [("client_id", party.client_id), *parameters.items()]
    draft = Draft("POST", PATHS[endpoint], headers=[FORM], form=form, certificate=party.certificate)
    if party.authentication is None:
        form[1:1] = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", ASSERTION)]
        draft.tokens[ASSERTION] = assertion(authority, party)
    return draft


def with_proof(draft: Draft, authority: Authority, party: Party, *, base: str = ISSUER) -> Draft:
    if party.certificate_bound:
        return draft
    holder = party.holder
    draft.headers.append(("dpop", PROOF))
    draft.tokens[PROOF] = proof(authority, holder, url=base + draft.path)
    return draft


def pushed_request(
    authority: Authority, party: Party | None = None, *, proven: bool = True, **parameters: str
) -> Draft:
    """Push an authorization request."""
    party = party or authority.moneyview
    wanted = {
        "response_type": "code",
        "redirect_uri": party.redirect_uris[0],
        "scope": " ".join(party.scope),
        "state": "af0ifjsldkj",
        "nonce": "n-0S6_WzA2Mj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    draft = client_form(authority, party, "pushed_authorization_request", **(wanted | parameters))
    return with_proof(draft, authority, party) if proven else draft


def code_request(authority: Authority, issued: IssuedCode, **parameters: str) -> Draft:
    """Redeem a code."""
    wanted = {
        "grant_type": "authorization_code",
        "code": issued.code,
        "redirect_uri": issued.record.redirect_uri,
        "code_verifier": VERIFIER,
    }
    draft = client_form(authority, issued.party, "token", **(wanted | parameters))
    return with_proof(draft, authority, issued.party)


def refresh_request(
    authority: Authority, refresh_token: str, party: Party | None = None, **parameters: str
) -> Draft:
    """Refresh an access token."""
    party = party or authority.moneyview
    wanted = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    draft = client_form(authority, party, "token", **(wanted | parameters))
    return with_proof(draft, authority, party)


def credentials_request(authority: Authority, party: Party | None = None, **parameters: str) -> Draft:
    """Ask for a token for the client itself."""
    party = party or authority.moneyview
    wanted = {"grant_type": "client_credentials", "scope": "accounts"}
    draft = client_form(authority, party, "token", **(wanted | parameters))
    return with_proof(draft, authority, party)


def introspection_request(
    authority: Authority, token: str, party: Party | None = None, **parameters: str
) -> Draft:
    """Ask about a token, as a resource server."""
    wanted = {"token": token, "token_type_hint": "access_token"}
    return client_form(authority, party or authority.bank, "introspection", **(wanted | parameters))


def revocation_request(
    authority: Authority, token: str, party: Party | None = None, **parameters: str
) -> Draft:
    """Revoke a token."""
    return client_form(
        authority, party or authority.moneyview, "revocation", **({"token": token} | parameters)
    )


def document_request(path: str) -> Draft:
    """Read a document that everybody may read."""
    return Draft("GET", path, headers=[("accept", "application/json")])


def access_token(
    authority: Authority,
    *,
    party: Party | None = None,
    grant: Grant | None = None,
    audience: tuple[str, ...] = (ISSUER,),
    scope: tuple[str, ...] = ("openid", "profile", "email"),
    jkt: str | None = None,
    details: tuple[AuthorizationDetail, ...] = (),
) -> str:
    """Return an access token as the token endpoint issues it."""
    party = party or authority.moneyview
    now = authority.clock.now()
    new = NewAccessToken(
        issuer=ISSUER,
        subject=authority.alice.subject if grant is None else grant.subject,
        audience=audience,
        client_id=party.client_id,
        scope=scope,
        issued_at=now,
        expires_at=now + 300,
        jti=authority.deployment.entropy.token(),
        confirmation=party.confirmation if jkt is None else Confirmation(jkt=jkt),
        grant_id=None if grant is None else grant.grant_id,
        authorization_details=details,
    )
    return create_access_token(new, signer=authority.signer)


def protected_request(
    authority: Authority,
    token: str,
    *,
    party: Party,
    url: str,
    method: str = "GET",
    nonce: str | None = None,
) -> Draft:
    """Call a protected resource with a token and the proof for it, or with the certificate that it is bound to."""
    if party.certificate_bound:
        return Draft(
            method,
            urlsplit(url).path,
            headers=[("authorization", f"Bearer {TOKEN}")],
            tokens={TOKEN: message_of(token, authority.signer)},
            certificate=party.certificate,
        )
    return Draft(
        method,
        urlsplit(url).path,
        headers=[("authorization", f"DPoP {TOKEN}"), ("dpop", PROOF)],
        tokens={
            TOKEN: message_of(token, authority.signer),
            PROOF: proof(authority, party.holder, method=method, url=url, nonce=nonce, ath=ATH),
        },
    )


def userinfo_request(
    authority: Authority, token: str | None = None, *, method: str = "GET", party: Party | None = None
) -> Draft:
    """Ask who has logged in."""
    token = token or access_token(authority)
    return protected_request(
        authority, token, party=party or authority.moneyview, url=f"{ISSUER}/userinfo", method=method
    )
