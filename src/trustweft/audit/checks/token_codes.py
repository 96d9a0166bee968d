"""What a code is tied to at the token endpoint: its one use, its redirect URI, and the verifier of its challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed
from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.redemption import redeem_changed, redeemed_as_it_should
from trustweft.audit.verdict import Role, Severity
from trustweft.protocol.pkce import create_verifier

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

RACERS: Final = 16
ROUNDS: Final = 3
ELSEWHERE: Final = "https://attacker.example/callback"


@check(
    "TK-01-ends-tokens",
    title="A code that is used again ends what it gave",
    sends="a code twice, then the refresh token that the first use gave",
    fix="When a code comes a second time, revoke the grant that its first use made.",
    requirements=("RFC9700-4.2.4-4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A3",),
    cwe="CWE-613",
    owasp="API2:2023",
)
def reuse_ends_tokens(trial: Trial) -> Outcome:
    """A code that comes twice was in two hands, and nobody knows whose use was the first.

    RFC 6749 section 4.1.2 therefore has the server revoke what the first use gave. The check redeems a code twice and
    then uses the refresh token of the first time; where there is none, it asks userinfo with the access token.
    """
    deployment = trial.deployment
    flow = deployment.flow()
    code = deployment.code(flow)
    access = deployment.redeem(flow, code)
    trial.control("The code redeemed by its client", access.answer, good=lambda each: each.issued)
    trial.observe("The same code again", deployment.send_bound(flow.token_request(code), flow.party))
    if access.refresh_token:
        after = trial.attack(
            "The refresh token of the first use",
            deployment.send_bound(deployment.refreshing(access), access.party),
        )
        alive = after.issued
    else:
        trial.need(access.id_token, "there is neither a refresh token nor userinfo to see it by")
        after = trial.attack("Userinfo with the token of the first use", _userinfo(trial, access))
        alive = after.ok
    if alive:
        return failed("What the code gave goes on working after its second use.")
    return passed("The second use of the code ended what the first gave.")


def _userinfo(trial: Trial, access: Access) -> Exchange:
    deployment = trial.deployment
    url = deployment.plan(access.party).endpoint("userinfo_endpoint", access.party)
    return deployment.send_call(deployment.using(Request(method="GET", url=url), access), access)


@check(
    "TK-02",
    title="Of many redemptions of one code at the same moment, one succeeds",
    sends="sixteen simultaneous requests with one code, three times",
    fix="Mark the code as used in the same statement that looks it up, so that one of all requests wins.",
    requirements=("FAPI2-SP-5.3.2.2-9",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A3",),
    cwe="CWE-362",
    owasp="API2:2023",
    gives=("spent-code-usable",),
)
def one_redemption_wins(trial: Trial) -> Outcome:
    """Looking a code up and marking it as used are two steps unless somebody made them one.

    Between them a second request is taken for the first. The check sends one code in sixteen requests at once, each
    with its own assertion and proof, and counts the tokens. It does so with three codes: whoever wins a race once may
    have been lucky, and from the second on no request waits for its connection.
    """
    deployment = trial.deployment
    redeemed_as_it_should(trial)
    for _ in range(ROUNDS):
        flow = deployment.flow()
        code = deployment.code(flow)
        results = deployment.wire.race([flow.token_request(code) for _ in range(RACERS)])
        answers = [each for each in results if isinstance(each, Exchange)]
        for each in answers:
            trial.attack("One of the simultaneous redemptions", each)
        tokens = {each.text("access_token") for each in answers if each.issued}
        if len(tokens) > 1:
            return failed(f"One code gave {len(tokens)} tokens in {RACERS} simultaneous requests.")
        trial.need_clear(answers)
    return passed(
        f"Of {RACERS} simultaneous redemptions of one code at most one gave a token, {ROUNDS} times."
    )


@check(
    "TK-04",
    title="A code is redeemed with the redirect URI of its request",
    sends="a code with another redirect_uri",
    fix="Compare redirect_uri at the token endpoint, as a string, with that of the authorization request.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-345",
)
def code_belongs_to_redirect_uri(trial: Trial) -> Outcome:
    """A code that was sent to a stranger's address must not be worth anything at the client's.

    RFC 6749 section 4.1.3 has the server compare the redirect URI of both requests. The check redeems a fresh code
    with another path, and with another host.
    """
    redeemed_as_it_should(trial)
    attacks = [
        redeem_changed(
            trial,
            "redirect_uri with another path",
            lambda flow, request: request.with_parameters(
                ("redirect_uri", f"{flow.parameters['redirect_uri']}/other")
            ),
        ),
        redeem_changed(
            trial,
            "redirect_uri with another host",
            lambda _flow, request: request.with_parameters(("redirect_uri", ELSEWHERE)),
        ),
    ]
    return trial.tokens_refused(
        attacks,
        failure="A code was redeemed with another redirect_uri than that of its request.",
        success="Codes were refused with another redirect_uri.",
    )


@check(
    "TK-04-missing",
    title="A code whose request had a redirect URI is not redeemed without",
    sends="a code without redirect_uri",
    fix="Where the authorization request had a redirect_uri, demand the same at the token endpoint.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-345",
)
def redirect_uri_is_demanded(trial: Trial) -> Outcome:
    """A comparison that is left out with its parameter is none (RFC 6749 section 4.1.3).

    PKCE protects against the same attack and better, so that this is of weight where PKCE can be left out as well.
    """
    redeemed_as_it_should(trial)
    attack = redeem_changed(
        trial, "No redirect_uri", lambda _flow, request: request.without_parameters("redirect_uri")
    )
    return trial.tokens_refused(
        [attack],
        failure="A code was redeemed without the redirect_uri of its request.",
        success="The code was refused without redirect_uri.",
    )


@check(
    "TK-05",
    title="A code is redeemed only with the verifier of its own session",
    sends="a code with the verifier of another session, and with its last character changed",
    fix="Compute the challenge from code_verifier and compare it with that of the authorization request.",
    requirements=("RFC9700-2.1.1-p5", "RFC9700-2.1.1-p6", "RFC9700-4.8.2-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("stolen-code-usable",),
)
def verifier_belongs_to_code(trial: Trial) -> Outcome:
    """A stolen code that is slipped into somebody's own session comes with that session's verifier.

    RFC 7636 section 4.6 has the server compare it with the challenge that came when the code was asked for; RFC 9700
    section 4.5.3.1 relies on it against code injection.
    """
    deployment = trial.deployment
    trial.need(deployment.plan(deployment.party()).pkce, "the server does not know the method S256")
    redeemed_as_it_should(trial)
    other = create_verifier(deployment.entropy)

    def almost(verifier: str) -> str:
        return verifier[:-1] + ("A" if verifier[-1] != "A" else "B")

    attacks = [
        redeem_changed(
            trial,
            "The verifier of another session",
            lambda _flow, request: request.with_parameters(("code_verifier", other)),
        ),
        redeem_changed(
            trial,
            "The verifier with another last character",
            lambda flow, request: request.with_parameters(("code_verifier", almost(flow.verifier))),
        ),
    ]
    return trial.tokens_refused(
        attacks,
        failure="A code was redeemed with a verifier that is not that of its challenge.",
        success="Codes were refused with wrong verifiers.",
    )


@check(
    "TK-05-missing-verifier",
    title="A code whose request had a challenge is not redeemed without a verifier",
    sends="a code without code_verifier, and with an empty one",
    fix="Demand code_verifier whenever the authorization request had a code_challenge.",
    requirements=("RFC9700-2.1.1-p6", "RFC9700-4.8.2-1", "RFC9700-4.8.2-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    cwe="CWE-757",
    owasp="API2:2023",
    gives=("stolen-code-usable",),
)
def verifier_is_demanded(trial: Trial) -> Outcome:
    """A check that only happens if its parameter comes is switched off by whoever leaves the parameter out.

    RFC 9700 section 4.8.2: where there was a challenge, a verifier must come. The check leaves it out, and sends an
    empty one, which counts as left out (RFC 6749 section 3.2).
    """
    deployment = trial.deployment
    trial.need(deployment.plan(deployment.party()).pkce, "the server does not know the method S256")
    redeemed_as_it_should(trial)
    attacks = [
        redeem_changed(
            trial,
            "No code_verifier",
            lambda _flow, request: request.without_parameters("code_verifier"),
        ),
        redeem_changed(
            trial,
            "An empty code_verifier",
            lambda _flow, request: request.with_parameters(("code_verifier", "")),
        ),
    ]
    return trial.tokens_refused(
        attacks,
        failure="A code was redeemed without the verifier of its challenge.",
        success="Codes were refused without a verifier.",
    )


@check(
    "TK-05-plain",
    title="The challenge itself is no verifier where the method is S256",
    sends="a code with its S256 challenge as code_verifier",
    fix="Hash the verifier as the method of the authorization request says, and with no other method.",
    requirements=("RFC9700-2.1.1-p6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A3", "A4"),
    cwe="CWE-757",
    gives=("stolen-code-usable",),
)
def challenge_is_no_verifier(trial: Trial) -> Outcome:
    """Whoever saw the authorization request knows the challenge.

    A server that also compares it as it stands (the method ``plain``) lets them redeem the code (RFC 7636 section
    7.2). The check sends a challenge of S256 and then the same string as the verifier.
    """
    deployment = trial.deployment
    trial.need(deployment.plan(deployment.party()).pkce, "the server does not know the method S256")
    redeemed_as_it_should(trial)
    attack = redeem_changed(
        trial,
        "The challenge as verifier",
        lambda flow, request: request.with_parameters(("code_verifier", flow.parameters["code_challenge"])),
    )
    return trial.tokens_refused(
        [attack],
        failure="The S256 challenge was taken for the verifier.",
        success="The challenge was refused as a verifier.",
    )


@check(
    "TK-06",
    title="A verifier is refused where no challenge was sent",
    sends="a code that was asked for without a challenge, with a code_verifier",
    fix="Refuse a token request with code_verifier if the authorization request had no code_challenge.",
    requirements=("RFC9700-2.1.1-p7", "RFC9700-4.8.2-p5"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-757",
    gives=("login-forced",),
)
def verifier_without_challenge(trial: Trial) -> Outcome:
    """An attacker who takes the challenge out of a victim's request gets a code that any verifier fits.

    The client notices nothing: it sends its verifier, and a server that ignores it gives the tokens (RFC 9700 section
    4.8.2). A server that refuses requests without a challenge has closed this already.
    """
    deployment = trial.deployment
    trial.need(deployment.plan(deployment.party()).pkce, "the server does not know the method S256")
    redeemed_as_it_should(trial)
    flow = deployment.flow(changes={"code_challenge": None, "code_challenge_method": None})
    if deployment.plan(flow.party).pushes:
        pushed = trial.attack("A pushed request without a challenge", flow.push())
        if pushed.refused:
            return passed("Requests without a challenge are refused.")
    visit = flow.log_in(deployment.user())
    if not visit.code:
        trial.attack("An authorization request without a challenge", visit.last)
        trial.need_clear([visit.last])
        return passed("Requests without a challenge give no code.")
    attack = trial.attack(
        "A verifier for a code without a challenge",
        deployment.send_bound(flow.token_request(visit.code), flow.party),
    )
    return trial.tokens_refused(
        [attack],
        failure="A verifier was ignored whose request had no challenge.",
        success="The verifier was refused.",
    )
