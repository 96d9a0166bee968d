"""The variants of the outside suite: how clients authenticate, what binds their tokens, what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "CLIENT_CREDENTIALS",
    "CLIENT_KINDS",
    "RICH_REQUESTS",
    "VARIANTS",
    "Constraint",
    "Method",
    "Variant",
]

Method = Literal["private_key_jwt", "mtls"]
Constraint = Literal["dpop", "mtls"]


@dataclass(frozen=True)
class Variant:
    """One row of the table of certifications.

    Attributes:
        authentication: the suite's `client_auth_type`.
        constraint: the suite's `sender_constrain`.
        openid: the suite's `openid`: OpenID Connect, or OAuth alone.
        client_credentials: `fapi_profile=fapi_client_credentials_grant` instead of `plain_fapi`.
        rich_request: the suite's `authorization_request_type=rar`.
    """

    authentication: Method = "private_key_jwt"
    constraint: Constraint = "dpop"
    openid: bool = True
    client_credentials: bool = False
    rich_request: bool = False

    def __str__(self) -> str:
        kind = "client_credentials" if self.client_credentials else ("oauth", "openid")[self.openid]
        return f"{kind}+{self.authentication}+{self.constraint}{'+rar' if self.rich_request else ''}"

    @property
    def dpop(self) -> bool:
        """Whether tokens are bound to a key that makes proofs."""
        return self.constraint == "dpop"

    @property
    def signs_assertions(self) -> bool:
        """Whether clients authenticate with signed assertions."""
        return self.authentication == "private_key_jwt"

    @property
    def needs_certificates(self) -> bool:
        """Whether clients have certificates."""
        return "mtls" in (self.authentication, self.constraint)


CLIENT_KINDS: Final[tuple[tuple[Method, Constraint], ...]] = (
    ("private_key_jwt", "dpop"),
    ("private_key_jwt", "mtls"),
    ("mtls", "dpop"),
    ("mtls", "mtls"),
)
VARIANTS: Final = tuple(
    Variant(authentication, constraint, openid)
    for authentication, constraint in CLIENT_KINDS
    for openid in (True, False)
)
CLIENT_CREDENTIALS: Final = tuple(
    Variant(authentication, constraint, openid=False, client_credentials=True)
    for authentication, constraint in CLIENT_KINDS
)
# The suite's `authorization_request_type=rar`, where it makes a difference: with and without OpenID Connect.
RICH_REQUESTS: Final = (
    Variant("private_key_jwt", "dpop", openid=True, rich_request=True),
    Variant("mtls", "mtls", openid=False, rich_request=True),
)
