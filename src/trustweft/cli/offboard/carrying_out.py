"""The order itself, with the probe around it: live credentials before, and each tried until refused after."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.offboarding.probing import Prober
from trustweft.audit.target import TargetError
from trustweft.cli.assembly.parts import read_key
from trustweft.cli.offboard.box import Box
from trustweft.cli.offboard.planning import NothingToProbe, plan_probe
from trustweft.cli.offboard.sending import keep_probe, send_probes
from trustweft.directory.case_files import order_of_proposal, receipts_of
from trustweft.directory.cases import expected_participants
from trustweft.directory.commands import Move
from trustweft.directory.deciding import decide
from trustweft.directory.events import Moved, Proposed
from trustweft.protocol.offboarding_probe import create_probe
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.cli.offboard.desk import Desk
    from trustweft.directory.orders import Order
    from trustweft.directory.snapshot import Record
    from trustweft.protocol.offboarding_probe import Probe

__all__ = ["Ordered", "carry_out", "hold"]

PROBE_KEY: Final = "directory/probe-key.json"
_SPARE: Final = 3.0  # seconds beyond the time within which participants have to refuse
_CODE_SPARE: Final = 5.0  # seconds before the end of a code's life in which it shows nothing any more
_LOOK: Final = 0.05  # seconds between two looks at what others write
_MINUTE: Final = 60.0
_HOLDING: Final = (
    120.0  # seconds that obtaining credentials may take before the order is given without the rest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What came of it.

    Attributes:
        order: None where a second person has to approve first.
        proposal: the number that waits for that person.
        probe: what was seen; None where nothing was tried.
        problems: what did not go as it should, in sentences.
    """

    order: Order | None
    proposal: int | None
    probe: Probe | None
    problems: tuple[str, ...]


def carry_out(
    desk: Desk,
    record: Record,
    *,
    action: str,
    reason: str,
    evidence: str,
    probes: bool,
    wait: float,
    tell: Callable[[str], None],
) -> Ordered:
    """Give an order, and prove what comes of it.

    Args:
        desk: where.
        record: who is off-boarded.
        action: how.
        reason: why; whoever is stopped is told.
        evidence: where what it rests on is found.
        probes: whether live credentials are tried.
        wait: seconds to wait for a second person, and then for receipts.
        tell: hears what happens.

    Raises:
        Reject: it is refused; nothing happened.
    """
    command = Move(subject=record.subject, action=action, reason=reason, evidence=evidence)
    # What would be refused is refused before anybody logs in anywhere.
    decide(desk.register.now, command, actor=desk.actor, now=desk.clock.now(), terms=desk.terms)
    with ExitStack() as stack:
        problems: list[str] = []
        prober = _prober(desk, record, action, stack, problems) if probes else None
        if prober is not None:
            tell(f"Obtaining credentials of {record.subject} at every participant.")
            prober = hold(prober, problems)
        (event, *_) = desk.carry_out(command)
        proposal = event.sequence if isinstance(event, Proposed) else None
        order = _order(desk, event.order if isinstance(event, Moved) else None)
        if proposal is not None:
            tell(f"A second person has to approve proposal {proposal}.")
            order = _approved(desk, proposal, wait=wait)
        probe = None
        if order is not None:
            tell(f"{order.id} is given.")
            if prober is not None and prober.live:
                probe = _watch(desk, prober, order, tell)
            elif prober is not None:
                problems.append("No credential worked before the order, so that nothing can be shown.")
            problems += send_probes(desk.data, directory=desk.directory)
            _wait_for_receipts(desk, order, seconds=wait)
    return Ordered(order=order, proposal=proposal, probe=probe, problems=tuple(problems))


def _prober(desk: Desk, record: Record, action: str, stack: ExitStack, problems: list[str]) -> Prober | None:
    """Return what probes; None, with a sentence, where nothing can be tried."""
    lifetime = min(float(desk.profile.limits.authorization_code_lifetime), _MINUTE)
    try:
        box = Box(desk.data, desk.clock, code_seconds=max(lifetime - _CODE_SPARE, 1.0))
        stack.callback(box.close)
        sites = plan_probe(box, desk.register.now, record, suspends=action in ("suspend", "lock"))
        return Prober(sites=sites, clock=desk.clock)
    except (NothingToProbe, TargetError, Inconclusive, NotApplicable, KeyFileError, OSError) as cause:
        problems.append(f"Nothing was tried from outside: {cause}.")
        return None


def hold(prober: Prober, problems: list[str], *, seconds: float = _HOLDING) -> Prober:
    """Obtain credentials; nothing that goes wrong with it, and nobody who is slow, keeps the order from being given.

    Returns:
        The prober with what came in time: nothing is added to it afterwards.
    """
    failed: list[BaseException] = []

    def work() -> None:
        try:
            prober.hold()
        except Exception as cause:  # noqa: BLE001  # whatever it is, the order matters more
            failed.append(cause)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        problems.append(
            f"Credentials were still being obtained after {seconds:.0f} s: only those that came are tried."
        )
    problems += [
        f"Credentials could not be obtained: {type(cause).__name__}: {cause}"[:300] for cause in failed
    ]
    return prober.as_it_is()


def _order(desk: Desk, identifier: str | None) -> Order | None:
    return None if identifier is None else desk.register.now.orders[identifier]


def _approved(desk: Desk, proposal: int, *, wait: float) -> Order | None:
    """Wait for the second person; return the order, None where nobody came in time."""
    until = time.monotonic() + wait
    while True:
        register = desk.read()
        order = order_of_proposal(register, proposal)
        if order is not None or proposal not in register.now.proposals or time.monotonic() >= until:
            return order
        time.sleep(_LOOK)


def _watch(desk: Desk, prober: Prober, order: Order, tell: Callable[[str], None]) -> Probe:
    """Try everything until it is refused, and write down what was seen, signed."""
    told = all(each.told for each in expected_participants(desk.register.after(order.sequence - 1), order))
    within = order.deadlines.get("refuse" if told else "refuse_by_poll", _MINUTE)
    tell("Trying each of them until it is refused.")
    result = prober.watch(seconds=within + _SPARE)
    probe = result.as_probe(
        issuer=f"{desk.directory}/prober",
        audience=desk.directory,
        order=order.id,
        effective_at=order.effective_at,
        issued_at=int(desk.clock.now()),
    )
    keep_probe(desk.data, probe, create_probe(read_key(desk.data.path / PROBE_KEY), probe))
    return probe


def _wait_for_receipts(desk: Desk, order: Order, *, seconds: float) -> None:
    """Wait until everybody who is told of orders has sent a receipt, or the time is over."""
    expected = {
        each.id for each in expected_participants(desk.register.after(order.sequence - 1), order) if each.told
    }
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with desk.evidence() as log:
            if expected <= {each.receipt.iss for each in receipts_of(order, log)}:
                return
        time.sleep(_LOOK)


def second_person(desk: Desk, proposal: int) -> str:
    """Return who has to approve, and how."""
    return (
        f"Proposal {proposal} waits for a second person, who may do the same and is not {desk.actor.id}: in the console "
        f"({desk.directory}/console), or with `trustweft onboard approve {proposal} --as PERSON`."
    )


def check_probe_key(desk: Desk) -> None:
    """See that there is a key to sign with, before anything is done.

    Raises:
        click.ClickException: there is none.
    """
    if not (desk.data.path / PROBE_KEY).exists():
        raise click.ClickException(
            f"{desk.data.path / PROBE_KEY} is missing: the directory makes it when it starts; or use --no-probe"
        )
