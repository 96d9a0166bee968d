"""What rules out runs that are known, as text for clingo: exactly, or with everything that looks like them."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Final

from trustweft.threats.traces import Runs, Trace

if TYPE_CHECKING:
    from trustweft.threats.setting import Bound
    from trustweft.threats.traces import Shape

__all__ = ["CANONICAL", "block", "canonical", "has_all_of"]

CANONICAL: Final = "canonical"
_NUMBERED: Final = re.compile(r"\b[sij]\d+\b")
# How the model says whose a session is: two sessions of one owner can change places in every run.
_KINDS: Final = {"s": "session", "i": "visit"}


def block(name: str, known: Shape | Runs) -> str:
    """Return what, when ``name`` holds, rules out every run that has all of a shape, or all of one of some runs."""
    bodies = sorted(map(_run, known)) if isinstance(known, Runs) else [has_all_of(known)]
    return "\n".join((f"{{ {name} }}.", *(f":- {name}, {body}." for body in bodies)))


def has_all_of(known: Shape | Trace) -> str:
    """Return what is true of every run that has all of a shape, or all of one run, whichever sessions it uses."""
    return _run(known) if isinstance(known, Trace) else _shape(known)


def _shape(shape: Shape) -> str:
    return ", ".join(f"seen({event},{source or 'nobody'})" for event, source in sorted(shape))


def _run(trace: Trace) -> str:
    """Return what is true of a run, whichever sessions it uses, and with whatever beside it.

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
    return ", ".join(body)


def canonical(bound: Bound) -> str:
    """Return what, when `CANONICAL` holds, leaves one of the runs that differ only in which session is which."""
    lines = [
        f"{{ {CANONICAL} }}.",
        # Sessions by the server that they are with, requests by their client, visits by what brought them: each of
        # these speaks of those before alone, so in every run they can be put in order one after the other.
        "begun(S,A) :- start(S,A).",
        "begun(J,X) :- pushed(J,X,_,_,_,_).",
        "begun(I,B) :- visits(I,_,_,_,_,_,B).",
    ]
    for kind, number, apart in (
        ("s", bound.client_sessions, 2),
        ("i", bound.server_sessions, 2),
        ("j", bound.pushes, 1),
    ):
        for each in range(1, number + 1 - apart):
            one, next_one = f"{kind}{each}", f"{kind}{each + apart}"
            lines += [
                f":- {CANONICAL}, begun({next_one},_), not begun({one},_).",
                f":- {CANONICAL}, begun({one},A), begun({next_one},B), A > B.",
            ]
    return "\n".join(lines)


def _owner(session: str) -> str:
    return "alice" if int(session[1:]) % 2 == 1 else "eve"
