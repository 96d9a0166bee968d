"""Signed authorization requests at the server: what counts is what was signed, once, by the client that sends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from support.authority import ISSUER, make_authority
from support.client_hosts import jwk_of
from support.details import PAYMENT, detail
from support.drafts import Draft
from support.federated import ANCHOR, CLIENT, Site, client_metadata, make_site, permit_requests_without_push
from support.participants import join
from support.requests import document_request, pushed_request
from support.signed_requests import REQUEST, browser_request, request_object, signed_push
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, thumbprint
from trustweft.profile import load_profile
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from support.wire import Answer
    from trustweft.server.records import PushedRequest

pytestmark = pytest.mark.anyio

FOR_REQUESTS = LocalSigner("ES256", generate_private_key("ES256"), "for-requests")


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server with clients and people."""
    made = await make_authority(tmp_path / "keys")
    yield made
    assert made.hearing.failures == []
    made.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server in a federation that lets its clients do without pushing, and a client that it has never heard of."""
    made = await make_site(tmp_path)
    permit_requests_without_push(made)
    yield made
    assert made.authority.hearing.failures == []
    made.authority.close()


def signed_by(signer: LocalSigner, draft: Draft) -> Draft:
    """Have another key of the client sign the request object."""
    draft.head(REQUEST, kid=signer.key_id)
    draft.tokens[REQUEST] = replace(draft.message(REQUEST), signer=signer)
    return draft


async def kept(authority: Authority, answer: Answer) -> PushedRequest:
    """Return what the server keeps of a request that it took."""
    if answer.status == 201:
        uri = answer.json["request_uri"]
    else:
        assert answer.status == 303, answer
        location = urlsplit(answer.header("location"))
        assert (location.scheme, location.netloc, location.path) == (
            "https",
            urlsplit(ISSUER).netloc,
            "/authorize",
        )
        uri = parse_qs(location.query)["request_uri"][0]
    record = await authority.store.find_pushed_request(digest_of(uri.rpartition(":")[2]))
    assert record is not None
    return record


async def adopt_signing(authority: Authority) -> None:
    """Have the server act by a profile in which every request is signed."""
    profile = load_profile("fapi2-security")
    on = (*profile.mechanisms.on, "jar")
    mechanisms = msgspec.structs.replace(profile.mechanisms, on=on)
    authority.server.adopt(msgspec.structs.replace(profile, mechanisms=mechanisms))


# Pushed.


async def test_a_signed_request_is_kept_as_it_was_signed(authority: Authority) -> None:
    """Everything that a plain one can ask for, details included."""
    draft = signed_push(authority, authorization_details=[PAYMENT], prompt="consent")
    record = await kept(authority, await authority.send(draft))
    claims = draft.message(REQUEST).claims
    assert record.client_id == "moneyview"
    assert (record.redirect_uri, record.state, record.nonce, record.code_challenge) == tuple(
        claims[name] for name in ("redirect_uri", "state", "nonce", "code_challenge")
    )
    assert " ".join(record.scope) == claims["scope"]
    assert record.authorization_details == (detail(PAYMENT),)
    assert record.prompt == ("consent",)
    assert record.dpop_jkt == authority.moneyview.jkt


async def test_what_stands_beside_a_request_object_counts_for_nothing(authority: Authority) -> None:
    """Neither in place of what was signed nor in addition to it (RFC 9101 section 6.3)."""
    draft = signed_push(authority, state=..., nonce=...)
    for name, value in {"state": "outside", "scope": "openid payments", "claims": "{}"}.items():
        draft.put(name, value)
    draft.put("redirect_uri", authority.moneyview.redirect_uris[1])
    record = await kept(authority, await authority.send(draft))
    assert (record.state, record.nonce) == (None, None)
    assert " ".join(record.scope) == draft.message(REQUEST).claims["scope"]
    assert record.redirect_uri == authority.moneyview.redirect_uris[0]


@pytest.mark.parametrize("name", ["redirect_uri", "code_challenge", "response_type", "scope"])
async def test_what_is_missing_inside_is_not_taken_from_outside(authority: Authority, name: str) -> None:
    """The request lacks it, whatever an attacker at the front adds to it."""
    draft = signed_push(authority)
    draft.put(name, str(draft.message(REQUEST).claims[name]))
    draft.claim(REQUEST, **{name: ...})
    assert (await authority.send(draft)).status == 400


async def test_a_request_inside_goes_through_the_checks_of_every_other(authority: Authority) -> None:
    """A signature makes nothing allowed."""
    for parameters, reason in (
        ({"redirect_uri": "https://attacker.example/cb"}, "redirect-uri.not-registered"),
        ({"response_type": "code id_token"}, "authorization-request.response-type"),
        ({"scope": "openid admin"}, "scope.not-allowed"),
        ({"resource": "https://bank.example"}, "authorization-request.unsupported-parameter"),
        ({"claims": {"id_token": {}}}, "authorization-request.unsupported-parameter"),
        ({"code_challenge_method": "plain"}, "pkce.method"),
        ({"dpop_jkt": "A" * 43}, "dpop.pushed-key-mismatch"),
    ):
        answer = await authority.send(signed_push(authority, **parameters))
        assert answer.status == 400
        assert answer.reason is not None
        assert answer.reason.split(".")[0] == reason.split(".")[0], answer.reason


async def test_a_request_object_of_another_client_is_refused(authority: Authority) -> None:
    """Whoever authenticates must have signed it: another one's, stolen or bought, asks for nothing."""
    theirs = request_object(authority, authority.otherapp)
    draft = signed_push(authority)
    draft.tokens[REQUEST] = theirs
    assert (await authority.send(draft)).reason == "request-object.no-key"
    draft = signed_push(authority)
    # Signed by the one that sends it, in the other's name.
    mine = draft.message(REQUEST)
    draft.tokens[REQUEST] = replace(mine, claims={**mine.claims, "iss": "otherapp", "client_id": "otherapp"})
    assert (await authority.send(draft)).reason == "request-object.issuer"


async def test_a_request_object_is_good_once(authority: Authority) -> None:
    """Pushed again with fresh credentials it is refused; without an identifier nothing can be remembered."""
    first = signed_push(authority)
    assert (await authority.send(first)).status == 201
    again = signed_push(authority)
    again.tokens[REQUEST] = first.tokens[REQUEST]
    answer = await authority.send(again)
    assert (answer.status, answer.json["error"], answer.reason) == (
        400,
        "invalid_request_object",
        "request-object.replayed",
    )
    nameless = signed_push(authority, jti=...)
    assert (await authority.send(nameless)).status == 201


async def test_a_refusal_does_not_use_a_request_object_up(authority: Authority) -> None:
    """A stranger who sends it first, or a proof without its nonce, burns nothing."""
    good = signed_push(authority)
    stolen = signed_push(authority, authority.otherapp)
    stolen.tokens[REQUEST] = good.tokens[REQUEST]
    assert (await authority.send(stolen)).reason == "request-object.no-key"
    unproven = signed_push(authority)
    unproven.tokens[REQUEST] = good.tokens[REQUEST]
    unproven.claim("{proof}", nonce=...)
    assert (await authority.send(unproven)).status == 400
    assert (await authority.send(good)).status == 201


async def test_a_request_object_never_points_elsewhere(authority: Authority) -> None:
    """Nothing is fetched for it: neither from inside nor from beside it."""
    answer = await authority.send(signed_push(authority, request_uri="https://attacker.example/object"))
    assert (answer.json["error"], answer.reason) == ("invalid_request_object", "request-object.nested")
    draft = signed_push(authority)
    draft.put("request_uri", "https://attacker.example/object")
    assert (await authority.send(draft)).reason == "par.nested-request-uri"
    assert authority.hosts.asked == []


async def test_a_client_that_must_sign_sends_nothing_else(authority: Authority) -> None:
    """Nobody who has stolen its credentials alone gets a plain request in (RFC 9101 section 10.5)."""
    await authority.reregister(authority.moneyview, require_signed_request_object=True)
    answer = await authority.send(pushed_request(authority))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.reason == "request-object.required"
    assert (await authority.send(pushed_request(authority, request=""))).reason == "request-object.required"
    assert (await authority.send(signed_push(authority))).status == 201
    assert (await authority.send(pushed_request(authority, authority.otherapp))).status == 201


async def test_a_profile_can_have_every_request_signed(authority: Authority) -> None:
    """Then plain ones are refused, and the metadata say so."""
    await adopt_signing(authority)
    assert (await authority.send(pushed_request(authority))).reason == "request-object.required"
    assert (await authority.send(signed_push(authority))).status == 201
    document = (await authority.send(document_request("/.well-known/openid-configuration"))).json
    assert document["require_signed_request_object"] is True


async def test_a_request_object_says_since_when_it_is_good(site: Site) -> None:
    """Only what a chain registers need not, unless the profile has every request signed."""
    authority = site.authority
    assert (await authority.send(signed_push(authority, nbf=...))).reason == "request-object.bad-time"
    for draft in (signed_push, browser_request):
        assert (await authority.send(draft(authority, site.party, nbf=...))).status in {201, 303}
    await adopt_signing(authority)
    for draft in (signed_push, browser_request):
        answer = await authority.send(draft(authority, site.party, nbf=...))
        assert answer.reason == "request-object.bad-time"


async def test_the_registered_algorithm_is_the_only_one(authority: Authority) -> None:
    """And one that the profile has not, or no longer, shuts the client out."""
    await authority.reregister(authority.moneyview, request_object_signing_alg="EdDSA")
    assert (await authority.send(signed_push(authority))).reason == "request-object.algorithm"
    await authority.reregister(authority.moneyview, request_object_signing_alg="ES256")
    assert (await authority.send(signed_push(authority))).status == 201
    profile = load_profile("fapi2-security").with_limits(signing_algorithms=("ES256",))
    authority.server.adopt(profile)
    await authority.reregister(authority.moneyview, request_object_signing_alg="PS256")
    assert (await authority.send(signed_push(authority))).reason == "client.beyond-profile"


async def test_keys_that_the_client_publishes_are_fetched(authority: Authority) -> None:
    """Also a key that only its request objects are signed with, and that was not there when it last looked."""
    party, uri = authority.moneyview, "https://moneyview.example/jwks"
    await authority.reregister(party, jwks=None, jwks_uri=uri)
    authority.hosts.publish(uri, party.signer)
    assert (await authority.send(signed_push(authority))).status == 201
    authority.clock.advance(60)
    authority.hosts.publish(uri, party.signer, FOR_REQUESTS)
    assert (await authority.send(signed_by(FOR_REQUESTS, signed_push(authority)))).status == 201
    assert authority.hosts.asked == [uri, uri]


async def test_a_client_with_a_certificate_signs_with_its_registered_keys(authority: Authority) -> None:
    """Who has none registered cannot send one."""
    party = authority.parties["certified"]
    assert (await authority.send(signed_push(authority, party))).reason == "request-object.no-key"
    await authority.reregister(party, jwks={"keys": [jwk_of(party.signer)]})
    assert (await authority.send(signed_push(authority, party))).status == 201


async def test_a_key_that_was_ended_signs_no_more_requests(authority: Authority) -> None:
    """Although the client authenticates with another one (the directory's word on compromised keys)."""
    member = await join(authority)
    party = authority.moneyview
    await authority.reregister(party, jwks={"keys": [*party.metadata["jwks"]["keys"], jwk_of(FOR_REQUESTS)]})
    assert (await authority.send(signed_by(FOR_REQUESTS, signed_push(authority)))).status == 201
    subject = f"key:{thumbprint(FOR_REQUESTS.public_key)}"
    member.directory.say(subject, "ended", cause="compromised")
    assert (await member.hear(subject)).status == 202
    assert (await authority.send(signed_push(authority))).status == 201
    answer = await authority.send(signed_by(FOR_REQUESTS, signed_push(authority)))
    assert (answer.status, answer.reason) == (401, "participation.ended")


async def test_the_metadata_tell_what_is_taken(authority: Authority) -> None:
    """Signed requests, with the algorithms of the profile; none by reference, and every request pushed."""
    document = (await authority.send(document_request("/.well-known/oauth-authorization-server"))).json
    assert document["request_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is False
    assert document["require_signed_request_object"] is False
    assert document["require_pushed_authorization_requests"] is True
    algorithms = document["request_object_signing_alg_values_supported"]
    assert algorithms == document["token_endpoint_auth_signing_alg_values_supported"]
    assert "none" not in algorithms
    assert not any("encryption" in name for name in document)


# At the browser.


async def test_nobody_brings_a_request_that_was_not_pushed(authority: Authority) -> None:
    """A signed one counts for as little as a plain one, unless the operator says otherwise for a federation."""
    for method in ("GET", "POST"):
        draft = browser_request(authority, authority.moneyview, method=method)
        answer = await authority.send(draft)
        assert (answer.status, answer.reason) == (400, "par.request-uri-missing")


async def test_a_federation_changes_nothing_of_it_by_itself(tmp_path: Path) -> None:
    """The switch is off where nobody turned it on, and then nobody is looked for either."""
    site = await make_site(tmp_path)
    answer = await site.authority.send(browser_request(site.authority, site.party))
    assert (answer.status, answer.reason) == (400, "par.request-uri-missing")
    assert site.web.asked == []
    site.authority.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_of_the_federation_brings_its_request(site: Site, method: str) -> None:
    """It is registered by its chain, and its request is kept as if it had been pushed."""
    draft = browser_request(site.authority, site.party, method=method, dpop_jkt=site.party.jkt)
    record = await kept(site.authority, await site.authority.send(draft))
    assert (record.client_id, record.state, record.dpop_jkt) == (CLIENT, "af0ifjsldkj", site.party.jkt)
    assert f"{CLIENT}/.well-known/openid-federation" in site.web.asked


async def test_a_client_that_an_operator_registered_pushes_all_the_same(site: Site) -> None:
    """The switch is for those whom a chain registers: FAPI 2.0 binds all others as before."""
    answer = await site.authority.send(browser_request(site.authority, site.authority.moneyview))
    assert (answer.status, answer.reason) == (400, "request-object.not-federated")
    assert b"<html" in answer.body


async def test_refusals_are_shown_and_never_redirected(site: Site) -> None:
    """Nothing of a request that is not verified is a place to send anybody to."""
    for parameters, reason in (
        ({"sub": CLIENT}, "request-object.subject"),
        ({"jti": ...}, "request-object.bad-jti"),
        ({"redirect_uri": "https://attacker.example/cb"}, "redirect-uri.not-registered"),
        ({"code_challenge": ...}, None),
        ({"scope": "openid admin"}, "scope.not-allowed"),
    ):
        answer = await site.authority.send(browser_request(site.authority, site.party, **parameters))
        assert answer.status in {400, 401, 403}
        assert answer.values("location") == []
        assert reason in {None, answer.reason}, answer.reason
        assert answer.header("content-type").startswith("text/html")


async def test_a_request_at_the_browser_needs_a_client(site: Site) -> None:
    """Named beside the object, and known."""
    draft = browser_request(site.authority, site.party, method="POST")
    assert (await site.authority.send(draft.put("client_id", None))).reason == "authorization.client-missing"
    draft = browser_request(site.authority, site.party, method="POST")
    assert (await site.authority.send(draft.put("client_id", "nobody-here"))).reason == "client.unknown"


async def test_a_request_that_is_unsigned_is_one_that_was_not_pushed(site: Site) -> None:
    """Plain parameters are refused as before; so is any other method."""
    draft = Draft("GET", "/authorize", f"client_id={CLIENT}&response_type=code")
    assert (await site.authority.send(draft)).reason == "par.request-uri-missing"
    assert (await site.authority.send(Draft("PUT", "/authorize"))).status == 405


async def test_a_request_at_the_browser_is_good_once(site: Site) -> None:
    """Loading the address again shows a page that says so."""
    sent = browser_request(site.authority, site.party).finish()
    assert (await site.authority.send(sent)).status == 303
    assert (await site.authority.send(sent)).reason == "request-object.replayed"


async def test_a_request_at_the_browser_binds_to_one_thing(site: Site) -> None:
    """A client whose tokens are bound to its certificate names no proof key, pushed or not."""
    bound = {"tls_client_certificate_bound_access_tokens": True}
    site.say(metadata={"openid_relying_party": {**client_metadata(site.party), **bound}})
    draft = browser_request(site.authority, site.party, dpop_jkt=site.party.jkt)
    assert (await site.authority.send(draft)).reason == "dpop.certificate-bound"
    assert (await site.authority.send(browser_request(site.authority, site.party))).status == 303


async def test_the_metadata_say_that_not_all_is_pushed(site: Site) -> None:
    """And, in the federation, how its clients prove who they are (OpenID Federation 1.0 section 5.1.3)."""
    document = (await site.authority.send(document_request("/.well-known/openid-configuration"))).json
    assert document["require_pushed_authorization_requests"] is False
    text = (await site.authority.send(document_request("/.well-known/openid-federation"))).body.decode()
    said: Any = jws.parse(text).unverified_claims()["metadata"]
    assert said["openid_provider"]["request_authentication_methods_supported"] == {
        "authorization_endpoint": ["request_object"],
        "pushed_authorization_request_endpoint": document["token_endpoint_auth_methods_supported"],
    }
    assert (
        said["openid_provider"]["request_authentication_signing_alg_values_supported"]
        == document["request_object_signing_alg_values_supported"]
    )


# The chain in the header.


def chain_of(site: Site, **changes: Any) -> list[str]:
    """Return the client's chain as it would put it together now."""
    now = site.web.now
    return [
        replace(site.client, now=now).configuration(**changes),
        replace(ANCHOR, now=now).about(site.client),
    ]


def with_chain(site: Site, chain: object) -> Draft:
    """Bring a request with a chain in its header."""
    return browser_request(site.authority, site.party).head(REQUEST, trust_chain=chain)


async def test_a_chain_in_the_header_spares_asking(site: Site) -> None:
    """At the browser, and where the request is pushed."""
    assert (await site.authority.send(with_chain(site, chain_of(site)))).status == 303
    assert site.web.asked == []


async def test_a_chain_in_a_pushed_request_spares_asking(site: Site) -> None:
    """The same for those who push."""
    draft = signed_push(site.authority, site.party).head(REQUEST, trust_chain=chain_of(site))
    assert (await site.authority.send(draft)).status == 201
    assert site.web.asked == []


async def test_an_old_chain_is_no_way_back(site: Site) -> None:
    """Its superior signed for a day, and withdrew it since: after an hour we look for ourselves."""
    anchor = replace(ANCHOR, lifetime=86_400, now=site.web.now)
    client = replace(site.client, lifetime=86_400, now=site.web.now)
    chain = [client.configuration(), anchor.about(client)]
    del site.web.about[ANCHOR.entity, CLIENT]
    site.later(3_599)
    assert (await site.authority.send(with_chain(site, chain))).status == 303
    assert site.web.asked == []
    site.later(1)
    answer = await site.authority.send(with_chain(site, chain))
    assert (answer.status, answer.reason) == (400, "federation.not-subordinate")


async def test_a_chain_of_somebody_else_registers_nobody(site: Site) -> None:
    """A chain that holds, of another member: it says nothing of this client."""
    other = replace(site.client, entity="https://other.example", now=site.web.now)
    chain = [other.configuration(), replace(ANCHOR, now=site.web.now).about(other)]
    answer = await site.authority.send(with_chain(site, chain))
    assert (answer.status, answer.reason) == (400, "federated-client.other-chain")


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ([], "federation.chain-length"),
        ("abc", "federation.chain-length"),
        (["e30.e30."], "federation.algorithm"),
    ],
)
async def test_a_chain_that_is_none_is_refused(site: Site, chain: object, reason: str) -> None:
    """It is verified as every other, and nobody is asked for a better one."""
    answer = await site.authority.send(with_chain(site, chain))
    assert (answer.status, answer.reason) == (400, reason)
    assert site.web.asked == []
