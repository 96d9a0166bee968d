"""Who may take part here, as the directory says, and what ends here when the directory says that somebody has ended.

A client is its registration's software and organisation, and the keys and certificates that it shows. What is suspended
is refused and loses nothing; what has ended is refused at once, and cleaned up after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.net.believed_keys import BelievedKeys
from trustweft.protocol.ecosystem_status import customer_of, subject_of
from trustweft.server import clients

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from trustweft.net.event_receiver import EventReceiver
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.access_token import Confirmation
    from trustweft.protocol.offboarding import Order
    from trustweft.protocol.registration import ClientMetadata
    from trustweft.runtime.clock import Clock
    from trustweft.server.records import Ended
    from trustweft.server.storage import ServerStore

__all__ = ["Offboarder", "Participation", "ParticipationConfig", "client_subjects", "confirmation_subjects"]

_SOFTWARE: Final = frozenset({"software", "organisation"})
_KEY: Final = "key:"


class ParticipationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the directory's names mean here.

    Attributes:
        brand: the directory's name for this authorization server; while it does not take part, nobody gets anything.
        apis: the directory's name for the API behind a scope value or a type of authorization details.
        roles: by scope value or type, the role that the client's organisation needs for it.
        payments: scope values and types that move money: they stop first when the directory is away.
    """

    brand: str | None = None
    apis: dict[str, str] = {}  # msgspec copies an empty default
    roles: dict[str, str] = {}
    payments: tuple[str, ...] = ()


class Participation:
    """What checks ask: the directory's word, and what its names mean here."""

    def __init__(self, reader: StatusReader, config: ParticipationConfig, *, receiver: EventReceiver) -> None:
        self.reader = reader
        self.config = config
        self.receiver = receiver
        self.keys = BelievedKeys(reader)

    def own(self) -> tuple[str | None, ...]:
        """Return what this server takes part as."""
        return (subject_of("brand", self.config.brand),)

    def person(self, subject: str) -> str | None:
        """Return a person as the directory names this server's customers; None where this server has no name there."""
        return customer_of(self.config.brand, subject)

    def is_allowed(self, name: str, *, software: str, organisation: str | None) -> bool:
        """Say whether a software still has the API and the role behind a scope value, or a type of details.

        Whom the directory knows has what it was granted there, and no more; whom it never named is not refused.
        """
        api, role = self.config.apis.get(name), self.config.roles.get(name)
        needed: list[str | None] = []
        if api is not None:
            needed += [subject_of("api", api), subject_of("api", f"{software}~{api}")]
        if role is not None and organisation is not None:
            needed.append(subject_of("role", f"{organisation}~{role}"))
        if self.reader.refusal_of(needed) is not None:
            return False
        return (api is None or self._was_granted("api", software, api, owner="software")) and (
            role is None or self._was_granted("role", organisation, role, owner="organisation")
        )

    def _was_granted(self, kind: str, identifier: str | None, name: str, *, owner: str) -> bool:
        """Say whether the directory, if it knows the owner at all, ever spoke of its authorisation or role."""
        known = self.reader.known.subjects
        return subject_of(owner, identifier) not in known or subject_of(kind, f"{identifier}~{name}") in known


def client_subjects(client: ClientMetadata) -> tuple[str | None, ...]:
    """Return what a client takes part as."""
    return subject_of("software", client.software), subject_of("organisation", client.organisation_id)


def confirmation_subjects(confirmation: Confirmation) -> tuple[str | None, ...]:
    """Return the key and the certificate that a token is bound to."""
    return (
        subject_of("key", confirmation.jkt),
        subject_of("certificate", confirmation.certificate_thumbprint),
    )


class Offboarder:
    """Ends what an order ends at this server. Doing it again finds nothing.

    Args:
        store: where it is.
        brand: the directory's name for this server; whose customers are ended here, and with which everything is.
        clock: tells the time.
    """

    def __init__(self, store: ServerStore, *, brand: str | None, clock: Clock) -> None:
        self._store = store
        self._brand = brand
        self._clock = clock
        self._give_up_keys: Callable[[frozenset[str]], Awaitable[None]] | None = None

    def have_keys_given_up(self, give_up: Callable[[frozenset[str]], Awaitable[None]]) -> None:
        """Have this make sure of the keys that an order is about, by their thumbprints, before it counts as carried out.

        Args:
            give_up: raises ``OSError`` where it cannot yet; the order is tried again then. Orders about nobody's key do
                not wait for it.
        """
        self._give_up_keys = give_up

    async def __call__(self, order: Order) -> dict[str, int]:
        """Clean up, and say how much of what there was."""
        now, concerned = self._clock.now(), set(order.concerned)
        endings = [
            await self._store.end_client(client_id, now=now) for client_id in await self._clients(concerned)
        ]
        if self._brand is not None:
            customers = f"user:{self._brand}~"
            endings += [
                await self._store.end_user(subject.removeprefix(customers), now=now)
                for subject in sorted(concerned)
                if subject.startswith(customers)
            ]
            if f"brand:{self._brand}" in concerned:
                endings.append(await self._store.end_server(now=now))
        keys = frozenset(each.removeprefix(_KEY) for each in concerned if each.startswith(_KEY))
        if keys and self._give_up_keys is not None:
            await self._give_up_keys(keys)
        return _added(endings)

    async def _clients(self, concerned: set[str]) -> list[str]:
        """Return the clients whose software or organisation is concerned."""
        if not any(subject.partition(":")[0] in _SOFTWARE for subject in concerned):
            return []
        found = []
        for client_id, _ in await self._store.list_clients():
            # One whose registration has ended may have left something behind: whichever time it is, it counts.
            client = await clients.find_client(self._store, client_id, now=0.0)
            if client is not None and concerned.intersection(client_subjects(client.metadata)):
                found.append(client_id)
        return found


def _added(endings: Iterable[Ended]) -> dict[str, int]:
    counts = dict.fromkeys(
        ("request_uris", "interactions", "codes", "refresh_tokens", "grants", "registrations"), 0
    )
    for ended in endings:
        for name in counts:
            counts[name] += getattr(ended, name)
    return counts
