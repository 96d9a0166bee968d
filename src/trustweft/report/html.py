"""Reports as one self-contained HTML page: no script, no outside resource, readable in light and dark, on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STYLE", "Attempt", "Message", "Section", "page"]

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1f2f3f;--soft:#5b6b7a;--line:#d7dfe6;--ground:#f6f8fa;--card:#fff;--good:#1a6b3c;
--bad:#b42318;--code:#eef3f8}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a3b1be;--line:#2c3946;--ground:#10171e;--card:#18222c;
--good:#6fd39a;--bad:#ff8a7a;--code:#101a23}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.8rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.1rem;margin:0}
.lead{color:var(--soft);margin:0 0 1.5rem}
.verdict{font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}
.picture{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.5rem}
.picture svg{display:block;margin:0 auto;height:auto}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.2rem;margin-top:1rem}
.who{color:var(--soft);font-size:.9rem;margin:.1rem 0 .6rem}
.problem{border-left:.25rem solid var(--bad);padding-left:.8rem}
details{margin-top:.5rem}
summary{cursor:pointer;font-weight:600;font-size:.95rem}
pre{background:var(--code);border-radius:.4rem;padding:.7rem;margin:.4rem 0;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere;font:.8rem/1.45 ui-monospace,monospace}
ul{margin:.4rem 0;padding-left:1.2rem}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
.clauses{display:flex;flex-wrap:wrap;gap:.3rem;list-style:none;padding:0}
.clauses li{background:var(--code);border-radius:1rem;padding:.1rem .6rem;font:.78rem ui-monospace,monospace}
@media print{
:root{--ink:#000;--soft:#444;--line:#bbb;--ground:#fff;--card:#fff;--code:#f2f2f2;color-scheme:light}
.picture{overflow:visible}
.picture svg{max-width:100%}
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or a response, as text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that had to fail.

    Attributes:
        outcome: in a few words, for example the id of the reason.
        ok: whether it failed as it had to.
    """

    name: str
    outcome: str
    clauses: Sequence[str]
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One step of what is reported.

    Attributes:
        who: who did it with whom.
        clauses: what it satisfies.
        problem: what went wrong; empty where nothing did.
    """

    title: str
    who: str
    messages: Sequence[Message]
    attempts: Sequence[Attempt]
    clauses: Sequence[str]
    problem: str = ""


def page(*, title: str, lead: str, verdict: str, ok: bool, picture: str, sections: Sequence[Section]) -> str:
    """Return the page.

    Args:
        title: the heading.
        lead: what the page is about, in one or two sentences.
        verdict: the result, in one sentence.
        ok: whether the result is good.
        picture: an SVG element, put in as it is.
        sections: in their order.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>',
        f'<p class="verdict {_tone(ok=ok)}">{_mark(ok=ok)} {escape(verdict)}</p>',
        f'<div class="picture" tabindex="0" role="region" aria-label="Sequence diagram">{picture}</div>',
    ]
    parts += [_section(number, section) for number, section in enumerate(sections, start=1)]
    return "\n".join([*parts, "</main></body></html>\n"])


def _section(number: int, section: Section) -> str:
    ok = not section.problem
    heading = f'<span class="{_tone(ok=ok)}">{_mark(ok=ok)}</span> {number}. {escape(section.title)}'
    parts = [f'<section id="step-{number}"><h2>{heading}</h2><p class="who">{escape(section.who)}</p>']
    if not ok:
        parts.append(f'<p class="problem">{escape(section.problem)}</p>')
    if section.clauses:
        items = "".join(f"<li>{escape(clause)}</li>" for clause in section.clauses)
        parts.append(f'<ul class="clauses" aria-label="Satisfied clauses">{items}</ul>')
    parts += [
        f"<details><summary>{escape(message.title)}</summary><pre>{escape(message.text)}</pre></details>"
        for message in section.messages
    ]
    if section.attempts:
        count = len(section.attempts)
        what = "1 attempt that was refused" if count == 1 else f"{count} attempts that were refused"
        items = "".join(map(_attempt, section.attempts))
        parts.append(f"<details><summary>{what}</summary><ul>{items}</ul></details>")
    return "\n".join([*parts, "</section>"])


def _attempt(attempt: Attempt) -> str:
    clauses = f" ({', '.join(map(escape, attempt.clauses))})" if attempt.clauses else ""
    return (
        f'<li><span class="{_tone(ok=attempt.ok)}">{_mark(ok=attempt.ok)}</span> {escape(attempt.name)}: '
        f"<code>{escape(attempt.outcome)}</code>{clauses}</li>"
    )


def _tone(*, ok: bool) -> str:
    return "good" if ok else "bad"


def _mark(*, ok: bool) -> str:
    # A word for those who do not see the sign.
    return f'<span role="img" aria-label="{"in order" if ok else "failed"}">{"✓" if ok else "✗"}</span>'
