"""Reads profiles and requirements: packaged ones by name, a deployment's own profile by path.

Every error names the file and the path inside it. A profile that is weaker than its specifications is refused.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec reads the annotations when a profile is decoded
import os
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from trustweft.profile.characters import check_characters
from trustweft.profile.errors import ProfileError
from trustweft.profile.governance import Deadline, Interaction, ParticipantRole, Residual, Responsibility
from trustweft.profile.inheritance import inherited
from trustweft.profile.mechanisms import MechanismsInForce
from trustweft.profile.schema import (
    OUR_CHOICE,
    DirectoryRules,
    Duties,
    Limits,
    Profile,
    Requirement,
    Source,
    Specification,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "is_profile_file",
    "load_profile",
    "load_requirements",
    "load_specification",
    "profile_names",
    "profile_octets",
]

T = TypeVar("T")
S = TypeVar("S")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# A profile that describes somebody else's rules names the document: "source: FAPI 1.0 Advanced, section 5.2.2".
_CHOICE = re.compile(rf"({OUR_CHOICE}|source: )\S.+")
_SUFFIX: Final = ".toml"
_TABLES: Final = {
    "FAPI2-SP": "fapi2-security",
    "FAPI2-MS": "fapi2-message-signing",
    "FAPI2-HS": "fapi2-http-signatures",
    "RFC9126": "rfc9126",
    "RFC9101": "rfc9101",
    "RFC9207": "rfc9207",
    "RFC9700": "rfc9700",
    "RFC9700-UPDATE": "rfc9700-update",
    "RFC9449": "rfc9449",
    "RFC8705": "rfc8705",
    "RFC9068": "rfc9068",
    "RFC9396": "rfc9396",
}


class _Stated(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """A value and where it comes from."""

    value: T
    why: Annotated[str, Meta(min_length=1)]


class _About(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The header of a profile's file."""

    name: Annotated[str, Meta(pattern=rf"^{_NAME.pattern}$")]
    title: str
    summary: str
    specifications: tuple[str, ...]
    version: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    date: dt.date
    review_by: dt.date
    extends: Annotated[str, Meta(pattern=rf"^{_NAME.pattern}$")] | None = None
    sources: tuple[Source, ...] = ()


class _RequirementsDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file in `requirements/`."""

    specification: Specification
    requirement: tuple[Requirement, ...]


def _stated(values: type[Struct]) -> type[Struct]:
    """Return the type whose every field is a field of ``values`` together with its `why`."""
    fields = [(field.name, _Stated[field.type]) for field in msgspec.structs.fields(values)]  # type: ignore[name-defined]  # a type made at run time, for the decoder alone
    return msgspec.defstruct(f"Stated{values.__name__}", fields, frozen=True, forbid_unknown_fields=True)


_ProfileDocument: Final = msgspec.defstruct(
    "_ProfileDocument",
    [
        ("profile", _About),
        ("limits", _stated(Limits)),
        ("duties", _stated(Duties)),
        ("directory", _stated(DirectoryRules)),
        ("mechanisms", MechanismsInForce),
        ("participant", tuple[ParticipantRole, ...]),
        ("responsibility", tuple[Responsibility, ...]),
        ("interaction", tuple[Interaction, ...]),
        ("onboarding", dict[str, Deadline]),
        ("offboarding", dict[str, Deadline]),
        ("residual", tuple[Residual, ...], ()),
    ],
    frozen=True,
    forbid_unknown_fields=True,
)


def profile_names() -> tuple[str, ...]:
    """Return the names of the packaged profiles."""
    names = (item.name for item in _packaged("profiles").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def specification_ids() -> tuple[str, ...]:
    """Return the short ids of the specifications that have a table, in the order in which they build on each other."""
    return tuple(_TABLES)


def load_specification(specification: str) -> Specification:
    """Return what is known of the specification with this short id, for example ``FAPI2-SP``.

    Raises:
        ProfileError: there is no table for it, or the table is malformed.
    """
    return _requirements(specification).specification


def load_requirements(specification: str) -> tuple[Requirement, ...]:
    """Return every clause of the specification with this short id, in its order.

    Raises:
        ProfileError: there is no table for it, or the table is malformed.
    """
    return _requirements(specification).requirement


def is_profile_file(name_or_path: str) -> bool:
    """Say whether this is the path of a profile's file, and not the name of a packaged profile."""
    return name_or_path.endswith(_SUFFIX) or os.sep in name_or_path


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a packaged profile by name, or any profile by the path of its file.

    Raises:
        ProfileError: there is none, it is malformed, or it is weaker than a specification that it names.
    """
    if isinstance(name_or_path, Path) or is_profile_file(name_or_path):
        return _read_profile(Path(name_or_path))
    _check_name(name_or_path)
    return _packaged_profile(name_or_path)


def profile_octets(name_or_path: str | Path) -> bytes:
    """Return the file of a profile as it is, found as ``load_profile`` finds it.

    Raises:
        ProfileError: there is none, or it cannot be read.
    """
    source: Path | Traversable
    if isinstance(name_or_path, Path) or is_profile_file(name_or_path):
        source = Path(name_or_path)
    else:
        _check_name(name_or_path)
        source = _packaged("profiles") / f"{name_or_path}{_SUFFIX}"
    try:
        return source.read_bytes()
    except OSError as cause:
        raise ProfileError(f"{source}: {cause.strerror}") from cause


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ProfileError(f"{name!r} is neither the name of a profile nor the path of its file")
    if name not in profile_names():
        raise ProfileError(f"there is no profile {name}; there are {', '.join(profile_names())}")


@cache
def _packaged_profile(name: str) -> Profile:
    return _read_profile(_packaged("profiles") / (name + _SUFFIX))


@cache
def _requirements(specification: str) -> _RequirementsDocument:
    if specification not in _TABLES:
        raise ProfileError(f"there is no table of requirements for {specification!r}")
    source = _packaged("requirements") / (_TABLES[specification] + _SUFFIX)
    document = _decode(source, _RequirementsDocument)
    if document.specification.id != specification:
        raise ProfileError(f"{source}: is about {document.specification.id}, not about {specification}")
    _check_rows(document, source=source)
    return document


def _check_rows(document: _RequirementsDocument, *, source: Traversable) -> None:
    """Hold that ids are unique and spelled after their specification and section."""
    seen: set[str] = set()
    for index, row in enumerate(document.requirement):
        where = f"at `$.requirement[{index}].id`"
        if not row.id.startswith(f"{document.specification.id}-{row.section}-"):
            raise ProfileError(f"{source}: {row.id} is not in section {row.section} - {where}")
        if row.id in seen:
            raise ProfileError(f"{source}: {row.id} occurs twice - {where}")
        seen.add(row.id)


def _read_profile(source: Path | Traversable) -> Profile:
    document = msgspec.structs.asdict(_whole(source))
    about: _About = document["profile"]
    parts = {part: msgspec.structs.asdict(document[part]) for part in ("limits", "duties", "directory")}
    try:
        tables = [_requirements(specification) for specification in about.specifications]
    except ProfileError as cause:
        raise ProfileError(f"{source}: {cause} - at `$.profile.specifications`") from cause
    requirements = tuple(row for table in tables for row in table.requirement)
    reasons = _reasons(parts, known={row.id for row in requirements}, source=source)
    try:
        return Profile(
            name=about.name,
            title=about.title,
            summary=about.summary,
            specifications=tuple(table.specification for table in tables),
            requirements=requirements,
            limits=Limits(**{name: stated.value for name, stated in parts["limits"].items()}),
            duties=Duties(**{name: stated.value for name, stated in parts["duties"].items()}),
            directory=DirectoryRules(**{name: stated.value for name, stated in parts["directory"].items()}),
            reasons=MappingProxyType(reasons),
            version=about.version,
            date=about.date,
            review_by=about.review_by,
            extends=about.extends,
            sources=about.sources,
            participants=document["participant"],
            responsibilities=document["responsibility"],
            interactions=document["interaction"],
            mechanisms=document["mechanisms"],
            onboarding=MappingProxyType(document["onboarding"]),
            offboarding=MappingProxyType(document["offboarding"]),
            residuals=document["residual"],
        )
    except ProfileError as cause:
        raise ProfileError(f"{source}: {cause}") from cause


def _whole(source: Path | Traversable) -> Struct:
    """Return a profile's document, with what it leaves to the profile that it extends."""
    own = _decode(source, dict)
    check_characters(own, source=source)
    data = inherited(own, base=lambda name: _decode(_base(name, source), dict))
    try:
        whole: Struct = msgspec.convert(data, _ProfileDocument)
    except msgspec.ValidationError as cause:
        raise ProfileError(f"{source}: {cause}") from cause
    return whole


def _base(name: str, source: Path | Traversable) -> Traversable:
    if name not in profile_names():
        raise ProfileError(f"{source}: there is no profile {name} to extend - at `$.profile.extends`")
    return _packaged("profiles") / (name + _SUFFIX)


def _reasons(
    parts: dict[str, dict[str, _Stated[object]]], *, known: set[str], source: Path | Traversable
) -> dict[str, str]:
    """Return where each value comes from, once it is held to be a clause that exists or a choice of ours."""
    for part, values in parts.items():
        for name, stated in values.items():
            if stated.why not in known and not _CHOICE.fullmatch(stated.why):
                raise ProfileError(
                    f"{source}: {stated.why!r} is neither a requirement of this profile's specifications nor "
                    f"'{OUR_CHOICE}reason' nor 'source: document' - at `$.{part}.{name}.why`"
                )
    return {name: stated.why for values in parts.values() for name, stated in values.items()}


def _decode(source: Path | Traversable, kind: type[S]) -> S:
    try:
        return msgspec.toml.decode(source.read_bytes(), type=kind)
    except FileNotFoundError as cause:
        raise ProfileError(f"{source}: there is no such file") from cause
    except RecursionError as cause:
        raise ProfileError(f"{source}: is nested too deeply") from cause
    # DecodeError covers ValidationError, which has the path; ValueError, text that is not UTF-8.
    except (OSError, ValueError, msgspec.DecodeError) as cause:
        raise ProfileError(f"{source}: {cause}") from cause


def _packaged(folder: str) -> Traversable:
    return files("trustweft.profile") / folder
