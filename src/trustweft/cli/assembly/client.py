"""MoneyView, assembled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import httpx2

from trustweft.cli.assembly.directory import follow_directory
from trustweft.cli.assembly.parts import (
    Assembled,
    Surroundings,
    operations_listeners,
    read_key,
    resolve,
    tls_policy,
)
from trustweft.cli.assembly.profiles import profile_in_force, tell_missing
from trustweft.client import (
    AsyncClient,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    tls_context,
)
from trustweft.client.participation import Offboarder, Participation
from trustweft.client.tokens import MemoryTokenStore
from trustweft.crypto.key_watch import ROTATE_AFTER_DAYS, KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.demo.moneyview import MoneyViewConfig, create_moneyview
from trustweft.demo.moneyview_sessions import Sessions
from trustweft.net.event_addresses import with_events
from trustweft.net.serving import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.settings import ClientSettings, MoneyViewSettings
    from trustweft.client import SigningKeys
    from trustweft.net.event_receiver import EventReceiver
    from trustweft.profile import Profile

__all__ = ["assemble_client", "client_configuration"]

TIMEOUT_SECONDS: Final = 10.0
SECONDS_A_DAY: Final = 86_400.0
ASSERTION_ALGORITHMS: Final = ("ES256",)  # as registered


def assemble_client(settings: ClientSettings, *, base: Path, surroundings: Surroundings) -> Assembled:
    """Return MoneyView of ``settings``, whose paths are relative to ``base``."""
    profile = profile_in_force(settings, base=base).current
    tell_missing(profile, participant="client", observer=surroundings.observer)
    moneyview, policy = settings.moneyview, tls_policy(profile)
    participant = "client" if moneyview.look == "moneyview" else moneyview.look
    keys = KeyRing.load_or_create(
        resolve(base, moneyview.assertion_keys), algorithms=ASSERTION_ALGORITHMS, now=surroundings.clock.now()
    )
    watch = KeyWatch(
        keys,
        clock=surroundings.clock,
        observer=surroundings.observer,
        participant=participant,
        rotate_after=ROTATE_AFTER_DAYS * SECONDS_A_DAY,
    )
    # What listens to the directory comes before the client that asks it, and clears what is made last.
    ending = Offboarder(_brands(settings))
    receiver = _receiver(
        settings,
        profile,
        base=base,
        surroundings=surroundings,
        participant=participant,
        keys=keys,
        ending=ending,
    )
    trust = policy.narrow(tls_context(authorities=resolve(base, moneyview.trust)))
    http = httpx2.AsyncClient(verify=trust, timeout=TIMEOUT_SECONDS)
    configuration = client_configuration(moneyview, profile, keys=keys, base=base)
    tokens = MemoryTokenStore()
    if receiver is not None:
        participation = Participation(receiver.reader, _brands(settings))
        ending.renew_also(tokens, issuers_of=participation.issuers_of)
        configuration = replace(
            configuration, check_server=participation.check, believed_keys=participation.believed
        )
    client = AsyncClient(
        configuration,
        http,
        clock=surroundings.clock,
        entropy=surroundings.entropy,
        store=tokens,
    )
    sessions = Sessions(
        issuer=moneyview.issuer,
        clock=surroundings.clock,
        entropy=surroundings.entropy,
        on_end=tokens.forget,
    )
    application = create_moneyview(
        MoneyViewConfig(
            base_url=moneyview.base_url,
            bank_url=moneyview.bank_url,
            bank_name=moneyview.bank_name,
            authorization_origin=moneyview.issuer,
            keys=keys,
            name=moneyview.name,
            look=moneyview.look,
            headline=moneyview.headline,
            promise=moneyview.promise,
        ),
        client=client,
        sessions=sessions,
        observer=surroundings.observer,
    )
    if receiver is not None:
        ending.clear_also(tokens, client, sessions)
        application = with_events(
            application, receiver, observer=surroundings.observer, participant=participant
        )
    listener = Listener(
        name=moneyview.name,
        application=application,
        host=settings.listen.host,
        port=settings.listen.port,
        certificate=resolve(base, settings.tls.certificate),
        private_key=resolve(base, settings.tls.private_key),
    )
    operations = operations_listeners(settings.listen, settings.tls, base=base, surroundings=surroundings)
    assembled = Assembled([listener, *operations], background=[watch.run], close=[http.aclose])
    if receiver is not None:
        assembled.background += [receiver.reader.run, receiver.run]
        assembled.ready.append(receiver.reader.is_fresh)
    assembled.narrow(policy)
    return assembled


def _brands(settings: ClientSettings) -> dict[str, str]:
    """Return the directory's name for the authorization server, by issuer."""
    followed = settings.directory
    return {} if followed is None else {settings.moneyview.issuer: followed.names.brand}


def _receiver(
    settings: ClientSettings,
    profile: Profile,
    *,
    base: Path,
    surroundings: Surroundings,
    participant: str,
    keys: KeyRing,
    ending: Offboarder,
) -> EventReceiver | None:
    """Return what takes the directory's events, where there is one; the keys of assertions sign the receipts."""
    if settings.directory is None:
        return None
    return follow_directory(
        settings.directory,
        profile,
        policy=tls_policy(profile),
        base=base,
        surroundings=surroundings,
        participant=participant,
        signer=keys.signer,
        clean_up=ending,
    )


def client_configuration(
    moneyview: MoneyViewSettings, profile: Profile, *, keys: SigningKeys, base: Path
) -> ClientConfiguration:
    """Return what MoneyView is towards its authorization server, as its settings and its profile have it."""
    return ClientConfiguration(
        issuer=moneyview.issuer,
        client_id=moneyview.client_id,
        authentication=PrivateKeyJwt(keys),
        sender_constraint=Dpop(read_key(resolve(base, moneyview.proof_key_file))),
        redirect_uri=f"{moneyview.base_url}/callback",
        scope=moneyview.scope,
        request_keys=keys if moneyview.sign_requests or "jar" in profile.mechanisms.on else None,
        assertion_lifetime=profile.limits.client_assertion_lifetime,
        future_tolerance=profile.limits.future_tolerance,
    )
