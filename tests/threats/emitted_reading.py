"""Reads the texts for Tamarin and ProVerif as strictly as those would: every line, every name, every variable.

The grammar is that part of each language which the emitted texts use. Whatever is not in it is refused.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Reading", "read_proverif", "read_tamarin"]

_TERM_TOKEN: Final = re.compile(r"\s*('[a-z0-9_]+'|[A-Za-z_][A-Za-z0-9_]*|\[\]|[(),])")
_RESERVED: Final = frozenset(("in", "out", "fr", "k", "ku", "kd", "ded"))


@dataclass
class Reading:
    """What a text declares and uses; `problems` is empty where it can be read."""

    problems: list[str] = field(default_factory=list)
    facts: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    actions: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    functions: dict[str, int] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)

    def refuse(self, where: str, why: str) -> None:
        """Remember what is wrong."""
        self.problems.append(f"{where}: {why}")


class _Terms:
    """Reads ``f(x, 'c')`` or ``f(vX,c[])`` and says which variables are in it."""

    def __init__(self, text: str, reading: Reading, where: str) -> None:
        self._where, self._reading = where, reading
        self._tokens = _tokens(text)
        if self._tokens is None:
            reading.refuse(where, f"{text!r} has other characters")
        self.variables: set[str] = set()

    def all(self) -> int:
        """Read terms with commas between them, and return how many."""
        if not self._tokens:
            return 0
        count = self._several()
        if self._tokens:
            self._reading.refuse(self._where, f"{self._tokens} is left over")
        return count

    def _several(self) -> int:
        count = 1
        self._one()
        while self._next(","):
            self._one()
            count += 1
        return count

    def _one(self) -> None:
        name = self._tokens.pop(0) if self._tokens else ""
        if not re.fullmatch(r"'[a-z0-9_]+'|[A-Za-z_][A-Za-z0-9_]*", name):
            self._reading.refuse(self._where, f"{name!r} is no term")
        elif self._next("("):
            arity = self._several()
            if not self._next(")"):
                self._reading.refuse(self._where, f"the bracket of {name} stays open")
            if self._reading.functions.get(name) != arity:
                self._reading.refuse(self._where, f"{name}/{arity} is not declared")
        elif not self._next("[]") and not name.startswith("'"):
            self.variables.add(name)

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False


def _tokens(text: str) -> list[str] | None:
    found, rest = [], text.strip()
    while rest:
        match = _TERM_TOKEN.match(rest)
        if match is None:
            return None
        found.append(match[1])
        rest = rest[match.end() :].strip()
    return found


def _split(text: str, separator: str) -> list[str]:
    """Split where no bracket is open."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


# ---- Tamarin


def read_tamarin(text: str) -> Reading:
    """Read a theory."""
    reading = Reading()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("/*")]
    if lines[0] != "theory Trustweft begin" or lines[-1] != "end":
        reading.refuse("theory", "it has no beginning or no end")
    formulas = []
    for line in lines[1:-1]:
        if line.startswith("functions: "):
            for declared in line.removeprefix("functions: ").split(", "):
                name, _, arity = declared.partition("/")
                if name in reading.functions:
                    reading.refuse(line, f"{name} is declared twice")
                reading.functions[name] = int(arity)
        elif match := re.fullmatch(r"rule (\w+): \[ (.*) \] --\[ (.*) \]-> \[ (.*) \]", line):
            _read_rule(reading, match[1], *(match[number] for number in (2, 3, 4)))
        elif match := re.fullmatch(r'(restriction|lemma) (\w+):( exists-trace)? "(.*)"', line):
            formulas.append((match[2], match[4]))
        else:
            reading.refuse(line, "no line of a theory")
    for name, formula in formulas:
        _read_formula(reading, name, formula)
    if len(set(map(str.lower, reading.rules))) != len(reading.rules):
        reading.refuse("theory", "two rules have one name")
    _judge_names(reading)
    return reading


def _read_rule(reading: Reading, name: str, needs: str, actions: str, makes: str) -> None:
    reading.rules.append(name)
    bound = _facts(reading, name, needs, reading.facts, persistent=True)
    used = _facts(reading, name, actions, reading.actions, persistent=False)
    used |= _facts(reading, name, makes, reading.facts, persistent=True)
    if used - bound:
        reading.refuse(name, f"unbound: {sorted(used - bound)}")


def _facts(
    reading: Reading, where: str, text: str, known: dict[str, set[int]], *, persistent: bool
) -> set[str]:
    variables: set[str] = set()
    for fact in _split(text, ","):
        match = re.fullmatch(r"(!?)([A-Z][A-Za-z0-9_]*)\((.*)\)", fact)
        if match is None or bool(match[1]) != persistent:
            reading.refuse(where, f"{fact!r} is no fact here")
            continue
        terms = _Terms(match[3], reading, where)
        known[match[2]].add(terms.all())
        variables |= terms.variables
    return variables


def _read_formula(reading: Reading, name: str, formula: str) -> None:
    """Read ``All x #i. A(x) @ #i ==> x = y``, ``not (Ex x #i. A(x) @ #i)`` or ``Ex #i. A('x') @ #i``."""
    inner = formula.removeprefix("not (").removesuffix(")") if formula.startswith("not (") else formula
    match = re.fullmatch(r"(All|Ex) ([^.]*)\. (.*?)(?: ==> (.*))?", inner)
    if match is None:
        reading.refuse(name, f"{formula!r} is no formula")
        return
    quantified = match[2].split()
    moments = {each for each in quantified if each.startswith("#")}
    used: set[str] = set()
    for atom in match[3].split(" & "):
        event = re.fullmatch(r"(.*) @ (#\w+)", atom)
        if event is None or event[2] not in moments:
            reading.refuse(name, f"{atom!r} is no event at a moment of its own")
            continue
        before = {each: set(arities) for each, arities in reading.actions.items()}
        used |= _facts(reading, name, event[1], reading.actions, persistent=False)
        if {each: set(arities) for each, arities in reading.actions.items()} != before:
            reading.refuse(name, f"no rule has the action of {atom!r}")
    if match[4] is not None and not re.fullmatch(r"F|#i = #j|x = y|not \(x = y\)", match[4]):
        reading.refuse(name, f"{match[4]!r} is no conclusion")
    if used != set(quantified) - moments:
        reading.refuse(name, "what is quantified is not what is used")


def _judge_names(reading: Reading) -> None:
    spelled = defaultdict(set)
    for kind, facts in (("fact", reading.facts), ("action", reading.actions)):
        for name, arities in facts.items():
            spelled[name.lower()].add((name, kind))
            if len(arities) != 1:
                reading.refuse(name, f"it has the arities {sorted(arities)}")
            if name.lower() in _RESERVED:
                reading.refuse(name, "it is a reserved name")
    for name, uses in spelled.items():
        if len(uses) != 1:
            reading.refuse(name, f"one name for several things: {sorted(uses)}")


# ---- ProVerif, untyped Horn clauses


def read_proverif(text: str) -> Reading:
    """Read clauses; a predicate stands in `Reading.facts`."""
    reading = Reading()
    text = re.sub(r"\(\*.*?\*\)", "", text)
    head, _, clauses = text.partition("reduc\n")
    declared: dict[str, int] = {}
    for line in filter(None, head.splitlines()):
        if match := re.fullmatch(r"(pred|fun) ([a-z][a-z0-9_]*)/([0-9]+)\.", line):
            table = declared if match[1] == "pred" else reading.functions
            if match[2] in table:
                reading.refuse(line, "it is declared twice")
            table[match[2]] = int(match[3])
        elif not (query := re.fullmatch(r"query (.*)\.", line)):
            reading.refuse(line, "no declaration")
        elif _variables(reading, line, query[1]):
            reading.refuse(line, "the query has variables")
    body = clauses.rstrip()
    if not body.endswith("."):
        reading.refuse("reduc", "it has no end")
    for clause in body.removesuffix(".").split(";\n"):
        _read_clause(reading, clause.strip())
    for name, arities in reading.facts.items():
        if arities != {declared.get(name)}:
            reading.refuse(name, f"declared is {declared.get(name)}, used is {sorted(arities)}")
    return reading


def _read_clause(reading: Reading, clause: str) -> None:
    reading.rules.append(clause)
    needs, arrow, makes = clause.rpartition(" -> ")
    bound: set[str] = set()
    compared: set[str] = set()
    for condition in needs.split(" & ") if arrow else ():
        left, differs, right = condition.partition(" <> ")
        if differs:
            for side in (left, right):
                terms = _Terms(side, reading, clause)
                terms.all()
                compared |= terms.variables
        else:
            bound |= _variables(reading, clause, condition)
    if (_variables(reading, clause, makes) | compared) - bound:
        reading.refuse(clause, "a variable is unbound")


def _variables(reading: Reading, where: str, fact: str) -> set[str]:
    match = re.fullmatch(r"([a-z][a-z0-9_]*):(.*)", fact)
    if match is None:
        reading.refuse(where, f"{fact!r} is no fact")
        return set()
    terms = _Terms(match[2], reading, where)
    reading.facts[match[1]].add(terms.all())
    return terms.variables
