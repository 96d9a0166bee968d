"""How a store says that it cannot: fail closed, and say why."""

from __future__ import annotations

from typing import Final

from trustweft.runtime.errors import Reject, reason

__all__ = ["StoreConflictError", "StoreFileError", "unavailable"]

# Seconds; our choice: a full disk or a stuck neighbour is rarely gone sooner.
RETRY_AFTER: Final = "5"

UNAVAILABLE = reason(
    "store.unavailable",
    error="temporarily_unavailable",
    public="The server cannot reach its storage at the moment.",
    status=503,
)


def unavailable(detail: str) -> Reject:
    """Build the refusal for an operation that was not carried out: nothing of it is in the store."""
    return UNAVAILABLE.reject(detail, headers=(("Retry-After", RETRY_AFTER),))


class StoreConflictError(Exception):
    """The caller broke the contract: a new thing under a key that is taken, or one whose grant does not exist.

    Never an outcome of bad input: these keys come from the caller's entropy.
    """


class StoreFileError(Exception):
    """The file cannot be opened as a store; the message tells the operator what to do."""
