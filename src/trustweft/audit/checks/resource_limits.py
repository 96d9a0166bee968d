"""Which tokens an API takes: those for it, of a user where the data is a user's, and as long as they are good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trustweft.audit.answers import served, values_of
from trustweft.audit.check import Inconclusive, check, suspected
from trustweft.audit.clients import client_that, revokes
from trustweft.audit.exchange import form_request
from trustweft.audit.protected import EVERY, SAMPLE, call_with, protected
from trustweft.audit.verdict import Reach, Role, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

GRACE_SECONDS = 65  # what RFC 9068 section 4 allows for clocks that differ: "not more than a few minutes"


@check(
    "RS-07",
    title="A token for one API is refused by another",
    sends="a token that was asked for one API's resource to the operations of the others",
    fix="Compare aud with the API's own identifier, and let the server issue tokens for one resource each.",
    requirements=("RFC9068-4-4", "RFC9700-2.3-p2.2", "RFC9700-4.9.3-2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("rights-widened",),
)
def tokens_are_for_one_api(trial: Trial) -> Outcome:
    """An API that turned bad, or was broken into, plays the tokens that it gets to the others (RFC 9700 section 4.9)."""
    deployment = trial.deployment
    named = [each for each in deployment.target.apis if each.resource]
    trial.need(len(named) > 1, "the target file names fewer than two APIs with a resource of their own")
    attempts: list[tuple[Exchange, Exchange]] = []
    tokens = {each.resource: _token_for(trial, each.resource or "") for each in named}
    for operation in [each for each in deployment.operations if each.safe and not each.public][:EVERY]:
        if operation.api.resource not in tokens:
            continue
        control = trial.keep(
            "control",
            f"{operation.name}, its own token",
            call_with(trial, operation, tokens[operation.api.resource]),
        )
        for resource, access in tokens.items():
            if resource != operation.api.resource and control.ok:
                attack = trial.attack(
                    f"{operation.name}, a token for {resource}", call_with(trial, operation, access)
                )
                attempts.append((attack, control))
    if not attempts:
        raise Inconclusive("no operation answered to a token of its own API")
    controls = {id(attack): control for attack, control in attempts}
    return trial.judge(
        [attack for attack, _ in attempts],
        accepted=lambda each: served(each, controls[id(each)]),
        failure="A token for one API was taken by another.",
        success=f"{len(attempts)} attempts with tokens for other APIs were refused.",
    )


def _token_for(trial: Trial, resource: str) -> Access:
    deployment = trial.deployment
    flow = deployment.flow(changes={"resource": resource})
    return deployment.redeem(flow, deployment.code(flow))


@check(
    "RS-09",
    title="A client's own token opens no user's data",
    sends="the operations of a user with a token of the client's own",
    fix="Look up data by the subject of the token, and tell clients from people.",
    requirements=("RFC9700-2.3-p3.2", "FAPI2-SP-5.3.4-4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def client_tokens_open_no_user_data(trial: Trial) -> Outcome:
    """A token from ``client_credentials`` stands for no person; with it nobody's data may be had (RFC 9700 section 4.15).

    It fails where the client's own token gets what the user's token got, at an address that tells two users different
    things. An object that the other user is refused may still be one that the client serves for everybody: where its
    own token opens that, it is suspected.
    """
    deployment = trial.deployment
    own = deployment.own_access()
    deployment.user(1)  # without a second user nothing shows what is anybody's own
    attempts: list[tuple[Exchange, Exchange]] = []
    objects: set[int] = set()
    for operation in protected(trial, EVERY):
        control = trial.keep(
            "control",
            f"{operation.name}, with a user's token",
            call_with(trial, operation, deployment.access()),
        )
        whose = _whose(trial, operation, control) if control.ok else None
        if whose is None:
            continue
        attack = trial.attack(f"{operation.name}, with the client's own", call_with(trial, operation, own))
        attempts.append((attack, control))
        if whose == "object":
            objects.add(id(attack))
    trial.need(attempts, "no operation is known that tells two users different things")
    controls = {id(attack): control for attack, control in attempts}
    outcome = trial.judge(
        [attack for attack, _ in attempts],
        accepted=lambda each: id(each) not in objects and served(each, controls[id(each)]),
        failure="A client's own token opened a user's data.",
        success=f"A client's own token got none of what the user's got ({len(attempts)} operations).",
    )
    opened = any(id(each) in objects and served(each, controls[id(each)]) for each, _ in attempts)
    if outcome.verdict is Verdict.PASS and opened:
        return suspected("A client's own token opened an object of one user that another user is refused.")
    return outcome


def _whose(trial: Trial, operation: Operation, control: Exchange) -> Literal["own", "object"] | None:
    """Tell what an operation shows: each user their own, one user's object, or nothing that is anybody's."""
    deployment = trial.deployment
    other = call_with(trial, operation, deployment.access(None, deployment.user(1)))
    if served(other, control):
        return None
    if other.ok and values_of(other):
        return "own"
    return "object" if operation.places else None


@check(
    "RS-10",
    title="A token that was revoked is refused by the APIs",
    sends="a token of its own to the revocation endpoint, and then to a few operations",
    fix="Ask the server about the token, or keep a list of those that were revoked.",
    requirements=("FAPI2-SP-5.3.4-3",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,  # with one token a server may end all that its client and user have
)
def revoked_tokens_are_refused(trial: Trial) -> Outcome:
    """FAPI 2.0 section 5.3.4 demands that a resource server verifies that a token was not revoked.

    The check has a fresh token revoked and uses it again; where only expiry ends tokens, it goes on working.
    """
    deployment = trial.deployment
    party = client_that(trial, revokes, lacking="no client can revoke its tokens")
    url = deployment.plan(party).endpoint("revocation_endpoint", party)
    access = deployment.fresh_access(party)
    operations = protected(trial, SAMPLE)
    if party.client_id != deployment.party().client_id:  # it may have a smaller scope than the first
        operations = [each for each in operations if call_with(trial, each, access).ok]
    if not operations:
        raise Inconclusive(f"client {party.client_id}, which can revoke its tokens, is served nowhere")
    controls = _working(trial, operations, access)
    request = form_request(url, ("token", access.token), ("token_type_hint", "access_token"))
    trial.control("The token is revoked", deployment.wire.send(party.authenticate(request)))
    return _refused_now(trial, controls, access, what="A revoked token", when="after its revocation")


@check(
    "RS-05-expired",
    title="A token that has expired is refused by the APIs",
    sends="a token of its own after its lifetime, to a few operations",
    fix="Compare exp with the clock, with no more grace than some seconds.",
    requirements=("FAPI2-SP-5.3.4-3", "RFC9068-4-6"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    waits=True,
)
def expired_tokens_are_refused(trial: Trial) -> Outcome:
    """A token that never ends is a password. The check waits for the end that the server announced, and a minute more."""
    deployment = trial.deployment
    access = deployment.fresh_access()
    trial.need(access.expires_at != float("inf"), "the server does not say how long its tokens live")
    controls = _working(trial, protected(trial, SAMPLE), access)
    deployment.wait_until(access.expires_at + GRACE_SECONDS)
    return _refused_now(trial, controls, access, what="An expired token", when="after it had expired")


def _working(
    trial: Trial, operations: Sequence[Operation], access: Access
) -> list[tuple[Operation, Exchange]]:
    return [
        (each, trial.control(f"{each.name}, while the token is good", call_with(trial, each, access)))
        for each in operations
    ]


def _refused_now(
    trial: Trial, controls: Sequence[tuple[Operation, Exchange]], access: Access, *, what: str, when: str
) -> Outcome:
    attempts = [
        (trial.attack(f"{operation.name}, {when}", call_with(trial, operation, access)), control)
        for operation, control in controls
    ]
    before = {id(attack): control for attack, control in attempts}
    return trial.judge(
        [attack for attack, _ in attempts],
        accepted=lambda each: served(each, before[id(each)]),
        failure=f"{what} was taken.",
        success=f"{what} was refused by {len(attempts)} operations.",
    )
