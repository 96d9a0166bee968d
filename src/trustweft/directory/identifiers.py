"""Who is spoken of: ``kind:id``, for example ``software:moneyview`` or ``role:harbour-bank~data-holder``."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, get_args

from trustweft.runtime.errors import reason

__all__ = [
    "KINDS",
    "Kind",
    "Subject",
    "authorisation_subject",
    "customer_subject",
    "parse_subject",
    "role_subject",
    "species_of",
]

Kind = Literal[
    "organisation",
    "role",
    "brand",
    "api",
    "software",
    "user",
    "key",
    "certificate",
    "contact",
    "certification",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MALFORMED_SUBJECT = reason(
    "register.malformed-subject",
    error="invalid_request",
    public="The subject is not a kind and an id, as in software:moneyview.",
)

_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_JOINT: Final = "~"
# A role is of an organisation, an API authorisation of a software, a customer of a brand: each id has one joint, and all
# others have none.
_JOINTS: Final[dict[Kind, tuple[int, ...]]] = {"role": (1,), "api": (0, 1), "user": (0, 1)}


class Subject(NamedTuple):
    """One thing that the directory knows, by its kind and id."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        """Say it as everybody does: ``kind:id``."""
        return f"{self.kind}:{self.id}"


def parse_subject(text: str) -> Subject:
    """Read ``kind:id``.

    Raises:
        Reject: ``register.malformed-subject``.
    """
    kind, colon, identifier = text.partition(":")
    if not colon or kind not in KINDS or not _ID.fullmatch(identifier):
        raise MALFORMED_SUBJECT.reject(repr(text))
    # Thumbprints and joined ids apart, nobody may be taken for somebody else's role or authorisation.
    halves = identifier.split(_JOINT)
    if len(halves) - 1 not in _JOINTS.get(kind, (0,)) or not all(halves):
        raise MALFORMED_SUBJECT.reject(repr(text))
    return Subject(kind, identifier)


def role_subject(*, organisation: str, role: str) -> Subject:
    """Return the subject of a role that an organisation has.

    Raises:
        Reject: ``register.malformed-subject``, one of the two has a joint.
    """
    return parse_subject(f"role:{organisation}{_JOINT}{role}")


def authorisation_subject(*, software: str, api: str) -> Subject:
    """Return the subject of a software's authorisation for a family of APIs.

    Raises:
        Reject: ``register.malformed-subject``, one of the two has a joint.
    """
    return parse_subject(f"api:{software}{_JOINT}{api}")


def customer_subject(*, brand: str, identifier: str) -> Subject:
    """Return the subject of a customer, whom the brand's server knows under an identifier (``sub``) of its own.

    Raises:
        Reject: ``register.malformed-subject``, one of the two has a joint.
    """
    return parse_subject(f"user:{brand}{_JOINT}{identifier}")


def species_of(subject: Subject) -> str:
    """Return the name of the lifecycle: the kind, but ``authorisation`` for a software's authorisation for an API."""
    return "authorisation" if subject.kind == "api" and _JOINT in subject.id else subject.kind
