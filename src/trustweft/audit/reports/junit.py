"""JUnit's XML: each check a test case, as continuous integration shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from trustweft.audit.verdict import Verdict

if TYPE_CHECKING:
    from trustweft.audit.results import Result, Run

__all__ = ["as_junit"]

_UNPRINTABLE: Final = re.compile("[^\\t\\n\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNTRIED: Final = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE})


def as_junit(run: Run) -> bytes:
    """Return a run as one test suite: FAIL and SUSPECTED are failures, what was not tried is skipped."""
    failures = sum(each.found for each in run.checks)
    skipped = sum(each.verdict in _UNTRIED for each in run.checks)
    cases = "\n".join(map(_case, run.checks))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites><testsuite name={quoteattr("trustweft check " + run.target)} tests="{len(run.checks)}" '
        f'failures="{failures}" skipped="{skipped}" errors="0" time="{run.seconds}">\n'
        f"{cases}\n</testsuite></testsuites>\n"
    ).encode()


def _case(result: Result) -> str:
    name = quoteattr(_printable(f"{result.id} {result.title}"))
    head = f'<testcase classname="{result.role}" name={name} time="{result.seconds}">'
    return f"{head}{_body(result)}</testcase>"


def _body(result: Result) -> str:
    reason = _printable(result.reason)
    if result.found:
        kind = quoteattr(f"{result.verdict} {result.severity}")
        text = escape(_printable(f"{result.reason}\nMend: {result.fix}\n{', '.join(result.requirements)}"))
        return f"<failure type={kind} message={quoteattr(reason)}>{text}</failure>"
    if result.verdict in _UNTRIED:
        return f"<skipped message={quoteattr(f'{result.verdict}: {reason}')}/>"
    return ""


def _printable(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold, whatever a server answered."""
    return _UNPRINTABLE.sub("?", text)
