"""MoneyView's sessions: who is connected, who is not, and how a connection ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from support.wire import Answer, Sent, send
from trustweft.client import ServerRefusedError
from trustweft.client.pending import PendingAuthorization, StartedAuthorization
from trustweft.client.publishing import PublishedKeys
from trustweft.client.tokens import MemoryTokenStore, TokenSet
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.demo import moneyview_sessions
from trustweft.demo.moneyview import MoneyViewConfig, create_moneyview
from trustweft.demo.moneyview_sessions import Sessions
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from trustweft.net.asgi import Application

pytestmark = pytest.mark.anyio

BANK = "https://bank.example"
ISSUER = "https://server.example"
CONFIG = MoneyViewConfig(
    base_url="https://moneyview.example",
    bank_url=BANK,
    bank_name="Harbour Bank",
    authorization_origin=ISSUER,
    keys=PublishedKeys(LocalSigner("ES256", generate_private_key("ES256"), "key-1")),
)
PENDING = PendingAuthorization(issuer=ISSUER, state="s", nonce="n", code_verifier="v", expires_at=1e12)


@dataclass
class ScriptedClient:
    """Stands where the OAuth client stands, and does what the story needs."""

    store: MemoryTokenStore = field(default_factory=MemoryTokenStore)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)
    finishing: asyncio.Event = field(default_factory=asyncio.Event)
    bank_status: int = 200
    refused: ServerRefusedError | None = None

    async def begin(self) -> StartedAuthorization:
        """Send the browser away."""
        return StartedAuthorization(url=f"{ISSUER}/authorize", pending=PENDING)

    async def finish(self, _pending: PendingAuthorization, _query: str, *, name: str) -> None:
        """Wait for the word, then have tokens."""
        self.finishing.set()
        await self.may_finish.wait()
        self.store.save(name, TokenSet(issuer=ISSUER, access_token="t", expires_at=1e12, scope=()))

    async def call(self, _method: str, _url: str, *, name: str, headers: object) -> HttpResponse:
        """Answer as the bank does."""
        if self.refused is not None:
            raise self.refused
        assert self.store.load(name) is not None
        return HttpResponse(self.bank_status, (), json.dumps({"accounts": []}).encode())

    async def revoke(self, name: str) -> None:
        """Forget the tokens, as the client does once the server agrees."""
        if self.refused is not None:
            raise self.refused
        self.store.forget(name)


@dataclass
class Stage:
    """MoneyView and its visitors."""

    client: ScriptedClient
    clock: ManualClock
    sessions: Sessions
    application: Application

    async def ask(
        self, path: str, cookie: str | None = None, *, method: str = "GET", query: str = "", body: str = ""
    ) -> Answer:
        """Send what a browser on our own pages sends."""
        headers = [(b"content-type", b"application/x-www-form-urlencoded")] if body else []
        if cookie is not None:
            headers.append((b"cookie", f"{CONFIG.cookie}={cookie}".encode()))
        sent = Sent(method, path.encode(), query.encode(), headers, [body.encode()])
        return await send(self.application, sent)

    async def visit(self) -> tuple[str, str]:
        """Open the start page as a newcomer; return the cookie and the form's token."""
        page = await self.ask("/")
        return cookie_of(page), csrf_of(page)

    async def start(self) -> str:
        """Begin to connect; return the cookie."""
        cookie, csrf = await self.visit()
        assert (await self.ask("/connect", cookie, method="POST", body=f"csrf={csrf}")).status == 303
        return cookie

    async def connect(self) -> str:
        """Come back from the bank; return the new cookie."""
        self.client.may_finish.set()
        return cookie_of(await self.ask("/callback", await self.start(), query="code=c"))


def cookie_of(answer: Answer) -> str:
    """Return the secret that the answer sets."""
    (value,) = answer.values("set-cookie")
    assert value.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    return value.partition("=")[2].partition(";")[0]


def csrf_of(answer: Answer) -> str:
    """Return the token of the form on a page."""
    return answer.body.decode().partition('name="csrf" value="')[2].partition('"')[0]


@pytest.fixture
def stage() -> Stage:
    """MoneyView, never visited."""
    client, clock = ScriptedClient(), ManualClock()
    stands_in: Any = client
    sessions = Sessions(issuer=ISSUER, clock=clock, entropy=SystemEntropy(), on_end=stands_in.store.forget)
    application = create_moneyview(CONFIG, client=stands_in, sessions=sessions, observer=SilentObserver())
    return Stage(client, clock, sessions, application)


async def test_whoever_knew_the_secret_before_is_left_behind(stage: Stage) -> None:
    """Not even a request that is answered while the tokens arrive brings the new secret to another browser."""
    planted = await stage.start()
    victim = asyncio.create_task(stage.ask("/callback", planted, query="code=c"))
    await stage.client.finishing.wait()
    during = await stage.ask("/", planted)
    stage.client.may_finish.set()
    secret = cookie_of(await victim)
    assert during.values("set-cookie") == []
    assert (await stage.ask("/accounts", secret)).status == 200
    assert (await stage.ask("/accounts", planted)).header("location") == "/"


async def test_whoever_connects_again_leaves_the_old_secret_behind_too(stage: Stage) -> None:
    """Each time tokens arrive there is a new secret, and one only."""
    old = await stage.connect()
    csrf = csrf_of(await stage.ask("/accounts", old))
    assert (await stage.ask("/connect", old, method="POST", body=f"csrf={csrf}")).status == 303
    new = cookie_of(await stage.ask("/callback", old, query="code=c"))
    assert (await stage.ask("/accounts", new)).status == 200
    assert (await stage.ask("/accounts", old)).header("location") == "/"


async def test_only_the_start_page_begins_a_session(stage: Stage) -> None:
    """Keys that anybody may cache bring no cookie, and neither does what is refused."""
    for path in ("/jwks", "/nowhere", "/accounts", "/callback"):
        assert (await stage.ask(path)).values("set-cookie") == []
    assert (await stage.ask("/")).values("set-cookie") != []


async def test_visitors_push_out_visitors_and_nobody_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often somebody opens the page, who is connected stays so."""
    monkeypatch.setattr(moneyview_sessions, "MAXIMUM_SESSIONS", 3)
    connected = await stage.connect()
    first, _ = await stage.visit()
    for _ in range(3):
        await stage.visit()
    assert (await stage.ask("/accounts", connected)).status == 200
    assert (await stage.ask("/", first)).values("set-cookie") != []


@pytest.mark.parametrize("how", ["the bank says so", "the server refuses to refresh"])
async def test_a_connection_that_ended_elsewhere_ends_here(stage: Stage, how: str) -> None:
    """The person is told, and can connect again at once."""
    secret = await stage.connect()
    if how == "the bank says so":
        stage.client.bank_status = 401
    else:
        stage.client.refused = ServerRefusedError("invalid_grant", None, 400)
    told = await stage.ask("/accounts", secret)
    assert (told.status, told.header("trustweft-reason")) == (403, "moneyview.ended")
    assert stage.client.store._tokens == {}
    again = await stage.ask("/", secret)
    assert again.status == 200
    assert csrf_of(again)


async def test_a_bank_that_fails_ends_nothing(stage: Stage) -> None:
    """What is broken today may work tomorrow."""
    secret = await stage.connect()
    stage.client.bank_status = 503
    assert (await stage.ask("/accounts", secret)).status == 502
    stage.client.bank_status = 200
    assert (await stage.ask("/accounts", secret)).status == 200


@pytest.mark.parametrize("works", [True, False])
async def test_disconnecting_forgets_the_tokens_whatever_the_server_says(
    stage: Stage, *, works: bool
) -> None:
    """Whoever leaves has left."""
    secret = await stage.connect()
    csrf = csrf_of(await stage.ask("/accounts", secret))
    stage.client.refused = None if works else ServerRefusedError("server_error", None, 503)
    left = await stage.ask("/disconnect", secret, method="POST", body=f"csrf={csrf}")
    assert left.status == (303 if works else 502)
    assert stage.client.store._tokens == {}
    assert (await stage.ask("/accounts", secret)).header("location") == "/"


async def test_an_expired_session_takes_its_tokens_along(stage: Stage) -> None:
    """Nothing is kept that nobody can reach any more."""
    secret = await stage.connect()
    stage.clock.advance(moneyview_sessions.LIFETIME)
    assert (await stage.ask("/accounts", secret)).header("location") == "/"
    assert stage.client.store._tokens == {}


async def test_a_session_that_nobody_comes_back_to_ends_too(stage: Stage) -> None:
    """Whoever connects next clears away what has expired."""
    await stage.connect()
    stage.clock.advance(moneyview_sessions.LIFETIME)
    assert len(stage.client.store._tokens) == 1
    secret = await stage.connect()
    assert len(stage.client.store._tokens) == 1
    assert (await stage.ask("/accounts", secret)).status == 200


async def test_a_form_without_a_session_starts_nothing(stage: Stage) -> None:
    """An empty token is not the token of a session that is not there."""
    for body in ("csrf=", "x=1"):
        refused = await stage.ask("/connect", method="POST", body=body)
        assert (refused.status, refused.header("trustweft-reason")) == (403, "moneyview.forged")


async def test_the_keys_of_the_assertions_are_published(stage: Stage) -> None:
    """FAPI 2.0 SP section 5.4.2: at the address that servers look at; the public half, for as long as five minutes."""
    answer = await stage.ask("/jwks")
    assert (answer.status, answer.header("content-type")) == (200, "application/jwk-set+json")
    assert answer.header("cache-control") == "public, max-age=300"
    assert json.loads(answer.body) == CONFIG.keys.public_jwks()
    assert "d" not in json.loads(answer.body)["keys"][0]


@pytest.mark.parametrize("name", ["next", "url", "redirect_uri", "return_to", "target_link_uri", "iss"])
async def test_nothing_in_a_callback_says_where_to_go(stage: Stage, name: str) -> None:
    """FAPI 2.0 SP section 5.3.3.1 item 4: the browser goes to a page of ours, or is shown an error."""
    stage.client.may_finish.set()
    elsewhere = f"{name}=https%3A%2F%2Fevil.example%2F"
    came_back = await stage.ask("/callback", await stage.start(), query=f"code=c&{elsewhere}")
    assert (came_back.status, came_back.header("location")) == (303, "/accounts")
    for path in ("/", "/accounts", "/callback"):
        answer = await stage.ask(path, query=elsewhere)
        assert "evil.example" not in "".join(answer.values("location"))


async def test_a_code_is_redeemed_for_each_flow_once(stage: Stage) -> None:
    """FAPI 2.0 SP section 6.4: a second callback in the same browser finds no flow, whatever came of the first."""
    started = await stage.start()
    stage.client.may_finish.set()
    connected = cookie_of(await stage.ask("/callback", started, query="code=c"))
    for secret in (started, connected):
        again = await stage.ask("/callback", secret, query="code=another")
        assert again.header("trustweft-reason") == "moneyview.no-flow"


async def test_what_hangs_off_a_server_that_ended_is_forgotten(stage: Stage) -> None:
    """Connections, and who is on the way there; visitors stay, and so does what another server's end is about."""
    connected, under_way, visitor = await stage.connect(), await stage.start(), (await stage.visit())[0]
    assert stage.sessions.forget_issuer("https://other.example") == {}
    assert (await stage.ask("/accounts", connected)).status == 200
    assert stage.sessions.forget_issuer(ISSUER) == {"sessions": 1, "interactions": 1}
    assert (await stage.ask("/accounts", connected)).header("location") == "/"
    late = await stage.ask("/callback", under_way, query="code=c")
    assert late.header("trustweft-reason") == "moneyview.no-flow"
    assert (await stage.ask("/", visitor)).values("set-cookie") == []
    assert stage.sessions.forget_issuer(ISSUER) == {"sessions": 0, "interactions": 0}
