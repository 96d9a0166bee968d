"""Who may take part at a resource server, as the directory says, even while a token is still valid.

A token names its client, its person and the key that it is bound to; one dictionary says who of all these is refused. A
key of the issuer that has ended signs nothing that is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trustweft.net.believed_keys import BelievedKeys
from trustweft.net.status_reader import DATA, PAYMENTS
from trustweft.protocol.ecosystem_status import customer_of, subject_of
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.crypto.keys import KeySet
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.access_token import AccessToken
    from trustweft.protocol.offboarding import Order

__all__ = ["Participation", "ParticipationConfig", "clean_up"]

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
        issuer_brand: the directory's name for the authorization server whose tokens are accepted, and whose customers
            they speak of.
        api: the directory's name for this API, where all that is here is one.
        apis: the directory's name for the API behind a scope value or a type of authorization details.
        roles: by scope value or type, the role that the client's organisation needs for it.
        payments: scope values and types of authorization details that move money: they stop first when the directory
            is away.
    """

    issuer_brand: str | None = None
    api: str | None = None
    apis: dict[str, str] = {}  # msgspec copies an empty default
    roles: dict[str, str] = {}
    payments: tuple[str, ...] = ()


class Participation:
    """What the guard asks."""

    def __init__(self, reader: StatusReader, config: ParticipationConfig) -> None:
        self._reader = reader
        self._config = config
        self._keys = BelievedKeys(reader)
        self._own = (subject_of("brand", config.issuer_brand), subject_of("api", config.api))

    def believed(self, keys: KeySet) -> KeySet:
        """Return the issuer's keys without those that have ended: a token that one of them signed is nobody's."""
        return self._keys.among(keys)

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
        refusal = self._reader.refusal_of((*self._own, *self._subjects(token, (*scope, *kinds))))
        if refusal is not None:
            why = ENDED if refusal.effect == "ended" else SUSPENDED
            raise why.reject(f"client_id={token.client_id} {refusal.source} {refusal.cause}")

    def _subjects(self, token: AccessToken, needed: Sequence[str]) -> Iterable[str | None]:
        claimed, organisation = token.claims.get("software_id"), token.claims.get("organisation_id")
        software = claimed if isinstance(claimed, str) else token.client_id
        yield subject_of("software", software)
        yield customer_of(self._config.issuer_brand, token.subject)
        yield subject_of("key", token.jkt)
        yield subject_of("certificate", token.confirmation.certificate_thumbprint)
        apis = {self._config.apis[name] for name in needed if name in self._config.apis}
        for api in sorted(apis):
            yield subject_of("api", api)
        for api in sorted(apis | {self._config.api} if self._config.api else apis):
            yield subject_of("api", f"{software}~{api}")
        if isinstance(organisation, str):
            yield subject_of("organisation", organisation)
            for role in {self._config.roles[name] for name in needed if name in self._config.roles}:
                yield subject_of("role", f"{organisation}~{role}")


async def clean_up(_order: Order) -> dict[str, int]:
    """Return what a guard has of anybody: nothing that outlives a request, but verified tokens, which are refused."""
    return {"caches": 0}
