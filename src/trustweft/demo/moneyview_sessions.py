"""The sessions of MoneyView's visitors: on this side a record, on theirs a secret in a cookie."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client.pending import PendingAuthorization
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
        connected: whether there are tokens.
    """

    secret: str = field(repr=False)
    csrf: str = field(repr=False)
    name: str
    expires_at: float
    pending: PendingAuthorization | None = None
    connected: bool = False


class Sessions:
    """Sessions in memory, found by the digest of their secret.

    Visitors and those who are connected are kept apart: whoever opens a page ten thousand times pushes out other
    visitors, and nobody who is connected.

    Args:
        issuer: the authorization server that they are connected with.
        clock: tells the time.
        entropy: makes secrets.
        on_end: is told the name of every session that ends with tokens.
    """

    def __init__(self, *, issuer: str, clock: Clock, entropy: Entropy, on_end: Callable[[str], None]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._entropy = entropy
        self._on_end = on_end
        self._visitors: OrderedDict[bytes, Session] = OrderedDict()
        self._connected: OrderedDict[bytes, Session] = OrderedDict()

    def find(self, secret: str | None) -> Session | None:
        """Return the session of a cookie."""
        digest = digest_of(secret or "")
        known = self._visitors.get(digest) or self._connected.get(digest)
        if known is not None and self._clock.now() >= known.expires_at:
            self.end(known)
            return None
        return known

    def begin(self) -> Session:
        """Return a visitor's new session."""
        entropy = self._entropy
        session = Session(
            secret=entropy.token(),
            csrf=entropy.token(),
            name=entropy.token(),
            expires_at=self._clock.now() + LIFETIME,
        )
        self._keep(self._visitors, session)
        return session

    def connect(self, session: Session) -> None:
        """Give a session that has tokens now a new secret, so that whoever knew the old one is left behind."""
        self._drop(session)
        session.secret, session.csrf, session.connected = self._entropy.token(), self._entropy.token(), True
        session.expires_at = self._clock.now() + LIFETIME
        self._keep(self._connected, session)

    def end(self, session: Session) -> None:
        """Forget a session, and have its tokens forgotten."""
        self._drop(session)
        if session.connected:
            session.connected = False
            self._on_end(session.name)

    def forget_issuer(self, issuer: str) -> dict[str, int]:
        """End what hangs off a server that takes part no more; return how much there was.

        Visitors stay, but those who are on their way to that server are not waited for.
        """
        if issuer != self._issuer:
            return {}
        connected = list(self._connected.values())
        for session in connected:
            self.end(session)
        under_way = [session for session in self._visitors.values() if session.pending is not None]
        for session in under_way:
            session.pending = None
        return {"sessions": len(connected), "interactions": len(under_way)}

    def _drop(self, session: Session) -> None:
        digest = digest_of(session.secret)
        self._visitors.pop(digest, None)
        self._connected.pop(digest, None)

    def _keep(self, kept: OrderedDict[bytes, Session], session: Session) -> None:
        kept[digest_of(session.secret)] = session
        now = self._clock.now()
        # The oldest stand first, and all live equally long.
        while len(kept) > MAXIMUM_SESSIONS or next(iter(kept.values())).expires_at <= now:
            self.end(next(iter(kept.values())))
