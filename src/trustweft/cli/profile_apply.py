"""`trustweft profile apply`: other limits and duties for an ecosystem that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from trustweft.cli.applied_profile import (
    Application,
    WeakerThanBefore,
    apply_profile,
    wait_until_in_force,
)
from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.profile import ProfileError
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["apply"]

PATIENCE: Final = 10.0  # seconds; our choice: participants follow within one, and a busy machine takes longer
_CLOCK: Final = SystemClock()


@click.command(
    epilog=examples(
        "trustweft profile apply our-profile.toml",
        "trustweft profile apply our-profile.toml --data ./ecosystem --json",
        "trustweft profile apply fapi2-security",
        "trustweft profile apply our-older-profile.toml --weaker",
    )
)
@data_option
@json_option
@click.option("--weaker", is_flag=True, help="Apply it though it is weaker than the one in force.")
@click.argument("profile", metavar="FILE")
def apply(profile: str, data: Path, *, as_json: bool, weaker: bool) -> None:
    """Change limits and duties of an ecosystem, without a restart where it runs.

    FILE is a profile, or the name of a packaged one. It is refused, and nothing changes, where it is weaker than its
    specifications allow or than the profile that it extends, drops a specification that binds the ecosystem,
    contradicts itself, or asks for what this version cannot do. Where it is weaker than the one in force, and may be,
    it is applied with --weaker alone; without it the exit status is 2. Who applied what is kept in profile-history.jsonl; each participant logs the change. A later start
    finds the profile again.
    """
    directory = DataDirectory.open(data)
    try:
        applied = apply_profile(directory, profile, clock=_CLOCK, may_be_weaker=weaker)
    except WeakerThanBefore as cause:
        raise click.UsageError(
            f"{profile} is weaker than the profile in force: {cause}.\n"
            "Nothing has changed. Whoever means it says --weaker."
        ) from cause
    except (ProfileError, SettingsError, KeyFileError, OSError) as cause:
        raise click.ClickException(f"{cause}\nNothing has changed.") from cause
    participants, everywhere = wait_until_in_force(directory, applied.digest, seconds=PATIENCE)
    if as_json:
        print_json({**msgspec.to_builtins(applied), "participants": participants, "in_force": everywhere})
    else:
        _print(applied, participants)
    if not everywhere:
        raise click.ClickException(
            f"Not everybody acts by it after {PATIENCE:.0f} seconds; their logs say why."
        )


def _print(applied: Application, participants: Sequence[dict[str, Any]]) -> None:
    if applied.digest == applied.before:
        click.echo(f"{applied.profile} is in force already (SHA-256 {applied.digest}).")
    else:
        click.echo(f"Applied {applied.profile} (SHA-256 {applied.digest}).")
        _print_changes(applied)
    if not participants:
        click.echo("Nothing is running: the next start acts by it.")
        return
    rows = [
        [
            str(each.get("participant", "?")),
            str(each.get("process", "?")),
            "in force" if each.get("digest") == applied.digest else str(each.get("problem") or "not yet"),
        ]
        for each in participants
    ]
    print_table(("participant", "process", "profile"), rows)


def _print_changes(applied: Application) -> None:
    if not applied.changes:
        click.echo("Its limits and duties are those of the one before.")
    for change in applied.changes:
        click.echo(f"  {change}\n    {'at once' if change.at_once else 'at the next start'}: {change.effect}")
    if applied.weaker:
        click.echo("It is weaker than the one before:")
    for text in applied.weaker:
        click.echo(f"  {text}")
