"""`trustweft clients`: who may ask for tokens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec

from trustweft.cli.applied_profile import limits_in_force
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.output import examples, json_option, preformatted, print_json, print_table
from trustweft.cli.registry import add_client, open_store, update_client
from trustweft.cli.signing_keys import open_keys
from trustweft.crypto.keys import KeySet
from trustweft.profile import ProfileError
from trustweft.protocol.registration import ClientMetadata, read_client_metadata
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from trustweft.profile import Limits

__all__ = ["command"]

_METADATA = preformatted(
    "The least that METADATA holds:",
    "{",
    '  "client_id": "my-client",',
    '  "client_name": "My Client",',
    '  "organization_name": "My Company",',
    '  "redirect_uris": ["https://client.example/callback"],',
    '  "grant_types": ["authorization_code", "refresh_token"],',
    '  "scope": "openid accounts",',
    '  "token_endpoint_auth_method": "private_key_jwt",',
    '  "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": "…", "y": "…"}]}',
    "}",
    'Instead of jwks: "jwks_uri": "https://client.example/jwks", where the client publishes its keys.',
)
_SURROUNDINGS = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())


@click.group(
    name="clients",
    epilog=examples(
        "trustweft clients add my-client.json",
        "trustweft clients list --json",
        "trustweft clients show moneyview",
        "trustweft clients update my-client.json",
        "trustweft clients remove my-client",
    ),
)
def command() -> None:
    """Register, list, show, update and remove clients. A running server sees each change at once."""


@command.command(
    epilog=f"{_METADATA}\n\n"
    + examples("trustweft clients add my-client.json", "trustweft clients add - < my-client.json")
)
@data_option
@json_option
@click.argument("metadata", type=click.File("rb"))
def add(data: Path, metadata: BinaryIO, *, as_json: bool) -> None:
    """Register the client that the file METADATA describes (RFC 7591; - reads standard input)."""

    async def run() -> None:
        async with open_store(data) as store:
            algorithms = open_keys(data).signing_algorithms(now=_SURROUNDINGS.clock.now())
            added = await add_client(
                store,
                metadata.read(),
                surroundings=_SURROUNDINGS,
                signing_algorithms=algorithms,
                limits=_limits(data),
            )
        if as_json:
            print_json(msgspec.to_builtins(added))
            return
        click.echo(f"Registered {added.client_id}.")
        if added.ignored:
            click.echo(f"Not known here, and ignored: {', '.join(added.ignored)}", err=True)

    asyncio.run(run())


@command.command(name="list", epilog=examples("trustweft clients list", "trustweft clients list --json"))
@data_option
@json_option
def list_(data: Path, *, as_json: bool) -> None:
    """List the registered clients: how each authenticates, what binds its tokens, and where its keys are."""

    async def run() -> list[dict[str, object]]:
        async with open_store(data) as store:
            return [msgspec.json.decode(metadata) for _, metadata in await store.list_clients()]

    clients = asyncio.run(run())
    if as_json:
        print_json(clients)
        return
    headings = ("client_id", "name", "method", "bound by", "keys", "scope")
    print_table(headings, [_row(client) for client in clients])


def _limits(data: Path) -> Limits:
    try:
        return limits_in_force(DataDirectory.open(data))
    except (ProfileError, SettingsError) as cause:
        raise click.ClickException(str(cause)) from cause


def _row(document: dict[str, object]) -> list[str]:
    named = [str(document.get(member, "")) for member in ("client_id", "client_name")]
    try:
        client = read_client_metadata(document)
    except Reject as refused:
        # Registered when other rules were in force: it is of no use now, and an operator should see that.
        return [*named, refused.reason.id, "", "", ""]
    by_value = 0 if client.jwks is None else len(KeySet.read(client.jwks).keys)
    return [
        *named,
        f"{client.token_endpoint_auth_method} {_detail(client)}".strip(),
        _sender_constraint(client) if client.grant_types else "no tokens",
        client.jwks_uri or (f"{by_value} by value" if by_value else "none"),
        " ".join(client.scope),
    ]


def _detail(client: ClientMetadata) -> str:
    """Return the algorithm of its assertions, or the name in its certificate."""
    if client.certificate_name is not None:
        return client.certificate_name.value
    signs = client.token_endpoint_auth_method == "private_key_jwt"  # noqa: S105  # a method
    return client.token_endpoint_auth_signing_alg if signs else ""


def _sender_constraint(client: ClientMetadata) -> str:
    return "DPoP" if client.dpop_bound_access_tokens else "certificate"


@command.command(
    epilog=examples(
        "trustweft clients show moneyview", "trustweft clients show moneyview | jq .redirect_uris"
    )
)
@data_option
@json_option
@click.argument("client_id")
def show(data: Path, client_id: str, *, as_json: bool) -> None:
    """Show one client's metadata."""
    del as_json  # metadata is JSON in any case

    async def run() -> bytes | None:
        async with open_store(data) as store:
            return await store.find_client(client_id)

    metadata = asyncio.run(run())
    if metadata is None:
        raise click.ClickException(f"client.unknown: there is no client {client_id}")
    print_json(msgspec.json.decode(metadata))


@command.command(
    epilog=examples(
        "trustweft clients update my-client.json",
        "trustweft clients update - < my-client.json",
    )
)
@data_option
@json_option
@click.argument("metadata", type=click.File("rb"))
def update(data: Path, metadata: BinaryIO, *, as_json: bool) -> None:
    """Replace a client's registration with what the file METADATA describes (- reads standard input).

    The whole of it, so begin with what `show` prints. Grants and tokens stay; what the client is no longer registered
    for ends at once: redirect URIs for requests under way, scope with the next refresh, keys with the next request.
    """

    async def run() -> None:
        async with open_store(data) as store:
            algorithms = open_keys(data).signing_algorithms(now=_SURROUNDINGS.clock.now())
            updated, changed = await update_client(
                store, metadata.read(), signing_algorithms=algorithms, limits=_limits(data)
            )
        if as_json:
            print_json({"client": msgspec.to_builtins(updated), "changed": changed})
            return
        click.echo(
            f"Updated {updated.client_id}: {', '.join(changed) if changed else 'nothing was different'}."
        )
        if updated.ignored:
            click.echo(f"Not known here, and ignored: {', '.join(updated.ignored)}", err=True)

    asyncio.run(run())


@command.command(epilog=examples("trustweft clients remove my-client"))
@data_option
@json_option
@click.argument("client_id")
def remove(data: Path, client_id: str, *, as_json: bool) -> None:
    """Remove a client; its grants and tokens end with it, and its identifier stays taken."""

    async def run() -> bool:
        async with open_store(data) as store:
            return await store.remove_client(client_id, now=_SURROUNDINGS.clock.now())

    if not asyncio.run(run()):
        raise click.ClickException(f"client.unknown: there is no client {client_id}")
    if as_json:
        print_json({"removed": client_id})
    else:
        click.echo(f"Removed {client_id}; everything that it was granted is revoked.")
