"""The server as a member of a federation: what it says of itself, and the clients that trust chains register."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support import visits
from support.authority import ISSUER, make_authority, make_party
from support.drafts import Draft
from support.federated import ANCHOR, CLIENT, Site, client_metadata, make_site
from support.federation import new_signer
from support.requests import (
    code_request,
    introspection_request,
    pushed_request,
    refresh_request,
    revocation_request,
)
from support.visits import begin_visit
from trustweft.crypto import jws
from trustweft.protocol.federation_chain import verify_trust_chain
from trustweft.protocol.federation_registration import verify_explicit_registration_response
from trustweft.protocol.federation_statement import (
    NewSubordinateStatement,
    create_subordinate_statement,
    parse_entity_statement,
    verify_entity_configuration,
)
from trustweft.server.pipeline import without
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from support.authority import Authority, Party
    from support.wire import Answer
    from trustweft.protocol.federation_statement import EntityStatement
    from trustweft.server.federation import Federation

pytestmark = pytest.mark.anyio
# What a client asks for later than it began.
AFTERWARDS: dict[str, Callable[[Authority, str, Party], Draft]] = {
    "token": refresh_request,
    "introspection": introspection_request,
    "revocation": revocation_request,
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server in a federation, and a client that it has never heard of."""
    made = await make_site(tmp_path)
    yield made
    assert made.authority.hearing.failures == []
    made.authority.close()


def federation_of(site: Site) -> Federation:
    """Return the server's part in it."""
    assert site.authority.deployment.federation is not None
    return site.authority.deployment.federation


async def push(site: Site) -> Answer:
    """Push a request of the client."""
    return await site.authority.send(pushed_request(site.authority, site.party))


# What the server says of itself.


async def own_statement(site: Site) -> EntityStatement:
    """Return the server's own statement as others verify it."""
    answer = await site.authority.send(Draft("GET", "/.well-known/openid-federation"))
    assert answer.header("content-type") == "application/entity-statement+jwt"
    return verify_entity_configuration(
        parse_entity_statement(answer.body.decode()),
        entity=ISSUER,
        now=site.authority.clock.now(),
        future_tolerance=30,
    )


async def test_the_server_publishes_its_entity_configuration(site: Site) -> None:
    """It says the same as its other documents, how clients register, and who is above it; and follows its keys."""
    own = await own_statement(site)
    assert own.authority_hints == (ANCHOR.entity,)
    document = (await site.authority.send(Draft("GET", "/.well-known/openid-configuration"))).json
    registration = {
        "client_registration_types_supported": ["automatic", "explicit"],
        "federation_registration_endpoint": f"{ISSUER}/federation/registration",
    }
    assert own.metadata["openid_provider"] == document | registration
    assert own.metadata["oauth_authorization_server"] == document | registration
    assert own.metadata["federation_entity"] == {"organization_name": "Harbour Bank plc"}
    federation_keys = federation_of(site).keys.key_set().keys
    server_keys = site.authority.deployment.keys.key_set().keys
    assert {key.key_id for key in own.keys.keys} == {key.key_id for key in federation_keys}
    assert {key.key_id for key in own.keys.keys}.isdisjoint(key.key_id for key in server_keys)


async def test_the_statement_is_signed_anew_before_it_ends(site: Site) -> None:
    """It is the same for half of its life, then a new one; and after the clock was set back as well."""
    first = await own_statement(site)
    site.later(1_799)
    assert (await own_statement(site)).text == first.text
    site.later(1)
    second = await own_statement(site)
    assert second.issued_at == first.issued_at + 1_800
    site.later(-1_800)
    assert (await own_statement(site)).issued_at == first.issued_at


async def test_the_server_stands_in_a_chain(site: Site) -> None:
    """With its superior's word the server's own statement makes a chain."""
    own = await own_statement(site)
    chain = verify_trust_chain(
        [own.text, word_for_us(site, own)],
        anchors={ANCHOR.entity: ANCHOR.keys},
        now=site.web.now,
        future_tolerance=30,
    )
    assert chain.metadata["openid_provider"]["issuer"] == ISSUER


def word_for_us(site: Site, own: EntityStatement) -> str:
    """Return what the Trust Anchor says of the server."""
    jwks = own.claims["jwks"]
    assert isinstance(jwks, dict)
    new = NewSubordinateStatement(issuer=ANCHOR.entity, subject=ISSUER, jwks=jwks, lifetime=600)
    return create_subordinate_statement(new, signer=ANCHOR.signer, now=site.web.now)


async def test_without_a_federation_nothing_of_it_is_there(tmp_path: Path) -> None:
    """A server that is no member publishes no statement, registers nobody and knows no such client."""
    authority = await make_authority(tmp_path)
    assert (await authority.send(Draft("GET", "/.well-known/openid-federation"))).reason == "http.not-found"
    posted = await authority.send(Draft("POST", "/federation/registration"))
    assert posted.reason == "federated-client.no-federation"
    stranger = make_party(CLIENT, redirect_uris=("https://x.example",), scope=("openid",))
    assert (await authority.send(pushed_request(authority, stranger))).reason == "client.unknown"
    authority.close()


# Automatic registration.


async def test_a_client_that_nobody_registered_begins_and_ends_a_flow(site: Site) -> None:
    """The first pushed request registers it by its chain; then it is a client like every other."""
    assert (await push(site)).status == 201
    fetched = len(site.web.asked)
    assert (await push(site)).status == 201
    assert len(site.web.asked) == fetched
    visit = await begin_visit(
        site.authority, logged_in=True, pushed=await visits.push(site.authority, site.party)
    )
    decided = await site.authority.send(visit.decide())
    assert "code=" in decided.header("location")
    issued = await site.authority.issue_code(site.party, scope=("openid", "accounts"))
    assert (await site.authority.send(code_request(site.authority, issued))).status == 200


async def test_another_key_does_not_make_the_client(site: Site) -> None:
    """Whoever names a client of the federation must have the key that its chain resolves to."""
    stranger = replace(site.party, signer=replace(new_signer(), key_id=site.party.signer.key_id))
    answer = await site.authority.send(pushed_request(site.authority, stranger))
    assert answer.reason == "client-assertion.bad-signature"


@pytest.mark.parametrize(
    ("break_it", "expected", "error"),
    [
        (lambda site: site.web.about.clear(), "federation.not-subordinate", "invalid_trust_chain"),
        (lambda site: site.say(hints=()), "federation.trust-anchor", "invalid_trust_anchor"),
        (lambda site: site.say(signer=new_signer()), None, None),
        (lambda site: site.say(metadata={"openid_provider": {}}), "federation.no-client", "invalid_metadata"),
        (
            lambda site: site.say(metadata={"openid_relying_party": {"redirect_uris": ["http://x"]}}),
            "federated-client.metadata",
            "invalid_metadata",
        ),
        (
            lambda site: site.web.vouch(
                ANCHOR,
                site.client,
                policy={"openid_relying_party": {"client_name": {"value": "X", "one_of": ["X"]}, "tos_uri": {"essential": True}}},
            ),
            "metadata-policy.essential",
            "invalid_metadata",
        ),
        (
            lambda site: site.say(hints=tuple(f"https://h{number}.example" for number in range(50))),
            "federation.too-many-hints",
            "invalid_trust_chain",
        ),
    ],
)  # fmt: skip
async def test_a_chain_that_does_not_hold_registers_nobody(
    site: Site, break_it: Any, expected: str | None, error: str | None
) -> None:
    """What is wrong with the chain is the reason, and nothing is stored."""
    break_it(site)
    answer = await push(site)
    if expected is None:
        assert answer.status == 201  # its superior learnt of the new key
        return
    assert (answer.reason, answer.json["error"]) == (expected, error)
    assert await site.authority.store.find_client(CLIENT) is None


async def test_the_superiors_word_goes_before_the_clients(site: Site) -> None:
    """The client is registered as its chain resolves: policy and all."""
    policy = {"openid_relying_party": {"grant_types": {"subset_of": ["authorization_code"]}}}
    said = {"openid_relying_party": {"software_id": "moneyview", "client_name": "MoneyView"}}
    site.web.vouch(ANCHOR, site.client, policy=policy, metadata=said)
    assert (await push(site)).status == 201
    stored = json.loads(await site.authority.store.find_client(CLIENT) or b"")
    assert (stored["grant_types"], stored["software_id"], stored["client_name"]) == (
        ["authorization_code"],
        "moneyview",
        "MoneyView",
    )


async def test_only_a_pushed_request_registers(site: Site) -> None:
    """Nobody is looked for who asks for a token before anything else."""
    issued = await site.authority.issue_code(site.party)
    assert (await site.authority.send(code_request(site.authority, issued))).reason == "client.unknown"
    assert site.web.asked == []


async def test_a_registration_ends_with_its_chain_and_is_looked_at_anew(site: Site) -> None:
    """After the chain's end the next request has it resolved again; who is no subordinate any more is refused."""
    assert (await push(site)).status == 201
    token, _ = await site.authority.issue_refresh_token(site.party, scope=("openid", "accounts"))
    fetched = len(site.web.asked)
    site.later(600)
    renewed = await site.authority.send(refresh_request(site.authority, token, site.party))
    assert renewed.status == 200
    assert len(site.web.asked) > fetched
    site.web.about.clear()
    site.later(600)
    refused = await site.authority.send(refresh_request(site.authority, token, site.party))
    assert (refused.status, refused.reason) == (400, "federation.not-subordinate")


async def test_a_superior_that_signs_for_months_is_asked_again(site: Site) -> None:
    """A registration ends after an hour, whatever the chain says, and the superior may say something else then."""
    long = 100 * 86_400.0
    site.say(lifetime=long)
    site.web.members[ANCHOR.entity] = replace(ANCHOR, lifetime=long)
    assert (await push(site)).status == 201
    site.web.about.clear()
    site.later(3_599)
    assert (await push(site)).status == 201
    site.later(1)
    assert (await push(site)).reason == "federation.not-subordinate"


async def test_an_ended_registration_opens_no_page(site: Site) -> None:
    """A request that was pushed before the registration ended is not answered after it."""
    authority = site.authority
    assert (await push(site)).status == 201
    pushed = await visits.push(authority, site.party)
    visit = await begin_visit(authority, pushed=pushed)
    old = await authority.store.find_client(CLIENT)
    assert old is not None
    ended = json.loads(old)
    ended["federation"]["expires_at"] = int(authority.clock.now())
    await authority.store.replace_client(CLIENT, old=old, new=json.dumps(ended).encode())
    assert (
        await authority.send(visits.authorization_request(pushed))
    ).reason == "authorization.client-unknown"
    assert (await authority.send(visit.page())).reason == "interaction.client-gone"


async def test_who_was_removed_here_stays_removed(site: Site) -> None:
    """An operator's decision goes before the federation's."""
    assert (await push(site)).status == 201
    await site.authority.store.remove_client(CLIENT, now=site.authority.clock.now())
    assert (await push(site)).reason == "federated-client.removed"


async def test_a_superior_that_is_away_is_said_to_be(site: Site) -> None:
    """While the chain cannot be looked at, the client is told to come back."""
    site.web.answers[f"{CLIENT}/.well-known/openid-federation"] = OSError("away")
    answer = await push(site)
    assert (answer.status, answer.reason, answer.header("retry-after")) == (
        503,
        "federation.unreachable",
        "5",
    )


async def test_ordinary_clients_are_never_looked_for(site: Site) -> None:
    """Whoever has another kind of name makes nobody fetch anything."""
    authority = site.authority
    assert (await authority.send(pushed_request(authority))).status == 201
    unknown = make_party("unheard-of", redirect_uris=("https://x.example",), scope=("openid",))
    assert (await authority.send(pushed_request(authority, unknown))).reason == "client.unknown"
    assert site.web.asked == []


async def _after_its_end(site: Site, endpoint: str) -> Answer:
    """Send a request of a client whose registration has ended; where clients begin, of one that has none yet."""
    if endpoint == "pushed_authorization_request":
        return await push(site)
    assert (await push(site)).status == 201
    token, _ = await site.authority.issue_refresh_token(site.party, scope=("openid", "accounts"))
    site.later(600)
    return await site.authority.send(AFTERWARDS[endpoint](site.authority, token, site.party))


@pytest.mark.parametrize("endpoint", ["pushed_authorization_request", *AFTERWARDS])
async def test_looking_for_clients_is_a_check_of_its_own(tmp_path: Path, endpoint: str) -> None:
    """Without the check nobody is registered, for the first time or anew: it is what registers."""
    for pipelines, unknown in (
        (PIPELINES, False),
        (without(PIPELINES, endpoint, "register_federated_client"), True),
    ):
        site = await make_site(tmp_path / str(unknown), pipelines=pipelines)
        answer = await _after_its_end(site, endpoint)
        site.authority.close()
        assert (answer.reason == "client.unknown") is unknown


# Explicit registration.


def request(site: Site, **changes: Any) -> str:
    """Return the client's own statement for this server."""
    return replace(site.client, now=site.web.now).configuration(audience=ISSUER, **changes)


async def post(site: Site, body: str | bytes, kind: str = "application/entity-statement+jwt") -> Answer:
    """Post a request for registration."""
    octets = body.encode() if isinstance(body, str) else body
    draft = Draft("POST", "/federation/registration", headers=[("content-type", kind)], body=octets)
    return await site.authority.send(draft)


def chain_above(site: Site) -> list[str]:
    """Return what stands above the client."""
    anchor = replace(ANCHOR, now=site.web.now)
    return [anchor.about(site.client), anchor.configuration()]


async def _verify(site: Site, answer: Answer) -> Any:
    assert (answer.status, answer.header("content-type")) == (
        200,
        "application/explicit-registration-response+jwt",
    )
    now = site.authority.clock.now()
    asked = verify_entity_configuration(
        parse_entity_statement(request(site), for_registration=True),
        entity=CLIENT,
        now=now,
        future_tolerance=30,
        audience=ISSUER,
    )
    return verify_explicit_registration_response(
        answer.body.decode(),
        server=ISSUER,
        keys=federation_of(site).keys.key_set(),
        asked=asked,
        trust_anchors=[ANCHOR.entity],
        now=now,
        future_tolerance=30,
    )


async def test_a_client_registers_explicitly(site: Site) -> None:
    """The answer says what it was registered as, until its chain ends; it is then a client."""
    registered = await _verify(site, await post(site, request(site)))
    assert (registered.client_id, registered.expires_at) == (CLIENT, site.authority.clock.now() + 600)
    asked = len(site.web.asked)
    assert (await push(site)).status == 201
    assert len(site.web.asked) == asked


async def test_a_chain_that_comes_along_needs_nobody_to_be_asked(site: Site) -> None:
    """A chain in the body or in the header is verified as it is: no host is asked for anything."""
    chain = json.dumps([request(site), *chain_above(site)])
    assert (await _verify(site, await post(site, chain, "application/trust-chain+json"))).client_id == CLIENT
    with_header = _with_header(
        site, trust_chain=[site.client.configuration(now=site.web.now), *chain_above(site)]
    )
    assert (await _verify(site, await post(site, with_header))).client_id == CLIENT
    assert site.web.asked == []


def _with_header(site: Site, **header: object) -> str:
    claims = jws.parse(request(site)).unverified_claims()
    return jws.sign(claims, signer=site.client.signer, header={"typ": "entity-statement+jwt", **header})


async def test_a_peer_chain_leads_from_this_server(site: Site) -> None:
    """A chain that the client has of us must be ours, and end where the client's ends."""
    own = await own_statement(site)
    ours = [own.text, word_for_us(site, own)]
    good = _with_header(site, trust_chain=[request(site), *chain_above(site)], peer_trust_chain=ours)
    assert (await _verify(site, await post(site, good))).client_id == CLIENT
    others = [site.client.configuration(now=site.web.now), *chain_above(site)]
    bad = _with_header(site, trust_chain=[request(site), *chain_above(site)], peer_trust_chain=others)
    assert (await post(site, bad)).reason == "federated-client.peer-chain"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (request, "application/json", "federated-client.content-type"),
        (request, "application/trust-chain+json", "json.malformed"),
        (lambda _: b"\xff", "application/entity-statement+jwt", "federated-client.body"),
        (lambda _: b"", "application/entity-statement+jwt", "federation.malformed"),
        (lambda _: b"A" * 70_000, "application/entity-statement+jwt", "http.body-too-large"),
        (
            lambda site: site.client.configuration(now=site.web.now),
            "application/entity-statement+jwt",
            "federation.audience",
        ),
        (
            lambda site: replace(site.client, signer=new_signer()).configuration(
                now=site.web.now, audience=ISSUER
            ),
            "application/entity-statement+jwt",
            "federation.unknown-key",
        ),
        (
            lambda site: request(site, lifetime=-1, now=site.web.now - 60),
            "application/entity-statement+jwt",
            "federation.bad-time",
        ),
    ],
)
async def test_a_request_that_is_none(site: Site, body: Any, kind: str, expected: str) -> None:
    """What is not a good statement of a client for this server registers nobody."""
    assert (await post(site, body(site), kind)).reason == expected
    assert await site.authority.store.find_client(CLIENT) is None


async def test_registration_takes_post_alone(site: Site) -> None:
    """Another method is refused before anything is read."""
    answer = await site.authority.send(Draft("GET", "/federation/registration"))
    assert (answer.reason, answer.header("allow")) == ("http.method-not-allowed", "POST")


async def test_a_later_registration_takes_the_place_of_the_earlier(site: Site) -> None:
    """What the client was registered as before is gone with the next registration; its grants are not."""
    assert (await push(site)).status == 201
    token, _ = await site.authority.issue_refresh_token(site.party, scope=("openid", "accounts"))
    named = {**client_metadata(site.party), "client_name": "New Name"}
    await _verify(site, await post(site, request(site, metadata={"openid_relying_party": named})))
    stored = json.loads(await site.authority.store.find_client(CLIENT) or b"")
    assert (stored["client_name"], stored["federation"]["registration"]) == ("New Name", "explicit")
    assert (await site.authority.send(refresh_request(site.authority, token, site.party))).status == 200
