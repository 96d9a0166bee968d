"""Introspection: who may ask about tokens, and what is said of those that are no good (RFC 7662)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.clients import client_that, revokes
from trustweft.audit.exchange import form_request
from trustweft.audit.forging import read_parts, with_claims, without_signature
from trustweft.audit.parties import unauthenticated
from trustweft.audit.target import ResourceServerEntry
from trustweft.audit.token_reading import audience_of, introspect, introspecting, introspector
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

SIGNED: Final = "application/token-introspection+jwt"


def active(exchange: Exchange) -> bool:
    """Return whether an answer says that the token is good."""
    return exchange.ok and exchange.document().get("active") is True


def known_active(trial: Trial) -> Access:
    """Return a good token, and keep as control that introspection says so.

    Raises:
        Inconclusive: it says otherwise.
        NotApplicable: there is no introspection.
    """
    deployment = trial.deployment
    trial.need(
        deployment.discovery.text("introspection_endpoint"), "the server names no introspection_endpoint"
    )
    access = deployment.access()
    trial.control("A good token", introspect(deployment, access.token), good=active)
    return access


@check(
    "IN-01",
    title="Nobody can ask about tokens without credentials",
    sends="introspection requests without client authentication",
    fix="Authenticate whoever asks about tokens (RFC 7662 section 2.1).",
    requirements=("FAPI2-MS-6.2-p2.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-306",
    owasp="API2:2023",
)
def asking_needs_credentials(trial: Trial) -> Outcome:
    """An open introspection endpoint tells whether a guess is a token, and of a found one whose it is.

    RFC 7662 section 2.1 requires authorization against token scanning. The check asks about a good token with the
    resource server's client_id alone, and with nothing.
    """
    access = known_active(trial)
    deployment = trial.deployment
    party = introspector(deployment)
    bare = unauthenticated(introspecting(deployment, party, access.token), party)
    attacks = [
        trial.attack("No credentials", bare),
        trial.attack("client_id alone", bare.with_parameters(("client_id", party.client_id))),
        trial.attack(
            "The token itself as the credential", bare.with_header("authorization", f"Bearer {access.token}")
        ),
    ]
    return trial.judge(
        attacks,
        accepted=active,
        failure="Introspection answered without credentials.",
        success="Without credentials nothing was told.",
    )


@check(
    "IN-01-client",
    title="A client cannot ask about another client's tokens",
    sends="a client's introspection request about another client's token",
    fix="Let resource servers alone introspect, and each only tokens of its audience.",
    requirements=("FAPI2-MS-6.2-p2.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A5",),
    cwe="CWE-200",
    owasp="API1:2023",
)
def clients_cannot_ask(trial: Trial) -> Outcome:
    """What introspection tells is for the resource server that got the token: whose it is, and what it opens.

    A client that found another's token must not learn it (RFC 7662 section 4).
    """
    access = known_active(trial)
    deployment = trial.deployment
    stranger = deployment.party(1)
    if deployment.resource_servers == () and stranger is introspector(deployment):
        raise NotApplicable("the target file names no second client")
    attack = trial.attack("Another client asks", introspecting(deployment, stranger, access.token))
    return trial.judge(
        [attack],
        accepted=active,
        failure="A client learnt about another client's token.",
        success="Another client learnt nothing.",
    )


@check(
    "IN-01-audience",
    title="A resource server learns nothing about tokens for others",
    sends="a resource server's introspection request about a token for another audience",
    fix="Answer active: false where the token is not for the resource server that asks.",
    requirements=("FAPI2-MS-6.2-p2.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    cwe="CWE-200",
    owasp="API1:2023",
)
def resource_servers_see_their_own(trial: Trial) -> Outcome:
    """RFC 7662 section 4: a token that this resource server may not use is, to it, not active.

    Otherwise it would take a token that was meant for somebody else. The check obtains a token whose audience is
    another one, by a part of the scope, and asks about it.
    """
    deployment = trial.deployment
    known_active(trial)
    server = introspector(deployment)
    entry = server.entry
    identifier = entry.audience if isinstance(entry, ResourceServerEntry) else None
    trial.need(identifier, "the target file names no resource server with its audience")
    party = deployment.party()
    for scope in party.entry.scope.split():
        try:
            access = deployment.access(party, scope=scope)
        except Inconclusive:
            continue
        audience = audience_of(read_parts(access.token)[1])
        if audience and identifier not in audience:
            attack = trial.attack(
                f"A token for {' '.join(audience)}", introspecting(deployment, server, access.token)
            )
            return trial.judge(
                [attack],
                accepted=active,
                failure="A resource server was told that a token for somebody else is good.",
                success="A token for somebody else was not active.",
            )
    raise NotApplicable("no token for another audience could be obtained")


@check(
    "IN-01-replay",
    title="A resource server's assertion works once",
    sends="an introspection request twice, with one assertion",
    fix="Remember used assertions at the introspection endpoint as at every other.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def assertion_asks_once(trial: Trial) -> Outcome:
    """An assertion that somebody finds in a log of the resource server would tell them whose each token is.

    OpenID Connect Core section 9: an assertion is used once, wherever it authenticates.
    """
    access = known_active(trial)
    deployment = trial.deployment
    server = introspector(deployment)
    trial.need(
        server.entry.authentication == "private_key_jwt", "the resource server does not sign assertions"
    )
    request = introspecting(deployment, server, access.token)
    trial.control("An assertion for the first time", deployment.wire.send(request), good=active)
    attack = trial.attack("The same assertion again", request)
    return trial.judge(
        [attack],
        accepted=active,
        failure="An assertion asked about tokens a second time.",
        success="The assertion was refused the second time.",
    )


@check(
    "IN-02",
    title="What is no token is not active",
    sends="introspection requests about changed, unsigned and invented tokens",
    fix="Verify the token as its issuer before it is called active.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def forged_tokens_are_not_active(trial: Trial) -> Outcome:
    """A resource server that asks believes the answer; a forged token that is called active opens everything behind it."""
    access = known_active(trial)
    token = access.token
    last = "A" if token[-10] != "A" else "B"
    forged = {
        "An invented token": trial.deployment.entropy.token(),
        "A changed character": f"{token[:-10]}{last}{token[-9:]}",
    }
    if read_parts(token)[1]:
        forged["No signature"] = without_signature(token)
        forged["Another subject under the old signature"] = with_claims(token, sub="somebody-else")
    attacks = [
        trial.attack(label, introspecting(trial.deployment, introspector(trial.deployment), value))
        for label, value in forged.items()
    ]
    return trial.judge(
        attacks,
        accepted=active,
        failure="Introspection calls a token good that was never issued.",
        success="Tokens that were never issued are not active.",
    )


@check(
    "IN-02-silent",
    title="Of a token that is not active nothing is told",
    sends="introspection requests about a token that was never issued",
    fix='Answer {"active": false} and nothing else, with the status 200.',
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-203",
)
def inactive_says_nothing(trial: Trial) -> Outcome:
    """RFC 7662 section 2.2: neither why it is not active nor anything else; that would help whoever tries tokens out."""
    access = known_active(trial)
    deployment = trial.deployment
    candidates = [deployment.entropy.token()]
    if read_parts(access.token)[1]:
        candidates.append(with_claims(access.token, sub="somebody-else"))
    for token in candidates:
        answer = trial.observe("A token that was never issued", introspect(deployment, token))
        trial.need_clear([answer])
        told = set(answer.document()) - {"active"}
        if answer.status != 200:  # noqa: PLR2004  # RFC 7662 section 2.2
            return failed(
                f"A token that is not active is answered with {answer.status}, not with active: false."
            )
        if told:
            return failed(f"Of a token that is not active the answer tells {', '.join(sorted(told))}.")
    return passed("Only active: false is told.")


@check(
    "IN-02-other-kind",
    title="An ID token is not an active access token",
    sends="introspection requests about an ID token and a client assertion",
    fix="Answer active: true for access tokens (and refresh tokens) alone.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-843",
    owasp="API2:2023",
)
def other_tokens_are_not_active(trial: Trial) -> Outcome:
    """An ID token is shown to browsers and logs; a resource server that is told it is good serves whoever has it."""
    access = known_active(trial)
    deployment = trial.deployment
    tokens = {"The ID token": access.id_token}
    if access.party.key is not None:
        tokens["A client assertion"] = access.party.assertion()
    attacks = [
        trial.attack(label, introspecting(deployment, introspector(deployment), token))
        for label, token in tokens.items()
        if token
    ]
    trial.need(attacks, "there is no other token than access tokens")
    return trial.judge(
        attacks,
        accepted=active,
        failure="Introspection calls something active that is no access token.",
        success="Other tokens are not active.",
    )


@check(
    "IN-02-revoked",
    title="A revoked token is not active",
    sends="the revocation of a token of its own, then an introspection request",
    fix="Look at the state of token and grant with each introspection.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,
)
def revoked_is_not_active(trial: Trial) -> Outcome:
    """Introspection is asked because it knows what the token cannot: that it was taken back (RFC 7662 section 4)."""
    known_active(trial)
    deployment = trial.deployment
    access = deployment.fresh_access(client_that(trial, revokes, lacking="no client can revoke its tokens"))
    asker = introspector(deployment, access.party)
    trial.control("A token before its revocation", introspect(deployment, access.token, asker), good=active)
    url = deployment.plan(access.party).endpoint("revocation_endpoint", access.party)
    revoked = deployment.wire.send(
        access.party.authenticate(
            form_request(url, ("token", access.token), ("token_type_hint", "access_token"))
        )
    )
    trial.need(
        revoked.text("error") != "unsupported_token_type",
        "the server says that it cannot revoke access tokens",
    )
    trial.control("Its revocation", revoked)
    attack = trial.attack(
        "The token after its revocation",
        introspecting(deployment, asker, access.token),
    )
    return trial.judge(
        [attack],
        accepted=active,
        failure="A revoked token is called active.",
        success="A revoked token is not active.",
    )


@check(
    "IN-05",
    title="Introspection tells the resource server what it must check",
    sends="an introspection request about a good token",
    fix="Answer with exp, scope, client_id, aud, sub and, for bound tokens, cnf.",
    requirements=("RFC9449-6.2-p3", "RFC9396-9.2-p1.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-345",
)
def answer_is_enough(trial: Trial) -> Outcome:
    """What the answer lacks, the resource server cannot hold the request to; ``cnf`` above all.

    RFC 9449 section 6.2 and RFC 8705 section 3.2 have the key's thumbprint in the answer about a bound token.
    """
    access = known_active(trial)
    told = trial.evidence[-1].exchange.document()
    claims = read_parts(access.token)[1]
    if access.scheme == "DPoP":
        if not isinstance(told.get("cnf"), dict):
            return failed("The answer about a bound token does not say what it is bound to.")
        if claims.get("cnf") is not None and claims.get("cnf") != told.get("cnf"):
            return failed("The answer names another key than the token.")
        if str(told.get("token_type", "DPoP")).lower() != "dpop":
            return failed(f"The token_type of a DPoP-bound token is {told.get('token_type')}.")
    # RFC 7662 section 2.2 demands none of them; what the token itself says is what its introspection must not hide.
    expected = ("exp", "client_id", "scope", "aud", "sub")
    missing = [name for name in expected if name in claims and name not in told]
    if missing:
        return failed(f"The answer lacks {', '.join(missing)}.")
    return passed("The answer says what the token is for and what it is bound to.")


@check(
    "IN-03",
    title="A signed introspection answer is signed for whoever asked",
    sends="an introspection request that accepts a signed answer",
    fix="Sign the answer with an asymmetric key, with iss, aud of the resource server and iat (RFC 9701).",
    requirements=("FAPI2-MS-5.5.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-347",
)
def signed_answer(trial: Trial) -> Outcome:
    """A signed answer proves later what the server said; one for anybody, or of type JWT, passes for another token."""
    deployment = trial.deployment
    trial.need(
        deployment.discovery.list("introspection_signing_alg_values_supported"),
        "the server offers no signed introspection answers",
    )
    access = known_active(trial)
    server = introspector(deployment)
    request = introspecting(deployment, server, access.token).with_header("accept", SIGNED)
    answer = trial.observe("A signed answer", deployment.wire.send(request))
    header, claims = read_parts(answer.page().strip())
    if not header:
        raise Inconclusive(f"the answer is no JWT: {answer.status}")
    wrong = []
    if str(header.get("alg")).lower() == "none" or str(header.get("alg")).startswith("HS"):
        wrong.append(f"it is signed with {header.get('alg')}")
    if header.get("typ") != "token-introspection+jwt":
        wrong.append(f"its typ is {header.get('typ')}")
    if claims.get("iss") != deployment.discovery.issuer:
        wrong.append("its iss is not the issuer")
    if server.client_id not in audience_of(claims) and not audience_of(claims):
        wrong.append("it has no aud")
    return (
        failed(f"Of the signed answer {'; '.join(wrong)}.")
        if wrong
        else passed("The answer is signed for who asked.")
    )
