"""Authorization details from the token to the API (RFC 9396): who gets them, who hears of them, and what they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check, failed, passed
from trustweft.audit.checks.token_grants import ask, own_scope
from trustweft.audit.detailed import (
    PARAMETER,
    detailed_access,
    detailed_flow,
    detailed_operation,
    detailed_party,
    details_of,
    fresh_detailed_access,
    read_details,
    types_of,
)
from trustweft.audit.forging import read_parts
from trustweft.audit.token_reading import introspect
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.target import DetailsEntry
    from trustweft.audit.trial import Trial


def _detailed(trial: Trial) -> tuple[Access, set[str]]:
    """Keep as control that a token came for the good details; return it with the types that were asked for."""
    _, entry = detailed_party(trial.deployment)
    access = detailed_access(trial.deployment)
    trial.control("A token for good details", access.answer, good=lambda each: each.issued)
    return access, types_of(read_details(entry.good))


def _judge_wider(trial: Trial, attack: Exchange, entry: DetailsEntry) -> Outcome:
    """FAIL where a token has details that are among the wider ones and not among the good ones."""
    good = read_details(entry.good)
    beyond = [each for each in read_details(entry.wider or "[]") if each not in good]
    return trial.judge(
        [attack],
        accepted=lambda each: (
            each.issued and any(wide.items() <= held.items() for wide in beyond for held in details_of(each))
        ),
        failure="The token has authorization details that the user never saw.",
        success="No token has details beyond those that the user granted.",
    )


@check(
    "TK-22-response",
    title="The token response tells which authorization details were granted",
    sends="a login and a token request with authorization details that the user grants",
    fix="Put the granted authorization_details into the token response.",
    requirements=("RFC9396-7-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-440",
    owasp="API8:2023",
)
def response_tells_the_details(trial: Trial) -> Outcome:
    """A user may grant less than was asked for, and a client that is not told believes that it has everything.

    RFC 9396 section 7: the response has the granted details; section 7.1 lets the server enrich them, so types are
    compared and not values.
    """
    access, asked = _detailed(trial)
    told = types_of(access.answer.document().get(PARAMETER))
    if missing := asked - told:
        return failed(f"The token response tells nothing of {', '.join(sorted(missing))}, which was granted.")
    return passed("The token response has the granted details.")


@check(
    "TK-22-told",
    title="The resource server learns which authorization details were granted",
    sends="reads the token, and asks for it at the introspection endpoint",
    fix="Put authorization_details into the access token or into what introspection says of it.",
    requirements=("RFC9396-9-p1.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API5:2023",
)
def resource_server_learns_the_details(trial: Trial) -> Outcome:
    """What the user granted binds nobody unless the resource server hears of it: it serves nothing, or everything.

    RFC 9396 section 9: by the token or by introspection.
    """
    access, _ = _detailed(trial)
    _, claims = read_parts(access.token)
    told = types_of(claims.get(PARAMETER))
    if not told:
        answer = trial.observe("What introspection says", introspect(trial.deployment, access.token))
        trial.need(answer.document().get("active") is True, "whom the token is for does not ask here")
        told = types_of(answer.document().get(PARAMETER))
    if not told:
        return failed("Neither the token nor introspection has the authorization details that were granted.")
    return passed(f"The resource server learns of {', '.join(sorted(told))}.")


@check(
    "TK-22-introspection",
    title="Introspection tells the authorization details as they were granted",
    sends="an introspection request about a token with authorization details",
    fix="Answer with authorization_details, in the form of the request, filtered for whoever asks.",
    requirements=("RFC9396-9.2-p1.1", "RFC9396-9.2-p1.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-440",
    owasp="API8:2023",
)
def introspection_tells_the_details(trial: Trial) -> Outcome:
    """A resource server that asks, because it must know of revocations, judges by the answer (RFC 9396 section 9.2)."""
    access, asked = _detailed(trial)
    answer = trial.observe("What introspection says", introspect(trial.deployment, access.token))
    trial.need(answer.document().get("active") is True, "whom the token is for does not ask here")
    value = answer.document().get(PARAMETER)
    if not types_of(value):
        return failed("Introspection says that the token is active, and nothing of its details.")
    if not isinstance(value, list) or len(value) != sum(bool(types_of([each])) for each in value):
        return failed("The details of the introspection response are no list of objects with a type.")
    foreign = types_of(value) - asked - types_of(details_of(access.answer))
    if foreign:
        return failed(f"Introspection tells of {', '.join(sorted(foreign))}, which was never granted.")
    return passed("Introspection has the details that were granted.")


@check(
    "TK-22-wider",
    title="A code gives no details beyond those that were granted",
    sends="a code for good details with wider authorization_details in the token request",
    fix="Compare the details of a token request with those that the user agreed to; refuse what goes beyond.",
    requirements=("RFC9396-8-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def code_gives_nothing_wider(trial: Trial) -> Outcome:
    """The user read one amount; a token request that may name another makes the page worthless (RFC 9396 section 6)."""
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    trial.need(entry.wider, "the target file names no wider details")
    _detailed(trial)
    flow = detailed_flow(deployment)
    request = flow.token_request(deployment.code(flow)).with_parameters((PARAMETER, entry.wider or ""))
    attack = trial.attack("A code with wider details", deployment.send_bound(request, flow.party))
    return _judge_wider(trial, attack, entry)


@check(
    "TK-22-wider-refresh",
    title="A refresh token gives no details beyond those that were granted",
    sends="a refresh token of good details with wider authorization_details",
    fix="Compare the details of a refresh with those of the grant; refuse what goes beyond.",
    requirements=("RFC9396-8-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def refresh_gives_nothing_wider(trial: Trial) -> Outcome:
    """A refresh happens long after the user went away: nobody is there who could agree to more (RFC 9396 section 6)."""
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    trial.need(entry.wider, "the target file names no wider details")
    access = fresh_detailed_access(deployment)
    trial.control("A token for good details", access.answer, good=lambda each: each.issued)
    request = deployment.refreshing(access, (PARAMETER, entry.wider or ""))
    attack = trial.attack("A refresh with wider details", deployment.send_bound(request, access.party))
    return _judge_wider(trial, attack, entry)


@check(
    "TK-22-personal",
    title="A client alone gets no authorization details that are a person's to grant",
    sends="a client_credentials request with details that a user would have to grant",
    fix="Refuse details with client_credentials, but for types that concern nobody.",
    requirements=("RFC9396-8-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def nobody_grants_nothing(trial: Trial) -> Outcome:
    """With its own credentials a client acts for itself, and whose account such details are about is anybody's guess.

    RFC 9396 section 6 has details at the token endpoint for this grant too; what they concern must be the client's.
    """
    deployment = trial.deployment
    party, entry = detailed_party(deployment)
    trial.need(entry.personal, "the target file says that the details concern no person")
    trial.need("client_credentials" in party.entry.grant_types, "the client may not use client_credentials")
    trial.control(
        "The client's own token", deployment.own_access(party).answer, good=lambda each: each.issued
    )
    grant, scope = ("grant_type", "client_credentials"), ("scope", own_scope(party))
    attack = ask(
        trial, "client_credentials with personal details", party, grant, scope, (PARAMETER, entry.good)
    )
    return trial.judge(
        [attack],
        accepted=lambda each: each.issued and bool(details_of(each)),
        failure="A client got details that concern a person, and nobody was asked.",
        success="A client alone got no details that concern a person.",
    )


@check(
    "TK-22-beyond",
    title="The API does nothing that the authorization details do not cover",
    sends="two requests with a token for details: one that they cover, one that they do not",
    fix="Compare each request with the token's authorization_details, value by value, before it is carried out.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def api_does_nothing_beyond(trial: Trial) -> Outcome:
    """The details name one account, one amount; only whoever serves the request can hold it against them.

    An API that looks at their type alone makes of "this account" every account (RFC 9396 section 9).
    """
    deployment = trial.deployment
    _, entry = detailed_party(deployment)
    covered = detailed_operation(deployment, entry.covered)
    beyond = detailed_operation(deployment, entry.beyond)
    access, _ = _detailed(trial)
    good = deployment.send_call(deployment.calling(covered, access), access)
    trial.control("A request that the details cover", good)
    bad = deployment.send_call(deployment.calling(beyond, access), access)
    return trial.access_refused(
        [trial.attack("A request beyond the details", bad)],
        failure="The API served what the authorization details do not cover.",
        success="The API served what the details cover, and nothing else.",
    )
