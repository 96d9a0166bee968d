"""How a child of the benchmark talks to it: JSON lines on standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["answer_lines", "say"]

LINE_LIMIT: Final = 2**24


def say(line: dict[str, Any]) -> None:
    """Print one line."""
    print(json.dumps(line), flush=True)


async def answer_lines(
    answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], stop: asyncio.Event
) -> None:
    """Answer line by line until the input ends, with which the child ends too."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        say(await answer(json.loads(line)))
    stop.set()
