"""One audit from the target to the result."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from trustweft.audit.chains import chains_of, grade
from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.engine import run_checks
from trustweft.audit.hostile.hosting import HostingError
from trustweft.audit.preflight import open_wire, prepare, reach
from trustweft.audit.relying.setting import stage_client
from trustweft.audit.results import Run, Seen
from trustweft.audit.target import TargetError
from trustweft.audit.verdict import Safety
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.check import Check
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.engine import Progress
    from trustweft.audit.relying.setting import Staging
    from trustweft.audit.relying.under_test import ClientUnderTest
    from trustweft.audit.results import Reached
    from trustweft.audit.target import Target
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Options", "audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an audit is run.

    Attributes:
        checks: those to carry out.
        safety: how much they may do.
        waits: whether those run that wait for something to expire.
        progress: hears of each result.
        reached: hears what was reached before the first check.
        staging: how the client application is led to the hostile server; None where it is not.
    """

    checks: Sequence[Check]
    safety: Safety = Safety.REQUESTS
    waits: bool = False
    progress: Progress = lambda _result: None
    reached: Callable[[Reached], None] = lambda _reached: None
    staging: Staging | None = None


def audit(target: Target, options: Options, *, clock: Clock, entropy: Entropy) -> Run:
    """Audit a deployment.

    Raises:
        TargetError: the target cannot be audited at all.
    """
    began, started_at = time.monotonic(), clock.now()
    with ExitStack() as opened:
        wire = opened.enter_context(open_wire(target))
        deployment = prepare(target, wire, clock=clock, entropy=entropy)
        if options.staging is not None:
            deployment.stage_client = _stager(deployment, options.staging, opened)
        reached = reach(deployment)
        options.reached(reached)
        results = run_checks(
            deployment,
            options.checks,
            safety=options.safety,
            waits=options.waits,
            progress=options.progress,
        )
        sent, seen = wire.sent, _seen(deployment)
    chains = chains_of(results)
    return Run(
        target=target.issuer,
        profile=target.profile or ("fapi2-security" if deployment.claims_fapi else "oauth2-bcp"),
        grade=grade(results, chains),
        started_at=started_at,
        seconds=round(time.monotonic() - began, 1),
        sent=sent,
        version=version("trustweft"),
        checks=results,
        chains=chains,
        reached=reached,
        seen=seen,
    )


def _seen(deployment: Deployment) -> Seen | None:
    try:
        party = deployment.party()
        plan = deployment.plan(party)
        token_type = deployment.access(party).answer.text("token_type")
    except NotApplicable:
        return None
    except Inconclusive:
        token_type = ""
    return Seen(
        authentication=party.entry.authentication,
        pushed=plan.pushes,
        pkce=plan.pkce,
        token_type=token_type,
        binding="dpop" if token_type.lower() == "dpop" else "mtls" if plan.binding == "mtls" else "none",
    )


def _stager(deployment: Deployment, staging: Staging, opened: ExitStack) -> Callable[[], ClientUnderTest]:
    """Return what serves the hostile server when the first check asks for it, until the audit ends."""

    def stage() -> ClientUnderTest:
        try:
            return opened.enter_context(
                stage_client(deployment.target, staging, clock=deployment.clock, entropy=deployment.entropy)
            )
        except (TargetError, HostingError, KeyFileError) as cause:
            raise Inconclusive(f"the client cannot be led to the hostile server: {cause}") from cause

    return stage
