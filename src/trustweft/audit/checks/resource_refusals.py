"""How a resource server says no, and what it does not say with it (RFC 6750 section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.protected import SAMPLE, protected
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


@check(
    "RS-01-challenge",
    title="A refusal says how to authenticate",
    sends="a few operations without a token",
    fix="Send WWW-Authenticate with every 401.",
    requirements=("RFC9068-4-p5.1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-1059",
)
def refusals_carry_a_challenge(trial: Trial) -> Outcome:
    """RFC 6750 section 3 and RFC 9110 section 15.5.2 demand ``WWW-Authenticate`` with 401: clients go by it."""
    operations = protected(trial)[:SAMPLE]
    for operation in operations:
        answer = trial.observe(
            f"{operation.name}, without a token", trial.deployment.wire.send(operation.request())
        )
        if answer.status == 401 and not answer.header("www-authenticate"):  # noqa: PLR2004
            return failed(f"{operation.name} answers 401 without WWW-Authenticate.")
    return passed(f"{len(operations)} operations refuse, and no 401 lacks its challenge.")


@check(
    "RS-02-error",
    title="A bad token is refused with 401 and invalid_token",
    sends="a token that is none, to a few operations",
    fix="Answer 401 with error=invalid_token where a token is refused.",
    requirements=("RFC9068-4-p5.2", "RFC9068-4-p5.1", "FAPI2-SP-5.3.4-4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-1059",
)
def bad_tokens_get_the_right_error(trial: Trial) -> Outcome:
    """The error tells a client to obtain another token (RFC 6750 section 3.1); 403, 404 or 500 tell it nothing."""
    deployment = trial.deployment
    operations = protected(trial)[:SAMPLE]
    access = replace(deployment.access(), token="trustweft-is-no-token")  # noqa: S106  # that is the point
    for operation in operations:
        answer = trial.observe(
            f"{operation.name}, a token that is none",
            deployment.wire.send(deployment.calling(operation, access)),
        )
        challenge = " ".join(answer.all_headers("www-authenticate")) + answer.page()
        if answer.status != 401:  # noqa: PLR2004
            return failed(f"{operation.name} answers {answer.status} to a token that is none.")
        if "invalid_token" not in challenge:
            if deployment.claims_fapi:  # RFC 6750 section 3 says SHOULD, FAPI 2.0 section 5.3.4 says shall
                return failed(f"{operation.name} answers 401 without invalid_token to a token that is none.")
            return passed("Operations answer 401 to a token that is none, without saying invalid_token.")
    return passed(f"{len(operations)} operations answer 401 and invalid_token.")


@check(
    "RS-02-scheme",
    title="The scheme of the Authorization header is read without regard to case, and no other is taken",
    sends="a good token with the scheme in capitals, without a scheme, and with another",
    fix="Compare the scheme without regard to case, and refuse others.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-436",
)
def schemes_are_read_exactly(trial: Trial) -> Outcome:
    """RFC 9110 section 11.1: schemes are case-insensitive; whoever is stricter turns honest clients away.

    A token without a scheme or with another is nothing that RFC 6750 knows; taking it does no harm by itself.
    """
    deployment = trial.deployment
    operation, access = protected(trial)[0], deployment.access()
    good = deployment.calling(operation, access)
    trial.control(f"{operation.name}, with its token", deployment.send_call(good, access))
    remarks = []
    for label, value, right in (
        ("the scheme in capitals", f"{access.scheme.upper()} {access.token}", True),
        ("no scheme", access.token, False),
        ("the scheme Token", f"Token {access.token}", False),
    ):
        request = deployment.calling(operation, access).with_header("authorization", value)
        answer = trial.observe(f"{operation.name}, {label}", deployment.wire.send(request))
        if answer.ok is not right:
            remarks.append(f"{label} was {'refused' if right else 'taken'}")
    if remarks:
        return failed("; ".join(remarks) + ".")
    return passed("The scheme is read without regard to case, and no other was taken.")


@check(
    "RS-14",
    title="Tokens do not come back in answers",
    sends="a token that is none, to a few operations; and reads what other checks were answered",
    fix="Never write the Authorization header into errors, logs or headers.",
    requirements=("RFC9700-4.9.3-3",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-209",
    owasp="API8:2023",
    gives=("token-leaks",),
    passive=True,
)
def tokens_do_not_come_back(trial: Trial) -> Outcome:
    """An error page with the request in it is copied into tickets, logs and monitoring (RFC 9700 section 4.9.2)."""
    deployment = trial.deployment
    garbage = replace(deployment.access(), token="trustweft-is-no-token-and-comes-back")  # noqa: S106
    for operation in protected(trial, SAMPLE):
        deployment.wire.send(deployment.calling(operation, garbage))
    read = 0
    for exchange in tuple(trial.deployment.wire.exchanges):
        scheme, _, token = (exchange.request.header("authorization") or "").partition(" ")
        if scheme.lower() not in ("bearer", "dpop") or len(token) < 24:  # noqa: PLR2004  # garbage may come back
            continue
        read += 1
        told = exchange.page() + " ".join(value for _, value in exchange.headers)
        if token in told:
            trial.observe("an answer with the token in it", exchange)
            return failed(f"An answer with status {exchange.status} holds the access token of its request.")
    if not read:
        raise Inconclusive("no request with a token was sent in this run")
    return passed(f"None of {read} answers to requests with a token holds that token.")
