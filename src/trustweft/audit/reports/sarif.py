"""SARIF 2.1.0 (OASIS): findings for code scanning, with rules that stay the same from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.audit.verdict import Verdict

if TYPE_CHECKING:
    from trustweft.audit.results import Result, Run

__all__ = ["as_sarif"]

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub's scale of ``security-severity``: above 9.0 critical, above 7.0 high, above 4.0 medium.
_SCORES: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
_KINDS: Final = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.SUSPECTED: "review",
    Verdict.INCONCLUSIVE: "open",
    Verdict.NOT_APPLICABLE: "notApplicable",
}


def as_sarif(run: Run, *, known: frozenset[str] | None = None) -> bytes:
    """Return a run as SARIF.

    Args:
        run: what was found.
        known: fingerprints of what an earlier run failed on, to tell what is new; None where there was none.
    """
    rules = {each.id: number for number, each in enumerate(run.checks)}
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "trustweft check",
                        "version": run.version,
                        "rules": [_rule(each) for each in run.checks],
                    }
                },
                "properties": {"target": run.target, "profile": run.profile, "grade": run.grade},
                "results": [_result(each, run, rules[each.id], known) for each in run.checks],
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _rule(result: Result) -> dict[str, object]:
    tags = [
        "security",
        *filter(None, (f"external/cwe/{result.cwe.lower()}", result.owasp)),
        *result.requirements,
    ]
    return {
        "id": result.id,
        "shortDescription": {"text": result.title},
        "help": {"text": result.fix},
        "defaultConfiguration": {"level": _LEVELS[result.severity]},
        "properties": {
            "tags": list(dict.fromkeys(tags)),
            "security-severity": _SCORES[result.severity],
            "role": result.role,
        },
    }


def _result(result: Result, run: Run, index: int, known: frozenset[str] | None) -> dict[str, object]:
    kind = _KINDS[result.verdict]
    document: dict[str, object] = {
        "ruleId": result.id,
        "ruleIndex": index,
        "kind": kind,
        # Section 3.27.10: a level other than none asks for the kind fail.
        "level": _LEVELS[result.severity] if kind == "fail" else "none",
        "message": {"text": result.reason},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _place(result, run)}}}],
        "partialFingerprints": {"trustweftCheck/v1": result.fingerprint},
        "properties": {"verdict": result.verdict.value, "severity": result.severity},
    }
    if known is not None and result.verdict is Verdict.FAIL:
        document["baselineState"] = "unchanged" if result.fingerprint in known else "new"
    return document


def _place(result: Result, run: Run) -> str:
    """Return the address that the attack was sent to, without its query."""
    attacks = [each for each in result.evidence if each.kind == "attack"] or result.evidence
    place = attacks[-1].request.url.partition(" ")[0].partition("?")[0] if attacks else run.target
    return place or run.target
