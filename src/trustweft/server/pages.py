"""What the authorization server shows to people: the views it fills in, and the interface of whoever draws them.

The server decides what is said; how it looks, and the headers that protect a page, are up to `trustweft.web`,
which implements `Pages`. Nothing in a view is trusted to be free of markup: drawing escapes. Only addresses are
checked here, because escaping does not make ``javascript:`` harmless.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec resolves the annotations at run time
import re
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpResponse

__all__ = [
    "Application",
    "ConsentView",
    "DetailRow",
    "ErrorView",
    "Link",
    "LoginView",
    "Pages",
    "Participant",
    "PasskeyCeremony",
    "PasskeysView",
    "Permission",
    "Person",
    "RegisteredPasskey",
    "RequestedDetail",
    "View",
    "check_addresses",
]

# A path of our own, or an absolute web address without user information. "//host" would leave the origin.
_ADDRESS: Final = re.compile(r"(?:/(?![/\\])|https?://(?=[^/?#\\@]+(?:[/?#]|$)))[\x21-\x7e]*")


def check_addresses(*addresses: str | None) -> None:
    """Refuse addresses that would run a script or leave the web.

    Raises:
        ValueError: one is neither a path of our own nor a web address.
    """
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
        check_addresses(self.url)


class Participant(View, frozen=True):
    """Whose page this is.

    Attributes:
        name: as people know it, for example ``Weft Bank``.
        host: host, and port if not the usual one, of the configured address; people compare it with the browser's.
        look: of a sample application: its colours and its mark. The bank's own pages have theirs.
    """

    name: str
    host: str
    look: Literal["moneyview", "paypilot"] = "moneyview"


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
        check_addresses(self.options_url, self.action)


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
        check_addresses(self.action, self.cancel_action)


class Permission(View, frozen=True):
    """One thing that is asked for, in plain words."""

    title: str
    explanation: str


class DetailRow(View, frozen=True):
    """One member of an authorization detail.

    Attributes:
        texts: the value, or the values of an array, as the client sent them.
        day: the value where it is a day.
        is_amount: whether it is what people look at first.
        is_open: whether this is what the request leaves open.
    """

    label: str
    texts: tuple[str, ...] = ()
    day: dt.date | None = None
    is_amount: bool = False
    is_open: bool = False


class RequestedDetail(View, frozen=True):
    """One authorization detail (RFC 9396): titled in the operator's words, filled with the client's."""

    title: str
    explanation: str
    rows: tuple[DetailRow, ...]


class ConsentView(View, frozen=True):
    """The question whether an application may have what it asks for.

    Attributes:
        details: what is asked for exactly, beside the permissions; all of both is allowed, or nothing.
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
    details: tuple[RequestedDetail, ...] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that would run a script or leave the web."""
        check_addresses(self.action, self.passkeys_url)


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
        reason: the reason's stable id, for example ``request-uri.expired``.
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


class Pages(Protocol):
    """Draws the pages of the authorization server, with the headers that protect each."""

    def login(self, view: LoginView, *, redirect_uri: str) -> HttpResponse:
        """Return the login form.

        Args:
            view: what to show.
            redirect_uri: the verified one of this request: browsers check every hop of a form's redirects against
                ``form-action``, so the page's policy must name its origin.

        Raises:
            Reject: the redirect URI has no origin that a policy can name.
        """
        ...

    def consent(self, view: ConsentView, *, redirect_uri: str) -> HttpResponse:
        """Return the question whether the application may have what it asks for; arguments as for `login`."""
        ...

    def passkeys(self, view: PasskeysView) -> HttpResponse:
        """Return the person's passkeys with a way to add one."""
        ...

    def error(self, view: ErrorView, *, status: int) -> HttpResponse:
        """Return the page for a refusal that must not be redirected."""
        ...
