"""Runs the ecosystem as a program that changes while it runs: one JSON object a line tells it what to be.

``{"without": [[pipeline, check], ...], "change": [{"file", "old", "new"}, ...]}`` makes it that mutant and nothing
else, and ``{"skip": seconds}`` puts its clock forward; the answer is ``{"ok": true}``, or ``{"ok": false, "why": ...}`` where the mutant cannot be made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from laboratory import Check, Laboratory
from mutants.hot_changes import NotChangedError, Undo, apply_changes, take_back
from mutants.time_travel import TravellingClock
from trustweft.cli.data_directory import DataDirectory
from trustweft.resource.checks import PIPELINE
from trustweft.server.login import rate_limit
from trustweft.server.pipelines import PIPELINES

# A day of audits from one address is not what the limit is about; the mutants that take it out are told apart by it.
MANY = 1_000_000
KNOWN = {(name, each.__name__) for name, pipeline in PIPELINES.items() for each in pipeline} | {
    ("guard", each.__name__) for each in PIPELINE
}


def main() -> None:
    """Serve until the input ends."""
    clock = TravellingClock()
    data = DataDirectory.open_or_create(Path(sys.argv[1]), base_port=int(sys.argv[2]), clock=clock)
    for name in ("PER_ADDRESS", "ALL_FROM_ADDRESS"):
        setattr(rate_limit, name, getattr(rate_limit, name)._replace(attempts=MANY))
    with Laboratory(data, clock) as laboratory:
        answer({"ok": True})
        undo: Undo = []
        for line in sys.stdin:
            order = json.loads(line)
            if "skip" in order:
                clock.skip(order["skip"])
                answer({"ok": True})
                continue
            take_back(undo)
            undo.clear()
            laboratory.without = frozenset(tuple(each) for each in order.get("without", ()))
            try:
                check_known(laboratory.without)
                undo += apply_changes(order.get("change", ()))
            except (NotChangedError, SyntaxError, ImportError) as cause:
                take_back(undo)
                undo.clear()
                answer({"ok": False, "why": str(cause)})
            else:
                answer({"ok": True})
        take_back(undo)


def check_known(without: frozenset[Check]) -> None:
    """Make sure that there is such a check: one that is not there cannot be taken out."""
    if without - KNOWN:
        raise NotChangedError(f"no pipeline has {sorted(without - KNOWN)}")


def answer(document: dict[str, object]) -> None:
    """Tell whoever gave the order."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
