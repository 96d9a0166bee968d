"""What the directory knows of each thing, and of whom it depends.

These structs stand in events for ever: a new field gets a default, and none is renamed or given another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # msgspec reads the annotations
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

__all__ = [
    "FACTS",
    "LINKS",
    "Api",
    "Authorisation",
    "Brand",
    "Certificate",
    "Certification",
    "Contact",
    "Facts",
    "Key",
    "Link",
    "Organisation",
    "Role",
    "Software",
    "User",
    "name_of",
    "parents_of",
]


class _Facts(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="is"):
    """What all of them have in common: how they are written down."""


class Organisation(_Facts, frozen=True, kw_only=True, tag="organisation"):
    """A legal entity.

    Attributes:
        registration: its number in the ``register`` of the ``jurisdiction``.
        terms: the version of the terms that it signed.
    """

    name: str
    registration: str = ""
    register: str = ""
    jurisdiction: str = ""
    terms: str = ""


class Role(_Facts, frozen=True, kw_only=True, tag="role"):
    """What an authority lets an organisation be; ``apis`` are the families that it may authorise software for."""

    organisation: str
    role: str
    authority: str = ""
    apis: tuple[str, ...] = ()


class Brand(_Facts, frozen=True, kw_only=True, tag="brand"):
    """An authorization server, as customers know it; it takes part under its ``issuer``.

    Attributes:
        events_endpoint: where it is told of events, https (RFC 8935); empty where it only reads the feed.
        jwks_uri: where it publishes the keys that its receipts are signed with, https.
    """

    organisation: str
    name: str
    issuer: str
    logo_uri: str = ""
    events_endpoint: str = ""
    jwks_uri: str = ""


class Api(_Facts, frozen=True, kw_only=True, tag="api"):
    """An API that a brand offers; ``resource`` is its identifier (RFC 9728), under which its server takes part.

    Attributes:
        events_endpoint: where that server is told of events; ``jwks_uri`` where its keys are: as of a ``Brand``.
    """

    brand: str
    family: str
    resource: str = ""
    version: str = ""
    events_endpoint: str = ""
    jwks_uri: str = ""


class Authorisation(_Facts, frozen=True, kw_only=True, tag="authorisation"):
    """A software may use a family of APIs under a role of its organisation (``ORGANISATION~ROLE``)."""

    software: str
    api: str
    role: str


class Software(_Facts, frozen=True, kw_only=True, tag="software"):
    """A client application; ``metadata`` has the names of RFC 7591, and goes into statements about it.

    Attributes:
        entity: its Entity Identifier (OpenID Federation 1.0 section 1.2); empty where it is no member of a federation.
        events_endpoint: where it is told of the servers that it uses; ``jwks_uri`` where its keys are: as of a ``Brand``.
    """

    organisation: str
    name: str
    metadata: Mapping[str, Any] = {}  # msgspec copies an empty default
    entity: str = ""
    events_endpoint: str = ""
    jwks_uri: str = ""


class User(_Facts, frozen=True, kw_only=True, tag="user"):
    """A person: one who acts for an organisation, or a customer of one.

    Attributes:
        brand: of a customer, whose identifiers it is that the person is known by. No other server is concerned.
    """

    organisation: str
    part: Literal["administrator", "customer"] = "administrator"
    name: str = ""
    brand: str | None = None


class Key(_Facts, frozen=True, kw_only=True, tag="key"):
    """A public key (RFC 7517) of ``owner`` (``kind:id``); times in seconds since the epoch.

    Attributes:
        use: ``sig`` for whatever its owner signs; ``federation`` for statements of a federation and nothing else.
    """

    owner: str
    jwk: Mapping[str, Any] = {}  # msgspec copies an empty default
    use: str = "sig"
    valid_until: float | None = None


class Certificate(_Facts, frozen=True, kw_only=True, tag="certificate"):
    """A certificate of ``owner`` (``kind:id``) over the key with this thumbprint, if the directory knows that one."""

    owner: str
    key: str | None = None
    use: str = "transport"
    issuer: str = ""
    serial: str = ""
    valid_until: float | None = None


class Contact(_Facts, frozen=True, kw_only=True, tag="contact"):
    """Whom to call at an organisation, and for what."""

    organisation: str
    purpose: Literal["security", "technical", "business", "privacy"]
    name: str = ""
    email: str = ""
    telephone: str = ""


class Certification(_Facts, frozen=True, kw_only=True, tag="certification"):
    """A run that shows what ``covers`` (``kind:id``) does.

    Attributes:
        method: a run of the auditor, or one of a conformance suite.
        run: where the run is found: a file, or an address.
        digest: its SHA-256, in hexadecimal digits.
        profile: the profile that was tested.
        tested_at: when, in seconds since the epoch; good until ``valid_until``.
    """

    covers: str
    method: Literal["check", "conformance"]
    run: str
    tested_at: float
    valid_until: float
    digest: str = ""
    profile: str = ""


Facts: TypeAlias = (
    Organisation
    | Role
    | Brand
    | Api
    | Authorisation
    | Software
    | User
    | Key
    | Certificate
    | Contact
    | Certification
)

FACTS: Final[Mapping[str, type[Facts]]] = {
    "organisation": Organisation,
    "role": Role,
    "brand": Brand,
    "api": Api,
    "authorisation": Authorisation,
    "software": Software,
    "user": User,
    "key": Key,
    "certificate": Certificate,
    "contact": Contact,
    "certification": Certification,
}


class Link(NamedTuple):
    """The things of one kind depend on others.

    Attributes:
        child: the lifecycle of what depends.
        field: the fact that names what it depends on.
        parents: the kinds that may stand there; of one alone the fact is the id, of several ``kind:id``.
    """

    child: str
    field: str
    parents: tuple[str, ...]


_OWNERS: Final = ("organisation", "brand", "software")
# What stops a parent stops its children (`cascade.py`): both are this one table.
LINKS: Final = (
    Link("role", "organisation", ("organisation",)),
    Link("brand", "organisation", ("organisation",)),
    Link("api", "brand", ("brand",)),
    Link("software", "organisation", ("organisation",)),
    Link("authorisation", "software", ("software",)),
    Link("authorisation", "role", ("role",)),
    Link("user", "organisation", ("organisation",)),
    Link("user", "brand", ("brand",)),
    Link("key", "owner", _OWNERS),
    Link("certificate", "owner", _OWNERS),
    Link("certificate", "key", ("key",)),
    Link("contact", "organisation", ("organisation",)),
    Link("certification", "covers", ("organisation", "brand", "api", "software")),
)
_LINKS_OF: Final = {
    facts: tuple(link for link in LINKS if link.child == name) for name, facts in FACTS.items()
}


def parents_of(facts: Facts) -> tuple[str, ...]:
    """Return the subjects (``kind:id``) that these facts depend on."""
    return tuple(
        named if len(link.parents) > 1 else f"{link.parents[0]}:{named}"
        for link in _LINKS_OF[type(facts)]
        if (named := getattr(facts, link.field)) is not None
    )


def name_of(facts: Facts) -> str:
    """Return the URL under which others know something: an issuer, a resource, an Entity Identifier; or nothing."""
    match facts:
        case Brand():
            return facts.issuer
        case Api():
            return facts.resource
        case Software():
            return facts.entity
        case _:
            return ""
