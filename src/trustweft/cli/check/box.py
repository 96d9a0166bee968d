"""The ecosystem of `trustweft up` as a target: its data directory says everything that the auditor needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from trustweft.audit.target import (
    Api,
    ClientEntry,
    DetailsEntry,
    OperationEntry,
    RelyingParty,
    ResourceServerEntry,
    Target,
    User,
)
from trustweft.cli.first_start import SECOND_CLIENT, DemoCredentials
from trustweft.demo.bank_data import CURRENCY, CUSTOMERS
from trustweft.demo.bank_details import ACCOUNT_INFORMATION, PAYMENT_INITIATION
from trustweft.runtime.files import KeyFileError, read_private_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.cli.data_directory import DataDirectory

__all__ = ["folder_of_application", "target_of_box", "with_application"]


def target_of_box(data: DataDirectory) -> Target:
    """Return the target of the ecosystem in a data directory.

    Raises:
        click.ClickException: the directory cannot be read.
    """
    try:
        people = msgspec.json.decode(read_private_file(data.credentials), type=DemoCredentials)
    except (OSError, KeyFileError, msgspec.MsgspecError) as cause:
        raise click.ClickException(f"{data.path} cannot be read: {cause}") from cause
    ports = data.ports
    bank = ports.url(ports.resource)
    callback = f"{ports.url(ports.home)}/tour/callback"
    return Target(
        issuer=ports.url(ports.server),
        name="the ecosystem on this machine",
        profile="fapi2-security",
        trust=str(data.authority),
        rate=200.0,
        canary_host="localhost",
        clients=(
            ClientEntry(
                client_id="tour",
                key=str(data.file("client-keys/tour.json")),
                redirect_uri=callback,
                scope="openid profile accounts payments",
                narrow_scope="accounts",
                grant_types=("authorization_code", "refresh_token", "client_credentials"),
                details=_details(),
            ),
            ClientEntry(
                client_id="tour-stranger",
                key=str(data.file("client-keys/tour-stranger.json")),
                certificate=str(data.file("client-keys/tour-stranger.pem")),
                redirect_uri=callback,
                scope="openid accounts",
                grant_types=("authorization_code", "refresh_token"),
            ),
            ClientEntry(
                client_id="tour-certificate",
                authentication="tls_client_auth",
                certificate=str(data.file("client-keys/tour-certificate.pem")),
                binding="mtls",
                scope="accounts",
                grant_types=("client_credentials",),
            ),
        ),
        resource_servers=(
            ResourceServerEntry(
                client_id="bank", key=str(data.file("client-keys/bank.json")), audience=bank, grant_types=()
            ),
        ),
        users=tuple(User(username=user.username, password=user.password) for user in people.users),
        apis=(Api(url=bank, name="bank", openapi=f"{bank}/openapi.json"),),
        relying_party=_application(ports.url(ports.client)),
    )


def with_application(target: Target, data: DataDirectory, *, redirect_uris: Sequence[str]) -> Target:
    """Return the same target with that sample application as the client under test that is called back there."""
    second = data.ports.url(data.ports.second_client)
    if f"{second}/callback" not in redirect_uris:
        return target
    return msgspec.structs.replace(target, relying_party=_application(second))


def folder_of_application(target: Target, data: DataDirectory) -> str:
    """Return the folder of the sample application that is under test."""
    relying = target.relying_party
    second = data.ports.url(data.ports.second_client)
    return SECOND_CLIENT if relying is not None and relying.base_url == second else "client"


def _application(url: str) -> RelyingParty:
    return RelyingParty(base_url=url, start=f"{url}/", callback=f"{url}/callback", jwks_uri=f"{url}/jwks")


def _details() -> DetailsEntry:
    """Return details of the sample bank that its first customer may grant: one payment, and a look at one account."""
    alice, bob = (CUSTOMERS[name].accounts for name in ("alice", "bob"))
    amount, creditor, reference = "12.34", "Bob Lindqvist", "Oak board 77"

    def details(amount: str) -> str:
        payment = {
            "type": PAYMENT_INITIATION,
            "instructedAmount": {"amount": amount, "currency": CURRENCY},
            "creditorName": creditor,
            "creditorAccount": {"iban": bob[0].iban},
            "remittanceInformationUnstructured": reference,
        }
        look = {"type": ACCOUNT_INFORMATION, "actions": ["read_balances"], "accounts": [alice[0].iban]}
        return msgspec.json.encode([payment, look]).decode()

    return DetailsEntry(
        good=details(amount),
        wider=details("1234.00"),
        shown=(amount, creditor, bob[0].iban, reference, alice[0].iban),
        stranger="tour-stranger",
        covered=OperationEntry(path=f"/accounts/{alice[0].id}/balances"),
        beyond=OperationEntry(path=f"/accounts/{alice[1].id}/balances"),
    )
