"""Registration of clients by themselves, assembled from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.cli.assembly.parts import Surroundings, resolve
from trustweft.crypto.keys import KeySet
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.remote_keys import MAXIMUM_DOCUMENT
from trustweft.runtime.errors import Reject
from trustweft.runtime.settings import SettingsError
from trustweft.runtime.strict_json import load_object
from trustweft.server.directory_keys import DirectoryKeys, KeptDirectoryKeys, PublishedDirectoryKeys
from trustweft.server.registrations import Registrations

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.settings import DirectorySettings, RegistrationSettings
    from trustweft.net.tls_policy import TlsPolicy

__all__ = ["registrations"]


def registrations(
    settings: RegistrationSettings | None, policy: TlsPolicy, *, base: Path, surroundings: Surroundings
) -> Registrations | None:
    """Return what the server needs to let clients register themselves; None where nobody asked for it.

    Raises:
        SettingsError: the keys of a directory cannot be read.
    """
    if settings is None:
        return None
    trust = None if settings.trust is None else resolve(base, settings.trust)
    fetcher = Fetcher(trust=policy.narrow(trust_context(trust)), allowed_hosts=settings.allowed_hosts)
    return Registrations(
        directories={
            each.issuer: _keys_of(each, fetcher, base=base, surroundings=surroundings)
            for each in settings.directories
        },
        rules=settings,
    )


def _keys_of(
    directory: DirectorySettings, fetcher: Fetcher, *, base: Path, surroundings: Surroundings
) -> DirectoryKeys:
    if directory.jwks_uri is not None:
        return PublishedDirectoryKeys(
            directory.jwks_uri,
            fetch=fetcher.get,
            clock=surroundings.clock,
            observer=surroundings.observer,
        )
    path = resolve(base, directory.jwks_file or "")
    try:
        return KeptDirectoryKeys(KeySet.read(load_object(path.read_bytes(), limit=MAXIMUM_DOCUMENT)))
    except (OSError, Reject) as cause:
        raise SettingsError(f"{path}: {cause}") from cause
