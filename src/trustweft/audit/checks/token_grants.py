"""Grants that give tokens without the user's browser, and tokens that anybody can use who finds them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed, suspected
from trustweft.audit.exchange import form_request
from trustweft.audit.flow import bound
from trustweft.audit.forging import forge, forge_with_secret, read_parts
from trustweft.audit.parties import unauthenticated
from trustweft.audit.redemption import redeem_changed
from trustweft.audit.target import ClientEntry
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # a grant type
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a kind of token
PERSONAL: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
UNKNOWN_SCOPE: Final = "trustweft-unknown-scope"


def ask(trial: Trial, label: str, party: Party, *parameters: tuple[str, str]) -> Exchange:
    """Send a token request with these parameters, authenticated and bound as the client does it."""
    deployment = trial.deployment
    plan = deployment.plan(party)
    request = party.authenticate(form_request(plan.endpoint("token_endpoint", party), *parameters))
    request = bound(request, party=party, wire=deployment.wire, plan=plan)
    return trial.attack(label, deployment.send_bound(request, party))


@check(
    "TK-07-password",
    title="The password grant gives no token",
    sends="a user's name and password to the token endpoint",
    fix="Remove the password grant; let users log in at the authorization server's own pages.",
    requirements=("FAPI2-SP-5.3.2.1-2", "RFC9700-2.4-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-522",
    owasp="API2:2023",
)
def no_password_grant(trial: Trial) -> Outcome:
    """With the password grant people type their passwords into the client, which can be anybody's.

    No second factor is asked for and nobody consents; RFC 9700 section 2.4 forbids it. The check sends the right
    password of a user, as its own client and without any client authentication.
    """
    deployment = trial.deployment
    user, party = deployment.user(), deployment.party()
    trial.need(user.password, "the target file has no password of the user")
    trial.control("A good token request", deployment.access().answer, good=lambda each: each.issued)
    request = deployment.password_request(party, user)
    named = unauthenticated(request, party).with_parameters(("client_id", party.client_id))
    attacks = [
        trial.attack("The password grant as the client", deployment.send_bound(request, party)),
        trial.attack("The password grant without client authentication", deployment.send_bound(named, party)),
    ]
    return trial.tokens_refused(
        attacks,
        failure="The token endpoint gives tokens for a user's password.",
        success="The password grant was refused.",
    )


@check(
    "TK-07-not-registered",
    title="A client gets no token by a grant that it may not use",
    sends="a client_credentials request of a client that is not registered for it",
    fix="Compare grant_type with the grant types that the client is registered for.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API5:2023",
)
def grant_types_are_registered(trial: Trial) -> Outcome:
    """What a client may do is written down when it is registered (RFC 7591 section 2, RFC 6749 section 5.2).

    The check takes a client whose entry in the target file lists its grants, without client_credentials, and asks for
    a token of its own.
    """
    default = ClientEntry(client_id="").grant_types
    candidates = [
        party
        for party in trial.deployment.parties
        if "client_credentials" not in party.entry.grant_types
        and party.entry.grant_types != default
        and party.entry.authentication != "none"
    ]
    trial.need(candidates, "no client of the target file lists grant_types without client_credentials")
    party = candidates[0]
    trial.control(
        "The client's registered grant",
        trial.deployment.access(party).answer,
        good=lambda each: each.issued,
    )
    attack = ask(
        trial, "client_credentials", party, ("grant_type", "client_credentials"), ("scope", own_scope(party))
    )
    if (
        attack.issued
    ):  # what a client is registered for only the target file tells, and that may be incomplete
        return suspected(
            f"{party.client_id} got a token by a grant that the target file does not list for it."
        )
    trial.need_clear([attack])
    return passed("The grant was refused to a client that is not registered for it.")


@check(
    "TK-07-assertion",
    title="A client cannot sign itself a token in a user's name",
    sends="a jwt-bearer grant whose assertion the client signed for a user",
    fix="Accept assertions as grants only from issuers that may speak for the users, never from clients.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("foreign-data",),
)
def no_self_made_assertion(trial: Trial) -> Outcome:
    """The grant of RFC 7523 section 2.1 turns a signed statement about a user into a token.

    A server that takes such a statement from a client's own key, because it knows that key from client authentication,
    lets each client be every user.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need(party.key is not None or party.entry.secret, "the client has nothing to sign with")
    access = deployment.access(party)
    trial.control("A good token request", access.answer, good=lambda each: each.issued)
    subject = read_parts(access.id_token)[1].get("sub") or read_parts(access.token)[1].get("sub")
    claims = party.assertion_claims(sub=subject if isinstance(subject, str) else deployment.user().username)
    if party.key is not None:
        assertion = forge(party.assertion_header(), claims, key=party.key)
    else:
        secret = (party.entry.secret or "").encode()
        assertion = forge_with_secret({"alg": "HS256", "typ": "JWT"}, claims, secret=secret)
    attack = ask(
        trial,
        "An assertion about a user that the client signed",
        party,
        ("grant_type", JWT_BEARER),
        ("assertion", assertion),
        ("scope", party.entry.scope),
    )
    return trial.tokens_refused(
        [attack],
        failure="The client's own assertion gave a token in a user's name.",
        success="The client's own assertion about a user was refused.",
    )


@check(
    "TK-07-exchange",
    title="An exchange of tokens does not widen them",
    sends="a token-exchange request of another client, with somebody's access token",
    fix="Offer token exchange to registered clients alone, and never for more than the token that comes in.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def no_exchange_by_strangers(trial: Trial) -> Outcome:
    """Token exchange (RFC 8693) makes a new token of one that is shown.

    Where any client may do it with any token, a stolen token that is bound to a key becomes one for the thief's key.
    The check lets a second client exchange the first client's token.
    """
    deployment = trial.deployment
    stranger = deployment.party(1)
    access = deployment.access()
    trial.control("A good token request", access.answer, good=lambda each: each.issued)
    attack = ask(
        trial,
        "Another client exchanges the token",
        stranger,
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", access.token),
        ("subject_token_type", ACCESS_TOKEN),
    )
    return trial.tokens_refused(
        [attack],
        failure="Another client exchanged the token for one of its own.",
        success="The exchange was refused.",
    )


@check(
    "TK-11",
    title="Access tokens are bound to a key of their client",
    sends="a token request without a proof and without a certificate",
    fix="Refuse token requests without a DPoP proof or a client certificate, and bind each token to it.",
    requirements=(
        "FAPI2-SP-5.3.2.1-4",
        "FAPI2-SP-5.3.2.1-5",
        "RFC9449-5.2-p3",
        "RFC9700-4.10-p1",
    ),
    reach=Reach.FAPI,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-522",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def tokens_are_bound(trial: Trial) -> Outcome:
    """A bearer token serves whoever has it: a proxy, a log, another API that it was shown to.

    The check redeems a code without a DPoP proof and without a certificate. Where the server knows neither, its
    ordinary tokens are bearer tokens, which RFC 9700 section 4.10 advises against and FAPI 2.0 forbids.
    """
    deployment = trial.deployment
    party = deployment.party()
    control = trial.control("A good token request", deployment.access().answer, good=lambda each: each.issued)
    if deployment.plan(party).binding == "none":
        confirmed = read_parts(control.text("access_token"))[1].get("cnf")
        if control.text("token_type").lower() == "bearer" and not confirmed:
            # The target file may ask for this of a server that could do better.
            offered = deployment.discovery.list("dpop_signing_alg_values_supported")
            able = ", though the server offers DPoP (`binding` of the target file is none)" if offered else ""
            return failed(f"Tokens are bound to nothing: they are bearer tokens{able}.")
        return passed("The access token names a key that it is bound to.")
    if "tls_client_auth" in party.entry.authentication:
        return passed("The client authenticates with the certificate that its tokens are bound to.")
    if "authorization_code" in party.entry.grant_types:
        attack = redeem_changed(
            trial,
            "A code without a proof",
            lambda _flow, request: replace(request.with_header("dpop", None), certificate=None),
        )
    else:
        url = deployment.plan(party).endpoint("token_endpoint", party)
        request = form_request(url, ("grant_type", "client_credentials"), ("scope", own_scope(party)))
        attack = trial.attack("Client credentials without a proof", party.authenticate(request))
    return trial.tokens_refused(
        [attack],
        failure="A token was given without a proof: it is bound to nothing.",
        success="Without a proof there was no token.",
    )


@check(
    "TK-11-token-type",
    title="A token that is bound to a proof key says so",
    sends="a good token request with a proof",
    fix='Answer with the token_type "DPoP" where the token is bound to a DPoP key.',
    requirements=("RFC9449-5-p3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-440",
)
def bound_tokens_say_so(trial: Trial) -> Outcome:
    """A client that is told ``Bearer`` sends the token without a proof, or believes it bound while it is not.

    RFC 9449 section 5: the answer has the token_type ``DPoP``; another one means that the proof was ignored.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need(deployment.plan(party).binding == "dpop", "the server does not know DPoP")
    answer = trial.observe("The answer to a token request with a proof", deployment.access().answer)
    kind = answer.text("token_type")
    if kind.lower() == "dpop":
        return passed("The token_type is DPoP.")
    return failed(f"A token request with a proof was answered with the token_type {kind or 'of nothing'}.")


@check(
    "TK-14-unknown-scope",
    title="A token has no scope that the server does not know",
    sends="a client_credentials request for an unknown scope",
    fix="Refuse a scope that is unknown, or not registered for the client, with invalid_scope.",
    requirements=("FAPI2-SP-5.3.2.1-14", "RFC9700-2.3-p1", "RFC9068-3-p5"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def scope_is_known(trial: Trial) -> Outcome:
    """A server that copies any scope into the token lets the client write its own rights.

    Resource servers believe what stands there. The check asks for a scope that nobody ever defined, and looks whether
    the token has it.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.control("A good token request", deployment.own_access(party).answer, good=lambda each: each.issued)
    scope = f"{own_scope(party)} {UNKNOWN_SCOPE}"
    attack = ask(
        trial,
        "client_credentials with an unknown scope",
        party,
        ("grant_type", "client_credentials"),
        ("scope", scope),
    )
    return trial.judge(
        [attack],
        accepted=lambda each: each.issued and UNKNOWN_SCOPE in granted_scope(each, scope),
        failure="The token has a scope that nobody defined.",
        success="The unknown scope was not granted.",
    )


def own_scope(party: Party) -> str:
    """Return the scope that a client can ask for itself: without what OpenID Connect asks about a person."""
    scope = (party.entry.narrow_scope or party.entry.scope).split()
    return " ".join(each for each in scope if each not in PERSONAL)


def granted_scope(answer: Exchange, asked: str) -> tuple[str, ...]:
    """Return the scope of a new token: as the answer says, as the token says, else what was asked for."""
    told = answer.text("scope")
    claim = read_parts(answer.text("access_token"))[1].get("scope")
    if isinstance(claim, list):
        claim = " ".join(str(each) for each in claim)
    return tuple((told or (claim if isinstance(claim, str) else "") or asked).split())
