"""Where the attacks are played: the ecosystem with its switches, the victims, and the attacker's network."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from attacks.attacker import RefusedError, go_through_login, query_of
from attacks.victims import CALLBACK, Application
from trustweft.client import ServerRefusedError
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2

    from ecosystem import Ecosystem
    from laboratory import Laboratory

__all__ = ["HOME", "People", "Scene", "ending", "what_they_own"]

HOME = "https://mine.example/home"  # where the attacker's own client is called back


class People:
    """Alice and eve with their browsers."""

    def __init__(self, ecosystem: Ecosystem) -> None:
        self._trust = ecosystem.trust
        names = list(ecosystem.passwords.items())
        self.alice, self.eve = names[0], names[1]

    def browse(self, url: str, user: tuple[str, str]) -> str:
        """Open a link as a user, log in and agree; return the query that the client is sent."""
        return query_of(go_through_login(self._trust, url, user=user, until=CALLBACK))


@dataclass(frozen=True)
class Scene:
    """Everything that an attack needs.

    Attributes:
        laboratory: the ecosystem's switches; all checks are on in the beginning.
        ecosystem: where everybody is.
        application: the victims' application, freshly registered.
        people: alice and eve.
        owned: what alice's and eve's accounts look like to themselves.
        web: the attacker's own network.
    """

    laboratory: Laboratory
    ecosystem: Ecosystem
    application: Application
    people: People
    owned: Mapping[str, Any]
    web: httpx2.Client


def what_they_own(application: Application, people: People) -> Mapping[str, Any]:
    """Let both use the application once; return what each of them sees."""
    seen = {}
    for name, user in (("alice", people.alice), ("eve", people.eve)):
        started = application.start()
        application.finish(started, people.browse(started.url, user), session=name)
        seen[name] = application.accounts(session=name)
    assert seen["alice"] != seen["eve"]
    application.bank_log.clear()
    application.reasons.clear()
    return seen


@contextmanager
def ending(reason: str | None, application: Application) -> Iterator[None]:
    """Demand that what is done within is refused for a reason, or for None that nothing of it is refused.

    Whoever refuses: the server refuses the attacker or the application, or the application's client a response.
    """
    if reason is None:
        yield
        return
    with pytest.raises((RefusedError, ServerRefusedError, Reject)) as refused:
        yield
    match refused.value:
        case RefusedError():
            found = str(refused.value)
        case ServerRefusedError():
            found = application.reasons[-1]
        case Reject():
            found = refused.value.reason.id
    assert found == reason
