"""What becomes of a running ecosystem when it gets another profile: what acts at once, on what, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.profile.schema import Profile

__all__ = [
    "ACTS_AT_ONCE",
    "WAITS_FOR_START",
    "Change",
    "changes_between",
    "check_consistent",
    "check_live",
    "check_same_bounds",
    "in_one_line",
]

_NEW_ONES: Final = "those that are out keep the lifetime that they were issued with"
_DONE_ANYWAY: Final = "changes nothing here: it is done as strictly as before"
_OPENED: Final = "listeners, and connections to others, are set up when a participant starts"
_DIRECTORY: Final = "for what the directory decides from now on, and for what is read of it from now on"
_EVERY_REQUEST: Final = "counts for every request from now on"

# Every limit and duty that this version honours stands in one of the two tables; a test holds it.
ACTS_AT_ONCE: Final[Mapping[str, str]] = {
    "access_token_lifetime": f"for access tokens issued from now on; {_NEW_ONES}",
    "authorization_code_lifetime": f"for codes issued from now on; {_NEW_ONES}",
    "client_assertion_max_lifetime": _EVERY_REQUEST,
    "client_authentication_methods": f"{_EVERY_REQUEST}, and stands in the metadata",
    "dpop_nonce_step": "nonces that are out end, and every client is given a new one with its next answer",
    "dpop_proof_max_age": _EVERY_REQUEST,
    "future_tolerance": f"{_EVERY_REQUEST}; MoneyView reads it at its next start",
    "grant_lifetime": "for permissions given from now on; those that stand keep their end",
    "grant_types": f"{_EVERY_REQUEST}, and stands in the metadata; tokens that are out stay good",
    "id_token_lifetime": f"for ID tokens issued from now on; {_NEW_ONES}",
    "interaction_lifetime": "for logins that begin from now on; those under way keep their end",
    "nonce_max_length": _EVERY_REQUEST,
    "redirect_status": _EVERY_REQUEST,
    "refresh_token_lifetime": f"for refresh tokens issued from now on; {_NEW_ONES}",
    "request_uri_lifetime": f"for requests pushed from now on; {_NEW_ONES}",
    "require_certificate_at_registration": f"{_EVERY_REQUEST} to register, and to look after a registration",
    "require_client_keys_by_reference": "for registrations from now on; those that stand keep their keys",
    "require_dpop_nonce": _EVERY_REQUEST,
    "response_types": _EVERY_REQUEST,
    "sender_constraint_methods": f"{_EVERY_REQUEST}, and stands in the metadata; tokens that are out stay good",
    "signing_algorithms": f"{_EVERY_REQUEST}, and stands in the metadata; tokens that are out stay good",
    "software_statement_max_age": _EVERY_REQUEST,
    "state_max_length": _EVERY_REQUEST,
}
WAITS_FOR_START: Final[Mapping[str, str]] = {
    "minimum_tls_version": _OPENED,
    "tls_1_2_cipher_suites": _OPENED,
    "client_assertion_lifetime": "MoneyView reads it when it starts; other clients have their own",
}
# What must not grow while anybody runs, and why.
_ONLY_LESS: Final[Mapping[str, str]] = {
    "dpop_proof_max_age": (
        "a used proof is remembered for as long as it was good when it came, and would be good again. "
        "Stop every participant for as long as the longer one, and apply it before they start"
    ),
}


class Change(Struct, frozen=True, kw_only=True):
    """One value of a profile that gets another value.

    Attributes:
        name: which limit, duty or rule of the directory.
        before: its value until now.
        after: its value in the new profile.
        at_once: whether running participants act by it at once, or at their next start.
        effect: on what it acts, or why it waits.
    """

    name: str
    before: object
    after: object
    at_once: bool
    effect: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.name} from {_shown(self.before)} to {_shown(self.after)}"


def changes_between(before: Profile, after: Profile) -> tuple[Change, ...]:
    """Return what the second profile, held to be implemented, says otherwise than the first; in the order of a profile."""
    directory = before.directory.__struct_fields__
    names = (*before.limits.__struct_fields__, *before.duties.__struct_fields__, *directory)
    return tuple(
        Change(
            name=name,
            before=before.value(name),
            after=after.value(name),
            at_once=name not in WAITS_FOR_START,
            effect=WAITS_FOR_START.get(name)
            or ACTS_AT_ONCE.get(name)
            or (_DIRECTORY if name in directory else _DONE_ANYWAY),
        )
        for name in names
        if before.value(name) != after.value(name)
    )


def check_same_bounds(base: Profile, applied: Profile) -> None:
    """Hold that nothing which binds the ecosystem is dropped: a profile's bounds come from what it names.

    Raises:
        ProfileError: ``applied`` does not name every specification that ``base`` names.
    """
    kept = {each.id for each in applied.specifications}
    dropped = [each.id for each in base.specifications if each.id not in kept]
    if dropped:
        raise ProfileError(
            f"the profile {applied.name} does not hold itself to {', '.join(dropped)}, as {base.name} does: "
            "a running ecosystem keeps the specifications that its clients rely on"
        )


def check_consistent(profile: Profile) -> None:
    """Hold that clients which do as the profile says are not refused by servers which do as it says.

    Raises:
        ProfileError: the assertions of clients are good for longer than servers take them.
    """
    ours, most = (profile.value(f"client_assertion_{each}lifetime") for each in ("", "max_"))
    if not (isinstance(ours, int) and isinstance(most, int) and ours <= most):
        raise ProfileError(
            f"the profile {profile.name} contradicts itself: client_assertion_lifetime is {ours}, "
            f"and client_assertion_max_lifetime is {most}"
        )


def check_live(before: Profile, after: Profile) -> None:
    """Hold that participants which act by ``before`` can go on with ``after``, without a pause between them.

    Raises:
        ProfileError: something grew that must not.
    """
    for change in changes_between(before, after):
        why = _ONLY_LESS.get(change.name)
        if why is not None and _is_more(change):
            raise ProfileError(f"{change} cannot be while participants run: {why}")


def _is_more(change: Change) -> bool:
    return not (
        isinstance(change.before, int) and isinstance(change.after, int) and change.after < change.before
    )


def in_one_line(changes: Sequence[Change]) -> str:
    """Return the changes as they stand in a log."""
    return "; ".join(map(str, changes)) or "the same limits and duties"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
