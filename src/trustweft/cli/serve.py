"""`trustweft serve`: one participant alone, as an operator runs it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
import uvloop

from trustweft.cli.assembly.client import assemble_client
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.resource import assemble_resource
from trustweft.cli.assembly.running import run
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.assembly.trust_anchor import assemble_directory
from trustweft.cli.configuration import KINDS
from trustweft.cli.output import examples
from trustweft.cli.settings import MAXIMUM_WORKERS
from trustweft.cli.workers.supervising import Supervisor
from trustweft.net.serving import ServingError, stop_on_signals
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

__all__ = ["ASSEMBLERS", "START_FAILURES", "command"]

ASSEMBLERS: Final[dict[str, Callable[..., Assembled]]] = {
    "server": assemble_server,
    "resource": assemble_resource,
    "client": assemble_client,
    "directory": assemble_directory,
}
START_FAILURES: Final = (KeyFileError, ProfileError, SettingsError, ServingError, StoreFileError)


@click.command(
    name="serve",
    epilog=examples(
        "trustweft serve server --config server.toml",
        "trustweft serve server --config server.toml --workers 4",
        "TRUSTWEFT_LISTEN__PORT=9443 trustweft serve resource --config resource.toml",
        "trustweft serve directory --config directory.toml",
    ),
)
@click.argument("participant", type=click.Choice(list(ASSEMBLERS)))
@click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The participant's TOML file; TRUSTWEFT_… variables of the environment go over it.",
)
@click.option(
    "--workers",
    "workers",
    type=click.IntRange(1, MAXIMUM_WORKERS),
    help="So many processes on the same ports and the same store; over `workers` in [listen], which is 1 by default.",
)
def command(participant: str, config: Path, workers: int | None) -> None:
    """Run one participant alone, until Ctrl-C."""
    surroundings = Surroundings(SystemClock(), SystemEntropy(), Telemetry())
    try:
        settings: Any = read_settings(config, KINDS[participant], environment=os.environ).value
        if workers is not None:
            listen = msgspec.structs.replace(settings.listen, workers=workers)
            settings = msgspec.structs.replace(settings, listen=listen)
        if settings.listen.workers == 1:
            uvloop.run(_serve(participant, settings, base=config.parent, surroundings=surroundings))
        elif participant == "directory":
            raise SettingsError("the directory has one worker: its evidence log has one writer")
        elif participant == "client":
            raise SettingsError("MoneyView keeps its sessions in its memory: it has one worker")
        elif settings.directory is not None:
            raise SettingsError(
                "whoever follows a directory has one worker: several would write over what each other knows"
            )
        else:
            asyncio.run(_supervise(participant, settings, base=config.parent, surroundings=surroundings))
    except START_FAILURES as cause:
        raise click.ClickException(str(cause)) from cause


async def _serve(participant: str, settings: Any, *, base: Path, surroundings: Surroundings) -> None:
    # Assembled inside the loop: stores belong to the loop that they are used in.
    assembled = ASSEMBLERS[participant](settings, base=base, surroundings=surroundings)
    await run(assembled, on_ready=_announce(participant, assembled))


async def _supervise(participant: str, settings: Any, *, base: Path, surroundings: Surroundings) -> None:
    # Assembled once before the workers are, and closed again: what a first start makes (schema, keys, secrets) is
    # made by one process, and what is wrong with the settings is said once.
    assembled = ASSEMBLERS[participant](settings, base=base, surroundings=surroundings)
    for close in reversed(assembled.close):
        await close()
    supervisor = Supervisor(
        participant=participant,
        settings=settings,
        base=str(base),
        listeners=assembled.listeners,
        workers=settings.listen.workers,
        surroundings=surroundings,
    )
    stop = asyncio.Event()
    with stop_on_signals(stop):
        await supervisor.run(stop=stop, on_ready=_announce(participant, assembled))


def _announce(participant: str, assembled: Assembled) -> Callable[[], None]:
    where = ", ".join(f"https://{listener.host}:{listener.port}" for listener in assembled.listeners)
    return lambda: click.echo(f"The {participant} answers at {where}. Stop with Ctrl-C.")
