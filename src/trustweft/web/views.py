"""What each page shows, as values: the participants fill them in, the templates print them.

Nothing here is trusted to be free of markup or tricks: the templates escape, and `trustweft.web.wording` takes
invisible and direction-changing characters out. Only addresses are checked here, because escaping does not
make ``javascript:`` harmless, and amounts, because a hostile exponent would print a billion digits.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec resolves the annotations at run time
import re
from decimal import Decimal

import msgspec

__all__ = [
    "Account",
    "AccountsView",
    "Amount",
    "Application",
    "CertificateAuthority",
    "ConnectView",
    "ConsentView",
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
    "RunningParticipant",
    "Transaction",
]

# A path of our own, or an absolute web address without user information. "//host" would leave the origin.
_ADDRESS = re.compile(r"(?:/(?![/\\])|https?://(?=[^/?#\\@]+(?:[/?#]|$)))[\x21-\x7e]*")
_LARGEST_EXPONENT = 18


def _check_addresses(*addresses: str | None) -> None:
    for address in addresses:
        if address is not None and not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is neither a path of our own nor a web address")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all views: immutable, built by keyword."""


class Link(View, frozen=True):
    """A named address."""

    label: str
    url: str

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.url)


class Participant(View, frozen=True):
    """Whose page this is.

    Attributes:
        name: as people know it, for example ``Weft Bank``.
        host: host, and port if not the usual one, of the configured address; people compare it with the browser's.
    """

    name: str
    host: str


class Application(View, frozen=True):
    """The client, in the words of its registration: text of a stranger."""

    name: str
    organisation: str


class Person(View, frozen=True):
    """Who is logged in."""

    name: str
    username: str


class PasskeyCeremony(View, frozen=True):
    """What the script needs for one WebAuthn ceremony.

    Attributes:
        options_url: answers a POST of the CSRF token with the options of WebAuthn section 5.1.8 or 5.1.9 in JSON.
        action: gets the form with ``csrf`` and ``credential`` (JSON, WebAuthn section 5.1.7).
    """

    options_url: str
    action: str

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.options_url, self.action)


class LoginView(View, frozen=True):
    """The login form.

    Attributes:
        application: who sent the person here; None when nobody did.
        action: gets ``csrf``, ``username``, ``password``.
        error: what went wrong with the last attempt, the same for an unknown user and a wrong password.
        passkey: set if a passkey may be used.
        cancel_action: gets ``csrf`` when the person goes back to the application without logging in.
        notice: one sentence above the form, for example where a demonstration's passwords are.
    """

    participant: Participant
    application: Application | None
    csrf: str
    action: str
    username: str = ""
    error: str | None = None
    passkey: PasskeyCeremony | None = None
    cancel_action: str | None = None
    notice: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.action, self.cancel_action)


class Permission(View, frozen=True):
    """One thing that is asked for, in plain words."""

    title: str
    explanation: str


class ConsentView(View, frozen=True):
    """The question whether an application may have what it asks for.

    Attributes:
        until: the last day; None when the permission has no end of its own.
        next_host: host of the verified redirect URI, where the browser goes after either answer.
        action: gets ``csrf`` and ``decision``, which is ``approve`` or ``deny``.
        passkeys_url: the page to add a passkey; None where that is not offered.
    """

    participant: Participant
    application: Application
    person: Person
    permissions: tuple[Permission, ...]
    until: dt.date | None
    next_host: str
    csrf: str
    action: str
    passkeys_url: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.action, self.passkeys_url)


class RegisteredPasskey(View, frozen=True):
    """A passkey that the person has."""

    name: str
    added: dt.date


class PasskeysView(View, frozen=True):
    """The person's passkeys, and a way to add one.

    Attributes:
        onward: where to go afterwards.
        added: whether one has just been added.
    """

    participant: Participant
    person: Person
    passkeys: tuple[RegisteredPasskey, ...]
    ceremony: PasskeyCeremony
    csrf: str
    error: str | None = None
    added: bool = False
    onward: Link | None = None


class ErrorView(View, frozen=True):
    """Something was refused, or failed.

    Attributes:
        public: the reason's public text.
        reason: the reason's stable id, for example ``par.expired``.
        advice: what the person can do now.
        support: what the person tells support, so that they find the log entry.
        onward: a way out.
    """

    participant: Participant
    title: str
    public: str
    reason: str
    advice: str
    support: str
    onward: Link | None = None


class RunningParticipant(View, frozen=True):
    """One participant on the home page."""

    name: str
    role: str
    url: str
    ready: bool
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.url)


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
        _check_addresses(self.download_url)


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
        _check_addresses(self.start_url)

    @property
    def ready(self) -> bool:
        """Whether every participant is ready."""
        return all(participant.ready for participant in self.participants)


class ConnectView(View, frozen=True):
    """MoneyView's first page: the button that starts the flow.

    Attributes:
        action: gets ``csrf``; the flow starts with a POST so that no other site can start it.
    """

    participant: Participant
    bank: str
    csrf: str
    action: str
    message: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        _check_addresses(self.action)


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
        _check_addresses(self.disconnect_action)

    @property
    def totals(self) -> tuple[Amount, ...]:
        """The sum of the balances, one for each currency, in order of appearance."""
        sums: dict[str, Decimal] = {}
        for account in self.accounts:
            currency = account.balance.currency
            sums[currency] = sums.get(currency, Decimal(0)) + account.balance.value
        return tuple(Amount(value=value, currency=currency) for currency, value in sums.items())
