"""Every mutant against every check: `python -m mutants`, which writes `docs/auditor-mutants.md`; about an hour."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutants.breeding import CannotBreedError, breeding
from mutants.page import FOUND, MOST_UNSEEN, Meeting, as_page, noticed, share_found
from mutants.table import all_mutants
from trustweft.audit.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mutants.breeding import Breeder
    from mutants.table import Mutant
    from trustweft.audit.check import Check

PAGE: Final = Path(__file__).parents[2] / "docs" / "auditor-mutants.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Breed each mutant, let all checks meet it, write the page; return 0 if at least 95 % are found by their check."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("mutants", nargs="*", help="ids; all where none is named")
    parser.add_argument("--own", action="store_true", help="only the checks that a mutant names")
    parser.add_argument("--no-page", action="store_true", help="leave the page as it is")
    options = parser.parse_args(arguments)
    chosen = [each for each in all_mutants() if not options.mutants or each.id in options.mutants]
    meetings: list[Meeting] = []
    checks = all_checks()
    with tempfile.TemporaryDirectory(prefix="trustweft-mutants-") as folder:
        with breeding(Path(folder, "whole")) as whole_one:
            whole_one.become({})
            whole = whole_one.audit(checks)
        noisy = {name for name, each in whole.items() if noticed(each)}
        with breeding(Path(folder, "mutants")) as breeder:
            for mutant in chosen:
                if mutant.elsewhere is not None:
                    meetings.append(Meeting(mutant, frozenset()))
                    continue
                began = time.monotonic()
                own = [each for each in checks if each.id in mutant.trips]
                meeting = _meet(breeder, mutant, own if options.own else checks, noisy)
                if mutant.seen and not meeting.found:
                    # What others did to the ecosystem before, such as to guess passwords, may hide a flaw.
                    with breeding(Path(folder, mutant.id)) as alone:
                        again = _meet(alone, mutant, own, noisy)
                    meeting = again._replace(tripped=again.tripped | meeting.tripped)
                meetings.append(meeting)
                say(f"{meeting}  ({time.monotonic() - began:.1f} s)")
    if not options.no_page:
        PAGE.write_text(as_page(meetings, checks=len(checks), own=options.own), encoding="utf-8")
    share = share_found(meetings)
    alarms = sorted(name for name, each in whole.items() if each.verdict in FOUND)
    say(
        f"{share:.1%} of the mutants with a flaw are found by their check; false alarms on the whole one: {alarms}"
    )
    return 0 if share >= 1 - MOST_UNSEEN and not alarms else 1


def _meet(breeder: Breeder, mutant: Mutant, checks: Sequence[Check], noisy: set[str]) -> Meeting:
    """Breed a mutant and let checks meet it; those that notice something of the whole ecosystem count for none."""
    try:
        breeder.become(mutant.order())
    except CannotBreedError as cause:
        return Meeting(mutant, frozenset(), f"it cannot be bred: {cause}")
    noticing = {name for name, each in breeder.audit(checks).items() if noticed(each)}
    return Meeting(mutant, frozenset(noticing - noisy))


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
