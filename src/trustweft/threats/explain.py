"""One known attack told in full: what it is, where it lives, and a trace that is searched for when asked."""

from __future__ import annotations

from typing import Any

from trustweft.threats.corpus import corpus
from trustweft.threats.narrate import narrate
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import search

__all__ = ["explain"]


def explain(identifier: str) -> dict[str, Any]:
    """Return the attack with this corpus id as a document.

    Raises:
        LookupError: no known attack has this id.
    """
    known = corpus().by_id.get(identifier)
    if known is None:
        raise LookupError(f"no known attack is called {identifier!r}: {', '.join(sorted(corpus().by_id))}")
    attackers = frozenset(("a1", *known.attackers))
    trace = search(Setting(corpus().mechanisms(known), attackers, SMALLEST), known.goal)
    changes = [f"without {each}" for each in known.without] + [f"with {each}" for each in known.with_]
    return {
        "attack": known.id,
        "title": known.title,
        "source": known.source,
        "lives_in": ", ".join([known.base, *changes]),
        "attackers": sorted(attackers),
        "goal": known.goal,
        "trace": [line.text for line in narrate(trace)] if trace else [],
        "bound": str(SMALLEST),
        "closed_by": [list(each) for each in known.closed_by],
        "requirements": list(known.requirements),
    }
