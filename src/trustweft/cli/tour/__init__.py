"""`trustweft tour`: one complete flow against the running ecosystem, message by message, with its clauses."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.output import examples, json_option, print_json
from trustweft.cli.tour.context import Tour
from trustweft.cli.tour.narration import announce, as_document, as_page, conclude, tell
from trustweft.cli.tour.walking import walk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from trustweft.cli.tour.recording import Step

__all__ = ["command"]


@click.command(
    name="tour",
    epilog=examples(
        "trustweft tour",
        "trustweft tour --wait --html tour.html",
        "trustweft tour --json | jq '.steps[] | select(.ok | not)'",
    ),
)
@data_option
@json_option
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write a page with the sequence diagram to FILE.",
    metavar="FILE",
)
@click.option("--wait", "waits", is_flag=True, help="Wait a minute too, to see what expires.")
def command(data: Path, page: Path | None, *, as_json: bool, waits: bool) -> None:
    """Walk one complete flow against the running ecosystem, and show every message.

    It acts as a client and as a person with a browser, and at each step tries what must be refused. The exit status
    is 0 only if everything went as the profile says.
    """
    if page is not None and not page.parent.is_dir():
        raise click.BadParameter(f"there is no folder {page.parent}", param_hint="--html")
    steps = _walk(DataDirectory.open(data), as_json=as_json, waits=waits)
    if page is not None:
        page.write_text(as_page(steps), encoding="utf-8")
    if as_json:
        print_json(as_document(steps))
    else:
        conclude(steps, page=page)
    if not all(step.ok for step in steps):
        raise click.exceptions.Exit(1)


def _walk(directory: DataDirectory, *, as_json: bool, waits: bool) -> list[Step]:
    try:
        tour = Tour(
            directory,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            wait=_sleep if waits else None,
        )
    except (KeyFileError, OSError, Reject, ssl.SSLError) as cause:
        raise click.ClickException(f"{directory.path} cannot be read: {cause}") from cause
    try:
        if as_json:
            return walk(tour)
        announce(tour)
        return walk(tour, on_step=tell)
    finally:
        tour.wire.close()


def _sleep(seconds: float) -> None:
    click.echo(f"Waiting {seconds:.0f} seconds for what must expire ...", err=True)
    time.sleep(seconds)
