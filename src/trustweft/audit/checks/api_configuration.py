"""How an API is set up (OWASP API8:2023): scripts of other sites, methods that only debug, banners."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trustweft.audit.check import check, failed, passed
from trustweft.audit.inputs import call
from trustweft.audit.protected import SAMPLE, protected
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


def _allowed(trial: Trial, origins: Sequence[str]) -> list[str]:
    """Return the origins whose scripts may read answers with the user's cookies or certificates."""
    found = []
    for operation in protected(trial, SAMPLE):
        for origin in origins:
            plain = operation.request().with_header("origin", origin)
            preflight = replace(plain, method="OPTIONS", body=b"").with_header(
                "access-control-request-method", "GET"
            )
            answers = (
                ("with a token", call(trial, operation, plain)),
                ("before the request", trial.deployment.wire.send(preflight)),
            )
            for label, answer in answers:
                trial.attack(f"{operation.name}, {label}, from {origin}", answer)
                named = answer.header("access-control-allow-origin")
                if (
                    named == origin
                    and (answer.header("access-control-allow-credentials") or "").lower() == "true"
                ):
                    found.append(f"{origin} at {operation.name}")
    return found


@check(
    "API8-01",
    title="Scripts of any site cannot read answers in a user's name",
    sends="good requests and preflights with the Origin of a stranger",
    fix="Name the origins that may read, one by one; never copy Origin into Access-Control-Allow-Origin.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-942",
    owasp="API8:2023",
)
def strangers_may_not_read(trial: Trial) -> Outcome:
    """An answer that repeats the caller's origin and allows credentials is open to every page that the user visits.

    Without credentials it is as good as ``*``, which does no harm where a token in a header is needed.
    """
    found = _allowed(trial, ("https://attacker.example",))
    if found:
        return failed(f"Any origin may read with credentials: {'; '.join(dict.fromkeys(found))}.")
    return passed("No answer allows the origin of a stranger to read with credentials.")


@check(
    "API8-01-pattern",
    title="No origin is allowed for looking like one that may",
    sends="good requests and preflights with the Origin null, and with names that begin or end as the API's does",
    fix="Compare origins as a whole with a list.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-942",
    owasp="API8:2023",
)
def lookalikes_may_not_read(trial: Trial) -> Outcome:
    """``null`` is the origin of any sandboxed frame; prefixes and suffixes of a name can be registered by anybody."""
    host = urlsplit(protected(trial, 1)[0].url).hostname or "localhost"
    found = _allowed(trial, ("null", f"https://{host}.attacker.example", f"https://attacker{host}"))
    if found:
        return failed(
            f"Origins may read with credentials that only look right: {'; '.join(dict.fromkeys(found))}."
        )
    return passed("Neither null nor a name that only looks right may read with credentials.")


@check(
    "API8-02-banner",
    title="Answers do not name the versions of what made them",
    sends="a few operations; looks at Server, X-Powered-By and their kin",
    fix="Leave version numbers out of headers.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-200",
    owasp="API8:2023",
)
def versions_are_not_told(trial: Trial) -> Outcome:
    """A version number tells which known weaknesses to try first; it does no harm by itself, so this is advice."""
    for operation in protected(trial, SAMPLE):
        answer = trial.observe(operation.name, trial.deployment.wire.send(operation.request()))
        for name in ("server", "x-powered-by", "x-aspnet-version", "x-runtime-version", "x-generator"):
            value = answer.header(name) or ""
            if re.search(r"\d+\.\d+", value):
                return failed(f"{operation.name} answers with {name}: {value}.")
    return passed("No answer names a version.")


@check(
    "API8-03-trace",
    title="TRACE does not send requests back",
    sends="a few operations and the root as TRACE, with a header of its own",
    fix="Switch TRACE off.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-16",
    owasp="API8:2023",
)
def trace_sends_nothing_back(trial: Trial) -> Outcome:
    """TRACE repeats the request with all headers that proxies added on the way, tokens and cookies among them."""
    attempts = []
    for operation in protected(trial, SAMPLE):
        request = replace(operation.request(), method="TRACE").with_header("x-trustweft", "sent-to-come-back")
        attempts.append(trial.attack(f"{operation.name} as TRACE", request))
    if any(each.ok and "sent-to-come-back" in each.page() for each in attempts):
        return failed("TRACE sent the headers of a request back.")
    return passed(f"None of {len(attempts)} TRACE requests came back.")
