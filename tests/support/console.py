"""The console of a small town's directory, in one process, and browsers that visit it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace

from software_authenticator import SoftwareAuthenticator
from support.town import TERMS, Town, make_town
from trustweft.directory.events import Actor
from trustweft.directory.keeper import Keeper
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.store.people import SqliteConsoleStore
from trustweft.store.register import MemoryRegisterStore
from trustweft.web.console.application import create_console
from trustweft.web.console.parts import ConsoleSettings
from trustweft.web.console.people import Wanted, invite

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.directory.events import Event
    from trustweft.directory.people import ConsolePart
    from trustweft.directory.terms import Terms
    from trustweft.net.asgi import Application
    from trustweft.runtime.errors import Reject

TWO_PEOPLE: Final = replace(
    TERMS, two_people=frozenset(("software.suspend", "software.revoke", "organisation.revoke"))
)
ORIGIN: Final = "https://localhost:8445"
COMMAND_LINE: Final = Actor(id="command-line", part="operator")
FORM: Final = "application/x-www-form-urlencoded"
SEE_OTHER: Final = 303


@dataclass
class Hearing:
    """Hears what the console tells, and keeps it."""

    refusals: list[str] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    happenings: list[str] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Keep the reason."""
        self.refusals.append(refusal.reason.id)
        self.endpoints.append(f"{participant} {endpoint}")

    def answered(self, participant: str, endpoint: str, *, status: int, seconds: float) -> None:
        """Keep the endpoint's name."""
        self.endpoints.append(f"{participant} {endpoint} {status} {seconds >= 0}")

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Keep what nobody foresaw."""
        self.failures.append(cause)
        self.endpoints.append(f"{participant} {support}")

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Keep what happened."""
        self.happenings.append(f"{participant} {event} {facts}")

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Nothing is measured here."""


@dataclass
class Profile:
    """What the directory's profile asks for, which a test may change."""

    terms: Terms
    two_people: frozenset[str]

    def __call__(self) -> Terms:
        """Return it as it is now."""
        return replace(self.terms, two_people=self.two_people)


@dataclass
class Site:
    """A directory with its console."""

    application: Application
    keeper: Keeper
    accounts: SqliteConsoleStore
    clock: ManualClock
    hearing: Hearing
    entropy: SystemEntropy
    terms: Profile

    async def link(
        self,
        name: str,
        part: ConsolePart,
        organisation: str | None = None,
        *,
        vouched_by: str = "",
        again: bool = False,
    ) -> str:
        """Invite somebody as the command line does, and return the path of the link."""
        wanted = Wanted(
            name=name,
            part=part,
            by=COMMAND_LINE,
            vouched_by=vouched_by or name,
            organisation=organisation,
            again=again,
        )
        return await invite(
            wanted,
            accounts=self.accounts,
            keeper=self.keeper,
            entropy=self.entropy,
            now=self.clock.now(),
        )

    async def signed_in(
        self, name: str, part: ConsolePart, organisation: str | None = None, *, vouched_by: str = ""
    ) -> Visitor:
        """Return the browser of somebody who was invited, made a passkey and signed in."""
        visitor = Visitor(self)
        await visitor.enrol(await self.link(name, part, organisation, vouched_by=vouched_by))
        await visitor.sign_in()
        assert "__Host-trustweft-console" in visitor.jar
        return visitor

    def events(self) -> tuple[Event, ...]:
        """Return every event."""
        return tuple(self.keeper.register.events)


@dataclass
class Answer:
    """A response as a test reads it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body as it stands."""
        return self.body.decode()

    @property
    def words(self) -> str:
        """The page as text."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def header(self, name: str) -> str:
        """Return the only value of a header; empty where there is none."""
        found = [value for sent, value in self.headers if sent == name]
        assert len(found) <= 1
        return found[0] if found else ""

    @property
    def reason(self) -> str:
        """The id of the reason that it was refused for."""
        return self.header("trustweft-reason")


class Visitor:
    """A browser with a passkey: keeps cookies, and fills in the form of the page that it was shown last."""

    def __init__(self, site: Site, *, peer: str = "192.0.2.1") -> None:
        self.site = site
        self.peer = peer
        self.jar: dict[str, str] = {}
        self.page = ""
        self.passkey = SoftwareAuthenticator(origin=ORIGIN)

    @property
    def csrf(self) -> str:
        """The token of the page that was shown last."""
        match = re.search(r'name="csrf" value="([^"]+)"', self.page)
        assert match is not None, self.page
        return match[1]

    async def send(
        self, method: str, target: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request to the application itself, and keep the cookies that come back."""
        parts = urlsplit(target)
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = {**({"cookie": cookie} if cookie else {}), **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": (self.peer, 50_000),
        }
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Any) -> None:
            messages.append(message)

        await self.site.application(scope, receive, keep)
        start, content = messages
        pairs = tuple((name.decode(), value.decode("latin-1")) for name, value in start["headers"])
        for name, value in pairs:
            if name == "set-cookie":
                self._keep(value)
        answer = Answer(start["status"], pairs, content["body"])
        if answer.body.startswith(b"<!doctype html>"):
            self.page = answer.text
        return answer

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        assert cookie.endswith(("Max-Age=0",)) or "Max-Age=" in cookie
        assert "; Path=/; Secure; HttpOnly; SameSite=Strict" in cookie
        self.jar.pop(name, None)
        if "Max-Age=0" not in cookie:
            self.jar[name] = value

    async def get(self, target: str) -> Answer:
        """Open a page."""
        return await self.send("GET", target)

    async def post(self, target: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form as a browser does whose page sends no referrer."""
        usual = {"content-type": FORM, "origin": "null", "sec-fetch-site": "same-origin"}
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**usual, **changed}.items() if value}
        return await self.send("POST", target, body=urlencode(fields).encode(), headers=sent)

    async def submit(self, target: str, **fields: str) -> Answer:
        """Send a form with the token of the page that was shown last."""
        return await self.post(target, {"csrf": self.csrf, **fields})

    async def follow(self, answer: Answer) -> Answer:
        """Follow a redirect, which stays at our own address."""
        assert answer.status == SEE_OTHER, (answer.status, answer.text)
        location = answer.header("location")
        assert location.startswith(f"{ORIGIN}/console"), location
        return await self.get(location.removeprefix(ORIGIN))

    async def enrol(self, link: str) -> Answer:
        """Open the link of an invitation and make a passkey."""
        assert (await self.get(link)).status == 200
        options = await self.submit(f"{link}/options")
        return await self.submit(link, credential=self.passkey.create(options.body))

    async def sign_in(self, **changes: Any) -> Answer:
        """Sign in with the passkey; ``changes`` are what an attacker would have the browser say."""
        await self.get("/console/sign-in")
        options = await self.submit("/console/sign-in/options")
        return await self.submit("/console/sign-in", credential=self.passkey.get(options.body, **changes))


async def make_site(folder: Path, *, town: Town | None = None, evidence: Path | None = None) -> Site:
    """Build a directory over a town's history; its clock stands right after the last event."""
    lived = town or make_town()
    store = MemoryRegisterStore()
    await store.append(lived.register.events, expected=0)
    clock, entropy, hearing = ManualClock(lived.now + 10), SystemEntropy(), Hearing()
    terms = Profile(lived.terms, lived.terms.two_people)
    keeper = Keeper(store, clock=clock, terms=terms)
    await keeper.read()
    accounts = SqliteConsoleStore.open(folder / "console.sqlite")
    application = create_console(
        ConsoleSettings(origin=ORIGIN, name="The town's directory", evidence=evidence),
        keeper=keeper,
        accounts=accounts,
        terms=terms,
        clock=clock,
        entropy=entropy,
        observer=hearing,
    )
    return Site(application, keeper, accounts, clock, hearing, entropy, terms)


def two_people_town() -> Town:
    """Return a town whose profile asks two people before software or an organisation is stopped."""
    town = make_town()
    town.terms = TWO_PEOPLE
    return town
