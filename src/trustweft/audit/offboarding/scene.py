"""Who is off-boarded where, and who is not: everything that a probe needs to know before it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustweft.protocol.offboarding_probe import CREDENTIALS

if TYPE_CHECKING:
    from trustweft.audit.api import Operation
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.parties import Party
    from trustweft.audit.target import User
    from trustweft.protocol.offboarding_probe import Credential

__all__ = ["Call", "Holder", "Site"]

_ALL: Final = frozenset(CREDENTIALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to an API, and what it answers to a token that it accepts.

    Attributes:
        participant: the identifier of the resource server in the directory.
        good: statuses of a good answer; 404 is one where the token is looked at before the address is.
    """

    participant: str
    operation: Operation
    good: frozenset[int] = frozenset({200})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A client as it acts for one user, with one scope.

    Attributes:
        user: None for a client that acts for itself.
        calls: what its tokens are good for, one for each API.
    """

    party: Party
    user: User | None
    scope: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One authorization server and the APIs that take its tokens.

    Attributes:
        participant: the identifier of the server in the directory.
        subject: who is off-boarded.
        controls: who is not, and must be able to go on.
        credentials: those that must stop working; of a user, for example, the client's key goes on.
        code_seconds: how long the server's codes live, at least: an older one shows nothing.
        withdraws: whether permission can still be taken back afterwards, and is tried.
    """

    participant: str
    deployment: Deployment
    subject: Holder
    controls: tuple[Holder, ...] = ()
    credentials: frozenset[Credential] = field(default=_ALL)
    code_seconds: float = 45.0
    withdraws: bool = False
