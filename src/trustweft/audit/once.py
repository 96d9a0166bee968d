"""What is found out once in a run, however many checks ask for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Once"]

Answer = TypeVar("Answer")


class Once:
    """Remembers answers by their question; who asks while another finds out waits for that one."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, object] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, question: Hashable, find_out: Callable[[], Answer]) -> Answer:
        """Return the answer to a question; an error is not remembered.

        Args:
            question: a name, and what it is about.
            find_out: called where nobody has asked yet.
        """
        with self._lock:
            lock = self._locks.setdefault(question, threading.Lock())
        with lock:
            if question not in self._answers:
                self._answers[question] = find_out()
            return cast("Answer", self._answers[question])
