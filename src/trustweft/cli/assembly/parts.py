"""What every participant is assembled with."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from trustweft.crypto.keys import LocalSigner, read_private_jwk, thumbprint
from trustweft.demo.operations import create_operations
from trustweft.net.serving import Listener
from trustweft.net.telemetry import Telemetry
from trustweft.net.tls_policy import TlsPolicy
from trustweft.protocol.rar import DetailType
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import read_private_file
from trustweft.runtime.settings import SettingsError
from trustweft.runtime.strict_json import load_object
from trustweft.server.details import DetailTypeError, DetailTypes
from trustweft.store.reaper import Reaper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from trustweft.cli.settings import ListenSettings, TlsSettings
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer
    from trustweft.server.storage import ServerStore

__all__ = [
    "Assembled",
    "Surroundings",
    "operations_listeners",
    "read_detail_types",
    "read_key",
    "reaper",
    "resolve",
    "tls_policy",
]

KEY_ID_LENGTH = 16
MAXIMUM_KEY_FILE = 16_384
MAXIMUM_TYPE_FILE = 262_144


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process passes to its participants."""

    clock: Clock
    entropy: Entropy
    observer: Observer


@dataclass(slots=True)
class Assembled:
    """A participant that is ready to be served.

    Attributes:
        listeners: where it is reached.
        background: what runs as long as it is served.
        close: what to await at the end, last first.
        ready: each says whether a participant has all that it needs to answer, beside listening.
        stopping: called when serving is about to end: whoever lets requests wait answers them.
    """

    listeners: list[Listener]
    background: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    stopping: list[Callable[[], None]] = field(default_factory=list)
    ready: list[Callable[[], bool]] = field(default_factory=list)

    def narrow(self, policy: TlsPolicy) -> None:
        """Have every listener of now speak TLS within the policy."""
        self.listeners = [replace(listener, policy=policy) for listener in self.listeners]

    def join(self, other: Assembled) -> None:
        """Serve the other one too."""
        self.listeners += other.listeners
        self.background += other.background
        self.close += other.close
        self.stopping += other.stopping
        self.ready += other.ready


def tls_policy(profile: Profile) -> TlsPolicy:
    """Return what a profile says of TLS, for listeners and for connections to others."""
    limits = profile.limits
    return TlsPolicy(minimum_version=limits.minimum_tls_version, cipher_suites=limits.tls_1_2_cipher_suites)


def resolve(base: Path, name: str) -> Path:
    """Return the path of a setting: relative to the settings file."""
    return base / name


def reaper(
    store: ServerStore, participant: str, *, surroundings: Surroundings
) -> Callable[[], Awaitable[None]]:
    """Return the task that keeps a store small, and tells how many rows wait."""
    observer = surroundings.observer
    return Reaper(
        store,
        clock=surroundings.clock,
        on_backlog=lambda rows: observer.measured(participant, "reaper_backlog_rows", rows),
        on_failure=lambda refusal: observer.refused(participant, "reaper", refusal),
    ).run


def operations_listeners(
    listen: ListenSettings, tls: TlsSettings, *, base: Path, surroundings: Surroundings
) -> list[Listener]:
    """Return the operators' address of a participant, on the loopback interface; none unless its port is named."""
    observer = surroundings.observer
    if listen.operations_port is None or not isinstance(observer, Telemetry):
        return []
    return [
        Listener(
            name="operations",
            application=create_operations(observer.render_metrics, observer=observer),
            host="localhost",
            port=listen.operations_port,
            certificate=resolve(base, tls.certificate),
            private_key=resolve(base, tls.private_key),
        )
    ]


def read_detail_types(base: Path, names: Iterable[str]) -> DetailTypes:
    """Return the types of authorization details that the files define, each one: TOML by its name, JSON otherwise.

    Raises:
        SettingsError: a file cannot be read, or what it defines cannot be used.
    """
    definitions = []
    for name in names:
        path = resolve(base, name)
        try:
            raw = path.read_bytes()
            is_toml = path.suffix == ".toml"
            document = tomllib.loads(raw.decode()) if is_toml else load_object(raw, limit=MAXIMUM_TYPE_FILE)
            definition = msgspec.convert(document, DetailType)
            DetailTypes((definition,))
        except (OSError, ValueError, Reject) as cause:
            raise SettingsError(f"{path}: {cause}") from cause
        definitions.append(definition)
    try:
        return DetailTypes(definitions)
    except DetailTypeError as cause:
        raise SettingsError(f"authorization_details_types: {cause}") from cause


def read_key(path: Path) -> LocalSigner:
    """Return the signer of a private JWK in a file for its owner alone; its ``kid`` is the thumbprint's beginning.

    Raises:
        KeyFileError: others can read the file.
        Reject: it holds no private key.
    """
    key = read_private_jwk(load_object(read_private_file(path), limit=MAXIMUM_KEY_FILE))
    return LocalSigner("ES256", key, thumbprint(key.public_key())[:KEY_ID_LENGTH])
