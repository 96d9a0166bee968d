"""`trustweft up`: the whole ecosystem on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
import uvloop

from trustweft.cli.assembly.client import assemble_client
from trustweft.cli.assembly.parts import Assembled, Surroundings, reaper
from trustweft.cli.assembly.resource import assemble_resource
from trustweft.cli.assembly.running import run
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.assembly.trust_anchor import assemble_directory
from trustweft.cli.box_directory import prepare_directory
from trustweft.cli.box_enrolment import enrol_box
from trustweft.cli.data_directory import APPLIED_PROFILE, DEFAULT_BASE_PORT, DataDirectory, Ports, data_option
from trustweft.cli.directory_register import open_keeper
from trustweft.cli.first_start import SECOND_CLIENT, prepare_keys, prepare_people, prepare_settings
from trustweft.cli.output import examples, own_name
from trustweft.cli.settings import ClientSettings, ResourceSettings, ServerSettings
from trustweft.cli.trust_anchor_settings import TrustAnchor
from trustweft.crypto.local_authority import load_or_create_authority, load_or_create_server_certificate
from trustweft.crypto.x509 import certificate_fingerprint
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.demo.home import HomeSettings, Neighbour, create_home
from trustweft.demo.operations import create_operations
from trustweft.net.fetch import trust_context
from trustweft.net.serving import Listener, ServingError, check_free
from trustweft.net.telemetry import Telemetry
from trustweft.profile import ProfileError
from trustweft.resource.checks import PIPELINE
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError, read_settings
from trustweft.server.pipelines import PIPELINES
from trustweft.store.errors import StoreFileError
from trustweft.store.sqlite.store import SqliteStore
from trustweft.web.console.parts import ROOT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from trustweft.cli.first_start import DemoCredentials
    from trustweft.resource.checks import GuardCheck
    from trustweft.server.pipeline import Pipelines
    from trustweft.server.storage import ServerStore

    T = TypeVar("T", bound=msgspec.Struct)

__all__ = ["command", "run_ecosystem"]


@click.command(
    name="up",
    epilog=examples(
        "trustweft up",
        "trustweft up --data ./ecosystem --port 9440",
    ),
)
@data_option
@click.option(
    "--port",
    "base_port",
    type=click.IntRange(1024, 65526),
    help=f"The first of ten ports. [default: {DEFAULT_BASE_PORT}, or that of an earlier start]",
)
def command(data: Path, base_port: int | None) -> None:
    """Run the whole ecosystem on this machine, until Ctrl-C.

    The first start makes a certificate authority, keys, clients and demo users; a later one finds them again.
    Settings come from the files in the data directory; variables of the environment count for `serve` alone.
    """
    surroundings = Surroundings(SystemClock(), SystemEntropy(), Telemetry())
    try:
        directory = DataDirectory.open_or_create(
            data, base_port=base_port, clock=surroundings.clock, check=_refuse_taken_ports
        )
        uvloop.run(run_ecosystem(directory, surroundings=surroundings, announce=_announce))
    except (KeyFileError, ProfileError, SettingsError, ServingError, StoreFileError) as cause:
        raise click.ClickException(str(cause)) from cause


def _refuse_taken_ports(ports: Ports) -> None:
    """Refuse a new ecosystem where somebody listens already: its directory would be bound to ports it cannot have."""
    for name, port in (
        ("home page", ports.home),
        ("authorization server", ports.server),
        ("authorization server for client certificates", ports.server_mtls),
        ("sample bank", ports.resource),
        ("MoneyView", ports.client),
        ("directory", ports.directory),
        ("PayPilot", ports.second_client),
        ("operations", ports.operations),
    ):
        check_free(name, "localhost", port)


async def run_ecosystem(
    directory: DataDirectory,
    *,
    surroundings: Surroundings,
    announce: Callable[[DataDirectory, DemoCredentials], None],
    stop: asyncio.Event | None = None,
    pipelines: Pipelines = PIPELINES,
    guard_pipeline: Sequence[GuardCheck] = PIPELINE,
) -> None:
    """Serve every participant until a signal, or ``stop``.

    Raises:
        ServingError: a port is taken.
    """
    authority = load_or_create_authority(directory.path / "ca", now=surroundings.clock.now())
    load_or_create_server_certificate(
        directory.path / "tls", authority=authority, now=surroundings.clock.now()
    )
    prepare_keys(directory, authority=authority, now=surroundings.clock.now())
    async with SqliteStore.open(directory.database) as store:
        credentials = await prepare_people(directory, store, surroundings=surroundings)
        prepare_settings(directory, customers=await _customers(store))
        prepare_directory(directory)
        participants = await _assemble(
            directory, store, surroundings=surroundings, pipelines=pipelines, guard_pipeline=guard_pipeline
        )
        async with open_keeper(directory, clock=surroundings.clock) as keeper:
            now = surroundings.clock.now()
            await enrol_box(directory, keeper, observer=surroundings.observer, at=now)
        await run(participants, stop=stop, on_ready=lambda: announce(directory, credentials))


async def _assemble(
    directory: DataDirectory,
    store: SqliteStore,
    *,
    surroundings: Surroundings,
    pipelines: Pipelines,
    guard_pipeline: Sequence[GuardCheck],
) -> Assembled:
    participants = assemble_server(
        _settings(directory, "server", ServerSettings),
        base=directory.path / "server",
        surroundings=surroundings,
        store=store,
        pipelines=pipelines,
    )
    participants.join(
        assemble_resource(
            _settings(directory, "resource", ResourceSettings),
            base=directory.path / "resource",
            surroundings=surroundings,
            server_store=store,
            pipeline=guard_pipeline,
        )
    )
    participants.join(
        assemble_client(
            _settings(directory, "client", ClientSettings),
            base=directory.path / "client",
            surroundings=surroundings,
        )
    )
    participants.join(
        assemble_directory(
            _settings(directory, "directory", TrustAnchor),
            base=directory.path / "directory",
            surroundings=surroundings,
        )
    )
    participants.join(
        assemble_client(
            _settings(directory, SECOND_CLIENT, ClientSettings),
            base=directory.path / SECOND_CLIENT,
            surroundings=surroundings,
        )
    )
    participants.listeners += _own_listeners(
        directory, surroundings, ready=lambda: all(each() for each in participants.ready)
    )
    participants.background.append(reaper(store, "server", surroundings=surroundings))
    return participants


def _settings(directory: DataDirectory, participant: str, kind: type[T]) -> T:
    # The environment overlays one participant's settings; here there are several, so the files alone count.
    environment: Mapping[str, str] = {}
    settings = read_settings(
        directory.file(f"{participant}/{participant}.toml"), kind, environment=environment
    ).value
    # A directory that an earlier version made does not say where applied profiles are; here there is one place.
    return msgspec.structs.replace(settings, applied_profile=APPLIED_PROFILE)


async def _customers(store: ServerStore) -> dict[str, str]:
    found = {name: await store.find_user(name) for name in CUSTOMERS}
    return {user.subject: name for name, user in found.items() if user is not None}


def _own_listeners(
    directory: DataDirectory, surroundings: Surroundings, *, ready: Callable[[], bool]
) -> list[Listener]:
    ports = directory.ports
    server, bank, moneyview = (ports.url(port) for port in (ports.server, ports.resource, ports.client))
    anchor, paypilot = ports.url(ports.directory), ports.url(ports.second_client)
    metadata = f"{server}/.well-known/openid-configuration"
    bank_metadata = f"{bank}/.well-known/oauth-protected-resource"
    home = HomeSettings(
        base_url=ports.url(ports.home),
        start_url=f"{moneyview}/",
        authority=directory.authority,
        credentials=directory.credentials,
        settled=ready,
        neighbours=(
            Neighbour(
                name="Authorization server",
                role="Knows the customers, asks them, and issues tokens that work for one client only.",
                url=server,
                probe_url=metadata,
                links=(("Metadata", metadata), ("Keys", f"{server}/jwks")),
            ),
            Neighbour(
                name="Harbour Bank API",
                role="Holds accounts and payments behind a guard that verifies every request.",
                url=bank,
                probe_url=bank_metadata,
                links=(("OpenAPI", f"{bank}/openapi.json"), ("Metadata", bank_metadata)),
            ),
            Neighbour(
                name="MoneyView",
                role="A sample application that shows the accounts of customers who allow it.",
                url=moneyview,
                probe_url=f"{moneyview}/jwks",
                links=(("Keys", f"{moneyview}/jwks"),),
            ),
            Neighbour(
                name="PayPilot",
                role="Another application, of another organisation, that asks for permission to pay besides.",
                url=paypilot,
                probe_url=f"{paypilot}/jwks",
                links=(("Keys", f"{paypilot}/jwks"),),
            ),
            Neighbour(
                name="Directory",
                role="Says who takes part, in which role, with which keys, and tells everybody when that changes.",
                url=f"{anchor}{ROOT}",
                probe_url=f"{anchor}/status",
                links=(("Status list", f"{anchor}/status"), ("Keys", f"{anchor}/jwks")),
            ),
        ),
    )
    observer = surroundings.observer
    certificate = directory.path / "tls" / "certificate.pem"
    private_key = directory.path / "tls" / "private-key.pem"
    applications = [
        (
            "home page",
            ports.home,
            create_home(home, trust=trust_context(directory.authority), observer=observer),
        )
    ]
    if isinstance(observer, Telemetry):
        applications.append(
            ("operations", ports.operations, create_operations(observer.render_metrics, observer=observer))
        )
    return [
        Listener(
            name=name,
            application=application,
            host="localhost",
            port=port,
            certificate=certificate,
            private_key=private_key,
        )
        for name, port, application in applications
    ]


def _announce(directory: DataDirectory, credentials: DemoCredentials) -> None:
    ports = directory.ports
    lines = [
        "",
        "  Trustweft is up. Everything below is on this machine only.",
        "",
        f"  Home page              {ports.url(ports.home)}/",
        f"  Authorization server   {ports.url(ports.server)}   (client certificates: port {ports.server_mtls})",
        f"  Sample bank API        {ports.url(ports.resource)}",
        f"  MoneyView              {ports.url(ports.client)}/",
        f"  PayPilot               {ports.url(ports.second_client)}/",
        f"  Directory              {ports.url(ports.directory)}{ROOT}",
        f"  Metrics                {ports.url(ports.operations)}/metrics",
        "",
        "  Demo users",
        *(
            f"    {person.username:<8} password {person.password}   ({person.name})"
            for person in credentials.users
        ),
        "",
        "  To trust its certificates, whose authority has the SHA-256 fingerprint",
        f"    {certificate_fingerprint(directory.authority.read_bytes())}",
        "  in Chromium:",
        f'    certutil -d sql:"$HOME/.pki/nssdb" -A -t "C,," -n trustweft -i {directory.authority}',
        f"  or with curl: curl --cacert {directory.authority} {ports.url(ports.home)}/",
        "",
        f"  See one complete flow:  {own_name()} tour --data {directory.path}",
        f"  See who takes part:     {own_name()} onboard status --data {directory.path}",
        f"  Sign in to the console: {own_name()} console invite NAME --part operator --data {directory.path}",
        "  Stop with Ctrl-C.",
        "",
    ]
    click.echo("\n".join(lines))
