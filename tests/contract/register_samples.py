"""Events of the directory for the tests of its stores."""

from __future__ import annotations

from trustweft.directory.events import Actor, Added
from trustweft.directory.objects import Organisation

__all__ = ["added"]


def added(sequence: int, name: str = "one") -> Added:
    """Return the event that enters an organisation, at a place and told apart by a name."""
    return Added(
        sequence=sequence,
        at=1_800_000_000.0 + sequence,
        by=Actor(id="olga", part="operator"),
        subject=f"organisation:{name}-{sequence}",
        facts=Organisation(name=name),
    )
