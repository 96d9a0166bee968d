"""The description as an answer set program, which clingo grounds and searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.language import Rule

__all__ = ["program"]


def program(rules: Iterable[Rule]) -> str:
    """Return the rules as text for clingo, one line each with its name as a comment."""
    return "".join(f"{_line(rule)}  % {rule.name}\n" for rule in rules)


def _line(rule: Rule) -> str:
    body = ", ".join(map(str, rule.conditions))
    tail = f" :- {body}." if body else "."
    match rule.kind:
        case "fact" | "derive":
            return f"{rule.heads[0]}{tail}"
        case "step":
            return f"{{ {rule.heads[0]} }}{tail}"
        case "limit":
            several = "; ".join(map(str, rule.heads))
            return f":- {body}{', ' if body else ''}2 {{ {several} }}."
        case "forbid":
            return f":- {body}."
