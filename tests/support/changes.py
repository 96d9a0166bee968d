"""The plan that an endpoint is bombarded by.

It is made from the shape of a good request: every single change, then some at once, chosen by a seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from support.message_changes import form_changes, json_changes, token_changes
from support.wire_changes import body_changes, header_changes, line_changes, query_changes

if TYPE_CHECKING:
    from support.change import Change
    from support.drafts import Draft

__all__ = ["changes_of", "plan"]

SEED: Final = 20_260
AT_ONCE: Final = (2, 2, 2, 3, 4)


def changes_of(draft: Draft, chance: random.Random) -> list[Change]:
    """Return every single change for a request of this shape."""
    return [
        *form_changes(draft),
        *token_changes(draft),
        *json_changes(draft),
        *header_changes(draft),
        *line_changes(draft),
        *query_changes(draft),
        *body_changes(draft, chance),
    ]


def plan(draft: Draft, *, name: str, singles: int, at_least: int, several: int) -> list[tuple[Change, ...]]:
    """Return what is done to the requests of an endpoint, one tuple for each.

    Args:
        draft: a good request.
        name: of the endpoint; part of the seed.
        singles: how many single changes at most; where there are more, chance chooses.
        at_least: how many requests at least.
        several: how many requests at least with several changes at once.
    """
    chance = random.Random(f"{SEED} {name}")  # noqa: S311  # the same on every machine, nothing to guess
    single = changes_of(draft, chance)
    chosen = single if len(single) <= singles else chance.sample(single, singles)
    count = max(several, at_least - len(chosen))
    combined = [tuple(chance.sample(single, chance.choice(AT_ONCE))) for _ in range(count)]
    return [*((change,) for change in chosen), *combined]
