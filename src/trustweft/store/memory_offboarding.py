"""The part of the store in memory that ends what is left of somebody who is off-boarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustweft.server.records import Ended
from trustweft.store.at_once import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.server.records import (
        AuthorizationCode,
        Grant,
        Interaction,
        Passkey,
        PushedRequest,
        RefreshToken,
        User,
    )

__all__ = ["MemoryOffboarding"]


class MemoryOffboarding:
    """Whoever has this also has everything that hangs off clients and people."""

    _requests: dict[bytes, PushedRequest]
    _interactions: dict[bytes, Interaction]
    _grants: dict[str, Grant]
    _codes: dict[bytes, AuthorizationCode]
    _refresh_tokens: dict[bytes, RefreshToken]
    _users: dict[str, User]
    _removed_users: dict[str, float]
    _passkeys: dict[bytes, Passkey]

    def _remove_client(self, client_id: str, *, now: float) -> bool:
        raise NotImplementedError

    def _revoke_grants(self, concerned: Callable[[Grant], bool], *, now: float) -> None:
        raise NotImplementedError

    @at_once
    def end_client(self, client_id: str, *, now: float) -> Ended:
        """Remove the client and all that it has here; its identifier stays taken."""
        requests = _take(self._requests, lambda request: request.client_id == client_id)
        interactions = _take(self._interactions, lambda interaction: interaction.client_id == client_id)
        codes, tokens, grants = self._end_grants(lambda grant: grant.client_id == client_id, now=now)
        removed = self._remove_client(client_id, now=now)
        return Ended(
            request_uris=len(requests),
            interactions=len(interactions),
            codes=codes,
            refresh_tokens=tokens,
            grants=grants,
            registrations=int(removed),
        )

    @at_once
    def end_user(self, subject: str, *, now: float) -> Ended:
        """Remove the person and all that was granted in their name; the subject stays taken."""
        interactions = _take(self._interactions, lambda interaction: interaction.subject == subject)
        codes, tokens, grants = self._end_grants(lambda grant: grant.subject == subject, now=now)
        _take(self._passkeys, lambda passkey: passkey.subject == subject)
        if self._users.pop(subject, None) is not None:
            self._removed_users[subject] = now
        return Ended(interactions=len(interactions), codes=codes, refresh_tokens=tokens, grants=grants)

    @at_once
    def end_server(self, *, now: float) -> Ended:
        """Remove what is under way, and all that was granted, whoever has it; clients and people stay."""
        requests = _take(self._requests, lambda _request: True)
        interactions = _take(self._interactions, lambda _interaction: True)
        codes, tokens, grants = self._end_grants(lambda _grant: True, now=now)
        return Ended(
            request_uris=len(requests),
            interactions=len(interactions),
            codes=codes,
            refresh_tokens=tokens,
            grants=grants,
        )

    def _end_grants(self, concerned: Callable[[Grant], bool], *, now: float) -> tuple[int, int, int]:
        theirs = {grant.grant_id for grant in self._grants.values() if concerned(grant)}
        alive = sum(self._grants[grant_id].revoked_at is None for grant_id in theirs)
        codes = _take(self._codes, lambda code: code.grant_id in theirs)
        tokens = _take(self._refresh_tokens, lambda token: token.grant_id in theirs)
        self._revoke_grants(concerned, now=now)
        return sum(not code.used for code in codes), len(tokens), alive


def _take(table: dict[Any, Any], concerned: Callable[[Any], bool]) -> list[Any]:
    """Remove the values that are concerned, and return them."""
    keys = [key for key, value in table.items() if concerned(value)]
    return [table.pop(key) for key in keys]
