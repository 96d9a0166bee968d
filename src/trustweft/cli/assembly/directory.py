"""What listens to the directory, assembled for any participant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.cli.assembly.parts import resolve
from trustweft.crypto.keys import KeySet
from trustweft.net.event_receiver import EventReceiver
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.status_reader import DATA, PAYMENTS, ReaderRules, StatusReader
from trustweft.net.status_state import FileState
from trustweft.protocol.ecosystem_status import LIST_LIMIT
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.cli.directory_settings import FollowedDirectory
    from trustweft.crypto.keys import Signer
    from trustweft.net.event_receiver import CleanUp
    from trustweft.net.tls_policy import TlsPolicy
    from trustweft.profile import Profile

__all__ = ["follow_directory", "reader_rules", "reading_by"]

MAXIMUM_KEYS: Final = 262_144
SPARE: Final = 10.0  # seconds that an answer may take beyond the wait that it was asked to make


def reader_rules(profile: Profile) -> ReaderRules:
    """Return how a profile has the status list read."""
    rules = profile.directory
    return ReaderRules(
        caps={PAYMENTS: rules.payments_stale_cap, DATA: rules.data_stale_cap}, tolerance=rules.clock_skew
    )


def reading_by(reader: StatusReader, adopt: Callable[[Profile], None]) -> Callable[[Profile], None]:
    """Return what adopts a profile, and has the status list read by it from then on."""

    def adopt_and_read(profile: Profile) -> None:
        adopt(profile)
        reader.rules = reader_rules(profile)

    return adopt_and_read


def follow_directory(
    settings: FollowedDirectory,
    profile: Profile,
    *,
    policy: TlsPolicy,
    base: Path,
    surroundings: Surroundings,
    participant: str,
    signer: Callable[[], Signer],
    clean_up: CleanUp,
) -> EventReceiver:
    """Return what takes the directory's events; its ``reader`` polls, and both have to be run.

    Args:
        settings: which directory.
        profile: for how long its last word is good.
        policy: how TLS is spoken.
        base: the folder of the settings file.
        surroundings: clock, entropy, observer.
        participant: who follows, for the observer.
        signer: gives the key that receipts are signed with.
        clean_up: ends what an order ends.
    """
    rules = reader_rules(profile)
    trust = None if settings.trust is None else resolve(base, settings.trust)
    fetcher = Fetcher(
        trust=policy.narrow(trust_context(trust)),
        allowed_hosts=settings.allowed_hosts,
        maximum_body=LIST_LIMIT,
        maximum_seconds=rules.wait + SPARE,
    )
    reader = StatusReader(
        issuer=settings.issuer,
        feed=settings.feed,
        jwks_uri=settings.jwks_uri or "",
        send=fetcher.send,
        keeper=FileState(resolve(base, settings.state_file)),
        clock=surroundings.clock,
        observer=surroundings.observer,
        participant=participant,
        rules=rules,
        keys=None if settings.jwks_file is None else _keys(resolve(base, settings.jwks_file)),
    )
    return EventReceiver(
        reader=reader,
        identifier=settings.identifier,
        signer=signer,
        clean_up=clean_up,
        send=fetcher.send,
        clock=surroundings.clock,
        observer=surroundings.observer,
        participant=participant,
    )


def _keys(path: Path) -> KeySet:
    return KeySet.read(load_object(path.read_bytes(), limit=MAXIMUM_KEYS))
