"""What an attacker obtains: findings joined to attack chains, and the grade that follows from them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.audit.results import Chain
from trustweft.audit.verdict import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.results import Result

__all__ = ["chains_of", "gains", "grade"]

_GRADES: Final = {
    Severity.CRITICAL: "F",
    Severity.HIGH: "D",
    Severity.MEDIUM: "C",
    Severity.LOW: "B",
    Severity.INFO: "A",
}
_ENOUGH: Final = 0.5  # our choice: with fewer of the checks carried out, a grade would mean nothing


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to something: it is open where a finding gives each of ``needs``."""

    id: str
    needs: tuple[str, ...]
    obtains: str
    attacker: str
    severity: Severity
    steps: tuple[str, ...]


class _Gain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a failed check hands to an attacker."""

    id: str
    text: str


class _Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    gain: tuple[_Gain, ...]
    chain: tuple[_Rule, ...]


@cache
def _rules() -> _Rules:
    text = files("trustweft.audit").joinpath("chains.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Rules)


def gains() -> dict[str, str]:
    """Return what failed checks can hand to an attacker, each with its words."""
    return {gain.id: gain.text for gain in _rules().gain}


def chains_of(results: Sequence[Result]) -> tuple[Chain, ...]:
    """Return the ways that these findings open, the worst first."""
    givers: dict[str, list[str]] = {}
    for result in results:
        for gain in result.gives:
            givers.setdefault(gain, []).append(result.id)
    order = list(Severity)
    found = [
        Chain(
            id=rule.id,
            obtains=rule.obtains,
            attacker=rule.attacker,
            severity=rule.severity,
            steps=rule.steps,
            checks=tuple(dict.fromkeys(check for need in rule.needs for check in givers[need])),
        )
        for rule in _rules().chain
        if all(need in givers for need in rule.needs)
    ]
    return tuple(sorted(found, key=lambda chain: (order.index(Severity(chain.severity)), chain.id)))


def grade(results: Sequence[Result], chains: Sequence[Chain]) -> str:
    """Return ``A`` to ``F`` by the worst that an attacker obtains; ``-`` where too little was carried out.

    Without a chain it is ``A``, and ``B`` where something fails that leads nowhere by itself. A grade says that nothing
    worse was found by somebody who looked, so a run in which hardly anything could be tried has none, whatever it found.
    ``F`` is the exception: there is nothing worse, so an open API is an ``F`` though nobody could log in.
    """
    carried_out = [
        each for each in results if each.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.SUSPECTED)
    ]
    possible = [each for each in results if each.verdict is not Verdict.NOT_APPLICABLE]
    worst = min((Severity(chain.severity) for chain in chains), key=list(Severity).index, default=None)
    if worst is not Severity.CRITICAL and len(carried_out) < _ENOUGH * max(1, len(possible)):
        return "-"
    if worst is not None:
        return _GRADES[worst]
    return "B" if any(each.verdict is Verdict.FAIL for each in results) else "A"
