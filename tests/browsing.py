"""An authorization server in memory, and browsers that visit it: what the tests of login and consent stand on."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from argon2 import PasswordHasher

from support.client_hosts import ClientHosts
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import generate_private_key, public_jwk
from trustweft.profile import load_profile
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.protocol.oauth import FORM_CONTENT_TYPE
from trustweft.protocol.par import create_request_uri
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_certificates import ClientCertificates
from trustweft.server.client_keys import ClientKeys
from trustweft.server.config import PATHS, ScopeDefinition, ServerConfig
from trustweft.server.exchange import Deployment
from trustweft.server.login.passwords import Passwords
from trustweft.server.login.people import create_user
from trustweft.server.pipelines import PIPELINES
from trustweft.server.records import Interaction, Passkey, PushedRequest, User
from trustweft.store.memory import MemoryStore
from trustweft.web.pages import Pages
from trustweft.web.server_pages import ServerPages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trustweft.runtime.errors import Reject
    from trustweft.server.pipeline import Pipelines

ISSUER = "https://localhost:8441"
REDIRECT_URI = "https://localhost:8444/callback?tenant=a%20b&x=1"
STATE = "state with spaces & signs"
SEE_OTHER = 303
PASSWORD = "correct horse battery staple"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

CONFIG = ServerConfig(
    issuer=ISSUER,
    display_name="Weft Bank",
    organization_name="Weft Bank plc",
    scopes=(
        ScopeDefinition(
            name="openid", audience=ISSUER, title="Know who you are", explanation="Your identifier."
        ),
        ScopeDefinition(
            name="accounts",
            audience="https://localhost:8443",
            title="See your accounts",
            explanation="Balances too.",
        ),
    ),
)


class RecordingObserver(SilentObserver):
    """Keeps the ids of the reasons that it hears of."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Keep the id."""
        self.reasons.append(refusal.reason.id)


class BusyStore(MemoryStore):
    """Lets others run after each look-up, as every store with a disk does: so races are lost by somebody."""

    async def find_interaction(self, digest: bytes, *, now: float) -> Interaction | None:
        """Return the interaction as it was a moment ago."""
        found = await super().find_interaction(digest, now=now)
        await asyncio.sleep(0)
        return found

    async def find_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """Return the request as it was a moment ago."""
        found = await super().find_pushed_request(digest)
        await asyncio.sleep(0)
        return found

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey as it was a moment ago."""
        found = await super().find_passkey(credential_id)
        await asyncio.sleep(0)
        return found


@dataclass
class Site:
    """The server: its parts within reach, and its answers."""

    deployment: Deployment
    store: MemoryStore
    clock: ManualClock
    observer: RecordingObserver
    pipelines: Pipelines = field(default_factory=lambda: dict(PIPELINES))

    @property
    def last_reason(self) -> str | None:
        """The id of the latest refusal."""
        return self.observer.reasons[-1] if self.observer.reasons else None

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer as the server does, or as the mutant that a test made of it."""
        return await AuthorizationServer(self.deployment, pipelines=self.pipelines).respond(request)

    async def register(self, client_id: str, *, name: str = "MoneyView") -> None:
        """Register a client."""
        metadata = {
            "client_id": client_id,
            "client_name": name,
            "organization_name": "MoneyView Ltd",
            "redirect_uris": [REDIRECT_URI],
            "scope": "openid accounts",
            "jwks": {
                "keys": [
                    public_jwk(generate_private_key("ES256").public_key()) | {"alg": "ES256", "kid": "k"}
                ]
            },
        }
        assert await self.store.add_client(client_id, msgspec.json.encode(metadata))

    async def enrol(self, username: str, *, password: str = PASSWORD) -> User:
        """Give somebody an account."""
        deployment = self.deployment
        user = await create_user(
            username=username,
            password=password,
            name=username.title(),
            email=f"{username}@example.com",
            passwords=deployment.passwords,
            entropy=deployment.entropy,
            clock=deployment.clock,
        )
        assert await self.store.add_user(user)
        return user

    async def push(self, client_id: str = "moneyview", **changes: Any) -> str:
        """Push a request as the client; return where its browser is sent."""
        token = self.deployment.entropy.token()
        limits, now = self.deployment.profile.limits, self.clock.now()
        request = PushedRequest(
            client_id=client_id,
            redirect_uri=REDIRECT_URI,
            scope=("openid", "accounts"),
            code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            state=STATE,
            nonce="n-1",
            dpop_jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            prompt=(),
            pushed_at=now,
            expires_at=now + limits.request_uri_lifetime,
            kept_until=now + limits.request_uri_lifetime + limits.interaction_lifetime,
        )
        await self.store.save_pushed_request(digest_of(token), msgspec.structs.replace(request, **changes))
        return authorization_url(client_id, create_request_uri(token))


def authorization_url(client_id: str, request_uri: str) -> str:
    """Return the address of the authorization endpoint with its two parameters."""
    return f"{PATHS['authorization']}?{urlencode({'client_id': client_id, 'request_uri': request_uri})}"


@cache
def compiled_pages() -> Pages:
    """Return the real pages; compiling them takes longer than a test."""
    return Pages()


def make_site(directory: Path) -> Site:
    """Build a server with nobody in it; its keys are in the directory."""
    store, clock, observer, entropy = BusyStore(), ManualClock(), RecordingObserver(), SystemEntropy()
    deployment = Deployment(
        config=CONFIG,
        profile=load_profile("fapi2-security"),
        store=store,
        keys=KeyRing.load_or_create(directory, now=clock.now()),
        client_certificates=ClientCertificates(),
        client_keys=ClientKeys(fetch=ClientHosts().fetch, clock=clock, observer=observer),
        nonces=Nonces(entropy.octets(32)),
        pages=ServerPages(compiled_pages(), base_url=ISSUER),
        passwords=Passwords(entropy=entropy, hasher=FAST, concurrency=1),
        clock=clock,
        entropy=entropy,
        observer=observer,
    )
    return Site(deployment, store, clock, observer)


class Browser:
    """Keeps cookies, follows redirects within the server when told to, fills in the form that it was shown last."""

    def __init__(self, site: Site, *, peer: str = "192.0.2.1") -> None:
        self.site = site
        self.peer = peer
        self.jar: dict[str, str] = {}
        self.page = ""
        self.path = ""

    @property
    def csrf(self) -> str:
        """The token of the page that is shown."""
        match = re.search(r'name="csrf" value="([^"]+)"', self.page)
        assert match is not None, self.page
        return match[1]

    @property
    def words(self) -> str:
        """The page as text."""
        return html.unescape(re.sub(r"<[^>]+>", " ", self.page))

    @property
    def interaction(self) -> str:
        """The address of the interaction."""
        return "/".join(self.path.split("/")[:3])

    async def send(
        self, method: str, target: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> HttpResponse:
        """Send one request with the cookies, and keep those that come back."""
        parts = urlsplit(target)
        cookies = (
            {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}
        )
        request = HttpRequest(
            method=method,
            path=parts.path,
            query=parts.query.encode(),
            headers=tuple({**cookies, **headers}.items()),
            body=body,
            peer=self.peer,
        )
        response = await self.site.respond(request)
        for name, value in response.headers:
            if name == "set-cookie":
                self._keep(value)
        if response.status != SEE_OTHER and response.body.startswith(b"<!doctype html>"):
            self.page = response.body.decode()
        return response

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        self.jar.pop(name, None)
        if "Max-Age=0" not in cookie:
            self.jar[name] = value

    async def get(self, target: str, **headers: str) -> HttpResponse:
        """Open an address."""
        self.path = urlsplit(target).path
        return await self.send("GET", target, headers=headers)

    async def follow(self, response: HttpResponse) -> HttpResponse:
        """Follow a redirect within the server."""
        location = location_of(response)
        assert location.startswith(ISSUER + "/"), location
        return await self.get(location.removeprefix(ISSUER))

    async def open(self, url: str) -> HttpResponse:
        """Open the authorization endpoint, and the page that it leads to."""
        return await self.follow(await self.get(url))

    async def submit(
        self, step: str, fields: Mapping[str, str], *, headers: Mapping[str, str | None] | None = None
    ) -> HttpResponse:
        """Send a form of this interaction as a browser does whose page sends no referrer."""
        usual: dict[str, str | None] = {
            "content-type": FORM_CONTENT_TYPE,
            "origin": "null",
            "sec-fetch-site": "same-origin",
        }
        sent = {name: value for name, value in {**usual, **(headers or {})}.items() if value is not None}
        return await self.send("POST", self.interaction + step, body=urlencode(fields).encode(), headers=sent)

    async def log_in(self, username: str = "alice", password: str = PASSWORD) -> HttpResponse:
        """Fill in the login form."""
        fields = {"csrf": self.csrf, "username": username, "password": password}
        return await self.submit("/login", fields)

    async def decide(self, decision: str) -> HttpResponse:
        """Answer the question."""
        return await self.submit("/decision", {"csrf": self.csrf, "decision": decision})


def location_of(response: HttpResponse) -> str:
    """Return where a redirect goes; it is a 303."""
    assert response.status == SEE_OTHER, (response.status, response.body)
    (location,) = [value for name, value in response.headers if name == "location"]
    return location


def header_of(response: HttpResponse, name: str) -> str:
    """Return the only value of a header."""
    (value,) = [value for sent, value in response.headers if sent == name]
    return value


def answer_of(response: HttpResponse) -> dict[str, str]:
    """Return the parameters that an authorization response adds to the redirect URI, which stays as it was."""
    location = location_of(response)
    assert location.startswith(REDIRECT_URI + "&"), location
    added = parse_qs(location.removeprefix(REDIRECT_URI + "&"), strict_parsing=True)
    return {name: value for name, (value,) in added.items()}
