"""A proof as one self-contained page: the verdict first, then the matrix, each attack with its diagram, what it rests on."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from trustweft.profile.mechanisms import load_mechanisms
from trustweft.report.html import STYLE
from trustweft.threats.corpus import corpus
from trustweft.threats.narrate import ATTACKERS, GOALS, draw, narrate, printed
from trustweft.threats.proof import ASSUMPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.threats.matrix import Cell, Finding
    from trustweft.threats.proof import Proof

__all__ = ["as_page"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
main{max-width:72rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{border:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
th{background:var(--code)}
td.none{color:var(--good)}td.attack{color:var(--bad);font-weight:600}td.accepted{color:var(--soft)}
.wide{overflow-x:auto}
h2{margin-bottom:.5rem}h3{font-size:1rem;margin:1rem 0 .3rem}
ol{padding-left:1.4rem}
ol.story li.hostile{color:var(--bad)}
@media print{section{break-inside:avoid;border-color:#999}.wide{overflow:visible}a{color:inherit}}
"""
_SIGNS: Final = {"none": "✓ none found", "attack": "✗ attack", "accepted": "○ accepted"}


def as_page(proof: Proof) -> str:
    """Return the page."""
    title = f"Is {proof.subject.title} secure?"
    tone = "good" if proof.secure else "bad"
    sentence = proof.sentence[0].upper() + proof.sentence[1:]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">Searched by machine for every combination of {len(proof.attackers)} attackers.</p>',
        f'<p class="verdict {tone}">{"✓" if proof.secure else "✗"} {escape(sentence)}</p>',
        _matrix(proof),
    ]
    parts += [_attack(proof, finding, number) for number, finding in enumerate(proof.attacks, start=1)]
    if proof.accepted:
        parts.append(_accepted(proof))
    parts += [_basis(proof), _vacuity(proof), "</main></body></html>\n"]
    return "\n".join(parts)


def _section(heading: str, *body: str) -> str:
    return "\n".join([f"<section><h2>{escape(heading)}</h2>", *body, "</section>"])


def _table(name: str, headings: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    # It scrolls within itself where the screen is too narrow, by keys too.
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(name)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _items(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _matrix(proof: Proof) -> str:
    goals = tuple(dict.fromkeys(cell.goal for cell in proof.cells))
    by_attackers: dict[tuple[str, ...], list[Cell]] = {}
    for cell in proof.cells:
        by_attackers.setdefault(cell.attackers, []).append(cell)
    rows = [
        f'<tr><th scope="row">{escape(printed(attackers))}</th>{"".join(map(_cell, cells))}</tr>'
        for attackers, cells in by_attackers.items()
    ]
    if not rows:
        return ""
    key = _items(f"{printed([each])}: {ATTACKERS[each]}" for each in proof.attackers)
    headings = ["Attackers", *(GOALS[goal] for goal in goals)]
    return _section("Attackers and goals", _table("Attackers and goals", headings, rows), key)


def _cell(cell: Cell) -> str:
    text = _SIGNS[cell.verdict]
    if cell.findings:
        name = cell.findings[0].name or "without a name"
        text += f": {name}"
    return f'<td class="{cell.verdict}">{escape(text)}</td>'


def _attack(proof: Proof, finding: Finding, number: int) -> str:
    known = corpus().by_id.get(finding.name or "")
    heading = f"Attack {number}: {known.title if known else 'one without a name'}"
    about = f"{finding.name or 'unnamed'} · by {printed(sorted(finding.attackers))} · breaks {finding.goal}"
    body = [f'<p class="who">{escape(about)}</p>']
    if known:
        body.append(f'<p class="who">Described in {escape(known.source)}</p>')
    body += [_picture(finding, number), _story(finding)]
    missing = proof.missing(finding)
    if missing:
        body.append(f"<p><b>Missing requirement:</b> {escape(', '.join(missing))}</p>")
    body += ["<h3>What closes it, cheapest first</h3>", _fixes(proof, finding, number)]
    return _section(heading, *body)


def _picture(finding: Finding, number: int) -> str:
    drawing = draw(f"Sequence of {finding.name or 'the attack'}", finding.trace)
    name = f"Sequence diagram of attack {number}"
    return f'<div class="picture" tabindex="0" role="region" aria-label="{name}">{drawing}</div>'


def _story(finding: Finding) -> str:
    steps = "".join(
        f'<li class="{"hostile" if line.hostile else "honest"}">{escape(line.text)}</li>'
        for line in narrate(finding.trace)
    )
    return f'<details><summary>The steps as text</summary><ol class="story">{steps}</ol></details>'


def _fixes(proof: Proof, finding: Finding, number: int) -> str:
    registry = load_mechanisms()
    fixes = proof.closing(finding)
    if not fixes:
        return "<p>No set of the known mechanisms that was tried closes it.</p>"
    rows = [
        f"<tr><td>{'<br>'.join(f'<code>{escape(each)}</code> {escape(registry[each].title)}' for each in fix.mechanisms)}</td>"
        f"<td>{escape(', '.join(sorted({registry[each].cost for each in fix.mechanisms})))}</td><td>{fix.cost}</td></tr>"
        for fix in fixes
    ]
    checked = (
        f"<p>Each is checked with at most {escape(str(proof.bound))}: against this attack, and against every goal and all "
        "attackers that are without an attack now. At most four are named; there may be others.</p>"
    )
    return _table(f"What closes attack {number}", ["Switch on", "Takes", "Cost"], rows) + checked


def _accepted(proof: Proof) -> str:
    rows = []
    for finding in proof.accepted:
        residual = finding.residual
        if residual is not None:
            values: Sequence[str] = (
                finding.name or "",
                finding.goal,
                printed(sorted(finding.attackers)),
                residual.condition,
                ", ".join(residual.closed_by) or "nothing with redirects",
                residual.section,
                residual.reason,
            )
            rows.append(f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>")
    headings = ["Attack", "Goal", "Attackers", "Condition", "Would close it", "Section", "Why it is accepted"]
    title = "Risks that the profile accepts"
    return _section(title, _table(title, headings, rows))


def _basis(proof: Proof) -> str:
    variants = [", ".join(sorted(each)) for each in proof.variants]
    return _section(
        "What this rests on",
        f"<p><b>Bound:</b> at most {escape(str(proof.bound))}. Nothing is said about more.</p>",
        f"<p><b>Assumptions</b></p>{_items(ASSUMPTIONS)}",
        f"<p><b>Mechanisms that were on</b> ({len(variants)} variants that the profile allows; the worst counts)</p>"
        if len(variants) > 1
        else "<p><b>Mechanisms that were on</b></p>",
        _items(variants),
    )


def _vacuity(proof: Proof) -> str:
    """Show what had to be possible, so that the verdicts are about something."""
    rows = []
    for name, run in proof.honest.items():
        possible = "possible" if run is not None else "not possible"
        tone = "none" if run is not None else "attack" if name in proof.impossible else "accepted"
        rows.append(f'<tr><td>{escape(name)}</td><td class="{tone}">{possible}</td></tr>')
    title = "What had to be possible"
    return _section(title, _table(title, ["Run", "Found"], rows))
