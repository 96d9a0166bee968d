"""Tells the tour: in the terminal, as JSON, as a page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from trustweft.cli.tour.steps import PARTICIPANTS
from trustweft.report.html import Attempt, Section, page
from trustweft.report.html import Message as Text
from trustweft.report.sequence import Message, draw_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.recording import Refusal, Step
    from trustweft.cli.tour.wire import WireRequest, WireResponse

__all__ = ["announce", "as_document", "as_page", "conclude", "tell"]

_TITLE: Final = "A tour of one authorization"
_LEAD: Final = (
    "What the participants of a Trustweft ecosystem said to each other, from discovery to revocation, and what each "
    "of them refused. Passwords, cookies and form tokens are masked; every token shown was revoked at the end."
)
_LINE: Final = 100
_BODY: Final = 600
_HANDLE: Final = re.compile(r"/[A-Za-z0-9_-]{22}(?=/|$)")  # an interaction's, which says nothing to a reader
_QUIET: Final = frozenset({"host", "content-length", "date", "server", "content-type"})


def announce(tour: Tour) -> None:
    """Say what is about to happen."""
    click.echo(f"\n{click.style(_TITLE, bold=True)}, at {tour.issuer}\n")


def tell(step: Step) -> None:
    """Print one step: the exchange, what it satisfies, what was refused."""
    mark = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red")
    click.echo(f"{mark} {click.style(step.title, bold=True)}")
    click.echo(click.style(f"  {step.name}: {step.sender} → {step.receiver}", dim=True))
    if step.request is not None:
        _print_block(">", _request_lines(step.request, brief=True))
    if step.response is not None:
        _print_block("<", _response_lines(step.response, brief=True))
    if step.clauses:
        click.echo(f"  Satisfies {', '.join(step.clauses)}")
    for refusal in step.refusals:
        _tell_refusal(refusal)
    if step.problem:
        click.echo(click.style(f"  {step.problem}", fg="red"))
    click.echo()


def _tell_refusal(refusal: Refusal) -> None:
    mark = click.style("✓", fg="green") if refusal.ok else click.style("✗", fg="red")
    found = refusal.found or f"status {refusal.response.status}"
    click.echo(f"  {mark} refused: {refusal.name} {click.style(f'({found})', dim=True)}")


def _print_block(sign: str, lines: Sequence[str]) -> None:
    for line in lines:
        shown = line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
        click.echo(f"  {click.style(sign, fg='cyan')} {shown}")


def conclude(steps: Sequence[Step], *, page: Path | None) -> None:
    """Print the result."""
    click.echo(click.style(_verdict(steps), bold=True, fg="green" if _ok(steps) else "red"))
    if page is not None:
        click.echo(f"The page with the sequence diagram: {page}")


def _ok(steps: Sequence[Step]) -> bool:
    return bool(steps) and all(step.ok for step in steps)


def _verdict(steps: Sequence[Step]) -> str:
    refused = sum(len(step.refusals) for step in steps)
    if _ok(steps):
        return f"All {len(steps)} steps went as the profile says, and {refused} attempts were refused as they must be."
    return f"The tour ended at step {len(steps)}, {steps[-1].name}: {steps[-1].problem}"


def as_document(steps: Sequence[Step]) -> dict[str, object]:
    """Return the tour for machines."""
    return {"ok": _ok(steps), "steps": [_step_document(step) for step in steps]}


def _step_document(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "title": step.title,
        "sender": step.sender,
        "receiver": step.receiver,
        "request": step.request,
        "response": step.response,
        "clauses": step.clauses,
        "ok": step.ok,
        "problem": step.problem,
        "refusals": [
            {
                "name": refusal.name,
                "reason": refusal.reason,
                "found": refusal.found,
                "clauses": refusal.clauses,
                "request": refusal.request,
                "response": refusal.response,
                "ok": refusal.ok,
            }
            for refusal in step.refusals
        ],
    }


def as_page(steps: Sequence[Step]) -> str:
    """Return the tour as a page with its sequence diagram."""
    messages = [message for step in steps for message in _arrows(step)]
    return page(
        title=_TITLE,
        lead=_LEAD,
        verdict=_verdict(steps),
        ok=_ok(steps),
        picture=draw_sequence("Who told whom what", PARTICIPANTS, messages),
        sections=[_section(step) for step in steps],
    )


def _arrows(step: Step) -> list[Message]:
    if step.request is None or step.response is None:
        return []
    path = _HANDLE.sub("/…", urlsplit(step.request.url).path)
    answer = f"{step.response.status} {_gist(step)}".strip()
    return [
        Message(step.sender, step.receiver, f"{step.name}: {step.request.method} {path}"),
        Message(step.receiver, step.sender, answer, "refused" if _refused(step) else "answer"),
    ]


def _refused(step: Step) -> bool:
    return step.response is not None and any(name == "trustweft-reason" for name, _ in step.response.headers)


def _gist(step: Step) -> str:
    """Return what the answer brings, in a few words."""
    if step.response is None:
        return ""
    headers = dict(step.response.headers)
    if "trustweft-reason" in headers:
        return headers["trustweft-reason"]
    if "location" in headers:
        names = [pair.partition("=")[0] for pair in headers["location"].partition("?")[2].split("&") if pair]
        return ", ".join(names)
    try:
        document = json.loads(step.response.body)
    except ValueError:
        return headers.get("content-type", "").partition(";")[0]
    return ", ".join(list(document)[:3]) if isinstance(document, dict) else ""


def _section(step: Step) -> Section:
    messages = []
    if step.request is not None:
        messages.append(Text(title="Request", text="\n".join(_request_lines(step.request))))
    if step.response is not None:
        messages.append(Text(title="Response", text="\n".join(_response_lines(step.response))))
    return Section(
        title=step.title,
        who=f"{step.sender} to {step.receiver}",
        messages=messages,
        attempts=[
            Attempt(
                name=refusal.name,
                outcome=refusal.found or f"status {refusal.response.status}",
                clauses=refusal.clauses,
                ok=refusal.ok,
            )
            for refusal in step.refusals
        ],
        clauses=step.clauses,
        problem=step.problem,
    )


def _request_lines(request: WireRequest, *, brief: bool = False) -> list[str]:
    return [
        f"{request.method} {request.url}",
        *_header_lines(request.headers, brief=brief),
        *_body_lines(request.body.replace("&", "\n&") if not brief else request.body, brief=brief),
    ]


def _response_lines(response: WireResponse, *, brief: bool = False) -> list[str]:
    return [
        str(response.status),
        *_header_lines(response.headers, brief=brief),
        *_body_lines(_indented(response.body) if not brief else response.body, brief=brief),
    ]


def _header_lines(headers: Sequence[tuple[str, str]], *, brief: bool) -> list[str]:
    return [f"{name}: {value}" for name, value in headers if not (brief and name in _QUIET)]


def _body_lines(body: str, *, brief: bool) -> list[str]:
    if not body:
        return []
    if not brief:
        return ["", *body.splitlines()]
    if body.lstrip().startswith("<"):
        return ["(a page for people)"]
    return [body[:_BODY]]


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
