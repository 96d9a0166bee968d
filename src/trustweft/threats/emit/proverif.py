"""The model of one setting as Horn clauses for ProVerif (``proverif -in horn``).

Horn clauses know nothing of "at most once": what may happen once may happen often here, so that an attack which is
found there need not be one. No attack there is no attack, in any number of the same sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.threats.emit.resolved import name_anonymous, possible, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.language import Condition, Rule, Term
    from trustweft.threats.setting import Setting

__all__ = ["proverif"]


def proverif(rules: Iterable[Rule], setting: Setting, *, goal: str) -> str:
    """Return the clauses and the query whether ``goal`` can be broken."""
    kept = [name_anonymous(rule) for rule in possible(resolved(rules, setting))]
    clauses = [rule for rule in kept if rule.heads and rule.kind != "limit"]
    atoms = [atom for rule in clauses for atom in (*rule.heads, *_held(rule))]
    predicates = sorted({("broken", 1), *((atom.name, len(atom.arguments)) for atom in atoms)})
    functions = sorted(
        {pair for atom in atoms for argument in atom.arguments for pair in _functions(argument)}
    )
    left_out = [rule.name for rule in kept if rule.kind in {"limit", "forbid"}]
    lines = [
        f"(* {goal}; {', '.join(sorted(setting.attackers))}; {setting.bound} *)",
        f"(* left out, because clauses cannot say it: {', '.join(left_out)} *)",
        *(f"pred {name}/{arity}." for name, arity in predicates),
        *(f"fun {name}/{arity}." for name, arity in functions),
        f"query broken:{goal.replace('-', '_')}[].",
        "reduc",
        ";\n".join(f"  (* {rule.name} *) {_clause(rule)}" for rule in clauses) + ".",
        "",
    ]
    return "\n".join(lines)


def _held(rule: Rule) -> list[Term]:
    return [condition.left for condition in rule.body if condition.kind == "holds"]


def _functions(term: Term) -> set[tuple[str, int]]:
    own = {(term.name, len(term.arguments))} if term.arguments else set()
    return own.union(*(_functions(argument) for argument in term.arguments))


def _clause(rule: Rule) -> str:
    body = " & ".join(map(_condition, rule.body))
    return f"{body} -> {_fact(rule.heads[0])}" if body else _fact(rule.heads[0])


def _condition(condition: Condition) -> str:
    if condition.kind == "holds":
        return _fact(condition.left)
    if condition.kind != "different" or condition.right is None:
        raise ValueError(f"{condition}: of two terms, clauses can only say that they differ")
    return f"{_term(condition.left)} <> {_term(condition.right)}"


def _fact(atom: Term) -> str:
    return f"{atom.name}:{','.join(map(_term, atom.arguments))}"


def _term(term: Term) -> str:
    if term.is_variable:
        return f"v{term.name}"
    return f"{term.name}({','.join(map(_term, term.arguments))})" if term.arguments else f"{term.name}[]"
