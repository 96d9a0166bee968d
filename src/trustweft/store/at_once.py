"""What the parts of the store in memory have in common."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from trustweft.store.errors import StoreConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at_once"]

T = TypeVar("T")
P = ParamSpec("P")


def at_once(operation: Callable[P, T]) -> Callable[P, asyncio.Future[T]]:
    """Carry a write out when it is called, and hand its outcome over as every other store does."""

    @wraps(operation)
    def carry_out(*args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(operation(*args, **kwargs))
        except StoreConflictError as conflict:
            future.set_exception(conflict)
        return future

    return carry_out
