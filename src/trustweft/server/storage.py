"""What the authorization server asks of a store: decisions, not rows.

Each operation is one atomic statement; of N concurrent callers exactly one wins, on every back-end, and a write is
durable once its awaitable is done. A write is submitted when the operation is *called*, so that two operations
called one after the other and awaited afterwards share one commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.records import (
        AuthorizationCode,
        Ended,
        Freshness,
        Grant,
        Interaction,
        Passkey,
        PushedRequest,
        Redemption,
        RefreshToken,
        Registration,
        RegistrationOutcome,
        RegistrationUse,
        TokenStatus,
        User,
    )

__all__ = ["ServerStore"]


class ServerStore(Protocol):
    """The named operations. Digests are SHA-256 of the secret, 32 octets."""

    # Replay memory, shared with the guard.

    def remember_jti(self, *, space: str, key: bytes, expires_at: float) -> Awaitable[Freshness]:
        """Remember an identifier of a signed message until ``expires_at``; ``REPLAYED`` if it was known."""
        ...

    # Pushed authorization requests (RFC 9126).

    def save_pushed_request(self, digest: bytes, request: PushedRequest) -> Awaitable[None]:
        """Keep a verified request under the digest of its request URI."""
        ...

    def find_pushed_request(self, digest: bytes) -> Awaitable[PushedRequest | None]:
        """Return the request if it is not spent (it may have expired: the caller judges)."""
        ...

    def spend_pushed_request(self, digest: bytes, *, now: float) -> Awaitable[PushedRequest | None]:
        """Take the request away; exactly one caller gets it. None once ``kept_until`` has passed."""
        ...

    # Interactions of a browser.

    def save_interaction(self, digest: bytes, interaction: Interaction) -> Awaitable[None]:
        """Insert or replace the interaction under the digest of its cookie."""
        ...

    def find_interaction(self, digest: bytes, *, now: float) -> Awaitable[Interaction | None]:
        """Return the interaction if it has not expired."""
        ...

    def end_interaction(self, digest: bytes) -> Awaitable[bool]:
        """Remove it; True for exactly one caller."""
        ...

    # Grants, codes, tokens.

    def save_grant(self, grant: Grant) -> Awaitable[None]:
        """Keep a new grant."""
        ...

    def find_grant(self, grant_id: str) -> Awaitable[Grant | None]:
        """Return the grant, revoked ones included."""
        ...

    def revoke_grant(self, grant_id: str, *, now: float) -> Awaitable[bool]:
        """Revoke the grant and with it all that hangs off it; True for exactly one caller."""
        ...

    def save_code(self, digest: bytes, code: AuthorizationCode) -> Awaitable[None]:
        """Keep a new authorization code."""
        ...

    def find_code(self, digest: bytes) -> Awaitable[AuthorizationCode | None]:
        """Return what the code stands for, used or not, without spending it."""
        ...

    def redeem_code(self, digest: bytes, *, now: float) -> Awaitable[Redemption]:
        """Spend the code: ``REDEEMED`` for exactly one caller, ``ALREADY_USED`` for every later one."""
        ...

    def save_refresh_token(self, digest: bytes, token: RefreshToken) -> Awaitable[None]:
        """Keep a new refresh token."""
        ...

    def find_refresh_token(self, digest: bytes, *, now: float) -> Awaitable[RefreshToken | None]:
        """Return the refresh token if it has not expired (its grant may be revoked: see the grant)."""
        ...

    def shorten_refresh_token(self, digest: bytes, *, until: float) -> Awaitable[None]:
        """Let the refresh token end at ``until`` if it would live longer; it never comes to live longer."""
        ...

    def revoke_access_token(self, jti: str, *, expires_at: float) -> Awaitable[None]:
        """Remember until it expires that this access token is revoked."""
        ...

    def access_token_status(
        self, *, jti: str, grant_id: str | None, client_id: str, now: float
    ) -> Awaitable[TokenStatus]:
        """Say whether the token, its grant (if it names one) and its client are all still good."""
        ...

    # Clients: the registered metadata as JSON, validated by whoever reads it.

    def add_client(self, client_id: str, metadata: bytes) -> Awaitable[bool]:
        """Register the client; False if the identifier is taken, now or by a removed client."""
        ...

    def find_client(self, client_id: str) -> Awaitable[bytes | None]:
        """Return the client's metadata."""
        ...

    def list_clients(self) -> Awaitable[list[tuple[str, bytes]]]:
        """Return all clients by identifier."""
        ...

    def replace_client(self, client_id: str, *, old: bytes, new: bytes) -> Awaitable[bool]:
        """Replace the client's metadata if it is still ``old``, octet for octet; its grants stay as they are."""
        ...

    def remove_client(self, client_id: str, *, now: float) -> Awaitable[bool]:
        """Remove the client and revoke its grants; its identifier stays taken. False if there is none."""
        ...

    # Clients that registered themselves (RFC 7591, RFC 7592). Such a registration goes with its client.

    def register_software(
        self, registration: Registration, metadata: bytes, *, quota: int, now: float
    ) -> Awaitable[RegistrationOutcome]:
        """Register client and software at once: one registration per software of a directory, ``quota`` per organisation.

        A registration that has expired is in nobody's way: its client is removed.
        """
        ...

    def find_registration(self, client_id: str, *, now: float) -> Awaitable[Registration | None]:
        """Return the registration if it has not expired."""
        ...

    def find_registered_software(
        self, *, directory: str, software_id: str, now: float
    ) -> Awaitable[Registration | None]:
        """Return the registration of a software if it has not expired."""
        ...

    def replace_registration(
        self, client_id: str, *, token: bytes, new_token: bytes, old: bytes, new: bytes
    ) -> Awaitable[bool]:
        """Replace metadata and token if both are still the old ones; True for exactly one caller."""
        ...

    def replace_registration_token(
        self, client_id: str, *, token: bytes, new_token: bytes
    ) -> Awaitable[bool]:
        """Replace the token if it is still the old one; True for exactly one caller."""
        ...

    def remove_registration(self, client_id: str, *, token: bytes, now: float) -> Awaitable[bool]:
        """Remove the client as ``remove_client`` does, if the token is still this one; True for exactly one caller."""
        ...

    def use_registration(
        self, client_id: str, *, now: float, keep_until: float
    ) -> Awaitable[RegistrationUse]:
        """Note that the client was there: its registration holds until ``keep_until``, unless it has expired."""
        ...

    # People.

    def add_user(self, user: User) -> Awaitable[bool]:
        """Keep a new user; False if the username or subject is taken."""
        ...

    def find_user(self, username: str) -> Awaitable[User | None]:
        """Return the user with this name."""
        ...

    def find_subject(self, subject: str) -> Awaitable[User | None]:
        """Return the user with this subject identifier."""
        ...

    def list_users(self) -> Awaitable[list[User]]:
        """Return all users by name."""
        ...

    def remove_user(self, username: str, *, now: float) -> Awaitable[bool]:
        """Remove the user with passkeys and revoke the grants; False if there is none."""
        ...

    def replace_password_hash(self, subject: str, *, old: str, new: str) -> Awaitable[bool]:
        """Replace the password hash if it is still ``old``."""
        ...

    def add_passkey(self, passkey: Passkey) -> Awaitable[bool]:
        """Keep a new passkey; False if the credential is known."""
        ...

    def find_passkey(self, credential_id: bytes) -> Awaitable[Passkey | None]:
        """Return the passkey."""
        ...

    def passkeys_of(self, subject: str) -> Awaitable[list[Passkey]]:
        """Return the passkeys of a user."""
        ...

    def advance_passkey(self, credential_id: bytes, *, seen: int, sign_count: int) -> Awaitable[bool]:
        """Set the signature counter if it is still ``seen``; False if another caller was first."""
        ...

    # Off-boarding: each is one transaction, and a second time finds nothing.

    def end_client(self, client_id: str, *, now: float) -> Awaitable[Ended]:
        """Remove the client and all that it has here; its identifier stays taken."""
        ...

    def end_user(self, subject: str, *, now: float) -> Awaitable[Ended]:
        """Remove the person and all that was granted in their name; the subject stays taken."""
        ...

    def end_server(self, *, now: float) -> Awaitable[Ended]:
        """Remove what is under way, and all that was granted, whoever has it; clients and people stay."""
        ...

    # Rate limits.

    def count_attempt(self, key: bytes, *, window_ends: float) -> Awaitable[int]:
        """Count one more attempt under ``key`` and return how many there were; forgotten at ``window_ends``."""
        ...

    def take_back_attempt(self, key: bytes) -> Awaitable[None]:
        """Count one attempt less under ``key``, never less than none: one of them was a success."""
        ...

    def forget_attempts(self, key: bytes) -> Awaitable[None]:
        """Start the count anew, after a success."""
        ...

    # Housekeeping.

    def reap(self, *, now: float, limit: int) -> Awaitable[int]:
        """Remove up to ``limit`` rows per kind whose time has passed; return how many were removed."""
        ...

    def backlog(self, *, now: float) -> Awaitable[int]:
        """Return how many rows wait to be reaped."""
        ...
