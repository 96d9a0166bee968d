"""How often somebody may try a password: per name, against guessing one; per address, against trying many names.

Counted before the password is looked at, so that parallel attempts count too; a success is taken back from what its
address guessed, though not from all that it did. Windows are fixed; the key of a count carries its window, so that
nobody has to clear it in time.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.net.networks import network_of
from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from trustweft.runtime.errors import Reason
    from trustweft.server.exchange import Exchange

__all__ = [
    "ALL_FROM_ADDRESS",
    "PER_ADDRESS",
    "PER_USERNAME",
    "Limit",
    "count_login_attempt",
    "forget_login_attempts",
]


class Limit(NamedTuple):
    """At most so many attempts in a window of so many seconds."""

    name: str
    attempts: int
    window: int

    def key(self, whose: str, *, now: float) -> bytes:
        """Return what the attempts of this window are counted under: a digest, so that the store keeps no names."""
        return digest_of(f"{self.name}\0{int(now // self.window)}\0{whose}")

    def window_ends(self, now: float) -> float:
        """Return when the window of ``now`` ends."""
        return (now // self.window + 1) * self.window


# Our choice: a person who mistypes gets by, a guesser gets a thousand tries a day (NIST SP 800-63B section 5.2.2
# allows 100 in a row). The name is not locked for good, and a passkey is not counted: nobody is kept out for long.
PER_USERNAME: Final = Limit("login-username", 10, 900)
# Our choice: many people share one address behind their provider, so this only slows down whoever tries many names.
PER_ADDRESS: Final = Limit("login-address", 300, 900)
# Our choice: each attempt keeps a core busy, also one that succeeds, and one account could log in for ever.
ALL_FROM_ADDRESS: Final = Limit("login-address-all", 3_000, 900)

TOO_MANY_FOR_NAME = reason(
    "login.too-many-attempts",
    error=ACCESS_DENIED,
    public="There were too many attempts to log in with this user name.",
    status=429,
    shown=Shown.PAGE,
)
TOO_MANY_FROM_ADDRESS = reason(
    "login.too-many-attempts-from-address",
    error=ACCESS_DENIED,
    public="There were too many attempts to log in from your network.",
    status=429,
    shown=Shown.PAGE,
)


async def count_login_attempt(exchange: Exchange) -> None:
    """Count this attempt, and refuse it if it is one too many."""
    username = exchange.form.get("username") or ""
    peer = network_of(exchange.request.peer)
    limits: tuple[tuple[Limit, str, Reason], ...] = (
        (ALL_FROM_ADDRESS, peer, TOO_MANY_FROM_ADDRESS),
        (PER_ADDRESS, peer, TOO_MANY_FROM_ADDRESS),
        (PER_USERNAME, username, TOO_MANY_FOR_NAME),
    )
    store, now = exchange.deployment.store, exchange.now
    # All submitted before the first is awaited: they share one commit.
    counts = [
        store.count_attempt(limit.key(whose, now=now), window_ends=limit.window_ends(now))
        for limit, whose, _ in limits
    ]
    attempts = [await count for count in counts]
    for (limit, whose, why), count in zip(limits, attempts, strict=True):
        if count > limit.attempts:
            wait = ceil(limit.window_ends(now) - now)
            raise why.reject(f"{count} for {whose[:80]!r}", headers=(("retry-after", str(wait)),))


async def forget_login_attempts(exchange: Exchange) -> None:
    """Forget the count of this name, for it was its owner, and take this one back from those of the address.

    From there others guess, perhaps: what they tried stays counted, whoever else logs in there.
    """
    store, now = exchange.deployment.store, exchange.now
    peer = network_of(exchange.request.peer)
    # Both submitted before the first is awaited: they share one commit.
    forgotten = (
        store.forget_attempts(PER_USERNAME.key(exchange.user.username, now=now)),
        store.take_back_attempt(PER_ADDRESS.key(peer, now=now)),
    )
    for change in forgotten:
        await change
