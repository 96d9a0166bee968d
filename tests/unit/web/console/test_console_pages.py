"""What the pages show: now and at earlier times, of friendly names and of hostile ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.console import make_site
from support.town import CERTIFICATE, KEY, START, YEAR, Town, make_town
from trustweft.directory.events import Moved, encode_event
from trustweft.directory.objects import Certificate, Key, Organisation, Software
from trustweft.evidence.entries import Entry
from trustweft.evidence.files import LogWriter
from trustweft.web.console.application import with_console
from trustweft.web.console.routes import ROUTES
from trustweft.web.wording import instant

if TYPE_CHECKING:
    from pathlib import Path

    from support.console import Site, Visitor

pytestmark = pytest.mark.anyio

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnalO\u202c \u200f\u2066isolate",
    "{{ 7 * 7 }}",
    "W" * 5_000,
    "'; DROP TABLE events; --",
    "\x00\x07\x1b[31mred",
    "a\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:mine, and; more\\",
    "銀行" * 60,
    "مصرف الميناء",
)


async def test_the_overview_counts_and_names_what_waits(site: Site, olga: Visitor) -> None:
    """Numbers by state lead to the list that they count."""
    page = await olga.get("/console")
    assert "Waits for a second person Nothing" in page.words
    links = re.findall(r'href="(/console/participants\?[^"]+)" aria-label="(\d+) (\w+):', page.text)
    assert links
    for link, number, _ in links:
        listed = await olga.get(link.replace("&amp;", "&"))
        assert f"{number} found" in listed.words
    assert site.hearing.failures == []


async def test_a_participants_page_shows_what_can_be_done_and_why_not(olga: Visitor) -> None:
    """Each arrow from its state: open with a button, or closed with the reason."""
    page = await olga.get("/console/participants/software:moneyview")
    assert 'href="/console/participants/software:moneyview/do/suspend"' in page.text
    assert "go-live" not in page.words.partition("What can be done now")[2].partition("What depends")[0]
    ended = await olga.get("/console/participants/role:moneyview~reader/do/withdraw")
    await olga.submit(
        "/console/participants/role:moneyview~reader/do/withdraw", state="active", reason="over"
    )
    assert "may use accounts" in ended.words
    page = await olga.get("/console/participants/role:moneyview~reader")
    assert "What ended is kept longer before it is archived" in page.words
    child = await olga.get("/console/participants/api:moneyview~accounts")
    assert "ended because of role:moneyview~reader" in child.words


async def test_the_lifecycle_is_drawn_with_its_state(olga: Visitor) -> None:
    """As a picture of its own, which runs nothing."""
    picture = await olga.get("/console/participants/software:moneyview/lifecycle.svg")
    assert picture.header("content-type") == "image/svg+xml"
    assert "now, active" in picture.text
    assert "script" not in picture.text
    assert picture.header("content-security-policy").startswith("default-src 'none'")


async def test_looking_back_shows_what_was_so(site: Site, olga: Visitor) -> None:
    """Before the software went live it was certified; nothing can be changed in the past."""
    certified = next(
        event.at
        for event in site.events()
        if isinstance(event, Moved) and (event.subject, event.action) == ("software:moneyview", "certify")
    )
    now = await olga.get("/console/participants/software:moneyview")
    then = await olga.get(f"/console/participants/software:moneyview?at={instant(certified)}")
    assert "State live since" in now.words
    assert "State certified since" in then.words
    assert "Nothing can be changed here" in then.words
    assert "/do/" not in then.text
    assert "go-live: certified → live" in now.words
    assert "go-live" not in then.words
    links = [link for link in re.findall(r'href="([^"]+)"', then.text) if link.startswith("/console/")]
    kept = [link for link in links if "at=" in link]
    assert kept
    assert [link for link in links if link not in kept] == ["/console/participants/software:moneyview"]
    early = await olga.get("/console/participants/software:moneyview?at=2027-01-15T08:00Z")
    assert early.status == 404
    assert "Nobody takes part yet" in (await olga.get("/console?at=2027-01-15")).words


async def test_every_dated_page_can_be_looked_at_as_it_was(site: Site, olga: Visitor) -> None:
    """At the very beginning, in the middle and at the end."""
    for at in ("2027-01-14T00:00Z", "2027-01-15T08:00:20Z", "2027-01-15T08:00:45"):
        for route in ROUTES:
            if route.dated and "{" not in route.address:
                assert (await olga.get(f"{route.address}?at={at}")).status == 200
    assert site.hearing.failures == []


async def test_the_calendar_shows_each_month_and_everything_as_a_list(olga: Visitor) -> None:
    """A certification of a year, a key of two."""
    page = await olga.get("/console/calendar?month=2028-01")
    assert "January 2028" in page.words
    assert "Certification result harbour (conformance) of Harbour" in page.words
    assert (
        "January 2028 Mon" in (await olga.get("/console/calendar")).words
    )  # the next one that has something
    everything = await olga.get("/console/calendar?view=list")
    assert everything.text.count('class="when"') == 4
    assert "Nothing runs out in this month" in (await olga.get("/console/calendar?month=2027-06")).words


async def test_the_calendar_goes_into_other_calendars(olga: Visitor) -> None:
    """Each as an event of its day (RFC 5545)."""
    answer = await olga.get("/console/calendar.ics")
    assert answer.header("content-type") == "text/calendar; charset=utf-8"
    lines = answer.body.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-2:] == [b"END:VCALENDAR", b""]
    assert answer.body.count(b"BEGIN:VEVENT") == answer.body.count(b"END:VEVENT") == 4
    assert b"DTSTART;VALUE=DATE:20280115" in lines
    assert max(map(len, lines)) <= 75


async def test_the_graph_shows_who_trusts_whom_as_picture_and_words(olga: Visitor) -> None:
    """Everything in the picture is in the list too, with the same effect."""
    page = await olga.get("/console/graph")
    boxes = re.findall(r'<a href="([^"]+)"><title>[^<]+, counts as (\w+)</title>', page.text)
    marks = re.findall(r'<a href="([^"]+)" aria-label="[^"]+: (\w+)"', page.text)
    drawn = boxes + marks
    assert len(drawn) >= 10
    words = page.text.partition("The same in words")[2]
    for link, effect in drawn:
        item = words.partition(f'href="{link}"')[2].partition("</li>")[0]
        assert f"effect-{effect}" in item
    one = await olga.get("/console/graph?organisation=moneyview")
    assert "software:moneyview" in one.text
    assert "brand:harbour-bank" not in one.text
    assert "Nobody" in (await olga.get("/console/graph?effect=suspended")).words


async def test_a_stop_shows_in_the_graph_at_everything_below(site: Site, olga: Visitor) -> None:
    """What is suspended with its organisation is drawn so, and says because of whom."""
    await olga.get("/console/participants/organisation:moneyview/do/suspend")
    await olga.submit("/console/participants/organisation:moneyview/do/suspend", state="active", reason="x")
    page = await olga.get("/console/graph?effect=suspended")
    assert "Software MoneyView: live, counts as suspended" in page.text
    assert "because of organisation:moneyview" in page.words
    assert site.keeper.register.now.find("software:moneyview").state == "live"


def hostile_town() -> Town:
    """Return a town whose people chose the worst names they could."""
    town = make_town()
    for number, name in enumerate(HOSTILE):
        town.enter(f"organisation:evil-{number}", Organisation(name=name, registration=name), "verify")
        town.move(f"organisation:evil-{number}", "reject", reason=name)
        software = Software(organisation="moneyview", name=name, metadata={"client_name": name, name: [name]})
        town.enter(f"software:evil-{number}", software)
    town.enter("key:" + "E" * 43, Key(owner="software:moneyview", valid_until=1e300), "activate")
    town.enter("key:" + "F" * 43, Key(owner="software:moneyview", valid_until=-5.0), "activate")
    town.enter(
        "certificate:" + "G" * 43,
        Certificate(owner="software:evil-7", issuer=HOSTILE[0], serial=HOSTILE[1], valid_until=START + YEAR),
        "issue",
    )
    return town


async def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """No page lets a name become markup, turn the reading direction, or break."""
    site = await make_site(tmp_path, town=hostile_town())
    olga = await site.signed_in("olga", "operator")
    subjects = [str(record.subject) for record in site.keeper.register.now.records()]
    addresses = [
        *(route.address for route in ROUTES if route.method == "GET" and "{" not in route.address),
        *(f"/console/participants/{subject}" for subject in subjects),
        *(f"/console/participants/{subject}/do/revoke" for subject in subjects),
        *(f"/console/log/events/{event.sequence}" for event in site.events()[-40:]),
        "/console/participants?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E&kind=%22%3E%3Cb%3E&effect='",
        "/console/calendar?view=list",
        "/console/log?subject=%22%3E%3Cscript%3E&type=%22%3E",
        "/console/sign-in?failed=%3Cscript%3E",
        "/console?said=%3Cscript%3E",
    ]
    for address in addresses:
        answer = await olga.get(address)
        assert answer.status in (200, 404), address
        assert "<script>alert" not in answer.text, address
        assert "<img src=x" not in answer.text, address
        assert "49" not in answer.words or address.startswith(("/console/log", "/console/cal")), address
        for mark in "\u202e\u200f\u2066\x00\x07\x1b":
            assert mark not in answer.text, address
    calendar = (await olga.get("/console/calendar.ics")).body
    assert calendar.count(b"\r\nBEGIN:VEVENT\r\n") == calendar.count(b"\r\nEND:VEVENT\r\n") == 5
    assert max(map(len, calendar.split(b"\r\n"))) <= 75
    calendar.decode()
    assert site.hearing.failures == []
    await site.accounts.close()


async def test_fifty_participants_make_one_picture(tmp_path: Path) -> None:
    """And twice as many are named, the first of them drawn."""
    town = make_town()
    for number in range(100):
        town.enter(f"organisation:o-{number}", Organisation(name=f"Organisation {number}"))
        town.enter(f"software:s-{number}", Software(organisation=f"o-{number}", name=f"Software {number}"))
    site = await make_site(tmp_path, town=town)
    olga = await site.signed_in("olga", "operator")
    page = await olga.get("/console/graph")
    assert "The first 60 of 102 organisations" in page.words
    assert "Software 50" in page.words
    first = await olga.get("/console/participants")
    assert "page 1" in first.words
    last = await olga.get("/console/participants?page=3")
    assert "Previous page" in last.words
    assert "Next page" not in last.words
    await site.accounts.close()


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """An evidence log with the town's events, as the running directory writes them, and an order with its receipt."""
    path = tmp_path / "evidence.sqlite"
    log = LogWriter(path, origin="directory.example", key=Ed25519PrivateKey.generate())
    events = make_town().register.events
    log.append(
        [
            Entry(
                type="event",
                at=event.at,
                subject=event.subject,
                body=msgspec.json.decode(encode_event(event)),
            )
            for event in events
        ]
    )
    log.append(
        [
            Entry(type="order", at=START + 50, subject="software:moneyview", body={"order": "order-99"}),
            Entry(
                type="receipt",
                at=START + 51,
                subject="software:moneyview",
                body={"order": "order-99", "participant": "https://harbour.example"},
            ),
            Entry(type="probe", at=START + 52, subject="brand:harbour-bank", body={"order": "<b>"}),
            Entry(type="event", at=START + 53, subject="brand:harbour-bank", body={"event": "of tomorrow"}),
            Entry(type="event", at=START + 54, subject="nothing:known", body={}),
        ]
    )
    log.close()
    return path


async def test_the_evidence_log_is_listed_and_each_entry_has_its_proof(
    tmp_path: Path, evidence: Path
) -> None:
    """By type and subject; an entry shows its audit path and the checkpoint that it leads to."""
    site = await make_site(tmp_path, evidence=evidence)
    olga = await site.signed_in("olga", "operator")
    page = await olga.get("/console/log")
    assert "each entry has its proof" in page.words
    receipts = await olga.get("/console/log?type=receipt")
    assert receipts.text.count("/console/log/entries/") == 1
    assert "order-99 from https://harbour.example" in receipts.words
    link = re.search(r'href="(/console/log/entries/\d+)"', receipts.text)
    assert link is not None
    entry = await olga.get(link[1])
    assert "directory.example" in entry.words
    assert entry.text.count("<li><code>") >= 2
    named = await olga.get("/console/log?subject=brand:harbour-bank")
    assert "software:moneyview" not in named.words
    assert (await olga.get("/console/log/entries/999999")).status == 404
    assert (await olga.get("/console/log/entries/0")).status == 200
    assert site.hearing.failures == []
    await site.accounts.close()


async def test_the_evidence_log_shows_an_administrator_the_own_entries_alone(
    tmp_path: Path, evidence: Path
) -> None:
    """Neither in the list nor by number."""
    site = await make_site(tmp_path, evidence=evidence)
    mia = await site.signed_in("mia", "administrator", "moneyview")
    page = await mia.get("/console/log")
    assert "moneyview" in page.words
    assert "arbour" not in page.words.replace("order-99 from https://harbour.example", "")
    subjects = [event.subject for event in make_town().register.events]
    subjects += ["software:moneyview"] * 2 + ["brand:harbour-bank"] * 2 + ["nothing:known"]
    for number, subject in enumerate(subjects):
        answer = await mia.get(f"/console/log/entries/{number}")
        own = "moneyview" in subject or subject in ("user:mia", f"key:{KEY}", f"certificate:{CERTIFICATE}")
        assert answer.status == (200 if own else 404), subject
    await site.accounts.close()


async def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """Its page is away; the register's pages that need it not are there."""
    broken = tmp_path / "evidence.sqlite"
    broken.write_bytes(b"no database at all")
    site = await make_site(tmp_path, evidence=broken)
    olga = await site.signed_in("olga", "operator")
    for address in ("/console/log", "/console/log/entries/0"):
        answer = await olga.get(address)
        assert (answer.status, answer.reason) == (503, "console.log-unreadable")
    assert (await olga.get("/console/participants")).status == 200
    await site.accounts.close()


async def test_the_style_sheet_and_the_script_come_with_the_console(olga: Visitor) -> None:
    """Whoever mounts it needs no other application."""
    page = await olga.get("/console/sign-in")
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(found) == 3
    for path in found:
        assert (await olga.get(path)).status == 200


async def test_a_key_that_was_compromised_leaves_the_calendar(site: Site, olga: Visitor) -> None:
    """What does not count any more does not run out either."""
    assert KEY[:10] in (await olga.get("/console/calendar?view=list")).words
    await olga.get(f"/console/participants/key:{KEY}/do/compromise")
    await olga.submit(f"/console/participants/key:{KEY}/do/compromise", state="active", reason="stolen")
    assert KEY[:10] not in (await olga.get("/console/calendar?view=list")).words
    page = await olga.get("/console")
    assert "compromise" in page.words
    assert "open until" in page.words
    assert site.hearing.failures == []


async def test_a_long_log_is_read_page_by_page(tmp_path: Path) -> None:
    """Each page leads to the one before it, down to the first entry; nothing is left out or shown twice."""
    path = tmp_path / "evidence.sqlite"
    log = LogWriter(path, origin="directory.example", key=Ed25519PrivateKey.generate())
    subjects = ("software:moneyview", "brand:harbour-bank")
    log.append(
        [
            Entry(type="order", at=START + n, subject=subjects[n % 2], body={"order": f"o-{n}"})
            for n in range(450)
        ]
    )
    log.close()
    for evidence, total in ((path, 450), (None, len(make_town().register.events))):
        site = await make_site(tmp_path / str(total), evidence=evidence)
        for name, part, organisation in (("olga", "operator", None), ("mia", "administrator", "moneyview")):
            visitor = await site.signed_in(name, part, organisation)  # type: ignore[arg-type]  # they are
            address, seen = "/console/log", []
            while address:
                page = await visitor.get(address)
                seen += re.findall(r'href="/console/log/(?:entries|events)/(\d+)"', page.text)
                further = re.search(r'href="([^"]+)">Earlier ones', page.text)
                address = further[1].replace("&amp;", "&") if further else ""
            assert len(seen) == len(set(seen))
            assert seen == sorted(seen, key=int, reverse=True)
            if evidence is not None:
                assert len(seen) == total // (1 if name == "olga" else 2)
        await site.accounts.close()


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/console", b"console"),
        ("/console/sign-in", b"console"),
        ("/static/trustweft.css", b"console"),
        ("/consoles", b"directory"),
        ("/", b"directory"),
        ("/status", b"directory"),
        ("/.well-known/openid-federation", b"directory"),
    ],
)
async def test_the_console_stands_beside_the_directory(path: str, answered: bytes) -> None:
    """At one origin: each gets what is its own."""

    def answering(name: bytes) -> Any:
        async def run(_scope: Any, _receive: Any, send: Any) -> None:
            await send(name)

        return run

    heard: list[bytes] = []

    async def hear(message: Any) -> None:
        heard.append(message)

    both = with_console(answering(b"directory"), answering(b"console"))
    await both({"type": "http", "path": path}, None, hear)  # type: ignore[arg-type]  # nobody reads
    await both({"type": "lifespan"}, None, hear)  # type: ignore[arg-type]  # as above
    assert heard == [answered, b"directory"]
