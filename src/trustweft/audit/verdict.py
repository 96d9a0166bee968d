"""The words of a finding: verdicts, severities, how much a check may do, and who must mend it."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["Reach", "Role", "Safety", "Severity", "Verdict"]


class Verdict(StrEnum):
    """What a check says of one deployment.

    PASS: the control went through and the attack was refused. FAIL: the attack went through, seen by a mechanical
    oracle. SUSPECTED: signs of it, and no proof. INCONCLUSIVE: it could not be tried, which is not the same as safe.
    NOT_APPLICABLE: there is nothing to attack.
    """

    PASS = "PASS"  # noqa: S105  # a verdict
    FAIL = "FAIL"
    SUSPECTED = "SUSPECTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Severity(StrEnum):
    """How bad it is where a check fails, the worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Safety(IntEnum):
    """How much a check may do to the deployment; each level allows those below."""

    PASSIVE = 0  # reads what anybody is shown
    REQUESTS = 1  # sends requests that a good deployment refuses, and logs in
    WRITES = 2  # writes to objects that it made itself
    STATE = 3  # changes what others may notice: locks, revocations, bursts


class Role(StrEnum):
    """Whose duty it is, and so who must mend it."""

    AUTHORIZATION_SERVER = "authorization-server"
    RESOURCE_SERVER = "resource-server"
    CLIENT = "client"


class Reach(StrEnum):
    """Whom the clause behind a check binds.

    OAUTH: every deployment. FAPI: those that claim FAPI; elsewhere the same weakness is a finding of low severity.
    FAPI_ALONE: those that claim FAPI; elsewhere other specifications allow it, and it is advice.
    ADVICE: nobody; where it is not followed, the report says so and nothing fails.
    """

    OAUTH = "oauth"
    FAPI = "fapi"
    FAPI_ALONE = "fapi-alone"
    ADVICE = "advice"
