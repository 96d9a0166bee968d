"""Pushed authorization requests: who may push one, and that nothing gets around pushing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.audit.asking import Reply, good_request, judge_replies, open_and_finish
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed
from trustweft.audit.forging import forge
from trustweft.audit.parties import assertion_parameters, basic
from trustweft.audit.verdict import Role, Severity, Verdict
from trustweft.crypto.keys import generate_private_key

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.flow import Flow
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

_CREDENTIALS = ("client_assertion", "client_assertion_type", "client_secret")


def pushed(exchange: Exchange) -> bool:
    """Tell whether an answer hands out a request URI: the oracle of all checks of this endpoint."""
    return exchange.ok and bool(exchange.text("request_uri"))


def pushing_flow(trial: Trial) -> Flow:
    """Return a flow of the first client at a server that takes pushed requests.

    Raises:
        NotApplicable: it does not.
    """
    flow = trial.deployment.flow()
    trial.need(flow.plan.pushes, "the server takes no pushed authorization requests")
    return flow


def control_push(trial: Trial) -> None:
    """Keep as control that a good request can be pushed."""
    trial.control("A good pushed request", pushing_flow(trial).push(), good=pushed)


def _confidential(trial: Trial, flow: Flow) -> Party:
    trial.need(flow.party.entry.authentication != "none", "the client is public and has nothing to prove")
    return flow.party


@check(
    "PAR-01-none",
    title="Nobody pushes a request in a client's name without its credentials",
    sends="a pushed request with the client's identifier and no authentication",
    fix="Authenticate the client at the endpoint for pushed requests as at the token endpoint.",
    requirements=("FAPI2-SP-5.3.2.2-4", "RFC9126-2.1-1", "RFC9101-10.2-4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def pushing_needs_credentials(trial: Trial) -> Outcome:
    """A pushed request is trusted because its client proved who it is (RFC 9126 section 2.1).

    The check pushes a good request without any proof. Where that works, anybody can prepare requests that users will
    take for the client's, and PAR protects no more than a link would.
    """
    flow = pushing_flow(trial)
    party = _confidential(trial, flow)
    control_push(trial)
    bare = flow.pushed_request().without_parameters(*_CREDENTIALS).with_header("authorization", None)
    bare = replace(bare.with_parameters(("client_id", party.client_id)), certificate=None)
    return trial.judge(
        [trial.attack("The same without authentication", bare)],
        accepted=pushed,
        failure="A request was pushed in the client's name without its credentials.",
        success="A pushed request without authentication was refused.",
    )


@check(
    "PAR-01-wrong",
    title="Wrong credentials push no request",
    sends="a pushed request with an assertion of a foreign key, or with a wrong secret",
    fix="Verify the client's assertion with its registered key, or compare its secret, before anything else.",
    requirements=("FAPI2-SP-5.3.2.2-4", "FAPI2-SP-5.3.2.1-6", "RFC9126-2.1-1", "RFC9101-10.2-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def wrong_credentials_push_nothing(trial: Trial) -> Outcome:
    """Credentials that are there but wrong must count as none (RFC 9126 section 2.1).

    The check signs the assertion with a key that nobody registered, or sends another secret; all else is good.
    """
    flow = pushing_flow(trial)
    party = _confidential(trial, flow)
    control_push(trial)
    attack = _with_wrong_credentials(party, flow.pushed_request())
    return trial.judge(
        [trial.attack("The same with wrong credentials", attack)],
        accepted=pushed,
        failure="A request was pushed with wrong credentials.",
        success="A pushed request with wrong credentials was refused.",
    )


def _with_wrong_credentials(party: Party, request: Request) -> Request:
    match party.entry.authentication:
        case "private_key_jwt" if party.key is not None:
            algorithm = party.algorithm if party.algorithm in ("ES256", "PS256") else "ES256"
            key = generate_private_key(algorithm)
            header = {**party.assertion_header(), "alg": algorithm}
            forged = forge(header, party.assertion_claims(), key=key)
            return request.with_parameters(*assertion_parameters(forged))
        case "client_secret_basic":
            return request.with_header("authorization", basic(party.client_id, party.entropy.token()))
        case "client_secret_post":
            return request.with_parameters(("client_secret", party.entropy.token()))
    raise NotApplicable(
        "what this client authenticates with is forged by the checks of client authentication"
    )


@check(
    "PAR-01-other",
    title="A pushed request names the client that authenticated",
    sends="a pushed request of one client with the client_id of another",
    fix="Compare the client_id of the request with the client that authenticated.",
    requirements=("RFC9126-2.1-1", "RFC9101-10.7-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-863",
    owasp="API2:2023",
)
def pushed_client_is_the_authenticated_one(trial: Trial) -> Outcome:
    """Who authenticates and who is named must be one and the same (RFC 9126 section 2.1).

    RFC 7521 section 4.2: the client_id names the same client as the assertion. Where both count, a client that turned
    bad lets users agree to what another, trusted client seems to ask.
    """
    flow = pushing_flow(trial)
    _confidential(trial, flow)
    stranger = trial.deployment.party(1)
    control_push(trial)
    attack = flow.pushed_request().with_parameters(("client_id", stranger.client_id))
    return trial.judge(
        [trial.attack("The same with another client's identifier", attack)],
        accepted=pushed,
        failure="A client pushed a request in another client's name.",
        success="A pushed request in another client's name was refused.",
    )


@check(
    "PAR-02",
    title="An authorization request that was not pushed is refused",
    sends="a whole authorization request through the browser",
    fix="Refuse every authorization request without a request_uri of yours.",
    requirements=("FAPI2-SP-5.3.2.2-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1", "A1a"),
    cwe="CWE-345",
    owasp="API8:2023",
    gives=("login-forced",),
)
def requests_must_be_pushed(trial: Trial) -> Outcome:
    """Whoever can write a link can write an authorization request, unless requests must be pushed.

    The check sends a good request through the browser as plain OAuth does. Where a code comes of it, parameters that
    no client vouched for decide what the user agrees to.
    """
    deployment = trial.deployment
    flow = pushing_flow(trial)
    demanded = deployment.claims_fapi or deployment.discovery.flag("require_pushed_authorization_requests")
    trial.need(demanded, "the server does not say that requests must be pushed")
    good_request(trial)
    reply = open_and_finish(flow, flow.authorization_url(), deployment.user())
    return judge_replies(
        trial,
        [("The parameters through the browser, not pushed", reply)],
        failure="A request that was not pushed led to a code.",
        success="A request that was not pushed was refused.",
    )


@check(
    "PAR-05",
    title="A request URI works only with the client that pushed it",
    sends="a request_uri of one client with the client_id of another",
    fix="Tie each request URI to the client that pushed the request, and compare.",
    requirements=("RFC9126-2.2-p3", "RFC9101-10.2-4", "RFC9101-6.3-p1.3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1", "A4"),
    fapi_attackers=("A1", "A3a"),
    cwe="CWE-863",
    owasp="API8:2023",
)
def request_uri_belongs_to_client(trial: Trial) -> Outcome:
    """A request URI names a request of one client; with another's identifier it means nothing (RFC 9126 2.2).

    Where it works, two readers of one request disagree about whose it is, which is how responses get mixed up.
    """
    deployment = trial.deployment
    flow = pushing_flow(trial)
    stranger = deployment.party(1)
    good_request(trial)
    # What both may ask for, so that it is not refused for its scope.
    common = [each for each in flow.party.entry.scope.split() if each in stranger.entry.scope.split()]
    flow.with_parameters({"scope": " ".join(common) or flow.party.entry.scope})
    answer = flow.push()
    request_uri = flow.plan.expect(answer, "request_uri", "the pushed authorization request")
    url = flow.authorization_url({"client_id": stranger.client_id, "request_uri": request_uri})
    return judge_replies(
        trial,
        [("The request URI with another client's identifier", open_and_finish(flow, url, deployment.user()))],
        failure="A request URI worked with another client's identifier.",
        success="A request URI with another client's identifier was refused.",
    )


@check(
    "PAR-07",
    title="A pushed request does not point at another request",
    sends="a pushed request with a request_uri in it",
    fix="Refuse the parameter request_uri in pushed requests.",
    requirements=("RFC9126-2.1-2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-436",
    owasp="API8:2023",
)
def no_request_uri_is_pushed(trial: Trial) -> Outcome:
    """RFC 9126 section 2.1 forbids it: it is unclear which request would count, and a foreign one might be fetched.

    The check pushes a good request that also names the request URI of another good one.
    """
    other = pushing_flow(trial)
    earlier = trial.control("A good pushed request", other.push(), good=pushed)
    flow = pushing_flow(trial)
    attack = flow.pushed_request().with_parameters(("request_uri", earlier.text("request_uri")))
    return trial.judge(
        [trial.attack("A pushed request that names another one", attack)],
        accepted=pushed,
        failure="A pushed request with a request_uri in it was taken.",
        success="A pushed request with a request_uri in it was refused.",
    )


@check(
    "PAR-13",
    title="What stands beside a request URI counts for nothing",
    sends="a pushed request, opened with another state, redirect URI, scope and response mode in the address",
    fix="Read client_id and request_uri from the address, and nothing else.",
    requirements=("RFC9101-6.3-p1.2", "RFC9101-5-p6.2", "RFC9101-10.7-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1", "A3a"),
    cwe="CWE-472",
    owasp="API8:2023",
    gives=("login-forced",),
)
def pushed_parameters_count(trial: Trial) -> Outcome:
    """The request was pushed so that nobody can change it on its way through the browser (RFC 9101 section 6.3).

    The check adds one parameter after the other to the address, so that the refusal of one hides no other, and looks at
    what the client gets back. Refusing is as good.
    """
    good_request(trial)
    foreign = {
        "state": trial.deployment.entropy.token(),
        "redirect_uri": "https://attacker.example/callback",
        "response_mode": "fragment",
        "response_type": "token",
    }
    replies = [
        (
            f"The request URI with another {name} beside it",
            _opened_with(trial, pushing_flow(trial), name, value),
        )
        for name, value in foreign.items()
    ]
    outcome = judge_replies(
        trial,
        replies,
        accepted=lambda each: (
            each.parameter("state") == foreign["state"]
            or bool(each.parameter("access_token"))
            or (each.callback is not None and each.callback.mode == "fragment")
            or each.decisive.location.startswith(foreign["redirect_uri"])
        ),
        failure="Parameters of the address counted for more than those that were pushed.",
        success="Parameters beside the request URI changed nothing, or were refused.",
    )
    if outcome.verdict is Verdict.PASS and _scope_is_widened(trial):
        return failed("A wider scope in the address counted for more than the one that was pushed.")
    return outcome


def _opened_with(trial: Trial, flow: Flow, name: str, value: str) -> Reply:
    """Open a pushed request with one parameter more in the address, and go on as the user does."""
    request_uri = flow.start_url().rpartition("request_uri=")[2]
    added = flow.authorization_url({"client_id": flow.party.client_id, name: value})
    return open_and_finish(flow, f"{added}&request_uri={request_uri}", trial.deployment.user())


def _scope_is_widened(trial: Trial) -> bool:
    """Say whether a token has more than was pushed, because the address asked for it.

    Some servers grant what is registered whatever is asked, or add what was agreed to earlier: what a narrow request
    gives alone does not count. Where the server refuses one, nothing is said.
    """
    deployment = trial.deployment
    entry = deployment.party().entry
    narrow, wide = entry.narrow_scope or (entry.scope.split() or [""])[0], entry.scope
    beyond = set(wide.split()) - set(narrow.split())
    if not beyond:
        return False
    try:
        beyond -= set(deployment.access(scope=narrow).scope.split())
        flow = deployment.flow(changes={"scope": narrow})
        reply = _opened_with(trial, flow, "scope", wide)
    except Inconclusive:
        return False
    if not reply.code:
        return False
    answer = trial.attack(
        "The token of a narrow request that was opened with a wide scope in the address",
        deployment.send_bound(flow.token_request(reply.code), flow.party),
    )
    return answer.issued and not beyond.isdisjoint(answer.text("scope").split())


def _takes_any_verifier(trial: Trial) -> bool:
    """Say whether a code is redeemed with the verifier of another flow, which no challenge at all can explain."""
    deployment = trial.deployment
    flow = pushing_flow(trial)
    code = deployment.code(flow)
    flow.verifier = pushing_flow(trial).verifier
    other = deployment.send_bound(flow.token_request(code), flow.party)
    return trial.observe("Another code with an unrelated verifier", other).issued


@check(
    "PAR-13-challenge",
    title="A challenge beside a request URI does not replace the pushed one",
    sends="a pushed request, opened with a code_challenge of the attacker's in the address; then the attacker's verifier",
    fix="Take the code_challenge from the pushed request only.",
    requirements=("RFC9101-6.3-p1.2", "RFC9700-4.8.2-p2", "RFC9700-4.8.2-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1", "A3"),
    fapi_attackers=("A1", "A3a"),
    cwe="CWE-472",
    owasp="API2:2023",
    gives=("stolen-code-usable",),
)
def pushed_challenge_counts(trial: Trial) -> Outcome:
    """PKCE ties a code to whoever began the flow; if a link can exchange the challenge, it ties it to the attacker.

    The check opens a pushed request with another challenge in the address, and redeems the code with that verifier.
    """
    deployment = trial.deployment
    flow = pushing_flow(trial)
    trial.need(flow.verifier, "the client does not use PKCE")
    good_request(trial)
    attacker = pushing_flow(trial)
    names = ("code_challenge", "code_challenge_method")
    added = {name: attacker.parameters[name] for name in names if name in attacker.parameters}
    request_uri = flow.start_url().rpartition("request_uri=")[2]
    url = f"{flow.authorization_url({'client_id': flow.party.client_id, **added})}&request_uri={request_uri}"
    reply = open_and_finish(flow, url, deployment.user())
    if not reply.code:
        return judge_replies(
            trial,
            [("The request URI with another challenge beside it", reply)],
            failure="",
            success="A challenge beside the request URI was refused.",
        )
    flow.verifier = attacker.verifier
    attack = deployment.send_bound(flow.token_request(reply.code), flow.party)
    if attack.issued and _takes_any_verifier(trial):
        raise NotApplicable("the server takes any verifier, whatever the challenge was: see TK-05")
    return trial.tokens_refused(
        [trial.attack("The code with the verifier of the challenge in the address", attack)],
        failure="A challenge in the address replaced the pushed one.",
        success="The challenge that was pushed counted.",
    )
