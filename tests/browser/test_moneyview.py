"""The sample application as a person uses it, from the home page to the accounts and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from accessibility import violations
from ecosystem import run_trustweft, running_ecosystem
from looks import DESKTOP, PHONE, save_picture
from trustweft.crypto.keys import read_public_jwk, thumbprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from ecosystem import Ecosystem

PATIENCE = 30.0  # seconds
REFUSED = ("Failed to load resource: the server responded with a status of 4",)


def connect(page: Page, ecosystem: Ecosystem, *, user: str = "alice") -> None:
    """Start at MoneyView, log in at the bank."""
    page.goto(f"{ecosystem.moneyview}/")
    page.click("#connect")
    page.fill("#username", user)
    page.fill("#password", ecosystem.passwords[user])
    page.click("#login")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop-light", {**DESKTOP, "color_scheme": "light"}),
        ("phone-dark", {**PHONE, "color_scheme": "dark"}),
    ],
)
def test_a_person_sees_the_accounts_that_they_allowed(
    name: str, options: dict[str, Any], open_page: Callable[..., Page], ecosystem: Ecosystem, axe: str
) -> None:
    """From the home page to MoneyView, to the bank and back: the accounts are there, until disconnected."""
    page = open_page(**options)
    page.goto(f"{ecosystem.home}/")
    save_picture(page, f"home-{name}")
    assert violations(page, axe) == []
    page.click("#start")
    save_picture(page, f"moneyview-start-{name}")
    assert violations(page, axe) == []
    connect(page, ecosystem)
    page.click("#approve")
    expect(page.locator("#accounts")).to_contain_text("Everyday account")
    save_picture(page, f"moneyview-accounts-{name}")
    save_picture(page, f"moneyview-screen-{name}", full_page=False)
    assert violations(page, axe) == []
    page.click("#disconnect")
    expect(page.locator("#connect")).to_be_visible()


def test_a_person_who_denies_is_told_so(
    open_page: Callable[..., Page], ecosystem: Ecosystem, axe: str
) -> None:
    """MoneyView shows what happened, and a way on."""
    page = open_page(allow_console=REFUSED)
    connect(page, ecosystem, user="bob")
    page.click("#deny")
    expect(page.locator("#error")).to_be_visible()
    assert "moneyview.denied" in page.content()
    save_picture(page, "moneyview-denied")
    assert violations(page, axe) == []


def test_another_site_cannot_start_a_flow(ecosystem: Ecosystem) -> None:
    """Without the token of MoneyView's own page, or from another site, nothing begins."""
    with httpx2.Client(verify=ecosystem.trust) as browser:
        browser.get(f"{ecosystem.moneyview}/")
        forged = browser.post(f"{ecosystem.moneyview}/connect", data={"csrf": "guess"})
        cross_site = browser.post(
            f"{ecosystem.moneyview}/connect", data={"csrf": "guess"}, headers={"sec-fetch-site": "cross-site"}
        )
    assert [answer.headers["trustweft-reason"] for answer in (forged, cross_site)] == ["moneyview.forged"] * 2


def test_a_callback_in_a_browser_that_started_nothing_is_refused(ecosystem: Ecosystem) -> None:
    """A code that an attacker plants in somebody's browser leads nowhere."""
    with httpx2.Client(verify=ecosystem.trust) as browser:
        answer = browser.get(f"{ecosystem.moneyview}/callback?code=x&state=y&iss={ecosystem.issuer}")
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (400, "moneyview.no-flow")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_second_application_is_another_one(
    scheme: str, open_page: Callable[..., Page], ecosystem: Ecosystem, axe: str
) -> None:
    """PayPilot has its own name and cookie, asks for more, and knows nothing of who is connected to MoneyView."""
    page = open_page(**DESKTOP, color_scheme=scheme)
    connect(page, ecosystem)
    page.click("#approve")
    expect(page.locator("#accounts")).to_be_visible()
    page.goto(f"https://localhost:{ecosystem.base_port + 6}/")
    expect(page.locator("h1")).to_have_text("See what you can pay with")
    save_picture(page, f"paypilot-start-{scheme}")
    assert violations(page, axe) == []
    page.click("#connect")
    page.fill("#username", "alice")
    page.fill("#password", ecosystem.passwords["alice"])
    page.click("#login")
    expect(page.locator("body")).to_contain_text("PayPilot")
    expect(page.locator("body")).to_contain_text("Make payments for you")
    page.click("#approve")
    expect(page.locator("#accounts")).to_contain_text("Everyday account")
    save_picture(page, f"paypilot-accounts-{scheme}")
    assert violations(page, axe) == []
    names = {cookie["name"] for cookie in page.context.cookies() if "trustweft-" in cookie["name"]}
    assert {"__Host-trustweft-moneyview", "__Host-trustweft-paypilot"} <= names


@pytest.fixture
def bank_of_its_own(tmp_path: Path) -> Iterator[Ecosystem]:
    """An ecosystem whose keys nobody else needs."""
    with running_ecosystem(tmp_path / "data") as running:
        yield running


def test_who_is_connected_stays_so_when_the_bank_must_change_its_key(
    open_page: Callable[..., Page], bank_of_its_own: Ecosystem
) -> None:
    """The key is compromised: the accounts are back within moments, and nobody is asked for anything."""
    ecosystem = bank_of_its_own
    # The browser of the tests trusts the authority of the other ecosystem alone.
    failures = (*REFUSED, "Failed to load resource: the server responded with a status of 5")
    page = open_page(allow_console=failures, ignore_https_errors=True)
    connect(page, ecosystem)
    page.click("#approve")
    expect(page.locator("#accounts")).to_contain_text("Everyday account")
    with httpx2.Client(verify=ecosystem.trust) as browser:
        before = browser.get(f"{ecosystem.issuer}/jwks").json()["keys"]
        for member in before:
            key = f"key:{thumbprint(read_public_jwk(member))}"
            reason = ("--reason", "found on a laptop")
            done = run_trustweft("offboard", key, *reason, "--no-probe", "--data", str(ecosystem.data))
            assert done.returncode == 0, done.stdout + done.stderr
        after = browser.get(f"{ecosystem.issuer}/jwks").json()["keys"]
    assert {each["kid"] for each in before} & {each["kid"] for each in after} == set()
    deadline = time.monotonic() + PATIENCE
    while True:
        page.goto(f"{ecosystem.moneyview}/accounts")
        assert page.locator("#connect").count() == 0, "nobody is asked again"
        if page.locator("#accounts").count() > 0:
            break
        assert time.monotonic() < deadline
    expect(page.locator("#accounts")).to_contain_text("Everyday account")
