"""`trustweft serve`: one participant alone, as an operator runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import uvloop

from trustweft.cli.assembly.client import assemble_client
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.resource import assemble_resource
from trustweft.cli.assembly.running import run
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.configuration import KINDS
from trustweft.cli.output import examples
from trustweft.net.serving import ServingError
from trustweft.net.telemetry import Telemetry
from trustweft.profile import ProfileError
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError, read_settings
from trustweft.store.errors import StoreFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from trustweft.cli.assembly.parts import Assembled

__all__ = ["command"]

_ASSEMBLERS: dict[str, Callable[..., Assembled]] = {
    "server": assemble_server,
    "resource": assemble_resource,
    "client": assemble_client,
}


@click.command(
    name="serve",
    epilog=examples(
        "trustweft serve server --config server.toml",
        "TRUSTWEFT_LISTEN__PORT=9443 trustweft serve resource --config resource.toml",
    ),
)
@click.argument("participant", type=click.Choice(list(_ASSEMBLERS)))
@click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The participant's TOML file; TRUSTWEFT_… variables of the environment go over it.",
)
def command(participant: str, config: Path) -> None:
    """Run one participant alone, until Ctrl-C."""
    surroundings = Surroundings(SystemClock(), SystemEntropy(), Telemetry())
    try:
        settings = read_settings(config, KINDS[participant], environment=os.environ).value
        uvloop.run(_serve(participant, settings, base=config.parent, surroundings=surroundings))
    except (KeyFileError, ProfileError, SettingsError, ServingError, StoreFileError) as cause:
        raise click.ClickException(str(cause)) from cause


async def _serve(participant: str, settings: Any, *, base: Path, surroundings: Surroundings) -> None:
    # Assembled inside the loop: stores belong to the loop that they are used in.
    assembled = _ASSEMBLERS[participant](settings, base=base, surroundings=surroundings)
    where = ", ".join(f"https://{listener.host}:{listener.port}" for listener in assembled.listeners)
    await run(
        assembled, on_ready=lambda: click.echo(f"The {participant} answers at {where}. Stop with Ctrl-C.")
    )
