"""That a bound token is worth nothing without its key, and a proof nothing the second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check, failed, passed
from trustweft.audit.forging import read_parts
from trustweft.audit.protected import EVERY, attack_each, protected
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.crypto.keys import thumbprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Request
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial


def _bound(trial: Trial) -> list[Operation]:
    trial.need(trial.deployment.access().scheme == "DPoP", "access tokens are not bound by DPoP here")
    return protected(trial, EVERY)


@check(
    "DP-01",
    title="A bound token is refused as a bearer token",
    sends="a bound token with the scheme Bearer and without a proof, to every reading operation",
    fix="Refuse a token whose cnf has a jkt wherever it comes with the scheme Bearer.",
    requirements=("RFC9449-7.2-p1", "FAPI2-SP-5.3.4-5"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def bound_token_is_no_bearer_token(trial: Trial) -> Outcome:
    """A token that is bound is worth nothing to a thief, unless the API takes it without asking for the key.

    The usual way to get there is a second middleware that knows bearer tokens only (RFC 9449 section 7.2).
    """

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        yield "as a bearer token", lambda: _with_token(operation, "Bearer", access)

    return attack_each(
        trial,
        _bound(trial),
        attacks,
        failure="A bound token was taken as a bearer token.",
        success="The bound token was refused as a bearer token",
    )


@check(
    "DP-01-with-proof",
    title="A bound token comes with the scheme DPoP",
    sends="a bound token with the scheme Bearer and a good proof",
    fix="Refuse the scheme Bearer for tokens that are bound to a proof key.",
    requirements=("RFC9449-7.2-p1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-436",
)
def scheme_is_dpop(trial: Trial) -> Outcome:
    """Whoever takes both schemes for one token has two ways to verify it, and one of them is weaker (section 7.2)."""
    deployment = trial.deployment

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        yield (
            "as a bearer token beside a proof",
            lambda: deployment.calling(operation, access).with_header(
                "authorization", f"Bearer {access.token}"
            ),
        )

    return attack_each(
        trial,
        _bound(trial)[:3],
        attacks,
        failure="A bound token was taken with the scheme Bearer.",
        success="The scheme Bearer was refused for a bound token",
    )


@check(
    "DP-02",
    title="A bound token without a proof is refused",
    sends="a bound token with the scheme DPoP and no proof, to every reading operation",
    fix="Demand a proof in every request with a bound token.",
    requirements=("RFC9449-7.1-p2", "RFC9449-7.1-p3", "FAPI2-SP-5.3.4-5"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def proof_is_demanded(trial: Trial) -> Outcome:
    """Each protected request needs the token and a proof (RFC 9449 section 7.1).

    An API that looks at a proof only where one comes does not bind anything.
    """

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        yield "without a proof", lambda: _with_token(operation, "DPoP", access)

    return attack_each(
        trial,
        _bound(trial),
        attacks,
        failure="A bound token was taken without a proof.",
        success="The bound token was refused without a proof",
    )


def _with_token(operation: Operation, scheme: str, access: Access) -> Request:
    return operation.request().with_header("authorization", f"{scheme} {access.token}")


@check(
    "DP-03",
    title="A bound token is refused with another key's proof",
    sends="a bound token with a good proof by another key, to every reading operation",
    fix="Compare the thumbprint of the proof's key with the jkt of the token.",
    requirements=("RFC9449-4.3-12.2", "RFC9449-6-p2", "FAPI2-SP-5.3.4-5", "RFC9449-6-p1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def proof_is_by_the_bound_key(trial: Trial) -> Outcome:
    """A thief has keys as well. A proof shows only that its sender has some key; the token says which (section 6)."""
    deployment = trial.deployment

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        signer = access.party.other_signer
        yield "with another key's proof", lambda: deployment.calling(operation, access, signer=signer)

    return attack_each(
        trial,
        _bound(trial),
        attacks,
        failure="A bound token was taken with another key's proof.",
        success="Proofs by another key were refused",
    )


@check(
    "DP-13",
    title="A bound token says to which key it is bound",
    sends="nothing further: looks into an access token",
    fix="Put cnf.jkt, the SHA-256 thumbprint of the proof's key, into the token.",
    requirements=("RFC9449-6.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-345",
)
def token_names_its_key(trial: Trial) -> Outcome:
    """A resource server can hold a token to its key only where the token says which that is (section 6.1)."""
    access = trial.deployment.access()
    trial.need(access.scheme == "DPoP", "access tokens are not bound by DPoP here")
    _, claims = read_parts(access.token)
    trial.need(claims, "access tokens are not JWTs here: only introspection says what binds them")
    trial.observe("The answer with the token", access.answer)
    confirmation = claims.get("cnf")
    named = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    expected = thumbprint(access.party.proof_signer.public_key)
    if named != expected:
        return failed(f"The token's cnf.jkt is {named!r}, and the thumbprint of its key is {expected}.")
    return passed("The token's cnf.jkt is the thumbprint of the key that it was asked for with.")


@check(
    "DP-15",
    title="An answer that was given once is not given to somebody without the token",
    sends="a good request, and the same without a token right after it, to every reading operation",
    fix="Send Cache-Control: private or no-store with protected answers, and keep shared caches away from them.",
    requirements=("RFC9449-7.1-p3",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-524",
    owasp="API8:2023",
    gives=("anonymous-access",),
)
def answers_are_not_cached_for_others(trial: Trial) -> Outcome:
    """A cache in front of the API that does not look at the token answers anybody who asks a minute later."""

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        yield "the same again without a token", operation.request

    return attack_each(
        trial,
        protected(trial),
        attacks,
        failure="An answer that was made for a token came again without one.",
        success="After a good request the same was refused without a token",
    )


@check(
    "DP-16",
    title="A refusal says which algorithms a proof may have",
    sends="a bound token without a proof",
    fix="Send WWW-Authenticate: DPoP with algs and an error where a token or a proof is refused.",
    requirements=("RFC9449-7.1-6", "RFC9449-7.1-4", "RFC9449-7.2-2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-1059",
)
def challenge_names_algorithms(trial: Trial) -> Outcome:
    """A client learns from the challenge how to do better; ``algs`` saves it from guessing (section 7.1)."""
    deployment = trial.deployment
    operation = _bound(trial)[0]
    answer = trial.observe(
        f"{operation.name}, without a proof",
        deployment.wire.send(_with_token(operation, "DPoP", deployment.access())),
    )
    challenge = " ".join(answer.all_headers("www-authenticate"))
    missing = [each for each in ("DPoP", "algs=", "error=") if each.lower() not in challenge.lower()]
    if missing:
        return failed(f"The challenge {challenge or 'is missing'!r} lacks {', '.join(missing)}.")
    return passed("The challenge names the scheme DPoP, its algorithms and the error.")
