"""Tokens as a client keeps them, and the interface to wherever it keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from trustweft.protocol.oauth import parse_scope
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from trustweft.protocol.bearer import Scheme
    from trustweft.protocol.oidc import IdToken

__all__ = [
    "MemoryTokenStore",
    "TokenSet",
    "TokenStore",
    "after_refresh",
    "read_token_response",
    "with_identity",
]

MAXIMUM_RESPONSE: Final = 65_536
DEFAULT_LIFETIME: Final = 300.0  # our choice, where the server does not say (RFC 6749 section 5.1)
MAXIMUM_TOKEN: Final = 16_384
MAXIMUM_LIFETIME: Final = 10**9  # our choice: thirty years; what is longer is no duration

BAD_RESPONSE = reason(
    "client.bad-token-response",
    error="server_error",
    public="The answer of the token endpoint is not as RFC 6749 section 5.1 requires.",
    status=502,
)
NOT_BOUND = reason(
    "client.token-not-bound",
    error="server_error",
    public="The access token is not bound in the way that this client asked for.",
    status=502,
)


class TokenSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a person's authorization gave.

    Attributes:
        issuer: whose tokens they are; they are sent to no other server.
        expires_at: when the access token ends.
        refresh_token: the one to use next.
        previous_refresh_token: the one that ``refresh_token`` came in exchange for, until that has worked itself: a
            server that lost the exchange knows the old one only.
        subject: who it was, where OpenID Connect was asked for.
        authorization_details: what was granted exactly (RFC 9396 section 7).
    """

    issuer: str
    access_token: str
    expires_at: float
    scope: tuple[str, ...]
    refresh_token: str | None = None
    previous_refresh_token: str | None = None
    id_token: str | None = None
    subject: str | None = None
    authorization_details: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"TokenSet(scope={' '.join(self.scope)!r}, expires_at={self.expires_at})"


class TokenStore(Protocol):
    """Keeps token sets under a name that the application chooses, such as its session's."""

    def load(self, name: str) -> TokenSet | None:
        """Return the tokens."""
        ...

    def save(self, name: str, tokens: TokenSet) -> None:
        """Keep the tokens, durably, before this returns: a new refresh token may be the only one that works."""
        ...

    def forget(self, name: str) -> None:
        """Forget the tokens."""
        ...


class MemoryTokenStore:
    """Keeps tokens for as long as the process runs."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens: dict[str, TokenSet] = {}

    def load(self, name: str) -> TokenSet | None:
        """Return the tokens."""
        return self._tokens.get(name)

    def save(self, name: str, tokens: TokenSet) -> None:
        """Keep the tokens."""
        self._tokens[name] = tokens

    def forget(self, name: str) -> None:
        """Forget the tokens."""
        self._tokens.pop(name, None)

    def forget_issuer(self, issuer: str) -> dict[str, int]:
        """Forget all tokens of a server that takes part no more; return how many there were of each kind."""
        theirs = {name: tokens for name, tokens in self._tokens.items() if tokens.issuer == issuer}
        for name in theirs:
            del self._tokens[name]
        refreshing = sum(tokens.refresh_token is not None for tokens in theirs.values())
        return {"access_tokens": len(theirs), "refresh_tokens": refreshing}

    def forget_access_tokens(self, issuer: str) -> int:
        """Have a server's access tokens refreshed before they are used again, or forgotten where they cannot be.

        Returns:
            How many there were.
        """
        before = {name: tokens for name, tokens in self._tokens.items() if tokens.issuer == issuer}
        for name, tokens in before.items():
            if tokens.refresh_token is None:
                self.forget(name)
            else:
                self._tokens[name] = replace(tokens, expires_at=0.0)
        return len(before)


@enforces("RFC9068-6-p2")
def read_token_response(
    raw: bytes, *, issuer: str, token_type: Scheme, requested: tuple[str, ...], now: float
) -> TokenSet:
    """Read a successful answer of the token endpoint (RFC 6749 section 5.1).

    (1) a JSON object (2) ``token_type`` as the binding has it, in any case (3) tokens are strings of a sensible length
    (4) ``expires_in``, where present, a positive number (5) ``scope``, where left out, as requested
    (6) ``authorization_details``, where present, objects with a ``type``.

    Raises:
        Reject: ``client.*``.
    """
    try:
        members = load_object(raw, limit=MAXIMUM_RESPONSE)  # (1)
    except Reject as cause:
        raise BAD_RESPONSE.reject(cause.reason.id) from cause
    _check_type(members.get("token_type"), token_type)  # (2)
    access_token = _token(members, "access_token")  # (3)
    if access_token is None:
        raise BAD_RESPONSE.reject("access_token")
    return TokenSet(
        issuer=issuer,
        access_token=access_token,
        expires_at=now + _lifetime(members.get("expires_in")),  # (4)
        scope=_scope(members.get("scope"), requested),  # (5)
        refresh_token=_token(members, "refresh_token"),
        id_token=_token(members, "id_token"),
        authorization_details=_details(members.get("authorization_details", [])),  # (6)
    )


@enforces("RFC9449-5-p7")
def _check_type(presented: object, expected: Scheme) -> None:
    """Refuse a token of another kind: one that is bound to nothing would be worth stealing."""
    if not isinstance(presented, str):
        raise BAD_RESPONSE.reject("token_type")
    if presented.lower() != expected.value.lower():
        raise NOT_BOUND.reject(f"{presented!r:.40}, {expected.value} was asked for")


def after_refresh(fresh: TokenSet, *, before: TokenSet, used: str) -> TokenSet:
    """Return what to keep when the refresh token ``used`` brought ``fresh``.

    (1) A new refresh token is the one to use next, and the one that brought it is kept until the new one has worked.
    (2) Where none came, the one that worked goes on, and the other, if one was kept, is of no use any more.
    The person stays the same.
    """
    new = fresh.refresh_token is not None and fresh.refresh_token != used
    return msgspec.structs.replace(
        fresh,
        refresh_token=fresh.refresh_token or used,
        previous_refresh_token=used if new else None,
        id_token=before.id_token,
        subject=before.subject,
    )


def with_identity(tokens: TokenSet, identity: IdToken) -> TokenSet:
    """Return the tokens with the person's subject, from a verified ID token."""
    return msgspec.structs.replace(tokens, subject=identity.subject)


def _token(members: dict[str, object], name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAXIMUM_TOKEN or not value.isascii():
        raise BAD_RESPONSE.reject(name)
    return value


def _lifetime(value: object) -> float:
    if value is None:
        return DEFAULT_LIFETIME
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MAXIMUM_LIFETIME:
        raise BAD_RESPONSE.reject("expires_in")
    return float(value)


def _details(value: object) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and isinstance(each.get("type"), str) for each in value
    ):
        raise BAD_RESPONSE.reject("authorization_details")
    return tuple(value)


def _scope(value: object, requested: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return requested
    if not isinstance(value, str):
        raise BAD_RESPONSE.reject("scope")
    try:
        return parse_scope(value) if value else ()
    except Reject as cause:
        raise BAD_RESPONSE.reject("scope") from cause
