"""The client's conversations, free of any network: begin, finish, refresh, revoke, userinfo, client credentials.

Each is a generator of ``Call``; `client.Client` and `client.AsyncClient` drive them. A conversation verifies what it
is sent before it believes any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trustweft.client.discovery import Discovery
from trustweft.client.errors import AuthorizationDeniedError, ServerRefusedError
from trustweft.client.nonces import NonceCache
from trustweft.client.tokens import read_token_response, with_identity
from trustweft.client.wire import Call, header_values
from trustweft.protocol import oidc, par, pkce
from trustweft.protocol.bearer import create_authorization, read_challenges
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.issuer import check_response_issuer
from trustweft.protocol.oauth import FORM_CONTENT_TYPE, encode_form, parse_query, read_error_response
from trustweft.protocol.revocation import create_request as create_revocation_request
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.tokens import TokenSet
    from trustweft.client.wire import Flow
    from trustweft.protocol.http import HttpResponse
    from trustweft.protocol.oauth import Form
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["ClientCore", "PendingAuthorization", "StartedAuthorization"]

MAXIMUM_USERINFO: Final = 65_536
_OK: Final = 200

STATE = reason(
    "client.state-mismatch", error="invalid_request", public="The response does not belong to this request."
)
NO_CODE = reason(
    "client.no-code", error="invalid_request", public="The response brings neither a code nor an error."
)
EXPIRED = reason(
    "client.pending-expired", error="invalid_request", public="The authorization was begun too long ago."
)
NO_ID_TOKEN = reason(
    "client.no-id-token",
    error="server_error",
    public="The server sent no ID token although one was asked for.",
    status=502,
)
UNENCRYPTED = reason(
    "client.unencrypted",
    error="invalid_request",
    public="A token is sent to an https address without user information only.",
)
NO_ENDPOINT = reason(
    "client.no-endpoint", error="server_error", public="The server does not offer this endpoint.", status=502
)
NO_REFRESH_TOKEN = reason(
    "client.no-refresh-token", error="invalid_request", public="There is no refresh token."
)
NO_USERINFO = reason(
    "client.bad-userinfo", error="server_error", public="The userinfo cannot be read.", status=502
)

PENDING_LIFETIME: Final = (
    900.0  # our choice: request URI, log-in and consent together take ten minutes at most
)


class PendingAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """What must come back unchanged. Keep it in the session of the browser that started, and take it out once.

    This is what binds the challenge to this client and this user agent (FAPI 2.0 SP section 5.3.3.2).
    """

    issuer: str
    state: str
    nonce: str | None
    code_verifier: str
    expires_at: float

    def __repr__(self) -> str:
        return f"PendingAuthorization(issuer={self.issuer!r})"


class StartedAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the browser, and what to remember for when it comes back."""

    url: str
    pending: PendingAuthorization


class ClientCore:
    """The conversations of one client with one authorization server."""

    def __init__(self, configuration: ClientConfiguration, *, clock: Clock, entropy: Entropy) -> None:
        self.configuration = configuration
        self.nonces = NonceCache()
        self._clock = clock
        self._entropy = entropy
        self._discovery = Discovery(configuration, clock=clock)

    @enforces("FAPI2-SP-5.3.3.2-1", "FAPI2-SP-5.3.3.2-2", "FAPI2-SP-5.3.3.2-4")
    def begin(self) -> Flow[StartedAuthorization]:
        """Push a request with a challenge of its own, bound to our proof key.

        Raises:
            Reject: of metadata or the answer. ServerRefusedError: the server refuses.
        """
        configuration, metadata = self.configuration, (yield from self._discovery.metadata())
        verifier = pkce.create_verifier(self._entropy)
        state = self._entropy.token()
        nonce = self._new_nonce() if "openid" in configuration.scope else None
        form = {
            "response_type": "code",
            "redirect_uri": configuration.redirect_uri,
            "scope": " ".join(configuration.scope),
            "state": state,
            "code_challenge": pkce.create_challenge(verifier),
            "code_challenge_method": "S256",
            **({} if nonce is None else {"nonce": nonce}),
        }
        response = yield from self._post(
            metadata.pushed_authorization_request_endpoint, form, with_proof=True
        )
        if response.status != par.CREATED:
            raise _refusal(response)
        pushed = par.read_pushed_response(response.body, status=response.status)
        return StartedAuthorization(
            url=par.create_authorization_url(
                metadata.authorization_endpoint,
                client_id=configuration.client_id,
                request_uri=pushed.request_uri,
            ),
            pending=PendingAuthorization(
                issuer=configuration.issuer,
                state=state,
                nonce=nonce,
                code_verifier=verifier,
                expires_at=self._clock.now() + PENDING_LIFETIME,
            ),
        )

    @enforces("FAPI2-SP-5.3.3.2-7")
    def _new_nonce(self) -> str:
        """Return a nonce of 43 characters."""
        return self._entropy.token()

    def finish(self, pending: PendingAuthorization, query: bytes) -> Flow[TokenSet]:
        """Turn the authorization response into tokens.

        (1) no parameter twice (2) ``iss`` (3) in time (4) ``state`` (5) an error ends it here (6) the code is redeemed
        (7) the ID token belongs to this request.

        Raises:
            Reject: something does not fit; nothing was sent, or what came back is not used.
            AuthorizationDeniedError: the response is an error. ServerRefusedError: the code is refused.
        """
        form = parse_query(query)
        form.refuse_duplicates()  # (1)
        check_response_issuer(form.get("iss"), expected=self.configuration.checked_issuer)  # (2)
        if self._clock.now() >= pending.expires_at or pending.issuer != self.configuration.issuer:  # (3)
            raise EXPIRED.reject()
        if form.get("state") != pending.state:  # (4)
            raise STATE.reject()
        code = _code_of(form)  # (5)
        return (yield from self._redeem(pending, code))

    def _redeem(self, pending: PendingAuthorization, code: str) -> Flow[TokenSet]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.configuration.redirect_uri,
            "code_verifier": pending.code_verifier,
        }
        tokens = yield from self._request_tokens(form, scope=self.configuration.scope)  # (6)
        if pending.nonce is None:
            return tokens
        if tokens.id_token is None:
            raise NO_ID_TOKEN.reject()
        keys = yield from self._discovery.keys_for(tokens.id_token)
        identity = oidc.verify_id_token(  # (7)
            tokens.id_token,
            expected=oidc.ExpectedIdToken(
                issuer=self.configuration.issuer,
                client_id=self.configuration.client_id,
                nonce=pending.nonce,
                algorithm=self.configuration.id_token_algorithm,
                access_token=tokens.access_token,
            ),
            keys=keys,
            now=self._clock.now(),
            future_tolerance=self.configuration.future_tolerance,
        )
        return with_identity(tokens, identity)

    @enforces("FAPI2-SP-5.3.3.1-6")
    def refresh(self, tokens: TokenSet) -> Flow[TokenSet]:
        """Return new tokens; a new refresh token, if one comes, takes the old one's place.

        Raises:
            Reject: there is no refresh token, or the answer does not fit. ServerRefusedError: the server refuses.
        """
        if tokens.refresh_token is None:
            raise NO_REFRESH_TOKEN.reject()
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        fresh = yield from self._request_tokens(form, scope=tokens.scope)
        return msgspec.structs.replace(
            fresh,
            refresh_token=fresh.refresh_token or tokens.refresh_token,
            id_token=tokens.id_token,
            subject=tokens.subject,
        )

    def client_credentials(self, scope: tuple[str, ...]) -> Flow[TokenSet]:
        """Return tokens for the client itself (RFC 6749 section 4.4).

        Raises:
            Reject: the answer does not fit. ServerRefusedError: the server refuses.
        """
        form = {"grant_type": "client_credentials", "scope": " ".join(scope)}
        return (yield from self._request_tokens(form, scope=scope))

    def revoke(self, tokens: TokenSet) -> Flow[None]:
        """End the authorization: its refresh token, or the access token where there is none (RFC 7009).

        Raises:
            Reject: the server has no revocation endpoint. ServerRefusedError: the server refuses.
        """
        metadata = yield from self._discovery.metadata()
        if metadata.revocation_endpoint is None:
            raise NO_ENDPOINT.reject("revocation")
        hint = "access_token" if tokens.refresh_token is None else "refresh_token"
        form = create_revocation_request(tokens.refresh_token or tokens.access_token, hint=hint)
        response = yield from self._post(metadata.revocation_endpoint, form, with_proof=False)
        if response.status != _OK:
            raise _refusal(response)

    def userinfo(self, tokens: TokenSet) -> Flow[oidc.UserInfo]:
        """Return what the server tells about the person whom the ID token named.

        Raises:
            Reject: it is about somebody else, or cannot be had. ServerRefusedError: the server refuses.
        """
        metadata = yield from self._discovery.metadata()
        if metadata.userinfo_endpoint is None or tokens.subject is None:
            raise NO_ENDPOINT.reject("userinfo")
        response = yield from self.call(
            Call(method="GET", url=metadata.userinfo_endpoint), tokens.access_token
        )
        if response.status != _OK:
            raise _refusal(response)
        try:
            document = load_object(response.body, limit=MAXIMUM_USERINFO)
        except Reject as cause:
            raise NO_USERINFO.reject(cause.reason.id) from cause
        return oidc.read_userinfo(document, subject=tokens.subject)

    def call(self, call: Call, access_token: str) -> Flow[HttpResponse]:
        """Send one request to a protected resource, signed; once more if the server wants its nonce in the proof.

        Raises:
            Reject: the server's nonce is malformed.
        """
        response = yield self.signed(call, access_token)
        self.nonces.learn(call.url, response)
        if wants_nonce(response):
            response = yield self.signed(call, access_token)
            self.nonces.learn(call.url, response)
        return response

    def signed(self, call: Call, access_token: str) -> Call:
        """Return the call with the token and a fresh proof for it.

        Raises:
            Reject: ``client.unencrypted``: a token never leaves but over TLS, to a plainly named host.
        """
        _check_target(call.url)
        proof = self._proof(call.method, call.url, access_token=access_token)
        headers = (*call.headers, create_authorization(access_token), ("dpop", proof))
        return Call(method=call.method, url=call.url, headers=headers, body=call.body)

    def _request_tokens(self, form: dict[str, str], *, scope: tuple[str, ...]) -> Flow[TokenSet]:
        metadata = yield from self._discovery.metadata()
        response = yield from self._post(metadata.token_endpoint, form, with_proof=True)
        if response.status != _OK:
            raise _refusal(response)
        return read_token_response(response.body, requested=scope, now=self._clock.now())

    def _post(self, url: str, form: dict[str, str], *, with_proof: bool) -> Flow[HttpResponse]:
        """Post an authenticated form; once more, with everything fresh, if the server wants its nonce in the proof.

        Once and no more: a server that never has enough is an error, not a loop.
        """
        response = yield self._authenticated(url, form, with_proof=with_proof)
        self.nonces.learn(url, response)
        if with_proof and wants_nonce(response):
            response = yield self._authenticated(url, form, with_proof=with_proof)
            self.nonces.learn(url, response)
        return response

    def _authenticated(self, url: str, form: dict[str, str], *, with_proof: bool) -> Call:
        configuration = self.configuration
        assertion = create_client_assertion(
            configuration.signer,
            client_id=configuration.client_id,
            issuer=configuration.issuer,
            now=self._clock.now(),
            lifetime=configuration.assertion_lifetime,
            jti=self._entropy.token(),
        )
        body = encode_form(
            {
                **form,
                "client_id": configuration.client_id,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion,
            }
        )
        headers = [("content-type", FORM_CONTENT_TYPE), ("accept", "application/json")]
        if with_proof:
            headers.append(("dpop", self._proof("POST", url)))
        return Call(method="POST", url=url, headers=tuple(headers), body=body)

    def _proof(self, method: str, url: str, *, access_token: str | None = None) -> str:
        return create_proof(
            self.configuration.proof_signer,
            method=method,
            url=url,
            now=self._clock.now(),
            jti=self._entropy.token(),
            access_token=access_token,
            nonce=self.nonces.current(url),
        )


def _check_target(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise UNENCRYPTED.reject(parts.scheme[:20])


def wants_nonce(response: HttpResponse) -> bool:
    """Tell whether the response asks for a server nonce (RFC 9449 sections 8 and 9)."""
    if response.status == 400:  # noqa: PLR2004  # section 8: at the server, in the body
        try:
            return load_object(response.body, limit=MAXIMUM_USERINFO).get("error") == "use_dpop_nonce"
        except Reject:
            return False
    if response.status != 401:  # noqa: PLR2004  # section 9: at a resource, in the challenge
        return False
    try:
        challenges = read_challenges(header_values(response, "www-authenticate"))
    except Reject:
        return False
    return any(
        challenge.scheme == "dpop" and challenge.parameters.get("error") == "use_dpop_nonce"
        for challenge in challenges
    )


def _code_of(form: Form) -> str:
    """Return the code of an authorization response whose issuer and state fit."""
    error = form.get("error")
    if error is not None:
        raise AuthorizationDeniedError(error[:200], form.get("error_description"))
    code = form.get("code")
    if code is None:
        raise NO_CODE.reject()
    return code


def _refusal(response: HttpResponse) -> ServerRefusedError:
    """Return what the server's error answer says."""
    error = read_error_response(response.body)
    return ServerRefusedError(error.error, error.description, response.status)
