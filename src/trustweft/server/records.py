"""What the authorization server remembers: plain frozen values, one type per thing.

A secret (code, request URI, refresh token, cookie) never stands in a record: the store finds a record by the
secret's SHA-256 digest. Times are seconds since the epoch. A field that was added later has a default, so that
records of before can still be read.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from trustweft.protocol.rar import (
    AuthorizationDetail,  # noqa: TC001  # msgspec resolves the annotations at run time
)

__all__ = [
    "AuthorizationCode",
    "Ended",
    "Freshness",
    "Grant",
    "Interaction",
    "Passkey",
    "PushedRequest",
    "Redemption",
    "RefreshToken",
    "Registration",
    "RegistrationOutcome",
    "RegistrationUse",
    "TokenStatus",
    "User",
]


class Freshness(Enum):
    """Whether an identifier was seen before."""

    FRESH = "fresh"
    REPLAYED = "replayed"


class Redemption(Enum):
    """What became of an attempt to redeem an authorization code; exactly one caller gets ``REDEEMED``."""

    REDEEMED = "redeemed"
    ALREADY_USED = "already-used"
    UNKNOWN = "unknown"


class TokenStatus(Enum):
    """Whether an access token, and the grant that it hangs off, is still good."""

    ACTIVE = "active"
    REVOKED = "revoked"


class RegistrationOutcome(Enum):
    """What became of an attempt to register a software; of those for one software exactly one gets ``REGISTERED``."""

    REGISTERED = "registered"
    SOFTWARE_TAKEN = "software-taken"
    QUOTA = "quota"


class RegistrationUse(Enum):
    """Whether a client that was there just now is still registered."""

    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # an operator registered it: nothing ends it but an operator


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what ended with somebody who was off-boarded; codes that were used before do not count."""

    request_uris: int = 0
    interactions: int = 0
    codes: int = 0
    refresh_tokens: int = 0
    grants: int = 0
    registrations: int = 0


class PushedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request as it was pushed and verified (RFC 9126).

    ``expires_at`` is judged when the authorization endpoint is first opened; the record itself is kept until
    ``kept_until``, so that an interaction that began in time can finish.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    code_challenge: str
    state: str | None
    nonce: str | None
    dpop_jkt: str | None
    prompt: tuple[str, ...]
    pushed_at: float
    expires_at: float
    kept_until: float
    authorization_details: tuple[AuthorizationDetail, ...] = ()


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """One browser's way from the authorization endpoint through login and consent.

    Found by the digest of a cookie, so that it is bound to that browser.
    """

    request: bytes  # digest of the request URI
    client_id: str
    csrf: str
    started_at: float
    expires_at: float
    subject: str | None = None
    authenticated_at: float | None = None
    methods: tuple[str, ...] = ()  # RFC 8176: "pwd", or "hwk" and "user" for a passkey
    challenge: str | None = None  # of the passkey ceremony under way, base64url


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a person, or for client credentials nobody, allowed a client: codes and tokens hang off it."""

    grant_id: str
    client_id: str
    subject: str
    scope: tuple[str, ...]
    created_at: float
    expires_at: float
    revoked_at: float | None = None
    authorization_details: tuple[AuthorizationDetail, ...] = ()


class AuthorizationCode(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization code stands for. Kept after use until ``kept_until``, so that a replay is recognised."""

    grant_id: str
    client_id: str
    subject: str
    redirect_uri: str
    scope: tuple[str, ...]
    code_challenge: str
    dpop_jkt: str | None
    nonce: str | None
    authenticated_at: float
    methods: tuple[str, ...]
    expires_at: float
    kept_until: float
    used: bool = False
    authorization_details: tuple[AuthorizationDetail, ...] = ()


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token: bound to the client, not to a DPoP key; lives as long as its grant."""

    grant_id: str
    client_id: str
    subject: str
    scope: tuple[str, ...]
    authenticated_at: float
    methods: tuple[str, ...]
    expires_at: float
    authorization_details: tuple[AuthorizationDetail, ...] = ()


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """That a software registered itself. Removed with its client once ``expires_at`` has passed.

    Attributes:
        directory: whose statement it came with; software and organisation are known by that directory's identifiers.
        token: the digest of the registration access token.
        expires_at: until when it must be used for the first time, later until when it holds; infinite where it just does.
    """

    client_id: str
    directory: str
    software_id: str
    organisation_id: str
    token: bytes
    registered_at: float
    expires_at: float


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person who can log in; ``subject`` never equals a client identifier (the grammars are disjoint)."""

    subject: str
    username: str
    password_hash: str
    name: str
    email: str
    created_at: float


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A WebAuthn credential of a user."""

    credential_id: bytes
    subject: str
    public_key: bytes
    sign_count: int
    created_at: float
    name: str
