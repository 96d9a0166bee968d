"""What every participant is assembled with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trustweft.net.serving import Listener
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["Assembled", "Surroundings", "resolve"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process passes to its participants."""

    clock: Clock
    entropy: Entropy
    observer: Observer


@dataclass(slots=True)
class Assembled:
    """A participant that is ready to be served.

    Attributes:
        listeners: where it is reached.
        background: what runs as long as it is served.
        close: what to await at the end, last first.
    """

    listeners: list[Listener]
    background: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def join(self, other: Assembled) -> None:
        """Serve the other one too."""
        self.listeners += other.listeners
        self.background += other.background
        self.close += other.close


def resolve(base: Path, name: str) -> Path:
    """Return the path of a setting: relative to the settings file."""
    return base / name
