"""The sessions of MoneyView's visitors: on this side a record, on theirs a secret in a cookie."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from trustweft.client.core import PendingAuthorization
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Session", "Sessions"]

LIFETIME: Final = 3_600.0
MAXIMUM_SESSIONS: Final = 10_000


@dataclass(slots=True)
class Session:
    """One browser's session.

    Attributes:
        secret: the cookie's value.
        csrf: what forms of this session bring along.
        name: under which its tokens are kept.
        pending: the authorization that this browser started and has not come back from.
        announce: whether the cookie must be set with the next answer.
    """

    secret: str = field(repr=False)
    csrf: str = field(repr=False)
    name: str
    expires_at: float
    pending: PendingAuthorization | None = None
    connected: bool = False
    announce: bool = True


class Sessions:
    """Sessions in memory, found by the digest of their secret; the oldest go when there are too many."""

    def __init__(self, *, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def find(self, secret: str | None) -> Session:
        """Return the session of a cookie, or a new one."""
        digest = digest_of(secret or "")
        known = self._sessions.get(digest)
        if known is not None and self._clock.now() < known.expires_at:
            return known
        self._sessions.pop(digest, None)
        return self._add()

    def renew(self, session: Session) -> str:
        """Give the session a new secret and token, so that whoever knew the old ones is left behind; return its name."""
        self._sessions.pop(digest_of(session.secret), None)
        session.secret, session.csrf, session.announce = self._entropy.token(), self._entropy.token(), True
        session.expires_at = self._clock.now() + LIFETIME
        self._sessions[digest_of(session.secret)] = session
        return session.name

    def _add(self) -> Session:
        entropy = self._entropy
        session = Session(
            secret=entropy.token(),
            csrf=entropy.token(),
            name=entropy.token(),
            expires_at=self._clock.now() + LIFETIME,
        )
        self._sessions[digest_of(session.secret)] = session
        if len(self._sessions) > MAXIMUM_SESSIONS:
            self._sessions.popitem(last=False)
        return session
