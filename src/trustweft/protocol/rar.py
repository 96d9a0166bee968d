"""Rich Authorization Requests (RFC 9396): the values, the strict reader, and where each of them is meant to be used.

The order of the checks on what a client sends, here and in the tests: (1) a bounded JSON array (2) of one to ten
objects, each with a ``type`` (3) names of members (4) numbers (5) texts. The caller MUST still do: (6) the type is
known and the detail fits its schema, (7) its locations belong to the type, (8) it is no wider than what was registered
or granted (`rar_order`). All of it is refused with ``invalid_authorization_details`` (section 5).
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "INVALID_AUTHORIZATION_DETAILS",
    "AuthorizationDetail",
    "DetailMember",
    "DetailType",
    "audiences_of",
    "check_locations",
    "create_authorization_detail",
    "holds_at",
    "parse_authorization_details",
    "read_authorization_details",
]

INVALID_AUTHORIZATION_DETAILS: Final = "invalid_authorization_details"
MAXIMUM_OCTETS: Final = 8_192  # our choice: in base64 they still fit into an access token of 16 KiB
MAXIMUM_DETAILS: Final = 10  # our choice: more than that nobody reads before consenting
MAXIMUM_DEPTH: Final = 6
MAXIMUM_TEXT: Final = 512  # a person reads each of them, in full
MAXIMUM_INTEGER: Final = 2**53 - 1  # RFC 7493 section 2.2: beyond it two readers see two numbers
MAXIMUM_NUMBER: Final = 1e18
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_TYPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # section 2.1 recommends ASCII
# Letters and marks that are drawn as nothing; those of other categories are not printable anyway.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_WORD: Final = re.compile(r"\w+")
# Alphabets whose letters look like each other's (Unicode TS 39 section 5.2), by the first word of the letters' names.
_ALPHABETS: Final = frozenset(
    ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "MATHEMATICAL", "FULLWIDTH")
)
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_ABSENT: Final = object()

MALFORMED = reason(
    "authorization-details.malformed",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="The authorization_details must be a JSON array of objects, each with a type.",
)
COUNT = reason(
    "authorization-details.count",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="There must be one to ten authorization details.",
)
NAME = reason(
    "authorization-details.member-name",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A member of the authorization details has a name that no type has.",
)
NUMBER = reason(
    "authorization-details.number",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A number of the authorization details is larger than all readers can read.",
)
UNPRINTABLE = reason(
    "authorization-details.unprintable",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A text of the authorization details is too long, or has characters that cannot be seen.",
)
LOOKALIKE = reason(
    "authorization-details.lookalike",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A text of the authorization details could be taken for another one.",
)
LOCATION = reason(
    "authorization-details.location",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A location of the authorization details is not one of their type.",
)


class AuthorizationDetail(Struct, frozen=True):
    """One authorization detail (section 2): immutable, for it is kept as JSON text.

    Attributes:
        type: which definition it follows.
        text: the whole object, its members sorted: equal details have equal texts.
    """

    type: str
    text: bytes

    def document(self) -> dict[str, Any]:
        """Return the object, anew at each call."""
        return _decode(self.text)

    @property
    def locations(self) -> tuple[str, ...] | None:
        """Return where it is meant to be used (section 2.2), None where it does not say."""
        value = self.document().get("locations", _ABSENT)
        if not isinstance(value, list):
            return None if value is _ABSENT else ()
        return tuple(item for item in value if isinstance(item, str))

    def __repr__(self) -> str:
        return f"AuthorizationDetail({self.type!r}, ***)"  # amounts and accounts are nobody else's business


Comparison: TypeAlias = Literal["equal", "subset", "at-most", "earlier"]


class DetailMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member of a type: how it is told to a person, and how two values of it compare.

    Attributes:
        name: of a nested member with dots: ``creditorAccount.iban``.
        label: what people read before the value; empty only for the unit of another member.
        compare: when a value is narrower: ``equal``; a ``subset`` of an array; a number ``at-most`` the other, as a
            JSON number or a decimal in a string; a date or a time in UTC that is no later (``earlier``).
        absent: what people read where it is absent, if that means that nothing restricts it; where it is empty they
            read nothing. None: its absence is no permission, and compares with nothing but absence.
        kind: how the value is written for people.
        unit: the member that is shown behind the value, for example the currency.
        values: words for values that are known.
    """

    name: str
    label: str = ""
    compare: Comparison = "equal"
    absent: str | None = None
    kind: Literal["text", "amount", "date", "account"] = "text"
    unit: str | None = None
    values: dict[str, str] = {}


class DetailType(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A type of authorization details (section 2.1).

    Attributes:
        type: the identifier.
        title: what a person is asked to allow.
        explanation: one sentence more.
        audiences: the resource servers that it is about; ``locations`` of a detail choose among them.
        members: every member that a detail may have, but ``type``, in the order in which people read them.
        schema: JSON Schema 2020-12 of the whole object; what it allows and ``members`` do not name is refused at start.
        without_person: whether a client may have it for itself (client credentials).
    """

    type: str
    title: str
    explanation: str
    audiences: tuple[str, ...]
    members: tuple[DetailMember, ...]
    schema: dict[str, Any] = {}
    without_person: bool = False

    def __post_init__(self) -> None:
        """Refuse a definition that contradicts itself.

        Raises:
            ValueError: it does.
        """
        names = [member.name for member in self.members]
        units = {member.unit for member in self.members if member.unit is not None}
        if not _TYPE.fullmatch(self.type) or not self.audiences:
            raise ValueError(f"{self.type!r} must be an identifier in ASCII with an audience")
        if len(set(names)) != len(names) or not units <= set(names):
            raise ValueError(f"{self.type}: a member is named twice, or is the unit of another and not named")
        for member in self.members:
            if not member.label and member.name not in units:
                raise ValueError(f"{self.type}: {member.name} has no label, so people would not see it")

    def member(self, name: str) -> DetailMember:
        """Return the member; one that is not named compares by equality."""
        return next((each for each in self.members if each.name == name), DetailMember(name=name))


@enforces("RFC9396-12-p4")
def parse_authorization_details(text: str) -> tuple[AuthorizationDetail, ...]:
    """Read the request parameter (section 2).

    Raises:
        Reject: ``authorization-details.*``.
    """
    try:
        values = load_array(text.encode(), limit=MAXIMUM_OCTETS, depth=MAXIMUM_DEPTH)  # (1)
    except Reject as cause:
        raise MALFORMED.reject(cause.reason.id) from cause
    return read_authorization_details(values)


@enforces("RFC9396-2-1")
def read_authorization_details(values: object) -> tuple[AuthorizationDetail, ...]:
    """Read an array that was parsed already: the claim of a token, the member of a registration.

    Raises:
        Reject: ``authorization-details.*``.
    """
    if not isinstance(values, list):
        raise MALFORMED.reject("no array")
    if not 0 < len(values) <= MAXIMUM_DETAILS:  # (2)
        raise COUNT.reject(f"{len(values)}")
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise MALFORMED.reject("no object, or one without type")
        _check_value(value)
    return tuple(map(create_authorization_detail, values))


def create_authorization_detail(document: Mapping[str, Any]) -> AuthorizationDetail:
    """Return the detail that ``document``, which is trusted, is the object of."""
    return AuthorizationDetail(document["type"], _encode(document))


def _check_value(value: object) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if not _NAME.fullmatch(name):  # (3) no dot, so that nested names are clear; no __proto__
                raise NAME.reject(repr(name)[:80])
            _check_value(item)
    elif isinstance(value, list):
        for item in value:
            _check_value(item)
    elif isinstance(value, str):
        _check_text(value)  # (5)
    elif isinstance(value, float):
        if not math.isfinite(value) or abs(value) > MAXIMUM_NUMBER:  # (4)
            raise NUMBER.reject()
    elif isinstance(value, int) and abs(value) > MAXIMUM_INTEGER:
        raise NUMBER.reject()


def _check_text(text: str) -> None:
    if len(text) > MAXIMUM_TEXT or not text.isprintable() or _INVISIBLE.search(text):
        raise UNPRINTABLE.reject()
    if text.isascii():
        return
    # Our choice: section 12 forbids to normalise, so what normalises to something else is refused.
    if not unicodedata.is_normalized("NFC", text) or any(map(_is_mixed, _WORD.findall(text))):
        raise LOOKALIKE.reject()


def _is_mixed(word: str) -> bool:
    names = {unicodedata.name(character, "").partition(" ")[0] for character in word if character.isalpha()}
    return len(names & _ALPHABETS) > 1


def check_locations(detail: AuthorizationDetail, definition: DetailType) -> None:
    """Check (7): the detail is meant for resource servers of its type, and for at least one.

    Raises:
        Reject: ``authorization-details.location``.
    """
    locations = detail.locations
    if locations is None:
        return
    if not locations or not all(
        any(_is_within(location, audience) for audience in definition.audiences) for location in locations
    ):
        raise LOCATION.reject(f"type {detail.type!r}"[:120])


def audiences_of(detail: AuthorizationDetail, definition: DetailType) -> tuple[str, ...]:
    """Return the resource servers that the detail is for: those of its type, or what ``locations`` leaves of them."""
    locations = detail.locations
    if locations is None:
        return definition.audiences
    return tuple(each for each in definition.audiences if any(_is_within(place, each) for place in locations))


def holds_at(detail: AuthorizationDetail, *, audience: str, urls: Iterable[str]) -> bool:
    """Tell whether the detail is good for a request to this resource server at one of these URLs."""
    locations = detail.locations
    return (
        locations is None
        or audience in locations
        or any(_is_within(url, location) for url in urls for location in locations)
    )


def _is_within(url: str, base: str) -> bool:
    return url == base or url.startswith(base.removesuffix("/") + "/")
