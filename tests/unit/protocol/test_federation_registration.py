"""Registration by a Trust Chain: what a client is registered as, and what it must not be able to say of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mutations import Message, Mutation, change, change_header, drop, sign_with
from support.federation import NOW, Member, new_member, new_signer
from trustweft.protocol.federation_chain import TrustChain, verify_trust_chain
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.protocol.federation_registration import (
    ExplicitRegistration,
    create_explicit_registration_request,
    create_explicit_registration_response,
    read_registration_body,
    register_from_chain,
    registration_expiry,
    verify_explicit_registration_response,
)
from trustweft.protocol.federation_statement import NewEntityConfiguration
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.errors import Reject

OP = new_member("https://op.example", "https://anchor.example")
ANCHOR = new_member("https://anchor.example")
KEY = new_signer("PS256")
METADATA: dict[str, Any] = {
    "redirect_uris": ["https://rp.example/callback"],
    "jwks": {"keys": [federation_jwk(KEY)]},
    "client_registration_types": ["automatic", "explicit"],
}
RP = new_member("https://rp.example", ANCHOR.entity, openid_relying_party=METADATA)


def chain_of(
    leaf: Member = RP, *, audience: str | None = None, said: dict[str, Any] | None = None, **metadata: Any
) -> TrustChain:
    """Return the chain of a client with other metadata, of which its superior says something."""
    (kind,) = leaf.metadata
    stated = {name: value for name, value in {**leaf.metadata[kind], **metadata}.items() if value is not None}
    client = replace(leaf, metadata={kind: stated})
    about = ANCHOR.about(client, metadata={kind: said} if said else None, lifetime=600)
    return verify_trust_chain(
        [client.configuration(audience=audience), about, ANCHOR.configuration()],
        anchors={ANCHOR.entity: ANCHOR.keys},
        now=NOW,
        future_tolerance=30,
        audience=audience,
    )


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    """Return the id of the reason of a refusal."""
    with pytest.raises(Reject) as refused:
        call(*arguments, **named)
    return refused.value.reason.id


def test_a_client_is_registered_as_its_chain_resolves_and_as_long_as_it_holds() -> None:
    """Names, keys and times come from the chain; what the client leaves out is filled in from what is known."""
    client = register_from_chain(chain_of(), how="automatic", latest=NOW + 3_600)
    assert (client.client_id, client.entity_type, client.expires_at) == (
        RP.entity,
        "openid_relying_party",
        NOW + 600,
    )
    assert registration_expiry(client.document) == NOW + 600
    read = read_client_metadata(client.document, federated=True)
    assert (read.client_id, read.client_name, read.organization_name) == (
        RP.entity,
        "rp.example",
        "rp.example",
    )
    assert (read.scope, read.token_endpoint_auth_signing_alg) == (("openid",), "PS256")
    assert (client.trust_anchor, client.authority) == (ANCHOR.entity, ANCHOR.entity)


def test_a_registration_may_end_before_its_chain() -> None:
    """However long a superior signs for, the server asks again when it wants to."""
    client = register_from_chain(chain_of(), how="automatic", latest=NOW + 10)
    assert client.expires_at == registration_expiry(client.document) == NOW + 10


def test_an_oauth_client_is_a_client_as_well() -> None:
    """Without OpenID Connect no scope is taken for granted."""
    client = register_from_chain(
        chain_of(new_member(RP.entity, ANCHOR.entity, oauth_client=METADATA)),
        how="automatic",
        latest=NOW + 3_600,
    )
    assert (client.entity_type, read_client_metadata(client.document, federated=True).scope) == (
        "oauth_client",
        (),
    )


def test_a_client_gives_itself_no_rights() -> None:
    """What would make it another participant is believed of its superior alone, or of nobody."""
    claimed: dict[str, Any] = {
        "software_id": "other",
        "organisation_id": "other",
        "resource_server_for": ["https://bank.example"],
        "client_id": "moneyview",
        "client_secret": "secret",
        "federation": {"expires_at": NOW + 10**9},
    }
    document = register_from_chain(chain_of(**claimed), how="automatic", latest=NOW + 3_600).document
    assert document["client_id"] == RP.entity
    assert {"software_id", "organisation_id", "resource_server_for", "client_secret"}.isdisjoint(document)
    assert registration_expiry(document) == NOW + 600
    said = {"software_id": "moneyview", "organisation_id": "moneyview-ltd"}
    known = register_from_chain(chain_of(**claimed, said=said), how="automatic", latest=NOW + 3_600).document
    assert (known["software_id"], known["organisation_id"]) == ("moneyview", "moneyview-ltd")


def test_only_a_chain_gives_an_entity_identifier() -> None:
    """Nobody else is registered under a name that is somebody's in a federation, and nobody there under another."""
    document = register_from_chain(chain_of(), how="automatic", latest=NOW + 3_600).document
    assert refusal(read_client_metadata, document) == "client-metadata.client-id"
    renamed = {**document, "client_id": "moneyview"}
    assert refusal(read_client_metadata, renamed, federated=True) == "client-metadata.client-id"


def test_who_is_no_client_is_not_registered() -> None:
    """A server is no client, and a client registers in the ways that it names."""
    server = new_member("https://as.example", ANCHOR.entity, openid_provider={"issuer": "https://as.example"})
    assert (
        refusal(register_from_chain, chain_of(server), how="automatic", latest=NOW + 3_600)
        == "federation.no-client"
    )
    refused: list[Any] = [["explicit"], "automatic", []]
    for types in refused:
        chain = chain_of(client_registration_types=types)
        assert (
            refusal(register_from_chain, chain, how="automatic", latest=NOW + 3_600)
            == "federation.registration-type"
        )
    for types in (None, ["automatic", "new"]):
        chain = chain_of(client_registration_types=types)
        assert register_from_chain(chain, how="automatic", latest=NOW + 3_600).client_id == RP.entity


def test_keys_that_nobody_can_read_are_refused_where_metadata_are_read() -> None:
    """The algorithm is guessed from good keys only, and from those of one kind."""
    several: dict[str, Any] = {"keys": [federation_jwk(KEY), federation_jwk(new_signer())]}
    none: dict[str, Any] = {"keys": []}
    broken: dict[str, Any] = {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "x"}]}
    for jwks in (several, none, broken, None):
        document = register_from_chain(chain_of(jwks=jwks), how="automatic", latest=NOW + 3_600).document
        assert "token_endpoint_auth_signing_alg" not in document


def test_a_registration_without_a_mark_does_not_end() -> None:
    """Other registrations have no expiry; one with a broken mark has ended."""
    assert registration_expiry({"client_id": "moneyview"}) is None
    assert registration_expiry({"federation": {"expires_at": "soon"}}) == 0


def new_request(**changes: Any) -> NewEntityConfiguration:
    """Return what the client asks with."""
    attributes: dict[str, Any] = {
        "entity": RP.entity,
        "metadata": RP.metadata,
        "lifetime": 60,
        "authority_hints": RP.hints,
        "audience": OP.entity,
    }
    return NewEntityConfiguration(**(attributes | changes))


def test_a_request_names_its_server() -> None:
    """A request without audience or superiors would be an Entity Configuration for anybody."""
    assert create_explicit_registration_request(new_request(), signer=RP.signer, now=NOW)
    for changes in ({"audience": None}, {"authority_hints": ()}):
        with pytest.raises(ValueError, match="one server"):
            create_explicit_registration_request(new_request(**changes), signer=RP.signer, now=NOW)


def test_a_posted_chain() -> None:
    """A body is a list of statements, bounded."""
    assert read_registration_body(json.dumps(["a", "b"]).encode()) == ("a", "b")
    assert refusal(read_registration_body, b"[]") == "federation.chain-length"
    assert refusal(read_registration_body, b"{}") == "json.not-an-array"
    assert refusal(read_registration_body, b'["' + b"a" * 70_000 + b'"]') == "json.too-large"


def verify(token: str, **changes: Any) -> ExplicitRegistration:
    """Verify the answer as the client does."""
    arguments: dict[str, Any] = {
        "server": OP.entity,
        "keys": OP.keys,
        "asked": chain_of(audience=OP.entity).statements[0],
        "trust_anchors": [ANCHOR.entity],
        "now": NOW,
        "future_tolerance": 30,
    }
    return verify_explicit_registration_response(token, **(arguments | changes))


def test_an_answer_verifies() -> None:
    """What the server answers is what the client may use, until the registration ends."""
    chain = chain_of(audience=OP.entity)
    client = register_from_chain(chain, how="explicit", latest=NOW + 3_600)
    token = create_explicit_registration_response(
        client,
        request=chain.statements[0],
        issuer=OP.entity,
        registered=client.document,
        signer=OP.signer,
        now=NOW,
    )
    answer = verify(token)
    assert (answer.client_id, answer.expires_at, answer.trust_anchor) == (RP.entity, NOW + 600, ANCHOR.entity)
    assert "federation" not in answer.metadata["openid_relying_party"]
    other = chain_of(new_member("https://other.example", ANCHOR.entity, oauth_client=METADATA)).statements[0]
    assert refusal(verify, token, asked=other) == "federation.subject"


def good() -> Message:
    """Return the good answer before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": OP.signer.key_id, "typ": "explicit-registration-response+jwt"},
        claims={
            "iss": OP.entity,
            "sub": RP.entity,
            "aud": RP.entity,
            "iat": int(NOW),
            "exp": int(NOW) + 60,
            "trust_anchor": ANCHOR.entity,
            "authority_hints": [ANCHOR.entity],
            "metadata": {"openid_relying_party": {"client_id": RP.entity}},
        },
        signer=OP.signer,
    )


MUTATIONS = [
    change_header("federation.type", typ="entity-statement+jwt"),
    sign_with("federation.bad-signature", new_signer()),
    change("federation.issuer", iss="https://other.example"),
    change("federation.subject", sub="https://other.example"),
    drop("federation.audience", "aud"),
    change("federation.audience", aud="https://other.example"),
    change("federation.audience", aud=["https://rp.example", "https://other.example"]),
    change("federation.expired", iat=int(NOW) - 60, exp=int(NOW)),
    drop("federation.identifier", "trust_anchor"),
    change("federation.registered-otherwise", trust_anchor="https://other.example"),
    drop("federation.registered-otherwise", "authority_hints"),
    change("federation.registered-otherwise", authority_hints=["https://other.example"]),
    change(
        "federation.registered-otherwise", authority_hints=["https://anchor.example", "https://b.example"]
    ),
    drop("federation.metadata", "metadata"),
    change("federation.registered-otherwise", metadata={}),
    change("federation.registered-otherwise", metadata={"oauth_client": {"client_id": "x"}}),
    change("federation.malformed", metadata={"openid_relying_party": {}}),
    change("federation.malformed", metadata={"openid_relying_party": {"client_id": ["x"]}}),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_changed_answer_is_refused(mutation: Mutation) -> None:
    """An answer changed in any single way never verifies."""
    assert verify(good().encode()).client_id == RP.entity
    assert refusal(verify, mutation.apply(good())) == mutation.expected
