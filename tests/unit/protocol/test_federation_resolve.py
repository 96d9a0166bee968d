"""Resolve responses and historical keys: what another entity says is what follows from what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from mutations import Message, Mutation, change, change_header, drop, sign_with
from support.federation import NOW, new_member, new_signer
from trustweft.protocol.federation_chain import verify_trust_chain
from trustweft.protocol.federation_keys import HistoricalKey, create_historical_keys, verify_historical_keys
from trustweft.protocol.federation_resolve import (
    ResolvedEntity,
    create_resolve_response,
    verify_resolve_response,
)
from trustweft.protocol.federation_trust_mark import TrustMark
from trustweft.runtime.errors import Reject

ANCHOR = new_member("https://anchor.example", federation_entity={})
LEAF = new_member(
    "https://leaf.example", ANCHOR.entity, oauth_client={"client_name": "Leaf"}, federation_entity={}
)
ANCHORS = {ANCHOR.entity: ANCHOR.keys}
CHAIN = verify_trust_chain(
    [LEAF.configuration(), ANCHOR.about(LEAF), ANCHOR.configuration()],
    anchors=ANCHORS,
    now=NOW,
    future_tolerance=30,
)
OTHER_CHAIN = [new_member("https://other.example", ANCHOR.entity).configuration()]


def verify(token: str, **named: Any) -> ResolvedEntity:
    """Verify an answer of the Trust Anchor about the leaf."""
    return verify_resolve_response(
        token,
        resolver=ANCHOR.entity,
        keys=ANCHOR.keys,
        subject=LEAF.entity,
        anchors=ANCHORS,
        now=NOW,
        future_tolerance=30,
        **named,
    )


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    """Return the id of the reason of a refusal."""
    with pytest.raises(Reject) as refused:
        call(*arguments, **named)
    return refused.value.reason.id


def good() -> Message:
    """Return the good answer before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": ANCHOR.signer.key_id, "typ": "resolve-response+jwt"},
        claims={
            "iss": ANCHOR.entity,
            "sub": LEAF.entity,
            "iat": int(NOW),
            "exp": int(NOW) + 60,
            "metadata": {kind: dict(members) for kind, members in CHAIN.metadata.items()},
            "trust_chain": list(CHAIN.texts),
        },
        signer=ANCHOR.signer,
    )


MUTATIONS = [
    change_header("federation.type", typ="entity-statement+jwt"),
    sign_with("federation.bad-signature", new_signer()),
    change("federation.issuer", iss="https://other.example"),
    change("federation.subject", sub="https://other.example"),
    drop("federation.bad-time", "exp"),
    drop("federation.chain-length", "trust_chain"),
    change("federation.trust-anchor", trust_chain=OTHER_CHAIN),
    change("federation.subject", trust_chain=[ANCHOR.configuration()]),
    change("federation.metadata", metadata=None),
    change("federation.resolved-otherwise", metadata={"oauth_client": {"client_name": "Somebody"}}),
    change("federation.resolved-otherwise", exp=int(NOW) + 3_601),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_changed_answer_is_refused(mutation: Mutation) -> None:
    """An answer that does not follow from the chain in it is refused, though the resolver signed it."""
    assert verify(good().encode()).metadata == CHAIN.metadata
    assert refusal(verify, mutation.apply(good())) == mutation.expected


def test_an_answer_ends_with_what_in_it_ends_first() -> None:
    """A trust mark that ends sooner ends the answer."""
    mark = TrustMark(
        text="x",
        issuer=ANCHOR.entity,
        subject=LEAF.entity,
        trust_mark_type="https://anchor.example/mark",
        issued_at=NOW,
        expires_at=NOW + 10,
        claims={},
    )
    arguments: dict[str, Any] = {"resolver": ANCHOR.entity, "signer": ANCHOR.signer, "now": NOW}
    assert verify(create_resolve_response(CHAIN, **arguments)).expires_at == CHAIN.expires_at
    marked = verify(create_resolve_response(CHAIN, trust_marks=[mark], **arguments))
    assert (marked.expires_at, marked.trust_marks[0].trust_mark) == (NOW + 10, "x")


def test_an_answer_for_some_types() -> None:
    """Who asked for one entity type gets that one."""
    token = create_resolve_response(
        CHAIN, resolver=ANCHOR.entity, entity_types=["oauth_client"], signer=ANCHOR.signer, now=NOW
    )
    assert set(verify(token, entity_types=["oauth_client"]).metadata) == {"oauth_client"}
    assert refusal(verify, token) == "federation.resolved-otherwise"


def test_historical_keys() -> None:
    """Keys of earlier days are told with when and why they ended; an empty history is one too."""
    old = new_signer("EdDSA")
    key = HistoricalKey(
        key=old.public_key,
        key_id=old.key_id or "",
        algorithm="EdDSA",
        issued_at=NOW - 100,
        expires_at=NOW - 50,
        revoked_at=NOW - 60,
        revocation_reason="compromised",
    )
    arguments: dict[str, Any] = {
        "issuer": ANCHOR.entity,
        "keys": ANCHOR.keys,
        "now": NOW,
        "future_tolerance": 30,
    }
    replaced = HistoricalKey(key=old.public_key, key_id="older", algorithm="EdDSA", expires_at=NOW - 200)
    suspected = HistoricalKey(
        key=old.public_key, key_id="oldest", algorithm="EdDSA", expires_at=NOW - 300, revoked_at=NOW - 300
    )
    for keys in ([key, replaced, suspected], []):
        token = create_historical_keys(keys, issuer=ANCHOR.entity, now=NOW, signer=ANCHOR.signer)
        found = verify_historical_keys(token, **arguments)
        assert [(each.key_id, each.expires_at, each.revocation_reason) for each in found] == [
            (each.key_id, each.expires_at, each.revocation_reason) for each in keys
        ]
    assert (
        refusal(verify_historical_keys, token, **{**arguments, "issuer": LEAF.entity})
        == "federation.malformed"
    )
    assert refusal(verify_historical_keys, ANCHOR.configuration(), **arguments) == "federation.type"


def test_historical_keys_of_other_kinds_are_passed_over() -> None:
    """A key that verifies nothing here is no key that could be asked for."""
    other = {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "other", "exp": int(NOW)}
    message = Message(
        header={"alg": "ES256", "kid": ANCHOR.signer.key_id, "typ": "jwk-set+jwt"},
        claims={"iss": ANCHOR.entity, "iat": int(NOW), "keys": [other]},
        signer=ANCHOR.signer,
    )
    arguments: dict[str, Any] = {
        "issuer": ANCHOR.entity,
        "keys": ANCHOR.keys,
        "now": NOW,
        "future_tolerance": 30,
    }
    assert verify_historical_keys(message.encode(), **arguments) == ()


def test_a_historical_key_without_an_end_is_malformed() -> None:
    """A key that did not end is no historical one, and a revocation has a time."""
    member = {**ANCHOR.jwks["keys"][0], "exp": int(NOW)}  # type: ignore[index]
    changes: list[dict[str, object]] = [{"exp": None}, {"revoked": {}}, {"revoked": "yes"}]
    for change_of in changes:
        message = Message(
            header={"alg": "ES256", "kid": ANCHOR.signer.key_id, "typ": "jwk-set+jwt"},
            claims={"iss": ANCHOR.entity, "iat": int(NOW), "keys": [member | change_of]},
            signer=ANCHOR.signer,
        )
        refused = refusal(
            verify_historical_keys,
            message.encode(),
            issuer=ANCHOR.entity,
            keys=ANCHOR.keys,
            now=NOW,
            future_tolerance=30,
        )
        assert refused == "federation.keys"
