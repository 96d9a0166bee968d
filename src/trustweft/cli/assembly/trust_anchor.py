"""The directory, assembled: its register, its keys, its evidence log, and what it reaches participants with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.cli.assembly.certificates import behind_proxies, proxy_authorities
from trustweft.cli.assembly.parts import (
    Assembled,
    Surroundings,
    operations_listeners,
    resolve,
    tls_policy,
)
from trustweft.cli.assembly.profiles import profile_in_force, tell_missing, watch_profile
from trustweft.crypto.key_watch import KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.directory.application import Deployment, Directory
from trustweft.directory.progress import FileProgress
from trustweft.evidence.files import EvidenceFileError
from trustweft.evidence.keys import load_or_create_key
from trustweft.evidence.log import EvidenceLog
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.serving import Listener
from trustweft.runtime.settings import SettingsError
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.trust_anchor_settings import TrustAnchor
    from trustweft.net.asgi import Application
    from trustweft.net.tls_policy import TlsPolicy
    from trustweft.profile import Profile

__all__ = ["assemble_directory", "create_directory"]

# Our choice, in seconds: an order is to be in force within five, and whoever takes longer is tried again.
PUSH_SECONDS: Final = 5.0


def assemble_directory(settings: TrustAnchor, *, base: Path, surroundings: Surroundings) -> Assembled:
    """Return the directory of ``settings``, whose paths are relative to ``base``.

    Raises:
        SettingsError: its evidence log cannot be used, or another process writes it.
    """
    profiles = profile_in_force(settings, base=base)
    tell_missing(profiles.current, participant="directory", observer=surroundings.observer)
    store = SqliteRegisterStore.open(resolve(base, settings.register.path))
    directory = create_directory(
        settings, profiles.current, store=store, base=base, surroundings=surroundings
    )
    application = behind_proxies(
        directory.asgi, settings.proxy, participant="directory", surroundings=surroundings
    )
    assembled = Assembled(
        [
            _listener(settings, application, base=base),
            *operations_listeners(settings.listen, settings.tls, base=base, surroundings=surroundings),
        ],
        [
            directory.watch.run,
            directory.deliveries.run,
            KeyWatch(
                directory.keys,
                clock=surroundings.clock,
                observer=surroundings.observer,
                participant="directory",
            ).run,
            *watch_profile(
                profiles,
                adopt=directory.adopt,
                applied=settings.applied_profile,
                base=base,
                participant="directory",
                observer=surroundings.observer,
            ),
        ],
        [store.close, directory.close],
        [directory.feed.close],
    )
    assembled.narrow(tls_policy(profiles.current))
    return assembled


def create_directory(
    settings: TrustAnchor,
    profile: Profile,
    *,
    store: SqliteRegisterStore,
    base: Path,
    surroundings: Surroundings,
) -> Directory:
    """Return the directory itself: who wants to act in it has it carry commands out.

    Raises:
        SettingsError: its evidence log cannot be used, or another process writes it.
    """
    policy, clock = tls_policy(profile), surroundings.clock
    return Directory(
        Deployment(
            config=settings.directory,
            profile=profile,
            store=store,
            keys=KeyRing.load_or_create(
                resolve(base, settings.keys.directory), algorithms=settings.keys.algorithms, now=clock.now()
            ),
            log=_evidence_log(settings, base=base),
            progress=FileProgress(resolve(base, settings.register.deliveries)),
            push=_fetcher(settings, policy, base=base, seconds=PUSH_SECONDS).send,
            fetch=_fetcher(settings, policy, base=base).get,
            clock=clock,
            entropy=surroundings.entropy,
            observer=surroundings.observer,
        )
    )


def _evidence_log(settings: TrustAnchor, *, base: Path) -> EvidenceLog:
    path = resolve(base, settings.evidence.log)
    key = load_or_create_key(resolve(base, settings.evidence.key))
    try:
        return EvidenceLog(path, origin=f"{urlsplit(settings.directory.issuer).netloc}/evidence", key=key)
    except EvidenceFileError as cause:
        raise SettingsError(str(cause)) from cause


def _fetcher(
    settings: TrustAnchor, policy: TlsPolicy, *, base: Path, seconds: float | None = None
) -> Fetcher:
    outbound = settings.outbound
    trust = policy.narrow(trust_context(None if outbound.trust is None else resolve(base, outbound.trust)))
    if seconds is None:
        return Fetcher(trust=trust, allowed_hosts=outbound.allowed_hosts)
    return Fetcher(trust=trust, allowed_hosts=outbound.allowed_hosts, maximum_seconds=seconds)


def _listener(settings: TrustAnchor, application: Application, *, base: Path) -> Listener:
    return Listener(
        name="directory",
        application=application,
        host=settings.listen.host,
        port=settings.listen.port,
        certificate=resolve(base, settings.tls.certificate),
        private_key=resolve(base, settings.tls.private_key),
        client_authorities=proxy_authorities(settings.proxy, settings.tls, base=base),
    )
