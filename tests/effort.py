"""How much a test tries: enough for every change in `script/test`, and far more in `script/soak --tests`."""

from __future__ import annotations

import os

__all__ = ["LONG", "effort"]

LONG = os.environ.get("TRUSTWEFT_LONG_TESTS") == "true"


def effort(usual: int, long: int) -> int:
    """Return how many examples, rounds or flips to try this time."""
    return long if LONG else usual
