"""The people who use the directory's console: who they are, and what is asked of whoever keeps their accounts.

Nobody has a password. An account begins with a link that is good once, and whoever opens it makes a passkey.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from msgspec import Struct

from trustweft.directory.events import Actor

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = [
    "Ceremony",
    "ConsolePart",
    "ConsoleStore",
    "Invitation",
    "Invited",
    "Person",
    "PersonPasskey",
    "Removed",
    "Session",
]

ConsolePart: TypeAlias = Literal["operator", "administrator", "auditor"]


class Person(Struct, frozen=True, kw_only=True):
    """Somebody with an account, and what the directory lets them be.

    Attributes:
        name: whom events name; never given to somebody else, also after the account was removed.
        organisation: of an administrator.
        handle: what their passkeys are filed under; says nothing about them.
        vouched_by: the person invited at the command line from whom the invitation came, over however many steps. Two
            accounts that one person could have made are no two people.
        removed_at: seconds since the epoch; None while the account is good.
    """

    name: str
    part: ConsolePart
    handle: str
    vouched_by: str
    created_at: float
    organisation: str | None = None
    removed_at: float | None = None

    @property
    def actor(self) -> Actor:
        """Who acts, as the register writes it down."""
        return Actor(id=self.name, part=self.part, organisation=self.organisation)


class Invitation(Struct, frozen=True, kw_only=True):
    """A link that makes an account, once.

    Attributes:
        digest: of the secret in the link.
        again: whether somebody who has an account gets one more passkey by it.
    """

    digest: bytes
    name: str
    part: ConsolePart
    handle: str
    vouched_by: str
    invited_by: str
    expires_at: float
    organisation: str | None = None
    again: bool = False


class PersonPasskey(Struct, frozen=True, kw_only=True):
    """A passkey of a person (WebAuthn Level 3)."""

    credential_id: bytes
    name: str
    public_key: bytes
    sign_count: int
    created_at: float


class Ceremony(Struct, frozen=True, kw_only=True):
    """A question that a browser was asked, for its passkey to answer once.

    Attributes:
        digest: of the secret that only this browser has.
    """

    digest: bytes
    challenge: str
    expires_at: float


class Session(Struct, frozen=True, kw_only=True):
    """A browser in which somebody is signed in; times in seconds since the epoch.

    Attributes:
        digest: of the secret in the cookie.
        idle: seconds without a request after which it is over, before ``expires_at``.
    """

    digest: bytes
    name: str
    seen_at: float
    expires_at: float
    idle: float


class Invited(Enum):
    """What became of an invitation."""

    DONE = "done"
    TAKEN = "taken"  # somebody has, or had, that name


class Removed(Enum):
    """What became of a removal."""

    DONE = "done"
    UNKNOWN = "unknown"
    LAST = "last"  # the only operator that is left


class ConsoleStore(Protocol):
    """Keeps accounts, passkeys and sessions; each method is one decision that one of N concurrent callers wins.

    Every method raises ``store.unavailable`` where nothing was done.
    """

    def invite(self, invitation: Invitation) -> Awaitable[Invited]:
        """Keep an invitation; an earlier one for the same name is good no longer."""
        ...

    async def find_invitation(self, digest: bytes, *, now: float) -> Invitation | None:
        """Return an invitation that is still good."""
        ...

    async def invitations(self, *, now: float) -> tuple[Invitation, ...]:
        """Return those that are still good, by name."""
        ...

    def open_ceremony(self, ceremony: Ceremony, *, now: float) -> Awaitable[None]:
        """Keep a question; an earlier one of the same browser is answered no more, nor those that are over."""
        ...

    def close_ceremony(self, digest: bytes, *, now: float) -> Awaitable[str | None]:
        """Take the question away and return its challenge; None where there is none, or not any more."""
        ...

    def enrol(self, digest: bytes, passkey: PersonPasskey, *, now: float) -> Awaitable[Person | None]:
        """Use an invitation up: its person has an account and this passkey. None where it is good no longer."""
        ...

    async def find_passkey(self, credential_id: bytes) -> PersonPasskey | None:
        """Return a passkey of somebody whose account is good."""
        ...

    async def find_person(self, name: str) -> Person | None:
        """Return a person, removed ones too."""
        ...

    async def people(self) -> tuple[Person, ...]:
        """Return everybody who ever had an account, by name."""
        ...

    def sign_in(
        self, session: Session, *, credential_id: bytes, seen: int, sign_count: int
    ) -> Awaitable[bool]:
        """Advance the passkey's counter from ``seen`` and begin a session, both or neither."""
        ...

    async def find_session(self, digest: bytes, *, now: float) -> Person | None:
        """Return who is signed in, if the session is neither over nor idle for too long and the account is good."""
        ...

    def touch(self, digest: bytes, *, now: float) -> Awaitable[None]:
        """Note that a session is used."""
        ...

    def sign_out(self, digest: bytes) -> Awaitable[None]:
        """End a session."""
        ...

    def remove(self, name: str, *, now: float) -> Awaitable[Removed]:
        """Take somebody's account, passkeys, sessions and invitations away; never those of the last operator.

        Invitations that they made and nobody has used end too.
        """
        ...

    def count_attempt(self, key: bytes, *, window_ends: float, now: float) -> Awaitable[int]:
        """Count one more attempt under a key, and forget those whose window is over."""
        ...

    async def close(self) -> None:
        """Carry out what was asked for, and let the store go."""
        ...
