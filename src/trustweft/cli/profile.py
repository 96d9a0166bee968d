"""`trustweft profile`: what binds an ecosystem."""

from __future__ import annotations

import click

from trustweft.cli.output import examples
from trustweft.cli.profile_apply import apply

__all__ = ["command"]


@click.group(name="profile", epilog=examples("trustweft profile apply our-profile.toml"))
def command() -> None:
    """Change limits and duties of an ecosystem."""


command.add_command(apply)
