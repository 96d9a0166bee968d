"""One use of one credential, and what came of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from trustweft.audit.exchange import Exchange
    from trustweft.protocol.offboarding_probe import Credential, ParticipantKind
    from trustweft.runtime.clock import Clock

__all__ = ["Answer", "Attempt", "Copy", "Held", "Outcome", "judge"]

# What OAuth refuses with (RFC 6749 section 5.2, RFC 6750 section 3.1); a wrong address or a busy server has refused nothing.
_REFUSALS: Final = frozenset({400, 401, 403})
FOR_EVER: Final = float("inf")


class Outcome(enum.Enum):
    """How an attempt ended; a server that breaks, is busy or does not answer has refused nothing."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a credential, in few words and without a secret."""

    outcome: Outcome
    said: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer with its time, in seconds since the epoch: when it had come."""

    answer: Answer
    at: float

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.answer.outcome


def judge(exchange: Exchange, *, good: bool) -> Answer:
    """Return what an answer means.

    Args:
        exchange: what came back.
        good: whether it is what the holder of a working credential gets.
    """
    reason = exchange.header("trustweft-reason")
    said = " ".join(
        part for part in (str(exchange.status), exchange.text("error"), reason and f"({reason})") if part
    )[:120]
    if good:
        return Answer(Outcome.ACCEPTED, said)
    refused = exchange.status in _REFUSALS
    return Answer(Outcome.REFUSED if refused else Outcome.UNCLEAR, said)


@dataclass(frozen=True, slots=True)
class Copy:
    """One credential, and until when it works at all, in seconds since the epoch."""

    use: Callable[[], Answer]
    until: float = FOR_EVER


@dataclass(slots=True, kw_only=True)
class Held:
    """The credentials of one kind at one participant.

    A credential that can be spent is used once and never again: what is refused was never used before, so that it was
    not refused for that.

    Attributes:
        participant: its identifier in the directory; ``kind`` says what it is.
        spent: whether one use spends a copy.
        attempts: in their order, those after the order alone.
    """

    participant: str
    kind: ParticipantKind
    credential: Credential
    clock: Clock
    copies: deque[Copy]
    spent: bool = False
    before: Answer | None = None
    attempts: list[Attempt] = field(default_factory=list)

    def try_before(self) -> None:
        """Use one before the order: a test of what did not work then shows nothing."""
        attempt = self._use()
        self.before = None if attempt is None else attempt.answer

    @property
    def worked(self) -> bool:
        """Whether it worked before the order."""
        return self.before is not None and self.before.outcome is Outcome.ACCEPTED

    def attempt(self) -> bool:
        """Use one now and keep what came of it; return whether there was one left."""
        attempt = self._use()
        if attempt is not None:
            self.attempts.append(attempt)
        return attempt is not None

    def _use(self) -> Attempt | None:
        while self.copies and self.copies[0].until <= self.clock.now():
            self.copies.popleft()
        if not self.copies:
            return None
        copy = self.copies.popleft() if self.spent else self.copies[0]
        try:
            answer = copy.use()
        except (Inconclusive, NotApplicable) as cause:
            answer = Answer(Outcome.UNCLEAR, str(cause)[:120])
        return Attempt(answer, self.clock.now())

    @property
    def first_refusal(self) -> Attempt | None:
        """The first attempt after the order that was refused."""
        return next((each for each in self.attempts if each.outcome is Outcome.REFUSED), None)

    @property
    def last_success(self) -> Attempt | None:
        """The last attempt after the order that was accepted."""
        return next((each for each in reversed(self.attempts) if each.outcome is Outcome.ACCEPTED), None)

    @property
    def came_back(self) -> bool:
        """Whether one was accepted after another was refused."""
        refused, accepted = self.first_refusal, self.last_success
        return refused is not None and accepted is not None and accepted.at > refused.at
