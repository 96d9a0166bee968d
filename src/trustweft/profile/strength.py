"""Which of two values is weaker: how a profile that extends another is held to it, and how two are compared.

The direction of each limit is data; a limit that is neither weaker nor stronger when it changes has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from trustweft.profile.mechanisms import KINDS, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.profile.governance import Deadline
    from trustweft.profile.schema import Profile

__all__ = ["Part", "Weakness", "uses_dpop", "weaknesses"]

Part = Literal[
    "about",
    "specifications",
    "mechanisms",
    "limits",
    "duties",
    "directory",
    "on-boarding",
    "off-boarding",
    "responsibilities",
    "interactions",
    "accepted risks",
    "requirements",
]


class Weakness(Struct, frozen=True):
    """One point in which a profile is weaker than another.

    Attributes:
        part: the part of a profile in which it lies.
        name: what it is there: a limit, a duty, a mechanism, the kind of a graded one, or an id.
        text: what is weaker, as a sentence without a stop.
    """

    part: Part
    name: str
    text: str


# More of it is weaker: whoever steals something can use it longer, and more is allowed.
_MORE_IS_WEAKER: Final = frozenset(
    (
        "future_tolerance",
        "authorization_code_lifetime",
        "request_uri_lifetime",
        "interaction_lifetime",
        "access_token_lifetime",
        "id_token_lifetime",
        "refresh_token_lifetime",
        "grant_lifetime",
        "client_assertion_lifetime",
        "client_assertion_max_lifetime",
        "dpop_proof_max_age",
        "dpop_nonce_step",
        "software_statement_max_age",
        "signing_algorithms",
        "response_types",
        "grant_types",
        "tls_1_2_cipher_suites",
        "status_lifetime",
        "payments_stale_cap",
        "data_stale_cap",
        "clock_skew",
    )
)
_LESS_IS_WEAKER: Final = frozenset(
    (
        "minimum_rsa_key_bits",
        "minimum_elliptic_curve_key_bits",
        "credential_entropy_bits",
        "minimum_tls_version",
        "two_people",
        "certified",
    )
)
# Lists of which the weakest counts, weakest first: what is allowed is what an attacker meets. An empty list asks for
# nothing at all.
_GRADES: Final[Mapping[str, Mapping[str, int]]] = {
    "code_challenge_methods": {"plain": 1, "S256": 2},
    "client_authentication_methods": {
        "none": 1,
        "client_secret_basic": 2,
        "client_secret_post": 2,
        "private_key_jwt": 3,
        "tls_client_auth": 3,
        "self_signed_tls_client_auth": 3,
    },
    "sender_constraint_methods": {"dpop": 1, "mtls": 1},
}
# Mechanisms that open something instead of closing it.
_OPENS: Final = frozenset(("refresh", "rotation", "dcr", "ciba", "device", "second_client", "introspection"))
# Those that are a new way in, and the mechanism that guards it, if one does. Rotation has a duty of its own.
_WAYS_IN: Final[Mapping[str, str | None]] = {"dcr": "dcr_auth", "ciba": None, "device": None}


def uses_dpop(profile: Profile) -> bool:
    """Say whether tokens can be bound by DPoP; what a profile says of DPoP is moot otherwise."""
    return "sc=dpop" in (*profile.mechanisms.on, *profile.mechanisms.choices)


def weaknesses(profile: Profile, base: Profile) -> Iterator[Weakness]:
    """Yield each point in which ``profile`` is weaker than ``base``."""
    held_to = {each.id for each in profile.specifications}
    for each in base.specifications:
        if each.id not in held_to:
            text = f"it is not held to {each.id}, and {base.name} is"
            yield Weakness("specifications", each.id, text)
    yield from _weaker_values("limits", profile.limits, base.limits, base=base.name)
    for name in base.duties.__struct_fields__:
        if getattr(base.duties, name) and not getattr(profile.duties, name):
            yield Weakness("duties", name, f"{name} is no duty here, and is one in {base.name}")
    yield from _weaker_values("directory", profile.directory, base.directory, base=base.name)
    yield from _weaker_mechanisms(profile, base)
    yield from _opened(profile, base)
    yield from _later_deadlines(profile, base)
    yield from _later_responsibilities(profile, base)
    yield from _further_risks(profile, base)


def _weaker_values(part: Part, here: Struct, there: Struct, *, base: str) -> Iterator[Weakness]:
    for name in there.__struct_fields__:
        ours, theirs = getattr(here, name), getattr(there, name)
        if _weaker(name, ours, theirs):
            yield Weakness(part, name, f"{name} is {_shown(ours)}, and {base} has {_shown(theirs)}")


def _weaker(name: str, ours: object, theirs: object) -> bool:
    if name in _GRADES:
        return _grade(name, ours) < _grade(name, theirs)
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        more, less = set(ours) - set(theirs), set(theirs) - set(ours)
        return bool((more and name in _MORE_IS_WEAKER) or (less and name in _LESS_IS_WEAKER))
    if isinstance(ours, int) and isinstance(theirs, int):
        return ours > theirs if name in _MORE_IS_WEAKER else name in _LESS_IS_WEAKER and ours < theirs
    return isinstance(ours, str) and isinstance(theirs, str) and name in _LESS_IS_WEAKER and ours < theirs


def _grade(name: str, values: object) -> int:
    """Return how strong the weakest of ``values`` is; 0 for none, or for one that is not known."""
    named = values if isinstance(values, tuple) else ()
    return min((_GRADES[name].get(str(value), 0) for value in named), default=0)


def _weaker_mechanisms(profile: Profile, base: Profile) -> Iterator[Weakness]:
    graded = tuple(f"{kind}=" for kind in KINDS)
    for name in base.mechanisms.on:
        moot = name in _OPENS or (name.startswith("dpop") and not uses_dpop(profile))
        if name not in profile.mechanisms.on and not moot and not name.startswith(graded):
            yield Weakness("mechanisms", name, f"the mechanism {name} is off, and on in {base.name}")
    for kind, order in KINDS.items():
        ours, theirs = (_weakest(kind, order, each) for each in (profile, base))
        if order.index(ours) < order.index(theirs):
            yield Weakness("mechanisms", kind, f"{kind} is {ours}, and {theirs} in {base.name}")


def _weakest(kind: str, order: tuple[str, ...], profile: Profile) -> str:
    """Return the weakest value that the profile allows: an attacker picks among the choices."""
    return min(values_of(kind, (*profile.mechanisms.on, *profile.mechanisms.choices)), key=order.index)


def _opened(profile: Profile, base: Profile) -> Iterator[Weakness]:
    for name, guard in _WAYS_IN.items():
        open_here, open_there = (
            name in each.mechanisms.on and guard not in each.mechanisms.on for each in (profile, base)
        )
        if open_here and not open_there:
            without = f" without {guard}" if guard else ""
            text = f"the mechanism {name} is on{without}, and not in {base.name}"
            yield Weakness("mechanisms", name, text)


def _later_deadlines(profile: Profile, base: Profile) -> Iterator[Weakness]:
    both: tuple[tuple[Part, Mapping[str, Deadline], Mapping[str, Deadline]], ...] = (
        ("on-boarding", profile.onboarding, base.onboarding),
        ("off-boarding", profile.offboarding, base.offboarding),
    )
    for part, ours, theirs in both:
        for name, deadline in theirs.items():
            here = ours[name].value if name in ours else None
            if (said := _later(here, deadline.value)) is not None:
                yield Weakness(part, name, f"{part}: {name} {said} in {base.name}")


def _later_responsibilities(profile: Profile, base: Profile) -> Iterator[Weakness]:
    ours = {each.id: each for each in profile.responsibilities}
    for each in base.responsibilities:
        if each.id not in ours:
            text = f"responsibility: {each.id} is nobody's, and {each.who}'s in {base.name}"
            yield Weakness("responsibilities", each.id, text)
        elif (
            each.deadline is not None and (said := _later(ours[each.id].deadline, each.deadline)) is not None
        ):
            yield Weakness("responsibilities", each.id, f"responsibility: {each.id} {said} in {base.name}")


def _later(ours: int | None, theirs: int) -> str | None:
    """Say how ``ours`` is later than a deadline of ``theirs`` seconds; None where it is not."""
    if ours is None:
        return f"has no deadline, and {theirs} seconds"
    return f"takes {ours} seconds, and {theirs}" if ours > theirs else None


def _further_risks(profile: Profile, base: Profile) -> Iterator[Weakness]:
    """Yield risks accepted beyond those of ``base``; a base that accepts none has not weighed its risks."""
    for risk in profile.residuals if base.residuals else ():
        accepted = any(
            (risk.attack, risk.goal) == (other.attack, other.goal)
            and set(other.attackers) <= set(risk.attackers)
            for other in base.residuals
        )
        if not accepted:
            text = f"it accepts {risk.attack} ({risk.goal}) by {', '.join(risk.attackers)}, and {base.name} does not"
            yield Weakness("accepted risks", f"{risk.attack}, {risk.goal}", text)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "empty"
    return str(value)
