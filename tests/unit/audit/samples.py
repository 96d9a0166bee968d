"""Runs, results and exchanges to try the auditor's parts with."""

from __future__ import annotations

from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.redaction import ShownEvidence, show
from trustweft.audit.results import Chain, Reached, Result, Run, Seen
from trustweft.audit.trial import Evidence
from trustweft.audit.verdict import Verdict

__all__ = ["exchange", "result", "run", "shown"]


def exchange(
    request: Request | None = None, *, status: int = 200, body: bytes = b"", **headers: str
) -> Exchange:
    """Return an exchange; names of headers are written with underscores."""
    return Exchange(
        request=request or Request(method="GET", url="https://bank.example/accounts"),
        status=status,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        body=body,
        seconds=0.01,
    )


def shown(kind: str = "attack", label: str = "The same again", **changes: object) -> ShownEvidence:
    """Return an exchange as it is shown."""
    return show(Evidence(kind, label, exchange(**changes)))  # type: ignore[arg-type]


def result(identifier: str = "TK-01", verdict: Verdict = Verdict.PASS, **changes: object) -> Result:
    """Return what a check found."""
    values: dict[str, object] = {
        "id": identifier,
        "title": "A code works once",
        "verdict": verdict,
        "reason": "It was <refused> & remembered.",
        "requirements": ("FAPI2-SP-5.3.2.2-9",),
        "role": "authorization-server",
        "severity": "high",
        "advice": False,
        "cwe": "CWE-294",
        "owasp": "API2:2023",
        "attackers": {"rfc9700": ("A3",), "fapi": ()},
        "fix": "Redeem it once.",
        "gives": (),
        "seconds": 0.1,
        "fingerprint": f"print-{identifier}",
        "evidence": (shown(),),
    }
    return Result(**(values | changes))  # type: ignore[arg-type]


def run(*results: Result, chains: tuple[Chain, ...] = (), grade: str = "A") -> Run:
    """Return a run with these results."""
    return Run(
        target="https://login.example",
        profile="fapi2-security",
        grade=grade,
        started_at=1_800_000_000.0,
        seconds=12.3,
        sent=100,
        version="0.1.0",
        checks=results,
        chains=chains,
        reached=Reached(
            operations=("GET /accounts",),
            writing=(),
            unreached={},
            clients=("one",),
            locked_out=(),
            users=("alice",),
            missing=(),
        ),
        seen=Seen(
            authentication="private_key_jwt", pushed=True, pkce=True, token_type="DPoP", binding="dpop"
        ),
    )
