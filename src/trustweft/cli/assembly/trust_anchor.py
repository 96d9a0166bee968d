"""The directory, assembled: its register, its keys, its evidence log, and what it reaches participants with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trustweft.cli.assembly.certificates import behind_proxies, proxy_authorities
from trustweft.cli.assembly.parts import (
    Assembled,
    Surroundings,
    operations_listeners,
    read_key,
    reaper,
    resolve,
    tls_policy,
)
from trustweft.cli.assembly.profiles import profile_in_force, tell_missing, watch_profile
from trustweft.crypto.key_watch import KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import KeySet, generate_private_key, private_jwk, public_jwk
from trustweft.directory.application import Deployment, Directory
from trustweft.directory.progress import FileProgress
from trustweft.evidence.files import EvidenceFileError
from trustweft.evidence.keys import load_or_create_key
from trustweft.evidence.log import EvidenceLog
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.serving import Listener
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import write_private_file
from trustweft.runtime.settings import SettingsError
from trustweft.runtime.strict_json import load_object
from trustweft.store.guard import StoreReplayMemory
from trustweft.store.people import SqliteConsoleStore
from trustweft.store.register import SqliteRegisterStore
from trustweft.store.sqlite.store import SqliteStore
from trustweft.web.console.application import create_console, with_console
from trustweft.web.console.parts import ConsoleSettings

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.trust_anchor_settings import TrustAnchor
    from trustweft.net.asgi import Application
    from trustweft.net.tls_policy import TlsPolicy
    from trustweft.profile import Profile

__all__ = ["assemble_directory", "create_directory"]

# Our choice, in seconds: an order is to be in force within five, and whoever takes longer is tried again.
PUSH_SECONDS: Final = 5.0
PROBE_KEY: Final = "probe-key.json"
MAXIMUM_KEYS: Final = 262_144


def assemble_directory(settings: TrustAnchor, *, base: Path, surroundings: Surroundings) -> Assembled:
    """Return the directory of ``settings``, whose paths are relative to ``base``.

    Raises:
        SettingsError: its evidence log cannot be used, or another process writes it.
    """
    profiles = profile_in_force(settings, base=base)
    tell_missing(profiles.current, participant="directory", observer=surroundings.observer)
    store = SqliteRegisterStore.open(resolve(base, settings.register.path))
    replays = SqliteStore.open(resolve(base, settings.register.replays))
    directory = create_directory(
        settings, profiles.current, store=store, replays=replays, base=base, surroundings=surroundings
    )
    people = SqliteConsoleStore.open(resolve(base, settings.console))
    console = _console(settings, directory, people, base=base, surroundings=surroundings)
    application = behind_proxies(
        with_console(directory.asgi, console),
        settings.proxy,
        participant="directory",
        surroundings=surroundings,
    )
    assembled = Assembled(
        [
            _listener(settings, application, base=base),
            *operations_listeners(settings.listen, settings.tls, base=base, surroundings=surroundings),
        ],
        [
            directory.watch.run,
            reaper(replays, "directory", surroundings=surroundings),
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
        [store.close, replays.close, people.close, directory.close],
        [directory.feed.close],
    )
    assembled.narrow(tls_policy(profiles.current))
    return assembled


def _console(
    settings: TrustAnchor,
    directory: Directory,
    people: SqliteConsoleStore,
    *,
    base: Path,
    surroundings: Surroundings,
) -> Application:
    """Return the pages of the directory, which act through the same hand as its own application."""
    return create_console(
        ConsoleSettings(
            origin=settings.directory.issuer,
            name=settings.directory.organization_name,
            evidence=resolve(base, settings.evidence.log),
        ),
        keeper=directory.keeper,
        accounts=people,
        terms=directory.terms,
        clock=surroundings.clock,
        entropy=surroundings.entropy,
        observer=surroundings.observer,
    )


def create_directory(
    settings: TrustAnchor,
    profile: Profile,
    *,
    store: SqliteRegisterStore,
    replays: SqliteStore,
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
            replays=StoreReplayMemory(replays, space=settings.directory.issuer),
            probe_keys=ProbeKeys(resolve(base, settings.probe_keys_file)).current,
            clock=clock,
            entropy=surroundings.entropy,
            observer=surroundings.observer,
        )
    )


class ProbeKeys:
    """The keys of those whose probes are evidence, as the file has them now.

    Args:
        path: a JWK Set; made where it is missing, with a private key beside it that signs.

    Raises:
        SettingsError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            _make_probe_key(path)
        try:
            self._keys = self._read()
        except (OSError, Reject) as cause:
            raise SettingsError(f"{path}: {cause}") from cause

    def current(self) -> KeySet:
        """Return the keys; while the file cannot be used, those that it had before."""
        with suppress(OSError, Reject):
            self._keys = self._read()
        return self._keys

    def _read(self) -> KeySet:
        return KeySet.read(load_object(self._path.read_bytes(), limit=MAXIMUM_KEYS))


def _make_probe_key(path: Path) -> None:
    private = path.with_name(PROBE_KEY)
    if not private.exists():
        write_private_file(private, msgspec.json.encode(private_jwk(generate_private_key("ES256"))))
    signer = read_key(private)
    public = {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": signer.algorithm, "use": "sig"}
    write_private_file(path, msgspec.json.encode({"keys": [public]}))


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
