"""`trustweft profile`: what binds an ecosystem."""

from __future__ import annotations

import click

from trustweft.cli.output import examples
from trustweft.cli.profile_coverage import coverage

__all__ = ["command"]


@click.group(
    name="profile",
    epilog=examples(
        "trustweft profile coverage --holes",
    ),
)
def command() -> None:
    """Show, compare and judge profiles, and what comes of each of their requirements."""


command.add_command(coverage)
