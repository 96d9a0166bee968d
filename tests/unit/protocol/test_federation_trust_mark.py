"""Trust marks: a good one, and every single change of it refused; delegation by an owner; what status says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mutations import Message, Mutation, change, change_header, drop, drop_header, rewrite, sign_with
from support.federation import NOW, new_member, new_signer
from trustweft.protocol.federation_statement import parse_entity_statement, verify_entity_configuration
from trustweft.protocol.federation_trust_mark import (
    NewTrustMark,
    TrustMark,
    create_trust_mark,
    create_trust_mark_delegation,
    create_trust_mark_status,
    parse_trust_mark,
    verify_trust_mark,
    verify_trust_mark_status,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.protocol.federation_statement import EntityStatement

KIND = "https://directory.example/marks/audited"
OWNED = "https://owner.example/marks/owned"
FREE = "https://directory.example/marks/free"
LEAF = new_member("https://leaf.example")
ISSUER = new_member("https://directory.example")
OWNER = new_member("https://owner.example")
OTHER = new_signer()


def anchor() -> EntityStatement:
    """Return the Trust Anchor's own statement, which says who may issue what."""
    claims = {
        "trust_mark_issuers": {KIND: [ISSUER.entity], OWNED: [ISSUER.entity], FREE: []},
        "trust_mark_owners": {OWNED: {"sub": OWNER.entity, "jwks": OWNER.jwks}},
    }
    text = ISSUER.configuration(claims=claims)
    return verify_entity_configuration(
        parse_entity_statement(text), entity=ISSUER.entity, now=NOW, future_tolerance=30
    )


ANCHOR = anchor()


def good(**claims: object) -> Message:
    """Return the good mark before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": ISSUER.signer.key_id, "typ": "trust-mark+jwt"},
        claims={
            "iss": ISSUER.entity,
            "sub": LEAF.entity,
            "trust_mark_type": KIND,
            "iat": int(NOW),
            "exp": int(NOW) + 60,
            **claims,
        },
        signer=ISSUER.signer,
    )


def verify(text: str, *, kind: str = KIND, now: float = NOW) -> TrustMark:
    """Verify a mark that the leaf shows."""
    return verify_trust_mark(
        parse_trust_mark(text),
        subject=LEAF.entity,
        trust_mark_type=kind,
        keys=ISSUER.keys,
        anchor=ANCHOR,
        now=now,
        future_tolerance=30,
    )


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    """Return the id of the reason of a refusal."""
    with pytest.raises(Reject) as refused:
        call(*arguments, **named)
    return refused.value.reason.id


MUTATIONS = [
    rewrite("empty", "federation.malformed", lambda _: ""),
    rewrite("large", "federation.too-large", lambda token: token + "A" * 20_000),
    drop_header("federation.type", "typ"),
    change_header("federation.type", typ="entity-statement+jwt"),
    change_header("federation.type", typ="trust-mark-delegation+jwt"),
    change_header("federation.algorithm", alg="none"),
    drop_header("federation.key-id", "kid"),
    change_header("federation.unknown-key", kid="another"),
    sign_with("federation.bad-signature", OTHER),
    drop("federation.identifier", "iss"),
    drop("federation.identifier", "sub"),
    change("federation.subject", sub="https://other.example"),
    drop("federation.trust-mark-type", "trust_mark_type"),
    change("federation.trust-mark-type", trust_mark_type=FREE),
    change("federation.trust-mark-type", trust_mark_type=["x"]),
    change("federation.trust-mark-issuer", iss="https://other.example"),
    drop("federation.bad-time", "iat"),
    change("federation.from-future", iat=int(NOW) + 31),
    change("federation.expired", iat=int(NOW) - 60, exp=int(NOW)),
    change("federation.bad-time", exp=None),
    change("federation.trust-mark-delegation", delegation="x"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_changed_mark_is_refused(mutation: Mutation) -> None:
    """A trust mark changed in any single way never verifies."""
    assert refusal(verify, mutation.apply(good())) == mutation.expected


def test_a_good_mark() -> None:
    """What is created verifies; one without an end has none."""
    new = NewTrustMark(issuer=ISSUER.entity, subject=LEAF.entity, trust_mark_type=KIND, lifetime=60)
    assert verify(create_trust_mark(new, signer=ISSUER.signer, now=NOW)).expires_at == NOW + 60
    endless = NewTrustMark(issuer=ISSUER.entity, subject=LEAF.entity, trust_mark_type=KIND, lifetime=None)
    assert verify(create_trust_mark(endless, signer=ISSUER.signer, now=NOW)).expires_at is None


def test_a_type_that_anybody_may_issue() -> None:
    """A type whose list of issuers is empty may be issued by anybody; one that is not listed by nobody."""
    text = good(trust_mark_type=FREE, iss="https://other.example").encode()
    assert verify(text, kind=FREE).issuer == "https://other.example"
    unknown = "https://directory.example/marks/unheard-of"
    assert (
        refusal(verify, good(trust_mark_type=unknown).encode(), kind=unknown)
        == "federation.trust-mark-issuer"
    )


def delegation(**changes: Any) -> str:
    """Return the owner's word that the issuer may issue marks of its type."""
    arguments: dict[str, Any] = {
        "owner": OWNER.entity,
        "issuer": ISSUER.entity,
        "trust_mark_type": OWNED,
        "lifetime": 60,
        "signer": OWNER.signer,
        "now": NOW,
    }
    return create_trust_mark_delegation(**(arguments | changes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (delegation(), None),
        (delegation(owner="https://other.example"), "federation.issuer"),
        (delegation(issuer="https://other.example"), "federation.subject"),
        (delegation(trust_mark_type=KIND), "federation.trust-mark-type"),
        (delegation(now=NOW - 60), "federation.expired"),
        (delegation(now=NOW + 31), "federation.from-future"),
        (delegation(signer=OTHER), "federation.unknown-key"),
        (delegation(signer=replace(OTHER, key_id=OWNER.signer.key_id)), "federation.bad-signature"),
        (good(trust_mark_type=OWNED).encode(), "federation.type"),
    ],
    ids=range(9),
)
def test_a_delegation_is_the_owners(text: str, expected: str | None) -> None:
    """A mark of a type that somebody owns needs the owner's own word for this issuer, in date."""
    mark = good(trust_mark_type=OWNED, delegation=text).encode()
    if expected is None:
        assert verify(mark, kind=OWNED).trust_mark_type == OWNED
    else:
        assert refusal(verify, mark, kind=OWNED) == expected


def test_an_owned_type_needs_a_delegation() -> None:
    """A mark of a type that somebody owns is nothing without the delegation."""
    assert (
        refusal(verify, good(trust_mark_type=OWNED).encode(), kind=OWNED)
        == "federation.trust-mark-delegation"
    )


def ask(status: Any = "active", **changes: Any) -> None:
    """Verify what the issuer says of the mark today."""
    mark = verify(good().encode())
    arguments: dict[str, Any] = {
        "trust_mark": mark.text,
        "issuer": ISSUER.entity,
        "signer": ISSUER.signer,
        "now": NOW,
    }
    token = create_trust_mark_status(status, **(arguments | changes))
    verify_trust_mark_status(token, mark=mark, keys=ISSUER.keys, now=NOW, future_tolerance=30, maximum_age=60)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "revoked"}, "federation.trust-mark-not-active"),
        ({"status": "expired"}, "federation.trust-mark-not-active"),
        ({"status": "Active"}, "federation.trust-mark-not-active"),
        ({"trust_mark": "another"}, "federation.trust-mark-status"),
        ({"now": NOW - 61}, "federation.trust-mark-status"),
        ({"now": NOW + 31}, "federation.from-future"),
        ({"issuer": "https://other.example"}, "federation.issuer"),
        ({"signer": OTHER}, "federation.unknown-key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_status_that_is_not_active(changes: dict[str, Any], expected: str) -> None:
    """Only the issuer's own fresh word that this mark is active counts."""
    ask()
    assert refusal(ask, **changes) == expected
