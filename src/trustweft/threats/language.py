"""The language of the model: facts, steps that somebody may take, what follows from them, and what happens at most once.

Events only accumulate, and there is no clock: a run is a set of events in which each rests on others, never on itself.
That order is enough, because what somebody knows or has done is never taken back. Therefore only the scenario and the
profile may stand under ``not``; never an event, and never knowledge.

Atoms are written as text: names begin with a small letter, variables with a capital one, ``_`` is anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Atom",
    "Condition",
    "Kind",
    "Role",
    "Rule",
    "Term",
    "derive",
    "fact",
    "forbid",
    "limit",
    "parse",
    "step",
]

Kind = Literal["fact", "derive", "step", "limit", "forbid"]
Role = Literal["scenario", "user", "client", "authorization-server", "resource-server", "attacker", "goal"]

_TOKEN: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+|!=|==|[(),])")


@dataclass(frozen=True)
class Term:
    """A constant, a variable or a compound: ``has``, ``S``, ``code(I)``."""

    name: str
    arguments: tuple[Term, ...] = ()

    @property
    def is_variable(self) -> bool:
        """Say whether this stands for any value."""
        return not self.arguments and (self.name[0].isupper() or self.name[0] == "_")

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.arguments))})" if self.arguments else self.name

    def variables(self) -> Iterator[str]:
        """Yield the names of the variables inside, ``_`` left out."""
        if self.is_variable and self.name != "_":
            yield self.name
        for argument in self.arguments:
            yield from argument.variables()


Atom = Term


@dataclass(frozen=True)
class Condition:
    """One condition of a rule: an atom, the absence of a fact, or a comparison of two terms."""

    kind: Literal["holds", "absent", "equal", "different"]
    left: Term
    right: Term | None = None

    def __str__(self) -> str:
        match self.kind:
            case "holds":
                return str(self.left)
            case "absent":
                return f"not {self.left}"
            case "equal":
                return f"{self.left} = {self.right}"
            case "different":
                return f"{self.left} != {self.right}"


@dataclass(frozen=True)
class Rule:
    """One rule of the model.

    Attributes:
        name: the rule's own name, ``participant.what-it-is``.
        kind: ``fact`` holds; ``derive`` holds when its body does; ``step`` may be taken then; ``limit`` lets at most
            one of its heads happen for each case of its body; ``forbid`` rules its body out.
        role: who acts, or whose rule it is.
        heads: the atoms (one, but for ``limit``).
        body: what it rests on.
        checks: conditions that a participant verifies: taken out one by one to see that the corpus notices.
        attacker: the attacker's id when this is a capability of one.
    """

    name: str
    kind: Kind
    role: Role
    heads: tuple[Atom, ...]
    body: tuple[Condition, ...] = ()
    checks: tuple[Condition, ...] = ()
    attacker: str | None = None

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Everything that the rule asks for."""
        capability = (Condition("holds", Term("attacker", (Term(self.attacker),))),) if self.attacker else ()
        return (*self.body, *self.checks, *capability)


def parse(text: str) -> Term:
    """Read one term.

    Raises:
        ValueError: it is malformed.
    """
    tokens = _tokens(text)
    term, rest = _term(tokens, text)
    if rest:
        raise ValueError(f"{text!r}: {rest[0]!r} is not expected")
    return term


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{text!r}: cannot be read from {text[position:]!r} on")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _term(tokens: list[str], text: str) -> tuple[Term, list[str]]:
    if not tokens or not (tokens[0][0].isalnum() or tokens[0][0] == "_"):
        raise ValueError(f"{text!r}: a name is missing")
    name, rest = tokens[0], tokens[1:]
    if not rest or rest[0] != "(":
        return Term(name), rest
    arguments: list[Term] = []
    while rest and rest[0] in "(,":
        argument, rest = _term(rest[1:], text)
        arguments.append(argument)
    if not rest or rest[0] != ")":
        raise ValueError(f"{text!r}: a bracket is not closed")
    return Term(name, tuple(arguments)), rest[1:]


def _condition(text: str) -> Condition:
    text = text.strip()
    if text.startswith("not "):
        return Condition("absent", parse(text[4:]))
    for sign, kind in (("!=", "different"), ("==", "equal")):
        if sign in text:
            left, right = text.split(sign)
            return Condition("different" if kind == "different" else "equal", parse(left), parse(right))
    return Condition("holds", parse(text))


def _conditions(texts: Iterable[str]) -> tuple[Condition, ...]:
    return tuple(_condition(part) for text in texts for part in _split(text))


def _split(text: str) -> list[str]:
    """Split ``a(X,Y), not b(X)`` at the commas that are outside of brackets."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def fact(name: str, head: str) -> Rule:
    """Return a fact of the scenario."""
    return Rule(name, "fact", "scenario", (parse(head),))


def derive(
    name: str, role: Role, head: str, *body: str, checks: tuple[str, ...] = (), attacker: str | None = None
) -> Rule:
    """Return what follows by itself."""
    return Rule(name, "derive", role, (parse(head),), _conditions(body), _conditions(checks), attacker)


def step(
    name: str, role: Role, head: str, *body: str, checks: tuple[str, ...] = (), attacker: str | None = None
) -> Rule:
    """Return what somebody may do."""
    return Rule(name, "step", role, (parse(head),), _conditions(body), _conditions(checks), attacker)


def limit(name: str, role: Role, heads: tuple[str, ...], *body: str) -> Rule:
    """Return what happens at most once for each case of ``body``."""
    return Rule(name, "limit", role, tuple(map(parse, heads)), _conditions(body))


def forbid(name: str, role: Role, *body: str) -> Rule:
    """Return what a participant refuses."""
    return Rule(name, "forbid", role, (), _conditions(body))
