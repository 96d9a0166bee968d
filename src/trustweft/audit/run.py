"""One audit from the target to the result."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from trustweft.audit.chains import chains_of, grade
from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.deployment import Deployment
from trustweft.audit.discovery import discover
from trustweft.audit.engine import run_checks
from trustweft.audit.hostile.hosting import HostingError
from trustweft.audit.hostile.scenario import HONEST
from trustweft.audit.preflight import open_wire, prepare, reach
from trustweft.audit.relying.setting import PLAIN_PROFILES, stage_client
from trustweft.audit.results import Reached, Run, Seen
from trustweft.audit.target import TargetError
from trustweft.audit.verdict import Role, Safety
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.check import Check
    from trustweft.audit.engine import Progress
    from trustweft.audit.relying.setting import Staging
    from trustweft.audit.relying.under_test import ClientUnderTest
    from trustweft.audit.target import Target
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Options", "audit", "audit_client", "stager"]


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
    if not target.issuer:
        raise TargetError(
            "the target file names no issuer; for a client alone there is `trustweft check client`"
        )
    began, started_at = time.monotonic(), clock.now()
    with ExitStack() as opened:
        wire = opened.enter_context(open_wire(target))
        deployment = prepare(target, wire, clock=clock, entropy=entropy)
        if options.staging is not None:
            deployment.stage_client = stager(deployment, options.staging, options.checks, opened)
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
        application=_application(target, options),
    )


def _application(target: Target, options: Options) -> str:
    """Return which application the hostile server was played to."""
    relying = target.relying_party
    staged = options.staging is not None and any(each.role is Role.CLIENT for each in options.checks)
    return relying.base_url or "" if staged and relying is not None else ""


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


def stager(
    deployment: Deployment, staging: Staging, checks: Sequence[Check], opened: ExitStack
) -> Callable[[], ClientUnderTest | Inconclusive]:
    """Return what serves the hostile server when the first check asks for it, until ``opened`` is closed."""

    def stage() -> ClientUnderTest | Inconclusive:
        try:
            return opened.enter_context(
                stage_client(
                    deployment.target,
                    staging,
                    checks=[each.id for each in checks],
                    clock=deployment.clock,
                    entropy=deployment.entropy,
                )
            )
        except (TargetError, HostingError, KeyFileError) as cause:
            return Inconclusive(f"the client cannot be led to the hostile server: {cause}")

    return stage


def audit_client(target: Target, options: Options, *, clock: Clock, entropy: Entropy) -> Run:
    """Audit a client application alone: the hostile server is its authorization server.

    Raises:
        TargetError: the target does not say how the client is set going.
        HostingError: the hostile server cannot be served.
        KeyFileError: certificates cannot be made.
    """
    if options.staging is None:
        raise TargetError("nothing says how the client is led to the hostile server")
    began, started_at = time.monotonic(), clock.now()
    checks = [each.id for each in options.checks]
    with stage_client(target, options.staging, checks=checks, clock=clock, entropy=entropy) as client:
        target = msgspec.structs.replace(target, issuer=client.stage.issuer(HONEST))
        claims = client.claims_fapi() if target.profile is None else target.profile not in PLAIN_PROFILES
        deployment = Deployment(
            target=target,
            wire=client.wire,
            discovery=discover(client.wire, target),
            parties=(),
            users=target.users,
            operations=(),
            claims_fapi=claims,
            clock=clock,
            entropy=entropy,
            stage_client=lambda: client,
        )
        results = run_checks(
            deployment, options.checks, safety=options.safety, waits=options.waits, progress=options.progress
        )
        sent = client.stage.journal.mark()
    chains = chains_of(results)
    return Run(
        target=target.name or target.issuer,
        profile=target.profile or ("fapi2-security" if claims else "oauth2-bcp"),
        grade=grade(results, chains),
        started_at=started_at,
        seconds=round(time.monotonic() - began, 1),
        sent=sent,
        version=version("trustweft"),
        checks=results,
        chains=chains,
        reached=Reached(
            operations=(), writing=(), unreached={}, clients=(), locked_out=(), users=(), missing=()
        ),
        seen=None,
        application=_application(target, options),
    )
