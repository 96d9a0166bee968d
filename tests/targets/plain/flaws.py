"""What can be wrong with the server, one at a time."""

from __future__ import annotations

from typing import Final

__all__ = ["FLAWS"]

FLAWS: Final[dict[str, str]] = {
    # the authorization endpoint
    "redirect-prefix": "a redirect URI only has to begin like the registered one",
    "redirect-host": "any path at the registered host is a redirect URI",
    "open-redirect-error": "errors are sent to redirect URIs that nobody registered",
    "implicit": "response_type=token gives a token in the fragment",
    "state-lost": "the state does not come back",
    "challenge-optional": "authorization requests need no code challenge",
    "scope-unchecked": "a client gets scopes that it was never registered for",
    "consent-skipped": "nobody is asked whether the client may",
    "consent-tampering": "the consent form says which scopes are agreed to",
    "consent-without-token": "the consent form is accepted from anywhere",
    "session-kept": "the session has the same name before and after the login",
    "redirect-307": "the password form is answered with 307",
    "framable": "pages can be framed",
    "html-injection": "pages repeat parameters as they are",
    "codes-guessable": "codes are numbers that count up",
    "names-told": "the login page tells which users exist",
    "cookie-plain": "scripts can read the session cookie",
    # the token endpoint
    "code-reuse": "codes work more than once",
    "code-race": "of several requests with one code more than one wins",
    "code-not-bound-to-client": "any client can redeem any code",
    "code-not-bound-to-redirect": "the redirect URI of the token request does not matter",
    "no-pkce-check": "any verifier is right",
    "verifier-optional": "a code with a challenge is redeemed without a verifier",
    "challenge-as-verifier": "the challenge itself is taken for the verifier",
    "tokens-survive-reuse": "tokens of a code that came twice live on",
    "refresh-reuse": "a refresh token works more than once, also a public client's",
    "refresh-cross-client": "any client can use any refresh token",
    "scope-widening": "a refresh gives more scopes than were agreed to",
    "password-grant": "user names and passwords are taken for a grant",
    "secret-ignored": "any client secret is right",
    "secret-optional": "a client_id alone is authentication enough",
    "token-by-get": "tokens are given for a GET with everything in the address",
    "token-cacheable": "answers with tokens may be stored",
    "hash-in-tokens": "access tokens hold the password's hash",
    "person-in-tokens": "access tokens tell the user's address of mail, whatever the scope",
    "verbose-errors": "failures show the stack",
    # the API
    "anonymous": "one operation has forgotten to ask for a token",
    "alg-none": "tokens that say they need no signature need none",
    "signature-unchecked": "signatures are not looked at",
    "alg-confusion": "the public key is taken for an HMAC secret where the token says so",
    "no-aud": "tokens for other APIs are accepted",
    "no-exp": "tokens are good for ever",
    "token-in-query": "tokens in the address are accepted",
    "scopes-unchecked": "any token is good for any operation",
    "change-without-scope": "an order can be changed without the scope for it",
    "delete-without-scope": "an order can be deleted without the scope for it",
    "bola": "any user can read any order",
    "bola-write": "any user can change any order",
    "owner-parameter": "?owner= lists the orders of somebody else",
    "mass-assignment": "whatever a client sends becomes part of the order",
    "data-exposed": "the profile shows the password's hash",
    "user-by-header": "X-User-Id beside a token says who the user is",
    "identity-by-header": "X-Forwarded-User is as good as a token",
    "cors-reflect": "any origin may read answers with credentials",
    "shared-cache": "answers to tokens are marked as public",
    "cache-by-address": "what was answered to a token is answered to everybody at the same address",
    "sql-injection": "the search is pasted into the statement",
    "unlimited": "a page is as long as the caller asks",
    "method-override": "X-HTTP-Method-Override changes the method after the scopes were checked",
    # both
    "host-believed": "redirects go to the host that the request names",
}
