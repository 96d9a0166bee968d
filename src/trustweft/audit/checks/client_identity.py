"""The client and the claims of the ID token: who, from whom, for whom, until when, in answer to which request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trustweft.audit.check import check
from trustweft.audit.relying.playing import control, must_not_finish
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_identity = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("identity-forged",),
    fix="Validate each ID token as OpenID Connect Core section 3.1.3.7 lists it, before anybody is logged in.",
)


def judge_identity(trial: Trial, scenario: str, *, what: str) -> Outcome:
    """Play a bad ID token to a client that asks for one, and say whether it was believed."""
    trial.need(
        "openid" in control(trial).parameters().get("scope", "").split(), "the client asks for no ID token"
    )
    return must_not_finish(
        trial,
        scenario,
        label=f"An ID token {what}",
        failure=f"The client believed an ID token {what}.",
        success=f"The client refused an ID token {what}.",
    )


@_identity(
    "RP-06-issuer",
    title="The client refuses an ID token of another issuer",
    sends="an ID token whose iss is another server's",
)
def issuer_is_checked(trial: Trial) -> Outcome:
    """Who vouches for the user is half of who the user is: `sub` is unique within one issuer only.

    OpenID Connect Core section 3.1.3.7 item 2: the issuer must be exactly the one that discovery began with.
    """
    return judge_identity(trial, "RP-06-issuer", what="of another issuer")


@_identity(
    "RP-06-audience",
    title="The client refuses an ID token for another client",
    sends="an ID token whose aud is another client",
)
def audience_is_checked(trial: Trial) -> Outcome:
    """An ID token that the user gave to some other site must not log its owner in here (section 3.1.3.7 item 3)."""
    return judge_identity(trial, "RP-06-audience", what="for another client")


@_identity(
    "RP-06-authorized-party",
    title="The client refuses an ID token whose further audience it does not trust",
    sends="an ID token for this client and another, issued to the other",
    severity=Severity.MEDIUM,
)
def authorized_party_is_checked(trial: Trial) -> Outcome:
    """A token for several parties can be shown by each of them to the others.

    Section 3.1.3.7 item 3: an ID token with audiences that the client does not trust is refused. Here `aud` names a
    stranger beside the client, and `azp` says that the stranger obtained it.
    """
    return judge_identity(trial, "RP-06-authorized-party", what="that was issued to another client")


@_identity(
    "RP-06-expired",
    title="The client refuses an ID token that has expired",
    sends="an ID token that ended an hour ago",
    severity=Severity.MEDIUM,
)
def expiry_is_checked(trial: Trial) -> Outcome:
    """An ID token says that somebody was there at a time; long after, it says nothing (section 3.1.3.7 item 9).

    The token ended an hour ago, which no difference of clocks explains.
    """
    return judge_identity(trial, "RP-06-expired", what="that has expired")


@_identity(
    "RP-06-nonce",
    title="The client refuses an ID token of another request",
    sends="an ID token with a nonce that the client did not send",
    requirements=("RFC9700-4.5.3.2-1", "RFC9700-4.5.3.2-2"),
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    gives=("identity-forged", "stolen-code-usable"),
)
def nonce_is_compared(trial: Trial) -> Outcome:
    """The nonce ties the ID token to the browser that asked; it is what stops a stolen code where PKCE does not.

    RFC 9700 section 4.5.3.2: until it is validated, no token of the answer may be used for anything.
    """
    trial.need(control(trial).parameters().get("nonce"), "the client sends no nonce")
    return judge_identity(trial, "RP-06-nonce", what="with another nonce")


@_identity(
    "RP-06-nonce-missing",
    title="The client refuses an ID token without the nonce that it sent",
    sends="an ID token without nonce",
    requirements=("RFC9700-4.5.3.2-1",),
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    gives=("identity-forged", "stolen-code-usable"),
)
def nonce_is_demanded(trial: Trial) -> Outcome:
    """What is compared only where it is present is not compared: an attacker leaves it out (section 3.1.3.7 item 11)."""
    trial.need(control(trial).parameters().get("nonce"), "the client sends no nonce")
    return judge_identity(trial, "RP-06-nonce-missing", what="without the nonce")


@_identity(
    "RP-06-subject-missing",
    title="The client refuses an ID token that names nobody",
    sends="an ID token without sub",
    severity=Severity.MEDIUM,
)
def subject_is_demanded(trial: Trial) -> Outcome:
    """Without `sub` nobody is identified; a program that goes on has a user called nothing (section 2)."""
    return judge_identity(trial, "RP-06-subject-missing", what="without a subject")


@_identity(
    "RP-06-missing",
    title="The client does not log anybody in without the ID token that it asked for",
    sends="tokens without an ID token",
    severity=Severity.MEDIUM,
)
def id_token_is_demanded(trial: Trial) -> Outcome:
    """A client that asked for `openid` and sent a nonce must get an ID token (section 3.1.3.3).

    Where it goes on without, everything that the ID token would be checked for is not checked.
    """
    trial.need(
        control(trial).parameters().get("nonce"),
        "the client sends no nonce that an ID token would bring back",
    )
    return must_not_finish(
        trial,
        "RP-06-missing",
        label="Tokens without an ID token",
        failure="The client went on without the ID token that it asked for.",
        success="The client ended the flow where no ID token came.",
    )


@_identity(
    "RP-06-token-hash",
    title="The client compares the hash of the access token where an ID token has one",
    sends="an ID token with the at_hash of another access token",
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-345",
    fix="Compare `at_hash`, where it is present, with the access token that came along.",
    gives=(),
)
def token_hash_is_compared(trial: Trial) -> Outcome:
    """An access token that was slipped in beside a real ID token has another hash (RFC 9700 section 4.6).

    In the code flow the comparison is allowed, not demanded (OpenID Connect Core section 3.1.3.8).
    """
    return judge_identity(trial, "RP-06-token-hash", what="that belongs to another access token")
