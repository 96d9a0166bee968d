"""What every participant is assembled with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustweft.crypto.keys import LocalSigner, read_private_jwk, thumbprint
from trustweft.demo.operations import create_operations
from trustweft.net.serving import Listener
from trustweft.net.telemetry import Telemetry
from trustweft.profile import check_implemented, is_profile_file, load_profile
from trustweft.runtime.files import read_private_file
from trustweft.runtime.strict_json import load_object
from trustweft.store.reaper import Reaper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
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
    "read_key",
    "read_profile",
    "reaper",
    "resolve",
]

KEY_ID_LENGTH = 16
MAXIMUM_KEY_FILE = 16_384


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
    """

    listeners: list[Listener]
    background: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def join(self, other: Assembled) -> None:
        """Serve the other one too."""
        self.listeners += other.listeners
        self.background += other.background
        self.close += other.close


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


def read_profile(base: Path, name: str) -> Profile:
    """Return the profile that a participant is to act by: a packaged one, or a file beside the settings.

    Raises:
        ProfileError: there is none, it is too weak, or it asks for what this version cannot do.
    """
    profile = load_profile(resolve(base, name) if is_profile_file(name) else name)
    check_implemented(profile)
    return profile


def read_key(path: Path) -> LocalSigner:
    """Return the signer of a private JWK in a file for its owner alone; its ``kid`` is the thumbprint's beginning.

    Raises:
        KeyFileError: others can read the file.
        Reject: it holds no private key.
    """
    key = read_private_jwk(load_object(read_private_file(path), limit=MAXIMUM_KEY_FILE))
    return LocalSigner("ES256", key, thumbprint(key.public_key())[:KEY_ID_LENGTH])
