"""What the commands say of themselves: examples on every one, and completion in the shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from trustweft.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the path of every command below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def help_of(path: tuple[str, ...]) -> str:
    """Return what ``--help`` prints."""
    result = CliRunner().invoke(main, [*path, "--help"], prog_name="trustweft")
    assert result.exit_code == 0
    return result.output


def examples_of(text: str) -> list[str]:
    """Return the lines below ``Examples:``."""
    _, heading, rest = text.partition("\n  Examples:\n")
    assert heading, text
    return [line.strip() for line in rest.splitlines() if line.strip()]


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_each_command_shows_examples_of_itself(path: tuple[str, ...]) -> None:
    """Every example is a line of its own, calls this command or one below it, and names options that it has."""
    for example in examples_of(help_of(path)):
        words = [word for word in shlex.split(example.split("|")[0]) if not word.startswith("TRUSTWEFT_")]
        called = max((found for found in commands() if found == tuple(words[1 : 1 + len(found)])), key=len)
        assert called[: len(path)] == path, example
        options = {word for word in words if word.startswith("--")}
        assert options <= set(help_of(called).split()), example


def test_no_help_shows_its_own_markup() -> None:
    """What keeps lines apart is never printed."""
    assert [path for path in [(), *commands()] if "\\b" in help_of(path) or "\b" in help_of(path)] == []


@pytest.mark.parametrize(
    ("typed", "offered"), [("cl", {"clients"}), ("clients re", {"remove"}), ("tour --ht", {"--html"})]
)
def test_the_shell_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    """As the script that ``_TRUSTWEFT_COMPLETE=bash_source`` prints asks for it."""
    words = f"trustweft {typed}"
    environment = {
        "_TRUSTWEFT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    result = CliRunner().invoke(main, env=environment, prog_name="trustweft")
    assert {line.partition(",")[2] for line in result.output.splitlines()} == offered


def test_the_help_tells_how_to_switch_completion_on() -> None:
    """And the command that it names prints a script."""
    assert 'eval "$(_TRUSTWEFT_COMPLETE=bash_source trustweft)"' in help_of(())
    source = CliRunner().invoke(main, env={"_TRUSTWEFT_COMPLETE": "bash_source"}, prog_name="trustweft")
    assert "complete -o nosort" in source.output
