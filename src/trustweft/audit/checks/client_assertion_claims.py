"""What a client assertion must say: whose it is, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check
from trustweft.audit.checks.client_assertion_forged import signing_door
from trustweft.audit.door import with_assertion
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

ELSEWHERE: Final = "https://attacker.example"


def judge_claims(
    trial: Trial, changes: dict[str, dict[str, object]], *, failure: str, success: str
) -> Outcome:
    """Knock with assertions of which each has other claims."""
    door, _ = signing_door(trial)
    attacks = [door.knock(label, with_assertion(door.party, **claims)) for label, claims in changes.items()]
    return trial.judge(attacks, accepted=door.entered, failure=failure, success=success)


@check(
    "CA-04-issuer",
    title="A client assertion names its issuer",
    sends="a client assertion without iss",
    fix="Demand that iss is the client_id (RFC 7523 section 3).",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-345",
)
def assertion_without_issuer(trial: Trial) -> Outcome:
    """RFC 7523 section 3: an assertion has ``iss``; without it any statement that the key signed will do."""
    return judge_claims(
        trial,
        {"No iss": {"iss": None}},
        failure="An assertion without iss authenticated the client.",
        success="Without iss the assertion was refused.",
    )


@check(
    "CA-04-subject",
    title="A client assertion says who authenticates",
    sends="a client assertion without sub",
    fix="Demand that sub is the client_id (RFC 7523 section 3).",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-345",
)
def assertion_without_subject(trial: Trial) -> Outcome:
    """RFC 7523 section 3: ``sub`` is the client_id; the check names the client in client_id besides, so that it is known."""
    door, _ = signing_door(trial)
    make = with_assertion(door.party, sub=None)
    attack = door.knock(
        "No sub", lambda request: make(request).with_parameters(("client_id", door.party.client_id))
    )
    return trial.judge(
        [attack],
        accepted=door.entered,
        failure="An assertion without sub authenticated the client.",
        success="Without sub the assertion was refused.",
    )


@check(
    "CA-04-audience",
    title="A client assertion says for whom it is",
    sends="a client assertion without aud",
    fix="Demand aud, and compare it with the issuer identifier.",
    requirements=("FAPI2-SP-5.3.2.1-8",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A1",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_without_audience(trial: Trial) -> Outcome:
    """An assertion for nobody is one for everybody: whatever server gets it can use it at this one."""
    return judge_claims(
        trial,
        {"No aud": {"aud": None}, "An empty aud": {"aud": ""}, "An empty list": {"aud": []}},
        failure="An assertion without aud authenticated the client.",
        success="Without aud the assertions were refused.",
    )


@check(
    "CA-04-expiry",
    title="A client assertion ends",
    sends="a client assertion without exp",
    fix="Demand exp (RFC 7523 section 3).",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-613",
    owasp="API2:2023",
)
def assertion_without_expiry(trial: Trial) -> Outcome:
    """RFC 7523 section 3 demands ``exp``: without it an assertion in an old log is a password for ever."""
    return judge_claims(
        trial,
        {"No exp": {"exp": None}},
        failure="An assertion without exp authenticated the client.",
        success="Without exp the assertion was refused.",
    )


@check(
    "CA-04-identifier",
    title="A client assertion has an identifier",
    sends="a client assertion without jti",
    fix="Demand jti, and remember it until the assertion ends (OpenID Connect Core section 9).",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-294",
)
def assertion_without_identifier(trial: Trial) -> Outcome:
    """Without ``jti`` nobody can tell a replay; ``private_key_jwt`` of OpenID Connect Core section 9 requires it."""
    return judge_claims(
        trial,
        {"No jti": {"jti": None}},
        failure="An assertion without jti authenticated the client.",
        success="Without jti the assertion was refused.",
    )


@check(
    "CA-05",
    title="A client assertion for another server is refused",
    sends="client assertions whose aud is another server, or looks like this one",
    fix="Compare aud with the issuer identifier as a string.",
    requirements=("FAPI2-SP-5.3.2.1-8",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_for_another_server(trial: Trial) -> Outcome:
    """A client that uses several servers shows each of them an assertion; a hostile one passes it on to the next.

    RFC 7523 section 3: a server refuses an assertion that does not name it. The check sends another server's name and
    names that begin or end like this one's.
    """
    issuer = trial.deployment.discovery.issuer
    return judge_claims(
        trial,
        {
            "Another server": {"aud": ELSEWHERE},
            "This server's name as a prefix": {"aud": f"{issuer}.attacker.example"},
            "This server's name in a query": {"aud": f"{ELSEWHERE}/?{issuer}"},
        },
        failure="An assertion for another server authenticated the client.",
        success="Assertions for other servers were refused.",
    )


@check(
    "CA-05-list",
    title="The audience of a client assertion is one string",
    sends="client assertions whose aud is a list",
    fix="Accept aud as one string alone, not as a list.",
    requirements=("FAPI2-SP-5.3.2.1-8",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI_ALONE,
    fapi_attackers=("A1",),
    cwe="CWE-345",
)
def audience_is_one_string(trial: Trial) -> Outcome:
    """An assertion for two servers lets each of them act as the client at the other (FAPI 2.0 section 5.3.2.1 item 8)."""
    issuer = trial.deployment.discovery.issuer
    return judge_claims(
        trial,
        {"A list of one": {"aud": [issuer]}, "A list of two": {"aud": [issuer, ELSEWHERE]}},
        failure="An assertion whose aud is a list authenticated the client.",
        success="Assertions whose aud is a list were refused.",
    )


@check(
    "CA-05-endpoint",
    title="The audience of a client assertion is the issuer, not an endpoint",
    sends="client assertions whose aud is the token endpoint or that for pushed requests",
    fix="Accept the issuer identifier alone as aud of client assertions.",
    requirements=("FAPI2-SP-5.3.2.1-8", "RFC9700-UPDATE-2.1.2.3-p3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI_ALONE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-345",
)
def audience_is_no_endpoint(trial: Trial) -> Outcome:
    """A hostile server names this server's token endpoint as its own: the client's assertion for it is then good here.

    FAPI 2.0 section 5.3.2.1 item 8 closes this by the issuer identifier as the only audience.
    """
    discovery = trial.deployment.discovery
    names = ("token_endpoint", "pushed_authorization_request_endpoint")
    return judge_claims(
        trial,
        {f"The {name}": {"aud": discovery.text(name)} for name in names if discovery.text(name)},
        failure="An assertion for an endpoint's address authenticated the client.",
        success="Assertions for an endpoint's address were refused.",
    )


@check(
    "CA-05-similar",
    title="The audience of a client assertion is compared exactly",
    sends="client assertions whose aud differs from the issuer in a slash or in case",
    fix="Compare aud octet by octet.",
    requirements=("FAPI2-SP-5.3.2.1-8",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-178",
)
def audience_is_exact(trial: Trial) -> Outcome:
    """Two identifiers that differ in a slash can be two servers; who compares loosely cannot tell them apart."""
    issuer = trial.deployment.discovery.issuer
    slash = issuer[:-1] if issuer.endswith("/") else f"{issuer}/"
    return judge_claims(
        trial,
        {
            "With or without a last slash": {"aud": slash},
            "In capitals": {"aud": issuer.upper()},
            "With a path": {"aud": f"{issuer.rstrip('/')}/other"},
        },
        failure="An assertion whose aud is only similar to the issuer authenticated the client.",
        success="Assertions whose aud is only similar were refused.",
    )
