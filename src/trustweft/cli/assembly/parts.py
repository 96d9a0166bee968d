"""What every participant is assembled with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustweft.crypto.keys import LocalSigner, read_private_jwk, thumbprint
from trustweft.profile import check_implemented, is_profile_file, load_profile
from trustweft.runtime.files import read_private_file
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trustweft.net.serving import Listener
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["Assembled", "Surroundings", "read_key", "read_profile", "resolve"]

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
