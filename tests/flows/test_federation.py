"""A federation over real TLS: a server from its settings file, and a directory and a client that it meets by HTTP alone."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port
from served import served
from soak.site import prepare_site
from support.federation import Member, Web, new_signer, statement, superior
from trustweft.client import (
    Client,
    ClientConfiguration,
    Dpop,
    FederationMembership,
    PrivateKeyJwt,
    PublishedKeys,
    create_client_statement,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.net.asgi import application
from trustweft.net.federation import ChainResolver
from trustweft.net.fetch import Fetcher
from trustweft.protocol.federation_registration import verify_explicit_registration_response
from trustweft.protocol.federation_requests import create_fetch_url, entity_configuration_url
from trustweft.protocol.federation_statement import (
    NewSubordinateStatement,
    create_subordinate_statement,
    parse_entity_statement,
    verify_entity_configuration,
)
from trustweft.protocol.jar import create_request_object
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soak.site import Site
    from trustweft.net.asgi import Application
    from trustweft.protocol.federation_statement import EntityStatement
    from trustweft.protocol.http import HttpRequest, HttpResponse

MEMBERSHIP = FederationMembership(authority_hints=(), client_name="App", organization_name="App Ltd")


@dataclass(frozen=True)
class World:
    """The server, and what the others publish on a host of theirs."""

    site: Site
    web: Web
    anchor: Member
    configuration: ClientConfiguration
    signer: LocalSigner

    @property
    def issuer(self) -> str:
        """The server's identifier."""
        return self.site.directory.ports.url(self.site.directory.ports.server)

    def own_statement(self) -> EntityStatement:
        """Return what the server says of itself."""
        answer = httpx2.get(entity_configuration_url(self.issuer), verify=self.site.trust)
        assert answer.headers["content-type"] == "application/entity-statement+jwt"
        return verify_entity_configuration(
            parse_entity_statement(answer.text), entity=self.issuer, now=time.time(), future_tolerance=5
        )

    def vouch_for_server(self) -> None:
        """Have the Trust Anchor know the server."""
        jwks = self.own_statement().claims["jwks"]
        assert isinstance(jwks, dict)
        said = NewSubordinateStatement(
            issuer=self.anchor.entity, subject=self.issuer, jwks=jwks, lifetime=300
        )
        text = create_subordinate_statement(said, signer=self.anchor.signer, now=time.time())
        url = create_fetch_url(f"{self.anchor.entity}/fetch", subject=self.issuer)
        self.web.answers[url] = statement(text)

    def own_text(self, *, audience: str | None = None) -> str:
        """Return what the client says of itself, to everybody or to one server."""
        membership = replace_membership(self.anchor.entity)
        return create_client_statement(
            self.configuration, membership, signer=self.signer, now=time.time(), audience=audience
        )

    def resolver(self) -> ChainResolver:
        """Return what the client finds the server with."""
        fetcher = Fetcher(trust=self.site.trust, allowed_hosts={"localhost"})
        return ChainResolver(
            anchors={self.anchor.entity: self.anchor.keys},
            fetch=fetcher.get,
            clock=SystemClock(),
            future_tolerance=5,
        )


def replace_membership(superior_entity: str) -> FederationMembership:
    """Return the client's membership below a superior."""
    return FederationMembership(
        authority_hints=(superior_entity,),
        client_name=MEMBERSHIP.client_name,
        organization_name=MEMBERSHIP.organization_name,
        lifetime=300,
    )


def publish(web: Web, base: str) -> Application:
    """Return the host of everybody but the server."""

    async def respond(request: HttpRequest) -> HttpResponse:
        web.now = time.time()
        query = f"?{request.query.decode()}" if request.query else ""
        return await web.fetch(f"{base}{request.path}{query}")

    return application(respond, participant="test", observer=SilentObserver(), body_limit=1_024)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the server as a member of a federation whose other members are on another port of this machine."""
    port = free_base_port()
    site = asyncio.run(prepare_site(tmp_path_factory.mktemp("federation") / "data", base_port=port))
    base = f"https://localhost:{port + 9}"
    anchor = replace(superior(f"{base}/directory"), lifetime=300)
    client_id, signer = f"{base}/app", new_signer()
    web = Web(anchor, Member(client_id, signer, (anchor.entity,)))
    web.vouch(anchor, web.members[client_id])
    settings = site.directory.path / "server" / "server.toml"
    (settings.parent / "anchor.json").write_text(json.dumps(anchor.jwks), encoding="utf-8")
    with settings.open("a", encoding="utf-8") as file:
        file.write(
            "\n[federation]\n"
            f'trust_anchors = [{{ entity = "{anchor.entity}", jwks = "anchor.json" }}]\n'
            f'authority_hints = ["{anchor.entity}"]\n'
            f'trust = "{site.directory.authority}"\n'
            'allowed_hosts = ["localhost"]\n'
            "requests_without_push = true\n"
        )
    configuration = ClientConfiguration(
        issuer=site.directory.ports.url(site.directory.ports.server),
        client_id=client_id,
        authentication=PrivateKeyJwt(PublishedKeys(new_signer())),
        sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
        redirect_uri="https://localhost:1/callback",
        scope=("openid", "accounts"),
    )
    made = World(site, web, anchor, configuration, signer)
    web.answers[entity_configuration_url(client_id)] = statement(made.own_text())
    tls = site.directory.path / "tls"
    with (
        served(
            lambda: publish(web, base),
            port=port + 9,
            certificate=tls / "certificate.pem",
            private_key=tls / "private-key.pem",
        ),
        site.serving("server", workers=1),
    ):
        yield made


def test_a_client_that_nobody_registered_begins_an_authorization(world: World) -> None:
    """Each finds the other by its chain, over TLS: the client the server, and the server the client."""
    world.vouch_for_server()
    chain = asyncio.run(world.resolver().resolve(world.issuer))
    with httpx2.Client(verify=world.site.trust) as http:
        client = Client(
            replace(world.configuration, server_chain=chain),
            http,
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )
        started = client.begin()
        assert started.url.startswith(f"{world.issuer}/authorize?")
        page = http.get(started.url, follow_redirects=True)
    assert page.status_code == 200
    assert entity_configuration_url(world.configuration.client_id) in world.web.asked


def test_a_browser_brings_the_signed_request_of_a_client_that_pushes_nothing(world: World) -> None:
    """The operator allows it: registered by the chain in the request, whose host is not asked; the login page follows."""
    authentication = world.configuration.authentication
    assert isinstance(authentication, PrivateKeyJwt)
    client_id = f"{world.configuration.client_id}-2"
    client = Member(client_id, new_signer(), (world.anchor.entity,), lifetime=300, now=time.time())
    said = create_client_statement(
        replace(world.configuration, client_id=client_id),
        replace_membership(world.anchor.entity),
        signer=client.signer,
        now=time.time(),
    )
    parameters = {
        "response_type": "code",
        "redirect_uri": world.configuration.people_return_to,
        "scope": "openid accounts",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    request = create_request_object(
        authentication.keys.signer(),
        client_id=client_id,
        issuer=world.issuer,
        parameters=parameters,
        now=time.time(),
        lifetime=60,
        jti="once",
        trust_chain=(said, replace(world.anchor, now=time.time()).about(client)),
    )
    beside = {"client_id": client_id, "request": request}
    with httpx2.Client(verify=world.site.trust) as http:
        page = http.get(f"{world.issuer}/authorize", params=beside, follow_redirects=True)
        again = http.post(f"{world.issuer}/authorize", data=beside)
    assert (page.status_code, page.url.path.startswith("/interaction/")) == (200, True)
    assert (again.status_code, again.headers["trustweft-reason"]) == (400, "request-object.replayed")
    assert entity_configuration_url(client_id) not in world.web.asked


def test_explicit_registration_and_its_end(world: World) -> None:
    """The client posts its statement and is told what it is registered as; once it is nobody's, it is refused."""
    server = world.own_statement()
    text = world.own_text(audience=world.issuer)

    def post() -> httpx2.Response:
        return httpx2.post(
            f"{world.issuer}/federation/registration",
            content=text,
            headers={"content-type": "application/entity-statement+jwt"},
            verify=world.site.trust,
        )

    answer = post()
    assert answer.status_code == 200, answer.text
    asked = verify_entity_configuration(
        parse_entity_statement(text, for_registration=True),
        entity=world.configuration.client_id,
        now=time.time(),
        future_tolerance=5,
        audience=world.issuer,
    )
    registered = verify_explicit_registration_response(
        answer.text,
        server=world.issuer,
        keys=server.keys,
        asked=asked,
        trust_anchors=[world.anchor.entity],
        now=time.time(),
        future_tolerance=5,
    )
    assert registered.client_id == world.configuration.client_id
    assert registered.expires_at <= time.time() + 300
    known = dict(world.web.about)
    world.web.about.clear()
    refused = post()
    world.web.about.update(known)
    assert (refused.status_code, refused.headers["trustweft-reason"]) == (400, "federation.not-subordinate")
    assert refused.json()["error"] == "invalid_trust_chain"
