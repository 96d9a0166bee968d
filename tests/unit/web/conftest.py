"""One finished view for every page."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from trustweft.web import views
from trustweft.web.pages import Pages

BANK = views.Participant(name="Weft Bank", host="localhost:8441")
MONEYVIEW = views.Participant(name="MoneyView", host="localhost:8444")
APPLICATION = views.Application(name="MoneyView", organisation="MoneyView Ltd")
PERSON = views.Person(name="Alice Weaver", username="alice")
CEREMONY = views.PasskeyCeremony(options_url="/passkey/options", action="/passkey")
DAY = dt.date(2026, 12, 23)


def _euro(value: str) -> views.Amount:
    return views.Amount(value=Decimal(value), currency="EUR")


ACCOUNT = views.Account(
    name="Everyday",
    number="•••• 4711",
    kind="Current account",
    balance=_euro("1234.50"),
    transactions=(
        views.Transaction(booked=DAY, description="Salary", amount=_euro("3000.00")),
        views.Transaction(booked=DAY, description="Rent", amount=_euro("-985.00")),
    ),
)
ERROR = views.ErrorView(
    participant=BANK,
    title="This request has expired",
    public="The request is too old.",
    reason="par.expired",
    advice="Start again.",
    support="7F3K",
    onward=views.Link(label="Back", url="https://localhost:8444/"),
)
SAMPLES: dict[str, views.View] = {
    "login": views.LoginView(
        participant=BANK,
        application=APPLICATION,
        csrf="token",
        action="/login",
        username="alice",
        error="User name or password is wrong.",
        passkey=CEREMONY,
        cancel_action="/cancel",
        notice="A demonstration.",
    ),
    "consent": views.ConsentView(
        participant=BANK,
        application=APPLICATION,
        person=PERSON,
        permissions=(views.Permission(title="See your accounts", explanation="Names and numbers."),),
        until=DAY,
        next_host="localhost:8444",
        csrf="token",
        action="/consent",
        passkeys_url="/passkeys",
        details=(
            views.RequestedDetail(
                title="Make one payment",
                explanation="Once.",
                rows=(
                    views.DetailRow(label="At most", texts=("20.00 EUR",), is_amount=True),
                    views.DetailRow(label="To", texts=("Bob", "Carol")),
                    views.DetailRow(label="Last day", day=DAY),
                    views.DetailRow(label="From", texts=("Any account",), is_open=True),
                ),
            ),
        ),
    ),
    "passkeys": views.PasskeysView(
        participant=BANK,
        person=PERSON,
        passkeys=(views.RegisteredPasskey(name="Phone", added=DAY),),
        ceremony=CEREMONY,
        csrf="token",
        error="That did not work.",
        onward=views.Link(label="Go on", url="/"),
    ),
    "error": ERROR,
    "home": views.HomeView(
        participants=(
            views.RunningParticipant(
                name="MoneyView",
                role="Shows people their accounts.",
                url="https://localhost:8444/",
                ready=True,
                links=(views.Link(label="Metadata", url="https://localhost:8444/metadata"),),
            ),
        ),
        authority=views.CertificateAuthority(
            file="/data dir/ca.pem", fingerprint="AA:BB", download_url="/ca.pem"
        ),
        start_url="https://localhost:8444/",
        credentials_file="/data dir/demo.json",
    ),
    "moneyview_start": views.ConnectView(
        participant=MONEYVIEW, bank="Weft Bank", csrf="token", action="/connect", message="Not connected."
    ),
    "moneyview_accounts": views.AccountsView(
        participant=MONEYVIEW,
        bank="Weft Bank",
        accounts=(ACCOUNT,),
        until=DAY,
        csrf="token",
        disconnect_action="/disconnect",
    ),
    "moneyview_error": ERROR,
}


@pytest.fixture(scope="session")
def pages() -> Pages:
    return Pages()


@pytest.fixture(scope="session")
def samples() -> dict[str, views.View]:
    return SAMPLES


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> tuple[str, views.View]:
    """Every page in turn, with a view in which every optional part is present."""
    return request.param, SAMPLES[request.param]
