"""`trustweft profile`: what binds an ecosystem."""

from __future__ import annotations

import click

from trustweft.cli.output import examples
from trustweft.cli.profile_apply import apply
from trustweft.cli.profile_coverage import coverage
from trustweft.cli.profile_diff import diff
from trustweft.cli.profile_lint import lint
from trustweft.cli.profile_show import list_, show

__all__ = ["command"]


@click.group(
    name="profile",
    epilog=examples(
        "trustweft profile list",
        "trustweft profile show fapi2-security --html profile.html",
        "trustweft profile diff fapi2-security our-profile.toml",
        "trustweft profile lint our-profile.toml",
        "trustweft profile apply our-profile.toml",
        "trustweft profile coverage --holes",
    ),
)
def command() -> None:
    """Show, compare, judge and apply profiles: what binds an ecosystem."""


for each in (list_, show, diff, lint, apply, coverage):
    command.add_command(each)
