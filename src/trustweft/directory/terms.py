"""What the profile asks of this directory: times, where two people decide, and what has to be certified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Collection

    from trustweft.profile.schema import Profile

__all__ = ["Terms", "terms_of"]


class Terms(Struct, frozen=True, kw_only=True):
    """The profile's rules as the directory's domain reads them; times in seconds.

    Attributes:
        refuse_by_push: within which whoever is told of a stop refuses; ``refuse_by_poll`` for whoever asks.
        clean_up: within which what is left over of something that ended is gone.
        compromise: like ``refuse_by_push``, for a key that others may have.
        retention: how long what ended is kept before it is archived. Its events are kept for ever.
        two_people: arrows (``software.revoke``) that a second person has to approve.
        certified: kinds that need a certification that is valid.
    """

    refuse_by_push: int
    refuse_by_poll: int
    clean_up: int
    compromise: int
    retention: int
    two_people: frozenset[str] = frozenset()
    certified: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what no lifecycle has, so that a slip of the pen never lets one person decide alone.

        Raises:
            ProfileError: with the names.
        """
        known = {
            f"{name}.{arrow.action}"
            for name, lifecycle in LIFECYCLES.items()
            for arrow in lifecycle.arrows
            if arrow.two_people
        }
        unknown = [*sorted(self.two_people - known), *sorted(self.certified - set(LIFECYCLES))]
        if unknown:
            raise ProfileError(f"the directory cannot ask for this: {', '.join(unknown)}")


def terms_of(profile: Profile, *, without_certification: Collection[str] = ()) -> Terms:
    """Read a profile.

    Args:
        profile: what everybody is held to.
        without_certification: kinds that the profile wants certified, and that are admitted without.

    Raises:
        ProfileError: it names an arrow for two people that is none, or no kind that could be certified.
    """
    rules = profile.directory
    within = {name: deadline.value for name, deadline in profile.offboarding.items()}
    poll = within.get("refusal_by_poll", rules.status_lifetime)
    push = within.get("refusal_by_push", poll)
    return Terms(
        refuse_by_push=push,
        refuse_by_poll=poll,
        clean_up=within.get("cleanup", rules.status_lifetime),
        compromise=within.get("key_compromise", push),
        retention=rules.retention,
        two_people=frozenset(rules.two_people),
        certified=frozenset(rules.certified) - frozenset(without_certification),
    )
