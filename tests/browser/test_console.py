"""The directory's console as people see it, in a real Chromium with a passkey, over real TLS."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from accessibility import violations
from ecosystem import free_base_port
from looks import DESKTOP, PHONE, save_picture
from support.city import ORGANISATIONS, served_city

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from ecosystem import Ecosystem
    from support.city import City

NARROW = {**PHONE, "viewport": {"width": 360, "height": 740}}
LOOKS = [
    ("desktop-light", {**DESKTOP, "color_scheme": "light"}),
    ("desktop-dark", {**DESKTOP, "color_scheme": "dark"}),
    ("narrow-light", {**NARROW, "color_scheme": "light"}),
    ("narrow-dark", {**NARROW, "color_scheme": "dark"}),
]
REFUSED = ("Failed to load resource: the server responded with a status of 4",)
# Name of the picture and address of each page that somebody who is signed in can open.
PAGES = [
    ("overview", "/console"),
    ("participants", "/console/participants"),
    ("participant", "/console/participants/software:moneyview"),
    ("organisation", "/console/participants/organisation:o-04"),
    ("applicant", "/console/participants/organisation:o-10"),
    ("enter", "/console/enter/software?under=organisation:moneyview"),
    ("amend", "/console/participants/organisation:moneyview/amend"),
    ("confirm", "/console/participants/organisation:moneyview/do/suspend"),
    ("calendar", "/console/calendar"),
    ("calendar-list", "/console/calendar?view=list"),
    ("graph", "/console/graph"),
    ("graph-one", "/console/graph?organisation=moneyview"),
    ("graph-stopped", "/console/graph?organisation=o-04"),
    ("log", "/console/log"),
    ("entry", "/console/log/entries/40"),
    ("people", "/console/people"),
    ("missing", "/console/participants/software:nothing"),
]


@pytest.fixture(scope="module")
def city(ecosystem: Ecosystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The console of a large ecosystem."""
    with served_city(ecosystem, tmp_path_factory.mktemp("console"), port=free_base_port()) as running:
        yield running


def add_authenticator(page: Page) -> None:
    """Give the browser a virtual authenticator that verifies its user."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def enrol(page: Page, link: str) -> None:
    """Open the link of an invitation and make a passkey."""
    add_authenticator(page)
    page.goto(link)
    page.click("#passkey-register")
    expect(page.locator("#passkey")).to_be_visible()


def sign_in(page: Page, city: City, name: str, part: str, *more: str) -> None:
    """Invite somebody at the command line, enrol, and sign in."""
    enrol(page, city.invite(name, part, *more))
    page.click("#passkey")
    expect(page.locator("#sign-out")).to_be_visible()


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


@pytest.mark.parametrize(("look", "options"), LOOKS)
def test_every_page_is_accessible_and_fits(
    look: str, options: dict[str, Any], open_page: Callable[..., Page], city: City, axe: str
) -> None:
    """Light and dark, at a desk and on 360 pixels: axe-core objects to nothing, and nothing hangs over the edge."""
    page = open_page(allow_console=REFUSED, **options)
    found = {}

    def look_at(name: str) -> None:
        save_picture(page, f"console-{name}-{look}", full_page=name not in ("log", "graph", "participants"))
        found[name] = (violations(page, axe), overflow(page))

    add_authenticator(page)
    page.goto(city.invite(f"operator-{look}", "operator"))
    look_at("invitation")
    page.click("#passkey-register")
    expect(page.locator("#passkey")).to_be_visible()
    look_at("sign-in")
    page.click("#passkey")
    expect(page.locator("#sign-out")).to_be_visible()
    for name, address in PAGES:
        page.goto(city.origin + address)
        look_at(name)
    page.goto(city.origin + "/console/people")
    page.fill("#name", f"invited-{look}")
    page.select_option("#part", "auditor")
    page.click("#invite")
    expect(page.locator("#link")).to_be_visible()
    look_at("invited")
    assert {name: each for name, each in found.items() if each != ([], 0)} == {}


def test_two_people_suspend_a_software(open_page: Callable[..., Page], city: City, axe: str) -> None:
    """One proposes it and cannot approve it; the other sees what it stops, and approves."""
    olga, otto = open_page(), open_page()
    sign_in(olga, city, "olga", "operator")
    sign_in(otto, city, "otto", "operator")
    olga.goto(f"{city.origin}/console/participants/software:o-02")
    olga.get_by_role("link", name="suspend", exact=True).click()
    olga.fill("#reason", "It does not answer")
    save_picture(olga, "console-propose")
    olga.click("#confirm")
    expect(olga.get_by_text("Proposed. A second person")).to_be_visible()
    otto.goto(f"{city.origin}/console")
    otto.get_by_role("link", name="suspend software:o-02").click()
    assert violations(otto, axe) == []
    save_picture(otto, "console-proposal")
    olga.goto(otto.url)
    expect(olga.locator("#hindrance")).to_contain_text("another person has to")
    expect(olga.locator("#approve")).to_have_count(0)
    otto.click("#approve")
    expect(otto.get_by_text("Approved, and done")).to_be_visible()
    assert violations(otto, axe) == []
    save_picture(otto, "console-suspended")
    assert "suspended since" in otto.locator("main").inner_text()


def test_an_administrator_and_an_auditor_see_their_own_console(
    open_page: Callable[..., Page], city: City, axe: str
) -> None:
    """One has the own organisation alone, the other everything and no way to change it."""
    mia, ada = open_page(allow_console=REFUSED), open_page()
    sign_in(mia, city, "mia", "administrator", "--organisation", "moneyview")
    mia.goto(f"{city.origin}/console/graph")
    drawn = mia.locator(".forest-box").count()
    assert 4 <= drawn <= 8
    assert violations(mia, axe) == []
    save_picture(mia, "console-administrator")
    mia.goto(f"{city.origin}/console/participants/brand:harbour-bank")
    expect(mia.locator("#error")).to_be_visible()
    sign_in(ada, city, "ada", "auditor")
    ada.goto(f"{city.origin}/console/graph")
    assert ada.locator(".forest-box").count() > 2 * ORGANISATIONS
    ada.goto(f"{city.origin}/console/participants/software:moneyview")
    assert ada.locator("a[href*='/do/']").count() == 0
    save_picture(ada, "console-auditor")
    assert violations(ada, axe) == []


def test_everything_but_the_passkey_works_without_javascript(
    open_page: Callable[..., Page], city: City
) -> None:
    """Whoever is signed in looks around, looks back, filters and acts with forms and links alone."""
    page = open_page()
    sign_in(page, city, "nora", "operator")
    still = open_page(java_script_enabled=False, storage_state=page.context.storage_state())
    still.goto(f"{city.origin}/console/participants")
    still.select_option("#effect", "suspended")
    still.get_by_role("button", name="Show").click()
    expect(still.locator("tbody tr").first).to_contain_text("suspended")
    still.goto(f"{city.origin}/console/participants/brand:o-09")
    still.get_by_role("link", name="degrade", exact=True).click()
    still.click("#confirm")
    expect(still.get_by_text("Done. The directory's log has it.")).to_be_visible()
    expect(still.locator("main")).to_contain_text("degraded since")
    still.click("#sign-out")
    expect(still.locator("noscript")).to_have_count(1)
    expect(still.locator("#passkey")).to_be_hidden()


def test_looking_back_shows_the_earlier_state(open_page: Callable[..., Page], city: City, axe: str) -> None:
    """The field of the page leads to what was so then, and back to now."""
    page = open_page()
    sign_in(page, city, "past", "auditor")
    page.goto(f"{city.origin}/console/participants/organisation:o-08")
    expect(page.locator("main")).to_contain_text("revoked since")
    when = page.locator(".history time").last.get_attribute("datetime")
    assert when is not None
    later = dt.datetime.fromisoformat(when) + dt.timedelta(minutes=2)
    page.fill("#at", f"{later:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Look back").click()
    expect(page.get_by_text("You see what was so at")).to_be_visible()
    expect(page.locator("main")).to_contain_text("active since")
    assert violations(page, axe) == []
    save_picture(page, "console-past")
    page.get_by_role("link", name="Show what is so now").click()
    expect(page.locator("main")).to_contain_text("revoked since")


def test_a_hostile_name_runs_nothing(open_page: Callable[..., Page], city: City) -> None:
    """It is shown as the text that it is, on every page that names it."""
    page = open_page()
    sign_in(page, city, "hugo", "operator")
    for address in (
        "/console/participants?q=script",
        "/console/participants/organisation:evil",
        "/console/participants/organisation:evil/do/verify",
        "/console/graph?organisation=evil",
    ):
        page.goto(city.origin + address)
        assert "mine" not in page.title() or "<script>" in page.title()
        expect(page.locator("main")).to_contain_text("<script>document.title=")
        assert page.locator("main script").count() == 0
