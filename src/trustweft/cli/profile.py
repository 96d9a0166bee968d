"""`trustweft profile`: what binds an ecosystem."""

from __future__ import annotations

import click

from trustweft.cli.output import examples
from trustweft.cli.profile_apply import apply
from trustweft.cli.profile_coverage import coverage

__all__ = ["command"]


@click.group(
    name="profile",
    epilog=examples(
        "trustweft profile coverage --holes",
        "trustweft profile apply our-profile.toml",
    ),
)
def command() -> None:
    """Show, compare, judge and apply profiles, and what comes of each of their requirements."""


command.add_command(coverage)
command.add_command(apply)
