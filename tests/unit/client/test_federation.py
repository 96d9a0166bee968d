"""The client as a member of a federation: what it says of itself, and a server that it knows by its chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripted_server import ScriptedServer
from support.federation import NOW, Member, new_member, new_signer
from trustweft.client import (
    CertificateBound,
    ClientCertificate,
    FederationMembership,
    create_client_statement,
)
from trustweft.client.federation import server_from_chain
from trustweft.directory.metadata_policy import create_metadata_policy
from trustweft.profile import load_profile
from trustweft.protocol.federation_chain import TrustChain, verify_trust_chain
from trustweft.protocol.federation_registration import register_from_chain
from trustweft.protocol.federation_statement import parse_entity_statement, verify_entity_configuration
from trustweft.protocol.metadata import ClientNeeds
from trustweft.protocol.metadata_policy import apply_metadata_policy, read_metadata_policy
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.errors import Reject

ANCHOR = new_member("https://directory.example")
ISSUER = "https://op.example"
CLIENT = "https://app.example"
SIGNER = new_signer()
MEMBERSHIP = FederationMembership(
    authority_hints=(ANCHOR.entity,), client_name="MoneyView", organization_name="MoneyView Ltd"
)
SERVER: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "pushed_authorization_request_endpoint": f"{ISSUER}/par",
    "jwks_uri": f"{ISSUER}/jwks",
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    "dpop_signing_alg_values_supported": ["ES256"],
    "authorization_response_iss_parameter_supported": True,
    "client_registration_types_supported": ["automatic"],
}


def chain_of(member: Member, text: str | None = None) -> TrustChain:
    """Return the chain of an entity right below the anchor."""
    return verify_trust_chain(
        [text or member.configuration(), ANCHOR.about(member), ANCHOR.configuration()],
        anchors={ANCHOR.entity: ANCHOR.keys},
        now=NOW,
        future_tolerance=30,
    )


def statement_of(**changes: Any) -> str:
    """Return what the client says of itself."""
    configuration = replace(ScriptedServer().configuration, client_id=CLIENT, **changes)
    return create_client_statement(configuration, MEMBERSHIP, signer=SIGNER, now=NOW)


@pytest.mark.parametrize(
    ("changes", "entity_type"),
    [
        ({}, "openid_relying_party"),
        ({"scope": ("accounts",)}, "oauth_client"),
        ({"scope": ("accounts",), "redirect_uri": None}, "oauth_client"),
        ({"sender_constraint": CertificateBound()}, "openid_relying_party"),
    ],
)
def test_what_the_client_says_registers_it(changes: dict[str, Any], entity_type: str) -> None:
    """Its statement makes a registration that a server takes, and one that FAPI 2.0's policy leaves as it is."""
    member = Member(CLIENT, SIGNER)
    chain = chain_of(member, statement_of(**changes))
    client = register_from_chain(chain, how="automatic", latest=NOW + 3_600)
    read = read_client_metadata(client.document, federated=True)
    assert (client.entity_type, read.client_name) == (entity_type, "MoneyView")
    assert read.tls_client_certificate_bound_access_tokens is ("sender_constraint" in changes)
    policy = read_metadata_policy(create_metadata_policy(load_profile("fapi2-security")))
    resolved = apply_metadata_policy(policy, chain.metadata)
    stated = {
        name: value for name, value in resolved[entity_type].items() if name in chain.metadata[entity_type]
    }
    assert stated == chain.metadata[entity_type]


def test_a_request_for_one_server() -> None:
    """The same statement with an audience is a request for Explicit Registration."""
    configuration = replace(ScriptedServer().configuration, client_id=CLIENT)
    text = create_client_statement(configuration, MEMBERSHIP, signer=SIGNER, now=NOW, audience=ISSUER)
    verify_entity_configuration(
        parse_entity_statement(text, for_registration=True),
        entity=CLIENT,
        now=NOW,
        future_tolerance=30,
        audience=ISSUER,
    )


def test_keys_have_one_purpose() -> None:
    """The federation key signs no assertions, and a client without assertion keys has none to publish."""
    configuration = replace(ScriptedServer().configuration, client_id=CLIENT)
    with pytest.raises(ValueError, match="keys of their own"):
        create_client_statement(
            configuration,
            MEMBERSHIP,
            signer=configuration.authentication.keys.signer(),  # type: ignore[union-attr]
            now=NOW,
        )
    with pytest.raises(ValueError, match="keys of its statement"):
        statement_of(authentication=ClientCertificate())


def server_of(
    *, kind: str = "openid_provider", issuer: str = ISSUER, now: float = NOW, **changes: Any
) -> Any:
    """Return what the client believes of a server by its chain."""
    stated = {name: value for name, value in (SERVER | changes).items() if value is not ...}
    member = new_member(ISSUER, ANCHOR.entity, **{kind: stated})  # type: ignore[arg-type]
    return server_from_chain(chain_of(member), issuer=issuer, needs=ClientNeeds(), now=now)


def test_a_server_by_its_chain() -> None:
    """As an OpenID Provider or as an authorization server, its metadata are those of the chain."""
    for kind in ("openid_provider", "oauth_authorization_server"):
        assert server_of(kind=kind).token_endpoint == f"{ISSUER}/token"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issuer": "https://other.example"}, "client.other-chain"),
        ({"now": NOW + 3_600}, "client.chain-ended"),
        ({"kind": "openid_relying_party"}, "client.other-chain"),
        ({"client_registration_types_supported": ...}, "client.no-automatic-registration"),
        ({"client_registration_types_supported": ["explicit"]}, "client.no-automatic-registration"),
        ({"client_registration_types_supported": "automatic"}, "client.no-automatic-registration"),
        ({"code_challenge_methods_supported": ["plain"]}, "metadata.unsupported"),
        ({"token_endpoint": "http://op.example/token"}, "metadata.endpoint"),
    ],
    ids=str,
)
def test_a_server_that_is_not_believed(changes: dict[str, Any], expected: str) -> None:
    """A chain of somebody else, one that ended, or metadata that will not do: nothing is sent."""
    with pytest.raises(Reject) as refused:
        server_of(**changes)
    assert refused.value.reason.id == expected


def test_an_ended_chain_ends_the_conversations() -> None:
    """A client that knows its server by a chain stops when that has ended, whatever it knew before."""
    server = ScriptedServer()
    chain = chain_of(new_member(ISSUER, ANCHOR.entity, openid_provider=SERVER))
    server.configuration = replace(server.configuration, server_chain=chain)
    client = server.client()
    client.begin()
    server.clock.advance(3_600)
    with pytest.raises(Reject) as refused:
        client.begin()
    assert refused.value.reason.id == "client.chain-ended"
