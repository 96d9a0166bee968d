"""What an authorization request must say, and may not: response type, PKCE, redirect URI, scope, prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import Reply, ask, good_request, judge_replies, reply_of
from trustweft.audit.check import check, failed, passed
from trustweft.audit.interaction import asks_for_credentials
from trustweft.audit.verdict import Reach, Role, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_INVENTED: Final = "trustweft-check-no-such-scope"
_OLDER: Final = 3.0  # seconds that a login is old, for a max_age of one


def _variations(trial: Trial, *changes: Mapping[str, str | None]) -> list[tuple[str, Reply]]:
    """Make a request with each of the changes, in a browser of its own, and return what came of it."""
    deployment = trial.deployment
    attempts = []
    for each in changes:
        label = ", ".join(f"{name}={value}" if value else f"no {name}" for name, value in each.items())
        attempts.append((label, ask(deployment.flow(changes=each), deployment.user())))
    return attempts


def _in_the_address(reply: Reply) -> bool:
    return bool(reply.parameter("access_token") or reply.parameter("id_token"))


@check(
    "AZ-02",
    title="A request without a redirect URI is refused",
    sends="an authorization request without redirect_uri",
    fix="Demand redirect_uri in every request, also where a client has registered one only.",
    requirements=("FAPI2-SP-5.3.2.2-6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-20",
    owasp="API8:2023",
)
def redirect_uri_is_demanded(trial: Trial) -> Outcome:
    """A default is a second source for where the response goes; FAPI 2.0 wants it said in each request."""
    trial.need(
        trial.deployment.claims_fapi, "the server does not claim FAPI; RFC 6749 lets it take a default"
    )
    good_request(trial)
    return judge_replies(
        trial,
        _variations(trial, {"redirect_uri": None}),
        failure="A request without redirect_uri led to a code.",
        success="A request without redirect_uri was refused.",
    )


@check(
    "AZ-03-token",
    title="No access token comes through the browser",
    sends="authorization requests with the response types token, code token and id_token token",
    fix="Refuse every response type with token in it.",
    requirements=("FAPI2-SP-5.3.2.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1", "A3"),
    fapi_attackers=("A1", "A3b"),
    cwe="CWE-598",
    owasp="API2:2023",
    gives=("token-leaks",),
)
def no_token_in_the_address(trial: Trial) -> Outcome:
    """A token in an address stays in histories, leaks to scripts, and is bound to nobody (RFC 9700 section 2.1.2).

    The check asks for it with a client that is there for codes.
    """
    good_request(trial)
    types = ("token", "code token", "id_token token", "code id_token token")
    return judge_replies(
        trial,
        _variations(trial, *({"response_type": each} for each in types)),
        accepted=lambda reply: bool(reply.parameter("access_token")),
        failure="An access token came through the browser.",
        success="Response types with token in them were refused.",
    )


@check(
    "AZ-03-id-token",
    title="No ID token comes through the browser",
    sends="authorization requests with the response types id_token and code id_token",
    fix="Refuse every response type but code.",
    requirements=("FAPI2-SP-5.3.2.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    fapi_attackers=("A3b",),
    cwe="CWE-598",
    owasp="API8:2023",
)
def no_id_token_in_the_address(trial: Trial) -> Outcome:
    """An ID token tells who somebody is; in an address it tells everybody who reads along. FAPI 2.0 permits code alone."""
    trial.need(trial.deployment.claims_fapi, "the server does not claim FAPI, which permits code alone")
    good_request(trial)
    return judge_replies(
        trial,
        _variations(trial, {"response_type": "id_token"}, {"response_type": "code id_token"}),
        accepted=_in_the_address,
        failure="An ID token came through the browser.",
        success="Response types with id_token in them were refused.",
    )


@check(
    "AZ-03-unknown",
    title="A response type that nobody knows is refused",
    sends="authorization requests with an unknown response type and without one",
    fix="Compare response_type with those that you serve, and answer others with unsupported_response_type.",
    requirements=("FAPI2-SP-5.3.2.2-1", "RFC9126-2.1-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-20",
    owasp="API8:2023",
)
def unknown_response_types_are_refused(trial: Trial) -> Outcome:
    """RFC 6749 section 3.1.1: what is missing or not understood is answered with an error, not with a guess."""
    good_request(trial)
    return judge_replies(
        trial,
        _variations(trial, {"response_type": "trustweft"}, {"response_type": None}),
        failure="A request without a known response type led to a code.",
        success="Requests without a known response type were refused.",
    )


@check(
    "PAR-12-missing",
    title="A request without a PKCE challenge is refused",
    sends="an authorization request without code_challenge",
    fix="Demand code_challenge in every request.",
    requirements=("FAPI2-SP-5.3.2.2-5", "RFC9700-4.8.2-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A1", "A3"),
    fapi_attackers=("A1", "A3b"),
    cwe="CWE-345",
    owasp="API2:2023",
)
def challenge_is_demanded(trial: Trial) -> Outcome:
    """Without a challenge a code is tied to the client alone, and an attacker can inject a stolen one there."""
    good_request(trial)
    return judge_replies(
        trial,
        _variations(trial, {"code_challenge": None, "code_challenge_method": None}),
        failure="A request without a challenge led to a code.",
        success="A request without a challenge was refused.",
    )


@check(
    "PAR-12-plain",
    title="A request with a PKCE method other than S256 is refused",
    sends="authorization requests with code_challenge_method plain, none at all, and S512",
    fix="Accept S256 alone; a missing method means plain.",
    requirements=("FAPI2-SP-5.3.2.2-5",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A4",),
    fapi_attackers=("A3a",),
    cwe="CWE-757",
    owasp="API2:2023",
)
def only_s256_is_taken(trial: Trial) -> Outcome:
    """With plain, whoever reads the request has the verifier. RFC 7636 section 4.3: no method means plain."""
    trial.need(trial.deployment.flow().verifier, "the client does not use PKCE")
    good_request(trial)
    outcome = judge_replies(
        trial,
        _variations(trial, {"code_challenge_method": "plain"}, {"code_challenge_method": "S512"}),
        failure="A request with another method than S256 led to a code.",
        success="Requests with other methods than S256 were refused.",
    )
    if outcome.verdict is Verdict.PASS and _missing_method_is_plain(trial):
        return failed("A request without a method is taken for plain: its challenge redeemed the code.")
    return outcome


def _missing_method_is_plain(trial: Trial) -> bool:
    """Say whether the challenge of a request that names no method is its verifier; S256 may be what is meant."""
    deployment = trial.deployment
    flow = deployment.flow()
    flow.with_parameters({"code_challenge_method": None})
    reply = ask(flow, deployment.user())
    trial.attack("A request that names no method", reply.decisive)
    if not reply.code:
        return False
    flow.verifier = flow.parameters["code_challenge"]
    answer = deployment.send_bound(flow.token_request(reply.code), flow.party)
    return trial.attack("Its code, with the challenge itself as the verifier", answer).issued


@check(
    "AZ-15-scope",
    title="Nothing is granted beyond what the client is registered for",
    sends="an authorization request with a scope that does not exist beside a good one",
    fix="Refuse scopes that are unknown or not registered for the client, or leave them out and say so.",
    requirements=("RFC9126-2.1-3", "FAPI2-SP-5.3.2.1-14", "RFC9700-2.3-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-269",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def unknown_scope_is_not_granted(trial: Trial) -> Outcome:
    """Scopes that pass through unread mean whatever a resource server takes them for.

    The check adds a scope that nobody defined. It is granted if the token says so, or if the token response does not
    speak of scope, which means "as you asked" (RFC 6749 section 5.1).
    """
    deployment = trial.deployment
    good_request(trial)
    flow = deployment.flow()
    flow.with_parameters({"scope": f"{flow.parameters.get('scope', '')} {_INVENTED}".strip()})
    reply = ask(flow, deployment.user())
    if not reply.code:
        return judge_replies(
            trial,
            [("A scope that does not exist", reply)],
            failure="",
            success="A scope that does not exist was refused.",
        )
    answer = trial.attack(
        "The token of a request with a scope that does not exist",
        deployment.send_bound(flow.token_request(reply.code), flow.party),
    )
    if answer.issued and _INVENTED in (answer.text("scope") or flow.parameters["scope"]).split():
        return failed("A scope that does not exist was granted.")
    return passed("A scope that does not exist was left out of what was granted.")


@check(
    "AZ-20-none",
    title="A silent request does not get a code from somebody who is not logged in",
    sends="an authorization request with prompt=none in a fresh browser",
    fix="Answer prompt=none with login_required where nobody is logged in, and show no page.",
    requirements=("RFC9126-2.1-3", "RFC9126-4-p3.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-287",
    owasp="API8:2023",
)
def silent_request_shows_nothing(trial: Trial) -> Outcome:
    """OpenID Connect Core 3.1.2.1: with prompt=none no page is shown, and who is not logged in gets an error.

    Whoever shows a login to a hidden frame trains people, and frames, to log in.
    """
    deployment = trial.deployment
    trial.need(deployment.flow().plan.nonce, "the client does not use OpenID Connect, which defines prompt")
    good_request(trial)
    return judge_replies(
        trial,
        _variations(trial, {"prompt": "none"}),
        failure="A silent request was answered with a login page, and then with a code.",
        success="A silent request got no code and no login page.",
    )


@check(
    "AZ-20-again",
    title="Who must log in again is not let in by an old session",
    sends="authorization requests with prompt=login and max_age in a browser that is logged in",
    fix="Ask for credentials again where prompt=login comes, or the login is older than max_age.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-613",
    owasp="API2:2023",
)
def old_sessions_do_not_do(trial: Trial) -> Outcome:
    """A client asks so before something that matters; an old session proves who sat there once (OpenID Connect Core 3.1.2.1).

    The control is a request of the same browser without either, which goes through without a password. Where that asks
    for one, nobody stays logged in and there is nothing to try.
    """
    deployment = trial.deployment
    first = deployment.flow()
    trial.need(first.plan.nonce, "the client does not use OpenID Connect, which defines prompt and max_age")
    visit = first.log_in(deployment.user())
    trial.control("A login", visit.last, good=lambda _: bool(visit.code))

    def again(**changes: str) -> Reply:
        flow = deployment.flow(browser=first.browser, changes=changes)
        opened = flow.browser.open(flow.start_url())
        return reply_of(flow.browser.go_on(opened, deployment.user(), until=asks_for_credentials))

    stays = again()
    trial.observe("The same browser again", stays.decisive)
    trial.need(stays.code, "nobody stays logged in: every request asks for credentials")
    deployment.wait(_OLDER)
    return judge_replies(
        trial,
        [
            ("prompt=login", again(prompt="login")),
            (f"max_age=1 after {_OLDER:.0f} seconds", again(max_age="1")),
        ],
        failure="An old session was enough where the client asked for a new login.",
        success="Where the client asks for a new login, the session is not enough.",
    )
