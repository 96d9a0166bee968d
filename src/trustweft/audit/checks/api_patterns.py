"""Whether a short text keeps a server busy: patterns that try every way to split it (OWASP API4:2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, passed, suspected
from trustweft.audit.inputs import call, reading_inputs
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.inputs import Input
    from trustweft.audit.trial import Trial

_LENGTHS: Final = (18, 20, 22, 24, 26, 28)
_LETTERS: Final = ("a", "1")
_END: Final = "!"  # what the pattern does not expect, after which it goes back and tries again
_POINTS: Final = 4
_SLOW: Final = (
    0.5  # seconds; a pattern that doubles with each letter passes it soon, and is asked nothing longer
)
_GROWTH: Final = 2.0  # of two letters more; trying every split makes it four
_APART: Final = 10.0  # times as slow as an ordinary text


@check(
    "API4-03",
    title="No short text keeps an operation busy",
    sends="values of 18 to 28 equal characters and one other to inputs that are read, until one takes half a second",
    fix="Write patterns that cannot match one text in many ways, or use a matcher that never goes back.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.STATE,
    cwe="CWE-1333",
    owasp="API4:2023",
    alone=True,
)
def patterns_end_soon(trial: Trial) -> Outcome:
    """A pattern such as ``(a+)+$`` tries every way to split a text that it does not match: twice as many with each letter.

    Thirty letters then stop a whole process. The check goes up in steps of two letters, and stops at the first answer
    that takes half a second; it is a finding where that was so twice in a row, far longer than an ordinary value takes,
    and more than twice as long as the step before. A clock proves nothing, so it is suspected.
    """
    points = reading_inputs(trial)[:_POINTS]
    for point in points:
        for letter in _LETTERS:
            length = _busy_at(trial, point, letter)
            if length:
                return suspected(
                    f"{point.operation.name} is busy for long with {length} times {letter!r} and {_END!r} in {point.name}."
                )
    return passed(f"Short texts took none of {len(points)} inputs long.")


def _busy_at(trial: Trial, point: Input, letter: str) -> int:
    """Return the length at which an input is busy for long; 0 where it never is."""
    before = 0.0
    for length in _LENGTHS:
        took = _time(trial, point, letter * length + _END)
        if took > _SLOW:
            again = _time(trial, point, letter * length + _END)
            ordinary = max(_time(trial, point, letter * _LENGTHS[0]) for _ in range(3))
            # What is slow at the first length has no step before; it is far longer than an ordinary value all the same.
            steep = before == 0 or min(took, again) > _GROWTH * before
            return length if steep and min(took, again) > _APART * ordinary else 0
        before = took
    return 0


def _time(trial: Trial, point: Input, value: str) -> float:
    answer = call(trial, point.operation, point.with_value(value))
    return trial.attack(f"{point.operation.name}, {len(value)} characters in {point.name}", answer).seconds
