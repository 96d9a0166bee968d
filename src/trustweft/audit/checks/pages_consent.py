"""Whether people are asked before a client gets access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.interaction import stop_at_consent
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


@check(
    "AZ-15",
    title="Whoever logs in is asked before a client gets access",
    sends="an authorization request in a fresh browser, and a login",
    fix="Show who asks for what after the login, and wait for a yes; leave it out for clients of your own alone.",
    requirements=("FAPI2-SP-5.3.2.2-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-862",
    owasp="API6:2023",
)
def people_are_asked(trial: Trial) -> Outcome:
    """Where nobody is asked, a link is enough to connect a stranger's client with the account of who follows it.

    The check logs in with a fresh browser and looks whether a page then asks. A server may know that a client is its
    operator's own, or remember an earlier yes, so this is advice.
    """
    deployment = trial.deployment
    flow = deployment.flow()
    try:
        visit = stop_at_consent(flow.browser, flow.start_url(), deployment.user())
    except NotApplicable:
        return failed("After the login the client was called at once: nobody was asked.")
    trial.observe("The page that asks", visit.last)
    return passed("After the login a page asks.")
