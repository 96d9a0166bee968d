"""`trustweft config`: what is in force, and who said so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from trustweft.cli.assembly.profiles import profile_in_force
from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.cli.settings import ClientSettings, ResourceSettings, ServerSettings
from trustweft.cli.trust_anchor_settings import TrustAnchor
from trustweft.profile import ProfileError
from trustweft.runtime.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.profile import Profile

__all__ = ["KINDS", "command"]

KINDS: Final[dict[str, type[ServerSettings | ResourceSettings | ClientSettings | TrustAnchor]]] = {
    "server": ServerSettings,
    "resource": ResourceSettings,
    "client": ClientSettings,
    "directory": TrustAnchor,
}


@click.group(
    name="config",
    epilog=examples(
        "trustweft config explain",
        "trustweft config explain server --json",
        "TRUSTWEFT_LISTEN__PORT=9000 trustweft config explain server --config server.toml",
    ),
)
def command() -> None:
    """Explain where each setting comes from."""


@command.command(
    epilog=examples(
        "trustweft config explain",
        "trustweft config explain server --json",
        "TRUSTWEFT_LISTEN__PORT=9000 trustweft config explain server --config server.toml",
    )
)
@data_option
@json_option
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A participant's own TOML file, as `trustweft serve` reads it: with the environment over it.",
)
@click.argument("participants", nargs=-1, type=click.Choice(list(KINDS)))
def explain(data: Path, config: Path | None, participants: tuple[str, ...], *, as_json: bool) -> None:
    """Print each setting with its value and source; and each limit of the profile with its clause.

    Without --config: the settings of the ecosystem that `trustweft up` runs, which come from its files alone.
    """
    if config is not None and len(participants) != 1:
        raise click.UsageError("--config is the file of one participant: name that one, and no other.")
    rows: list[dict[str, str]] = []
    if config is not None:
        rows = _rows(participants[0], config, environment=os.environ)
    else:
        directory = DataDirectory.open(data)
        paths = {name: directory.path / name / f"{name}.toml" for name in KINDS}
        # An ecosystem that an earlier version made has no directory.
        for participant in participants or [name for name, path in paths.items() if path.exists()]:
            path = paths[participant]
            rows += _rows(participant, path, environment={})
    if as_json:
        print_json(rows)
    else:
        print_table(("participant", "setting", "value", "source"), [list(row.values()) for row in rows])


def _rows(participant: str, path: Path, *, environment: Mapping[str, str]) -> list[dict[str, str]]:
    try:
        settings = read_settings(path, KINDS[participant], environment=environment)
        profile = profile_in_force(settings.value, base=path.parent).current
    except (SettingsError, ProfileError) as cause:
        raise click.ClickException(str(cause)) from cause
    rows = [
        {"participant": participant, "setting": one.path, "value": one.value, "source": one.source}
        for one in settings.explain()
    ]
    return rows + _profile_rows(participant, profile)


def _profile_rows(participant: str, profile: Profile) -> list[dict[str, str]]:
    values = {**msgspec.to_builtins(profile.limits), **msgspec.to_builtins(profile.duties)}
    return [
        {
            "participant": participant,
            "setting": f"profile.{key}",
            "value": str(value),
            "source": profile.why(key),
        }
        for key, value in values.items()
    ]
