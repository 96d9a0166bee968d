"""What a person reads: short, with what needs them first."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.output import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.directory.cases import Case, CaseParticipant, Finding

__all__ = ["date_of", "headline", "receipt_text", "refusals_text", "seconds_text", "tell_case"]

_WORDS: Final = {
    "suspend": "suspended",
    "withdraw": "withdrawn",
    "revoke": "revoked",
    "lapse": "lapsed",
    "compromise": "compromised",
    "retire": "retired",
    "resume": "resumed",
}
_NAMES: Final = {
    "request_uri": "pushed request",
    "code": "code",
    "refresh_token": "refresh token",
    "access_token": "access token",
    "client_key": "client's key",
}


def date_of(seconds: float) -> str:
    """Return a time for people, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def seconds_text(seconds: float | None) -> str:
    """Return a duration, short."""
    if seconds is None:
        return "never"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004  # two digits are enough


def headline(case: Case) -> tuple[str, bool]:
    """Return the result in one sentence, and whether it is good as far as it goes."""
    return next(_headlines(case))


def _headlines(case: Case) -> Iterator[tuple[str, bool]]:
    """Yield what there is to say, what matters most first."""
    answered = sum(1 for each in case.participants if each.receipt is not None)
    receipts = f"{answered} of {sum(1 for each in case.participants if each.told)} receipts"
    if case.laggards:
        are = "participant is" if len(case.laggards) == 1 else "participants are"
        yield f"{len(case.laggards)} {are} late: {', '.join(case.laggards)}.", False
    if case.control_ok is False:
        yield "Somebody whom the order does not concern could not go on.", False
    if case.withdrawal_ok is False:
        yield "Permission that was given could not be taken back meanwhile.", False
    if case.order.effect == "active":
        yield f"Nobody is late; {receipts}.", True
    unknown = [
        each.id for each in case.participants if any(found.state == "unknown" for found in each.findings)
    ]
    if unknown:
        yield f"Nothing shows what became of it at {', '.join(unknown)}; {receipts}.", False
    if not case.probes:
        yield f"Nobody is late; {receipts}. Nobody tried from outside.", True
    if case.max is None:
        yield f"Something is not refused yet, and not due yet either; {receipts}.", True
    others = " Whether others could go on was not tried." if case.control_ok is None else ""
    tried = f"within {seconds_text(case.max)}; {receipts}; nobody is late."
    yield f"Everything that was tried was refused {tried}{others}", True


def refusals_text(participant: CaseParticipant) -> str:
    """Return how soon each kind of credential was refused."""
    parts = [f"{_NAMES[credential]} {seconds_text(took)}" for credential, took in participant.refused.items()]
    void = [_NAMES[credential] for credential, ok in participant.before_ok.items() if not ok]
    return ", ".join(parts + [f"{name} void" for name in void]) or "not tried"


def receipt_text(participant: CaseParticipant) -> str:
    """Return what a receipt says."""
    receipt = participant.receipt
    if receipt is None:
        return "none" if participant.told else "owes none"
    counts = receipt["counts"]
    ended = ", ".join(
        f"{count} {_counted(name, count)}"
        for name, count in (counts.items() if isinstance(counts, dict) else ())
        if count
    )
    cleaned = receipt["cleaned_after"]
    done = f", done after {seconds_text(cleaned)}" if isinstance(cleaned, float) else ""
    return f"{ended or 'nothing to end'}{done}"


def _counted(name: str, count: object) -> str:
    words = name.replace("_", " ")
    return words.removesuffix("s") if count == 1 else words


def _finding(participant: CaseParticipant, finding: Finding) -> str:
    took = "" if finding.took is None else f" took {seconds_text(finding.took)},"
    text = f" ({finding.text})" if finding.text else ""
    return f"{participant.id}: {finding.what}:{took} {finding.within:.0f} s were allowed{text}"


def tell_case(case: Case) -> None:
    """Print the report."""
    order = case.order
    sentence, good = headline(case)
    click.echo(f"{order.id}: {order.subject} {_WORDS[order.action]}, {date_of(order.ordered_at)}")
    by = order.ordered_by.id + (f", approved by {order.approved_by.id}" if order.approved_by else "")
    click.echo(f"by {by}: {order.reason}")
    click.echo(("" if good else "LATE: " if case.laggards else "BAD: ") + sentence)
    click.echo()
    print_table(
        ("participant", "refused after", "receipt"),
        [(each.id, refusals_text(each), receipt_text(each)) for each in case.participants],
    )
    click.echo()
    if case.probes:
        times = f"p50 {seconds_text(case.p50)}, p95 {seconds_text(case.p95)}, max {seconds_text(case.max)}"
        click.echo(f"Time to refusal: {times}")
    if order.effect != "active":
        said = _said(case.control_ok, "they did", "THEY COULD NOT", "nobody tried")
        click.echo(f"Whoever is not concerned must go on: {said}")
    if case.withdrawal_ok is not None:
        said = _said(case.withdrawal_ok, "still possible", "NOT POSSIBLE", "")
        click.echo(f"Taking permission back: {said}")
    _tell_list("Late:", [_finding(each, late) for each in case.participants for late in each.late])
    _tell_list("Not due yet:", _open(case))
    _tell_list("Notes:", case.notes)


def _open(case: Case) -> Sequence[str]:
    return [
        _finding(each, finding)
        for each in case.participants
        for finding in each.findings
        if finding.state == "not due yet"
    ]


def _said(answer: bool | None, good: str, bad: str, nobody: str) -> str:  # noqa: FBT001  # three answers
    return nobody if answer is None else good if answer else bad


def _tell_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo(title)
        for line in lines:
            click.echo(f"  {line}")
