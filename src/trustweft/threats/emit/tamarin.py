"""The model of one setting as a theory for Tamarin: what happened stays, as persistent facts; once is a restriction.

That something holds is a fact ``Is...``, that it came about an action ``Did...``: Tamarin takes one name for one kind of
fact, and has names of its own, such as ``K`` for what the adversary knows.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Final

from trustweft.threats.emit.resolved import name_anonymous, possible, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trustweft.threats.language import Condition, Rule, Term
    from trustweft.threats.setting import Setting

__all__ = ["tamarin"]

_COMPARISONS: Final = {
    "equal": 'restriction equal: "All x y #i. Equal(x, y) @ #i ==> x = y"',
    "different": 'restriction different: "All x y #i. Different(x, y) @ #i ==> not (x = y)"',
}


def tamarin(rules: Iterable[Rule], setting: Setting, *, goal: str) -> str:
    """Return the theory, with the lemma that ``goal`` is never broken and the one that the honest flow is possible."""
    kept = [name_anonymous(rule) for rule in possible(resolved(rules, setting))]
    acting = [rule for rule in kept if rule.heads and rule.kind != "limit"]
    atoms = [atom for rule in kept for atom in (*rule.heads, *(each.left for each in rule.body))]
    functions = sorted(
        {pair for atom in atoms for argument in atom.arguments for pair in _functions(argument)}
    )
    compared = {condition.kind for rule in acting for condition in rule.body}
    lines = [
        "theory Trustweft begin",
        f"/* {goal}; {', '.join(sorted(setting.attackers))}; {setting.bound} */",
        *([f"functions: {', '.join(f'{name}/{arity}' for name, arity in functions)}"] if functions else []),
        *(text for kind, text in _COMPARISONS.items() if kind in compared),
        "",
        *map(_rule, acting),
        *(line for rule in kept if rule.kind == "limit" for line in _once(rule)),
        *(_never(rule) for rule in kept if rule.kind == "forbid"),
        f"lemma never: \"not (Ex #i. DidBroken('{goal.replace('-', '_')}') @ #i)\"",
        "lemma honest: exists-trace \"Ex #i. DidHonest('whole') @ #i\"",
        "end",
        "",
    ]
    return "\n".join(lines)


def _functions(term: Term) -> set[tuple[str, int]]:
    own = {(term.name, len(term.arguments))} if term.arguments else set()
    return own.union(*(_functions(argument) for argument in term.arguments))


def _identifier(rule: Rule) -> str:
    return "".join(character if character.isalnum() else "_" for character in rule.name)


def _rule(rule: Rule) -> str:
    needs = ", ".join(_fact(each.left) for each in rule.body if each.kind == "holds")
    compared = [_comparison(each) for each in rule.body if each.kind in {"equal", "different"}]
    head = rule.heads[0]
    actions = ", ".join([_action(head), *compared])
    return f"rule {_identifier(rule)}: [ {needs} ] --[ {actions} ]-> [ {_fact(head)} ]"


def _comparison(condition: Condition) -> str:
    if condition.right is None:
        raise ValueError(f"{condition}: a comparison has two sides")
    name = "Equal" if condition.kind == "equal" else "Different"
    return f"{name}({_term(condition.left)}, {_term(condition.right)})"


def _once(rule: Rule) -> Iterator[str]:
    """Yield a restriction for each pair of heads: the same case, so the same moment, or for two kinds, never both."""
    case = {name for condition in rule.body for name in condition.left.variables()}
    pairs = combinations_with_replacement(range(len(rule.heads)), 2)
    for number, (first, second) in enumerate(pairs):
        one, other = _action(rule.heads[first]), _action(_renamed(rule.heads[second], case))
        names = {*rule.heads[first].variables(), *_renamed(rule.heads[second], case).variables()}
        bound = " ".join(sorted(name.lower() for name in names))
        conclusion = "#i = #j" if first == second else "F"
        yield (
            f'restriction {_identifier(rule)}_{number}: "All {bound} #i #j. {one} @ #i & {other} @ #j ==> {conclusion}"'
        )


def _renamed(term: Term, kept: set[str]) -> Term:
    if term.is_variable:
        return term if term.name in kept else type(term)(f"{term.name}2")
    return type(term)(term.name, tuple(_renamed(argument, kept) for argument in term.arguments))


def _never(rule: Rule) -> str:
    events = [each.left for each in rule.body if each.kind == "holds"]
    bound = " ".join(sorted({name.lower() for event in events for name in event.variables()}))
    moments = [f"{_action(event)} @ #i{number}" for number, event in enumerate(events)]
    times = " ".join(f"#i{number}" for number in range(len(events)))
    return f'restriction {_identifier(rule)}: "not (Ex {bound} {times}. {" & ".join(moments)})"'


def _fact(atom: Term) -> str:
    return f"!Is{_applied(atom)}"


def _action(atom: Term) -> str:
    return f"Did{_applied(atom)}"


def _applied(atom: Term) -> str:
    return f"{atom.name[0].upper()}{atom.name[1:]}({', '.join(map(_term, atom.arguments))})"


def _term(term: Term) -> str:
    if term.is_variable:
        return term.name.lower()
    return f"{term.name}({', '.join(map(_term, term.arguments))})" if term.arguments else f"'{term.name}'"
