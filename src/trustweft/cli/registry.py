"""Operators' view of clients and people: what the `clients` and `users` commands do to a store."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click
import msgspec

from trustweft.cli.data_directory import DataDirectory
from trustweft.protocol.registration import DEFAULT_ALGORITHM, ClientMetadata, read_client_metadata
from trustweft.runtime.errors import Reject
from trustweft.runtime.strict_json import load_object
from trustweft.server.clients import MAXIMUM_METADATA, ways_beyond
from trustweft.server.login.people import create_user
from trustweft.store.errors import StoreFileError
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.profile import Limits
    from trustweft.server.login.passwords import Passwords
    from trustweft.server.records import User
    from trustweft.server.storage import ServerStore

__all__ = ["add_client", "add_user", "open_store", "read_client", "update_client"]

MAXIMUM_USERNAME: Final = 100
MINIMUM_PASSWORD: Final = 15  # where it is all that a person shows: NIST SP 800-63B-4 section 3.1.1.2


@asynccontextmanager
async def open_store(data: Path) -> AsyncIterator[SqliteStore]:
    """Open the authorization server's store of an ecosystem, which may be running.

    Raises:
        click.ClickException: there is none, it cannot be used, or it is busy for too long.
    """
    try:
        async with SqliteStore.open(DataDirectory.open(data).database) as store:
            yield store
    except (StoreFileError, Reject) as cause:
        raise click.ClickException(str(cause)) from cause


def read_client(raw: bytes, *, entropy_token: str | None = None) -> tuple[bytes, ClientMetadata]:
    """Validate client metadata (RFC 7591); a missing ``client_id`` is made up from the token, where one is given.

    Raises:
        click.ClickException: with the reason id.
    """
    try:
        document = load_object(raw, limit=MAXIMUM_METADATA)
        if entropy_token is not None:
            made_up = entropy_token.lower().replace("_", "-")[:16].strip("-")
            document.setdefault("client_id", f"client-{made_up}")
        return msgspec.json.encode(document), read_client_metadata(document)
    except Reject as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _is_text(value: str) -> bool:
    """Say whether it came as UTF-8: variables of the environment need not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


async def add_client(
    store: ServerStore,
    raw: bytes,
    *,
    surroundings: Surroundings,
    signing_algorithms: tuple[str, ...] = (DEFAULT_ALGORITHM,),
    limits: Limits | None = None,
) -> ClientMetadata:
    """Register a client.

    Args:
        store: where.
        raw: its metadata.
        surroundings: clock, entropy, observer.
        signing_algorithms: what the server signs ID tokens with.
        limits: of the profile in force, where the client has to fit it.

    Raises:
        click.ClickException: the metadata is refused, or the identifier is taken.
    """
    stored, metadata = read_client(raw, entropy_token=surroundings.entropy.token())
    _check_promises(metadata, signing_algorithms)
    _check_ways(metadata, limits)
    if not await store.add_client(metadata.client_id, stored):
        raise click.ClickException(
            f"client.taken: {metadata.client_id} is taken, now or by a client that was removed"
        )
    return metadata


async def update_client(
    store: ServerStore,
    raw: bytes,
    *,
    signing_algorithms: tuple[str, ...] = (DEFAULT_ALGORITHM,),
    limits: Limits | None = None,
) -> tuple[ClientMetadata, tuple[str, ...]]:
    """Replace a client's registration; return it, and the names of the members that differ from before.

    Args:
        store: where.
        raw: its metadata.
        signing_algorithms: what the server signs ID tokens with.
        limits: of the profile in force, where the client has to fit it.

    Raises:
        click.ClickException: the metadata is refused, there is no such client, or somebody else changed it meanwhile.
    """
    stored, metadata = read_client(raw)
    _check_promises(metadata, signing_algorithms)
    _check_ways(metadata, limits)
    old = await store.find_client(metadata.client_id)
    if old is None:
        raise click.ClickException(f"client.unknown: there is no client {metadata.client_id}")
    if not await store.replace_client(metadata.client_id, old=old, new=stored):
        raise click.ClickException(
            f"client.changed: {metadata.client_id} was changed by somebody else just now; look at it, and try again"
        )
    before, after = msgspec.json.decode(old), msgspec.json.decode(stored)
    return metadata, tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _check_promises(metadata: ClientMetadata, signing_algorithms: tuple[str, ...]) -> None:
    """Hold that what is promised to the client is kept."""
    wanted = metadata.id_token_signed_response_alg
    if wanted not in signing_algorithms:
        raise click.ClickException(
            f"client-metadata.algorithm: this server signs ID tokens with {' and '.join(signing_algorithms)}, not with "
            f"{wanted}: register another id_token_signed_response_alg, or add {wanted} to keys.algorithms of the server"
        )


def _check_ways(metadata: ClientMetadata, limits: Limits | None) -> None:
    """Hold that the client would not be refused for what it is registered for."""
    beyond = () if limits is None else ways_beyond(limits, metadata)
    if beyond:
        raise click.ClickException(
            f"client.beyond-profile: the profile in force does not allow {', '.join(beyond)}"
        )


async def add_user(  # a person's facts, by keyword
    store: ServerStore,
    *,
    username: str,
    password: str,
    name: str,
    email: str,
    passwords: Passwords,
    surroundings: Surroundings,
) -> User:
    """Add a person.

    Raises:
        click.ClickException: the name is taken, or name or password are none that a person could use.
    """
    if not 0 < len(username) <= MAXIMUM_USERNAME or not username.isprintable() or " " in username:
        raise click.ClickException(
            f"user.bad-name: a user name is 1 to {MAXIMUM_USERNAME} printable characters without spaces"
        )
    if len(password) < MINIMUM_PASSWORD or not _is_text(password):
        raise click.ClickException(
            f"user.bad-password: a password has {MINIMUM_PASSWORD} characters or more, in UTF-8"
        )
    user = await create_user(
        username=username,
        password=password,
        name=name,
        email=email,
        passwords=passwords,
        entropy=surroundings.entropy,
        clock=surroundings.clock,
    )
    if not await store.add_user(user):
        raise click.ClickException(f"user.taken: there is a user {username} already")
    return user
