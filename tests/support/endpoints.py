"""Every endpoint of the authorization server: a good request to it, and whether an answer was deserved."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.authority import BANK, EVERYTHING, ISSUER, MTLS
from support.detail_judge import is_good
from support.details import ACCOUNTS, PAYMENT
from support.details import sent as sent_details
from support.judge import Judge, Objection, read_json
from support.requests import (
    access_token,
    code_request,
    credentials_request,
    document_request,
    introspection_request,
    pushed_request,
    refresh_request,
    revocation_request,
    userinfo_request,
)
from support.signed_requests import signed_push
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support.authority import Authority
    from support.drafts import Draft
    from support.wire import Answer, Sent

__all__ = ["Endpoint", "client_endpoints", "document_endpoints", "hold"]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: for people.
        prepare: returns a good request, and what ``approve`` needs to know about it.
        approve: called for every answer that is not a refusal; raises ``Objection`` where one was due.
        protected: whether it is a protected resource, which answers with challenges.
    """

    name: str
    prepare: Callable[[], Awaitable[tuple[Draft, Any]]]
    approve: Callable[[Sent, Answer, Any], Awaitable[None]]
    protected: bool = False

    def __str__(self) -> str:
        return self.name


def hold(condition: object, text: str) -> None:
    """Object unless the condition holds."""
    if not condition:
        raise Objection(text)


class _Clients:
    """What clients and resource servers ask for."""

    def __init__(self, authority: Authority, judge: Judge) -> None:
        self.authority = authority
        self.judge = judge

    async def push(self) -> tuple[Draft, Any]:
        return pushed_request(self.authority), None

    async def push_details(self) -> tuple[Draft, Any]:
        draft = pushed_request(self.authority, authorization_details=sent_details(PAYMENT, ACCOUNTS))
        return draft, None

    async def push_signed(self) -> tuple[Draft, Any]:
        return signed_push(self.authority, authorization_details=[PAYMENT]), None

    async def approve_push(self, sent: Sent, answer: Answer, _known: Any) -> None:
        party, pairs = self.judge.client(sent)
        hold("request_uri" not in pairs, "a request that points at another one")
        if "request" in pairs:
            pairs = self.judge.request_object(pairs["request"], party)
        hold(answer.status == 201, "not created")
        hold(pairs.get("response_type") == "code", "another response_type")
        hold(pairs.get("response_mode", "query") == "query", "another response_mode")
        hold(pairs.get("redirect_uri") in party.redirect_uris, "an unregistered redirect_uri")
        hold(pairs.get("code_challenge_method") == "S256", "no S256")
        hold(len(base64.urlsafe_b64decode(pairs["code_challenge"] + "=")) == 32, "no challenge")
        details = pairs.get("authorization_details")
        hold(details is not None or "scope" in pairs, "nothing is asked for")
        hold(set(pairs.get("scope", "openid").split(" ")) <= set(party.scope), "too much scope")
        refused = {"request", "request_uri", "resource", "claims"}
        hold(not refused & set(pairs), "a parameter that cannot be ignored")
        jkt = pairs.get("dpop_jkt")
        if sent.header_values("dpop"):
            proved = self.judge.token_proof(sent)
            hold(jkt in (None, proved), "two keys")
            jkt = proved
        token = answer.json["request_uri"].rpartition(":")[2]
        record = await self.authority.store.find_pushed_request(digest_of(token))
        hold(record is not None and record.client_id == party.client_id, "nothing was kept")
        assert record is not None
        kept = (record.redirect_uri, record.code_challenge, record.state, record.nonce, record.dpop_jkt)
        meant = tuple(pairs.get(name) for name in ("redirect_uri", "code_challenge", "state", "nonce"))
        hold(kept == (*meant, jkt), "something else was kept")
        asked = [] if details is None else read_json(details)
        hold(details is None or is_good(asked), "details that no type has")
        hold(
            [detail.document() for detail in record.authorization_details] == asked, "other details were kept"
        )

    async def redeem(self) -> tuple[Draft, Any]:
        return code_request(self.authority, await self.authority.issue_code()), None

    async def approve_tokens(self, sent: Sent, answer: Answer, _known: Any) -> None:
        """Whatever grant the request is about: each may become another by a change."""
        party, pairs = self.judge.client(sent)
        jkt = self.judge.token_proof(sent)
        hold(pairs.get("grant_type") in party.grant_types, "a grant type that is not registered")
        match pairs["grant_type"]:
            case "authorization_code":
                scope, subject = self._approve_code(party.client_id, pairs, jkt)
            case "refresh_token":
                record = self.authority.refresh_tokens[pairs["refresh_token"]]
                hold(record.client_id == party.client_id, "the refresh token of another client")
                scope, subject = record.scope, record.subject
            case _:
                scope = tuple(set(party.scope) - {"openid", "profile", "email"})
                subject = party.client_id
                hold("refresh_token" not in answer.json, "a refresh token for a client")
        asked = tuple(pairs["scope"].split(" ")) if "scope" in pairs else scope
        if pairs["grant_type"] == "authorization_code":
            asked = scope
        hold(set(asked) <= set(scope), "more scope than there is")
        _, claims = self.judge.read_own(answer.json["access_token"])
        hold(claims["cnf"] == {"jkt": jkt}, "bound to another key")
        hold(claims["client_id"] == party.client_id and claims["sub"] == subject, "for somebody else")
        hold(set(claims["scope"].split(" ")) == set(asked), "with another scope")
        hold(answer.json["token_type"] == "DPoP", "another token_type")

    def _approve_code(self, client_id: str, pairs: dict[str, str], jkt: str) -> tuple[tuple[str, ...], str]:
        issued = self.authority.codes[pairs["code"]]
        record = issued.record
        hold(record.client_id == client_id, "the code of another client")
        hold(self.authority.clock.now() < record.expires_at, "an old code")
        hold(pairs.get("redirect_uri") == record.redirect_uri, "another redirect_uri")
        digest = hashlib.sha256(pairs["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        hold(challenge == record.code_challenge, "another verifier")
        hold(record.dpop_jkt in (None, jkt), "another key than the code's")
        self.judge.first("code", client_id, pairs["code"])
        return record.scope, record.subject

    async def refresh(self) -> tuple[Draft, Any]:
        token, _ = await self.authority.issue_refresh_token()
        return refresh_request(self.authority, token, scope="openid accounts"), None

    async def ask_for_itself(self) -> tuple[Draft, Any]:
        return credentials_request(self.authority), None

    async def introspect(self) -> tuple[Draft, Any]:
        grant = await self.authority.grant(self.authority.moneyview)
        token = access_token(self.authority, grant=grant, audience=(BANK,), scope=("accounts",))
        return introspection_request(self.authority, token), token

    async def approve_introspection(self, sent: Sent, answer: Answer, token: str) -> None:
        party, pairs = self.judge.client(sent)
        hold(BANK in party.resource_server_for, "no resource server")
        hold("token" in pairs, "about nothing")
        if pairs["token"] == token:
            hold(
                answer.json["active"] is True and answer.json["client_id"] == "moneyview",
                "a good token is active",
            )
        else:
            hold(answer.json == {"active": False}, "something is told of a token that is not active")

    async def revoke(self) -> tuple[Draft, Any]:
        token, record = await self.authority.issue_refresh_token()
        return revocation_request(self.authority, token, token_type_hint="refresh_token"), (token, record)

    async def approve_revocation(self, sent: Sent, answer: Answer, known: Any) -> None:
        _, pairs = self.judge.client(sent)
        hold(answer.body == b"", "a body")
        token, record = known
        grant = await self.authority.store.find_grant(record.grant_id)
        assert grant is not None
        hold("token" in pairs, "about nothing")
        hold((pairs["token"] == token) == (grant.revoked_at is not None), "another token was revoked")

    async def ask_who(self) -> tuple[Draft, Any]:
        grant = await self.authority.grant(self.authority.moneyview, scope=EVERYTHING[:3])
        token = access_token(self.authority, grant=grant, scope=EVERYTHING[:3])
        return userinfo_request(self.authority, token), None

    async def approve_userinfo(self, sent: Sent, answer: Answer, _known: Any) -> None:
        token, claims = self.judge.access_token(sent, audience=ISSUER)
        jkt = self.judge.proof(
            sent, ISSUER, MTLS, nonces=self.authority.deployment.nonces, access_token=token
        )
        hold(claims["cnf"]["jkt"] == jkt, "the token of another key")
        hold("openid" in claims["scope"].split(" "), "not about a person")
        hold(claims["sub"] == self.authority.alice.subject, "about somebody else")
        if sent.method != "HEAD":
            hold(answer.json["sub"] == claims["sub"], "somebody else's claims")


def client_endpoints(authority: Authority) -> tuple[Endpoint, ...]:
    """Return the endpoints that clients and resource servers use."""
    own = _Clients(authority, Judge(authority))
    return (
        Endpoint("par", own.push, own.approve_push),
        Endpoint("par, with details", own.push_details, own.approve_push),
        Endpoint("par, signed", own.push_signed, own.approve_push),
        Endpoint("token authorization_code", own.redeem, own.approve_tokens),
        Endpoint("token refresh_token", own.refresh, own.approve_tokens),
        Endpoint("token client_credentials", own.ask_for_itself, own.approve_tokens),
        Endpoint("introspection", own.introspect, own.approve_introspection),
        Endpoint("revocation", own.revoke, own.approve_revocation),
        Endpoint("userinfo", own.ask_who, own.approve_userinfo, protected=True),
    )


def document_endpoints(authority: Authority) -> tuple[Endpoint, ...]:
    """Return the documents that everybody may read."""

    def endpoint(path: str) -> Endpoint:
        async def prepare() -> tuple[Draft, Any]:
            return document_request(path), None

        async def approve(sent: Sent, answer: Answer, _known: Any) -> None:
            known = authority.server.documents.find(sent.path.decode("latin-1"))
            hold(known is not None and sent.method in {"GET", "HEAD"}, "another address or method")
            assert known is not None
            hold(answer.body in (known.body, b""), "another document")

        return Endpoint(path, prepare, approve)

    return tuple(
        endpoint(path)
        for path in (
            "/jwks",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        )
    )
