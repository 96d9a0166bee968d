"""What comes without a good token gets nothing, from any operation (RFC 6750, FAPI 2.0 section 5.3.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, check
from trustweft.audit.exchange import FORM_TYPE
from trustweft.audit.protected import SAMPLE, as_it_is, attack_each, harmless, protected, userinfo, with_token
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial


@check(
    "RS-01",
    title="No protected operation answers without a token",
    sends="every reading operation without a token",
    fix="Put the check of tokens before every operation, and name the public ones, instead of the other way round.",
    requirements=("FAPI2-SP-5.3.4-1", "RFC9068-4-p4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("anonymous-access",),
)
def nobody_is_served_without_a_token(trial: Trial) -> Outcome:
    """One forgotten operation is enough. Each that the description or the target file calls protected is asked twice.

    Once with a good token, once with none. Where the description never says what needs a token, an operation counts
    as protected if it tells two users different things; others may be meant for everybody.
    """
    deployment = trial.deployment
    operations = [each for each in deployment.operations if each.safe and not each.public]
    operations += userinfo(deployment)
    trial.need(operations, "no reading operation is known that wants a token")
    access = deployment.access()
    pairs: list[tuple[Exchange, Exchange]] = []
    shared = 0
    for operation in operations:
        control = trial.keep(
            "control",
            f"{operation.name}, with its token",
            deployment.send_call(deployment.calling(operation, access), access),
        )
        if not control.ok:
            continue
        attack = trial.attack(f"{operation.name}, without a token", operation.request())
        if served(attack, control) and not _meant_to_be_protected(trial, operation, control):
            shared += 1
            continue
        pairs.append((attack, control))
    if not pairs:
        trial.need(
            shared == 0, f"{shared} operations tell everybody the same, and no description protects them"
        )
        raise Inconclusive("no operation answered to a good token")
    controls = {id(attack): control for attack, control in pairs}
    return trial.judge(
        [attack for attack, _ in pairs],
        accepted=lambda each: served(each, controls[id(each)]),
        failure="A protected operation answered without a token.",
        success=f"{len(pairs)} of {len(operations)} operations were reached, and refused without a token"
        + (f"; {shared} more tell everybody the same." if shared else "."),
    )


def _meant_to_be_protected(trial: Trial, operation: Operation, control: Exchange) -> bool:
    """Whether somebody says that it is protected, or two users are told different things."""
    if operation.template is None or operation.template.declared:
        return True
    deployment = trial.deployment
    if len(deployment.users) < 2:  # noqa: PLR2004  # to tell two users apart
        return False
    other = deployment.access(None, deployment.user(1))
    answer = deployment.send_call(deployment.calling(operation, other), other)
    return not served(answer, control)


@check(
    "RS-01-writes",
    title="No operation that writes gets as far as its body without a token",
    sends="every writing operation without a token and with an empty body, with invented identifiers",
    fix="Check the token before the body is read.",
    requirements=("FAPI2-SP-5.3.4-1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("anonymous-access",),
)
def nobody_writes_without_a_token(trial: Trial) -> Outcome:
    """Nothing is written: the body is empty and identifiers are invented. 2xx is a failure, 401 and 403 refuse.

    Another refusal may come from the body's check or from the token's; where the same comes with a good token, the
    token was not looked at first, and the operation is only counted.
    """
    deployment = trial.deployment
    operations = [each for each in deployment.operations if not each.safe and not each.public]
    trial.need(operations, "no writing operation is known that wants a token")
    access = deployment.access()
    attempts, unclear = [], []
    for operation in operations:
        request = harmless(operation)
        control = deployment.send_call(deployment.using(request, access), access)
        trial.keep("control", f"{operation.name}, empty, with a token", control)
        attack = trial.attack(f"{operation.name}, empty, without a token", request)
        if attack.status not in (401, 403) and not attack.ok:
            unclear.append(operation.name)
            continue
        attempts.append(attack)
    if not attempts:
        raise Inconclusive(
            f"each of {len(unclear)} operations refuses an empty body, with or without a token"
        )
    counted = f" Told nothing by: {', '.join(unclear)}." if unclear else ""
    return trial.judge(
        attempts,
        accepted=lambda each: each.ok,
        failure="A writing operation went through without a token.",
        success=f"{len(attempts)} of {len(operations)} writing operations refused to begin without a token.{counted}",
    )


@check(
    "RS-02",
    title="What is no token of the server is refused",
    sends="garbage, nothing, null, a shortened and a changed token as the access token",
    fix="Verify every token; take no answer of the verifier but success for success.",
    requirements=("FAPI2-SP-5.3.4-3", "RFC9068-4-p4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("anonymous-access", "forged-token-accepted"),
)
def garbage_is_refused(trial: Trial) -> Outcome:
    """Some APIs look only whether a token is there, or go on where its verification broke.

    Every operation gets a token that is none; a few also get the values that scripts send by mistake.
    """
    deployment = trial.deployment
    operations = protected(trial)
    sampled = {each.url for each in operations[:SAMPLE]}

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        real = access.token
        tokens = {"a token that is none": "trustweft-is-no-token"}
        if operation.url in sampled:
            changed = real[:-6] + ("A" if real[-6] != "A" else "B") + real[-5:]
            tokens |= {
                "null": "null",
                "undefined": "undefined",
                "half a token": real[: len(real) // 2],
                "a changed token": changed,
            }
            bare = operation.request().with_header("authorization", access.scheme)
            yield "the scheme without a token", as_it_is(bare)
        for label, token in tokens.items():
            yield label, with_token(deployment, operation, access, token)

    return attack_each(
        trial,
        operations,
        attacks,
        failure="Something that is no token was taken for one.",
        success="What is no token was refused",
    )


@check(
    "RS-03-query",
    title="No token is taken from the address",
    sends="a good token as the parameter access_token of the query, to every reading operation and userinfo",
    fix="Read tokens from the Authorization header only.",
    requirements=("FAPI2-SP-5.3.4-2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-598",
    owasp="API2:2023",
    gives=("token-leaks",),
)
def no_token_from_the_query(trial: Trial) -> Outcome:
    """Addresses stay behind in logs, histories and referrers; a server that takes tokens there invites them.

    FAPI 2.0 section 5.3.4 forbids it; RFC 9700 section 4.3.2 forbids clients to send it.
    """
    deployment = trial.deployment

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        joint = "&" if "?" in operation.url else "?"
        url = f"{operation.url}{joint}access_token={quote(access.token, safe='')}"

        def build() -> Request:
            return replace(deployment.calling(operation, access).with_header("authorization", None), url=url)

        yield "with the token in the query", build

    return attack_each(
        trial,
        protected(trial),
        attacks,
        failure="A token was taken from the query.",
        success="No token was taken from the query",
    )


@check(
    "RS-03-body",
    title="No token is taken from the body",
    sends="a good token as the parameter access_token of a form, to userinfo and writing operations",
    fix="Read tokens from the Authorization header only.",
    requirements=("FAPI2-SP-5.3.4-1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-598",
    owasp="API2:2023",
)
def no_token_from_the_body(trial: Trial) -> Outcome:
    """RFC 6750 section 2.2 knows tokens in forms; FAPI 2.0 section 5.3.4 demands the header.

    Only operations that POST can be asked so; the userinfo endpoint is one of them (OpenID Connect Core 5.3.1).
    """
    deployment = trial.deployment
    operations = userinfo(deployment)
    trial.need(operations, "the server has no userinfo endpoint, and nothing else answers to a form alone")
    access = deployment.access()
    posted = replace(operations[0], method="POST", name="POST userinfo")
    in_header = deployment.send_call(deployment.calling(posted, access), access)
    trial.need(trial.observe("POST userinfo, with its token", in_header).ok, "userinfo answers to no POST")

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        def build() -> Request:
            bare = deployment.calling(operation, access).with_header("authorization", None)
            return replace(bare, form=(("access_token", access.token),)).with_header(
                "content-type", FORM_TYPE
            )

        yield "with the token in the body", build

    return attack_each(
        trial,
        [posted],
        attacks,
        failure="A token was taken from the body.",
        success="No token was taken from the body",
    )


@check(
    "RS-06",
    title="Only an access token serves as one",
    sends="an ID token, a refresh token and a client assertion in place of the access token",
    fix="Demand typ at+jwt (or look tokens up), the resource's own aud, and nothing that other messages share.",
    requirements=("RFC9068-4-1", "RFC9068-4-4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def other_tokens_are_refused(trial: Trial) -> Outcome:
    """An ID token is signed with the server's key as well, and every client that a user logs in at has one.

    Where ``typ`` and ``aud`` are not compared, each of them opens the API (RFC 9068 section 5, RFC 8725 section 3.11).
    """
    deployment = trial.deployment

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        others = {"the ID token": access.id_token, "the refresh token": access.refresh_token}
        if access.party.key is not None:
            others["a client assertion"] = access.party.assertion()
        for label, token in others.items():
            if token:
                yield f"{label} as a bearer token", _bearing(operation, token)
                if access.scheme == "DPoP":
                    yield f"{label} beside a proof", with_token(deployment, operation, access, token)

    return attack_each(
        trial,
        protected(trial)[: SAMPLE + 1],
        attacks,
        failure="Another token was taken for an access token.",
        success="ID tokens, refresh tokens and assertions were refused",
    )


def _bearing(operation: Operation, token: str) -> Callable[[], Request]:
    return as_it_is(operation.request().with_header("authorization", f"Bearer {token}"))
