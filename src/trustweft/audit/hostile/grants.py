"""What the hostile server remembers: requests that were pushed, codes, and the tokens that came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest

__all__ = ["Grant", "Memory", "certificate_name"]


@dataclass(slots=True)
class Grant:
    """One authorization.

    Attributes:
        parameters: of the authorization request.
        bound: whether a proof came when the code was redeemed.
        certificate: the name of the client certificate of the connection by which it was redeemed.
        redeemed: whether its code was used.
        revoked: whether it has ended.
    """

    scenario: str
    parameters: dict[str, str]
    bound: bool = False
    certificate: str | None = None
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


def certificate_name(request: HttpRequest) -> str | None:
    """Return what a client certificate is known by: its hash (RFC 8705 section 3.1); None where none was shown."""
    der = request.client_certificate
    return None if der is None else f"x5t#S256 {sha256(der).hexdigest()}"


@dataclass(slots=True)
class Memory:
    """Everything by the secret that stands for it."""

    pushed: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
