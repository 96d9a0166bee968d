"""What the console is made of, and what one visit to it carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import Form
from trustweft.runtime.encoding import sha256_base64url
from trustweft.server.login.passkeys import RelyingParty
from trustweft.web.console.rights import has_right
from trustweft.web.pages import CONTENT_TYPE, make_environment
from trustweft.web.security_headers import security_headers
from trustweft.web.wording import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import jinja2

    from trustweft.directory.keeper import Keeper
    from trustweft.directory.people import ConsoleStore, Person
    from trustweft.directory.register import Register
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.terms import Terms
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer
    from trustweft.web.console.rights import Right

__all__ = ["ROOT", "ConsoleParts", "ConsoleSettings", "Frame", "Visit"]

ROOT: Final = "/console"
_NAVIGATION: Final[tuple[tuple[str, str, str], ...]] = (
    ("overview", "Overview", ROOT),
    ("participants", "Participants", f"{ROOT}/participants"),
    ("calendar", "Calendar", f"{ROOT}/calendar"),
    ("graph", "Graph of trust", f"{ROOT}/graph"),
    ("log", "Log", f"{ROOT}/log"),
    ("people", "People", f"{ROOT}/people"),
)
# What was done a moment ago, by the word that stands in the address: nobody else's words get onto the page.
_SAID: Final[Mapping[str, str]] = {
    "done": "Done. The directory's log has it.",
    "proposed": "Proposed. A second person has to approve it before anything happens.",
    "approved": "Approved, and done. The directory's log has both.",
    "declined": "Declined. Nothing happened to the subject.",
    "removed": "Removed, and signed out everywhere.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """Where the console is.

    Attributes:
        origin: of the directory, as browsers see it; passkeys are bound to it.
        name: of the directory, for people.
        evidence: the file of the evidence log, which the running directory writes; it may not be there yet.
    """

    origin: str
    name: str
    evidence: Path | None = None


class ConsoleParts:
    """What every page needs: the register, the accounts, the clock, the templates.

    Args:
        settings: where it is.
        keeper: carries out changes.
        accounts: knows the people.
        terms: says what the profile asks for, at the moment.
        clock: tells the time.
        entropy: makes secrets.
        observer: hears of refusals.
    """

    def __init__(
        self,
        settings: ConsoleSettings,
        *,
        keeper: Keeper,
        accounts: ConsoleStore,
        terms: Callable[[], Terms],
        clock: Clock,
        entropy: Entropy,
        observer: Observer,
    ) -> None:
        self.settings = settings
        self.keeper = keeper
        self.accounts = accounts
        self.terms = terms
        self.clock = clock
        self.entropy = entropy
        self.observer = observer
        self.party = RelyingParty(
            identifier=urlsplit(settings.origin).hostname or "", origin=settings.origin, name=settings.name
        )
        self._environment: jinja2.Environment = make_environment()

    def render(self, name: str, **values: object) -> bytes:
        """Return a page; every value is escaped where it is printed."""
        return self._environment.get_template(f"console_{name}.html").render(**values).encode()


class Frame(Struct, frozen=True, kw_only=True):
    """What stands around every page.

    Attributes:
        name: of the directory; ``host`` to compare with the browser's.
        person: who is signed in.
        csrf: the token that each form carries.
        place: which item of the navigation the page belongs to.
        path: of the page itself.
        at: the time whose state is shown, as machines write it; empty for now.
        said: what was done a moment ago.
    """

    name: str
    host: str
    person: Person | None
    csrf: str
    place: str
    path: str
    at: str = ""
    said: str = ""

    @property
    def navigation(self) -> tuple[tuple[str, str, str], ...]:
        """The pages that the person may open: word, name and address."""
        person = self.person
        if person is None:
            return ()
        return tuple(each for each in _NAVIGATION if each[0] != "people" or has_right(person, "see-people"))

    def may(self, right: Right) -> bool:
        """Whether the person has a right, and looks at what is so now."""
        return self.person is not None and not self.at and has_right(self.person, right)

    def to(self, path: str, **query: object) -> str:
        """Return the address of a page, at the time that is looked at."""
        named = {**query, **({"at": self.at} if self.at else {})}
        kept = {name: value for name, value in named.items() if value not in ("", None)}
        return f"{path}?{urlencode(kept)}" if kept else path


@dataclass(kw_only=True)
class Visit:
    """One request, and what was established about it.

    Attributes:
        named: what stands in the address where its route has a name.
        person: who is signed in; a page that needs nobody reads it never.
        secret: what this browser shows that it has: of the session or, before there is one, of the ceremony.
        register: the history as it was read for this request; ``snapshot`` is what is so at the time looked at.
        at: that time, in seconds since the epoch; None for now.
    """

    parts: ConsoleParts
    request: HttpRequest
    now: float
    named: Mapping[str, str]
    query: Form = field(default_factory=lambda: Form(()))
    form: Form = field(default_factory=lambda: Form(()))
    secret: str = ""
    at: float | None = None
    cookies: list[str] = field(default_factory=list)
    person: Person = field(init=False)
    register: Register = field(init=False)
    snapshot: Snapshot = field(init=False)

    @property
    def csrf(self) -> str:
        """The token of this browser's forms; who does not have the cookie cannot know it."""
        return sha256_base64url(f"csrf {self.secret}")

    @property
    def time(self) -> float:
        """The time that is looked at."""
        return self.now if self.at is None else self.at

    def saw(self, at: float) -> bool:
        """Say whether something had happened at the time that is looked at; now has seen everything there is."""
        return self.at is None or at <= self.at

    def frame(self, place: str) -> Frame:
        """Return what stands around the page."""
        settings = self.parts.settings
        return Frame(
            name=settings.name,
            host=urlsplit(settings.origin).netloc,
            person=getattr(self, "person", None),
            csrf=self.csrf,
            place=place,
            path=self.request.path,
            at="" if self.at is None else instant(self.at),
            said=_SAID.get(self.query.get("said") or "", ""),
        )

    def page(
        self, name: str, *, place: str, status: int = 200, passkeys: bool = False, **values: object
    ) -> HttpResponse:
        """Return a page under the headers that protect it."""
        body = self.parts.render(name, frame=self.frame(place), **values)
        headers = security_headers(base_url=self.parts.settings.origin, passkeys=passkeys)
        return HttpResponse(status, (("content-type", CONTENT_TYPE), *headers, *self._cookies()), body)

    def go(self, path: str, **query: str) -> HttpResponse:
        """Send the browser to another page of the console, with GET."""
        location = f"{self.parts.settings.origin}{path}{'?' + urlencode(query) if query else ''}"
        headers = (
            ("location", location),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
        )
        return HttpResponse(303, (*headers, *self._cookies()))

    def _cookies(self) -> tuple[tuple[str, str], ...]:
        return tuple(("set-cookie", cookie) for cookie in self.cookies)
