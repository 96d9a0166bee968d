"""How hard a secret is to guess, as far as samples of it can tell."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ENOUGH_BITS", "ENOUGH_SAMPLES", "estimate_bits"]

ENOUGH_SAMPLES: Final = 12  # with fewer, too little of the alphabet has been seen
# RFC 6749 section 10.10 and FAPI 2.0 ask for 128. A random UUID has 122, and nobody guesses one: our choice is not to
# call that a weakness.
ENOUGH_BITS: Final = 120


def estimate_bits(samples: Sequence[str]) -> float:
    """Return the most bits of entropy that values of this form can have: an upper bound, so it never blames wrongly.

    Positions that are equal in every sample carry nothing; each other one carries at most what the alphabet that was
    seen there and elsewhere allows. What is random in form and foreseeable in truth is not noticed.

    Args:
        samples: at least two, all of one kind.
    """
    shortest = min(map(len, samples))
    columns = [{sample[index] for sample in samples} for index in range(shortest)]
    columns += [
        {sample[-1 - index] for sample in samples if index < len(sample)}
        for index in range(max(map(len, samples)) - shortest)
    ]
    varying = [column for column in columns if len(column) > 1]
    if len(set(samples)) < len(samples) or not varying:
        return 0.0
    alphabet = set().union(*varying)
    return len(varying) * log2(len(alphabet))
