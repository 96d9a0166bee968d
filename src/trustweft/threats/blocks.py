"""What rules out runs that are known, as text for clingo: exactly, or with everything that looks like them."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustweft.threats.setting import Bound
    from trustweft.threats.traces import Shape, Trace

__all__ = ["CANONICAL", "canonical", "exact_block", "shape_block"]

CANONICAL: Final = "canonical"
_NUMBERED: Final = re.compile(r"\b[sij]\d+\b")
# How the model says whose a session is: two sessions of one owner can change places in every run.
_KINDS: Final = {"s": "session", "i": "visit"}


def shape_block(name: str, shape: Shape) -> str:
    """Return what, when ``name`` holds, rules out every run that has all of ``shape``."""
    body = ", ".join(f"seen({event},{source or 'nobody'})" for event, source in sorted(shape))
    return f"{{ {name} }}. :- {name}, {body}."


def exact_block(name: str, trace: Trace) -> str:
    """Return what, when ``name`` holds, rules out a run, whichever sessions it uses, and with whatever beside it.

    A run that has all steps and attackers of another one is no further attack. One that has other steps is, and one
    with the same steps by other attackers.
    """
    steps = sorted(map(str, trace.events))
    numbered = sorted({found for text in steps for found in _NUMBERED.findall(text)})
    body = [_NUMBERED.sub(lambda found: found[0].upper(), text) for text in steps]
    body += [f"attacker({each})" for each in sorted(trace.attackers)]
    for each in numbered:
        body.append(
            f"{_KINDS[each[0]]}({each.upper()},{_owner(each)})"
            if each[0] in _KINDS
            else f"push({each.upper()})"
        )
    body += [
        f"{one.upper()} != {other.upper()}" for one, other in combinations(numbered, 2) if one[0] == other[0]
    ]
    return f"{{ {name} }}. :- {name}, {', '.join(body)}."


def canonical(bound: Bound) -> str:
    """Return what, when `CANONICAL` holds, leaves one of the runs that differ only in which session is which."""
    lines = [
        f"{{ {CANONICAL} }}.",
        "begun(S) :- start(S,_).",
        "begun(I) :- visits(I,_,_,_,_,_,_).",
        "begun(J) :- pushed(J,_,_,_,_,_).",
    ]
    for kind, number, apart in (
        ("s", bound.client_sessions, 2),
        ("i", bound.server_sessions, 2),
        ("j", bound.pushes, 1),
    ):
        lines += [
            f":- {CANONICAL}, begun({kind}{each + apart}), not begun({kind}{each})."
            for each in range(1, number + 1 - apart)
        ]
    return "\n".join(lines)


def _owner(session: str) -> str:
    return "alice" if int(session[1:]) % 2 == 1 else "eve"
