"""A pipeline is a tuple of checks in order; the order is policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.exchange import Exchange

__all__ = ["Check", "Pipeline", "Pipelines", "run", "without"]


class Check(Protocol):
    """Establishes a fact about the exchange, or raises ``Reject``."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, exchange: Exchange, /) -> Awaitable[None] | None:
        """Read the exchange, add to it, or refuse it."""
        ...


Pipeline = tuple[Check, ...]
Pipelines = dict[str, Pipeline]


async def run(pipeline: Pipeline, exchange: Exchange) -> None:
    """Run the checks one after the other; the first refusal ends it.

    Raises:
        Reject: from the first check that refuses.
    """
    for check in pipeline:
        under_way = check(exchange)
        if under_way is not None:
            await under_way


def without(pipelines: Pipelines, endpoint: str, check: str) -> Pipelines:
    """Return the pipelines with one check taken out of one endpoint: a mutant, for tests.

    Raises:
        ValueError: the endpoint has no such check.
    """
    remaining = tuple(step for step in pipelines[endpoint] if step.__name__ != check)
    if len(remaining) == len(pipelines[endpoint]):
        raise ValueError(f"{endpoint} has no check named {check}")
    return {**pipelines, endpoint: remaining}
