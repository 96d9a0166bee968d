"""The suite's federation modules, as far as they are about our client, our server and its own statement."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from conformance.federation import test_trust_anchor  # noqa: F401  # has modules of its own
from conformance.federation.modules import (
    CLIENT_MODULES,
    ENTITY_MODULES,
    SERVER_MODULES,
    TESTED,
    module,
)
from conformance.federation.server import EXAMINATIONS
from mutations import change, drop
from scripted_server import ISSUER, ScriptedServer
from support import visits
from support.authority import ISSUER as OUR_ISSUER
from support.drafts import Draft, message_of
from support.federated import ANCHOR, CLIENT, Site, make_site
from support.federation import Member, Web, new_signer, statement
from support.requests import code_request, pushed_request
from support.visits import begin_visit
from trustweft.net.federation import ChainResolver
from trustweft.protocol.federation_statement import parse_entity_statement, verify_entity_configuration
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mutations import Mutation

pytestmark = pytest.mark.anyio

CONFIGURATION = f"{ISSUER}/.well-known/openid-federation"


# Our client, and a server that the examiner made.


class Examined:
    """A server of a federation that the examiner made, and our client on its way to it."""

    def __init__(self) -> None:
        self.server = ScriptedServer()
        self.server.id_token = lambda claims: claims.update(aud=CLIENT)
        self.provider = Member(ISSUER, new_signer(), (ANCHOR.entity,), {"openid_provider": self._metadata()})
        self.web = Web(ANCHOR, self.provider)
        self.web.vouch(ANCHOR, self.provider)
        self.web.now = self.server.clock.now()

    def _metadata(self) -> dict[str, Any]:
        well_known = f"{ISSUER}/.well-known/oauth-authorization-server"
        document: dict[str, Any] = self.server.answer(httpx2.Request("GET", well_known)).json()
        self.server.requests.clear()
        return document | {"client_registration_types_supported": ["automatic"]}

    def say(self, **changes: Any) -> None:
        """Have the server's statement say something else of it; ``...`` leaves a member out."""
        members = {**self.provider.metadata["openid_provider"], **changes}
        kept = {name: value for name, value in members.items() if value is not ...}
        self.web.members[ISSUER] = replace(self.provider, metadata={"openid_provider": kept})

    def spoil(self, mutation: Mutation) -> None:
        """Change one thing of the server's statement."""
        good = message_of(replace(self.provider, now=self.web.now).configuration(), self.provider.signer)
        self.web.answers[CONFIGURATION] = statement(mutation.apply(good))

    async def walk(self) -> None:
        """Have our client resolve the server, send a person there and take the tokens."""
        resolver = ChainResolver(
            anchors={ANCHOR.entity: ANCHOR.keys},
            fetch=self.web.fetch,
            clock=self.server.clock,
            future_tolerance=30,
        )
        chain = await resolver.resolve(ISSUER)
        self.server.configuration = replace(self.server.configuration, client_id=CLIENT, server_chain=chain)
        client = self.server.client()
        started = client.begin()
        client.finish(started.pending, self.server.query(started), name="alice")

    async def refusal(self) -> str:
        """Return why our client went no further."""
        with pytest.raises(Reject) as refused:
            await self.walk()
        return refused.value.reason.id


@module(CLIENT_MODULES[6])
async def test_client_happy_path() -> None:
    """The client uses what the chain resolves to, and asks the server for no other metadata."""
    examined = Examined()
    await examined.walk()
    assert not any("well-known" in path for path in examined.server.calls)
    assert "/token" in examined.server.calls


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        (change("", iss="https://other.example"), "federation.issuer"),
        (change("", sub="https://other.example"), "federation.subject"),
        (drop("", "exp"), "federation.bad-time"),
        (drop("", "iat"), "federation.bad-time"),
    ],
    ids=CLIENT_MODULES[:4],
)
@module(CLIENT_MODULES[0])
@module(CLIENT_MODULES[1])
@module(CLIENT_MODULES[2])
@module(CLIENT_MODULES[3])
async def test_client_refuses_a_broken_entity_configuration(mutation: Mutation, expected: str) -> None:
    """With a statement that is not the server's own, or not dated, the client sends nothing to the server."""
    examined = Examined()
    examined.spoil(mutation)
    assert await examined.refusal() == expected
    assert examined.server.calls == []


@pytest.mark.parametrize("types", [..., []], ids=CLIENT_MODULES[4:6])
@module(CLIENT_MODULES[4])
@module(CLIENT_MODULES[5])
async def test_client_needs_automatic_registration(types: Any) -> None:
    """A server that does not say that it registers clients automatically is sent nothing."""
    examined = Examined()
    examined.say(client_registration_types_supported=types)
    assert await examined.refusal() == "client.no-automatic-registration"
    assert examined.server.calls == []


@module(CLIENT_MODULES[7])
async def test_client_lets_unknown_registration_types_be() -> None:
    """A further type that nobody knows does no harm."""
    examined = Examined()
    examined.say(client_registration_types_supported=["automatic", "by-pigeon"])
    await examined.walk()


@pytest.mark.parametrize(
    ("member", "expected"),
    [("aud", "id-token.audience"), ("iss", "id-token.issuer")],
    ids=CLIENT_MODULES[8:],
)
@module(CLIENT_MODULES[8])
@module(CLIENT_MODULES[9])
async def test_client_refuses_an_id_token_of_others(member: str, expected: str) -> None:
    """An ID token for somebody else, or by somebody else, identifies nobody."""
    examined = Examined()
    examined.server.id_token = lambda claims: claims.update(
        {"aud": CLIENT} | {member: "https://other.example"}
    )
    assert await examined.refusal() == expected


# Our server, and a client that the examiner made.


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Our server in a federation, and a client that it has never heard of."""
    made = await make_site(tmp_path)
    yield made
    made.authority.close()


async def _walk(site: Site) -> None:
    """Walk the whole way: push, log in, consent, code, tokens."""
    authority, party = site.authority, site.party
    pushed = await authority.send(pushed_request(authority, party))
    assert pushed.status == 201
    visit = await begin_visit(authority, logged_in=True, pushed=await visits.push(authority, party))
    assert "code=" in (await authority.send(visit.decide())).header("location")
    issued = await authority.issue_code(party, scope=("openid", "accounts"))
    tokens = (await authority.send(code_request(authority, issued))).json
    claims = message_of(tokens["id_token"], authority.signer).claims
    assert (claims["iss"], claims["aud"]) == (OUR_ISSUER, CLIENT)


@module(SERVER_MODULES[21])
async def test_server_asks_for_the_clients_own_statement(site: Site) -> None:
    """A client that nobody registered pushes, authorizes and gets tokens; its own statement was asked for."""
    await _walk(site)
    assert f"{CLIENT}/.well-known/openid-federation" in site.web.asked


@module(SERVER_MODULES[20])
async def test_server_refuses_a_client_whose_statement_is_anothers(site: Site) -> None:
    """A client whose statement names another issuer is not registered."""
    good = message_of(replace(site.client, now=site.web.now).configuration(), site.client.signer)
    spoilt = change("", iss="https://other.example").apply(good)
    site.web.answers[f"{CLIENT}/.well-known/openid-federation"] = statement(spoilt)
    answer = await site.authority.send(pushed_request(site.authority, site.party))
    assert (answer.status, answer.reason) == (400, "federation.issuer")


@module(ENTITY_MODULES[0])
async def test_entity_configuration(site: Site) -> None:
    """The server's statement is typed, dated and signed by one of its keys; they are public, strong and distinct."""
    answer = await site.authority.send(Draft("GET", "/.well-known/openid-federation"))
    assert (answer.status, answer.header("content-type")) == (200, "application/entity-statement+jwt")
    parsed = parse_entity_statement(answer.body.decode())
    own = verify_entity_configuration(
        parsed, entity=OUR_ISSUER, now=site.authority.clock.now(), future_tolerance=0
    )
    members = json.loads(json.dumps(own.claims["jwks"]))["keys"]
    names = [member["kid"] for member in members]
    assert len(set(names)) == len(names)
    assert not any({"d", "k", "p", "q"} & set(member) for member in members)
    assert own.authority_hints == (ANCHOR.entity,)
    provider = own.metadata["openid_provider"]
    assert provider["issuer"] == OUR_ISSUER
    assert {"automatic", "explicit"} == set(
        json.loads(json.dumps(provider["client_registration_types_supported"]))
    )
    assert {"federation_fetch_endpoint", "federation_list_endpoint"}.isdisjoint(
        own.metadata["federation_entity"]
    )


def test_no_module_is_lost() -> None:
    """Each module of the three plans has a test."""
    assert {each.name for each in EXAMINATIONS} == set(SERVER_MODULES[:20])
    assert set(TESTED) == {*ENTITY_MODULES, *SERVER_MODULES, *CLIENT_MODULES}
