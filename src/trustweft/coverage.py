"""What becomes of each requirement: who enforces it, who audits it, which attacks it closes, or why that cell is empty.

The marks are read from the source text and nothing is imported for it, so that a missing extra hides no mark.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.profile import load_requirements, load_specification
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.runtime.enforces import Enforcement
from trustweft.threats.corpus import corpus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from importlib.resources.abc import Traversable

    from trustweft.profile import Level, Participant, Requirement

__all__ = ["BINDING", "Row", "attacks_closed", "cover", "find_enforcements", "holes_of"]

BINDING: Final = frozenset({"shall", "shall not"})
_ASKING: Final = BINDING | {
    "should",
    "should not",
}  # what may be, and advice, leaves no hole where nobody takes it
_PACKAGE: Final = "trustweft"
_MARK: Final = "enforces"


class Row(Struct, frozen=True, kw_only=True):
    """One requirement and what becomes of it.

    Attributes:
        enforced_by: functions, as ``module.function``.
        audited_by: checks of the auditor; None where nobody has said which.
        closes: attacks that succeed without it; None where nobody has said which.
        operational: why people satisfy it, and no software.
        not_modelled: why the prover knows no attack against it.
        not_observable: why no audit sees it.
        suite_tags: the conformance suite's tags for it.
        superseded_by: the clause that is kept in its place.
        not_built: why this version does not do it yet; such a row has no holes, and is counted apart.
        holes: the columns that are empty without a reason, where the clause asks for something.
    """

    requirement: str
    section: str
    participants: tuple[Participant, ...]
    level: Level
    sentence: str
    mechanism: str
    enforced_by: tuple[str, ...]
    audited_by: tuple[str, ...] | None
    closes: tuple[str, ...] | None
    operational: str | None
    not_modelled: str | None
    not_observable: str | None
    suite_tags: tuple[str, ...]
    superseded_by: str | None
    not_built: str | None
    holes: tuple[str, ...]


def cover(
    specification: str,
    *,
    audits: Mapping[str, Sequence[str]] | None = None,
    attacks: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Row, ...]:
    """Return the coverage of every requirement of a specification, in its order.

    Args:
        specification: its short id, for example ``FAPI2-SP``.
        audits: the checks that test each requirement, by its id; None where they are not known.
        attacks: the attacks that each requirement closes, by its id; None where they are not known.

    Raises:
        ProfileError: there is no table of that specification.
    """
    enforced = _by_requirement(find_enforcements())
    not_built = load_specification(specification).not_built
    return tuple(
        _row(requirement, enforced, audits=audits, attacks=attacks, not_built=not_built)
        for requirement in load_requirements(specification)
    )


def holes_of(rows: Sequence[Row], levels: Collection[str] = BINDING) -> tuple[Row, ...]:
    """Return the rows with a hole among those of the given levels."""
    return tuple(row for row in rows if row.holes and row.level in levels)


def attacks_closed() -> dict[str, tuple[str, ...]]:
    """Return the known attacks that each requirement closes, by its id.

    A requirement closes what the mechanism closes that satisfies it, and what the corpus says of the clause itself.
    """
    mechanisms = load_mechanisms()
    found: dict[str, dict[str, None]] = {}
    for attack in corpus().attack:
        closing = {mechanism for each in attack.closed_by for mechanism in each}
        satisfied = {clause for each in closing & set(mechanisms) for clause in mechanisms[each].requirements}
        for requirement in satisfied.union(attack.requirements):
            found.setdefault(requirement, {})[attack.id] = None
    return {requirement: tuple(attacks) for requirement, attacks in found.items()}


@cache
def find_enforcements() -> tuple[Enforcement, ...]:
    """Return every `@enforces` mark in the source of the product, in the order of the files."""
    root = files(_PACKAGE)
    return tuple(mark for module, source in _modules(root, _PACKAGE) for mark in _marks(module, source))


def _modules(folder: Traversable, package: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each module below a folder that could have a mark."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _modules(entry, f"{package}.{entry.name}")
        elif entry.name.endswith(".py"):
            source = entry.read_text(encoding="utf-8")
            if f"@{_MARK}(" in source:
                name = entry.name.removesuffix(".py")
                yield package if name == "__init__" else f"{package}.{name}", source


def _marks(module: str, source: str) -> Iterator[Enforcement]:
    def walk(node: ast.AST, path: tuple[str, ...]) -> Iterator[Enforcement]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from walk(child, (*path, child.name))
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                for identifier in _identifiers(child):
                    yield Enforcement(identifier, module, ".".join((*path, child.name)))
                yield from walk(child, (*path, child.name, "<locals>"))
            else:
                yield from walk(child, path)

    yield from walk(ast.parse(source), ())


def _identifiers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id=name), args=arguments) if name == _MARK:
                yield from (ast.literal_eval(argument) for argument in arguments)


def _by_requirement(marks: Sequence[Enforcement]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for mark in marks:
        found[mark.requirement] = (*found.get(mark.requirement, ()), f"{mark.module}.{mark.function}")
    return found


def _row(
    requirement: Requirement,
    enforced: Mapping[str, tuple[str, ...]],
    *,
    audits: Mapping[str, Sequence[str]] | None,
    attacks: Mapping[str, Sequence[str]] | None,
    not_built: str | None,
) -> Row:
    enforced_by = enforced.get(requirement.id, ())
    audited_by = None if audits is None else tuple(audits.get(requirement.id, ()))
    closes = None if attacks is None else tuple(attacks.get(requirement.id, ()))
    # A reason stands for one cell: who sees it, and what it is good for. What people do in place of software is neither
    # seen from outside nor part of the model.
    waiting = None if enforced_by else requirement.not_built or not_built
    excused = requirement.operational or requirement.superseded_by or waiting
    asked = requirement.level in _ASKING and not excused
    holes = {
        "enforced by": not enforced_by,
        "audited by": audited_by == () and requirement.not_observable is None,
        "attacks closed": closes == () and requirement.not_modelled is None,
    }
    return Row(
        requirement=requirement.id,
        section=requirement.section,
        participants=requirement.participants,
        level=requirement.level,
        sentence=requirement.sentence,
        mechanism=requirement.mechanism,
        enforced_by=enforced_by,
        audited_by=audited_by,
        closes=closes,
        operational=requirement.operational,
        not_modelled=requirement.not_modelled,
        not_observable=requirement.not_observable,
        suite_tags=requirement.suite_tags,
        superseded_by=requirement.superseded_by,
        not_built=waiting,
        holes=tuple(column for column, empty in holes.items() if asked and empty),
    )
