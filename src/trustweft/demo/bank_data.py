"""The sample bank's customers: two people with accounts, and three months of ordinary life on them.

Nothing here is random: the same day gives the same data, so that tests and screenshots stay true. Names, companies
and account numbers are made up (the bank code is given to no bank; the check digits are right, ISO 13616).
"""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CURRENCY", "CUSTOMERS", "HISTORY_DAYS", "Account", "Customer", "Entry", "history"]

CURRENCY: Final = "EUR"
HISTORY_DAYS: Final = 90
_BANK_CODE: Final = "99900099"
_WEEKDAY_OF_SHOPPING: Final = (1, 5)  # Tuesday and Saturday


class Account(Struct, frozen=True, kw_only=True):
    """One account; ``opening`` is what was on it before the history begins, in cents."""

    id: str
    name: str
    kind: str
    iban: str
    opening: int


class Customer(Struct, frozen=True, kw_only=True):
    """One person who banks here."""

    name: str
    accounts: tuple[Account, ...]


class Entry(Struct, frozen=True, kw_only=True):
    """One movement on an account, in cents; negative amounts leave the account."""

    id: str
    booked_on: date
    amount: int
    counterparty: str
    description: str


class _Monthly(Struct, frozen=True):
    day: int
    amount: int
    counterparty: str
    description: str


class _Shopping(Struct, frozen=True):
    counterparty: str
    least: int
    spread: int


def _iban(number: int) -> str:
    """Return an account number with its check digits (ISO 7064, modulus 97; D is 13 and E is 14)."""
    account = f"{_BANK_CODE}{number:010d}"
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def _account(owner: str, number: int, *, name: str, kind: str, opening: int) -> Account:
    identifier = sha256(f"{owner}/{number}".encode()).hexdigest()[:12]
    return Account(id=f"acc-{identifier}", name=name, kind=kind, iban=_iban(number), opening=opening)


CUSTOMERS: Final[Mapping[str, Customer]] = MappingProxyType(
    {
        "alice": Customer(
            name="Alice Moreau",
            accounts=(
                _account("alice", 4711001, name="Everyday account", kind="current", opening=184_250),
                _account("alice", 4711002, name="Rainy-day savings", kind="savings", opening=1_250_000),
            ),
        ),
        "bob": Customer(
            name="Bob Lindqvist",
            accounts=(
                _account("bob", 4712001, name="Household account", kind="current", opening=96_480),
                _account("bob", 4712002, name="Workshop account", kind="current", opening=412_900),
                _account("bob", 4712003, name="Holiday savings", kind="savings", opening=240_000),
            ),
        ),
    }
)

_MONTHLY: Final[Mapping[str, tuple[_Monthly, ...]]] = {
    "Everyday account": (
        _Monthly(1, -98_000, "Lindenhof Housing", "Rent"),
        _Monthly(3, -5_490, "City Transit", "Monthly pass"),
        _Monthly(5, -4_210, "Northlight Energy", "Electricity"),
        _Monthly(12, -1_299, "Reel & Chapter", "Film subscription"),
        _Monthly(15, -25_000, "Alice Moreau", "To savings"),
        _Monthly(27, 312_480, "Brightwater Design Studio", "Salary"),
    ),
    "Rainy-day savings": (_Monthly(15, 25_000, "Alice Moreau", "From everyday account"),),
    "Household account": (
        _Monthly(2, -76_500, "Harbour Cooperative Homes", "Rent"),
        _Monthly(4, -3_990, "Skerry Telecom", "Phone and internet"),
        _Monthly(9, -8_600, "Little Oaks Kindergarten", "Childcare"),
        _Monthly(25, 245_000, "Bob Lindqvist", "From workshop account"),
    ),
    "Workshop account": (
        _Monthly(6, -31_250, "Birch & Sons Timber", "Oak boards"),
        _Monthly(11, 189_000, "Café Meridian", "Two tables, invoice paid"),
        _Monthly(19, 164_500, "Hotel Aurora", "Shelves, second instalment"),
        _Monthly(25, -245_000, "Bob Lindqvist", "To household account"),
    ),
    "Holiday savings": (_Monthly(28, 15_000, "Bob Lindqvist", "Standing order"),),
}
_SHOPPING: Final[Mapping[str, tuple[_Shopping, ...]]] = {
    "Everyday account": (
        _Shopping("Greenleaf Market", 2_150, 3_900),
        _Shopping("Corner Bakery", 420, 780),
        _Shopping("Pages Bookshop", 1_290, 2_400),
    ),
    "Household account": (
        _Shopping("Fjord Foods", 3_480, 5_200),
        _Shopping("Saturday Market", 1_150, 1_900),
        _Shopping("Wheel & Spoke Repairs", 1_800, 3_000),
    ),
}


def history(account: Account, *, until: date) -> Iterator[Entry]:
    """Yield the entries of the last ``HISTORY_DAYS`` days, the oldest first."""
    for back in range(HISTORY_DAYS, -1, -1):
        day = until - timedelta(days=back)
        for planned in _MONTHLY.get(account.name, ()):
            if planned.day == day.day:
                yield _entry(account, day, planned.amount, planned.counterparty, planned.description)
        shops = _SHOPPING.get(account.name, ())
        if shops and day.weekday() in _WEEKDAY_OF_SHOPPING:
            chance = sha256(f"{account.id}/{day.isoformat()}".encode()).digest()
            shop = shops[chance[0] % len(shops)]
            amount = shop.least + int.from_bytes(chance[1:3], "big") % shop.spread
            yield _entry(account, day, -amount, shop.counterparty, "Card payment")


def _entry(account: Account, day: date, amount: int, counterparty: str, description: str) -> Entry:
    identifier = sha256(f"{account.id}/{day.isoformat()}/{counterparty}/{amount}".encode()).hexdigest()[:16]
    return Entry(
        id=f"txn-{identifier}",
        booked_on=day,
        amount=amount,
        counterparty=counterparty,
        description=description,
    )
