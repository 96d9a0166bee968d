"""What each page shows, as values: the participants fill them in, the templates print them.

The views of the authorization server are its own (`trustweft.server.pages`); the rest is here.

Nothing here is trusted to be free of markup or tricks: the templates escape, and `trustweft.web.wording` takes
invisible and direction-changing characters out. Only addresses are checked here, because escaping does not
make ``javascript:`` harmless, and amounts, because a hostile exponent would print a billion digits.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec resolves the annotations at run time
from decimal import Decimal

from trustweft.server.pages import (
    Application,
    ConsentView,
    DetailRow,
    ErrorView,
    Link,
    LoginView,
    Participant,
    PasskeyCeremony,
    PasskeysView,
    Permission,
    Person,
    RegisteredPasskey,
    RequestedDetail,
    View,
    check_addresses,
)

__all__ = [
    "Account",
    "AccountsView",
    "Amount",
    "Application",
    "CertificateAuthority",
    "ConnectView",
    "ConsentView",
    "DetailRow",
    "ErrorView",
    "HomeView",
    "Link",
    "LoginView",
    "Participant",
    "PasskeyCeremony",
    "PasskeysView",
    "Permission",
    "Person",
    "RegisteredPasskey",
    "RequestedDetail",
    "RunningParticipant",
    "Transaction",
    "View",
]

_LARGEST_EXPONENT = 18


class RunningParticipant(View, frozen=True):
    """One participant on the home page."""

    name: str
    role: str
    url: str
    ready: bool
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.url)


class CertificateAuthority(View, frozen=True):
    """The local certificate authority, and where it can be had.

    Attributes:
        file: the certificate on this machine.
        fingerprint: SHA-256 of the certificate, as tools print it.
        download_url: the same file from here.
    """

    file: str
    fingerprint: str
    download_url: str

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.download_url)


class HomeView(View, frozen=True):
    """The ecosystem at one glance.

    Attributes:
        start_url: where a newcomer begins, the sample application.
        credentials_file: where the demo users' passwords are; the page never shows them.
    """

    participants: tuple[RunningParticipant, ...]
    authority: CertificateAuthority
    start_url: str
    credentials_file: str

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.start_url)

    @property
    def ready(self) -> bool:
        """Whether every participant is ready."""
        return all(participant.ready for participant in self.participants)


class ConnectView(View, frozen=True):
    """MoneyView's first page: the button that starts the flow.

    Attributes:
        action: gets ``csrf``; the flow starts with a POST so that no other site can start it.
        headline: what the application is for.
        promise: what it does, as a sentence that begins with its name.
    """

    participant: Participant
    bank: str
    csrf: str
    action: str
    message: str | None = None
    headline: str = "All your accounts in one place"
    promise: str = (
        "shows your balances and what happened on your accounts, and nothing that you did not allow."
    )

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.action)


class Amount(View, frozen=True):
    """An amount of money as the bank wrote it."""

    value: Decimal
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is not a sum of money."""
        _, _, exponent = self.value.as_tuple()
        if not isinstance(exponent, int) or abs(exponent) > _LARGEST_EXPONENT:
            raise ValueError("an amount is a finite number of ordinary size")


class Transaction(View, frozen=True):
    """One line of an account."""

    booked: dt.date
    description: str
    amount: Amount


class Account(View, frozen=True):
    """An account with its latest transactions."""

    name: str
    number: str
    kind: str
    balance: Amount
    transactions: tuple[Transaction, ...]


class AccountsView(View, frozen=True):
    """What MoneyView fetched from the bank.

    Attributes:
        until: the permission's last day.
        disconnect_action: gets ``csrf``; ends the permission at the bank.
    """

    participant: Participant
    bank: str
    accounts: tuple[Account, ...]
    until: dt.date | None
    csrf: str
    disconnect_action: str

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.disconnect_action)

    @property
    def totals(self) -> tuple[Amount, ...]:
        """The sum of the balances, one for each currency, in order of appearance."""
        sums: dict[str, Decimal] = {}
        for account in self.accounts:
            currency = account.balance.currency
            sums[currency] = sums.get(currency, Decimal(0)) + account.balance.value
        return tuple(Amount(value=value, currency=currency) for currency, value in sums.items())
