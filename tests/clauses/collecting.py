"""A plugin for `pytest --collect-only` that says what it found, and what of that would not run."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

NEVER_RUN: Final = ("skip", "skipif", "xfail")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print the tests that are marked, or that would skip themselves."""
    for item in session.items:
        function = getattr(item, "function", None)
        skips_itself = function is not None and "pytest.skip(" in inspect.getsource(inspect.unwrap(function))
        if skips_itself or any(item.get_closest_marker(name) for name in NEVER_RUN):
            print(f"may be skipped: {item.nodeid}")  # noqa: T201  # read by the test that started it
