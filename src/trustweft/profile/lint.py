"""Judges a profile: weaker than what it builds on, contradictory, past its review, behind the practice that it cites."""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trustweft.profile.contradictions import contradictions
from trustweft.profile.loading import load_profile
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.profile.promises import DUTIES_OF_MECHANISMS, broken_promises
from trustweft.profile.strength import uses_dpop, weaknesses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.profile.schema import Profile

__all__ = ["Finding", "Revision", "judge", "revisions"]

Kind = Literal["weaker", "contradiction", "review", "outdated", "unaccounted"]


class Finding(Struct, frozen=True):
    """One thing that is wrong with a profile.

    Attributes:
        kind: weaker than the profile that it extends; a contradiction; a review that is due; a practice that moved on;
            a duty for which nobody answers or which nothing shows.
        text: what is wrong, as a sentence without a stop.
    """

    kind: Kind
    text: str


class Revision(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest known revision of a practice, where it is published, and what took its place, if anything did.

    A draft can change without notice, and takes nobody's place.
    """

    practice: str
    title: str
    date: dt.date
    source: Annotated[str, Meta(pattern=r"^https://")]
    draft: bool = False
    superseded_by: str | None = None


class _Revisions(Struct, frozen=True, forbid_unknown_fields=True):
    revision: tuple[Revision, ...]


# What a mechanism says, and the duty that says the same: one without the other cannot be meant.
_SAME: Final = (
    ("par", "require_pushed_authorization_requests"),
    ("pkce_req", "require_pkce"),
    ("once", "single_use_codes"),
    ("confidential_clients", "confidential_clients_only"),
    ("exact_ruri", "require_registered_redirect_uri"),
    ("https_redirect", "require_encrypted_redirect_uri"),
)
# What a duty makes sure of; the mechanism can be there without it (signed responses carry the issuer as well).
_FOLLOWS: Final = (
    ("require_iss_parameter", "iss"),
    ("single_use_request_uris", "once_ru"),
    ("require_dpop_nonce", "dpop_nonce"),
    ("bind_code_to_dpop_key", "dpop_jkt"),
)
# Somewhere on Earth it is tomorrow already.
_FURTHEST_AHEAD: Final = dt.timedelta(days=1)


@cache
def revisions() -> Mapping[str, Revision]:
    """Return the newest revision of each practice by its id."""
    source = files("trustweft.profile") / "revisions.toml"
    rows = msgspec.toml.decode(source.read_bytes(), type=_Revisions).revision
    return {row.practice: row for row in rows}


def judge(profile: Profile, *, today: dt.date) -> Iterator[Finding]:
    """Yield what is wrong with a profile that could be loaded.

    Args:
        profile: the profile.
        today: the day to which its review date is held.
    """
    if profile.extends is not None:
        base = load_profile(profile.extends)
        yield from (Finding("weaker", weakness.text) for weakness in weaknesses(profile, base))
    yield from (Finding("contradiction", text) for text in _contradictions(profile))
    if profile.review_by < today:
        yield Finding("review", f"it was to be reviewed by {profile.review_by}")
    if profile.date - today > _FURTHEST_AHEAD:
        yield Finding("review", f"its own date {profile.date} has not come yet")
    if profile.review_by < profile.date:
        yield Finding(
            "review", f"its review date {profile.review_by} lies before its own date {profile.date}"
        )
    yield from (Finding("outdated", text) for text in _outdated(profile))
    yield from (Finding("unaccounted", text) for text in _unaccounted(profile))


def _contradictions(profile: Profile) -> Iterator[str]:
    on = frozenset(profile.mechanisms.on)
    table = load_mechanisms()
    for name in profile.mechanisms.on:
        missing = [needed for needed in table[name].requires if needed not in on]
        clashes = [other for other in table[name].conflicts if other in on]
        if missing:
            yield f"the mechanism {name} does nothing without {', '.join(missing)}"
        if clashes:
            yield f"the mechanism {name} makes no sense with {', '.join(clashes)}"
    for mechanism, duty in DUTIES_OF_MECHANISMS:
        moot = mechanism.startswith("dpop") and not uses_dpop(profile)
        if getattr(profile.duties, duty) and mechanism not in on and not moot:
            yield f"the duty {duty} is in force, and the mechanism {mechanism} is off"
    if profile.duties.require_sender_constrained_tokens and "sc=none" in on:
        yield "the duty require_sender_constrained_tokens is in force, and sc is none"
    yield from broken_promises(profile)
    yield from contradictions(profile)


def _outdated(profile: Profile) -> Iterator[str]:
    for source in profile.sources:
        if source.practice is None:
            continue
        newest = revisions().get(source.practice)
        if newest is None:
            yield f"it cites {source.title} as {source.practice}, of which no revision is known"
            continue
        if source.date < newest.date:
            yield f"it cites {source.title} of {source.date}; the newest revision is of {newest.date}"
        if source.date > newest.date:
            yield f"it cites {source.title} of {source.date}; the newest revision that is known is of {newest.date}"
        if newest.superseded_by is not None:
            replacement = revisions()[newest.superseded_by]
            yield f"it cites {source.title}, whose place {replacement.title} took on {replacement.date}"


def _unaccounted(profile: Profile) -> Iterator[str]:
    for responsibility in profile.responsibilities:
        if responsibility.accountable is None:
            yield f"nobody answers for {responsibility.id}"
        if responsibility.evidence is None:
            yield f"nothing shows that {responsibility.id} was done"
