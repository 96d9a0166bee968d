"""The contract of ``ServerStore`` in memory, for tests and for those who embed: forgets everything at exit.

Each operation runs to its end when it is called; nothing else of the same event loop can come between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from trustweft.server.records import Freshness, Redemption, TokenStatus
from trustweft.store.at_once import at_once
from trustweft.store.errors import StoreConflictError
from trustweft.store.memory_offboarding import MemoryOffboarding
from trustweft.store.memory_registrations import MemoryRegistrations

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from trustweft.server.records import (
        AuthorizationCode,
        Grant,
        Interaction,
        Passkey,
        PushedRequest,
        RefreshToken,
        User,
    )

__all__ = ["MemoryStore"]

T = TypeVar("T")
Key = TypeVar("Key", bound="Hashable")


@dataclass(slots=True)
class _Attempts:
    count: int
    window_ends: float


def _insert(table: dict[Key, T], key: Key, value: T) -> None:
    if key in table:
        raise StoreConflictError(f"{key!r} is taken")
    table[key] = value


class MemoryStore(MemoryOffboarding, MemoryRegistrations):
    """Keeps everything in dictionaries of one process; satisfies ``ServerStore``."""

    def __init__(self) -> None:
        super().__init__()
        self._identifiers: dict[tuple[str, bytes], float] = {}
        self._requests: dict[bytes, PushedRequest] = {}
        self._interactions: dict[bytes, Interaction] = {}
        self._grants: dict[str, Grant] = {}
        self._codes: dict[bytes, AuthorizationCode] = {}
        self._refresh_tokens: dict[bytes, RefreshToken] = {}
        self._revoked: dict[str, float] = {}
        self._clients: dict[str, bytes] = {}
        self._removed_clients: dict[str, float] = {}
        self._users: dict[str, User] = {}
        self._removed_users: dict[str, float] = {}
        self._names: dict[str, str] = {}
        self._passkeys: dict[bytes, Passkey] = {}
        self._attempts: dict[bytes, _Attempts] = {}

    async def close(self) -> None:
        """Do nothing: everything is carried out already."""

    # Replay memory.

    @at_once
    def remember_jti(self, *, space: str, key: bytes, expires_at: float) -> Freshness:
        """Remember an identifier; it stays known until it is reaped."""
        if (space, key) in self._identifiers:
            return Freshness.REPLAYED
        self._identifiers[space, key] = expires_at
        return Freshness.FRESH

    # Pushed authorization requests.

    @at_once
    def save_pushed_request(self, digest: bytes, request: PushedRequest) -> None:
        """Keep a verified request."""
        _insert(self._requests, digest, request)

    async def find_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """Return the request if it is not spent."""
        return self._requests.get(digest)

    @at_once
    def spend_pushed_request(self, digest: bytes, *, now: float) -> PushedRequest | None:
        """Take the request away."""
        request = self._requests.get(digest)
        if request is None or request.kept_until <= now:
            return None
        return self._requests.pop(digest)

    # Interactions.

    @at_once
    def save_interaction(self, digest: bytes, interaction: Interaction) -> None:
        """Insert or replace the interaction."""
        self._interactions[digest] = interaction

    async def find_interaction(self, digest: bytes, *, now: float) -> Interaction | None:
        """Return the interaction if it has not expired."""
        interaction = self._interactions.get(digest)
        return interaction if interaction is not None and interaction.expires_at > now else None

    @at_once
    def end_interaction(self, digest: bytes) -> bool:
        """Remove the interaction."""
        return self._interactions.pop(digest, None) is not None

    # Grants, codes, tokens.

    @at_once
    def save_grant(self, grant: Grant) -> None:
        """Keep a new grant; one of a removed client or user is born revoked."""
        removed_at = self._removed_clients.get(grant.client_id, self._removed_users.get(grant.subject))
        if removed_at is not None and grant.revoked_at is None:
            grant = replace(grant, revoked_at=removed_at)
        _insert(self._grants, grant.grant_id, grant)

    async def find_grant(self, grant_id: str) -> Grant | None:
        """Return the grant, revoked ones included."""
        return self._grants.get(grant_id)

    @at_once
    def revoke_grant(self, grant_id: str, *, now: float) -> bool:
        """Revoke the grant."""
        grant = self._grants.get(grant_id)
        if grant is None or grant.revoked_at is not None:
            return False
        self._grants[grant_id] = replace(grant, revoked_at=now)
        return True

    def _revoke_grants(self, concerned: Callable[[Grant], bool], *, now: float) -> None:
        for grant in self._grants.values():
            if grant.revoked_at is None and concerned(grant):
                self._grants[grant.grant_id] = replace(grant, revoked_at=now)

    @at_once
    def save_code(self, digest: bytes, code: AuthorizationCode) -> None:
        """Keep a new authorization code."""
        if code.grant_id not in self._grants:
            raise StoreConflictError(f"there is no grant {code.grant_id}")
        _insert(self._codes, digest, code)

    async def find_code(self, digest: bytes) -> AuthorizationCode | None:
        """Return what the code stands for, used or not."""
        return self._codes.get(digest)

    @at_once
    def redeem_code(self, digest: bytes, *, now: float) -> Redemption:
        """Spend the code."""
        code = self._codes.get(digest)
        if code is not None and code.used:
            return Redemption.ALREADY_USED
        if code is None or code.expires_at <= now:
            return Redemption.UNKNOWN
        self._codes[digest] = replace(code, used=True)
        return Redemption.REDEEMED

    @at_once
    def save_refresh_token(self, digest: bytes, token: RefreshToken) -> None:
        """Keep a new refresh token."""
        if token.grant_id not in self._grants:
            raise StoreConflictError(f"there is no grant {token.grant_id}")
        _insert(self._refresh_tokens, digest, token)

    async def find_refresh_token(self, digest: bytes, *, now: float) -> RefreshToken | None:
        """Return the refresh token if it has not expired."""
        token = self._refresh_tokens.get(digest)
        return token if token is not None and token.expires_at > now else None

    @at_once
    def shorten_refresh_token(self, digest: bytes, *, until: float) -> None:
        """Let the refresh token end sooner."""
        token = self._refresh_tokens.get(digest)
        if token is not None and token.expires_at > until:
            self._refresh_tokens[digest] = replace(token, expires_at=until)

    @at_once
    def revoke_access_token(self, jti: str, *, expires_at: float) -> None:
        """Remember until it expires that this access token is revoked."""
        self._revoked[jti] = max(expires_at, self._revoked.get(jti, expires_at))

    async def access_token_status(
        self, *, jti: str, grant_id: str | None, client_id: str, now: float
    ) -> TokenStatus:
        """Say whether token, grant and client are all still good; what is unknown is not."""
        if jti in self._revoked or client_id not in self._clients:
            return TokenStatus.REVOKED
        if grant_id is None:
            return TokenStatus.ACTIVE
        grant = self._grants.get(grant_id)
        good = grant is not None and grant.revoked_at is None and grant.expires_at > now
        return TokenStatus.ACTIVE if good else TokenStatus.REVOKED

    # Clients.

    @at_once
    def add_client(self, client_id: str, metadata: bytes) -> bool:
        """Register the client; False if the identifier is taken, now or by a removed client."""
        if client_id in self._clients or client_id in self._removed_clients:
            return False
        self._clients[client_id] = metadata
        return True

    async def find_client(self, client_id: str) -> bytes | None:
        """Return the client's metadata."""
        return self._clients.get(client_id)

    async def list_clients(self) -> list[tuple[str, bytes]]:
        """Return all clients by identifier."""
        return sorted(self._clients.items())

    @at_once
    def replace_client(self, client_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace the client's metadata if it is still ``old``."""
        if self._clients.get(client_id) != old:
            return False
        self._clients[client_id] = new
        return True

    @at_once
    def remove_client(self, client_id: str, *, now: float) -> bool:
        """Remove the client and revoke its grants; its identifier stays taken."""
        return self._remove_client(client_id, now=now)

    def _remove_client(self, client_id: str, *, now: float) -> bool:
        if self._clients.pop(client_id, None) is None:
            return False
        self._registrations.pop(client_id, None)
        self._removed_clients[client_id] = now
        self._revoke_grants(lambda grant: grant.client_id == client_id, now=now)
        return True

    # People.

    @at_once
    def add_user(self, user: User) -> bool:
        """Keep a new user; False if the username or subject is taken, now or by a removed user."""
        if user.username in self._names or user.subject in self._names.values():
            return False
        self._names[user.username] = user.subject
        self._users[user.subject] = user
        return True

    async def find_user(self, username: str) -> User | None:
        """Return the user with this name."""
        return self._named(username)

    def _named(self, username: str) -> User | None:
        subject = self._names.get(username)
        return None if subject is None else self._users.get(subject)

    async def find_subject(self, subject: str) -> User | None:
        """Return the user with this subject identifier."""
        return self._users.get(subject)

    async def list_users(self) -> list[User]:
        """Return all users by name."""
        return sorted(self._users.values(), key=lambda user: user.username)

    @at_once
    def remove_user(self, username: str, *, now: float) -> bool:
        """Remove the user with passkeys and revoke the grants; name and subject stay taken."""
        user = self._named(username)
        if user is None:
            return False
        del self._users[user.subject]
        self._removed_users[user.subject] = now
        for passkey in [*self._passkeys.values()]:
            if passkey.subject == user.subject:
                del self._passkeys[passkey.credential_id]
        self._revoke_grants(lambda grant: grant.subject == user.subject, now=now)
        return True

    @at_once
    def replace_password_hash(self, subject: str, *, old: str, new: str) -> bool:
        """Replace the password hash if it is still ``old``."""
        user = self._users.get(subject)
        if user is None or user.password_hash != old:
            return False
        self._users[subject] = replace(user, password_hash=new)
        return True

    @at_once
    def add_passkey(self, passkey: Passkey) -> bool:
        """Keep a new passkey; False if the credential is known or there is no such user."""
        if passkey.credential_id in self._passkeys or passkey.subject not in self._users:
            return False
        self._passkeys[passkey.credential_id] = passkey
        return True

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey."""
        return self._passkeys.get(credential_id)

    async def passkeys_of(self, subject: str) -> list[Passkey]:
        """Return the passkeys of a user, oldest first."""
        owned = (passkey for passkey in self._passkeys.values() if passkey.subject == subject)
        return sorted(owned, key=lambda passkey: (passkey.created_at, passkey.credential_id))

    @at_once
    def advance_passkey(self, credential_id: bytes, *, seen: int, sign_count: int) -> bool:
        """Set the signature counter if it is still ``seen``."""
        passkey = self._passkeys.get(credential_id)
        if passkey is None or passkey.sign_count != seen:
            return False
        self._passkeys[credential_id] = replace(passkey, sign_count=sign_count)
        return True

    # Rate limits.

    @at_once
    def count_attempt(self, key: bytes, *, window_ends: float) -> int:
        """Count one more attempt, until it is reaped: whoever counts by windows names the window in the key."""
        attempts = self._attempts.setdefault(key, _Attempts(0, window_ends))
        attempts.count += 1
        return attempts.count

    @at_once
    def take_back_attempt(self, key: bytes) -> None:
        """Count one attempt less, never less than none."""
        attempts = self._attempts.get(key)
        if attempts is not None and attempts.count > 0:
            attempts.count -= 1

    @at_once
    def forget_attempts(self, key: bytes) -> None:
        """Start the count anew."""
        self._attempts.pop(key, None)

    # Housekeeping.

    def _expiries(self) -> list[tuple[dict[Any, Any], Callable[[Any], float]]]:
        return [
            (self._identifiers, lambda expires_at: expires_at),
            (self._requests, lambda request: request.kept_until),
            (self._interactions, lambda interaction: interaction.expires_at),
            (self._codes, lambda code: code.kept_until),
            (self._refresh_tokens, lambda token: token.expires_at),
            (self._grants, lambda grant: grant.expires_at),
            (self._revoked, lambda expires_at: expires_at),
            (self._attempts, lambda attempts: attempts.window_ends),
        ]

    @at_once
    def reap(self, *, now: float, limit: int) -> int:
        """Remove up to ``limit`` rows per kind whose time has passed; with a grant goes what hangs off it."""
        removed = 0
        for table, expiry in self._expiries():
            due = sorted((expiry(value), key) for key, value in table.items() if expiry(value) <= now)[:limit]
            for _, key in due:
                del table[key]
            removed += len(due)
        removed += self._reap_registrations(now=now, limit=limit)
        self._codes = {key: code for key, code in self._codes.items() if code.grant_id in self._grants}
        self._refresh_tokens = {
            key: token for key, token in self._refresh_tokens.items() if token.grant_id in self._grants
        }
        return removed

    async def backlog(self, *, now: float) -> int:
        """Return how many rows wait to be reaped."""
        registrations = sum(each.expires_at <= now for each in self._registrations.values())
        return registrations + sum(
            expiry(value) <= now for table, expiry in self._expiries() for value in table.values()
        )
