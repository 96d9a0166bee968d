"""The command line: one module per command, loaded when it is called, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Final

import click

from trustweft.cli.output import preformatted

__all__ = ["main"]

_CLOSED_PIPE: Final = (
    141  # as a shell says that a program ended by SIGPIPE: neither good news (0) nor bad (1)
)
_COMMANDS = {
    "up": ("up", "Run the whole ecosystem on this machine."),
    "serve": ("serve", "Run one participant alone."),
    "tour": ("tour", "Walk one complete flow against the running ecosystem, and show every message."),
    "clients": ("clients", "Register, list, show and remove clients."),
    "users": ("users", "Add, list and remove users."),
    "keys": ("keys", "List, rotate and retire the server's signing keys."),
    "profile": ("profile", "Show, compare, judge and apply profiles: what binds an ecosystem."),
    "prove": ("prove", "Search a profile for attacks, and tell what closes them."),
    "check": ("check", "Attack a deployment, and say with evidence whether it is really secure."),
    "onboard": ("onboard", "Bring organisations, authorization servers and software in, step by step."),
    "offboard": ("offboard", "Take somebody out, and prove that everybody refuses them."),
    "evidence": ("evidence", "List, show, export and verify the evidence log."),
    "console": ("console", "Invite, list and remove the people of the directory's console."),
    "config": ("configuration", "Explain where each setting comes from."),
}


class _Commands(click.Group):
    """Imports a command's module only when the command is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end quietly where nobody reads what it says any more (``trustweft ... | head -1``)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still in the buffer goes nowhere, so that the interpreter does not complain of it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(_CLOSED_PIPE) from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the library passes it
        """Return the names in the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # the library passes it
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return the command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"trustweft.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # the library passes it
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


_BEGIN = preformatted(
    "Begin with:",
    "trustweft up          run everything on https://localhost:8440",
    "trustweft tour        see one complete flow, message by message",
)
_COMPLETION = preformatted(
    "Shell completion, for bash (zsh and fish alike):",
    'eval "$(_TRUSTWEFT_COMPLETE=bash_source trustweft)"',
)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{_BEGIN}\n\n{_COMPLETION}",
)
@click.version_option(package_name="trustweft")
def main() -> None:
    """A secure API ecosystem in a box."""
