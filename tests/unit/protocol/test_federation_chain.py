"""Trust Chains: a good one of four statements, and what breaks it: links, keys, times, constraints and policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.federation import NOW, Member, new_member, new_signer
from trustweft.protocol.federation_chain import TrustChain, read_chain, verify_trust_chain
from trustweft.protocol.federation_constraints import Constraints
from trustweft.runtime.errors import Reject

ANCHOR = new_member("https://anchor.example", federation_entity={})
MIDDLE = new_member("https://middle.example", ANCHOR.entity, algorithm="EdDSA", federation_entity={})
LEAF = new_member(
    "https://leaf.example",
    MIDDLE.entity,
    openid_relying_party={"client_name": "Leaf", "grant_types": ["authorization_code", "password"]},
    federation_entity={"organization_name": "Leaf"},
)
STRANGER = new_member("https://stranger.example", ANCHOR.entity)


def _texts(**changes: str) -> list[str]:
    """Return the good chain, with other statements where some are named."""
    good = {
        "leaf": LEAF.configuration(),
        "by_middle": MIDDLE.about(LEAF),
        "by_anchor": ANCHOR.about(MIDDLE),
        "anchor": ANCHOR.configuration(),
    }
    return list((good | changes).values())


def _verify(texts: list[str], *, anchors: Any = None, now: float = NOW) -> TrustChain:
    known = {ANCHOR.entity: ANCHOR.keys} if anchors is None else anchors
    return verify_trust_chain(texts, anchors=known, now=now, future_tolerance=30)


def _refusal(texts: list[str], **named: Any) -> str:
    with pytest.raises(Reject) as refused:
        _verify(texts, **named)
    return refused.value.reason.id


def test_a_good_chain() -> None:
    """A chain leads from the leaf to the Trust Anchor, which may be left out at the end."""
    chain = _verify(_texts())
    assert (chain.subject, chain.authority, chain.trust_anchor) == (LEAF.entity, MIDDLE.entity, ANCHOR.entity)
    assert chain.metadata == LEAF.metadata
    assert _verify(_texts()[:-1]).metadata == chain.metadata
    assert _verify(list(chain.texts)).texts == chain.texts


def test_a_chain_of_the_anchor_alone() -> None:
    """The Trust Anchor is the subject of a chain of one statement, and is its own authority."""
    chain = _verify([ANCHOR.configuration()])
    assert (chain.subject, chain.authority) == (ANCHOR.entity, ANCHOR.entity)


@pytest.mark.parametrize("place", range(4))
def test_the_chain_ends_with_what_in_it_ends_first(place: int) -> None:
    """The lifetime of a chain is that of the statement that ends first, wherever it stands."""
    statements = [
        LEAF.configuration(lifetime=10 if place == 0 else 100),
        MIDDLE.about(LEAF, lifetime=10 if place == 1 else 100),
        ANCHOR.about(MIDDLE, lifetime=10 if place == 2 else 100),
        ANCHOR.configuration(lifetime=10 if place == 3 else 100),
    ]
    assert _verify(statements).expires_at == NOW + 10
    assert _refusal(statements, now=NOW + 10) == "federation.expired"


def test_statements_must_follow_from_each_other() -> None:
    """A statement that is left out, swapped or strange breaks the chain."""
    texts = _texts()
    assert _refusal([]) == "federation.chain-length"
    assert _refusal([LEAF.configuration()] * 9) == "federation.chain-length"
    assert _refusal([texts[0], *texts[2:]]) == "federation.chain-link"
    assert _refusal([texts[0], texts[2], texts[1], texts[3]]) == "federation.chain-link"
    assert _refusal(texts[1:]) == "federation.chain-link"
    assert _refusal(list(reversed(texts))) == "federation.chain-link"
    assert _refusal(texts[:2]) == "federation.trust-anchor"
    assert _refusal(texts[:1]) == "federation.trust-anchor"


def test_a_loop_is_refused() -> None:
    """Two intermediates that vouch for each other lead nowhere, however often they do."""
    one = new_member("https://one.example", "https://two.example")
    two = new_member("https://two.example", one.entity)
    around = [one.configuration(), two.about(one), one.about(two), two.about(one)]
    assert _refusal(around) == "federation.chain-loop"
    assert _refusal([LEAF.configuration(), LEAF.configuration()]) == "federation.trust-anchor"
    doubled = [LEAF.configuration(), LEAF.configuration(), *_texts()[1:]]
    assert _refusal(doubled) == "federation.chain-loop"


def test_only_known_anchors_count() -> None:
    """A chain to an anchor that nobody configured is worth nothing, and neither is one with keys of its own."""
    assert _refusal(_texts(), anchors={}) == "federation.trust-anchor"
    impostor = Member(ANCHOR.entity, new_signer())
    forged = [LEAF.configuration(), MIDDLE.about(LEAF), impostor.about(MIDDLE), impostor.configuration()]
    assert _refusal(forged) == "federation.unknown-key"
    assert _refusal(forged[:-1]) == "federation.unknown-key"
    named_alike = replace(impostor.signer, key_id=ANCHOR.signer.key_id)
    assert _refusal(_texts(by_anchor=ANCHOR.about(MIDDLE, signer=named_alike))) == "federation.bad-signature"


def test_keys_are_those_that_the_superior_knows() -> None:
    """A new key of an entity counts when its superior says so: what it says of itself does not make it its key."""
    thief = replace(LEAF, signer=new_signer())
    assert _refusal(_texts(leaf=thief.configuration())) == "federation.unknown-key"
    assert (
        _refusal(_texts(by_middle=replace(MIDDLE, signer=new_signer()).about(LEAF)))
        == "federation.unknown-key"
    )


def test_a_removed_key_signs_nothing_any_more() -> None:
    """A statement by a key that the Trust Anchor took out is refused, though the configuration still has it."""
    successor = replace(ANCHOR, signer=new_signer())
    both = {ANCHOR.entity: type(ANCHOR.keys)([*ANCHOR.keys.keys, *successor.keys.keys])}
    texts = _texts(anchor=successor.configuration())
    assert _refusal(texts, anchors=both) == "federation.unknown-key"
    assert _refusal(_texts()[:-1], anchors={ANCHOR.entity: successor.keys}) == "federation.unknown-key"
    good = _texts(by_anchor=successor.about(MIDDLE), anchor=successor.configuration())
    assert _verify(good, anchors=both).trust_anchor == ANCHOR.entity


def test_the_subject_names_its_superior() -> None:
    """A superior that the subject does not name is none, whatever it says."""
    texts = [LEAF.configuration(), ANCHOR.about(LEAF), ANCHOR.configuration()]
    assert _refusal(texts) == "federation.not-named"


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        (Constraints(max_path_length=1), None),
        (Constraints(max_path_length=0), "federation.path-length"),
        (Constraints(permitted=(".example",)), None),
        (Constraints(permitted=("leaf.example", "middle.example")), None),
        (Constraints(permitted=("middle.example",)), "federation.naming"),
        (Constraints(permitted=(".leaf.example",)), "federation.naming"),
        (Constraints(permitted=()), "federation.naming"),
        (Constraints(permitted=(".example",), excluded=("leaf.example",)), "federation.naming"),
        (Constraints(excluded=("middle.example",)), "federation.naming"),
    ],
    ids=str,
)
def test_constraints_hold_for_everybody_below(constraints: Constraints, expected: str | None) -> None:
    """What a superior constrains, it constrains for its subordinate and all below it."""
    texts = _texts(by_anchor=ANCHOR.about(MIDDLE, constraints=constraints))
    if expected is None:
        assert _verify(texts).subject == LEAF.entity
    else:
        assert _refusal(texts) == expected


def test_each_statement_constrains_for_itself() -> None:
    """The path length is counted from whoever sets it."""
    texts = _texts(by_middle=MIDDLE.about(LEAF, constraints=Constraints(max_path_length=0)))
    assert _verify(texts).subject == LEAF.entity


@pytest.mark.parametrize("entity", ["https://192.0.2.1", "https://[2001:db8::1]"])
def test_an_address_has_no_place_among_names(entity: str) -> None:
    """Where names are constrained, an entity at a bare address is refused."""
    leaf = replace(LEAF, entity=entity, hints=(ANCHOR.entity,))
    about = ANCHOR.about(leaf, constraints=Constraints(excluded=("other.example",)))
    assert _refusal([leaf.configuration(), about]) == "federation.naming"


def test_metadata_of_the_superior_goes_first_and_policies_narrow() -> None:
    """What the superior says replaces what the subject says; then types, then policies from the top down."""
    said = {"openid_relying_party": {"client_name": "Known Leaf"}, "openid_provider": {"issuer": "x"}}
    below = {"openid_relying_party": {"client_name": {"one_of": ["Known Leaf", "Leaf"]}}}
    above = {"openid_relying_party": {"grant_types": {"subset_of": ["authorization_code"]}}}
    allowed = Constraints(allowed_entity_types=("openid_relying_party",))
    texts = _texts(
        by_middle=MIDDLE.about(LEAF, metadata=said, policy=below),
        by_anchor=ANCHOR.about(MIDDLE, policy=above, constraints=allowed),
    )
    assert _verify(texts).metadata == {
        "openid_relying_party": {"client_name": "Known Leaf", "grant_types": ["authorization_code"]},
        "federation_entity": {"organization_name": "Leaf"},
    }


def test_types_that_are_not_allowed_are_gone() -> None:
    """An entity type that a superior does not allow is taken out of the metadata; the chain still holds."""
    texts = _texts(by_anchor=ANCHOR.about(MIDDLE, constraints=Constraints(allowed_entity_types=())))
    assert _verify(texts).metadata == {"federation_entity": {"organization_name": "Leaf"}}


def test_policies_that_conflict_break_the_chain() -> None:
    """An intermediate that contradicts its superior makes every chain through it unusable."""
    texts = _texts(
        by_middle=MIDDLE.about(LEAF, policy={"openid_relying_party": {"client_name": {"value": "A"}}}),
        by_anchor=ANCHOR.about(MIDDLE, policy={"openid_relying_party": {"client_name": {"value": "B"}}}),
    )
    assert _refusal(texts) == "metadata-policy.merge"


def test_a_chain_is_a_list_of_texts() -> None:
    """A chain in a header or a body is a bounded list of text and nothing else."""
    assert read_chain(["a", "b"]) == ("a", "b")
    for wrong in (None, [], "chain", [1], ["a"] * 9, {"a": "b"}):
        with pytest.raises(Reject) as refused:
            read_chain(wrong)
        assert refused.value.reason.id == "federation.chain-length"


def test_a_stranger_is_not_in_the_chain() -> None:
    """A leaf that no superior speaks of cannot borrow another's statement."""
    borrowed = replace(STRANGER, hints=(MIDDLE.entity,)).configuration()
    assert _refusal(_texts(leaf=borrowed)) == "federation.chain-link"
