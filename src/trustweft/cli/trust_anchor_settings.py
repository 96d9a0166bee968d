"""The TOML file of a directory, as `trustweft serve directory` reads it. A relative path is relative to its file."""

from __future__ import annotations

from typing import Literal

import msgspec

from trustweft.cli.settings import (  # msgspec resolves the annotations at run time
    ListenSettings,  # noqa: TC001
    ProxySettings,  # noqa: TC001
    TlsSettings,  # noqa: TC001
)
from trustweft.directory.config import DirectoryConfig  # noqa: TC001  # as above

__all__ = ["EvidenceSettings", "OutboundSettings", "RegisterSettings", "SigningSettings", "TrustAnchor"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all settings: an unknown key is an error."""


class RegisterSettings(_Settings, frozen=True):
    """Where the directory keeps what it knows.

    Attributes:
        path: the SQLite file of its events, which commands beside it write to as well.
        deliveries: how far each participant was told.
        replays: the SQLite file of what may be shown once.
    """

    path: str = "register.sqlite"
    deliveries: str = "deliveries.json"
    replays: str = "replays.sqlite"


class SigningSettings(_Settings, frozen=True):
    """The keys that sign everything that the directory says.

    They do not rotate by themselves: members of the federation hold them in files of their own.

    Attributes:
        directory: where they are.
        algorithms: what there are keys for; the first one signs.
    """

    directory: str = "keys"
    algorithms: tuple[Literal["ES256", "PS256", "EdDSA"], ...] = ("ES256",)

    def __post_init__(self) -> None:
        """Refuse a list that says nothing, or something twice."""
        if not self.algorithms or len(set(self.algorithms)) != len(self.algorithms):
            raise ValueError("keys.algorithms names one algorithm or more, each once")


class EvidenceSettings(_Settings, frozen=True):
    """The evidence log, and the key that signs its checkpoints."""

    log: str = "evidence.sqlite"
    key: str = "evidence-key.json"


class OutboundSettings(_Settings, frozen=True):
    """How participants are reached: their events endpoints, their keys, their statements.

    Attributes:
        trust: PEM of the authorities that the hosts' certificates hang off; the system's unless it is named.
        allowed_hosts: hosts whose addresses need not be public: for an ecosystem inside one network.
    """

    trust: str | None = None
    allowed_hosts: tuple[str, ...] = ()


class TrustAnchor(_Settings, frozen=True):
    """`trustweft serve directory`.

    Attributes:
        probe_keys_file: the public keys of those whose probes are evidence, a JWK Set. Where the file is missing it is
            made, with one key whose private half is in ``probe-key.json`` beside it.
        console: the SQLite file of the people who sign in to the console.
        profile: what everybody is held to: the name of a packaged profile, or a file.
        applied_profile: the file where `trustweft profile apply` puts another one; it is followed while we run.
        without_mechanisms: what the profile asks for and is not built: the operator does without, knowingly.
    """

    directory: DirectoryConfig
    listen: ListenSettings
    tls: TlsSettings
    register: RegisterSettings = RegisterSettings()
    keys: SigningSettings = SigningSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    outbound: OutboundSettings = OutboundSettings()
    proxy: ProxySettings | None = None
    probe_keys_file: str = "probe-keys.json"
    console: str = "console.sqlite"
    profile: str = "fapi2-security"
    applied_profile: str | None = None
    without_mechanisms: tuple[str, ...] = ()
