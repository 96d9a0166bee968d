"""Settings of participants that go by what a directory says; without the table they take part in no ecosystem."""

from __future__ import annotations

import msgspec

from trustweft.resource.participation import ParticipationConfig as GuardConfig
from trustweft.server.participation import ParticipationConfig as ServerConfig

__all__ = ["ClientDirectory", "ClientNames", "FollowedDirectory", "ResourceDirectory", "ServerDirectory"]


class FollowedDirectory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directory that says who takes part.

    Attributes:
        issuer: the ``iss`` of all that it signs.
        feed: where its status list is, https.
        identifier: our own, in the directory: the ``aud`` of its events, the ``iss`` of our receipts.
        jwks_file: its public keys, a JWK Set; or
        jwks_uri: where it publishes them: exactly one of the two.
        state_file: where the last list is kept, with the orders that are not carried out yet.
        trust: PEM of the authorities that its https certificate hangs off; the system's unless named.
        allowed_hosts: hosts of the directory whose addresses need not be public.

    How long the last list is good for while the directory is away, the profile says.
    """

    issuer: str
    feed: str
    identifier: str
    state_file: str
    jwks_file: str | None = None
    jwks_uri: str | None = None
    trust: str | None = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a directory whose keys nobody would find, or that has them in two places."""
        if (self.jwks_file is None) is (self.jwks_uri is None):
            raise ValueError("directory has either a jwks_file or a jwks_uri")


class ServerDirectory(FollowedDirectory, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As an authorization server follows it; ``names`` is what the directory's names mean there."""

    names: ServerConfig = ServerConfig()

    def __post_init__(self) -> None:
        """Refuse a server that would not know when it, or one of its customers, has to stop."""
        super().__post_init__()
        if self.names.brand is None:
            raise ValueError("directory.names says which brand this server is")


class ResourceDirectory(FollowedDirectory, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a resource server follows it; ``names`` is what the directory's names mean there."""

    names: GuardConfig = GuardConfig()

    def __post_init__(self) -> None:
        """Refuse a guard that would not know whose customers tokens speak of."""
        super().__post_init__()
        if self.names.issuer_brand is None:
            raise ValueError("directory.names says which issuer_brand the tokens come from")


class ClientNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the directory's names mean at a client.

    Attributes:
        brand: the directory's name for its authorization server; once that takes part no more, nothing is left of it here.
    """

    brand: str


class ClientDirectory(FollowedDirectory, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a client follows it; ``identifier`` is its ``kind:id`` in the directory."""

    names: ClientNames
