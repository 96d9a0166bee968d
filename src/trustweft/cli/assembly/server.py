"""The authorization server, assembled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.cli.assembly.certificates import behind_proxies, proxy_authorities, revocation_lists
from trustweft.cli.assembly.directory import follow_directory, reading_by
from trustweft.cli.assembly.federation import assemble_federation
from trustweft.cli.assembly.parts import (
    Assembled,
    Surroundings,
    operations_listeners,
    read_detail_types,
    reaper,
    resolve,
    tls_policy,
)
from trustweft.cli.assembly.profiles import profile_in_force, tell_missing, watch_profile
from trustweft.cli.assembly.registration import registrations
from trustweft.crypto.key_watch import KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.x509 import load_authorities
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.serving import Listener
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.runtime.secrets_file import load_or_create_secret
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_certificates import ClientCertificates
from trustweft.server.client_keys import ClientKeys
from trustweft.server.exchange import Deployment
from trustweft.server.login.passwords import Passwords
from trustweft.server.participation import Offboarder, Participation
from trustweft.server.pipelines import PIPELINES
from trustweft.store.sqlite.store import SqliteStore
from trustweft.web.pages import Pages
from trustweft.web.server_pages import ServerPages
from trustweft.web.static_application import with_static_files

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

    from trustweft.cli.directory_settings import ServerDirectory
    from trustweft.cli.settings import ClientKeySettings, ServerSettings, TlsSettings
    from trustweft.crypto.revocation_lists import RevocationLists
    from trustweft.net.asgi import Application
    from trustweft.net.tls_policy import TlsPolicy
    from trustweft.profile import Profile
    from trustweft.server.pipeline import Pipelines
    from trustweft.store.sqlite.store import SqliteStore as Store

__all__ = ["assemble_server"]

SECONDS_A_DAY: Final = 86_400.0

PASSWORDS_AT_ONCE: Final = 2  # our choice: on this machine, whatever the number of workers; each takes 64 MiB


def assemble_server(
    settings: ServerSettings,
    *,
    base: Path,
    surroundings: Surroundings,
    store: Store | None = None,
    pipelines: Pipelines = PIPELINES,
) -> Assembled:
    """Return the server of ``settings``, whose paths are relative to ``base``.

    Args:
        settings: what the operator decided.
        base: the folder of the settings file.
        surroundings: clock, entropy, observer.
        store: the open store, where others in this process share it; opened, and closed at the end, otherwise.
        pipelines: other than the server's own only in tests.
    """
    own_store = store is None
    store = SqliteStore.open(resolve(base, settings.storage.path)) if store is None else store
    profiles = profile_in_force(settings, base=base)
    tell_missing(profiles.current, participant="server", observer=surroundings.observer)
    policy = tls_policy(profiles.current)
    revocation = revocation_lists(
        settings.certificate_revocation, base=base, surroundings=surroundings, policy=policy
    )
    deployment = _deploy(
        settings,
        profiles.current,
        base=base,
        surroundings=surroundings,
        store=store,
        revocation=revocation,
    )
    ending = _ending(settings, deployment)
    if settings.directory is not None:
        deployment = _taking_part(
            settings.directory, deployment, policy, ending, base=base, surroundings=surroundings
        )
    watch = _key_watch(settings, deployment)
    ending.have_keys_given_up(watch.have_given_up)
    participation = deployment.participation
    server = AuthorizationServer(deployment, pipelines=pipelines)
    application = behind_proxies(
        with_static_files(server.asgi),
        settings.proxy,
        participant="server",
        surroundings=surroundings,
    )
    listeners = _listeners(settings, application, base=base)
    listeners += operations_listeners(settings.listen, settings.tls, base=base, surroundings=surroundings)
    background = [
        revocation.run,
        watch.run,
        *watch_profile(
            profiles,
            adopt=server.adopt if participation is None else reading_by(participation.reader, server.adopt),
            applied=settings.applied_profile,
            base=base,
            participant="server",
            observer=surroundings.observer,
        ),
    ]
    if participation is not None:
        background += [participation.reader.run, participation.receiver.run]
    if own_store:
        background.append(reaper(store, "server", surroundings=surroundings))

    async def close() -> None:
        deployment.passwords.close()
        if own_store:
            await store.close()

    assembled = Assembled(listeners, background, [close])
    if participation is not None:
        assembled.ready.append(participation.reader.is_fresh)
    assembled.narrow(policy)
    return assembled


def _taking_part(
    settings: ServerDirectory,
    deployment: Deployment,
    policy: TlsPolicy,
    ending: Offboarder,
    *,
    base: Path,
    surroundings: Surroundings,
) -> Deployment:
    """Return the same as a server that goes by what the directory says; its signing key signs the receipts."""
    receiver = follow_directory(
        settings,
        deployment.profile,
        policy=policy,
        base=base,
        surroundings=surroundings,
        participant="server",
        signer=deployment.keys.signer,
        clean_up=ending,
    )
    participation = Participation(receiver.reader, settings.names, receiver=receiver)
    return replace(deployment, participation=participation)


def _ending(settings: ServerSettings, deployment: Deployment) -> Offboarder:
    brand = None if settings.directory is None else settings.directory.names.brand
    return Offboarder(deployment.store, brand=brand, clock=deployment.clock)


def _key_watch(settings: ServerSettings, deployment: Deployment) -> KeyWatch:
    participation = deployment.participation
    return KeyWatch(
        deployment.keys,
        clock=deployment.clock,
        observer=deployment.observer,
        rotate_after=settings.keys.rotate_after_days * SECONDS_A_DAY,
        ended=dict if participation is None else participation.keys.ended,
    )


def _deploy(
    settings: ServerSettings,
    profile: Profile,
    *,
    base: Path,
    surroundings: Surroundings,
    store: Store,
    revocation: RevocationLists,
) -> Deployment:
    """Return what the server is made of."""
    entropy, clock = surroundings.entropy, surroundings.clock
    secret = load_or_create_secret(resolve(base, settings.keys.nonce_secret_file), entropy=entropy)
    return Deployment(
        config=settings.server,
        profile=profile,
        store=store,
        keys=KeyRing.load_or_create(
            resolve(base, settings.keys.directory), algorithms=settings.keys.algorithms, now=clock.now()
        ),
        client_certificates=ClientCertificates(_roots(settings.tls, base=base), revocation),
        client_keys=_client_keys(
            settings.client_keys, tls_policy(profile), base=base, surroundings=surroundings
        ),
        # A nonce serves in its own step and the next, as the profile says.
        nonces=Nonces(secret, step=profile.limits.dpop_nonce_step, window=2 * profile.limits.dpop_nonce_step),
        pages=ServerPages(Pages(), base_url=settings.server.issuer, notice=settings.login_notice),
        passwords=Passwords(
            entropy=entropy, concurrency=max(1, PASSWORDS_AT_ONCE // settings.listen.workers)
        ),
        clock=clock,
        entropy=entropy,
        observer=surroundings.observer,
        detail_types=read_detail_types(base, settings.server.authorization_details_types),
        registrations=registrations(
            settings.registration, tls_policy(profile), base=base, surroundings=surroundings
        ),
        federation=assemble_federation(
            settings.federation,
            organization_name=settings.server.organization_name,
            future_tolerance=profile.limits.future_tolerance,
            policy=tls_policy(profile),
            base=base,
            surroundings=surroundings,
        ),
    )


def _listeners(settings: ServerSettings, application: Application, *, base: Path) -> list[Listener]:
    """Return where the server is reached: by everybody, and by clients with certificates where there is a port for it."""
    listen, tls = settings.listen, settings.tls
    everybody = Listener(
        name="authorization server",
        application=application,
        host=listen.host,
        port=listen.port,
        certificate=resolve(base, tls.certificate),
        private_key=resolve(base, tls.private_key),
        client_authorities=proxy_authorities(settings.proxy, tls, base=base),
    )
    if listen.mtls_port is None or tls.client_authorities is None:
        return [everybody]
    certified = replace(
        everybody,
        name="authorization server for client certificates",
        port=listen.mtls_port,
        client_authorities=resolve(base, tls.client_authorities),
    )
    return [everybody, certified]


def _roots(tls: TlsSettings, *, base: Path) -> tuple[Certificate, ...]:
    """Return the authorities whose certificates may authenticate clients by name; with none, nobody can."""
    if tls.client_authorities is None:
        return ()
    return load_authorities(resolve(base, tls.client_authorities))


def _client_keys(
    settings: ClientKeySettings, policy: TlsPolicy, *, base: Path, surroundings: Surroundings
) -> ClientKeys:
    """Return what knows the keys of clients; a client's address leads to public hosts, or to those that are named."""
    trust = None if settings.trust is None else resolve(base, settings.trust)
    fetcher = Fetcher(trust=policy.narrow(trust_context(trust)), allowed_hosts=settings.allowed_hosts)
    return ClientKeys(fetch=fetcher.get, clock=surroundings.clock, observer=surroundings.observer)
