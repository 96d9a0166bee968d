"""What a check is: one function with what it tests, and what it returns."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustweft.audit.verdict import Reach, Role, Safety, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.trial import Trial

__all__ = [
    "Check",
    "CheckFunction",
    "GrantRefused",
    "Inconclusive",
    "LoginFailed",
    "NotApplicable",
    "Outcome",
    "check",
    "checks_of",
    "failed",
    "passed",
    "suspected",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found out.

    Attributes:
        reason: one sentence about this deployment.
    """

    verdict: Verdict
    reason: str


class NotApplicable(Exception):  # noqa: N818  # it is a verdict, not an error
    """There is nothing here that the check could attack; the argument says what is missing."""


class Inconclusive(Exception):  # noqa: N818  # it is a verdict, not an error
    """The check could not be carried out; the argument says why."""


class LoginFailed(Inconclusive):
    """The server does not let a user in: to try again with every check would lock somebody's account."""


class GrantRefused(LoginFailed):
    """The password grant refuses a user to one client: for the password, or because it wants a second factor there."""


def passed(reason: str) -> Outcome:
    """Return that the attack was refused."""
    return Outcome(Verdict.PASS, reason)


def failed(reason: str) -> Outcome:
    """Return that the attack went through."""
    return Outcome(Verdict.FAIL, reason)


def suspected(reason: str) -> Outcome:
    """Return that there are signs of a weakness, and no proof."""
    return Outcome(Verdict.SUSPECTED, reason)


if TYPE_CHECKING:
    CheckFunction = Callable[[Trial], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold, and how it is tried.

    Attributes:
        id: of the catalogue, for example ``TK-01``; never changes its meaning.
        title: what must hold, as one sentence.
        sends: what is sent, in a few words; for the dry run.
        fix: what the one who is responsible must do.
        requirements: ids of the requirement tables.
        role: who is responsible.
        severity: where it fails.
        safety: how much it does.
        reach: whom the clause binds.
        rfc9700_attackers: of RFC 9700 section 3, for example ``A1``.
        fapi_attackers: of the FAPI 2.0 Attacker Model, for example ``A1a``.
        cwe: for example ``CWE-294``.
        owasp: of the API Security Top 10 2023, for example ``API2:2023``; empty where none fits.
        gives: what an attacker holds where it fails: names of ``chains.toml``.
        passive: it reads what other checks exchanged, and so comes after them.
        alone: nothing else may run beside it.
        agrees: it may say yes to what a server asks a person once for a client, and so comes after those that only look.
        waits: it has to wait for something to expire, and runs with ``--wait`` only.
        needs: leaves with what is missing here for any attempt, and sends nothing: asked before the level is, so that
            nobody raises it in vain.
        explanation: the function's docstring: it teaches.
        run: carries it out.
    """

    id: str
    title: str
    sends: str
    fix: str
    requirements: tuple[str, ...]
    role: Role
    severity: Severity
    safety: Safety
    reach: Reach
    rfc9700_attackers: tuple[str, ...]
    fapi_attackers: tuple[str, ...]
    cwe: str
    owasp: str
    gives: tuple[str, ...]
    passive: bool
    alone: bool
    agrees: bool
    waits: bool
    needs: Callable[[Trial], object] | None
    explanation: str
    run: CheckFunction


_MARK = "__trustweft_check__"


def check(  # noqa: PLR0913  # a check is a row with many columns
    id: str,  # noqa: A002  # the field's name
    *,
    title: str,
    sends: str,
    fix: str,
    role: Role,
    severity: Severity,
    cwe: str,
    requirements: tuple[str, ...] = (),
    safety: Safety = Safety.REQUESTS,
    reach: Reach = Reach.OAUTH,
    rfc9700_attackers: tuple[str, ...] = (),
    fapi_attackers: tuple[str, ...] = (),
    owasp: str = "",
    gives: tuple[str, ...] = (),
    passive: bool = False,
    alone: bool = False,
    agrees: bool = False,
    waits: bool = False,
    needs: Callable[[Trial], object] | None = None,
) -> Callable[[CheckFunction], CheckFunction]:
    """Make a check of a function that takes a ``Trial`` and returns an ``Outcome``; see ``Check`` for the fields."""

    def mark(function: CheckFunction) -> CheckFunction:
        made = Check(
            id=id,
            title=title,
            sends=sends,
            fix=fix,
            requirements=requirements,
            role=role,
            severity=severity,
            safety=safety,
            reach=reach,
            rfc9700_attackers=rfc9700_attackers,
            fapi_attackers=fapi_attackers,
            cwe=cwe,
            owasp=owasp,
            gives=gives,
            passive=passive,
            alone=alone,
            agrees=agrees,
            waits=waits,
            needs=needs,
            explanation=inspect.cleandoc(function.__doc__ or ""),
            run=function,
        )
        setattr(function, _MARK, made)
        return function

    return mark


def checks_of(module: object) -> tuple[Check, ...]:
    """Return the checks that a module defines, in the order of the file."""
    return tuple(
        getattr(value, _MARK) for value in vars(module).values() if callable(value) and hasattr(value, _MARK)
    )
