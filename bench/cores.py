"""One core for what is measured, the other for the loader, so that neither takes time from the other."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cores", "choose_cores", "on_core"]


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core does what; the same one twice where the machine has only one."""

    measured: int
    loader: int

    @property
    def shared(self) -> bool:
        """Say whether the loader takes time from what is measured."""
        return self.measured == self.loader


def choose_cores() -> Cores:
    """Return the first two cores that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(measured=usable[0], loader=usable[min(1, len(usable) - 1)])


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run this thread, and the processes that it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
