"""What runs out, and when: keys, certificates and certifications as a calendar, as a list, and for other calendars."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.due import expiring
from trustweft.protocol.http import HttpResponse
from trustweft.web.console.rights import sees
from trustweft.web.console.times import MALFORMED
from trustweft.web.console.words import named
from trustweft.web.wording import LAST_INSTANT, day, month, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.directory.people import Person
    from trustweft.directory.snapshot import Snapshot
    from trustweft.web.console.parts import Visit
    from trustweft.web.console.words import Named

__all__ = ["Expiry", "download_calendar", "expiries_of", "icalendar", "show_calendar"]

_MONTHS: Final = 12
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_LINE_OCTETS: Final = 75  # RFC 5545 section 3.1
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Expiry(Struct, frozen=True, kw_only=True):
    """Something that is good now and runs out; ``owners`` are what it belongs to."""

    at: float
    what: Named
    owners: tuple[Named, ...]

    @property
    def date(self) -> dt.date:
        """The day, in UTC."""
        return dt.datetime.fromtimestamp(self.at, dt.UTC).date()

    @property
    def day(self) -> str:
        """The day, written out."""
        return day(self.date)


class Month(Struct, frozen=True, kw_only=True):
    """A month of the overview."""

    key: str
    title: str
    number: int


def expiries_of(person: Person, snapshot: Snapshot, *, by: float = LAST_INSTANT) -> Iterator[Expiry]:
    """Yield what somebody may see and runs out by a time, the first one first; what ended with others needs no care."""
    for at, subject in expiring(snapshot, by=min(by, LAST_INSTANT)):
        ended = snapshot.effective(subject).effect == "ended"
        if at > 0 and not ended and sees(person, snapshot, str(subject)):
            record = snapshot.find(subject)
            owners = tuple(named(snapshot, snapshot.find(parent)) for parent in record.parents)
            yield Expiry(at=at, what=named(snapshot, record), owners=owners)


async def show_calendar(visit: Visit) -> HttpResponse:
    """Twelve months at a glance, one of them day by day; or everything as a list."""
    found = list(expiries_of(visit.person, visit.snapshot))
    today = dt.datetime.fromtimestamp(visit.time, dt.UTC).date()
    asked = visit.query.get("month")
    # The month in which there is something to do next, unless another one is asked for.
    next_one = max(found[0].date, today) if found else today
    first = _parse_month(asked) if asked else next_one.replace(day=1)
    as_list = visit.query.get("view") == "list"
    shown = found if as_list else [each for each in found if _key(each.date) == _key(first)]
    return visit.page(
        "calendar",
        place="calendar",
        as_list=as_list,
        months=_overview(found, today),
        weekdays=_WEEKDAYS,
        weeks=() if as_list else _weeks(first, shown),
        key=_key(first),
        title=month(first),
        today=today,
        expiries=shown,
        overdue=[each for each in found if each.at <= visit.time],
    )


async def download_calendar(visit: Visit) -> HttpResponse:
    """The same for other calendars (RFC 5545); what it says is true when it is made."""
    found = list(expiries_of(visit.person, visit.snapshot))
    body = icalendar(found, origin=visit.parts.settings.origin, now=visit.now)
    headers = (
        ("content-type", "text/calendar; charset=utf-8"),
        ("content-disposition", 'attachment; filename="trustweft-expiries.ics"'),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    )
    return HttpResponse(200, headers, body)


def icalendar(expiries: Sequence[Expiry], *, origin: str, now: float) -> bytes:
    """Return an iCalendar object with an event on the day before which each has to be renewed."""
    stamp = f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y%m%dT%H%M%SZ}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Trustweft//Directory//EN"]
    for each in expiries:
        owners = ", ".join(owner.title for owner in each.owners)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_text(each.what.subject)}@{_text(origin.partition('://')[2])}",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{each.date:%Y%m%d}",
            f"SUMMARY:{_text(f'{each.what.kind} of {owners} runs out: {each.what.title}')}",
            f"URL:{origin}{each.what.path}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _text(value: str) -> str:
    """Escape a value (RFC 5545 section 3.3.11): no name begins a line, or another property, of its own."""
    line = " ".join(printable(value).split())
    return line.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> bytes:
    """Break a line so that none is longer than 75 octets (RFC 5545 section 3.1), and no character is cut."""
    pieces: list[bytes] = []
    piece = b""
    for character in line:
        octets = character.encode()
        if len(piece) + len(octets) > _LINE_OCTETS - bool(pieces):
            pieces.append(piece)
            piece = b""
        piece += octets
    return b"\r\n ".join([*pieces, piece]) + b"\r\n"


def _parse_month(text: str) -> dt.date:
    match = _MONTH.fullmatch(text)
    try:
        return dt.date(int(match[1]), int(match[2]), 1) if match else _refuse(text)
    except ValueError as cause:
        raise MALFORMED.reject(repr(text)[:80]) from cause


def _refuse(text: str) -> dt.date:
    raise MALFORMED.reject(repr(text)[:80])


def _key(date: dt.date) -> str:
    return f"{date.year:04}-{date.month:02}"


def _overview(found: Sequence[Expiry], today: dt.date) -> list[Month]:
    """Return the twelve months that begin with this one."""
    months = []
    for step in range(_MONTHS):
        year, index = divmod(today.month - 1 + step, 12)
        if today.year + year > dt.MAXYEAR:
            break
        first = dt.date(today.year + year, index + 1, 1)
        number = sum(_key(each.date) == _key(first) for each in found)
        months.append(Month(key=_key(first), title=month(first), number=number))
    return months


def _weeks(first: dt.date, shown: Sequence[Expiry]) -> list[list[tuple[dt.date, int] | None]]:
    """Return the weeks of a month, Monday first: each day with how much runs out, None outside of the month."""
    return [
        [
            (dt.date(first.year, first.month, number), sum(each.date.day == number for each in shown))
            if number
            else None
            for number in week
        ]
        for week in calendar.Calendar().monthdayscalendar(first.year, first.month)
    ]
