"""What the participants tell about themselves, as an interface: whoever listens counts, logs or stays silent."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from trustweft.runtime.errors import Reject

__all__ = ["REQUEST_ID", "Observer", "SilentObserver"]

# Which request the running task answers: set where requests arrive, read by whoever logs. It decides nothing.
REQUEST_ID: Final[ContextVar[str]] = ContextVar("trustweft_request_id", default="")


class Observer(Protocol):
    """Hears of refusals, answers and failures. Never gets a secret: details are for operators' eyes."""

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """A request was refused with a reason."""
        ...

    def answered(self, participant: str, endpoint: str, *, status: int, seconds: float) -> None:
        """A request was answered."""
        ...

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Something broke that nobody foresaw; ``support`` is what the person at the other end was told."""
        ...

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Something worth knowing happened: a start, a stop, a rotation, rows removed."""
        ...

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """A quantity that goes up and down has this value now, for example rows that wait to be removed."""
        ...


class SilentObserver:
    """Hears and says nothing."""

    __slots__ = ()

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Do nothing."""

    def answered(self, participant: str, endpoint: str, *, status: int, seconds: float) -> None:
        """Do nothing."""

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Do nothing."""

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Do nothing."""

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Do nothing."""
