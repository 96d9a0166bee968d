"""Several ecosystems share the mutants: each waits now and then, and two alone leave cores idle."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from mutants.breeding import breeding
from mutants.staging import concerns_clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from mutants.breeding import Breeder
    from mutants.table import Mutant

__all__ = ["meet_all"]

T = TypeVar("T")

ECOSYSTEMS: Final = 3


def meet_all(folder: Path, mutants: Iterable[Mutant], meet: Callable[[Breeder, Mutant], T]) -> dict[str, T]:
    """Let ``meet`` see each mutant with an ecosystem to breed it in; return what it says of each, by the mutant's id."""
    chosen = list(mutants)
    of_clients = deque(each for each in chosen if _is_of_a_client(each))
    others = deque(each for each in chosen if not _is_of_a_client(each))
    found: dict[str, T] = {}
    with ThreadPoolExecutor(ECOSYSTEMS) as pool:
        # The stage on which clients are attacked is one's alone.
        queues = [(of_clients, others), *[(others,)] * (ECOSYSTEMS - 1)]
        shares = [
            pool.submit(_meet_in_one, folder / f"ecosystem-{number}", own, meet)
            for number, own in enumerate(queues)
        ]
        for share in shares:
            found |= share.result()
    return found


def _meet_in_one(
    folder: Path, queues: tuple[deque[Mutant], ...], meet: Callable[[Breeder, Mutant], T]
) -> dict[str, T]:
    found: dict[str, T] = {}
    with breeding(folder) as running:
        for mutant in chain.from_iterable(map(_taken_from, queues)):
            found[mutant.id] = meet(running, mutant)
    return found


def _taken_from(queue: deque[Mutant]) -> Iterator[Mutant]:
    while True:
        try:
            mutant = queue.popleft()
        except IndexError:  # the other one may have taken the last
            return
        yield mutant


def _is_of_a_client(mutant: Mutant) -> bool:
    return concerns_clients([msgspec.structs.asdict(each) for each in mutant.change])
