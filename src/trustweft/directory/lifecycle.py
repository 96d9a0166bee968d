"""What a lifecycle is: states, and arrows that say who may move a subject from one to the next.

The tables themselves are in `lifecycles.py`; the manual's diagrams are drawn from them (`docs/directory-states.md`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEVERITY", "Arrow", "Cause", "Effect", "Lifecycle", "Need", "OrderAction", "Part", "State"]

Effect = Literal["active", "suspended", "ended"]
Cause = Literal["suspended", "withdrawn", "revoked", "lapsed", "compromised", "retired"]
# What an order tells participants.
OrderAction = Literal["suspend", "withdraw", "revoke", "lapse", "compromise", "retire", "resume"]
# Who acts. The directory acts by itself where a time is up. An auditor reads, and stands at no arrow.
Part = Literal["operator", "administrator", "authority", "directory", "auditor"]
# What must be so before an arrow is taken, beside the state that it starts from.
Need = Literal["parents", "certification", "key", "retention"]

SEVERITY: Final[Mapping[Effect, int]] = {"active": 0, "suspended": 1, "ended": 2}


class Arrow(Struct, frozen=True, kw_only=True):
    """One legal transition.

    Attributes:
        source: the state that it starts from.
        action: what is done.
        target: the state that it leads to.
        who: the parts that may do it; an administrator only for what belongs to the own organisation.
        evidence: what the entry of the log rests on.
        needs: what must be so besides. Nothing becomes active whose parent has ended, whatever stands here; ``parents``
            asks that they are active already.
        two_people: whether a profile may ask that a second person approves it. What is urgent never waits for one.
    """

    source: str
    action: str
    target: str
    who: tuple[Part, ...]
    evidence: str
    needs: tuple[Need, ...] = ()
    two_people: bool = False


class State(Struct, frozen=True, kw_only=True):
    """What being in a state means to others.

    Attributes:
        effect: what readers are told; None where they are told nothing yet.
        cause: why it is not active.
    """

    effect: Effect | None = None
    cause: Cause | None = None


class Lifecycle(Struct, frozen=True, kw_only=True):
    """The states of one kind of thing and the arrows between them.

    Attributes:
        name: the kind, or ``authorisation``.
        title: its name for people.
        adds: the parts that may enter a new one.
        states: each state and its meaning, the first one being where everything begins.
        arrows: every legal transition; what is not here is refused.
    """

    name: str
    title: str
    adds: tuple[Part, ...]
    states: Mapping[str, State]
    arrows: tuple[Arrow, ...]

    @property
    def initial(self) -> str:
        """The state in which a new one is."""
        return next(iter(self.states))

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action, in the order of the arrows."""
        return tuple(dict.fromkeys(arrow.action for arrow in self.arrows))

    def effect(self, state: str) -> Effect | None:
        """Return what readers are told of something in this state; None where they are told nothing."""
        return self.states[state].effect

    def arrow(self, *, source: str, action: str) -> Arrow | None:
        """Return the transition that ``action`` is in this state; None where it is not legal."""
        found = (each for each in self.arrows if (each.source, each.action) == (source, action))
        return next(found, None)
