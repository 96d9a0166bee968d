"""Probes of an application at every bank, as `trustweft offboard` makes them in the box."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from situations.land import PASSWORD, PEOPLE, SCOPE
from trustweft.audit.api import named_operation
from trustweft.audit.offboarding.probing import Prober
from trustweft.audit.offboarding.scene import Call, Holder, Site
from trustweft.audit.parties import Party
from trustweft.audit.preflight import open_wire, prepare
from trustweft.audit.target import Api, ClientEntry, OperationEntry, Target, User
from trustweft.cli.assembly.parts import read_key
from trustweft.cli.offboard.carrying_out import PROBE_KEY
from trustweft.cli.offboard.sending import keep_probe, send_probes
from trustweft.crypto.keys import LocalSigner
from trustweft.protocol.offboarding_probe import CREDENTIALS, create_probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from situations.land import Bank, Land, Order
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.offboarding.probing import Result
    from trustweft.protocol.offboarding_probe import Credential, Probe
    from trustweft.runtime.clock import Clock

__all__ = ["deployment_at", "holder_at", "probing", "send_result", "tell"]

RATE: Final = 400.0
CODE_SECONDS: Final = 55.0
USERS: Final = tuple(User(username=name, password=PASSWORD) for name in PEOPLE)


class _OtherClock:
    """A clock as wrong as another."""

    def __init__(self, clock: Clock, skew: float) -> None:
        self._clock, self._skew = clock, skew

    def now(self) -> float:
        """Return that clock's time."""
        return self._clock.now() + self._skew


@contextlib.contextmanager
def deployment_at(land: Land, bank: Bank) -> Iterator[Deployment]:
    """Look at a bank from outside."""
    target = Target(
        issuer=bank.server.url,
        name=bank.name,
        profile="fapi2-security",
        trust=str(land.data.authority),
        rate=RATE,
        hosts=("localhost",),
        users=USERS,
    )
    wire = open_wire(target)
    try:
        yield prepare(target, wire, clock=land.surroundings.clock, entropy=land.surroundings.entropy)
    finally:
        wire.close()


def holder_at(
    land: Land, bank: Bank, name: str, *, scope: tuple[str, ...] = SCOPE, user: int = 0, skew: float = 0.0
) -> Holder:
    """Return an application as it acts at a bank; ``skew`` is that bank's, as a client learns it from its answers."""
    application = land.application(name)
    signer = land.ring_of(name).signer()
    assert isinstance(signer, LocalSigner)
    party = Party(
        entry=ClientEntry(
            client_id=name,
            redirect_uri=f"{application.url}/callback",
            scope=" ".join(scope),
            grant_types=("authorization_code", "refresh_token"),
        ),
        issuer=bank.server.url,
        clock=_OtherClock(land.surroundings.clock, skew),
        entropy=land.surroundings.entropy,
        key=signer.private_key,
        algorithm=signer.algorithm,
        key_id=signer.key_id,
        proof_signer=replace(read_key(application.folder / "proof.json"), key_id=None),
    )
    path, good = ("/accounts", 200) if "accounts" in scope else ("/payments/none", 404)
    needed = "accounts" if "accounts" in scope else "payments"
    operation = named_operation(
        Api(url=bank.resource.url, name=bank.name), OperationEntry(path=path, scope=needed)
    )
    call = Call(participant=bank.resource.url, operation=operation, good=frozenset({good}))
    return Holder(party=party, user=USERS[user], scope=" ".join(scope), calls=(call,))


@contextlib.contextmanager
def probing(
    land: Land,
    name: str,
    *,
    control: str,
    banks: tuple[Bank, ...] | None = None,
    credentials: frozenset[Credential] = frozenset(CREDENTIALS),
    withdraws: bool = False,
    skews: tuple[float, ...] = (0.0, 0.0, 0.0),
) -> Iterator[Prober]:
    """Hold live credentials of an application at every bank, with another one beside it that goes on."""
    with contextlib.ExitStack() as stack:
        sites = []
        for bank in banks or land.banks:
            skew = skews[bank.number - 1]
            deployment = stack.enter_context(deployment_at(land, bank))
            subject = holder_at(land, bank, name, skew=skew)
            other = holder_at(land, bank, control, user=1, skew=skew)
            deployment.parties = (subject.party, other.party)
            sites.append(
                Site(
                    participant=bank.server.url,
                    deployment=deployment,
                    subject=subject,
                    controls=(other,),
                    credentials=credentials,
                    code_seconds=CODE_SECONDS,
                    withdraws=withdraws,
                )
            )
        prober = Prober(sites=sites, clock=land.surroundings.clock)
        held = prober.hold()
        void = [(each.participant, each.credential, each.before) for each in held if not each.worked]
        assert void == [], void
        yield prober


def tell(land: Land, prober: Prober, order: Order, *, seconds: float = 8.0) -> Probe:
    """Try everything until it is refused, and tell the directory."""
    return send_result(land, prober.watch(seconds=seconds), order)


def send_result(land: Land, result: Result, order: Order) -> Probe:
    """Tell the directory what was seen, signed."""
    probe = result.as_probe(
        issuer=f"{land.directory.url}/prober",
        audience=land.directory.url,
        order=order.id,
        effective_at=order.effective_at,
        issued_at=int(land.surroundings.clock.now()),
    )
    keep_probe(land.data, probe, create_probe(read_key(land.data.path / PROBE_KEY), probe))
    assert send_probes(land.data, directory=land.directory.url) == []
    return probe
