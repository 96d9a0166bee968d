"""What a person sees and does at the authorization server, in a real Chromium over real TLS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from accessibility import violations
from looks import DESKTOP, PHONE, save_picture
from relying_party import RelyingParty, catching_callbacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import CDPSession, Page

    from ecosystem import Ecosystem
    from relying_party import CallbackCatcher

WRONG_PASSWORD = "not the password"
# Chromium tells on the console of every answer with an error status, also of those that a person is meant to see.
REFUSED = ("Failed to load resource: the server responded with a status of 4",)


@pytest.fixture(scope="module")
def callbacks(ecosystem: Ecosystem) -> Iterator[CallbackCatcher]:
    """Where the browser is sent back to, on the same site as the server."""
    with catching_callbacks(ecosystem) as catcher:
        yield catcher


@pytest.fixture(scope="module")
def client(ecosystem: Ecosystem, callbacks: CallbackCatcher) -> RelyingParty:
    """A client that the operator registered."""
    return RelyingParty(ecosystem, redirect_uri=callbacks.url)


def log_in(page: Page, ecosystem: Ecosystem, *, user: str = "alice") -> None:
    """Fill in the form and send it."""
    page.fill("#username", user)
    page.fill("#password", ecosystem.passwords[user])
    page.click("#login")
    expect(page.locator("#approve")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop-light", {**DESKTOP, "color_scheme": "light"}),
        ("desktop-dark", {**DESKTOP, "color_scheme": "dark"}),
        ("phone-light", {**PHONE, "color_scheme": "light"}),
        ("phone-dark", {**PHONE, "color_scheme": "dark"}),
    ],
)
def test_password_login_and_approval_bring_tokens(
    name: str,
    options: dict[str, Any],
    open_page: Callable[..., Page],
    ecosystem: Ecosystem,
    client: RelyingParty,
    callbacks: CallbackCatcher,
    axe: str,
) -> None:
    """A person logs in, reads what is asked, approves, and the client gets tokens; every page is accessible."""
    page = open_page(**options)
    url, verifier = client.begin()
    page.goto(url)
    save_picture(page, f"login-{name}")
    assert violations(page, axe) == []
    log_in(page, ecosystem)
    save_picture(page, f"consent-{name}")
    assert violations(page, axe) == []
    consent = page.locator("main").inner_text()
    assert "Budget Owl" in consent
    assert "Owl Software Ltd" in consent
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    callback = callbacks.next()
    assert set(callback) == {"code", "state", "iss"}
    assert callback["iss"] == ecosystem.issuer
    tokens = client.redeem(callback["code"], verifier)
    assert tokens.status_code == 200, tokens.text
    assert set(tokens.json()) >= {"access_token", "refresh_token", "id_token"}


DETAILS = [
    {
        "type": "payment_initiation",
        "instructedAmount": {"amount": "1249.00", "currency": "EUR"},
        "creditorName": "Birch & Sons Timber",
        "creditorAccount": {"iban": "DE55999000990004812004"},
        "remittanceInformationUnstructured": "Invoice 2026-1187, oak table",
    },
    {
        "type": "account_information",
        "actions": ["list_accounts", "read_balances"],
        "accounts": ["DE28999000990004711001"],
        "validUntil": "2026-12-31",
    },
]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop-light", {**DESKTOP, "color_scheme": "light"}),
        ("desktop-dark", {**DESKTOP, "color_scheme": "dark"}),
        ("phone-light", {**PHONE, "color_scheme": "light"}),
        ("phone-dark", {**PHONE, "color_scheme": "dark"}),
    ],
)
def test_a_person_sees_exactly_what_is_asked(
    name: str,
    options: dict[str, Any],
    open_page: Callable[..., Page],
    ecosystem: Ecosystem,
    client: RelyingParty,
    callbacks: CallbackCatcher,
    axe: str,
) -> None:
    """Every member of the authorization details, beside the scopes; and what was approved is what the tokens say."""
    page = open_page(**options)
    url, verifier = client.begin(authorization_details=json.dumps(DETAILS), scope="openid")
    page.goto(url)
    log_in(page, ecosystem)
    save_picture(page, f"consent-details-{name}")
    assert violations(page, axe) == []
    consent = page.locator("main").inner_text()
    for words in (
        *("Make one payment", "1,249.00 EUR", "Birch & Sons Timber", "DE55 9990 0099 0004 8120 04"),
        *("Invoice 2026-1187, oak table", "Any of your accounts"),
        *("See your accounts", "Balances", "DE28 9990 0099 0004 7110 01", "31 December 2026"),
    ):
        assert words in consent
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    tokens = client.redeem(callbacks.next()["code"], verifier)
    assert tokens.json()["authorization_details"] == DETAILS


def test_a_wrong_password_is_told_without_saying_what_was_wrong(
    open_page: Callable[..., Page], client: RelyingParty, axe: str
) -> None:
    """The same words for a wrong password and for somebody who does not exist."""
    page = open_page()
    page.goto(client.begin()[0])
    told = []
    for username in ("alice", "nobody-at-all"):
        page.fill("#username", username)
        page.fill("#password", WRONG_PASSWORD)
        page.click("#login")
        expect(page.locator("#error")).to_be_visible()
        told.append(page.locator("#error").inner_text())
    save_picture(page, "login-refused")
    assert violations(page, axe) == []
    assert told[0] == told[1]


def test_denying_sends_the_person_back_with_access_denied(
    open_page: Callable[..., Page], ecosystem: Ecosystem, client: RelyingParty, callbacks: CallbackCatcher
) -> None:
    """Denying is a real choice: the client hears it, with issuer and state."""
    page = open_page()
    page.goto(client.begin(state="the-state")[0])
    log_in(page, ecosystem, user="bob")
    page.click("#deny")
    expect(page.locator("#back")).to_be_visible()
    callback = callbacks.next()
    assert callback["error"] == "access_denied"
    assert (callback["iss"], callback["state"]) == (ecosystem.issuer, "the-state")


def test_going_back_without_logging_in_is_heard_too(
    open_page: Callable[..., Page], client: RelyingParty, callbacks: CallbackCatcher
) -> None:
    """A person who does not want to log in gets back to the application."""
    page = open_page()
    page.goto(client.begin()[0])
    page.click("#cancel")
    expect(page.locator("#back")).to_be_visible()
    assert callbacks.next()["error"] == "access_denied"


@pytest.mark.parametrize(("name", "options"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_a_request_that_nobody_pushed_is_an_error_page(
    name: str,
    options: dict[str, Any],
    open_page: Callable[..., Page],
    ecosystem: Ecosystem,
    client: RelyingParty,
    axe: str,
) -> None:
    """Faults that cannot be redirected are told on a page with the reason id."""
    page = open_page(allow_console=REFUSED, **options)
    unknown = "urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A" + "A" * 43
    page.goto(f"{ecosystem.issuer}/authorize?client_id={client.client_id}&request_uri={unknown}")
    expect(page.locator("#error")).to_be_visible()
    assert "request-uri.unknown" in page.content()
    save_picture(page, f"error-{name}")
    assert violations(page, axe) == []


def test_an_answered_request_cannot_be_opened_again(
    open_page: Callable[..., Page], ecosystem: Ecosystem, client: RelyingParty, callbacks: CallbackCatcher
) -> None:
    """The request is spent at authorization; before that, reloading the page does no harm."""
    page = open_page(allow_console=REFUSED)
    url, _ = client.begin()
    page.goto(url)
    page.goto(url)
    log_in(page, ecosystem)
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    callbacks.next()
    page.goto(url)
    expect(page.locator("#error")).to_be_visible()


def test_everything_works_by_keyboard_alone(
    open_page: Callable[..., Page], ecosystem: Ecosystem, client: RelyingParty, callbacks: CallbackCatcher
) -> None:
    """Tab, typing and Enter are enough to log in and approve."""
    page = open_page()
    page.goto(client.begin()[0])
    focus_by_tab(page, "username")
    page.keyboard.type("alice")
    focus_by_tab(page, "password")
    page.keyboard.type(ecosystem.passwords["alice"])
    page.keyboard.press("Enter")
    expect(page.locator("#approve")).to_be_visible()
    focus_by_tab(page, "approve")
    page.keyboard.press("Enter")
    expect(page.locator("#back")).to_be_visible()
    assert "code" in callbacks.next()


def focus_by_tab(page: Page, identifier: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(30):
        if page.evaluate("() => document.activeElement.id") == identifier:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"#{identifier} cannot be reached by Tab")


def test_everything_works_without_javascript(
    open_page: Callable[..., Page], ecosystem: Ecosystem, client: RelyingParty, callbacks: CallbackCatcher
) -> None:
    """The pages are plain forms."""
    page = open_page(java_script_enabled=False)
    page.goto(client.begin()[0])
    expect(page.locator("#passkey")).to_be_hidden()
    log_in(page, ecosystem)
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    assert "code" in callbacks.next()


def test_a_client_on_another_site_works_as_well(open_page: Callable[..., Page], ecosystem: Ecosystem) -> None:
    """Cookies, origin checks and form-action hold when the client is on 127.0.0.1 and the server on localhost."""
    with catching_callbacks(ecosystem, host="127.0.0.1") as elsewhere:
        client = RelyingParty(ecosystem, redirect_uri=elsewhere.url, name="Elsewhere")
        page = open_page()
        page.goto(elsewhere.url.replace("/callback", "/"))
        url, verifier = client.begin()
        # As an application does it: a navigation that its own page begins, so that it is cross-site.
        page.evaluate("url => { location.href = url }", url)
        page.wait_for_selector("#username")
        log_in(page, ecosystem)
        page.click("#approve")
        expect(page.locator("#back")).to_be_visible()
        assert page.url.startswith("https://127.0.0.1:")
        tokens = client.redeem(elsewhere.next()["code"], verifier)
    assert tokens.status_code == 200, tokens.text


def test_a_passkey_is_added_after_a_password_and_used_instead_of_it(
    open_page: Callable[..., Page],
    ecosystem: Ecosystem,
    client: RelyingParty,
    callbacks: CallbackCatcher,
    axe: str,
) -> None:
    """A passkey of this device takes the password's place at the next login."""
    page = open_page()
    add_authenticator(page)
    page.goto(client.begin()[0])
    log_in(page, ecosystem, user="bob")
    page.click("text=Add a passkey")
    expect(page.locator("#passkey-register")).to_be_visible()
    save_picture(page, "passkeys")
    assert violations(page, axe) == []
    with page.expect_navigation():
        page.click("#passkey-register")
    expect(page.locator("main")).to_contain_text("added")
    save_picture(page, "passkeys-added")
    url, verifier = client.begin()
    page.goto(url)
    page.click("#passkey")
    expect(page.locator("#approve")).to_be_visible()
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    tokens = client.redeem(callbacks.next()["code"], verifier)
    assert tokens.status_code == 200, tokens.text


def add_authenticator(page: Page) -> CDPSession:
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
    return session
