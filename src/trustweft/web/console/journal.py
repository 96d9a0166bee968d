"""The log: what the evidence log has, with proofs; or the register's own events, where no evidence is kept yet."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from trustweft.directory.events import decode_event, encode_event
from trustweft.evidence.notes import encode_base64
from trustweft.web.console.evidence import open_log
from trustweft.web.console.parts import ROOT
from trustweft.web.console.rights import NOT_FOUND, sees
from trustweft.web.console.words import Line, line_of, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.evidence.reader import Logged, LogReader
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit

__all__ = ["show_entry", "show_event", "show_log"]

_PAGE: Final = 100
_TYPES: Final = ("event", "order", "receipt", "probe")


class LogLine(Struct, frozen=True, kw_only=True):
    """A line of the log; ``path`` leads to all of it."""

    number: int
    at: float
    type: str
    subject: str
    subject_path: str
    what: str
    path: str


async def show_log(visit: Visit) -> HttpResponse:
    """The newest first, of one type or about one subject if asked."""
    type_, subject = visit.query.get("type") or "", visit.query.get("subject") or ""
    before = _number(visit.query.get("before"))
    with open_log(visit.parts.settings.evidence) as log:
        kept = log is not None
        lines = (
            _events(visit, subject, before)
            if log is None
            else _entries(visit, log, type_=type_, subject=subject, before=before)
        )
        found = list(islice(lines, _PAGE + 1))
    return visit.page(
        "log",
        place="log",
        lines=found[:_PAGE],
        before=found[_PAGE - 1].number if len(found) > _PAGE else None,
        kept=kept,
        types=_TYPES,
        type=type_ if kept else "",
        subject=subject,
    )


async def show_entry(visit: Visit) -> HttpResponse:
    """One entry of the evidence log, and the proof that it is in it."""
    number = _number(visit.named["number"])
    with open_log(visit.parts.settings.evidence) as log:
        if log is None or number is None or number >= log.checkpoint()[0]:
            raise NOT_FOUND.reject(f"entry {visit.named['number'][:80]!r}")
        proof = log.prove(number)
    entry = proof.entry
    if not sees(visit.person, visit.register.now, entry.subject) or not visit.saw(entry.at):
        raise NOT_FOUND.reject(f"entry {number}, about {entry.subject[:200]!r}, for {visit.person.name}")
    return visit.page(
        "entry",
        place="log",
        number=number,
        entry=entry,
        subject_path=path_of(entry.subject),
        body=msgspec.json.format(msgspec.json.encode(entry.body), indent=2).decode(),
        hashes=[encode_base64(each) for each in proof.hashes],
        checkpoint=proof.checkpoint,
        line=_event_in(entry.body) if entry.type == "event" else None,
    )


async def show_event(visit: Visit) -> HttpResponse:
    """One event of the register, whole."""
    number = _number(visit.named["number"])
    if number is None or not 0 < number <= visit.snapshot.sequence:
        raise NOT_FOUND.reject(f"event {visit.named['number'][:80]!r}")
    event = visit.register.events[number - 1]
    if not sees(visit.person, visit.register.now, event.subject):
        raise NOT_FOUND.reject(f"event {number}, about {event.subject}, for {visit.person.name}")
    return visit.page(
        "event",
        place="log",
        number=number,
        line=line_of(event),
        subject_path=path_of(event.subject),
        body=msgspec.json.format(encode_event(event), indent=2).decode(),
    )


def _entries(
    visit: Visit, log: LogReader, *, type_: str, subject: str, before: int | None
) -> Iterator[LogLine]:
    """Yield what the person may see of the evidence log, the newest first; it is read as far as it is looked at."""
    while True:
        some = log.list(type=type_ or None, subject=subject or None, before=before, limit=_PAGE)
        for logged in reversed(some):
            entry = logged.entry
            if visit.saw(entry.at) and sees(visit.person, visit.register.now, entry.subject):
                yield LogLine(
                    number=logged.index,
                    at=entry.at,
                    type=entry.type,
                    subject=entry.subject,
                    subject_path=path_of(entry.subject),
                    what=_what(logged),
                    path=f"{ROOT}/log/entries/{logged.index}",
                )
        if len(some) < _PAGE:
            return
        before = some[0].index


def _events(visit: Visit, subject: str, before: int | None) -> Iterator[LogLine]:
    """Yield what the person may see of the register's events, the newest first."""
    last = visit.snapshot.sequence if before is None else min(before - 1, visit.snapshot.sequence)
    for event in reversed(visit.register.events[: max(last, 0)]):
        if subject in ("", event.subject) and sees(visit.person, visit.register.now, event.subject):
            line = line_of(event)
            yield LogLine(
                number=line.sequence,
                at=line.at,
                type="event",
                subject=line.subject,
                subject_path=path_of(line.subject),
                what=f"{line.what}, by {line.by}",
                path=f"{ROOT}/log/events/{line.sequence}",
            )


def _what(logged: Logged) -> str:
    """Return an entry in a few words; what it does not have is left out."""
    body = logged.entry.body
    if logged.entry.type == "event":
        line = _event_in(body)
        return f"{line.what}, by {line.by}" if line is not None else ""
    order, participant = body.get("order"), body.get("participant")
    words = [str(order)] if order else []
    return " ".join([*words, f"from {participant}"] if participant else words)


def _event_in(body: dict[str, object]) -> Line | None:
    """Return the event of an entry in words; None where this version cannot read it."""
    try:
        return line_of(decode_event(msgspec.json.encode(body)))
    except msgspec.MsgspecError:
        return None


def _number(text: str | None) -> int | None:
    """Return a place in the log; None for whatever is none."""
    longest = len(str(2**62))
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= longest else None
