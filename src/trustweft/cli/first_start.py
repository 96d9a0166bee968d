"""What the first start of an ecosystem makes: settings, keys, clients and people. Later starts find it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.cli.data_directory import APPLIED_PROFILE
from trustweft.cli.registry import add_client, add_user
from trustweft.cli.sample_clients import BANK_NAME, client_metadata
from trustweft.cli.settings import (
    CertificateRevocationSettings,
    ClientKeySettings,
    ClientSettings,
    KeySettings,
    ListedAuthoritySettings,
    ListenSettings,
    MoneyViewSettings,
    ResourceServerSettings,
    ResourceSettings,
    RevocationSettings,
    ServerSettings,
    StorageSettings,
    TlsSettings,
)
from trustweft.cli.toml_text import to_toml
from trustweft.crypto.keys import generate_private_key, private_jwk
from trustweft.crypto.local_authority import load_or_create_client_certificate
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.demo.bank_details import ACCOUNT_INFORMATION, PAYMENT_INITIATION, detail_types
from trustweft.runtime.files import read_private_file, write_private_file
from trustweft.server.config import ScopeDefinition, ServerConfig
from trustweft.server.login.passwords import Passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.cli.data_directory import DataDirectory
    from trustweft.crypto.local_authority import Authority
    from trustweft.server.storage import ServerStore

__all__ = [
    "CERTIFICATE_NAMES",
    "CLIENT_IDS",
    "SECOND_CLIENT",
    "DemoCredentials",
    "DemoPerson",
    "prepare_keys",
    "prepare_people",
    "prepare_settings",
]

# The sample bank's own identity for introspection, and the two that the tour acts as. MoneyView publishes its keys.
CLIENT_IDS: Final = ("bank", "tour", "tour-stranger")
# A client that authenticates with a certificate, and one more certificate of the same authority.
CERTIFICATE_NAMES: Final = ("tour-certificate", "tour-stranger")
SECOND_CLIENT: Final = "second-client"  # its folder
PASSWORD_LENGTH: Final = 16  # 96 bits
_TLS: Final = TlsSettings(
    certificate="../tls/certificate.pem",
    private_key="../tls/private-key.pem",
    client_authorities="../ca/certificate.pem",
)


class DemoPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A demo user, with the generated password."""

    username: str
    password: str
    name: str
    email: str


class DemoCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``credentials.json``, mode 0600.

    Attributes:
        complete: whether clients and users were all added: a start that was cut off goes on where it ended, and what
            an operator removes later stays removed.
    """

    users: tuple[DemoPerson, ...]
    complete: bool


def prepare_keys(data: DataDirectory, *, authority: Authority, now: float) -> None:
    """Make the private keys of the clients, and renew their certificates."""
    for name in (*CLIENT_IDS, "moneyview-proof", "paypilot-proof"):
        path = data.file(f"client-keys/{name}.json")
        if not path.exists():
            write_private_file(path, msgspec.json.encode(private_jwk(generate_private_key("ES256"))))
    for name in CERTIFICATE_NAMES:
        load_or_create_client_certificate(
            data.file(f"client-keys/{name}.pem"), authority=authority, common_name=name, now=now
        )


def _scopes(issuer: str, bank: str) -> tuple[ScopeDefinition, ...]:
    texts = (
        (
            "openid",
            issuer,
            "Know who you are",
            "A number that stands for you at this bank, and nothing else.",
        ),
        ("profile", issuer, "See your name", "Your full name and your user name."),
        ("email", issuer, "See your email address", "Your email address, not your messages."),
        (
            "accounts",
            bank,
            "See your accounts",
            "Names, balances and transactions of your accounts. No payments.",
        ),
        ("payments", bank, "Make payments for you", "Send money from your accounts, up to what is there."),
    )
    return tuple(
        ScopeDefinition(name=name, audience=audience, title=title, explanation=explanation)
        for name, audience, title, explanation in texts
    )


def _server_settings(data: DataDirectory) -> ServerSettings:
    ports = data.ports
    issuer = ports.url(ports.server)
    return ServerSettings(
        server=ServerConfig(
            issuer=issuer,
            mtls_base=ports.url(ports.server_mtls),
            display_name=BANK_NAME,
            organization_name=f"{BANK_NAME} (a demonstration)",
            scopes=_scopes(issuer, ports.url(ports.resource)),
            authorization_details_types=tuple(
                f"{name}.json" for name in (PAYMENT_INITIATION, ACCOUNT_INFORMATION)
            ),
        ),
        listen=ListenSettings(port=ports.server, mtls_port=ports.server_mtls),
        tls=_TLS,
        storage=StorageSettings(path="trustweft.sqlite"),
        keys=KeySettings(directory="keys", nonce_secret_file="nonce-secret"),  # noqa: S106  # a file's name
        # The local authority signs no lists: its client certificates last for weeks, on this machine only.
        certificate_revocation=CertificateRevocationSettings(
            authorities=(ListedAuthoritySettings(certificate="../ca/certificate.pem", lists="none"),)
        ),
        # All of the ecosystem is on this machine, and so are clients that are added to it.
        client_keys=ClientKeySettings(trust="../ca/certificate.pem", allowed_hosts=("localhost",)),
        applied_profile=APPLIED_PROFILE,
        login_notice="This is a demonstration. Its users and their passwords were printed when it started.",
    )


def _resource_settings(data: DataDirectory, customers: Mapping[str, str]) -> ResourceSettings:
    ports = data.ports
    bank = ports.url(ports.resource)
    return ResourceSettings(
        resource=ResourceServerSettings(
            issuer=ports.url(ports.server),
            audience=bank,
            base_urls=(bank,),
            nonce_secret_file="nonce-secret",  # noqa: S106  # a file's name
            trust="../ca/certificate.pem",
        ),
        listen=ListenSettings(port=ports.resource),
        tls=_TLS,
        storage=StorageSettings(path="replays.sqlite"),
        revocation=RevocationSettings(
            endpoint=f"{ports.url(ports.server)}/introspect",
            client_id="bank",
            private_key_file="../client-keys/bank.json",
        ),
        customers=dict(customers),
        applied_profile=APPLIED_PROFILE,
    )


def _second_client_settings(data: DataDirectory) -> ClientSettings:
    """Return another application of the same kind: with its own name, look, keys, and wishes."""
    ports, first = data.ports, _client_settings(data)
    paypilot = msgspec.structs.replace(
        first.moneyview,
        client_id="paypilot",
        base_url=ports.url(ports.second_client),
        scope=("openid", "accounts", "payments"),
        proof_key_file="../client-keys/paypilot-proof.json",
        name="PayPilot",
        look="paypilot",
        headline="See what you can pay with",
        promise=(
            "shows the accounts that you could pay from. It asks for permission to pay too, which this demonstration "
            "never uses."
        ),
    )
    listen = ListenSettings(port=ports.second_client)
    return msgspec.structs.replace(first, moneyview=paypilot, listen=listen)


def _client_settings(data: DataDirectory) -> ClientSettings:
    ports = data.ports
    return ClientSettings(
        moneyview=MoneyViewSettings(
            issuer=ports.url(ports.server),
            client_id="moneyview",
            base_url=ports.url(ports.client),
            bank_url=ports.url(ports.resource),
            bank_name=BANK_NAME,
            scope=("openid", "profile", "accounts"),
            assertion_keys="keys",
            proof_key_file="../client-keys/moneyview-proof.json",
            trust="../ca/certificate.pem",
        ),
        listen=ListenSettings(port=ports.client),
        tls=_TLS,
        applied_profile=APPLIED_PROFILE,
    )


def prepare_settings(data: DataDirectory, *, customers: Mapping[str, str]) -> None:
    """Write the settings files of the participants where they are missing; people may change them afterwards.

    Args:
        data: where.
        customers: subject identifiers, each with the sample customer whose accounts it sees.
    """
    for definition in detail_types(data.ports.url(data.ports.resource)):
        path = data.file(f"server/{definition.type}.json")
        if not path.exists():
            write_private_file(path, msgspec.json.format(msgspec.json.encode(definition)))
    for participant, kind, settings in (
        ("server", "server", _server_settings(data)),
        ("resource", "resource", _resource_settings(data, customers)),
        ("client", "client", _client_settings(data)),
        (SECOND_CLIENT, "client", _second_client_settings(data)),
    ):
        path = data.file(f"{participant}/{participant}.toml")
        if not path.exists():
            heading = (
                f"Made by `trustweft up`; read by it and by `trustweft serve {kind} --config` this file."
            )
            write_private_file(path, to_toml(settings, heading=heading).encode())


async def prepare_people(
    data: DataDirectory, store: ServerStore, *, surroundings: Surroundings
) -> DemoCredentials:
    """Register the clients and add the demo users, once; return the users with their passwords."""
    credentials = _load_or_make_credentials(data, surroundings)
    if credentials.complete:
        await _bring_up_to_date(data, store)
        return credentials
    for metadata in client_metadata(data):
        if await store.find_client(str(metadata["client_id"])) is None:
            await add_client(store, msgspec.json.encode(metadata), surroundings=surroundings)
    passwords = Passwords(entropy=surroundings.entropy)
    for person in credentials.users:
        if await store.find_user(person.username) is None:
            await add_user(
                store,
                username=person.username,
                password=person.password,
                name=person.name,
                email=person.email,
                passwords=passwords,
                surroundings=surroundings,
            )
    return _write_credentials(data, msgspec.structs.replace(credentials, complete=True))


async def _bring_up_to_date(data: DataDirectory, store: ServerStore) -> None:
    """Add to what an earlier version made what this one has besides: a second client, and who answers for each.

    What an operator removed stays removed, because its identifier stays taken.
    """
    for metadata in client_metadata(data):
        client_id = str(metadata["client_id"])
        known = await store.find_client(client_id)
        if known is None:
            if client_id == "paypilot":
                await store.add_client(client_id, msgspec.json.encode(metadata))
            continue
        document = msgspec.json.decode(known)
        if "organisation_id" not in document:
            completed = {**document, "organisation_id": metadata["organisation_id"]}
            await store.replace_client(client_id, old=known, new=msgspec.json.encode(completed))


def _load_or_make_credentials(data: DataDirectory, surroundings: Surroundings) -> DemoCredentials:
    if data.credentials.exists():
        return msgspec.json.decode(read_private_file(data.credentials), type=DemoCredentials)
    people = tuple(
        DemoPerson(
            username=username,
            password=surroundings.entropy.token()[:PASSWORD_LENGTH],
            name=customer.name,
            email=f"{username}@example.com",
        )
        for username, customer in CUSTOMERS.items()
    )
    return _write_credentials(data, DemoCredentials(users=people, complete=False))


def _write_credentials(data: DataDirectory, credentials: DemoCredentials) -> DemoCredentials:
    write_private_file(data.credentials, msgspec.json.format(msgspec.json.encode(credentials)))
    return credentials
