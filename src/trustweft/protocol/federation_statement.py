"""Entity Statements (OpenID Federation 1.0 section 3): Entity Configurations and Subordinate Statements.

The order of the checks on a statement, here and in the tests (section 3.2), after those of ``federation_jwt``:
(1) no ``trust_chain`` in its header (2) ``iss`` and ``sub`` (3) signature (4) ``iat`` and ``exp`` (5) ``jwks``
(6) ``crit`` (7) claims of the other kind of statement (8) hints (9) ``metadata`` (10) policy and constraints
(11) trust marks (12) ``source_endpoint`` (13) ``aud``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.federation_claims import (
    StatedTrustMark,
    check_audience,
    check_source_endpoint,
    read_hints,
    read_mark_issuers,
    read_mark_owners,
    read_metadata,
    read_trust_marks,
)
from trustweft.protocol.federation_constraints import Constraints, read_constraints
from trustweft.protocol.federation_jwt import (
    INVALID_TRUST_CHAIN,
    MAXIMUM_CHAIN_HEADER,
    check_times,
    parse_federation_jwt,
    read_entity_identifier,
    sign_federation_jwt,
    unverified_claims,
    verify_federation_jwt,
)
from trustweft.protocol.federation_keys import federation_jwk, read_federation_keys
from trustweft.protocol.metadata_policy import check_critical_operators, read_metadata_policy
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.crypto import jws
    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.metadata_policy import MetadataPolicy

    Metadata = Mapping[str, Mapping[str, object]]

__all__ = [
    "ENTITY_STATEMENT_MEDIA_TYPE",
    "ENTITY_STATEMENT_TYPE",
    "EntityStatement",
    "NewEntityConfiguration",
    "NewSubordinateStatement",
    "UnverifiedStatement",
    "create_entity_configuration",
    "create_subordinate_statement",
    "parse_entity_statement",
    "verify_entity_configuration",
    "verify_subordinate_statement",
]

ENTITY_STATEMENT_TYPE: Final = "entity-statement+jwt"
ENTITY_STATEMENT_MEDIA_TYPE: Final = f"application/{ENTITY_STATEMENT_TYPE}"
_CHAIN_HEADERS: Final = ("trust_chain", "peer_trust_chain")
# Sections 3.1.2 and 3.1.3: what only the one kind of statement may say.
_OF_CONFIGURATIONS: Final = (
    "authority_hints",
    "trust_anchor_hints",
    "trust_marks",
    "trust_mark_issuers",
    "trust_mark_owners",
)
_OF_SUBORDINATES: Final = ("constraints", "metadata_policy", "metadata_policy_crit", "source_endpoint")

CHAIN_HEADER = reason(
    "federation.chain-header",
    error=INVALID_TRUST_CHAIN,
    public="An Entity Statement carries a Trust Chain in its header.",
)
ISSUER = reason(
    "federation.issuer",
    error=INVALID_TRUST_CHAIN,
    public="The iss of a signed message of the federation is not who it should come from.",
)
SUBJECT = reason(
    "federation.subject",
    error=INVALID_TRUST_CHAIN,
    public="The sub of a signed message of the federation is not whom it should be about.",
)
CRITICAL = reason(
    "federation.critical",
    error=INVALID_TRUST_CHAIN,
    public="An Entity Statement has a claim that is critical and not known here, or a malformed crit.",
)
WRONG_STATEMENT = reason(
    "federation.wrong-statement",
    error=INVALID_TRUST_CHAIN,
    public="An Entity Statement has a claim that only the other kind of statement may have.",
)


class UnverifiedStatement(Struct, frozen=True, kw_only=True):
    """A statement whose shape was read: it says whose keys to look for, and nothing in it may be believed.

    Attributes:
        text: as received.
    """

    text: str
    token: jws.Unverified
    issuer: str
    subject: str


class EntityStatement(Struct, frozen=True, kw_only=True):
    """A verified statement. What its issuer is worth, the Trust Chain says.

    Attributes:
        text: as received, signature and all.
        keys: the subject's federation keys.
        authority_hints: the subject's superiors, in a configuration.
        metadata: by entity type.
        trust_mark_issuers: by type of trust mark who may issue it; nobody named means anybody.
        claims: everything that it says; never to be changed.
    """

    text: str
    issuer: str
    subject: str
    issued_at: float
    expires_at: float
    keys: KeySet
    authority_hints: tuple[str, ...]
    metadata: Metadata
    metadata_policy: MetadataPolicy | None
    constraints: Constraints
    trust_marks: tuple[StatedTrustMark, ...]
    trust_mark_issuers: Mapping[str, tuple[str, ...]]
    trust_mark_owners: Mapping[str, tuple[str, KeySet]]
    claims: Mapping[str, object]


class NewEntityConfiguration(Struct, frozen=True, kw_only=True):
    """What an entity says of itself.

    Attributes:
        keys: the ``jwks`` claim's members, the signer's among them; empty means the signer's alone.
        authority_hints: its superiors; empty only for a Trust Anchor without any.
        metadata: by entity type.
        audience: the one server that an Explicit Registration request is for (section 3.1.4).
        claims: further claims, such as ``trust_mark_issuers`` of a Trust Anchor.
    """

    entity: str
    metadata: Metadata
    lifetime: float
    authority_hints: tuple[str, ...] = ()
    keys: tuple[Mapping[str, object], ...] = ()
    trust_marks: tuple[StatedTrustMark, ...] = ()
    audience: str | None = None
    claims: Mapping[str, object] = {}


class NewSubordinateStatement(Struct, frozen=True, kw_only=True):
    """What a superior says of an entity right below it.

    Attributes:
        jwks: the subject's federation keys, as its superior knows them: others are believed to be nobody's.
        metadata: what the superior says in the subject's place (section 3.1.1).
        metadata_policy: the ``metadata_policy`` claim.
        source_endpoint: where it was fetched from.
    """

    issuer: str
    subject: str
    jwks: Mapping[str, object]
    lifetime: float
    metadata: Metadata = {}
    metadata_policy: Mapping[str, object] = {}
    constraints: Constraints = Constraints()
    source_endpoint: str | None = None


def create_entity_configuration(new: NewEntityConfiguration, *, signer: Signer, now: float) -> str:
    """Return the signed Entity Configuration, to be served below ``/.well-known/openid-federation``."""
    claims: dict[str, object] = {
        "iss": new.entity,
        "sub": new.entity,
        "iat": int(now),
        "exp": int(now) + int(new.lifetime),
        "jwks": {"keys": [dict(key) for key in new.keys] or [federation_jwk(signer)]},
        "metadata": {entity_type: dict(parameters) for entity_type, parameters in new.metadata.items()},
        **new.claims,
    }
    if new.authority_hints:
        claims["authority_hints"] = list(new.authority_hints)
    if new.trust_marks:
        claims["trust_marks"] = [
            {"trust_mark_type": mark.trust_mark_type, "trust_mark": mark.trust_mark}
            for mark in new.trust_marks
        ]
    if new.audience is not None:
        claims["aud"] = new.audience
    return sign_federation_jwt(claims, signer=signer, kind=ENTITY_STATEMENT_TYPE)


def create_subordinate_statement(new: NewSubordinateStatement, *, signer: Signer, now: float) -> str:
    """Return the signed Subordinate Statement, to be served at the fetch endpoint."""
    claims: dict[str, object] = {
        "iss": new.issuer,
        "sub": new.subject,
        "iat": int(now),
        "exp": int(now) + int(new.lifetime),
        "jwks": dict(new.jwks),
    }
    optional = {
        "metadata": {entity_type: dict(parameters) for entity_type, parameters in new.metadata.items()},
        "metadata_policy": dict(new.metadata_policy),
        "constraints": new.constraints.document(),
        "source_endpoint": new.source_endpoint,
    }
    claims |= {name: value for name, value in optional.items() if value}
    return sign_federation_jwt(claims, signer=signer, kind=ENTITY_STATEMENT_TYPE)


def parse_entity_statement(text: str, *, for_registration: bool = False) -> UnverifiedStatement:
    """Read a statement to learn whose keys to verify it with: (1) and (2).

    Args:
        text: the compact JWS.
        for_registration: whether it is an Explicit Registration request, which may bring Trust Chains (section 12.2.1).

    Raises:
        Reject: ``federation.*``.
    """
    limit = MAXIMUM_CHAIN_HEADER * 2 if for_registration else None
    token = (
        parse_federation_jwt(text, kind=ENTITY_STATEMENT_TYPE)
        if limit is None
        else parse_federation_jwt(text, kind=ENTITY_STATEMENT_TYPE, limit=limit, header_limit=limit)
    )
    if not for_registration and any(name in token.header for name in _CHAIN_HEADERS):  # (1)
        raise CHAIN_HEADER.reject()
    claims = unverified_claims(token)
    return UnverifiedStatement(
        text=text,
        token=token,
        issuer=read_entity_identifier(claims, "iss"),  # (2)
        subject=read_entity_identifier(claims, "sub"),
    )


def verify_entity_configuration(
    statement: UnverifiedStatement,
    *,
    entity: str,
    now: float,
    future_tolerance: float,
    audience: str | None = None,
) -> EntityStatement:
    """Verify what an entity says of itself with the keys that it names there.

    This shows that whoever made it has the keys, and no more: whether they are the entity's, its superior says.

    Args:
        statement: what ``parse_entity_statement`` returned.
        entity: whose it must be: the identifier that was asked for.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.
        audience: who received it as an Explicit Registration request; None for every other use.

    Raises:
        Reject: ``federation.*``, ``metadata-policy.*``.
    """
    _check_parties(statement, issuer=entity, subject=entity)
    own = read_federation_keys(unverified_claims(statement.token).get("jwks"))
    claims = verify_federation_jwt(statement.token, keys=own)  # (3)
    _refuse_claims(claims, _OF_SUBORDINATES)  # (7)
    return _read(statement, claims, now=now, future_tolerance=future_tolerance, audience=audience)


def verify_subordinate_statement(
    statement: UnverifiedStatement,
    *,
    issuer: str,
    subject: str,
    keys: KeySet,
    now: float,
    future_tolerance: float,
) -> EntityStatement:
    """Verify what a superior says of an entity.

    Args:
        statement: what ``parse_entity_statement`` returned.
        issuer: the superior.
        subject: the entity right below it.
        keys: the superior's federation keys, as its own superior, or the configuration, knows them.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.

    Raises:
        Reject: ``federation.*``, ``metadata-policy.*``.
    """
    _check_parties(statement, issuer=issuer, subject=subject)
    if issuer == subject:
        raise SUBJECT.reject("an entity is not its own superior")
    claims = verify_federation_jwt(statement.token, keys=keys)  # (3)
    _refuse_claims(claims, _OF_CONFIGURATIONS)  # (7)
    return _read(statement, claims, now=now, future_tolerance=future_tolerance, audience=None)


def _check_parties(statement: UnverifiedStatement, *, issuer: str, subject: str) -> None:
    # Code point by code point (section 16): no case, no trailing slash is overlooked.
    if statement.issuer != issuer:
        raise ISSUER.reject(f"{statement.issuer[:200]}, not {issuer[:200]}")
    if statement.subject != subject:
        raise SUBJECT.reject(f"{statement.subject[:200]}, not {subject[:200]}")


def _refuse_claims(claims: Mapping[str, object], names: Sequence[str]) -> None:
    found = [name for name in (*names, "trust_anchor") if name in claims]
    if found:
        raise WRONG_STATEMENT.reject(" ".join(found))


def _read(
    statement: UnverifiedStatement,
    claims: Mapping[str, object],
    *,
    now: float,
    future_tolerance: float,
    audience: str | None,
) -> EntityStatement:
    issued_at, expires_at = check_times(claims, now=now, future_tolerance=future_tolerance)  # (4)
    keys = read_federation_keys(claims.get("jwks"))  # (5)
    if "crit" in claims:  # (6) we know no claim beyond those of the specification, which must not stand there
        raise CRITICAL.reject(f"{claims['crit']!r:.200}")
    read_hints(claims, "trust_anchor_hints")
    if "metadata_policy_crit" in claims:  # (10)
        check_critical_operators(claims["metadata_policy_crit"])
    check_source_endpoint(claims)  # (12)
    check_audience(claims, audience)  # (13)
    return EntityStatement(
        text=statement.text,
        issuer=statement.issuer,
        subject=statement.subject,
        issued_at=issued_at,
        expires_at=expires_at,
        keys=keys,
        authority_hints=read_hints(claims, "authority_hints"),  # (8)
        metadata=read_metadata(claims.get("metadata", {})),  # (9)
        metadata_policy=(
            read_metadata_policy(claims["metadata_policy"]) if "metadata_policy" in claims else None
        ),
        constraints=read_constraints(claims.get("constraints", {})),
        trust_marks=read_trust_marks(claims.get("trust_marks", [])),  # (11)
        trust_mark_issuers=read_mark_issuers(claims.get("trust_mark_issuers", {})),
        trust_mark_owners=read_mark_owners(claims.get("trust_mark_owners", {})),
        claims=claims,
    )
