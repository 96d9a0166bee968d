"""Which authorization servers a client may still trust, as the directory says, and what it forgets of one that ended.

A server that left the ecosystem must not be believed any more: its answers could be those of whoever took over its
address (RFC 9700 section 4.4). What its tokens were good for has ended with it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.net.believed_keys import BelievedKeys
from trustweft.protocol.ecosystem_status import subject_of
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from trustweft.crypto.keys import KeySet
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.offboarding import Order

__all__ = ["Forgetting", "Offboarder", "Participation", "Renewing"]

SUSPENDED = reason(
    "client.server-suspended",
    error="invalid_request",
    public="The directory has suspended this authorization server.",
)
ENDED = reason(
    "client.server-ended",
    error="invalid_request",
    public="This authorization server takes part no more.",
)


# Seconds; our choice: until then the server has heard of the order too. What was under way with it when we did, or came
# of it in between, may be signed with the old key.
AGAIN: Final = 15.0


class Participation:
    """Says which servers may be trusted, and which of their keys.

    Args:
        reader: knows what the directory says.
        brands: the directory's name for each authorization server, by issuer.
    """

    def __init__(self, reader: StatusReader, brands: Mapping[str, str]) -> None:
        self._reader = reader
        self._brands = dict(brands)
        self._keys = BelievedKeys(reader)

    def believed(self, keys: KeySet, /) -> KeySet:
        """Return a server's keys without those that have ended: what one of them signed says nothing of anybody."""
        return self._keys.among(keys)

    def issuers_of(self, key: str) -> tuple[str, ...]:
        """Return the servers whose key (``key:THUMBPRINT``) this may be: all, until a list of the directory said whose."""
        status = self._reader.known.subjects.get(key)
        if status is None or not status.parents:
            return tuple(self._brands)
        return tuple(issuer for issuer, brand in self._brands.items() if f"brand:{brand}" in status.parents)

    def check(self, issuer: str, /, *, revoking: bool = False) -> None:
        """Refuse to send anything to a server that does not take part.

        What a person takes back is told to a server that is suspended, and needs no directory that answers; one that
        ended has nothing left to revoke, and its address may be anybody's.

        Raises:
            Reject: ``client.server-suspended``, ``client.server-ended``, ``status.stale``.
        """
        if not revoking:
            self._reader.check_fresh()
        refusal = self._reader.refusal_of((subject_of("brand", self._brands.get(issuer)),))
        if refusal is not None and refusal.effect == "ended":
            raise ENDED.reject(f"{issuer} {refusal.source} {refusal.cause}")
        if refusal is not None and not revoking:
            raise SUSPENDED.reject(f"{issuer} {refusal.source} {refusal.cause}")


class Forgetting(Protocol):
    """Something of an application that keeps tokens, sessions, metadata or keys of its authorization servers."""

    def forget_issuer(self, issuer: str) -> Mapping[str, int]:
        """Forget what it has of this server; return how much of what, by the names of ``offboarding.COUNTED``."""
        ...


class Renewing(Protocol):
    """Keeps access tokens that new ones can take the place of."""

    def forget_access_tokens(self, issuer: str) -> int:
        """Forget those of this server; return how many there were."""
        ...


class Offboarder:
    """Forgets what is left of a server that an order ends. Doing it again finds nothing.

    With a key of a server ends what it signed: its access tokens, which their APIs refuse from now on. Which key signed
    one a client cannot know, so that all of the server's are fetched anew.

    Args:
        brands: the directory's name for each authorization server, by issuer.
        forgetting: what forgets; more may follow.
    """

    def __init__(self, brands: Mapping[str, str], *forgetting: Forgetting) -> None:
        self._brands = dict(brands)
        self._forgetting = forgetting
        self._renewing: Renewing | None = None
        self._issuers_of: Callable[[str], Iterable[str]] = lambda _key: ()

    def renew_also(self, renewing: Renewing, *, issuers_of: Callable[[str], Iterable[str]]) -> None:
        """Have access tokens forgotten with a server's key.

        Args:
            renewing: keeps them.
            issuers_of: says whose key it is: `Participation.issuers_of`.
        """
        self._renewing, self._issuers_of = renewing, issuers_of

    def clear_also(self, *forgetting: Forgetting) -> None:
        """Have these forget too: an application is made after what listens to the directory for it."""
        self._forgetting += forgetting

    async def __call__(self, order: Order) -> dict[str, int]:
        """Clean up, and say how much of what there was."""
        counts: dict[str, int] = {}
        concerned = set(order.concerned)
        for issuer in (name for name, brand in self._brands.items() if f"brand:{brand}" in concerned):
            for forgetting in self._forgetting:
                for name, number in forgetting.forget_issuer(issuer).items():
                    counts[name] = counts.get(name, 0) + number
        if order.subject.startswith("key:") and self._renewing is not None:
            counts["access_tokens"] = self._renew(order.subject)
            asyncio.get_running_loop().call_later(AGAIN, self._renew, order.subject)
        return counts

    def _renew(self, key: str) -> int:
        renewing = self._renewing
        if renewing is None:
            return 0
        return sum(renewing.forget_access_tokens(issuer) for issuer in self._issuers_of(key))
