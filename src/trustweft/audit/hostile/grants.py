"""What the hostile server remembers: requests that were pushed, codes, and the tokens that came of them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Grant", "Memory"]


@dataclass(slots=True)
class Grant:
    """One authorization.

    Attributes:
        parameters: of the authorization request.
        bound: whether a proof came when the code was redeemed.
        redeemed: whether its code was used.
        revoked: whether it has ended.
    """

    scenario: str
    parameters: dict[str, str]
    bound: bool = False
    redeemed: bool = False
    revoked: bool = False
    refresh_token: str = ""

    @property
    def client_id(self) -> str:
        """Who asked."""
        return self.parameters.get("client_id", "")

    @property
    def scope(self) -> str:
        """What was asked for."""
        return self.parameters.get("scope", "")

    @property
    def asks_for_identity(self) -> bool:
        """Whether an ID token belongs to the answer."""
        return "openid" in self.scope.split()


@dataclass(slots=True)
class Memory:
    """Everything by the secret that stands for it."""

    pushed: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
