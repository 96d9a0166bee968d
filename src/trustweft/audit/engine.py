"""Runs the checks: those that only read last, those that need the deployment to themselves one by one."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable, Outcome
from trustweft.audit.redaction import mask, show
from trustweft.audit.results import Result
from trustweft.audit.trial import Trial
from trustweft.audit.verdict import Reach, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.check import Check
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.trial import Evidence
    from trustweft.audit.verdict import Safety

__all__ = ["Progress", "run_check", "run_checks"]

WORKERS: Final = 6  # our choice: enough to keep two cores busy, too few to look like an attack
SHOWN: Final = 8  # exchanges that are shown of one check, attacks that went through first

if TYPE_CHECKING:
    Progress = Callable[[Result], None]


def run_checks(
    deployment: Deployment,
    checks: Sequence[Check],
    *,
    safety: Safety,
    waits: bool = False,
    progress: Progress = lambda _result: None,
) -> tuple[Result, ...]:
    """Run checks and return what each found, in the order given.

    Args:
        deployment: what is audited.
        checks: which.
        safety: how much may be done; checks that do more are left out, and say so.
        waits: whether checks that wait for something to expire are run.
        progress: hears of each result as it comes.
    """
    found: dict[str, Result] = {}

    def take(result: Result) -> None:
        found[result.id] = result
        progress(result)

    side_by_side = [each for each in checks if not each.passive and not each.alone and not each.agrees]
    # Those that wait start first: what they wait for passes while the others work.
    side_by_side.sort(key=lambda each: not each.waits)
    waiting = sum(each.waits for each in side_by_side) if waits else 0
    with ThreadPoolExecutor(WORKERS + waiting) as pool:
        running = [
            pool.submit(run_check, deployment, each, safety=safety, waits=waits) for each in side_by_side
        ]
        for future in as_completed(running):
            take(future.result())
    for each in (
        *(each for each in checks if each.alone and not each.passive),
        *(each for each in checks if each.agrees and not each.passive),
        *(each for each in checks if each.passive),
    ):
        take(run_check(deployment, each, safety=safety, waits=waits))
    return tuple(found[each.id] for each in checks)


def run_check(deployment: Deployment, check: Check, *, safety: Safety, waits: bool = False) -> Result:
    """Run one check; whatever goes wrong in it is a verdict of INCONCLUSIVE, never of PASS."""
    trial = Trial(deployment)
    began = time.monotonic()
    outcome = _outcome(trial, check, safety=safety, waits=waits)
    if (
        outcome.verdict is Verdict.INCONCLUSIVE
        and trial.refused_token
        and deployment.renew(trial.refused_token)
    ):
        trial = Trial(deployment)
        outcome = _outcome(trial, check, safety=safety, waits=waits)
    advice = _is_advice(check, deployment) and outcome.verdict in (Verdict.FAIL, Verdict.SUSPECTED)
    verdict = Verdict.PASS if advice else outcome.verdict
    reason = f"Advice that is not followed: {outcome.reason}" if advice else outcome.reason
    return Result(
        id=check.id,
        title=check.title,
        verdict=verdict,
        reason=mask(reason),
        requirements=check.requirements,
        role=check.role,
        severity=_severity(check, deployment),
        advice=advice,
        cwe=check.cwe,
        owasp=check.owasp,
        attackers={"rfc9700": check.rfc9700_attackers, "fapi": check.fapi_attackers},
        fix=check.fix,
        gives=check.gives if verdict is Verdict.FAIL else (),
        seconds=round(time.monotonic() - began, 3),
        fingerprint=_fingerprint(deployment, check),
        evidence=tuple(show(each) for each in _chosen(trial)),
    )


def _outcome(trial: Trial, check: Check, *, safety: Safety, waits: bool) -> Outcome:
    try:
        if check.needs is not None:
            check.needs(trial)
        return _held_back(check, safety=safety, waits=waits) or check.run(trial)
    except NotApplicable as nothing:
        return Outcome(Verdict.NOT_APPLICABLE, str(nothing))
    except Inconclusive as unclear:
        return Outcome(Verdict.INCONCLUSIVE, str(unclear))
    except Exception as defect:  # noqa: BLE001  # one check that breaks must not take the others' results with it
        return Outcome(
            Verdict.INCONCLUSIVE, f"the check itself broke: {type(defect).__name__}: {defect}"[:300]
        )


def _held_back(check: Check, *, safety: Safety, waits: bool) -> Outcome | None:
    """Return why a check does more than this run may; None where it does not."""
    if check.safety > safety:
        return Outcome(
            Verdict.INCONCLUSIVE,
            f"not tried: it needs --level {check.safety.value}, and this run had {safety.value}",
        )
    if check.waits and not waits:
        return Outcome(Verdict.INCONCLUSIVE, "not tried: something has to expire first; run with --wait")
    return None


def _is_advice(check: Check, deployment: Deployment) -> bool:
    """Whether no clause that binds this deployment demands it."""
    return check.reach is Reach.ADVICE or (check.reach is Reach.FAPI_ALONE and not deployment.claims_fapi)


def _severity(check: Check, deployment: Deployment) -> Severity:
    if _is_advice(check, deployment):
        return Severity.INFO
    if check.reach is Reach.FAPI and not deployment.claims_fapi:
        return max(check.severity, Severity.LOW, key=list(Severity).index)
    return check.severity


def _fingerprint(deployment: Deployment, check: Check) -> str:
    return hashlib.sha256(f"{deployment.target.issuer}|{check.id}".encode()).hexdigest()[:16]


def _chosen(trial: Trial) -> list[Evidence]:
    if len(trial.evidence) <= SHOWN:
        return trial.evidence
    through = [each for each in trial.evidence if each.kind == "attack" and not each.exchange.refused]
    rest = [each for each in trial.evidence if each not in through]
    chosen = (through + rest)[:SHOWN]
    return [each for each in trial.evidence if each in chosen]
