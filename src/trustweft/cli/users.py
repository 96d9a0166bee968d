"""`trustweft users`: the people who can log in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.cli.registry import add_user, open_store
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.server.login.passwords import Passwords

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.server.records import User

__all__ = ["command"]

_SURROUNDINGS = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())


def _public(user: User) -> dict[str, str]:
    return {"username": user.username, "subject": user.subject, "name": user.name, "email": user.email}


@click.group(
    name="users",
    epilog=examples(
        'trustweft users add carol --name "Carol Jones" --email carol@example.com',
        "trustweft users list --json",
        "trustweft users remove carol",
    ),
)
def command() -> None:
    """Add, list and remove users."""


@command.command(
    epilog=examples(
        'trustweft users add carol --name "Carol Jones"',
        "TRUSTWEFT_PASSWORD=… trustweft users add carol --json",
    )
)
@data_option
@json_option
@click.argument("username")
@click.option("--name", help="The full name; the username unless it is given.")
@click.option("--email", default="", help="The email address.")
@click.option(
    "--password",
    envvar="TRUSTWEFT_PASSWORD",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="Asked for unless it stands in the environment as TRUSTWEFT_PASSWORD.",
)
def add(data: Path, username: str, name: str | None, email: str, password: str, *, as_json: bool) -> None:
    """Add a user."""

    async def run() -> User:
        async with open_store(data) as store:
            return await add_user(
                store,
                username=username,
                password=password,
                name=name or username,
                email=email,
                passwords=Passwords(entropy=_SURROUNDINGS.entropy),
                surroundings=_SURROUNDINGS,
            )

    added = asyncio.run(run())
    if as_json:
        print_json(_public(added))
    else:
        click.echo(f"Added {added.username} ({added.subject}).")


@command.command(name="list", epilog=examples("trustweft users list", "trustweft users list --json"))
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """List the users."""

    async def run() -> list[dict[str, str]]:
        async with open_store(data) as store:
            return [_public(user) for user in await store.list_users()]

    users = asyncio.run(run())
    if as_json:
        print_json(users)
    else:
        print_table(
            ("username", "name", "email", "subject"),
            [(user["username"], user["name"], user["email"], user["subject"]) for user in users],
        )


@command.command(epilog=examples("trustweft users remove carol"))
@data_option
@json_option
@click.argument("username")
def remove(data: Path, username: str, *, as_json: bool) -> None:
    """Remove a user; passkeys go, and what the user granted is revoked."""

    async def run() -> bool:
        async with open_store(data) as store:
            return await store.remove_user(username, now=_SURROUNDINGS.clock.now())

    if not asyncio.run(run()):
        raise click.ClickException(f"user.unknown: there is no user {username}")
    if as_json:
        print_json({"removed": username})
    else:
        click.echo(f"Removed {username}; everything that they granted is revoked.")
