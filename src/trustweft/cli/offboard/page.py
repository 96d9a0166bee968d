"""The report of an off-boarding as one page: what an officer shows to an authority, on paper too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.cli.offboard.telling import date_of, headline, receipt_text, refusals_text, seconds_text
from trustweft.report.document import Chapter, Html, bullets, document, paragraph, picture, table
from trustweft.report.timeline import Kind, Limit, Mark, Row, draw_timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.cases import Case, CaseParticipant, Finding

__all__ = ["case_page"]

_KINDS: Final[dict[str, Kind]] = {"kept": "good", "late": "late", "not due yet": "open", "unknown": "open"}
_LIMITS: Final = {"refuse": "refuse", "refuse_by_poll": "refuse, who asks", "clean_up": "clean up"}
_SIGNS: Final = {"kept": "✓ in time", "late": "✗ late", "not due yet": "not due yet", "unknown": "not known"}
_SAID: Final = {True: "✓ yes", False: "✗ no", None: "nobody tried"}


def case_page(case: Case) -> str:
    """Return the page."""
    order = case.order
    sentence, good = headline(case)
    mark = "✓" if good else "✗"
    tone = "good" if good else "bad"
    by = order.ordered_by.id + (f"; approved by {order.approved_by.id}" if order.approved_by else "")
    return document(
        title=f"Off-boarding: {order.subject}",
        lead=f"{order.action} by {order.id}. What everybody did, and what was seen from outside.",
        facts=(
            ("Reason", order.reason),
            ("Ordered", f"{date_of(order.ordered_at)} by {by}"),
            ("Also concerned", ", ".join(f"`{each}`" for each in order.subjects) or "nobody"),
            ("As of", date_of(case.as_of)),
            (
                "Time to refusal",
                f"p50 {seconds_text(case.p50)}, p95 {seconds_text(case.p95)}, max {seconds_text(case.max)}"
                if case.probes
                else "nobody tried",
            ),
            ("Controls could go on", _SAID[case.control_ok]),
            *(
                (("Permission could be taken back", _SAID[case.withdrawal_ok]),)
                if case.withdrawal_ok is not None
                else ()
            ),
        ),
        opening=Html(f'<p class="verdict {tone}">{mark} {paragraph(sentence)[3:-4]}</p>'),
        chapters=tuple(_chapters(case)),
    )


def _chapters(case: Case) -> Iterator[Chapter]:
    yield Chapter("timeline", "What happened when", _timeline(case))
    yield Chapter(
        "participants",
        "Participants",
        (
            table(
                ("Participant", "Refused after", "Receipt"),
                [(each.id, refusals_text(each), receipt_text(each)) for each in case.participants],
            ),
        ),
    )
    yield Chapter(
        "duties",
        "What each had to do",
        (
            table(
                ("Participant", "Duty", "Allowed", "Took", "Result"),
                [
                    (
                        f"`{each.id}`",
                        finding.what.replace("_", " "),
                        f"{finding.within:.0f} s",
                        "" if finding.took is None else seconds_text(finding.took),
                        _result(finding),
                    )
                    for each in case.participants
                    for finding in each.findings
                ],
            ),
        ),
    )
    notes = [
        *case.notes,
        *(
            f"`{each.id}`, {credential.replace('_', ' ')}: {note}"
            for each in case.participants
            for credential, note in each.notes.items()
        ),
    ]
    if notes:
        yield Chapter("answers", "What was answered", (bullets(notes),))
    yield Chapter(
        "meaning",
        "How to read this",
        (
            paragraph(
                "Before the order, live credentials of the subject were obtained and shown to work; where one did not, "
                "its test is void. After it, copies that had never been used were tried until refused, so that nothing "
                "was refused because it was spent. Each time is that of the answer, so it is never too short."
            ),
            paragraph(
                "A receipt is what the participant itself says, signed. Orders, receipts and probes are entries of the "
                "evidence log; `trustweft evidence export` hands them to whoever wants to verify them."
            ),
        ),
    )


def _result(finding: Finding) -> str:
    return _SIGNS[finding.state] + (f": {finding.text}" if finding.text else "")


def _timeline(case: Case) -> tuple[Html, ...]:
    rows: list[Row] = []
    for each in case.participants:
        rows.append(Row(each.id))
        rows += _rows(each)
    if not any(row.mark for row in rows):
        return (paragraph("Nothing has happened yet."),)
    limits = [
        Limit(float(seconds), f"{_LIMITS[name]} {seconds} s")
        for name, seconds in case.order.deadlines.items()
        if name in _LIMITS and (name != "refuse_by_poll" or any(not each.told for each in case.participants))
    ]
    times = [row.mark.at for row in rows if row.mark and row.mark.at is not None]
    waited = any(row.mark and row.mark.at is None for row in rows)
    passed = case.as_of - case.order.effective_at
    end = (
        min(passed, 86_400.0)
        if waited
        else max([*times, *(each.at for each in limits[:1])], default=1.0) * 1.1
    )
    return (
        picture(
            draw_timeline("What happened when, after the order", rows, limits=limits, end=end),
            name="Timeline of each participant",
        ),
        paragraph(
            "Seconds after the order, on a scale that widens the beginning. ● refused, as seen from outside; ■ by the "
            "participant's own word; ▲ late; ○ not due yet.",
            soft=True,
        ),
    )


def _rows(participant: CaseParticipant) -> Iterator[Row]:
    for finding in participant.findings:
        kind = _KINDS[finding.state]
        own = finding.what in ("refuse by its own word", "clean up", "send a receipt")
        if kind == "good" and own:
            kind = "told"
        name = finding.what.removeprefix("refuse ").replace("_", " ")
        text = seconds_text(finding.took) if finding.took is not None else finding.text or finding.state
        if finding.took is None and finding.state == "late":
            text = "late"
        yield Row(name, Mark(finding.took, kind, text[:14]))
