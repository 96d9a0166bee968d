"""`trustweft console`: the first people of the directory's console, and those who lost their passkeys."""

from __future__ import annotations

import asyncio
import tomllib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import click

from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.directory.events import Actor
from trustweft.directory.keeper import Keeper
from trustweft.directory.people import Removed
from trustweft.directory.terms import terms_of
from trustweft.profile import load_profile
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.store.errors import StoreFileError
from trustweft.store.people import SqliteConsoleStore
from trustweft.store.register import SqliteRegisterStore
from trustweft.web.console.people import INVITATION_SECONDS, PARTS, Wanted, invite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from trustweft.directory.people import ConsolePart, Person

__all__ = ["CONSOLE_FILE", "command"]

T = TypeVar("T")
# Below the ecosystem's data directory.
CONSOLE_FILE: Final = "directory/console.sqlite"
_REGISTER_FILE: Final = "directory/register.sqlite"
_SETTINGS_FILE: Final = "directory/directory.toml"
# Whoever can run commands on the machine is an operator: the file system says so.
_COMMAND_LINE: Final = Actor(id="command-line", part="operator")


@click.group(
    name="console",
    epilog=examples(
        "trustweft console invite olga --part operator",
        "trustweft console invite mia --part administrator --organisation moneyview",
        "trustweft console list --json",
        "trustweft console remove mia",
    ),
)
def command() -> None:
    """Invite, list and remove the people of the directory's console."""


@command.command(
    name="invite",
    epilog=examples(
        "trustweft console invite olga --part operator",
        "trustweft console invite mia --part administrator --organisation moneyview --json",
        "trustweft console invite olga --part operator --again",
    ),
)
@data_option
@json_option
@click.argument("name")
@click.option("--part", type=click.Choice(PARTS), required=True, help="What the person may be.")
@click.option("--organisation", help="Of an administrator: the id of the organisation.")
@click.option("--again", is_flag=True, help="One more passkey for somebody who has an account.")
def invite_(
    data: Path, name: str, part: ConsolePart, organisation: str | None, *, again: bool, as_json: bool
) -> None:
    """Print a link that makes an account. It is good once and for an hour; an earlier one for NAME ends.

    People who are invited here count as people of their own where two have to decide. Whoever they invite in the
    console counts as them.
    """
    origin = _origin(data)
    clock = SystemClock()

    async def run() -> str:
        async with _opened(data) as accounts:
            register = SqliteRegisterStore.open(data / _REGISTER_FILE)
            async with register:
                vouched = await accounts.find_person(name)
                wanted = Wanted(
                    name=name,
                    part=part,
                    by=_COMMAND_LINE,
                    vouched_by=vouched.vouched_by if vouched else name,
                    organisation=organisation,
                    again=again,
                )
                # Entering somebody depends on no rule of the profile.
                terms = terms_of(load_profile("fapi2-security"))
                keeper = Keeper(register, clock=clock, terms=lambda: terms)
                return await invite(
                    wanted, accounts=accounts, keeper=keeper, entropy=SystemEntropy(), now=clock.now()
                )

    link = origin + _carried_out(run)
    if as_json:
        print_json({"name": name, "link": link, "expires_in": int(INVITATION_SECONDS)})
        return
    click.echo(link)
    click.echo("Good once, for an hour. Whoever opens it first has the account.", err=True)


@command.command(name="list", epilog=examples("trustweft console list", "trustweft console list --json"))
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """List everybody who has an account, or had one."""

    async def run() -> tuple[Person, ...]:
        async with _opened(data) as accounts:
            return await accounts.people()

    people = [
        {
            "name": each.name,
            "part": each.part,
            "organisation": each.organisation,
            "vouched_by": each.vouched_by,
            "removed": each.removed_at is not None,
        }
        for each in _carried_out(run)
    ]
    if as_json:
        print_json(people)
        return
    rows = [
        (each["name"], each["part"], each["organisation"] or "-", "removed" if each["removed"] else "good")
        for each in people
    ]
    print_table(("name", "part", "organisation", "account"), [tuple(map(str, row)) for row in rows])


@command.command(epilog=examples("trustweft console remove mia"))
@data_option
@json_option
@click.argument("name")
def remove(data: Path, name: str, *, as_json: bool) -> None:
    """Remove somebody: account, passkeys and sessions end at once, and the name is never given again."""

    async def run() -> Removed:
        async with _opened(data) as accounts:
            return await accounts.remove(name, now=SystemClock().now())

    outcome = _carried_out(run)
    if outcome is Removed.UNKNOWN:
        raise click.ClickException(f"console.unknown-person: nobody is called {name}")
    if outcome is Removed.LAST:
        raise click.ClickException("console.last-operator: invite another operator first")
    if as_json:
        print_json({"removed": name})


def _carried_out(run: Callable[[], Coroutine[None, None, T]]) -> T:
    try:
        return asyncio.run(run())
    except (StoreFileError, Reject) as cause:
        raise click.ClickException(str(cause)) from cause


@asynccontextmanager
async def _opened(data: Path) -> AsyncIterator[SqliteConsoleStore]:
    async with SqliteConsoleStore.open(data / CONSOLE_FILE) as accounts:
        yield accounts


def _origin(data: Path) -> str:
    """Return the origin of the ecosystem's directory, as its settings say.

    Raises:
        click.ClickException: the ecosystem has no directory.
    """
    path = DataDirectory.open(data).path / _SETTINGS_FILE
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["directory"]["issuer"])
    except FileNotFoundError as cause:
        raise click.ClickException(f"{data} has no directory: {path} is missing") from cause
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as cause:
        raise click.ClickException(f"{path} does not say the directory's issuer") from cause
