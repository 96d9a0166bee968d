"""Who may take part at a resource server, as the directory says, even while a token is still valid.

A token names its client, its person and the key that it is bound to; one dictionary says who of all these is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trustweft.net.asgi import application
from trustweft.net.event_receiver import EVENTS_PATH
from trustweft.net.status_reader import DATA, PAYMENTS
from trustweft.protocol.ecosystem_status import subject_of
from trustweft.protocol.security_event import TOKEN_LIMIT
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.net.event_receiver import EventReceiver
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.access_token import AccessToken
    from trustweft.protocol.offboarding import Order
    from trustweft.runtime.observability import Observer

__all__ = ["EVENTS_PATH", "Participation", "ParticipationConfig", "clean_up", "with_events"]

SUSPENDED = reason(
    "guard.participant-suspended",
    error="invalid_token",
    public="The directory has suspended the client, the issuer or the person of this token, or its key.",
    status=401,
)
ENDED = reason(
    "guard.participant-ended",
    error="invalid_token",
    public="The client, the issuer or the person of this token takes part no more, or its key was ended.",
    status=401,
)


class ParticipationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the directory's names mean here.

    Attributes:
        issuer_brand: the directory's name for the authorization server whose tokens are accepted.
        api: the directory's name for this API.
        roles: by scope value, the role that the client's organisation needs for it.
        payments: scope values and types of authorization details that move money: they stop first when the directory
            is away.
    """

    issuer_brand: str | None = None
    api: str | None = None
    roles: dict[str, str] = {}  # msgspec copies an empty default
    payments: tuple[str, ...] = ()


class Participation:
    """What the guard asks."""

    def __init__(self, reader: StatusReader, config: ParticipationConfig) -> None:
        self._reader = reader
        self._config = config
        self._own = (subject_of("brand", config.issuer_brand), subject_of("api", config.api))

    def check(self, token: AccessToken, *, scope: Sequence[str], kinds: Sequence[str]) -> None:
        """Refuse a token of somebody who does not take part, or whose key was ended.

        Args:
            token: verified, and shown by who holds its key.
            scope: what the request needs.
            kinds: the types of authorization details that it needs.

        Raises:
            Reject: ``guard.participant-*``, ``status.stale``.
        """
        payments = self._config.payments
        pays = bool(payments) and any(name in payments for name in (*scope, *kinds))
        self._reader.check_fresh(PAYMENTS if pays else DATA)
        if (
            not self._reader.known.refused
        ):  # nearly always: nobody is refused, and nothing has to be put together
            return
        refusal = self._reader.refusal_of((*self._own, *self._subjects(token, scope)))
        if refusal is not None:
            why = ENDED if refusal.effect == "ended" else SUSPENDED
            raise why.reject(f"client_id={token.client_id} {refusal.source} {refusal.cause}")

    def _subjects(self, token: AccessToken, scope: Sequence[str]) -> Iterable[str | None]:
        claimed, organisation = token.claims.get("software_id"), token.claims.get("organisation_id")
        software = claimed if isinstance(claimed, str) else token.client_id
        yield subject_of("software", software)
        yield subject_of("user", token.subject)
        yield subject_of("key", token.jkt)
        yield subject_of("certificate", token.confirmation.certificate_thumbprint)
        if self._config.api is not None:
            yield subject_of("api", f"{software}~{self._config.api}")
        if isinstance(organisation, str):
            yield subject_of("organisation", organisation)
            for role in {self._config.roles[name] for name in scope if name in self._config.roles}:
                yield subject_of("role", f"{organisation}~{role}")


def with_events(app: Application, receiver: EventReceiver, *, observer: Observer) -> Application:
    """Return ``app`` with the address at which the directory's events arrive; the guard is not asked for these."""
    events = application(
        receiver.respond,
        participant="resource",
        observer=observer,
        body_limit=TOKEN_LIMIT,
        endpoint_of=lambda _path: "ecosystem_events",
    )

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        theirs = scope["type"] == "http" and scope["path"] == EVENTS_PATH
        await (events if theirs else app)(scope, receive, send)

    return respond


async def clean_up(_order: Order) -> dict[str, int]:
    """Return what a guard has of anybody: nothing that outlives a request, but verified tokens, which are refused."""
    return {"caches": 0}
