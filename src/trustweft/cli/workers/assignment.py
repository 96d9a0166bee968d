"""What a worker is told by its parent: one line of JSON on its standard input, which then stays open.

The end of that input means: stop. The parent closes it to stop its workers, and the system closes it when the parent
dies, however it dies.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["READY", "Assignment"]

# What a worker says on its standard output, once, when it accepts connections.
READY: Final = b"ready\n"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one worker needs.

    Attributes:
        participant: which one.
        settings: as the parent read them, so that all workers have the same, also those that are started later.
        base: the folder that paths in the settings are relative to.
        number: which of the workers this is, from 1.
        sockets: the descriptors of the bound sockets, by the name of the listener.
        metrics: the directory where all workers keep their metrics; None where nobody reads them.
    """

    participant: str
    settings: dict[str, Any]
    base: str
    number: int
    sockets: dict[str, list[int]]
    metrics: str | None
