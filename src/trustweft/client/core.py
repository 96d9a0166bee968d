"""The client's conversations, free of any network: begin, finish, refresh, revoke, userinfo, client credentials.

Each is a generator of ``Call``; `client.Client` and `client.AsyncClient` drive them. A conversation verifies what it
is sent before it believes any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.client.configuration import Dpop
from trustweft.client.discovery import Discovery
from trustweft.client.errors import AuthorizationDeniedError, ServerRefusedError
from trustweft.client.pending import PENDING_LIFETIME, PendingAuthorization, StartedAuthorization
from trustweft.client.sending import Sending
from trustweft.client.tokens import after_refresh, read_token_response, with_identity
from trustweft.client.wire import Call
from trustweft.protocol import oidc, par, pkce
from trustweft.protocol.bearer import Scheme
from trustweft.protocol.issuer import check_response_issuer
from trustweft.protocol.oauth import parse_query, read_error_response
from trustweft.protocol.revocation import create_request as create_revocation_request
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
OTHER_SERVER = reason(
    "client.other-server",
    error="invalid_request",
    public="The authorization was begun with another authorization server.",
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
NO_SUBJECT = reason(
    "client.no-subject", error="invalid_request", public="Nobody was identified by an ID token."
)
NO_REFRESH_TOKEN = reason(
    "client.no-refresh-token", error="invalid_request", public="There is no refresh token."
)
NO_USERINFO = reason(
    "client.bad-userinfo", error="server_error", public="The userinfo cannot be read.", status=502
)


class ClientCore:
    """The conversations of one client with one authorization server."""

    def __init__(self, configuration: ClientConfiguration, *, clock: Clock, entropy: Entropy) -> None:
        self.configuration = configuration
        self.sending = Sending(configuration, clock=clock, entropy=entropy)
        self._clock = clock
        self._entropy = entropy
        self._discovery = Discovery(configuration, self.sending, clock=clock)

    def forget_server(self) -> int:
        """Forget the server's metadata and keys; return how many documents there were."""
        return self._discovery.forget()

    @enforces(
        "FAPI2-SP-5.3.3.2-1",
        "FAPI2-SP-5.3.3.2-2",
        "FAPI2-SP-5.3.3.2-4",
        "RFC9126-2.1-p1",
        "RFC9126-4-p2.1",
        "RFC9126-7.5-p1",
        "RFC9700-2.1.1-p1",
        "RFC9700-2.1.1-p2.1",
        "RFC9700-4.4.2-p2",
        "RFC9700-UPDATE-2.2.2-p2.2",
    )
    def begin(
        self, *, authorization_details: Sequence[Mapping[str, object]] = ()
    ) -> Flow[StartedAuthorization]:
        """Push a request with a challenge of its own, bound to our proof key.

        Args:
            authorization_details: what to ask for exactly (RFC 9396), beside the configured scope.

        Raises:
            Reject: of metadata or the answer. ServerRefusedError: the server refuses.
        """
        configuration = self.configuration
        redirect_uri = configuration.people_return_to
        authorization_endpoint = yield from self._discovery.endpoint("authorization_endpoint")
        verifier = pkce.create_verifier(self._entropy)
        state = self._entropy.token()
        nonce = self._new_nonce() if configuration.asks_for_identity else None
        form = {
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(configuration.scope),
            "state": state,
            "code_challenge": pkce.create_challenge(verifier),
            "code_challenge_method": "S256",
            **({} if nonce is None else {"nonce": nonce}),
        }
        if authorization_details:
            form["authorization_details"] = msgspec.json.encode(authorization_details).decode()
        url = yield from self._discovery.endpoint("pushed_authorization_request_endpoint")
        response = yield from self.sending.post(url, form, with_proof=True, signed=True)
        if response.status != par.CREATED:
            raise _refusal(response)
        pushed = par.read_pushed_response(response.body, status=response.status)
        return StartedAuthorization(
            url=par.create_authorization_url(
                authorization_endpoint,
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

    @enforces(
        "RFC9207-2.4-p1.1",
        "RFC9207-2.4-p1.5",
        "RFC9207-4-p4.2",
        "RFC9700-UPDATE-2.2.2-p2.3",
        "RFC9700-UPDATE-2.2.2-p2.4",
    )
    def finish(self, pending: PendingAuthorization, query: bytes) -> Flow[TokenSet]:
        """Turn the authorization response into tokens.

        (1) no parameter twice (2) ``iss`` (3) begun with this server, and in time (4) ``state`` (5) an error ends it
        here (6) the code is redeemed (7) the ID token belongs to this request.

        Raises:
            Reject: something does not fit; nothing was sent, or what came back is not used.
            AuthorizationDeniedError: the response is an error. ServerRefusedError: the code is refused.
        """
        form = parse_query(query)
        form.refuse_duplicates()  # (1)
        check_response_issuer(form.get("iss"), expected=self.configuration.checked_issuer)  # (2)
        if pending.issuer != self.configuration.issuer:  # (3)
            raise OTHER_SERVER.reject(f"begun with {pending.issuer[:200]!r}")
        if self._clock.now() >= pending.expires_at:
            raise EXPIRED.reject()
        _check_state(form.get("state"), expected=pending.state)  # (4)
        code = _code_of(form)  # (5)
        return (yield from self._redeem(pending, code))

    @enforces("RFC9700-4.5.3.2-2")
    def _redeem(self, pending: PendingAuthorization, code: str) -> Flow[TokenSet]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.configuration.people_return_to,
            "code_verifier": pending.code_verifier,
        }
        tokens = yield from self._request_tokens(form, scope=self.configuration.scope)  # (6)
        if pending.nonce is None:
            return tokens
        if tokens.id_token is None:
            raise NO_ID_TOKEN.reject()
        keys = yield from self._discovery.keys_for(tokens.id_token)
        url = yield from self._discovery.endpoint("token_endpoint")
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
            now=self.sending.time.now(url),  # its times are those of whoever issued it
            future_tolerance=self.configuration.future_tolerance,
        )
        return with_identity(tokens, identity)

    @enforces("FAPI2-SP-5.3.3.1-6")
    def refresh(self, tokens: TokenSet) -> Flow[TokenSet]:
        """Return new tokens, to be kept before any of them is used; a new refresh token takes the old one's place.

        Where the refresh token is refused and the one before it is still kept, that is tried, once: the server may
        have lost the exchange. An answer that never came changes nothing: the same refresh token is sent again next
        time, which servers allow for that reason (FAPI 2.0 SP section 5.3.2.1 item 9).

        Raises:
            Reject: there is no refresh token, or the answer does not fit. ServerRefusedError: the server refuses.
        """
        if tokens.refresh_token is None:
            raise NO_REFRESH_TOKEN.reject()
        try:
            return (yield from self._exchange(tokens, tokens.refresh_token))
        except ServerRefusedError as refused:
            if refused.error != "invalid_grant" or tokens.previous_refresh_token is None:
                raise
        return (yield from self._exchange(tokens, tokens.previous_refresh_token))

    def _exchange(self, tokens: TokenSet, used: str) -> Flow[TokenSet]:
        form = {"grant_type": "refresh_token", "refresh_token": used}
        fresh = yield from self._request_tokens(form, scope=tokens.scope)
        return after_refresh(fresh, before=tokens, used=used)

    def client_credentials(self, scope: tuple[str, ...]) -> Flow[TokenSet]:
        """Return tokens for the client itself (RFC 6749 section 4.4).

        Raises:
            Reject: the answer does not fit. ServerRefusedError: the server refuses.
        """
        form = {"grant_type": "client_credentials", "scope": " ".join(scope)}
        return (yield from self._request_tokens(form, scope=scope))

    def revoke(self, tokens: TokenSet) -> Flow[None]:
        """End the authorization: its refresh token, or the access token where there is none (RFC 7009).

        Where the refresh token before it is still kept, that too: a server that lost the exchange knows no other, and
        says of the new one what it says of every token that is none: that it is revoked (section 2.2).

        Raises:
            Reject: the server has no revocation endpoint. ServerRefusedError: the server refuses.
        """
        url = yield from self._discovery.endpoint("revocation_endpoint")
        hint = "access_token" if tokens.refresh_token is None else "refresh_token"
        for token in (tokens.refresh_token or tokens.access_token, tokens.previous_refresh_token):
            if token is None:
                continue
            form = create_revocation_request(token, hint=hint)
            response = yield from self.sending.post(url, form, with_proof=False)
            if response.status != _OK:
                raise _refusal(response)

    def userinfo(self, tokens: TokenSet) -> Flow[oidc.UserInfo]:
        """Return what the server tells about the person whom the ID token named.

        Raises:
            Reject: it is about somebody else, or cannot be had. ServerRefusedError: the server refuses.
        """
        if tokens.subject is None:
            raise NO_SUBJECT.reject()
        url = yield from self._discovery.endpoint("userinfo_endpoint")
        response = yield from self.sending.call(Call(method="GET", url=url), tokens.access_token)
        if response.status != _OK:
            raise _refusal(response)
        try:
            document = load_object(response.body, limit=MAXIMUM_USERINFO)
        except Reject as cause:
            raise NO_USERINFO.reject(cause.reason.id) from cause
        return oidc.read_userinfo(document, subject=tokens.subject)

    def _request_tokens(self, form: dict[str, str], *, scope: tuple[str, ...]) -> Flow[TokenSet]:
        url = yield from self._discovery.endpoint("token_endpoint")
        response = yield from self.sending.post(url, form, with_proof=True)
        if response.status != _OK:
            raise _refusal(response)
        bound_to_key = isinstance(self.configuration.sender_constraint, Dpop)
        return read_token_response(
            response.body,
            issuer=self.configuration.issuer,
            token_type=Scheme.DPOP if bound_to_key else Scheme.BEARER,
            requested=scope,
            now=self._clock.now(),
        )


@enforces("RFC9700-2.1-p3.1")
def _check_state(presented: str | None, *, expected: str) -> None:
    """Refuse the answer to another request, or to whichever (RFC 6749 section 10.12)."""
    if presented != expected:
        raise STATE.reject()


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
