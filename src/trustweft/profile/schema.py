"""The types of a profile and of the rows that it is held to.

`Profile` is valid by construction: one that is weaker than a specification it names cannot be built.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec reads the annotations when a profile is decoded
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trustweft.profile.bounds import Bound, broken
from trustweft.profile.errors import ProfileError
from trustweft.profile.governance import (
    Deadline,
    Interaction,
    ParticipantRole,
    Residual,
    Responsibility,
    check_governance,
)
from trustweft.profile.mechanisms import MechanismsInForce, check_closing, check_mechanisms
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "OUR_CHOICE",
    "Bound",
    "DirectoryRules",
    "Duties",
    "Level",
    "Limits",
    "Participant",
    "Profile",
    "Requirement",
    "Source",
    "Specification",
]

OUR_CHOICE: Final = "our choice: "

Participant = Literal["authorization-server", "client", "resource-server", "ecosystem", "all"]
# "advice" is informative text, a note or a security consideration, that names a measure which software can take.
Level = Literal["shall", "shall not", "should", "should not", "may", "advice"]

Identifier = Annotated[str, Meta(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*-[0-9]+(\.[0-9]+)*-p?[0-9]+(\.[0-9]+)*$")]
Section = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)*$")]
Mechanism = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Sentence = Annotated[str, Meta(pattern=r"^[A-Z`].{10,}\.$", max_length=400)]
Reason = Annotated[str, Meta(min_length=10)]
# A hundred years: a time beyond it is a mistake, and dates further on cannot be reckoned with.
Seconds = Annotated[int, Meta(ge=1, le=3_155_760_000)]
Count = Annotated[int, Meta(ge=1)]
Names = Annotated[tuple[str, ...], Meta(min_length=1)]
PossiblyNone = tuple[str, ...]  # a weak profile asks for none of it


class Specification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document that a table of requirements was read from.

    Attributes:
        not_built: why this version does not do what the document asks for, where it does not; single clauses of it can
            be enforced all the same.
    """

    id: Annotated[str, Meta(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)*$")]
    name: str
    status: str
    date: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    url: Annotated[str, Meta(pattern=r"^https://")]
    not_built: Reason | None = None


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that a profile was written from, in the revision that was read."""

    title: str
    url: Annotated[str, Meta(pattern=r"^https://")]
    date: dt.date
    practice: str | None = None


class Requirement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One clause of a specification.

    Attributes:
        id: the specification's short id, the section, and the number of the list item as printed (``-5``, nested
            ``-5.2``) or of the paragraph (``-p3``).
        section: the section, as printed.
        participant: who is responsible; several when the clause says so.
        level: the verb of the clause.
        sentence: what it asks for, in our words.
        mechanism: the mechanism that it belongs to.
        bounds: how far a profile's limits and duties may go under this clause.
        operational: why people and procedures, not software, satisfy it.
        not_modelled: why the prover leaves it out.
        not_observable: why nobody can test it from outside.
        suite_tags: the conformance suite's tags for it, many to many.
        superseded_by: the clause of another specification that is kept in its place, because it asks for something
            else or leaves this one without an object.
        not_built: why this version does not do it yet.
    """

    id: Identifier
    section: Section
    participant: Participant | tuple[Participant, ...]
    level: Level
    sentence: Sentence
    mechanism: Mechanism
    bounds: tuple[Bound, ...] = ()
    operational: Reason | None = None
    not_modelled: Reason | None = None
    not_observable: Reason | None = None
    suite_tags: tuple[str, ...] = ()
    superseded_by: Identifier | None = None
    not_built: Reason | None = None

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who is responsible, always as a tuple."""
        return self.participant if isinstance(self.participant, tuple) else (self.participant,)


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The values in force; durations are seconds. `Profile.why` says where each comes from.

    Signature algorithms are named canonically: ``Ed25519`` (RFC 9864) is the same as ``EdDSA`` here. TLS cipher
    suites have their names from the IANA registry.
    """

    signing_algorithms: Names
    minimum_rsa_key_bits: Count
    minimum_elliptic_curve_key_bits: Count
    credential_entropy_bits: Count

    future_tolerance: Seconds
    authorization_code_lifetime: Seconds
    request_uri_lifetime: Seconds
    interaction_lifetime: Seconds
    access_token_lifetime: Seconds
    id_token_lifetime: Seconds
    refresh_token_lifetime: Seconds
    grant_lifetime: Seconds
    client_assertion_lifetime: Seconds
    client_assertion_max_lifetime: Seconds
    dpop_proof_max_age: Seconds
    dpop_nonce_step: Seconds
    software_statement_max_age: Seconds

    response_types: Names
    grant_types: Names
    code_challenge_methods: PossiblyNone
    client_authentication_methods: PossiblyNone
    sender_constraint_methods: PossiblyNone
    redirect_status: int
    state_max_length: Count
    nonce_max_length: Count

    minimum_tls_version: Literal["1.2", "1.3"]
    tls_1_2_cipher_suites: Names


class Duties(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is required, refused or bound; true means that the duty is in force."""

    confidential_clients_only: bool
    require_pushed_authorization_requests: bool
    require_client_authentication_at_par: bool
    require_pkce: bool
    require_redirect_uri: bool
    require_registered_redirect_uri: bool
    require_encrypted_redirect_uri: bool
    require_iss_parameter: bool
    require_issuer_as_audience: bool
    require_sender_constrained_tokens: bool
    require_dpop_nonce: bool
    bind_code_to_dpop_key: bool
    refuse_replayed_dpop_proofs: bool
    single_use_codes: bool
    revoke_on_code_replay: bool
    single_use_request_uris: bool
    forbid_refresh_token_rotation: bool
    forbid_open_redirectors: bool
    forbid_cors_at_authorization_endpoint: bool
    forbid_access_token_in_query: bool
    check_token_revocation: bool
    support_openid_connect: bool
    strict_transport_security: bool
    unique_key_identifiers: bool
    forbid_key_url_headers: bool
    require_certificate_at_registration: bool
    require_client_keys_by_reference: bool


class DirectoryRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the directory, and of those who read what it says. Times are in seconds.

    Attributes:
        status_lifetime: how long a status list that the directory signed is good.
        payments_stale_cap: how long a reader may act by the last list that it has, where money moves;
            ``data_stale_cap`` where data is read.
        clock_skew: how far a participant's clock may be from the directory's.
        retention: how long what ended is kept before it is archived; its events are kept for ever.
        two_people: decisions that a second person approves: a kind and an action (``organisation.revoke``).
        certified: kinds that need a certification that is valid.
    """

    status_lifetime: Annotated[int, Meta(ge=1, le=300)]  # what is signed cannot be called back
    payments_stale_cap: Seconds
    data_stale_cap: Seconds
    clock_skew: Seconds
    retention: Seconds
    two_people: tuple[Annotated[str, Meta(pattern=r"^[a-z]+\.[a-z]+(-[a-z]+)*$")], ...]
    certified: tuple[Mechanism, ...]


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits, duties, where each comes from, the requirements that bind them, and who answers for what.

    Attributes:
        extends: the profile that it builds on; what it does not say itself, that one says.
        review_by: the day by which somebody has to look at it again.
        onboarding: times that on-boarding keeps, by name; ``offboarding`` likewise.
        residuals: risks that are known and accepted.

    Raises:
        ProfileError: a limit or a duty is weaker than a requirement allows, or something that it names is unknown.
    """

    name: str
    title: str
    summary: str
    specifications: tuple[Specification, ...]
    requirements: tuple[Requirement, ...]
    limits: Limits
    duties: Duties
    directory: DirectoryRules
    reasons: Mapping[str, str]
    version: str
    date: dt.date
    review_by: dt.date
    extends: str | None
    sources: tuple[Source, ...]
    participants: tuple[ParticipantRole, ...]
    responsibilities: tuple[Responsibility, ...]
    interactions: tuple[Interaction, ...]
    mechanisms: MechanismsInForce
    onboarding: Mapping[str, Deadline]
    offboarding: Mapping[str, Deadline]
    residuals: tuple[Residual, ...]

    @enforces("FAPI2-SP-5.1.2-p3")
    def __post_init__(self) -> None:
        """Refuse a profile that goes beyond a bound, or names what does not exist."""
        check_mechanisms(self.mechanisms)
        check_closing(name for residual in self.residuals for name in residual.closed_by)
        known = (requirement.id for requirement in self.requirements)
        check_governance(self.participants, self.responsibilities, self.interactions, known)
        problems = [
            f"{bound}, but is {_shown(value)} ({requirement.id}: {requirement.sentence})"
            for requirement in self.requirements
            for bound in requirement.bounds
            if broken(bound, value := self.value(bound.on))
        ]
        if problems:
            raise ProfileError(f"the profile {self.name} is too weak: " + "; ".join(problems))

    def value(self, name: str) -> object:
        """Return the value of the limit, the duty or the rule of the directory called ``name``.

        Raises:
            ProfileError: there is none of that name.
        """
        for part in (self.limits, self.duties, self.directory):
            if name in part.__struct_fields__:
                return getattr(part, name)
        raise ProfileError(f"the profile {self.name} has no limit or duty called {name}")

    def why(self, name: str) -> str:
        """Return where the value of ``name`` comes from: the id of a clause, or ``our choice: ...``.

        Raises:
            ProfileError: there is no limit or duty of that name.
        """
        self.value(name)
        return self.reasons[name]

    def requirement(self, identifier: str) -> Requirement:
        """Return one requirement by its id.

        Raises:
            ProfileError: no specification of this profile has it.
        """
        for requirement in self.requirements:
            if requirement.id == identifier:
                return requirement
        raise ProfileError(f"the profile {self.name} has no requirement {identifier}")

    def with_limits(self, *, why: str = "set for this deployment", **changes: object) -> Profile:
        """Return a copy with other limits, held to the same bounds.

        Args:
            why: our reason for the change, remembered for each changed limit.
            changes: limits by name.

        Raises:
            ProfileError: a name is unknown, a value has the wrong type, or the result is too weak.
        """
        try:
            limits = msgspec.convert(msgspec.structs.asdict(self.limits) | changes, Limits)
        except msgspec.ValidationError as cause:
            raise ProfileError(f"the profile {self.name} cannot change so: {cause}") from cause
        reasons = MappingProxyType({**self.reasons, **dict.fromkeys(changes, OUR_CHOICE + why)})
        return msgspec.structs.replace(self, limits=limits, reasons=reasons)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
