"""Trust Chains (OpenID Federation 1.0 sections 4, 6 and 10): from an entity to a Trust Anchor that we know.

A chain is the subject's Entity Configuration, then a Subordinate Statement by each superior, then, where it was not
left out, the Trust Anchor's Entity Configuration. The order of the checks, here and in the tests: (1) length and shape
(2) each issuer is the next one's subject (3) nobody occurs twice (4) the last issuer is a Trust Anchor of ours
(5) signatures and claims, from the top down, so that no key is used before its superior vouched for it (6) the subject
names its superior (7) constraints (8) metadata and its policy. The chain holds as long as the statement in it that
ends first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.protocol.federation_constraints import check_constraints, keep_allowed_types
from trustweft.protocol.federation_jwt import INVALID_TRUST_CHAIN, MAXIMUM_CHAIN, verify_federation_jwt
from trustweft.protocol.federation_statement import (
    parse_entity_statement,
    verify_entity_configuration,
    verify_subordinate_statement,
)
from trustweft.protocol.metadata_policy import apply_metadata_policy, merge_metadata_policies
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.crypto.keys import KeySet
    from trustweft.protocol.federation_statement import EntityStatement, UnverifiedStatement

__all__ = ["TrustChain", "read_chain", "verify_trust_chain"]

LENGTH = reason(
    "federation.chain-length",
    error=INVALID_TRUST_CHAIN,
    public="The Trust Chain is empty, is no list of statements, or is too long.",
)
LINK = reason(
    "federation.chain-link",
    error=INVALID_TRUST_CHAIN,
    public="The statements of the Trust Chain do not follow from each other.",
)
LOOP = reason(
    "federation.chain-loop",
    error=INVALID_TRUST_CHAIN,
    public="An entity occurs twice in the Trust Chain.",
)
TRUST_ANCHOR = reason(
    "federation.trust-anchor",
    error="invalid_trust_anchor",
    public="The Trust Chain does not end at a Trust Anchor that is known here.",
)
NOT_NAMED = reason(
    "federation.not-named",
    error=INVALID_TRUST_CHAIN,
    public="An entity does not name its superior among its authority_hints.",
)


class TrustChain(Struct, frozen=True, kw_only=True):
    """A verified chain; only ``verify_trust_chain`` makes one.

    Attributes:
        statements: the subject's Entity Configuration first.
        trust_anchor: the identifier of the Trust Anchor.
        expires_at: when the first of its statements ends; nothing that follows from it holds longer (section 10.4).
        metadata: the subject's, as its superiors' policies make it: what alone counts.
    """

    statements: tuple[EntityStatement, ...]
    trust_anchor: str
    expires_at: float
    metadata: Mapping[str, Mapping[str, object]]

    @property
    def subject(self) -> str:
        """Return whom the chain is about."""
        return self.statements[0].subject

    @property
    def authority(self) -> str:
        """Return the subject's immediate superior; itself where it is the Trust Anchor."""
        return self.statements[1].issuer if len(self.statements) > 1 else self.trust_anchor

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the statements as they were received, for a ``trust_chain`` claim or header."""
        return tuple(statement.text for statement in self.statements)


def read_chain(value: object) -> tuple[str, ...]:
    """Return the statements of a ``trust_chain``, in a header, a claim or a body (section 4.3).

    Raises:
        Reject: ``federation.chain-length``.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MAXIMUM_CHAIN:
        raise LENGTH.reject(f"{len(value) if isinstance(value, list) else type(value).__name__}")
    if not all(isinstance(text, str) for text in value):
        raise LENGTH.reject("not of text")
    return tuple(value)


def verify_trust_chain(
    texts: Sequence[str],
    *,
    anchors: Mapping[str, KeySet],
    now: float,
    future_tolerance: float,
    audience: str | None = None,
) -> TrustChain:
    """Verify a chain, wherever it came from, and resolve the metadata of its subject.

    Args:
        texts: the statements, the subject's first.
        anchors: the Trust Anchors that we know, with their keys: from configuration, never from the chain.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.
        audience: who received the first statement as an Explicit Registration request; None for every other use.

    Raises:
        Reject: ``federation.*``, ``metadata-policy.*``.
    """
    if not 0 < len(texts) <= MAXIMUM_CHAIN:  # (1)
        raise LENGTH.reject(f"{len(texts)} statements")
    parsed = [
        parse_entity_statement(text, for_registration=audience is not None and place == 0)
        for place, text in enumerate(texts)
    ]
    _check_links(parsed)  # (2) (3)
    anchor = parsed[-1].issuer
    if anchor not in anchors:  # (4)
        raise TRUST_ANCHOR.reject(anchor[:200])
    statements = _verify(
        parsed, keys=anchors[anchor], now=now, future_tolerance=future_tolerance, audience=audience
    )  # (5)
    if len(statements) > 1 and statements[1].issuer not in statements[0].authority_hints:  # (6)
        raise NOT_NAMED.reject(f"{statements[0].subject[:200]} does not name {statements[1].issuer[:200]}")
    _check_constraints(statements)  # (7)
    return TrustChain(
        statements=statements,
        trust_anchor=anchor,
        expires_at=min(statement.expires_at for statement in statements),
        metadata=_resolve_metadata(statements),  # (8)
    )


def _check_links(parsed: Sequence[UnverifiedStatement]) -> None:
    subject = parsed[0]
    if subject.issuer != subject.subject:
        raise LINK.reject("the first statement is no Entity Configuration")
    for below, above in pairwise(parsed):
        if below.issuer != above.subject:
            raise LINK.reject(f"{below.issuer[:200]}, then {above.subject[:200]}")
    # Each statement goes one step up; only the Trust Anchor's own, at the end, may stay where it is.
    steps = parsed[1:-1] if len(parsed) > 1 and parsed[-1].issuer == parsed[-1].subject else parsed[1:]
    path = [subject.issuer, *(statement.issuer for statement in steps)]
    if len(set(path)) != len(path):
        raise LOOP.reject(" ".join(path)[:400])


def _verify(
    parsed: Sequence[UnverifiedStatement],
    *,
    keys: KeySet,
    now: float,
    future_tolerance: float,
    audience: str | None,
) -> tuple[EntityStatement, ...]:
    """Verify from the top down; ``keys`` are the Trust Anchor's, from configuration."""
    verified: list[EntityStatement] = []
    for place in range(len(parsed) - 1, -1, -1):
        statement = parsed[place]
        if statement.issuer == statement.subject:
            # Twice: with its own keys it is whole, with those that its superior or the operator names it is the entity's.
            verify_federation_jwt(statement.token, keys=keys)
            found = verify_entity_configuration(
                statement,
                entity=statement.subject,
                now=now,
                future_tolerance=future_tolerance,
                audience=audience if place == 0 else None,
            )
        else:
            found = verify_subordinate_statement(
                statement,
                issuer=statement.issuer,
                subject=statement.subject,
                keys=keys,
                now=now,
                future_tolerance=future_tolerance,
            )
        verified.append(found)
        keys = found.keys
    return tuple(reversed(verified))


def _subordinate(statements: Sequence[EntityStatement]) -> list[EntityStatement]:
    """Return the Subordinate Statements, that about the subject of the chain first."""
    return [statement for statement in statements if statement.issuer != statement.subject]


def _check_constraints(statements: Sequence[EntityStatement]) -> None:
    below: list[str] = []
    for intermediates, statement in enumerate(_subordinate(statements)):
        below.append(statement.subject)
        check_constraints(statement.constraints, intermediates=intermediates, entities=below)


def _resolve_metadata(statements: Sequence[EntityStatement]) -> dict[str, dict[str, object]]:
    """Return the subject's metadata: what its superior says instead, then types, then policies (section 6.1.4.2)."""
    superiors = _subordinate(statements)
    metadata: Mapping[str, Mapping[str, object]] = statements[0].metadata
    if superiors:
        said = superiors[0].metadata
        metadata = {
            entity_type: {**parameters, **said.get(entity_type, {})}
            for entity_type, parameters in metadata.items()
        }
    for superior in superiors:
        metadata = keep_allowed_types(superior.constraints, metadata)
    policies = [each.metadata_policy for each in reversed(superiors) if each.metadata_policy is not None]
    if not policies:
        return {entity_type: dict(parameters) for entity_type, parameters in metadata.items()}
    policy = policies[0]
    for next_below in policies[1:]:
        policy = merge_metadata_policies(policy, next_below)
    return apply_metadata_policy(policy, metadata)
