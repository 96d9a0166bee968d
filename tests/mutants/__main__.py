"""Every mutant against every check: `python -m mutants`, which writes `docs/auditor-mutants.md`; about an hour."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutants.breeding import CannotBreedError, breeding
from mutants.crew import meet_all
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
    checks = all_checks()
    with tempfile.TemporaryDirectory(prefix="trustweft-mutants-") as name:
        folder = Path(name)
        with breeding(folder / "whole") as whole_one:
            whole_one.become({})
            whole = whole_one.audit(checks)
        noisy = frozenset(name for name, each in whole.items() if noticed(each))
        encounter = _Encounter(folder, checks, noisy, own=options.own)
        met = meet_all(folder, (each for each in chosen if each.elsewhere is None), encounter)
    meetings = [met.get(each.id) or Meeting(each, frozenset()) for each in chosen]
    if not options.no_page:
        PAGE.write_text(as_page(meetings, checks=len(checks), own=options.own), encoding="utf-8")
    share = share_found(meetings)
    alarms = sorted(name for name, each in whole.items() if each.verdict in FOUND)
    say(
        f"{share:.1%} of the mutants with a flaw are found by their check; false alarms on the whole one: {alarms}"
    )
    return 0 if share >= 1 - MOST_UNSEEN and not alarms else 1


@dataclass(frozen=True)
class _Encounter:
    """Lets checks meet one mutant.

    Attributes:
        folder: for ecosystems of their own.
        checks: all that there are.
        noisy: those that notice something of the whole ecosystem, and count for none.
        own: whether a mutant meets only the checks that it names.
    """

    folder: Path
    checks: Sequence[Check]
    noisy: frozenset[str]
    own: bool

    def __call__(self, running: Breeder, mutant: Mutant) -> Meeting:
        """Let the mutant be met in the ecosystem that runs, and where nobody notices it, in one of its own."""
        began = time.monotonic()
        own = [each for each in self.checks if each.id in mutant.trips]
        meeting = self._meet(running, mutant, own if self.own else self.checks)
        if mutant.seen and not meeting.found:
            # What others did to the ecosystem before, such as to guess passwords, may hide a flaw.
            with breeding(self.folder / mutant.id) as alone:
                again = self._meet(alone, mutant, own)
            meeting = again._replace(tripped=again.tripped | meeting.tripped)
        say(f"{meeting}  ({time.monotonic() - began:.1f} s)")
        return meeting

    def _meet(self, breeder: Breeder, mutant: Mutant, checks: Sequence[Check]) -> Meeting:
        try:
            breeder.become(mutant.order())
        except CannotBreedError as cause:
            return Meeting(mutant, frozenset(), f"it cannot be bred: {cause}")
        noticing = {name for name, each in breeder.audit(checks).items() if noticed(each)}
        return Meeting(mutant, frozenset(noticing - self.noisy))


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
