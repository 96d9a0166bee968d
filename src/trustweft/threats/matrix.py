"""Every combination of attackers against every goal: what is found, and whether the profile accepted it.

More attackers can do no less, so what a smaller set of attackers does is never looked for again in a larger one, and
a search by all of them that finds nothing new answers for every part of them.

To accept an attack by its name accepts nothing that looks like it: every run is looked at and named, and only itself
is ruled out after that. Only once a cell is an attack anyway are others of the same shape passed over.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from trustweft.threats.blocks import has_all_of
from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.names import DECISIVE, name_of
from trustweft.threats.setting import ATTACKERS, DEEP, Setting
from trustweft.threats.solve import as_short, cut_down, derivations, ground_rules, in_order, search
from trustweft.threats.traces import Runs

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
    "alike",
    "combinations",
    "covering_residual",
    "examine",
    "merge",
    "only_accepted",
    "with_other_mechanisms",
]

Verdict = Literal["none", "attack", "accepted"]

DEFAULT_ATTACKERS: Final = ("a1", "a1a", "a2", "a3a", "a5")
# Every other attacker is also somebody with a web site and an account: the Attacker Model's A1.
_ALWAYS: Final = "a1"
# Runs looked at for one goal. Where more are left the cell is an attack, whatever the profile accepts.
_ACCEPTED_RUNS: Final = 5_000
# Runs from which on it is quicker to ask for another kind of attack than to look at one run after the other.
_MANY_RUNS: Final = 100
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


def examine(  # noqa: PLR0913  # all but the first are by name
    mechanisms: frozenset[str],
    *,
    attackers: Sequence[str],
    goals: Sequence[str],
    bound: Bound,
    residuals: Sequence[Residual] = (),
    attacks_per_cell: int = 2,
    known: Sequence[Finding] = (),
    accepted: dict[str, list[Runs]] | None = None,
    by_kind: bool | None = None,
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
        accepted: every run that was seen and is accepted, by goal, likewise; those that are found here are added.
        by_kind: whether to ask for kinds of attacks, not run by run; by default in many sessions, and once many runs
            of one goal were accepted. The cells say the same, but an attack that is told may not be the shortest one.
    """
    accepted = {} if accepted is None else accepted
    searched = _Searched(mechanisms, bound, residuals, attacks_per_cell, by_kind=by_kind)
    sets = combinations(attackers)
    return [
        cell
        for goal in goals
        for cell in searched.column(
            goal,
            sets,
            [finding for finding in known if finding.goal == goal],
            accepted.setdefault(goal, []),
        )
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
    everybody = (_ALWAYS, *sorted(attackers - {_ALWAYS}))
    (cell,) = _Searched(mechanisms, bound, residuals, 1).column(goal, [everybody], [], [])
    return cell.verdict != "attack"


class _Searched:
    """One set of mechanisms under search."""

    def __init__(
        self,
        mechanisms: frozenset[str],
        bound: Bound,
        residuals: Sequence[Residual],
        attacks_per_cell: int,
        *,
        by_kind: bool | None = None,
    ) -> None:
        self._mechanisms = mechanisms
        self._bound = bound
        self._residuals = residuals
        self._limit = attacks_per_cell
        self._by_kind = bound == DEEP if by_kind is None else by_kind
        self._may_change = by_kind is None
        self._asked = by_kind
        self._seeded = False
        self._everybody: frozenset[str] = frozenset()
        self._accepted: list[Runs] = []
        self._hidden: dict[frozenset[str], _Searched] = {}
        self._all_can: dict[frozenset[str], bool] = {}

    def column(
        self, goal: str, sets: Sequence[tuple[str, ...]], known: list[Finding], accepted: list[Runs]
    ) -> list[Cell]:
        """Return the cells of one goal; ``sets`` come small ones first, and the last one has all attackers."""
        cells: list[Cell] = []
        self._seeded = bool(known)
        self._accepted = accepted
        self._hidden = {}
        self._all_can = {}
        self._everybody = frozenset(sets[-1])
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
            unexplained, finished = self._unexplained(attackers, goal, findings)
            known += unexplained
            findings += unexplained
            exhausted = finished
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
        if self._by_kind and any(each.goal == goal for each in self._residuals):
            return self._more_kinds(attackers, goal, findings, limit=limit)
        new: list[Finding] = []
        while sum(finding.residual is None for finding in new) < limit:
            runs = sum(map(len, self._accepted))
            if self._may_change and runs > _MANY_RUNS:
                left = limit - sum(finding.residual is None for finding in new)
                others, exhausted = self._more_kinds(attackers, goal, [*findings, *new], limit=left)
                return [*new, *others], exhausted
            if runs > _ACCEPTED_RUNS:
                return new, False
            following = self._next(attackers, goal, [*findings, *new])
            if not following:
                return new, True
            new += [
                replace(finding, trace=in_order(finding.trace, self._bound))
                for finding in _apart(following, [*findings, *new])
            ]
        return new, False

    def _more_kinds(
        self, attackers: frozenset[str], goal: str, findings: Sequence[Finding], *, limit: int
    ) -> tuple[list[Finding], bool]:
        """Do the same as `more` by asking whether any attack is of another kind than those that are known.

        An attack that is accepted accepts others of its name and its attackers alone, and that it is one of those is
        asked of attacks that have nothing superfluous: no other attack can hide in one.
        """
        setting = Setting(self._mechanisms, attackers, self._bound)
        left = derivations(setting, goal)
        for finding in findings:
            left.exclude(*self._kind(finding))
        new: list[Finding] = []
        while sum(finding.residual is None for finding in new) < limit:
            following = left.any()
            if following is None:
                return _by_fewest(new), True
            bare, whole = cut_down(setting, goal, *following)
            left.exclude(has_all_of(bare))
            finding = self._finding(whole, goal)
            if any(_covers(other, finding) for other in (*findings, *new)):
                continue  # a detour: what is left without it is known
            new.append(finding)
            left.exclude(*self._kind(finding))
        return _by_fewest(new), False

    def _kind(self, finding: Finding) -> list[str]:
        """Return what is true of the attacks that one stands for, each by itself.

        Those of its shape; where it is accepted, those of its name, by its attackers and others, that are accepted for
        the same reason: not those for which a reason that stands before it in the profile comes first.
        """
        if finding.residual is None:
            return [has_all_of(finding.trace.shape)]
        first = [
            set(each.attackers) - finding.attackers
            for each in itertools.takewhile(lambda each: each != finding.residual, self._residuals)
            if (each.goal, each.attack) == (finding.goal, finding.name)
        ]
        kind = [
            f'named("{finding.name}")',
            *(f"attacker({each})" for each in sorted(finding.attackers - {_ALWAYS})),
        ]
        return [
            ", ".join((*kind, *(f"not attacker({each})" for each in absent)))
            for absent in itertools.product(*map(sorted, first))
        ]

    def _unexplained(
        self, attackers: frozenset[str], goal: str, findings: Sequence[Finding]
    ) -> tuple[list[Finding], bool]:
        """Return an attack that is left where what would close the accepted ones is switched on, and whether all was seen.

        An attack that has all the steps of an accepted one and more would otherwise hide behind it. Mostly there is none.
        """
        closing = _closing(findings)
        if not closing:
            return [], True
        mended = with_mechanisms(self._mechanisms, sorted(closing))
        # What one set of attackers was seen to do there need not be looked for again with another.
        hidden = self._hidden.setdefault(
            mended, _Searched(mended, self._bound, self._residuals, 1, by_kind=self._asked)
        )
        if self._by_kind and not self._hides_anything(hidden, mended, goal):
            return [], True
        left, finished = hidden.more(attackers, goal, (), limit=1)
        unexplained = [finding for finding in left if finding.residual is None]
        return unexplained, finished or bool(unexplained)

    def _hides_anything(self, hidden: _Searched, mended: frozenset[str], goal: str) -> bool:
        """Say whether all attackers together can do something that is hidden; asked once."""
        if mended not in self._all_can:
            left, _ = hidden.more(self._everybody, goal, (), limit=1)
            self._all_can[mended] = any(finding.residual is None for finding in left)
        return self._all_can[mended]

    def _next(self, attackers: frozenset[str], goal: str, known: Sequence[Finding]) -> list[Finding]:
        """Return the shortest attack that is not known; where it is accepted all that are as short, or it may hide one."""
        setting = Setting(self._mechanisms, attackers, self._bound)
        first = search(setting, goal, forbidden=self._forbidden(known))
        if first is None:
            return []
        finding = self._finding(first, goal)
        if finding.residual is None:
            return [finding]
        self._accepted.append(Runs([first]))
        found = [finding]
        # Those by as few attackers come first: what others can do with the same steps is then no further attack.
        for most in (len(first.attackers), len(ATTACKERS)):
            finished = False
            while not finished:
                traces, finished = as_short(
                    setting, goal, steps=len(first.events), most=most, forbidden=self._forbidden(known)
                )
                same = [self._finding(trace, goal) for trace in traces]
                found += same
                self._accepted.append(Runs([each.trace for each in same if each.residual]))
                if any(each.residual is None for each in same):
                    return found
        return found

    def _forbidden(self, known: Sequence[Finding]) -> list[Shape | Runs]:
        return [*self._accepted, *(each.trace.shape for each in known if each.residual is None)]

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


def _closing(findings: Sequence[Finding]) -> frozenset[str]:
    """Return a mechanism for each accepted attack that one would close."""
    residuals = [finding.residual for finding in findings if finding.residual]
    return frozenset(residual.closed_by[0] for residual in residuals if residual.closed_by)


def _apart(found: Sequence[Finding], known: Sequence[Finding]) -> list[Finding]:
    """Return what nothing accepts, and of what is accepted one for each name and set of attackers that is new."""
    new: list[Finding] = []
    for finding in found:
        if finding.residual is None or not any(_same_by_fewer(other, finding) for other in (*known, *new)):
            new.append(finding)
    return new


def _same_by_fewer(known: Finding, found: Finding) -> bool:
    """Say whether an attack is known already, of attackers who are all among these."""
    same = (known.name, known.residual) == (found.name, found.residual)
    return same and known.attackers <= found.attackers


def _by_fewest(found: Sequence[Finding]) -> list[Finding]:
    """Return the attacks without those accepted ones that fewer of the same attackers can do as well."""
    return [
        each
        for each in found
        if each.residual is None
        or not any(other.attackers < each.attackers and _same_by_fewer(other, each) for other in found)
    ]


def _covers(known: Finding, found: Finding) -> bool:
    """Say whether an attack is of a kind that is known."""
    if known.residual is None:
        return known.trace.shape <= found.trace.shape
    return _same_by_fewer(known, found)


def _importance(finding: Finding, attackers: frozenset[str]) -> tuple[bool, int, int]:
    """Order what nothing accepts first, then what needs these very attackers, then the shorter story."""
    return finding.residual is not None, len(attackers - finding.attackers), len(finding.trace.events)


def alike(examined: frozenset[str], mechanisms: frozenset[str], cells: Sequence[Cell], bound: Bound) -> bool:
    """Say whether ``cells``, found with the mechanisms that were examined, are what others would give.

    They are where the model says the same with either, also once what closes the accepted attacks is switched on, and
    where attacks are called the same.
    """
    added = {(), *(tuple(sorted(_closing(cell.findings))) for cell in cells)}
    return examined & DECISIVE == mechanisms & DECISIVE and all(
        ground_rules(with_mechanisms(examined, more), bound)
        == ground_rules(with_mechanisms(mechanisms, more), bound)
        for more in added
    )


def with_other_mechanisms(cells: Sequence[Cell], mechanisms: frozenset[str]) -> list[Cell]:
    """Return the cells for mechanisms with which the model says the same."""
    return [
        replace(
            cell,
            findings=tuple(
                replace(finding, mechanisms=mechanisms, trace=replace(finding.trace, mechanisms=mechanisms))
                for finding in cell.findings
            ),
        )
        for cell in cells
    ]


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
