"""Participants with one rule less: what the laboratory's switches do not reach, because it is no check of a pipeline.

Each function takes one rule out for the length of a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustweft.client import core, sending
from trustweft.crypto import jws
from trustweft.demo.moneyview_sessions import Session, Sessions
from trustweft.protocol import client_assertion, pkce
from trustweft.protocol.redirect_uri import verify_registered
from trustweft.server.checks import authorization_request
from trustweft.server.grants import authorization_code

if TYPE_CHECKING:
    import pytest

    from trustweft.crypto.keys import Signer

__all__ = [
    "believe_assertions",
    "find_flows_of_any_browser",
    "ignore_state",
    "ignore_verifiers_without_challenge",
    "keep_session_secrets",
    "name_as_audience",
    "take_any_redirect_uri",
    "take_requests_without_challenge",
    "want_as_audience",
]

_NO_CHALLENGE = pkce.CodeChallenge("")


def ignore_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client does not compare the state of a response."""
    monkeypatch.setattr(core, "_check_state", lambda *_, **__: None)


def take_any_redirect_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes any redirect URI for a registered one."""

    def as_if_registered(presented: str | None, _registered: object, **arguments: Any) -> object:
        return verify_registered(presented, (presented,), **arguments)  # type: ignore[arg-type]  # there is one here

    for module in (authorization_request, authorization_code):
        monkeypatch.setattr(module, "verify_registered", as_if_registered)


class _Credulous:
    """Reads signed tokens as the server does, and believes them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jws, name)

    def verify(self, token: jws.Unverified, **_: object) -> dict[str, Any]:
        return token.unverified_claims()


def believe_assertions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server believes client assertions whoever signed them: clients are not authenticated any more."""
    monkeypatch.setattr(client_assertion, "jws", _Credulous())


def want_as_audience(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """The server wants client assertions to name this endpoint of its own, as servers did before FAPI 2.0."""
    check = client_assertion._check_audience
    monkeypatch.setattr(
        client_assertion, "_check_audience", lambda presented, _issuer: check(presented, endpoint)
    )


def name_as_audience(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """The client's assertions name the endpoint that its server has published, as clients did before FAPI 2.0."""
    create = client_assertion.create_client_assertion

    def naming(signer: Signer, *, issuer: str, **rest: Any) -> str:  # what is not named any more
        return create(signer, issuer=endpoint, **rest)

    monkeypatch.setattr(sending, "create_client_assertion", naming)


def take_requests_without_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server does not demand PKCE; a challenge that is there is checked."""
    check = pkce.check_challenge

    def optional(challenge: str | None, *, method: str | None) -> pkce.CodeChallenge:
        return _NO_CHALLENGE if challenge is None else check(challenge, method=method)

    monkeypatch.setattr(pkce, "check_challenge", optional)


def ignore_verifiers_without_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server compares a verifier where there was a challenge, and else ignores it (RFC 9700 section 4.8.2)."""
    verify = pkce.verify_code_verifier

    def lenient(verifier: str | None, *, challenge: str) -> pkce.CodeVerifier:
        if challenge == _NO_CHALLENGE:
            return pkce.CodeVerifier(verifier or "")
        return verify(verifier, challenge=challenge)

    monkeypatch.setattr(pkce, "verify_code_verifier", lenient)


def find_flows_of_any_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """MoneyView takes a browser without a session for the one that began the latest flow."""
    find = Sessions.find

    def whoever_began(self: Sessions, secret: str | None) -> Session | None:
        begun = (session for session in reversed(self._visitors.values()) if session.pending is not None)
        return find(self, secret) or next(begun, None)

    monkeypatch.setattr(Sessions, "find", whoever_began)


def keep_session_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """MoneyView's sessions keep their secret when tokens arrive."""

    def connect(self: Sessions, session: Session) -> None:
        self._drop(session)
        session.connected = True
        self._keep(self._connected, session)

    monkeypatch.setattr(Sessions, "connect", connect)
