"""The views: addresses that run scripts and amounts that explode are refused when they are built."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import msgspec
import pytest

from trustweft.web import views

BAD_ADDRESSES = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "https://user@evil.example/",
    "https://",
    "https:///path",
    "https:/evil.example",
    "https://bank.example\\@evil.example/",
    "/path with space",
    "/päth",
    "relative",
    "",
]
ADDRESS_FIELDS = [
    ("login", "action"),
    ("login", "cancel_action"),
    ("consent", "action"),
    ("consent", "passkeys_url"),
    ("home", "start_url"),
    ("moneyview_start", "action"),
    ("moneyview_accounts", "disconnect_action"),
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_bad_addresses_are_refused(address: str) -> None:
    """An address is a path of our own or a plain web address, nothing else."""
    with pytest.raises(ValueError, match="neither"):
        views.Link(label="x", url=address)


@pytest.mark.parametrize(
    "address",
    ["/", "/a/b?c=d#e", "https://localhost:8440/", "https://bank.example", "http://127.0.0.1:1/x@y"],
)
def test_good_addresses_are_taken(address: str) -> None:
    """Paths and web addresses are taken as they are."""
    assert views.Link(label="x", url=address).url == address


@pytest.mark.parametrize(("name", "field"), ADDRESS_FIELDS)
def test_every_view_checks_its_addresses(samples: dict[str, views.View], name: str, field: str) -> None:
    """A page never gets an address that would run a script."""
    with pytest.raises(ValueError, match="neither"):
        msgspec.structs.replace(samples[name], **{field: "javascript:alert(1)"})


@pytest.mark.parametrize("field", ["options_url", "action"])
def test_the_passkey_ceremony_checks_its_addresses(field: str) -> None:
    """The script is never pointed away from the web."""
    good = views.PasskeyCeremony(options_url="/options", action="/passkey")
    with pytest.raises(ValueError, match="neither"):
        msgspec.structs.replace(good, **{field: "data:application/json,{}"})


def test_the_home_page_checks_the_addresses_of_participants_and_authority(
    samples: dict[str, views.View],
) -> None:
    """Participants and the authority's certificate are linked by web addresses alone."""
    home = cast("views.HomeView", samples["home"])
    with pytest.raises(ValueError, match="neither"):
        msgspec.structs.replace(home.participants[0], url="javascript:alert(1)")
    with pytest.raises(ValueError, match="neither"):
        msgspec.structs.replace(home.authority, download_url="javascript:alert(1)")


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e-999999", "1e19"])
def test_an_amount_is_a_sum_of_money(value: str) -> None:
    """What is no number, or would print a page of digits, is refused."""
    with pytest.raises(ValueError, match="ordinary size"):
        views.Amount(value=Decimal(value), currency="EUR")


def test_totals_are_kept_by_currency(samples: dict[str, views.View]) -> None:
    """Balances of one currency add up; currencies are never mixed."""
    view = cast("views.AccountsView", samples["moneyview_accounts"])
    dollars = msgspec.structs.replace(
        view.accounts[0], balance=views.Amount(value=Decimal("-1.25"), currency="USD")
    )
    totals = msgspec.structs.replace(view, accounts=(*view.accounts, dollars, *view.accounts)).totals
    assert [(total.value, total.currency) for total in totals] == [
        (Decimal("2469.00"), "EUR"),
        (Decimal("-1.25"), "USD"),
    ]


def test_views_cannot_be_changed(samples: dict[str, views.View]) -> None:
    """A view is a value: nobody changes it on its way to the page."""
    with pytest.raises(AttributeError):
        samples["login"].csrf = "other"  # type: ignore[attr-defined] # the point of the test
