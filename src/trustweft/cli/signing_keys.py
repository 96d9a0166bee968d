"""Operators' view of the signing keys: where an ecosystem's server, or a server of its own, has them."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.settings import ServerSettings
from trustweft.cli.trust_anchor_settings import TrustAnchor
from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.key_states import KeyState, states_at
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trustweft.crypto.key_states import KeyStatus

__all__ = ["SigningKeys", "open_keys"]


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """A server's signing keys.

    Attributes:
        directory: where they are.
        algorithms: of the server's settings; the first is the default.
    """

    directory: KeyDirectory
    algorithms: tuple[str, ...]

    def statuses(self, *, now: float) -> tuple[KeyStatus, ...]:
        """Return every key and what it is, in the order of publication.

        Raises:
            click.ClickException: there are none, or a file cannot be used.
        """
        try:
            found = states_at(self.directory.read(), now) if self.directory.path.exists() else ()
        except (KeyFileError, OSError) as cause:
            raise click.ClickException(str(cause)) from cause
        if not found:
            raise click.ClickException(
                f"keys.none: {self.directory.path} holds no keys; the first start of the server makes them"
            )
        return found

    def signing_algorithms(self, *, now: float) -> tuple[str, ...]:
        """Return what the server signs with, the default first.

        Raises:
            click.ClickException: there are no keys, or a file cannot be used.
        """
        active = {each.record.algorithm for each in self.statuses(now=now) if each.state is KeyState.ACTIVE}
        order = [each for each in self.algorithms if each in active]
        return (*order, *sorted(active.difference(order)))


def open_keys(data: Path, config: Path | None = None) -> SigningKeys:
    """Return the keys of an ecosystem's server; or of the server or directory of ``config``, as ``trustweft serve`` reads it.

    Raises:
        click.ClickException: there is no ecosystem, or the settings cannot be used.
    """
    environment: Mapping[str, str] = os.environ
    if config is None:
        config, environment = DataDirectory.open(data).file("server/server.toml"), {}
    try:
        settings: ServerSettings | TrustAnchor = (
            read_settings(config, TrustAnchor, environment=environment).value
            if _is_of_directory(config)
            else read_settings(config, ServerSettings, environment=environment).value
        )
    except SettingsError as cause:
        raise click.ClickException(str(cause)) from cause
    return SigningKeys(KeyDirectory(config.parent / settings.keys.directory), settings.keys.algorithms)


def _is_of_directory(config: Path) -> bool:
    """Say whether a file has the settings of a directory: a server's have a table of that name too, beside its own."""
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False  # whoever reads it next says what is wrong
    return "directory" in document and "server" not in document
