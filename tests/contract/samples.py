"""One good example of every record, to be varied by the tests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trustweft.server.records import (
    AuthorizationCode,
    Grant,
    Interaction,
    Passkey,
    PushedRequest,
    RefreshToken,
    Registration,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

NOW: Final = 1_800_000_000.0
LATER: Final = NOW + 60.0
MUCH_LATER: Final = NOW + 3600.0


def digest(name: str) -> bytes:
    """Stand in for the digest of a secret."""
    return hashlib.sha256(name.encode()).digest()


def pushed_request(*, kept_until: float = MUCH_LATER, state: str | None = "s") -> PushedRequest:
    return PushedRequest(
        client_id="moneyview",
        redirect_uri="https://client.example/callback",
        scope=("openid", "accounts"),
        code_challenge="challenge",
        state=state,
        nonce=None,
        dpop_jkt="thumbprint",
        prompt=(),
        pushed_at=NOW,
        expires_at=LATER,
        kept_until=kept_until,
    )


def interaction(*, expires_at: float = LATER, subject: str | None = None) -> Interaction:
    return Interaction(
        request=digest("request"),
        client_id="moneyview",
        csrf="csrf",
        started_at=NOW,
        expires_at=expires_at,
        subject=subject,
        methods=("hwk", "user"),
    )


def grant(
    grant_id: str = "grant",
    *,
    client_id: str = "moneyview",
    subject: str = "alice-subject",
    expires_at: float = MUCH_LATER,
) -> Grant:
    return Grant(
        grant_id=grant_id,
        client_id=client_id,
        subject=subject,
        scope=("openid", "accounts"),
        created_at=NOW,
        expires_at=expires_at,
    )


def code(
    *, grant_id: str = "grant", expires_at: float = LATER, kept_until: float = MUCH_LATER
) -> AuthorizationCode:
    return AuthorizationCode(
        grant_id=grant_id,
        client_id="moneyview",
        subject="alice-subject",
        redirect_uri="https://client.example/callback",
        scope=("openid", "accounts"),
        code_challenge="challenge",
        dpop_jkt=None,
        nonce="n",
        authenticated_at=NOW,
        methods=("pwd",),
        expires_at=expires_at,
        kept_until=kept_until,
    )


def refresh_token(*, grant_id: str = "grant", expires_at: float = MUCH_LATER) -> RefreshToken:
    return RefreshToken(
        grant_id=grant_id,
        client_id="moneyview",
        subject="alice-subject",
        scope=("openid", "accounts"),
        authenticated_at=NOW,
        methods=("pwd",),
        expires_at=expires_at,
    )


def user(
    username: str = "alice", *, subject: str = "alice-subject", password_hash: str = "$argon2id$1"
) -> User:
    return User(
        subject=subject,
        username=username,
        password_hash=password_hash,
        name="Alice Ångström",
        email="alice@bank.example",
        created_at=NOW,
    )


def passkey(
    credential_id: bytes = b"credential", *, subject: str = "alice-subject", created_at: float = NOW
) -> Passkey:
    return Passkey(
        credential_id=credential_id,
        subject=subject,
        public_key=b"\xa5\x01\x02",
        sign_count=7,
        created_at=created_at,
        name="phone",
    )


async def all_of(pending: Iterable[Awaitable[T]]) -> list[T]:
    """Await operations that were all called before the first is awaited."""
    called = list(pending)
    return [await operation for operation in called]


def registration(client_id: str = "software-1", **changes: object) -> Registration:
    good = Registration(
        client_id=client_id,
        directory="https://directory.example",
        software_id="planner",
        organisation_id="plannery",
        token=digest("token"),
        registered_at=NOW,
        expires_at=MUCH_LATER,
    )
    return replace(good, **changes)
