"""Sends the whole plan of spoilt requests to an endpoint, and counts what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.authority import ISSUER
from support.change import apply
from support.changes import plan
from support.manners import check_manners

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support.authority import Hearing
    from support.change import Change
    from support.endpoints import Endpoint
    from support.wire import Answer, Sent

__all__ = ["AT_LEAST", "Outcome", "bombard"]

AT_LEAST = 2_000
SINGLES = 2_100
SEVERAL = 200
REFUSED = 400
ROOT = b"/"


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        reasons: that the answers gave, with how many did.
        heard: the same, with the reasons of the layers below that led to them.
    """

    endpoint: str
    sent: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    heard: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        refused = self.sent - self.accepted
        return (
            f"{self.endpoint:32} {self.sent:5} spoilt requests: {refused:5} refused for {len(self.reasons):2} reasons, "
            f"{self.accepted:4} still good in the eyes of an independent judge"
        )


async def bombard(endpoint: Endpoint, send: Callable[[Sent], Awaitable[Answer]], hearing: Hearing) -> Outcome:
    """Send the plan of an endpoint.

    Raises:
        AssertionError: the good request is not answered well, or some answer is not as it must be; with the changes.
    """
    shape, _ = await endpoint.prepare()
    draft, known = await endpoint.prepare()
    sent = draft.finish()
    answer = await send(sent)
    assert answer.status < REFUSED, f"the good request was refused: {answer}"
    await endpoint.approve(sent, answer, known)
    outcome = Outcome(endpoint.name)
    for changes in plan(shape, name=endpoint.name, singles=SINGLES, at_least=AT_LEAST, several=SEVERAL):
        await _attempt(endpoint, changes, send, outcome)
    assert hearing.failures == []
    outcome.heard = {*outcome.reasons, *hearing.causes}
    return outcome


async def _attempt(
    endpoint: Endpoint,
    changes: tuple[Change, ...],
    send: Callable[[Sent], Awaitable[Answer]],
    outcome: Outcome,
) -> None:
    draft, known = await endpoint.prepare()
    sent = apply(changes, draft)
    answer: Any = None
    try:
        answer = await send(sent)
        check_manners(sent, answer, protected=endpoint.protected)
        outcome.sent += 1
        if answer.reason is not None:
            outcome.reasons[answer.reason] += 1
        if answer.status < REFUSED:
            # The server's bare address leads to its metadata, whatever else is sent there.
            if (
                answer.values("location") != [f"{ISSUER}/.well-known/openid-configuration"]
                or sent.path != ROOT
            ):
                await endpoint.approve(sent, answer, known)
            outcome.accepted += answer.reason is None
    except Exception as cause:
        done = ", ".join(map(str, changes))
        raise AssertionError(
            f"{endpoint.name}: {done}: {cause!r}\n{sent!r:.3000}\n{answer!r:.1500}"
        ) from cause
