"""Whether a run proves anything of an applicant: the auditor's own, or a log of the conformance suite.

The order of what is held, here and in the tests: (1) it can be read (2) it is about the applicant (3) it is not old and not
from the future (4) nothing in it fails (5) it tried enough. What passes is a certification; who attached it answers for
that the file is what it was, whose SHA-256 stands in the directory.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.verdict import Role, Verdict
from trustweft.directory.objects import Api, Brand, Certification, Software
from trustweft.protocol.well_known import well_known_urls
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.directory.objects import Facts
    from trustweft.directory.snapshot import Record

__all__ = ["MAXIMUM_AGE_DAYS", "judge_conformance", "judge_run"]

DAY: Final = 86_400.0
MAXIMUM_AGE_DAYS: Final = (
    7  # our choice: between the run and the decision somebody may be on holiday, and no longer
)
CLOCK_SKEW: Final = 60.0
MAXIMUM_FILE: Final = 67_108_864  # our choice: a run with all of its evidence has some megabytes
_PASSED: Final = frozenset(("PASSED", "WARNING", "SKIPPED"))  # what the suite's own certification takes

UNREADABLE = reason(
    "proof.unreadable",
    error="invalid_request",
    public="The file is neither what trustweft check --json prints nor a log of the conformance suite.",
)
OTHER_SUBJECT = reason(
    "proof.other-subject",
    error="invalid_request",
    public="The run is about somebody else than the applicant.",
)
TOO_OLD = reason(
    "proof.too-old", error="invalid_request", public="The run is older than a week, or comes from the future."
)
FAILS = reason("proof.fails", error="invalid_request", public="A check of the run fails, or is suspected to.")
TOO_LITTLE = reason(
    "proof.too-little", error="invalid_request", public="The run tried too little to prove anything."
)
OTHER_PROFILE = reason(
    "proof.other-profile",
    error="invalid_request",
    public="The run is for another profile than the one in force.",
)


class _Result(msgspec.Struct, frozen=True):
    id: str
    verdict: Verdict
    role: Role


class _Reached(msgspec.Struct, frozen=True):
    clients: tuple[str, ...]
    locked_out: tuple[str, ...]


class _Run(msgspec.Struct, frozen=True):
    """What is read of `trustweft check --json`; whatever else it says is for people."""

    target: str
    profile: str
    started_at: float
    checks: tuple[_Result, ...]
    reached: _Reached
    application: str = ""


def judge_run(
    raw: bytes,
    record: Record,
    *,
    run: str,
    profiles: Collection[str],
    checks: Mapping[str, Role],
    now: float,
    valid_days: int,
) -> Certification:
    """Return the certification that a run of the auditor is.

    Args:
        raw: what `trustweft check --json` printed.
        record: the applicant: a brand, an API or a software.
        run: where the file is kept.
        profiles: the names of the profile in force and of the one that it extends.
        checks: every check that there is, with whose matter it is.
        now: the time.
        valid_days: for how many days from the run the certification is good.

    Raises:
        Reject: ``proof.*``.
    """
    try:
        found = msgspec.json.decode(raw, type=_Run)  # (1)
    except msgspec.MsgspecError as cause:
        raise UNREADABLE.reject(str(cause)[:200]) from cause
    _check_subject(found, record.facts)  # (2)
    if found.profile not in profiles:
        raise OTHER_PROFILE.reject(f"{found.profile}, and not {' or '.join(sorted(profiles))}")
    _check_age(found.started_at, now=now)  # (3)
    bad = [each.id for each in found.checks if each.verdict in (Verdict.FAIL, Verdict.SUSPECTED)]
    if bad:  # (4)
        raise FAILS.reject(", ".join(bad[:20]))
    _check_enough(found, record.facts, checks)  # (5)
    return _certification(
        raw,
        record,
        method="check",
        run=run,
        profile=found.profile,
        at=found.started_at,
        valid_days=valid_days,
    )


def judge_conformance(raw: bytes, record: Record, *, run: str, now: float, valid_days: int) -> Certification:
    """Return the certification that logs of the OpenID Foundation's conformance suite are.

    Args:
        raw: the exported log of a module, or an array of those of one plan.
        record: the applicant: a brand or a software.
        run: where the file is kept.
        now: the time.
        valid_days: for how many days from the last module on the certification is good.

    Raises:
        Reject: ``proof.*``.
    """
    modules = _read_logs(raw)  # (1)
    for each in modules:
        _check_tested(each, record.facts)  # (2)
    started = [_time(each) for each in modules]
    for at in started:
        _check_age(at, now=now)  # (3)
    bad = [
        str(each.get("testName"))
        for each in modules
        if each.get("status") != "FINISHED" or each.get("result") not in _PASSED
    ]
    if bad:  # (4)
        raise FAILS.reject(", ".join(bad[:20]))
    plans = {each.get("planId") for each in modules}
    if len(plans) != 1 or None in plans or not any(each.get("result") == "PASSED" for each in modules):  # (5)
        raise TOO_LITTLE.reject(f"{len(modules)} modules of {len(plans)} plans")
    return _certification(
        raw, record, method="conformance", run=run, profile="", at=min(started), valid_days=valid_days
    )


def _certification(
    raw: bytes, record: Record, *, method: Any, run: str, profile: str, at: float, valid_days: int
) -> Certification:
    return Certification(
        covers=str(record.subject),
        method=method,
        run=run,
        digest=hashlib.sha256(raw).hexdigest(),
        profile=profile,
        tested_at=at,
        valid_until=at + valid_days * DAY,
    )


def _check_subject(found: _Run, facts: Facts) -> None:
    match facts:
        case Brand(issuer=issuer):
            theirs = found.target == issuer
        case Software(metadata=metadata):
            theirs = _is_redirected(metadata, found.application)
        case _:
            theirs = False
    if not theirs:
        raise OTHER_SUBJECT.reject(f"{found.target} {found.application}".strip())


def _is_redirected(metadata: Mapping[str, Any], application: str) -> bool:
    """Tell whether an application is the one that a software's redirect URIs lead to."""
    uris = metadata.get("redirect_uris")
    if not application or not isinstance(uris, list | tuple):
        return False
    beginning = f"{application.rstrip('/')}/"
    return bool(uris) and all(isinstance(each, str) and each.startswith(beginning) for each in uris)


def _check_age(at: float, *, now: float) -> None:
    if not now - MAXIMUM_AGE_DAYS * DAY <= at <= now + CLOCK_SKEW:
        raise TOO_OLD.reject(f"{(now - at) / DAY:.1f} days old")


def _check_enough(found: _Run, facts: Facts, checks: Mapping[str, Role]) -> None:
    """Hold that every check of the applicant was run, that most came to an end, and that somebody could log in."""
    client = isinstance(facts, Software)
    wanted = {name for name, role in checks.items() if (role is Role.CLIENT) is client}
    came = {each.id: each.verdict for each in found.checks if each.id in wanted}
    missing = sorted(wanted - set(came))
    if missing:
        raise TOO_LITTLE.reject(f"{len(missing)} checks were left out: {', '.join(missing[:10])}")
    possible = [verdict for verdict in came.values() if verdict is not Verdict.NOT_APPLICABLE]
    passed = possible.count(Verdict.PASS)
    if 2 * passed < len(possible) or not passed:
        raise TOO_LITTLE.reject(f"{passed} of {len(possible)} checks came to an end")
    if not client and (not found.reached.clients or found.reached.locked_out):
        raise TOO_LITTLE.reject("not every client of the target file could log in")


def _read_logs(raw: bytes) -> list[dict[str, Any]]:
    try:
        document = msgspec.json.decode(raw)
        logs = document if isinstance(document, list) else [document]
        modules = [each["testInfo"] for each in logs]
    except (msgspec.MsgspecError, KeyError, TypeError) as cause:
        raise UNREADABLE.reject(repr(cause)[:200]) from cause
    if not modules or not all(isinstance(each, dict) for each in modules):
        raise UNREADABLE.reject("no testInfo")
    return modules


def _check_tested(module: Mapping[str, Any], facts: Facts) -> None:
    """Hold that a module's configuration names the applicant."""
    config = module.get("config")
    config = config if isinstance(config, dict) else {}
    server, client = (
        each if isinstance(each := config.get(name), dict) else {} for name in ("server", "client")
    )
    match facts:
        case Brand(issuer=issuer):
            theirs = server.get("discoveryUrl") in well_known_urls(issuer)
        case Software(metadata=metadata):
            theirs = client.get("redirect_uri") in (metadata.get("redirect_uris") or ())
        case Api():
            theirs = False
        case _:
            theirs = False
    if not theirs:
        raise OTHER_SUBJECT.reject(f"{server.get('discoveryUrl')} {client.get('redirect_uri')}"[:200])


def _time(module: Mapping[str, Any]) -> float:
    try:
        at = dt.datetime.fromisoformat(str(module.get("started")))
    except ValueError as cause:
        raise UNREADABLE.reject(f"started {module.get('started')!r}"[:200]) from cause
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()
