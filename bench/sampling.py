"""One measurement: so many requests at one process, and who computed while they ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.loader import replay

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from bench.loader import Expected
    from bench.processes import Process

__all__ = ["Sample", "sample"]


class Sample(NamedTuple):
    """What one measurement says.

    Attributes:
        per_second: answers, all of them as expected.
        server_share: how much of that time the server computed; well below 1, it waited for its disk, or others had
            its core.
        loader_share: the same of the loader; near 1 it measured itself.
    """

    per_second: float
    server_share: float
    loader_share: float


def sample(
    requests: Sequence[bytes], *, process: Process, port: int, trust: ssl.SSLContext, expected: Expected
) -> Sample:
    """Send every request once to a process that runs.

    Raises:
        LoaderError: an answer is not as ``expected``.
    """
    before = process.cpu_seconds
    load = replay(requests, port=port, trust=trust, expected=expected)
    computed = process.cpu_seconds - before
    return Sample(load.per_second, computed / load.seconds, load.loader_share)
