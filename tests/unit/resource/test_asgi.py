"""The guard in front of an ASGI application: what gets through, with what, and what never does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from guarding import AUDIENCE, Stage
from trustweft.resource.asgi import GuardMiddleware
from trustweft.resource.guard import Guard
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.net.asgi import Message, Receive, Send
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.errors import Reject

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"
INTERACTION = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"


class Application:
    """Answers with what it was given, and remembers it."""

    def __init__(self) -> None:
        self.scopes: list[Message] = []
        self.bodies: list[bytes] = []
        self.pieces = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the body to its end and answer."""
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            return
        body = b""
        while True:
            message = await receive()
            self.pieces += 1
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"yes")]})
        await send({"type": "http.response.body", "body": b"the application's answer"})


class Remembering(SilentObserver):
    """Remembers refusals and failures."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.failures: list[BaseException] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember a refusal."""
        self.reasons.append(f"{participant}/{endpoint}: {refusal.reason.id}")

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Remember a failure."""
        self.failures.append(cause)


def required_scope(request: HttpRequest) -> Sequence[str] | None:
    """Say what a request needs; what is not known needs a token without scope."""
    if request.path == "/public":
        return None
    return ("accounts",) if request.path == "/accounts" else ()


class World:
    """An application behind the guard, and a client."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.app = Application()
        self.observer = Remembering()
        self.guarded = GuardMiddleware(
            self.app, guard=self.stage.guard, required_scope=required_scope, observer=self.observer
        )

    async def call(
        self, method: str, path: str, *, headers: Sequence[tuple[str, str]] = (), **request: Any
    ) -> httpx2.Response:
        """Send one request."""
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.guarded), base_url=AUDIENCE
        ) as client:
            return await client.request(method, path, headers=list(headers), **request)


def request_scope(path: str, **parts: object) -> Message:
    """Return the scope of a GET without the conveniences of a client, who might normalise the path."""
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        **parts,
    }


async def drive(app: Application | GuardMiddleware, scope: Message) -> list[Message]:
    """Hand a scope to an application and return what it sends."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)
    return sent


async def test_what_passes_brings_its_authorization_along() -> None:
    """The application finds who acts in the state of its scope."""
    world = World()
    answer = await world.call("GET", "/accounts", headers=world.stage.headers())
    context = world.app.scopes[0]["state"]["authorization"]
    assert (answer.status_code, answer.text) == (200, "the application's answer")
    assert (context.subject, context.client_id, context.scope) == ("sub.alice", "moneyview", ("accounts",))
    assert world.observer.reasons == []


async def test_a_refused_request_never_reaches_the_application() -> None:
    """It is answered with the guard's answer, and counted with its reason."""
    world = World()
    answer = await world.call("GET", "/accounts")
    assert (answer.status_code, answer.headers["trustweft-reason"], world.app.scopes) == (
        401,
        "bearer.missing",
        [],
    )
    assert answer.headers["www-authenticate"].startswith("DPoP ")
    assert world.observer.reasons == ["resource/guard: bearer.missing"]


async def test_a_public_path_needs_no_token() -> None:
    """And its application finds no authorization, whatever came with the request."""
    world = World()
    for headers in ((), world.stage.headers(path="/public")):
        answer = await world.call("GET", "/public", headers=headers)
        assert answer.status_code == 200
        assert "authorization" not in world.app.scopes[-1]["state"]


async def test_what_nobody_listed_needs_a_token() -> None:
    """Unknown paths are protected: the application's own 404 is for those who may ask."""
    world = World()
    assert (await world.call("GET", "/unlisted")).status_code == 401
    answer = await world.call("GET", "/unlisted", headers=world.stage.headers(path="/unlisted"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/public/",
        "/Public",
        "/public/../accounts",
        "/public/%2e%2e/accounts",
        "//public",
        "/%70ublic",
        "/public;/x",
    ],
)
async def test_no_spelling_of_a_path_turns_public(path: str) -> None:
    """A path that looks public to one reader is no way into what another reader sees."""
    world = World()
    scope = request_scope(path)
    sent = await drive(world.guarded, scope)
    assert (sent[0]["status"] in {400, 401}, world.app.scopes) == (True, [])


async def test_an_ambiguous_path_is_refused_where_it_would_be_public() -> None:
    """Whatever a rule for public paths says, it never gets to judge an ambiguous one."""
    world = World()
    world.guarded = GuardMiddleware(
        world.app, guard=world.stage.guard, required_scope=lambda _: None, observer=world.observer
    )
    answer = await world.call("GET", "/public/%2e%2e/accounts")
    assert (answer.status_code, world.observer.reasons) == (400, ["resource/guard: guard.ambiguous-path"])


async def test_every_answer_brings_the_next_nonce() -> None:
    """RFC 9449 section 8.2: successes, refusals and public documents alike; one header each."""
    world = World()
    nonce = world.stage.nonces.current(world.stage.clock.now())
    answers = [
        await world.call("GET", "/accounts", headers=world.stage.headers()),
        await world.call("GET", "/accounts"),
        await world.call("GET", "/public"),
    ]
    assert [answer.headers.get_list("dpop-nonce") for answer in answers] == [[nonce]] * 3


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ([INTERACTION], [INTERACTION]),
        ([INTERACTION.upper()], [INTERACTION.upper()]),
        ([], []),
        (["not a uuid"], []),
        ([INTERACTION + "\u00e9"], []),
        (["{" + INTERACTION + "}"], []),
        ([INTERACTION, INTERACTION], []),
    ],
)
async def test_an_interaction_id_is_echoed_if_it_is_one(sent: list[str], echoed: list[str]) -> None:
    """A UUID comes back as it was sent; nothing else of a caller's gets into our answers."""
    world = World()
    headers = [("x-fapi-interaction-id", value.encode("latin-1").decode("latin-1")) for value in sent]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    for path in ("/public", "/accounts"):
        answer = await world.call("GET", path, headers=raw)  # type: ignore[arg-type] # octets, as they travel
        assert answer.headers.get_list("x-fapi-interaction-id") == echoed


async def test_a_form_is_read_for_tokens_and_given_on_unchanged() -> None:
    """An access token must not stand in a body; the application reads the same octets afterwards."""
    world = World()
    body = b"a=1&b=%20&a=2"
    headers = [*world.stage.headers(method="POST"), ("content-type", FORM)]
    answer = await world.call("POST", "/accounts", headers=headers, content=body)
    assert (answer.status_code, world.app.bodies) == (200, [body])


@pytest.mark.parametrize(
    "content_type", [FORM, FORM + "; charset=utf-8", FORM.upper(), "text/plain, " + FORM]
)
async def test_a_token_in_a_form_is_refused(content_type: str) -> None:
    """Even beside a good one in the header, and however the type is spelled."""
    world = World()
    headers = [*world.stage.headers(method="POST"), ("content-type", content_type)]
    answer = await world.call("POST", "/accounts", headers=headers, content=b"x=1&access_token=y")
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (400, "bearer.in-body")


async def test_a_form_is_bounded() -> None:
    """What is read before anybody is known has an upper limit."""
    world = World()
    headers = [*world.stage.headers(method="POST"), ("content-type", FORM)]
    answer = await world.call("POST", "/accounts", headers=headers, content=b"a" * 65_537)
    assert (answer.status_code, world.observer.reasons) == (413, ["resource/transport: http.body-too-large"])
    assert "www-authenticate" not in answer.headers


async def test_other_bodies_stream_through() -> None:
    """The guard does not look at them, does not wait for them and does not bound them."""
    world = World()

    async def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 10_000

    headers = [*world.stage.headers(method="POST"), ("content-type", "application/octet-stream")]
    answer = await world.call("POST", "/accounts", headers=headers, content=pieces())
    assert (answer.status_code, len(world.app.bodies[0]), world.app.pieces > 10) == (200, 200_000, True)


async def test_a_body_of_a_refused_request_is_not_read() -> None:
    """Nobody makes us read by sending."""
    world = World()
    read = 0

    async def pieces() -> Any:
        nonlocal read
        for _ in range(20):
            read += 1
            yield b"x"

    answer = await world.call("POST", "/accounts", content=pieces())
    assert (answer.status_code, read) == (401, 0)


async def test_too_many_headers_are_refused() -> None:
    """Bounded before anything is read."""
    world = World()
    answer = await world.call("GET", "/public", headers=[(f"x-{number}", "y") for number in range(101)])
    assert (answer.status_code, world.observer.reasons) == (
        431,
        ["resource/transport: http.headers-too-large"],
    )


async def test_an_answer_to_head_has_no_body() -> None:
    """The refusal's headers are those of a GET."""
    world = World()
    answer = await world.call("HEAD", "/accounts")
    assert (answer.status_code, answer.content, answer.headers["content-length"] != "0") == (401, b"", True)


async def test_what_breaks_while_verifying_lets_nobody_in() -> None:
    """A memory or a source that fails is a 500 with an identifier; the cause goes to the observer."""

    class BrokenReplays:
        async def first_use(self, *, key: bytes, expires_at: float) -> bool:
            raise RuntimeError("disk on fire")

    world = World()
    world.guarded = GuardMiddleware(
        world.app,
        guard=Guard(replace(world.stage.protection, replays=BrokenReplays())),
        required_scope=required_scope,
        observer=world.observer,
    )
    answer = await world.call("GET", "/accounts", headers=world.stage.headers())
    assert (answer.status_code, "fire" in answer.text, world.app.scopes) == (500, False, [])
    assert [str(cause) for cause in world.observer.failures] == ["disk on fire"]


async def test_the_servers_state_is_not_written_to() -> None:
    """The authorization of one request cannot show up in another that shares the server's state."""
    world = World()
    shared: dict[str, object] = {"pool": 1}
    scope = request_scope(
        "/accounts",
        headers=[(name.encode(), value.encode()) for name, value in world.stage.headers()],
        state=shared,
    )

    await drive(world.guarded, scope)
    assert (shared, world.app.scopes[0]["state"]["pool"]) == ({"pool": 1}, 1)


async def test_an_inherited_authorization_is_not_believed_on_public_paths() -> None:
    """Whatever stood in the state before the guard is gone behind it."""
    world = World()
    scope = request_scope("/public", state={"authorization": "forged"})

    await drive(world.guarded, scope)
    assert world.app.scopes[0]["state"] == {}


async def test_a_websocket_is_closed() -> None:
    """The guard knows requests only; what it cannot verify it does not let through."""
    world = World()
    sent = await drive(world.guarded, {"type": "websocket", "path": "/public", "headers": []})
    assert (sent, world.app.scopes) == ([{"type": "websocket.close", "code": 1008}], [])


async def test_the_lifespan_is_the_applications() -> None:
    """Start and stop pass through."""
    world = World()
    sent = await drive(world.guarded, {"type": "lifespan"})
    assert sent == [{"type": "lifespan.startup.complete"}]
