"""One thing that is done to a request, and doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.drafts import Draft
    from support.wire import Sent

__all__ = ["Change", "apply"]


@dataclass(frozen=True)
class Change:
    """One thing that is done to a request; exactly one of the two is given."""

    name: str
    draft: Callable[[Draft], None] | None = None
    wire: Callable[[Sent], None] | None = None

    def __str__(self) -> str:
        return self.name


def apply(changes: tuple[Change, ...], draft: Draft) -> Sent:
    """Return the request as it is sent once everything is done to it: first what is signed for, then the rest."""
    for change in changes:
        if change.draft is not None:
            change.draft(draft)
    sent = draft.finish()
    for change in changes:
        if change.wire is not None:
            change.wire(sent)
    return sent
