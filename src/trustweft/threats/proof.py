"""A whole examination of one profile: the matrix, the ways to close what was found, and what it all rests upon."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from trustweft.profile.mechanisms import KINDS, load_mechanisms
from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.fixes import Promises, Workshop
from trustweft.threats.matrix import Cell, alike, examine, merge, with_other_mechanisms
from trustweft.threats.model.goals import goals_for
from trustweft.threats.narrate import narrate
from trustweft.threats.setting import ATTACKERS, DEEP, DEFAULT, Bound, Setting
from trustweft.threats.solve import honest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trustweft.profile.governance import Residual
    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.fixes import Fix, Safe
    from trustweft.threats.matrix import Finding, Verdict
    from trustweft.threats.traces import Runs, Trace

__all__ = ["ASSUMPTIONS", "Proof", "Subject", "changed", "prove", "variants"]

# What a fix is asked for: mechanisms that are on, attackers, goal.
Question = tuple[frozenset[str], frozenset[str], str]

ASSUMPTIONS: Final = (
    "TLS, browsers, devices, keys and random values are sound; the honest participants do what the profile says.",
    "Signed and encrypted values are atomic: they are sent on whole or made with one's own keys, never edited.",
    "Messages are typed, and one value of each type is enough for all that an attacker makes up.",
    "There is no clock: lifetimes make windows smaller, and close nothing here.",
    "There are one honest client (with `second_client` two), one honest authorization server, and the attackers' own, in the sessions of the bound.",
    "A flow begins because its user wants it, unless the initiator is among the attackers.",
    "A2 is stopped by TLS, but for what the profile lets pass without it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is examined.

    Attributes:
        mechanisms: ids of what is on.
        choices: alternatives that the profile leaves: ``sc=mtls`` in place of another grade, ``jarm`` on or off.
        residuals: what the profile accepts.
        requirements: ids of the clauses of the specifications that the profile follows.
    """

    name: str
    title: str
    mechanisms: frozenset[str]
    choices: tuple[str, ...] = ()
    residuals: tuple[Residual, ...] = ()
    requirements: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came of it.

    Attributes:
        variants: the sets of mechanisms that the profile allows; the cells tell the worst of all.
        honest: runs that should be possible, by what they show; None for one that is not.
        fixes: for each attack that nothing accepts, what closes it.
    """

    subject: Subject
    bound: Bound
    attackers: tuple[str, ...]
    variants: tuple[frozenset[str], ...]
    honest: Mapping[str, Trace | None]
    cells: tuple[Cell, ...] = ()
    fixes: Mapping[Question, tuple[Fix, ...]] = field(default_factory=dict)

    @property
    def impossible(self) -> tuple[str, ...]:
        """What honest people cannot do; where there is any, no verdict means anything."""
        return tuple(name for name, run in self.honest.items() if run is None and not _is_capability(name))

    @property
    def unused(self) -> tuple[str, ...]:
        """Capabilities of attackers that this profile leaves no use for: TLS everywhere, and A2 reads nothing."""
        return tuple(name for name, run in self.honest.items() if run is None and _is_capability(name))

    @property
    def attacks(self) -> tuple[Finding, ...]:
        """Every attack that nothing accepts, once, the ones of the fewest attackers first."""
        found = _once(each for cell in self.cells for each in cell.findings if each.residual is None)
        return tuple(sorted(found, key=lambda each: (len(each.attackers), sorted(each.attackers))))

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """Every attack that the profile accepts, once."""
        found = _once(each for cell in self.cells for each in cell.findings if each.residual is not None)
        fewest = sorted(found, key=lambda each: len(each.attackers))
        return tuple({(each.goal, each.name): each for each in reversed(fewest)}.values())[::-1]

    @property
    def secure(self) -> bool:
        """Whether nothing goes beyond what the profile accepts, within the bound."""
        return not self.impossible and all(cell.verdict != "attack" for cell in self.cells)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with the bound that it holds in."""
        if self.impossible:
            return f"nothing can be said, because this is impossible: {', '.join(self.impossible)}."
        within = f"with at most {self.bound}"
        if not self.secure:
            named = dict.fromkeys(finding.name or "one without a name" for finding in self.attacks)
            return f"attacks found {within}, beyond what the profile accepts: {', '.join(named)}."
        beyond = " beyond the residual risks that the profile accepts" if self.accepted else ""
        return f"no attack {within}{beyond}."

    def closing(self, finding: Finding) -> tuple[Fix, ...]:
        """Return what closes an attack that nothing accepts, cheapest first."""
        return self.fixes.get(_question(finding), ())

    def missing(self, finding: Finding) -> tuple[str, ...]:
        """Return the requirements that ask for what would close an attack, by the cheapest fix that has any.

        A fix that the profile's own specifications ask for is named before a cheaper one that others ask for.
        """
        registry = load_mechanisms()
        asked = [
            tuple(dict.fromkeys(row for each in fix.mechanisms for row in registry[each].requirements))
            for fix in self.closing(finding)
        ]
        own = (tuple(row for row in rows if row in self.subject.requirements) for rows in asked)
        return next((rows for rows in (*own, *asked) if rows), ())

    def as_document(self) -> dict[str, Any]:
        """Return the result for machines."""
        return {
            "profile": self.subject.name,
            "bound": {
                "client_sessions": self.bound.client_sessions,
                "server_sessions": self.bound.server_sessions,
                "pushes": self.bound.pushes,
            },
            "cells": [self._cell(cell) for cell in self.cells],
            "assumptions": list(ASSUMPTIONS),
        }

    def _cell(self, cell: Cell) -> dict[str, Any]:
        shown = cell.findings[0] if cell.findings else None
        return {
            "attackers": list(cell.attackers),
            "goal": cell.goal,
            "verdict": cell.verdict,
            "attack": shown.name if shown else None,
            "trace": [line.text for line in narrate(shown.trace)] if shown else [],
            "fixes": [list(fix.mechanisms) for fix in self.closing(shown)] if shown else [],
        }


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding, the shortest, for each attack: the same name, goal and attackers are one attack."""
    best: dict[tuple[str, str | None, frozenset[str]], Finding] = {}
    for finding in findings:
        key = (finding.goal, finding.name, finding.attackers)
        if key not in best or len(finding.trace.events) < len(best[key].trace.events):
            best[key] = finding
    return tuple(best.values())


def _is_capability(run: str) -> bool:
    """Say whether a run of `honest` shows an attacker's capability: those begin with the attacker's id."""
    return run.split(" ", maxsplit=1)[0] in ATTACKERS


def changed(
    subject: Subject, *, without: Iterable[str], more: Iterable[str], registry: Mapping[str, Mechanism]
) -> Subject:
    """Return the subject with mechanisms off, and all that requires them, and others on.

    Whoever names a grade decides: the profile's alternatives of that kind are not looked at then. A grade that is
    switched off gives way to the weakest one.
    """
    mechanisms = subject.mechanisms
    decided = {each.partition("=")[0] for each in (*without, *more)}
    off = set(without)
    while dependent := {each for each in mechanisms - off if off & set(registry[each].requires)}:
        off |= dependent
    mechanisms -= off
    for kind, grades in KINDS.items():
        if not any(each.startswith(f"{kind}=") for each in mechanisms):
            mechanisms |= {f"{kind}={grades[0]}"}
    return replace(
        subject,
        mechanisms=with_mechanisms(mechanisms, more),
        choices=tuple(each for each in subject.choices if each.partition("=")[0] not in decided),
    )


def variants(mechanisms: frozenset[str], choices: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Return every set of mechanisms that a profile with choices allows, its own first."""
    alternatives: dict[str, list[str | None]] = {}
    for choice in choices:
        kind, graded, _ = choice.partition("=")
        key = kind if graded else choice
        alternatives.setdefault(key, [None]).append(choice)
    found = []
    for picked in itertools.product(*alternatives.values()):
        # A choice that is on already is one to leave out: an alternative without a grade is on or off.
        off = {each for each in picked if each and "=" not in each and each in mechanisms}
        on = [each for each in picked if each and each not in off]
        found.append(with_mechanisms(mechanisms - off, on))
    return tuple(dict.fromkeys(found))


def prove(
    subject: Subject, *, attackers: Sequence[str], bound: Bound = DEFAULT, attacks_per_cell: int = 2
) -> Proof:
    """Examine every variant of the subject against every combination of the attackers."""
    allowed = variants(subject.mechanisms, subject.choices)
    everybody = frozenset(attackers)
    runs: dict[str, Trace | None] = {}
    for mechanisms in allowed:
        for name, run in honest(Setting(mechanisms, everybody, bound)).items():
            runs[name] = None if run is None or runs.get(name, run) is None else run
    proof = Proof(subject=subject, bound=bound, attackers=tuple(attackers), variants=allowed, honest=runs)
    if proof.impossible:
        return proof
    goals = goals_for(subject.mechanisms, subject.requirements)
    matrices = []
    searched: dict[frozenset[str], list[Cell]] = {}
    for mechanisms in allowed:
        twin = next((each for each in searched if alike(each, mechanisms, searched[each], bound)), None)
        if twin is not None:
            matrices.append(with_other_mechanisms(searched[twin], mechanisms))
            continue
        known: list[Finding] = []
        accepted: dict[str, list[Runs]] = {}
        # What a few sessions show need not be looked for among many.
        for size in dict.fromkeys((DEFAULT, bound)) if bound == DEEP else (bound,):
            cells = examine(
                mechanisms,
                attackers=attackers,
                goals=goals,
                bound=size,
                residuals=subject.residuals,
                attacks_per_cell=attacks_per_cell,
                known=known,
                accepted=accepted,
            )
            known = list(dict.fromkeys(finding for cell in cells for finding in cell.findings))
        searched[mechanisms] = cells
        matrices.append(cells)
    proof = replace(proof, cells=tuple(merge(matrices)))
    return replace(proof, fixes=_fixes(proof))


def _question(finding: Finding) -> Question:
    return finding.mechanisms, finding.attackers, finding.goal


def _fixes(proof: Proof) -> dict[Question, tuple[Fix, ...]]:
    """Return what closes each attack, asked once for each goal, set of attackers and set of mechanisms."""
    registry = load_mechanisms()
    promises = _promises(proof)
    workshops: dict[frozenset[str], Workshop] = {}
    fixes: dict[Question, tuple[Fix, ...]] = {}
    shown = [cell.findings[0] for cell in proof.cells if cell.verdict == "attack"]
    for finding in (*proof.attacks, *shown):
        if finding.residual is not None or _question(finding) in fixes:
            continue
        if finding.mechanisms not in workshops:
            workshops[finding.mechanisms] = Workshop(
                finding.mechanisms,
                bound=proof.bound,
                promises=promises,
                registry=registry,
            )
        fixes[_question(finding)] = workshops[finding.mechanisms].fixes(finding.attackers, finding.goal)
    return fixes


def _promises(proof: Proof) -> Promises:
    """Return what a fix must not take away: verdicts of the largest sets of attackers, by goal."""
    return Promises(
        none=_largest(proof.cells, "none"),
        accepted=_largest(proof.cells, "accepted"),
        goals=tuple(dict.fromkeys(cell.goal for cell in proof.cells)),
        attackers=proof.attackers,
        requirements=proof.subject.requirements,
        residuals=proof.subject.residuals,
    )


def _largest(cells: Sequence[Cell], verdict: Verdict) -> tuple[Safe, ...]:
    """Return the largest sets of attackers with a verdict, with the goal that it is about."""
    same = [(frozenset(cell.attackers), cell.goal) for cell in cells if cell.verdict == verdict]
    return tuple(
        (attackers, goal)
        for attackers, goal in same
        if not any(other > attackers and about == goal for other, about in same)
    )
