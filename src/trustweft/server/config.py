"""What an operator decides about one authorization server. URLs come from here, never from a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trustweft.protocol.url import parse_url
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PATHS", "RefreshTokenRotation", "ScopeDefinition", "ServerConfig"]

PATHS: Final = {
    "pushed_authorization_request": "/par",
    "authorization": "/authorize",
    "token": "/token",
    "introspection": "/introspect",
    "revocation": "/revoke",
    "userinfo": "/userinfo",
    "registration": "/register",
    "registration_recovery": "/register/recovery",
    "jwks": "/jwks",
    "interaction": "/interaction",
    "federation_registration": "/federation/registration",
    "ecosystem_events": "/ecosystem/events",
}


class ScopeDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scope value: where its tokens are good, and what a person is told about it."""

    name: str
    audience: str  # the resource server's identifier, or the issuer for userinfo
    title: str
    explanation: str


# Seconds; our choice: a client notices a lost answer and tries again within a minute, and a migration takes days.
SHORTEST_WINDOW: Final = 60
LONGEST_WINDOW: Final = 604_800


class RefreshTokenRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every refresh gives a new refresh token: for a migration or an emergency, and to be taken out again afterwards.

    FAPI 2.0 forbids it otherwise (Security Profile section 5.3.2.1 item 9 and note 1).

    Attributes:
        window_seconds: how long the old refresh token serves on, for clients that lost the answer with the new one.
    """

    window_seconds: int

    def __post_init__(self) -> None:
        """Refuse a window in which nobody could try again, or that is no window.

        Raises:
            ValueError: it is shorter than a minute or longer than a week.
        """
        if not SHORTEST_WINDOW <= self.window_seconds <= LONGEST_WINDOW:
            raise ValueError(f"window_seconds must be {SHORTEST_WINDOW} to {LONGEST_WINDOW}")


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One authorization server.

    Attributes:
        issuer: https, host and port (RFC 8414 section 2; our choice: no path, every issuer has an origin of its own).
        mtls_base: the base URL of the listener that asks for client certificates, where there is one (RFC 8705 section 5).
        display_name: what people see.
        organization_name: who runs it.
        scopes: everything that can be asked for by its name.
        authorization_details_types: files, JSON or TOML, each the definition of one type (RFC 9396): what can be asked
            for exactly.
        refresh_token_rotation: absent, as it should be but in extraordinary circumstances, no refresh token is replaced.
    """

    issuer: str
    display_name: str
    organization_name: str
    scopes: tuple[ScopeDefinition, ...]
    mtls_base: str | None = None
    refresh_token_rotation: RefreshTokenRotation | None = None
    authorization_details_types: tuple[str, ...] = ()

    @enforces("RFC9207-2-p2")
    def __post_init__(self) -> None:
        """Refuse addresses that the endpoints would not be found at.

        Raises:
            ValueError: the issuer or the other base is no https URL, or has a path.
        """
        for base in (self.issuer, self.mtls_base or self.issuer):
            url = parse_url(base)
            if url is None or (url.scheme, url.path, url.query, url.fragment) != ("https", "", None, None):
                raise ValueError(f"{base!r} must be https://host or https://host:port, and nothing more")

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint."""
        return self.issuer + PATHS[name]

    def endpoint_urls(self, name: str) -> tuple[str, ...]:
        """Return every URL that the endpoint is reached by: each is a valid ``htu``."""
        bases = (self.issuer,) if self.mtls_base is None else (self.issuer, self.mtls_base)
        return tuple(base + PATHS[name] for base in bases)

    def registration_client_uri(self, client_id: str, *, certified: bool) -> str:
        """Return where a client looks after its registration (RFC 7592 section 3).

        Args:
            client_id: whose.
            certified: whether it has to show its certificate there.
        """
        base = self.mtls_base if certified and self.mtls_base is not None else self.issuer
        return f"{base}{PATHS['registration']}/{client_id}"

    @property
    def origin(self) -> str:
        """Return scheme, host and port of the issuer."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    def audiences(self, scope: Iterable[str]) -> tuple[str, ...]:
        """Return the resource servers that a token with this scope is for, each once, in the order of the scopes."""
        by_name = {definition.name: definition.audience for definition in self.scopes}
        return tuple(dict.fromkeys(by_name[name] for name in scope if name in by_name))
