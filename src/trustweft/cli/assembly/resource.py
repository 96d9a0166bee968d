"""The sample bank behind the guard, assembled."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trustweft.cli.assembly.certificates import behind_proxies, proxy_authorities
from trustweft.cli.assembly.directory import follow_directory, reading_by
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
from trustweft.crypto.keys import public_jwk
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.demo.bank_details import detail_types
from trustweft.demo.bank_journal import FileJournal
from trustweft.net.event_addresses import with_events
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.serving import Listener
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.resource.checks import PIPELINE
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.introspecting import IntrospectedRevocations, IntrospectionSettings
from trustweft.resource.issuer_keys import RemoteKeys
from trustweft.resource.participation import Participation, clean_up
from trustweft.runtime.secrets_file import load_or_create_secret
from trustweft.store.guard import StoreReplayMemory, StoreRevocations
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.cli.settings import ResourceSettings
    from trustweft.net.asgi import Application
    from trustweft.net.event_receiver import EventReceiver
    from trustweft.net.tls_policy import TlsPolicy
    from trustweft.profile import Profile
    from trustweft.resource.checks import GuardCheck
    from trustweft.resource.storage import RevocationSource
    from trustweft.server.storage import ServerStore

__all__ = ["assemble_resource"]


def assemble_resource(
    settings: ResourceSettings,
    *,
    base: Path,
    surroundings: Surroundings,
    server_store: ServerStore | None = None,
    pipeline: Sequence[GuardCheck] = PIPELINE,
) -> Assembled:
    """Return the bank of ``settings``, whose paths are relative to ``base``.

    Args:
        settings: what the operator decided.
        base: the folder of the settings file.
        surroundings: clock, entropy, observer.
        server_store: the authorization server's store, inside one deployment: revocation is then seen at once.
        pipeline: other than the guard's own only in tests.
    """
    resource, clock = settings.resource, surroundings.clock
    profiles = profile_in_force(settings, base=base)
    tell_missing(profiles.current, participant="resource", observer=surroundings.observer)
    limits = profiles.current.limits
    replays = SqliteStore.open(resolve(base, settings.storage.path))
    secret = load_or_create_secret(resolve(base, resource.nonce_secret_file), entropy=surroundings.entropy)
    # Whom the operator named may have an address that is not public; whatever else a document leads to may not.
    named = {urlsplit(url).hostname or "" for url in (resource.issuer, settings.revocation.endpoint)}
    policy = tls_policy(profiles.current)
    trust = policy.narrow(trust_context(resolve(base, resource.trust)))
    fetcher = Fetcher(trust=trust, allowed_hosts=named)
    receiver = _receiver(settings, profiles.current, policy=policy, base=base, surroundings=surroundings)
    participation = _participation(settings, receiver)
    keys = RemoteKeys(
        issuer=resource.issuer,
        fetch=fetcher.get,
        clock=clock,
        observer=surroundings.observer,
        believed=None if participation is None else participation.believed,
    )
    guard = Guard(
        Protection(
            issuer=resource.issuer,
            audience=resource.audience,
            base_urls=resource.base_urls,
            resource_metadata=resource_well_known_url(resource.audience),
            keys=keys,
            replays=StoreReplayMemory(replays, space=resource.audience),
            revocations=(
                _revocations(settings, base=base, surroundings=surroundings, fetcher=fetcher)
                if server_store is None
                else StoreRevocations(server_store, clock=clock)
            ),
            nonces=Nonces(secret, step=limits.dpop_nonce_step, window=2 * limits.dpop_nonce_step),
            clock=clock,
            future_tolerance=limits.future_tolerance,
            proof_maximum_age=limits.dpop_proof_max_age,
            require_nonce=profiles.current.duties.require_dpop_nonce,
            signing_algorithms=limits.signing_algorithms,
            participation=participation,
            detail_types={each.type: each for each in detail_types(resource.audience)},
        ),
        pipeline=pipeline,
    )
    journal = FileJournal(resolve(base, settings.payments))
    bank = create_bank(
        BankConfig(
            resource=resource.audience,
            issuer=resource.issuer,
            asks_for_certificates=settings.tls.client_authorities is not None,
        ),
        guard=guard,
        customers=settings.customers,
        clock=clock,
        entropy=surroundings.entropy,
        observer=surroundings.observer,
        journal=journal,
    )
    if receiver is not None:
        bank = with_events(
            bank,
            receiver,
            observer=surroundings.observer,
            participant="resource",
            receipt_keys=_receipt_keys(resolve(base, settings.revocation.private_key_file)),
        )
    application = behind_proxies(bank, settings.proxy, participant="resource", surroundings=surroundings)
    listeners = [
        _listener(settings, application, base=base),
        *operations_listeners(settings.listen, settings.tls, base=base, surroundings=surroundings),
    ]
    following = watch_profile(
        profiles,
        adopt=guard.adopt if receiver is None else reading_by(receiver.reader, guard.adopt),
        applied=settings.applied_profile,
        base=base,
        participant="resource",
        observer=surroundings.observer,
    )
    background = [reaper(replays, "resource", surroundings=surroundings), *following]
    if receiver is not None:
        background += [receiver.reader.run, receiver.run]
    assembled = Assembled(listeners, background, [replays.close, journal.close])
    if receiver is not None:
        assembled.ready.append(receiver.reader.is_fresh)
    assembled.narrow(policy)
    return assembled


def _receiver(
    settings: ResourceSettings,
    profile: Profile,
    *,
    policy: TlsPolicy,
    base: Path,
    surroundings: Surroundings,
) -> EventReceiver | None:
    """Return what takes the directory's events, where there is one; the key of introspection signs the receipts."""
    if settings.directory is None:
        return None
    signer = read_key(resolve(base, settings.revocation.private_key_file))
    return follow_directory(
        settings.directory,
        profile,
        policy=policy,
        base=base,
        surroundings=surroundings,
        participant="resource",
        signer=lambda: signer,
        clean_up=clean_up,
    )


def _receipt_keys(file: Path) -> dict[str, object]:
    signer = read_key(file)
    member = {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": signer.algorithm, "use": "sig"}
    return {"keys": [member]}


def _participation(settings: ResourceSettings, receiver: EventReceiver | None) -> Participation | None:
    if settings.directory is None or receiver is None:
        return None
    return Participation(receiver.reader, settings.directory.names)


def _listener(settings: ResourceSettings, application: Application, *, base: Path) -> Listener:
    return Listener(
        name="sample bank",
        application=application,
        host=settings.listen.host,
        port=settings.listen.port,
        certificate=resolve(base, settings.tls.certificate),
        private_key=resolve(base, settings.tls.private_key),
        client_authorities=(
            proxy_authorities(settings.proxy, settings.tls, base=base)
            if settings.tls.client_authorities is None
            else resolve(base, settings.tls.client_authorities)
        ),
    )


def _revocations(
    settings: ResourceSettings, *, base: Path, surroundings: Surroundings, fetcher: Fetcher
) -> RevocationSource:
    """Return who knows what is revoked: introspection, for a resource server on its own."""
    revocation, issuer = settings.revocation, settings.resource.issuer
    signer = read_key(resolve(base, revocation.private_key_file))
    return IntrospectedRevocations(
        IntrospectionSettings(
            issuer=issuer, endpoint=revocation.endpoint, client_id=revocation.client_id, signer=signer
        ),
        post=fetcher.post,
        clock=surroundings.clock,
        entropy=surroundings.entropy,
        observer=surroundings.observer,
    )
