"""Puts client and hostile server on one stage: certificates, addresses, the way out, the driver."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trustweft.audit.exchange import origin_of
from trustweft.audit.hostile.application import Application
from trustweft.audit.hostile.certificates import make_certificates
from trustweft.audit.hostile.hosting import free_addresses, hosting
from trustweft.audit.hostile.scenarios import scenarios_of
from trustweft.audit.hostile.signing import ServerKeys
from trustweft.audit.relying.browser import BrowserDriver, application_of
from trustweft.audit.relying.command import CommandDriver
from trustweft.audit.relying.under_test import ClientUnderTest
from trustweft.audit.target import TargetError
from trustweft.audit.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager

    from trustweft.audit.relying.driver import Driver
    from trustweft.audit.target import RelyingParty, Target
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["PLAIN_PROFILES", "Staging", "stage_client"]

PLAIN_PROFILES = ("oauth2-plain", "oauth2-bcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What the stage is made of, where the target file does not say.

    Attributes:
        folder: for certificates.
        authority: the folder of the local authority that the client trusts.
        lead: leads a client of ours to the scenarios' issuers, as long as its block lasts; None where the target file
            says how.
        staged: hears when everything is in its place.
    """

    folder: Path
    authority: Path
    lead: Callable[[Application, Wire], AbstractContextManager[Driver]] | None = None
    staged: Callable[[ClientUnderTest], None] = lambda _client: None


@contextmanager
def stage_client(
    target: Target, staging: Staging, *, checks: Collection[str], clock: Clock, entropy: Entropy
) -> Iterator[ClientUnderTest]:
    """Serve the hostile server and return the client under test, led to it.

    Args:
        target: names the client.
        staging: the rest.
        checks: ids of those that will be carried out: their scenarios are served.
        clock: tells the time.
        entropy: makes secrets.

    Raises:
        TargetError: the target file does not say how. HostingError: the server cannot be served.
    """
    relying = target.relying_party
    if relying is None:
        raise TargetError("the target names no [relying_party]")
    led = staging.lead is not None
    certificates = make_certificates(
        staging.folder, authority=staging.authority, now=clock.now(), given=_given(relying)
    )
    tells_issuer = led or relying.tells_issuer
    stage = Application(
        scenarios_of(checks),
        addresses=free_addresses(relying.server, certificates),
        keys=ServerKeys(relying.id_token_algorithm),
        pushing_required=target.profile not in PLAIN_PROFILES,
        fixed=not tells_issuer,
        clock=clock,
        entropy=entropy,
    )
    with ExitStack() as opened:
        opened.enter_context(hosting(stage, certificates))
        wire = opened.enter_context(_wire(target, stage, certificates.authority))
        if staging.lead is not None:
            driver = opened.enter_context(staging.lead(stage, wire))
        else:
            driver = _driver(target, relying, wire, certificates.authority)
        client = ClientUnderTest(
            stage,
            relying,
            driver,
            wire=wire,
            tells_issuer=tells_issuer,
            authority=certificates.authority,
        )
        staging.staged(client)
        yield client


def _driver(target: Target, relying: RelyingParty, wire: Wire, authority: Path) -> Driver:
    if relying.command:
        return CommandDriver(wire, relying, authority=authority)
    if relying.start is None or relying.callback is None:
        raise TargetError("[relying_party] needs `start` and `callback`, or a `command`")
    applications = application_of(relying.start, relying.callback)
    if target.users:
        return BrowserDriver(wire, applications, recipe=target.login, user=target.users[0])
    return BrowserDriver(wire, applications, recipe=target.login)


def _given(relying: RelyingParty) -> tuple[Path, Path, Path] | None:
    if relying.certificate is None:
        return None
    if relying.private_key is None or relying.authority is None:
        raise TargetError("[relying_party] names a certificate, and so needs `private_key` and `authority`")
    return Path(relying.authority), Path(relying.certificate), Path(relying.private_key)


def _wire(target: Target, stage: Application, authority: Path) -> Wire:
    trust = ssl.create_default_context()
    for file in (str(authority), target.trust):
        if file is not None:
            trust.load_verify_locations(cafile=file)
    ours = {urlsplit(base).hostname or "" for base in stage.addresses.places.values()}
    loopback = {"localhost", "127.0.0.1"}  # where programs listen for their answer
    return Wire(
        trust,
        certificates={},
        hosts=target.allowed_hosts() | ours | loopback,
        rate=target.rate,
        own=[origin_of(base) for base in stage.addresses.places.values()],
    )
