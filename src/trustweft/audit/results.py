"""What a run found, as data: the JSON contract and what every report is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from trustweft.audit.verdict import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.audit.redaction import ShownEvidence

__all__ = ["Chain", "Reached", "Result", "Run", "Seen", "failures"]

_WORST: tuple[Severity, ...] = tuple(Severity)


class Result(Struct, frozen=True, kw_only=True):
    """What one check found.

    Attributes:
        reason: one sentence about this deployment.
        fingerprint: stays the same from run to run while the finding does.
    """

    id: str
    title: str
    verdict: Verdict
    reason: str
    requirements: tuple[str, ...]
    role: str
    severity: str
    advice: bool
    cwe: str
    owasp: str
    attackers: Mapping[str, tuple[str, ...]]
    fix: str
    gives: tuple[str, ...]
    seconds: float
    fingerprint: str
    evidence: tuple[ShownEvidence, ...]

    @property
    def found(self) -> bool:
        """Whether something is wrong, or seems so."""
        return self.verdict in (Verdict.FAIL, Verdict.SUSPECTED)


class Chain(Struct, frozen=True, kw_only=True):
    """A way to something that an attacker wants, made of findings.

    Attributes:
        obtains: what the attacker has at its end.
        attacker: who can walk it.
        steps: in plain words.
        checks: the findings that it needs.
    """

    id: str
    obtains: str
    attacker: str
    severity: str
    steps: tuple[str, ...]
    checks: tuple[str, ...]


class Reached(Struct, frozen=True, kw_only=True):
    """What the run reached, and what it did not: unreached is not the same as secure.

    Attributes:
        operations: names of operations that answered to a good request.
        writing: names of operations that write: up to level 1 only their refusals are tried.
        unreached: names of operations that did not answer, each with the reason.
        clients: that could obtain a token.
        locked_out: clients that could not.
        users: that could log in.
        missing: what the target file lacks, and what was left out for it.
    """

    operations: tuple[str, ...]
    writing: tuple[str, ...]
    unreached: Mapping[str, str]
    clients: tuple[str, ...]
    locked_out: tuple[str, ...]
    users: tuple[str, ...]
    missing: tuple[str, ...]


class Seen(Struct, frozen=True, kw_only=True):
    """How the auditor's first client came to its token: what the words "we use OAuth" stand for here.

    Attributes:
        authentication: how it authenticated.
        pushed: whether its authorization request was pushed.
        pkce: whether it sent a code challenge.
        token_type: of the token that it got; empty where it got none.
        binding: what the token was bound to, ``none`` where to nothing.
    """

    authentication: str
    pushed: bool
    pkce: bool
    token_type: str
    binding: str


class Run(Struct, frozen=True, kw_only=True):
    """One run of the auditor over one deployment.

    Attributes:
        target: the issuer.
        application: the base URL of the client application that was attacked; empty where none was.
        profile: whose clauses bind it.
        grade: ``A`` to ``F``, from what an attacker obtains; ``-`` where too little could be tried.
        sent: how many requests.
    """

    target: str
    profile: str
    grade: str
    started_at: float
    seconds: float
    sent: int
    version: str
    checks: tuple[Result, ...]
    chains: tuple[Chain, ...]
    reached: Reached
    seen: Seen | None
    application: str = ""

    def summary(self) -> dict[str, int]:
        """Return how many checks came to each verdict."""
        return {verdict.value: sum(each.verdict is verdict for each in self.checks) for verdict in Verdict}

    @property
    def could_run(self) -> bool:
        """Whether anything was tried, by somebody who could log in where the target file names anybody."""
        shut_out = bool(self.reached.locked_out) and not self.reached.clients
        tried = any(each.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.SUSPECTED) for each in self.checks)
        return tried and not shut_out

    def findings(self) -> tuple[Result, ...]:
        """Return what is wrong or seems so, the worst first."""
        found = [each for each in self.checks if each.found]
        return tuple(
            sorted(
                found,
                key=lambda each: (
                    each.verdict != Verdict.FAIL,
                    _WORST.index(Severity(each.severity)),
                    each.id,
                ),
            )
        )

    def as_document(self) -> dict[str, object]:
        """Return the JSON document of `trustweft check --json`."""
        document: dict[str, object] = msgspec.to_builtins(self)
        return {**document, "summary": self.summary()}


def failures(results: Sequence[Result]) -> tuple[Result, ...]:
    """Return those that fail."""
    return tuple(each for each in results if each.verdict is Verdict.FAIL)
