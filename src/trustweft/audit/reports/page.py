"""The report as one page: the verdict first, then what it means, who must mend what, and how anybody can see it."""

from __future__ import annotations

import datetime as dt
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from trustweft.audit.reports.reassurances import reassurances
from trustweft.audit.verdict import Verdict
from trustweft.report.document import (
    Chapter,
    Html,
    bullets,
    chips,
    document,
    fold,
    heading,
    joined,
    paragraph,
    preformatted,
    table,
)

if TYPE_CHECKING:
    from trustweft.audit.redaction import ShownEvidence
    from trustweft.audit.results import Chain, Result, Run

__all__ = ["as_html"]

_ROLES: Final = {
    "authorization-server": "Authorization server",
    "resource-server": "Resource server",
    "client": "Client",
}
_SENTENCES: Final = {
    "A": "No attack that was tried led to anything.",
    "B": "Nothing that was tried leads to data or accounts, but clauses are broken.",
    "C": "There are ways in that need help from elsewhere.",
    "D": "There are ways to somebody else's data or rights.",
    "F": "Data, accounts or clients are open to attackers now.",
    "-": "Too little could be tried for a grade. What was found stands below.",
}
_GOOD: Final = frozenset({"A"})


def as_html(run: Run) -> str:
    """Return the report as one self-contained page."""
    chapters = [
        Chapter("reassurances", "Are you sure?", _reassurances(run)),
        Chapter("chains", "What an attacker obtains", _chains(run)),
        Chapter("findings", "Who must mend what", _findings(run)),
        Chapter("advice", "Advice", _advice(run)),
        Chapter("reached", "What was reached, and what was not", _reached(run)),
        Chapter("checks", "Every check", _checks(run)),
    ]
    when = dt.datetime.fromtimestamp(run.started_at, tz=dt.UTC)
    return document(
        title=f"Are your APIs really secure? {run.target}",
        lead="What trustweft check found when it attacked this deployment, with the evidence for each finding.",
        opening=_verdict(run),
        facts=(
            ("Deployment", run.target),
            ("Held against", run.profile),
            ("When", f"{when:%Y-%m-%d %H:%M} UTC, {run.seconds:.0f} seconds, {run.sent} requests"),
            ("Made by", f"Trustweft {run.version}"),
        ),
        chapters=[chapter for chapter in chapters if chapter.body],
    )


def _verdict(run: Run) -> Html:
    tone = "good" if run.grade in _GOOD else "bad"
    counts = ", ".join(f"{number} {verdict}" for verdict, number in run.summary().items() if number)
    return Html(
        f'<p class="verdict {tone}" style="font-size:1.3rem">Grade {escape(run.grade)}. '
        f'{escape(_SENTENCES[run.grade])}</p><p class="who">{escape(counts)}</p>'
    )


def _reassurances(run: Run) -> list[Html]:
    return [Html(f"{heading(f'“{each.sentence}”')}{paragraph(each.answer)}") for each in reassurances(run)]


def _chains(run: Run) -> list[Html]:
    if not run.chains:
        return [
            paragraph(
                "Nothing: no finding of this run, alone or with others, leads to data, accounts or rights."
            )
        ]
    return [part for chain in run.chains for part in _chain(chain)]


def _chain(chain: Chain) -> list[Html]:
    steps = "".join(f"<li>{escape(step)}</li>" for step in chain.steps)
    return [
        heading(f"{chain.obtains[0].upper()}{chain.obtains[1:]}"),
        paragraph(f"{chain.severity}; by {chain.attacker}", soft=True),
        Html(f"<ol>{steps}</ol>"),
        _links(chain.checks),
    ]


def _links(checks: tuple[str, ...]) -> Html:
    items = "".join(f'<li><a href="#{escape(each)}">{escape(each)}</a></li>' for each in checks)
    return Html(f'<ul class="chips" aria-label="Findings">{items}</ul>')


def _findings(run: Run) -> list[Html]:
    found = run.findings()
    if not found:
        return [paragraph("Nobody has anything to mend.")]
    parts: list[Html] = []
    order = list(_ROLES)
    for role, results in groupby(
        sorted(found, key=lambda each: order.index(each.role)), key=lambda each: each.role
    ):
        parts.append(heading(_ROLES[role]))
        parts += [_finding(each) for each in results]
    return parts


def _finding(result: Result) -> Html:
    cwe = result.cwe.partition("-")[2]
    where = f'<a href="https://cwe.mitre.org/data/definitions/{escape(cwe)}.html">{escape(result.cwe)}</a>'
    attackers = [
        f"{model} {', '.join(names)}"
        for model, names in (("RFC 9700", result.attackers["rfc9700"]), ("FAPI", result.attackers["fapi"]))
        if names
    ]
    evidence = [_exchange(each) for each in result.evidence]
    return Html(
        f'<div class="problem" id="{escape(result.id)}"><p><strong class="bad">{result.verdict} · {escape(result.severity)}'
        f"</strong> <code>{escape(result.id)}</code> {escape(result.title)}</p>"
        f"{paragraph(result.reason)}{paragraph(f'Mend: {result.fix}')}"
        f'<p class="who">{" · ".join(filter(None, (where, escape(result.owasp), *map(escape, attackers))))}</p>'
        f"{chips(result.requirements)}"
        f"{fold(f'Evidence: {len(evidence)} exchanges', *evidence) if evidence else ''}"
        f"{paragraph(f'Again: `trustweft check replay {result.id}`', soft=True)}</div>"
    )


def _exchange(evidence: ShownEvidence) -> Html:
    request, response = evidence.request, evidence.response
    sent = "\n".join(
        (f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers))
    )
    came = "\n".join((str(response.status), *(f"{name}: {value}" for name, value in response.headers)))
    title = f"{evidence.kind.capitalize()}: {evidence.label}"
    texts = (f"{sent}\n\n{request.body}".rstrip(), f"{came}\n\n{response.body}".rstrip())
    return Html(f"<p><strong>{escape(title)}</strong></p>{''.join(map(preformatted, texts))}")


def _advice(run: Run) -> list[Html]:
    followed = [f"`{each.id}` {each.title}. {each.reason}" for each in run.checks if each.advice]
    return [bullets(followed)] if followed else []


def _reached(run: Run) -> list[Html]:
    reached = run.reached
    parts = [
        paragraph("What was not reached is not secure for that: nobody has looked."),
        paragraph(
            f"Clients that obtained a token: {', '.join(reached.clients) or 'none'}. "
            f"Users who could log in: {', '.join(reached.users) or 'none'}."
        ),
    ]
    if reached.missing:
        parts += [heading("Missing in the target file"), bullets(reached.missing)]
    rows = [(name, "answered") for name in reached.operations]
    rows += [(name, "it writes: up to level 1 only its refusals are tried") for name in reached.writing]
    rows += list(reached.unreached.items())
    parts.append(table(("Operation", "What became of it"), rows, empty="No operation is known."))
    untried = [(each.id, each.reason) for each in run.checks if each.verdict is Verdict.INCONCLUSIVE]
    if untried:
        parts += [heading("Checks that could not be carried out"), table(("Check", "Why"), untried)]
    return parts


def _checks(run: Run) -> list[Html]:
    rows = [
        (each.id, each.verdict.value, joined(each.title, each.reason), chips(each.requirements))
        for each in run.checks
    ]
    return [table(("Check", "Verdict", "What must hold, and what was seen", "Clauses"), rows)]
