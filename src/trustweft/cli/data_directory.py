"""Where an ecosystem keeps what it must find again: ports, keys, certificates, clients, grants, demo credentials."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.runtime.clock import Clock

__all__ = [
    "APPLIED_PROFILE",
    "DEFAULT_BASE_PORT",
    "DataDirectory",
    "Ports",
    "data_option",
    "default_directory",
]

DEFAULT_BASE_PORT: Final = 8440
_RECORD: Final = "ecosystem.json"
_APPLIED_PROFILE: Final = "profile.toml"
# As the participants' settings name it, each in a folder of its own.
APPLIED_PROFILE: Final = f"../{_APPLIED_PROFILE}"


def default_directory() -> Path:
    """Return the user's data directory for Trustweft (XDG base directory specification)."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "trustweft"


data_option = click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_directory,
    show_default="the user's data directory",
    help="The ecosystem's data directory.",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """One port for each participant, counted from a base."""

    base: int

    @property
    def home(self) -> int:
        """The home page."""
        return self.base

    @property
    def server(self) -> int:
        """The authorization server."""
        return self.base + 1

    @property
    def server_mtls(self) -> int:
        """The authorization server's listener that asks for client certificates."""
        return self.base + 2

    @property
    def resource(self) -> int:
        """The sample bank API."""
        return self.base + 3

    @property
    def client(self) -> int:
        """The sample client application."""
        return self.base + 4

    @property
    def directory(self) -> int:
        """The directory."""
        return self.base + 5

    @property
    def second_client(self) -> int:
        """The second sample client application."""
        return self.base + 6

    @property
    def operations(self) -> int:
        """Metrics, on the loopback interface only."""
        return self.base + 9

    def url(self, port: int) -> str:
        """Return the base URL at a port."""
        return f"https://localhost:{port}"


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    base_port: int
    created_at: float


class DataDirectory:
    """An ecosystem's directory; every file in it is for its owner alone."""

    def __init__(self, path: Path, ports: Ports) -> None:
        self.path = path
        self.ports = ports

    @classmethod
    def open(cls, path: Path) -> DataDirectory:
        """Open the directory of an ecosystem that was started before.

        Raises:
            click.ClickException: there is none, or it cannot be used.
        """
        try:
            record = msgspec.json.decode(read_private_file(path / _RECORD), type=_Record)
        except FileNotFoundError as cause:
            raise click.ClickException(
                f"{path} holds no ecosystem; start one with: trustweft up --data {path}"
            ) from cause
        except (KeyFileError, msgspec.MsgspecError, OSError) as cause:
            raise click.ClickException(str(cause)) from cause
        return cls(path, Ports(record.base_port))

    @classmethod
    def open_or_create(
        cls,
        path: Path,
        *,
        base_port: int | None,
        clock: Clock,
        check: Callable[[Ports], None] = lambda _ports: None,
    ) -> DataDirectory:
        """Open the directory, or make a new one at ``base_port``, which ``check`` may refuse.

        Raises:
            click.ClickException: it was made for another port: issuer and redirect URIs would change.
        """
        try:
            make_private_directory(path)
        except (KeyFileError, OSError) as cause:
            raise click.ClickException(str(cause)) from cause
        if not (path / _RECORD).exists():
            record = _Record(version=1, base_port=base_port or DEFAULT_BASE_PORT, created_at=clock.now())
            check(Ports(record.base_port))
            write_private_file(path / _RECORD, msgspec.json.encode(record))
        found = cls.open(path)
        if base_port not in (None, found.ports.base):
            raise click.ClickException(
                f"{path} was made for port {found.ports.base}. On port {base_port} the issuer and the redirect URIs "
                f"would change, and every client and token with them. Leave --port out, or name another --data."
            )
        return found

    def file(self, name: str) -> Path:
        """Return the path of a file; its folder is made where it is missing."""
        path = self.path / name
        make_private_directory(path.parent)
        return path

    @property
    def database(self) -> Path:
        """The authorization server's database."""
        return self.path / "server" / "trustweft.sqlite"

    @property
    def authority(self) -> Path:
        """The certificate of the local certificate authority."""
        return self.path / "ca" / "certificate.pem"

    @property
    def credentials(self) -> Path:
        """The demo users and their passwords."""
        return self.path / "credentials.json"

    @property
    def applied_profile(self) -> Path:
        """The profile that was applied over that of the settings, where one was."""
        return self.path / _APPLIED_PROFILE
