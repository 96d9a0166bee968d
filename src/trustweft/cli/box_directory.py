"""The directory of the ecosystem on this machine: its settings, and those by which all others follow it.

Made at the first start that has a directory, once; what an operator changes or takes out afterwards stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from trustweft.cli.box_enrolment import BRAND, BY_SCOPE, ROLES
from trustweft.cli.data_directory import APPLIED_PROFILE
from trustweft.cli.directory_register import SETTINGS
from trustweft.cli.directory_settings import (
    ClientDirectory,
    ClientNames,
    FollowedDirectory,
    ResourceDirectory,
    ServerDirectory,
)
from trustweft.cli.first_start import SECOND_CLIENT
from trustweft.cli.settings import (
    ClientSettings,
    ListenSettings,
    ResourceSettings,
    ServerSettings,
    TlsSettings,
)
from trustweft.cli.toml_text import to_toml
from trustweft.cli.trust_anchor_settings import OutboundSettings, TrustAnchor
from trustweft.demo.bank_details import ACCOUNT_INFORMATION, PAYMENT_INITIATION
from trustweft.directory.config import DirectoryConfig
from trustweft.resource.participation import ParticipationConfig as GuardNames
from trustweft.runtime.files import write_private_file
from trustweft.runtime.settings import read_settings
from trustweft.server.participation import ParticipationConfig as ServerNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.cli.data_directory import DataDirectory

__all__ = ["prepare_directory"]

_Settings: TypeAlias = ServerSettings | ResourceSettings | ClientSettings
# By type of authorization details, the scope value that allows as much.
_TYPES: Final = {ACCOUNT_INFORMATION: "accounts", PAYMENT_INITIATION: "payments"}
_PAYMENTS: Final = ("payments", PAYMENT_INITIATION)
_STATE: Final = "status.json"
_AUTHORITY: Final = "../ca/certificate.pem"


class _Following(msgspec.Struct, frozen=True, kw_only=True):
    """The table that is added to a participant's settings."""

    directory: FollowedDirectory


def prepare_directory(data: DataDirectory) -> None:
    """Write the directory's settings where there are none, and have everybody follow it from then on.

    Raises:
        SettingsError: a participant's settings cannot be read.
    """
    path = data.file(SETTINGS)
    for participant, client_id in (("client", "moneyview"), (SECOND_CLIENT, "paypilot")):
        # A version with a directory had applications that did not follow it. Whoever did has heard of it.
        if not data.file(f"{participant}/{_STATE}").exists():
            _follow(data, participant, ClientSettings, _client(data, client_id))
    if path.exists():
        return
    ports = data.ports
    for participant, kind, names in (
        ("server", ServerSettings, _server(data)),
        ("resource", ResourceSettings, _guard(data)),
    ):
        _follow(data, participant, kind, names)
    settings = TrustAnchor(
        directory=DirectoryConfig(
            issuer=ports.url(ports.directory),
            organization_name="Trustweft (a demonstration)",
            # Nothing here was audited when it was entered. Whoever has everything certified takes this line out.
            without_certification=("brand", "software"),
        ),
        listen=ListenSettings(port=ports.directory),
        tls=TlsSettings(certificate="../tls/certificate.pem", private_key="../tls/private-key.pem"),
        outbound=OutboundSettings(trust=_AUTHORITY, allowed_hosts=("localhost",)),
        applied_profile=APPLIED_PROFILE,
    )
    heading = "Made by `trustweft up`; read by it, by `trustweft onboard` and by `trustweft serve directory --config` this file."
    # Written last: where it is, the others follow.
    write_private_file(path, to_toml(settings, heading=heading).encode())


def _follow(
    data: DataDirectory,
    participant: str,
    kind: type[_Settings],
    followed: FollowedDirectory,
) -> None:
    """Add the table to a file that somebody may have changed: behind all that is there, and only where it is missing.

    Whoever follows has one worker: where an operator asked for several, they go on without.
    """
    path = data.file(f"{participant}/{participant}.toml")
    settings: _Settings = read_settings(path, kind, environment={}).value
    if settings.directory is None and settings.listen.workers == 1:
        table = to_toml(_Following(directory=followed), heading="Who takes part, the directory says.")
        write_private_file(path, f"{path.read_text(encoding='utf-8').rstrip()}\n\n{table}".encode())


def _server(data: DataDirectory) -> ServerDirectory:
    names = ServerNames(brand=BRAND, apis=_by_name(BY_SCOPE), roles=_by_name(ROLES), payments=_PAYMENTS)
    return ServerDirectory(**_followed(data, data.ports.url(data.ports.server)), names=names)


def _guard(data: DataDirectory) -> ResourceDirectory:
    names = GuardNames(issuer_brand=BRAND, apis=_by_name(BY_SCOPE), roles=_by_name(ROLES), payments=_PAYMENTS)
    return ResourceDirectory(**_followed(data, data.ports.url(data.ports.resource)), names=names)


def _client(data: DataDirectory, client_id: str) -> ClientDirectory:
    return ClientDirectory(**_followed(data, f"software:{client_id}"), names=ClientNames(brand=BRAND))


def _followed(data: DataDirectory, identifier: str) -> dict[str, Any]:
    """Return how anybody here follows the directory of the box, as ``identifier``."""
    directory = data.ports.url(data.ports.directory)
    return {
        "issuer": directory,
        "feed": f"{directory}/status",
        "jwks_uri": f"{directory}/jwks",
        "identifier": identifier,
        "state_file": _STATE,
        "trust": _AUTHORITY,
        "allowed_hosts": ("localhost",),
    }


def _by_name(by_scope: Mapping[str, str]) -> dict[str, str]:
    """Return the same for types of authorization details too."""
    return {**by_scope, **{kind: by_scope[scope] for kind, scope in _TYPES.items()}}
