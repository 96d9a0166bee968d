"""Every combination of attackers against every goal: what is found, and whether the profile accepted it.

More attackers can do no less, so what a smaller set of attackers does is never looked for again in a larger one, and
a search by all of them that finds nothing new answers for every part of them.

To accept an attack by its name accepts nothing that looks like it: every run is looked at and named, and only itself
is ruled out after that. Only once a cell is an attack anyway are others of the same shape passed over.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.names import name_of
from trustweft.threats.setting import Setting
from trustweft.threats.solve import as_short, search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.profile.governance import Residual
    from trustweft.threats.setting import Bound
    from trustweft.threats.traces import Shape, Trace

__all__ = [
    "DEFAULT_ATTACKERS",
    "Cell",
    "Finding",
    "Verdict",
    "combinations",
    "covering_residual",
    "examine",
    "merge",
    "only_accepted",
]

Verdict = Literal["none", "attack", "accepted"]

DEFAULT_ATTACKERS: Final = ("a1", "a1a", "a2", "a3a", "a5")
# Every other attacker is also somebody with a web site and an account: the Attacker Model's A1.
_ALWAYS: Final = "a1"
# Runs looked at for one goal. Where more are left the cell is an attack, whatever the profile accepts.
_ACCEPTED_RUNS: Final = 5_000
_ONE_MORE: Final = 2  # A1 and one more attacker: what these do is told even where A1 alone does harm enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One attack.

    Attributes:
        attackers: the smallest set of attackers that was seen to manage it.
        name: the id of a known attack; None for one that has no name.
        mechanisms: those that were on: a profile that leaves a choice is examined once for each.
        residual: what the profile accepted it by; None where it is accepted by nothing.
    """

    goal: str
    attackers: frozenset[str]
    trace: Trace
    name: str | None
    mechanisms: frozenset[str]
    residual: Residual | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What these attackers can do to one goal.

    Attributes:
        findings: the attacks that were looked at, the ones that nothing accepts first.
        exhausted: whether there are no others within the bound.
    """

    attackers: tuple[str, ...]
    goal: str
    findings: tuple[Finding, ...] = ()
    exhausted: bool = True

    @property
    def verdict(self) -> Verdict:
        """Accepted only where every attack is: one that is not, or that nobody looked at, counts."""
        if not self.findings and self.exhausted:
            return "none"
        accepted = self.exhausted and all(finding.residual is not None for finding in self.findings)
        return "accepted" if accepted else "attack"


def combinations(attackers: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every set of attackers with A1 in it, small ones first."""
    others = [attacker for attacker in attackers if attacker != _ALWAYS]
    return [
        (_ALWAYS, *chosen)
        for size in range(len(others) + 1)
        for chosen in itertools.combinations(others, size)
    ]


def covering_residual(
    *, goal: str, name: str | None, attackers: frozenset[str], residuals: Iterable[Residual]
) -> Residual | None:
    """Return the residual that accepts an attack: the same goal and name, and attackers who are no stronger."""
    for residual in residuals:
        same = residual.goal == goal and residual.attack == name
        if same and set(residual.attackers) <= attackers | {_ALWAYS}:
            return residual
    return None


def examine(
    mechanisms: frozenset[str],
    *,
    attackers: Sequence[str],
    goals: Sequence[str],
    bound: Bound,
    residuals: Sequence[Residual] = (),
    attacks_per_cell: int = 2,
    known: Sequence[Finding] = (),
) -> list[Cell]:
    """Return the cells for these mechanisms, goal by goal, small sets of attackers first.

    Args:
        mechanisms: ids of what is on.
        attackers: whom to combine; A1 is always among them.
        goals: what they may break.
        bound: how many sessions are looked at.
        residuals: what the profile accepts.
        known: attacks in fewer sessions with the same mechanisms: more sessions take none of them away.
        attacks_per_cell: how many attacks that nothing accepts are looked for in one cell.
    """
    searched = _Searched(mechanisms, bound, residuals, attacks_per_cell)
    sets = combinations(attackers)
    return [
        cell
        for goal in goals
        for cell in searched.column(goal, sets, [finding for finding in known if finding.goal == goal])
    ]


def only_accepted(
    mechanisms: frozenset[str],
    *,
    attackers: frozenset[str],
    goal: str,
    bound: Bound,
    residuals: Sequence[Residual],
) -> bool:
    """Say whether these attackers, all together, can do nothing to a goal but what is accepted."""
    searched = _Searched(mechanisms, bound, residuals, 1)
    new, exhausted = searched.more(attackers, goal, (), limit=1)
    return exhausted and all(finding.residual for finding in new)


class _Searched:
    """One set of mechanisms under search."""

    def __init__(
        self, mechanisms: frozenset[str], bound: Bound, residuals: Sequence[Residual], attacks_per_cell: int
    ) -> None:
        self._mechanisms = mechanisms
        self._bound = bound
        self._residuals = residuals
        self._limit = attacks_per_cell
        self._seeded = False
        self._accepted: list[Trace] = []
        self._hidden: dict[frozenset[str], _Searched] = {}

    def column(self, goal: str, sets: Sequence[tuple[str, ...]], known: list[Finding]) -> list[Cell]:
        """Return the cells of one goal; ``sets`` come small ones first, and the last one has all attackers."""
        cells: list[Cell] = []
        self._seeded = bool(known)
        self._accepted = [finding.trace for finding in known if finding.residual]
        self._hidden = {}
        nothing_more = False
        for _, group in itertools.groupby(sets, key=len):
            if not nothing_more and all(finding.residual for finding in known):
                # Whatever a part of them could do, all of them could.
                new, nothing_more = self.more(frozenset(sets[-1]), goal, known, limit=1)
                known += [finding for finding in new if finding.residual]
            for chosen in group:
                cells.append(self._cell(chosen, goal, known, below=cells, nothing_more=nothing_more))
        return cells

    def _cell(
        self,
        chosen: tuple[str, ...],
        goal: str,
        known: list[Finding],
        *,
        below: Sequence[Cell],
        nothing_more: bool,
    ) -> Cell:
        attackers = frozenset(chosen)
        findings = [finding for finding in known if finding.attackers <= attackers]
        exhausted = all(cell.exhausted for cell in below if set(cell.attackers) < attackers)
        if not nothing_more and self._worth_searching(chosen, findings):
            new, finished = self.more(attackers, goal, findings, limit=self._limit)
            known += new
            findings += new
            exhausted = exhausted and finished
        if findings and exhausted and all(finding.residual for finding in findings):
            unexplained = self._unexplained(attackers, goal, findings)
            known += unexplained
            findings += unexplained
        ordered = sorted(findings, key=lambda each: _importance(each, attackers))
        return Cell(attackers=chosen, goal=goal, findings=tuple(ordered), exhausted=exhausted)

    def _worth_searching(self, chosen: tuple[str, ...], findings: Sequence[Finding]) -> bool:
        """Say whether a cell can tell something new: a large set that does harm already cannot."""
        few = len(chosen) <= _ONE_MORE and not self._seeded
        return few or all(finding.residual for finding in findings)

    def more(
        self, attackers: frozenset[str], goal: str, findings: Sequence[Finding], *, limit: int
    ) -> tuple[list[Finding], bool]:
        """Return attacks beyond the ones that are known, and whether nothing is left after them.

        So many as ``limit`` that nothing accepts are enough.
        """
        new: list[Finding] = []
        while sum(finding.residual is None for finding in new) < limit:
            if len(self._accepted) > _ACCEPTED_RUNS:
                return new, False
            following = self._next(attackers, goal, [*findings, *new])
            if not following:
                return new, True
            self._accepted += [finding.trace for finding in following if finding.residual]
            for finding in following:
                if finding.residual is None or not any(
                    _same_by_fewer(other, finding) for other in (*findings, *new)
                ):
                    new.append(finding)
        return new, False

    def _unexplained(
        self, attackers: frozenset[str], goal: str, findings: Sequence[Finding]
    ) -> list[Finding]:
        """Return an attack that is left where what would close the accepted ones is switched on; mostly none.

        An attack that has all the steps of an accepted one and more would otherwise hide behind it.
        """
        closing = {finding.residual.closed_by[0] for finding in findings if finding.residual.closed_by}  # type: ignore[union-attr]  # only where every attack has a residual
        if not closing:
            return []
        mended = with_mechanisms(self._mechanisms, sorted(closing))
        # What one set of attackers was seen to do there need not be looked for again with another.
        hidden = self._hidden.setdefault(mended, _Searched(mended, self._bound, self._residuals, 1))
        left, _ = hidden.more(attackers, goal, (), limit=1)
        return [finding for finding in left if finding.residual is None]

    def _next(self, attackers: frozenset[str], goal: str, known: Sequence[Finding]) -> list[Finding]:
        """Return the shortest attack that is not known; where it is accepted all that are as short, or it may hide one."""
        setting = Setting(self._mechanisms, attackers, self._bound)
        forbidden: list[Shape | Trace] = list(self._accepted)
        forbidden += [each.trace.shape for each in known if each.residual is None]
        first = search(setting, goal, forbidden=forbidden)
        if first is None:
            return []
        finding = self._finding(first, goal)
        if finding.residual is None:
            return [finding]
        traces = dict.fromkeys(
            (first, *as_short(setting, goal, steps=len(first.events), forbidden=forbidden))
        )
        return [self._finding(trace, goal) for trace in traces]

    def _finding(self, trace: Trace, goal: str) -> Finding:
        name = name_of(trace, goal)
        residual = covering_residual(
            goal=goal, name=name, attackers=trace.attackers, residuals=self._residuals
        )
        return Finding(
            goal=goal,
            attackers=trace.attackers,
            trace=trace,
            name=name,
            mechanisms=self._mechanisms,
            residual=residual,
        )


def _same_by_fewer(known: Finding, found: Finding) -> bool:
    """Say whether an attack is known already, of attackers who are all among these."""
    same = (known.name, known.residual) == (found.name, found.residual)
    return same and known.attackers <= found.attackers


def _importance(finding: Finding, attackers: frozenset[str]) -> tuple[bool, int, int]:
    """Order what nothing accepts first, then what needs these very attackers, then the shorter story."""
    return finding.residual is not None, len(attackers - finding.attackers), len(finding.trace.events)


def merge(matrices: Sequence[Sequence[Cell]]) -> list[Cell]:
    """Return one matrix for several sets of mechanisms that a profile leaves to choose from: what holds for all."""
    merged = []
    for same in zip(*matrices, strict=True):
        findings = [finding for cell in same for finding in cell.findings]
        ordered = sorted(findings, key=lambda finding: finding.residual is not None)
        merged.append(
            Cell(
                attackers=same[0].attackers,
                goal=same[0].goal,
                findings=tuple(ordered),
                exhausted=all(cell.exhausted for cell in same),
            )
        )
    return merged
