"""Entity Statements: one good of each kind, and every single change of it refused with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mutations import Message, Mutation, change, change_header, drop, drop_header, rewrite, sign_with
from support.federation import NOW, new_member, new_signer
from trustweft.crypto.keys import private_jwk
from trustweft.protocol.federation_claims import StatedTrustMark
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.protocol.federation_statement import (
    NewEntityConfiguration,
    create_entity_configuration,
    parse_entity_statement,
    verify_entity_configuration,
    verify_subordinate_statement,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.protocol.federation_statement import EntityStatement

BANK = new_member("https://bank.example", "https://directory.example")
DIRECTORY = new_member("https://directory.example")
OTHER = new_signer()
SMALL = {
    "kty": "RSA",
    "kid": "small",
    "e": "AQAB",
    "n": "sRMdeSGZ4bvkCNFBhdCQPlbNEGTJQNh9Qj4IC3OHbcDKsDWnkgEyvQ-SUuSZLC6Je6gB2FQPDgC7PAYRgDy8yw",
}


def good_configuration() -> Message:
    """Return what the bank says of itself, before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": BANK.signer.key_id, "typ": "entity-statement+jwt"},
        claims={
            "iss": BANK.entity,
            "sub": BANK.entity,
            "iat": int(NOW),
            "exp": int(NOW) + 600,
            "jwks": BANK.jwks,
            "authority_hints": [DIRECTORY.entity],
            "metadata": {"openid_provider": {"issuer": BANK.entity}},
        },
        signer=BANK.signer,
    )


def good_subordinate() -> Message:
    """Return what the directory says of the bank, before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": DIRECTORY.signer.key_id, "typ": "entity-statement+jwt"},
        claims={
            "iss": DIRECTORY.entity,
            "sub": BANK.entity,
            "iat": int(NOW),
            "exp": int(NOW) + 600,
            "jwks": BANK.jwks,
            "metadata_policy": {"openid_provider": {"issuer": {"essential": True}}},
            "constraints": {"max_path_length": 0},
            "source_endpoint": "https://directory.example/fetch",
        },
        signer=DIRECTORY.signer,
    )


def configuration(text: str, *, audience: str | None = None) -> EntityStatement:
    """Verify what the bank says of itself."""
    return verify_entity_configuration(
        parse_entity_statement(text, for_registration=audience is not None),
        entity=BANK.entity,
        now=NOW,
        future_tolerance=30,
        audience=audience,
    )


def subordinate(text: str) -> EntityStatement:
    """Verify what the directory says of the bank."""
    return verify_subordinate_statement(
        parse_entity_statement(text),
        issuer=DIRECTORY.entity,
        subject=BANK.entity,
        keys=DIRECTORY.keys,
        now=NOW,
        future_tolerance=30,
    )


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    """Return the id of the reason of a refusal."""
    with pytest.raises(Reject) as refused:
        call(*arguments, **named)
    return refused.value.reason.id


def test_good_statements() -> None:
    """Both kinds verify, and say what stands in them."""
    own = configuration(good_configuration().encode())
    assert (own.authority_hints, own.expires_at) == ((DIRECTORY.entity,), NOW + 600)
    assert own.metadata == {"openid_provider": {"issuer": BANK.entity}}
    about = subordinate(good_subordinate().encode())
    assert about.constraints.max_path_length == 0
    assert about.metadata_policy is not None


def test_what_is_created_verifies() -> None:
    """Create and verify are two ends of one format."""
    assert configuration(BANK.configuration()).claims["authority_hints"] == [DIRECTORY.entity]
    assert subordinate(DIRECTORY.about(BANK)).keys.keys[0].key_id == BANK.signer.key_id


# What is the same in both kinds.
COMMON = [
    rewrite("empty", "federation.malformed", lambda _: ""),
    rewrite("no signature", "federation.malformed", lambda token: token.rpartition(".")[0]),
    rewrite("payload is no JSON", "federation.malformed", lambda token: token.replace(".ey", ".fy", 1)),
    rewrite("a megabyte", "federation.too-large", lambda token: token + "A" * 1_000_000),
    change_header("federation.malformed", crit=["b64"]),
    drop_header("federation.type", "typ"),
    change_header("federation.type", typ="JWT"),
    change_header("federation.type", typ="application/entity-statement+jwt"),
    change_header("federation.type", typ="explicit-registration-response+jwt"),
    change_header("federation.algorithm", alg="none"),
    change_header("federation.algorithm", alg="HS256"),
    change_header("federation.algorithm", alg="RS256"),
    change_header("federation.unknown-key", alg="EdDSA"),
    drop_header("federation.key-id", "kid"),
    change_header("federation.key-id", kid=""),
    change_header("federation.unknown-key", kid="another"),
    change_header("federation.chain-header", trust_chain=[]),
    change_header("federation.chain-header", peer_trust_chain=[]),
    sign_with("federation.bad-signature", OTHER),
    drop("federation.identifier", "iss"),
    drop("federation.identifier", "sub"),
    change("federation.identifier", iss="http://bank.example"),
    change("federation.identifier", sub="https://bank.example?x=1"),
    change("federation.identifier", sub="https://bank.example#x"),
    change("federation.issuer", iss="https://other.example"),
    change("federation.subject", sub="https://bank.example/"),
    drop("federation.bad-time", "iat"),
    change("federation.bad-time", iat="now"),
    change("federation.from-future", iat=int(NOW) + 31),
    change("federation.from-future", nbf=int(NOW) + 31),
    change("federation.bad-time", nbf=None),
    drop("federation.bad-time", "exp"),
    change("federation.bad-time", exp=True),
    change("federation.bad-time", exp=int(NOW)),
    change("federation.expired", iat=int(NOW) - 60, exp=int(NOW)),
    change("federation.critical", crit=["unheard_of"]),
    change("federation.critical", crit=[]),
    change("federation.metadata", metadata=[]),
    change("federation.metadata", metadata={"openid_provider": None}),
    change("federation.metadata", metadata={"openid_provider": {"issuer": None}}),
    change("federation.metadata", metadata={"federation_entity": {"jwks": {"keys": []}}}),
    change(
        "federation.private-key",
        metadata={"openid_relying_party": {"jwks": {"keys": [private_jwk(OTHER.private_key)]}}},
    ),
    change("federation.keys", metadata={"openid_relying_party": {"jwks": {"keys": "none"}}}),
    change("federation.malformed", metadata={"openid_relying_party": {"jwks": []}}),
    change("federation.audience", aud="https://op.example"),
    change("federation.audience", aud=None),
    change("federation.wrong-statement", trust_anchor="https://directory.example"),
]
KEY_SETS = [
    change("federation.keys", jwks={"keys": []}),
    change("federation.keys", jwks=[]),
    change("federation.keys", jwks={"keys": ["key"]}),
    change("federation.private-key", jwks={"keys": [{**private_jwk(OTHER.private_key), "kid": "x"}]}),
    change("federation.private-key", jwks={"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}),
    change("federation.key-twice", jwks={"keys": [federation_jwk(BANK.signer), federation_jwk(BANK.signer)]}),
    change("federation.key-twice", jwks={"keys": [{**federation_jwk(BANK.signer), "kid": ""}]}),
    change("federation.weak-key", jwks={"keys": [federation_jwk(BANK.signer), SMALL]}),
    change("federation.weak-key", jwks={"keys": [federation_jwk(BANK.signer), {**SMALL, "alg": "RS256"}]}),
    drop("federation.keys", "jwks"),
]
CONFIGURATIONS = [
    *COMMON,
    *KEY_SETS,
    change("federation.wrong-statement", metadata_policy={}),
    change("federation.wrong-statement", metadata_policy_crit=["x"]),
    change("federation.wrong-statement", constraints={}),
    change("federation.wrong-statement", source_endpoint="https://directory.example/fetch"),
    change("federation.hints", authority_hints=[]),
    change("federation.hints", authority_hints="https://directory.example"),
    change("federation.hints", authority_hints=["directory"]),
    change("federation.hints", authority_hints=["https://directory.example"] * 2),
    change("federation.hints", trust_anchor_hints=[]),
    change("federation.trust-marks", trust_marks={}),
    change("federation.trust-marks", trust_marks=[{"trust_mark": "x"}]),
    change("federation.trust-marks", trust_mark_issuers={"x": ["nobody"]}),
    change("federation.trust-marks", trust_mark_owners=[]),
    change("federation.identifier", trust_mark_owners={"x": {"jwks": BANK.jwks}}),
]
SUBORDINATES = [
    *COMMON,
    *KEY_SETS,
    change("federation.wrong-statement", authority_hints=["https://directory.example"]),
    change("federation.wrong-statement", trust_marks=[]),
    change("federation.wrong-statement", trust_mark_issuers={}),
    change("federation.wrong-statement", trust_mark_owners={}),
    change("metadata-policy.malformed", metadata_policy=[]),
    change("metadata-policy.critical", metadata_policy_crit=["regexp"]),
    change("metadata-policy.malformed", metadata_policy_crit=[]),
    change("federation.constraints", constraints=[]),
    change("federation.constraints", constraints={"max_path_length": -1}),
    change("federation.constraints", constraints={"max_path_length": True}),
    change("federation.constraints", constraints={"naming_constraints": {"permitted": ["*.example"]}}),
    change("federation.constraints", constraints={"naming_constraints": []}),
    change("federation.constraints", constraints={"allowed_entity_types": "all"}),
    change("federation.constraints", constraints={"allowed_entity_types": ["federation_entity"]}),
    change("federation.source-endpoint", source_endpoint="http://directory.example/fetch"),
    change("federation.source-endpoint", source_endpoint=1),
]


@pytest.mark.parametrize("mutation", CONFIGURATIONS, ids=str)
def test_a_changed_configuration_is_refused(mutation: Mutation) -> None:
    """An Entity Configuration changed in any single way never verifies."""
    assert refusal(configuration, mutation.apply(good_configuration())) == mutation.expected


@pytest.mark.parametrize("mutation", SUBORDINATES, ids=str)
def test_a_changed_subordinate_statement_is_refused(mutation: Mutation) -> None:
    """A Subordinate Statement changed in any single way never verifies."""
    assert refusal(subordinate, mutation.apply(good_subordinate())) == mutation.expected


def test_nobody_is_his_own_superior() -> None:
    """What an entity says of itself is no Subordinate Statement, whoever asks for one."""
    arguments = {"issuer": BANK.entity, "subject": BANK.entity, "keys": BANK.keys}
    text = parse_entity_statement(BANK.configuration())
    refused = refusal(verify_subordinate_statement, text, **arguments, now=NOW, future_tolerance=30)
    assert refused == "federation.subject"


def test_a_registration_request_is_for_one_server() -> None:
    """Only an Explicit Registration request has an audience, and only its own."""
    request = BANK.configuration(audience="https://op.example")
    assert configuration(request, audience="https://op.example").claims["aud"] == "https://op.example"
    assert refusal(configuration, request) == "federation.audience"
    assert refusal(configuration, request, audience="https://other.example") == "federation.audience"
    assert (
        refusal(configuration, BANK.configuration(), audience="https://op.example") == "federation.audience"
    )


def test_trust_marks_are_shown() -> None:
    """An entity shows the marks that it has, and what it shows is read as it is."""
    shown = StatedTrustMark("https://directory.example/mark", "a.b.c")
    new = NewEntityConfiguration(entity=BANK.entity, metadata={}, lifetime=60, trust_marks=(shown,))
    own = configuration(create_entity_configuration(new, signer=BANK.signer, now=NOW))
    assert own.trust_marks == (shown,)


def test_keys_of_kinds_that_we_do_not_know_are_passed_over() -> None:
    """A set may speak of other kinds of keys as well; nothing is verified with them."""
    other = {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "other"}
    text = change("", jwks={"keys": [federation_jwk(BANK.signer), other]}).apply(good_configuration())
    assert [key.key_id for key in configuration(text).keys.keys] == [BANK.signer.key_id]


def test_a_key_without_a_name_signs_nothing() -> None:
    """Others find a key by its kid alone."""
    nameless = type(OTHER)("ES256", OTHER.private_key)
    new = NewEntityConfiguration(entity=BANK.entity, metadata={}, lifetime=60)
    with pytest.raises(ValueError, match="kid"):
        create_entity_configuration(new, signer=nameless, now=NOW)
