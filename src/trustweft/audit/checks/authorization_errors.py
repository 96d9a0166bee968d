"""What the authorization endpoint does with requests that are wrong: it refuses them, breaks at none, redirects nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from trustweft.audit.asking import ask, good_request, judge_replies, open_and_finish
from trustweft.audit.check import check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_INVENTED: Final = "trustweft-check-no-such-scope"


@check(
    "AZ-21-twice",
    title="An authorization request with a parameter twice is refused",
    sends="addresses of the authorization endpoint with client_id, state or request_uri twice",
    fix="Refuse every request in which a parameter occurs twice.",
    requirements=("RFC9101-10.7-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-235",
    owasp="API8:2023",
)
def repeated_parameters_are_refused(trial: Trial) -> Outcome:
    """RFC 6749 section 3.1: parameters occur once. Of two, one reader takes the first and another the last."""
    deployment = trial.deployment
    good_request(trial)
    attempts = []
    for name in ("client_id", "request_uri") if deployment.flow().plan.pushes else ("client_id", "state"):
        flow = deployment.flow()
        other = f"urn:ietf:params:oauth:request_uri:{deployment.entropy.token()}"
        url = f"{flow.start_url()}&{urlencode({name: other})}"
        attempts.append((f"{name} twice", open_and_finish(flow, url, deployment.user())))
    return judge_replies(
        trial,
        attempts,
        failure="A request with a parameter twice led to a code.",
        success="Requests with a parameter twice were refused.",
    )


@check(
    "AZ-21-malformed",
    title="A malformed authorization request is refused, and breaks nothing",
    sends="addresses of the authorization endpoint with NUL, invalid UTF-8, broken encoding, 20 KiB, other methods",
    fix="Read the query with one strict reader that answers whatever it cannot read with 4xx.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def malformed_requests_break_nothing(trial: Trial) -> Outcome:
    """Everybody can open this address with anything in it; a 5xx is an error that nobody thought of."""
    deployment = trial.deployment
    good_request(trial)
    endpoint = deployment.flow().plan.discovery.endpoint("authorization_endpoint")
    client = urlencode({"client_id": deployment.party().client_id, "response_type": "code"})
    joint = "&" if "?" in endpoint else "?"
    addresses = {
        "NUL": f"{client}&state=%00&request_uri=%00",
        "invalid UTF-8": f"{client}&state=%ff%fe&request_uri=%ff",
        "broken encoding": f"{client}&state=%zz%",
        "20 KiB": f"{client}&request_uri={'u' * 20_480}",
        "arrays": f"{client}&redirect_uri[]=1&scope[a][b]=2",
        "a request object of nonsense": f"{client}&request=e30.e30.&request_uri[]=1",
        "an address that is none": f"{client}&redirect_uri=https://[::1&request_uri=https://[",
        "odd numbers": f"{client}&max_age=-1e999&prompt=none%20login",
        "no client": "client_id=&response_type=code",
    }
    answers = {
        label: trial.attack(label, Request(method="GET", url=f"{endpoint}{joint}{query}"))
        for label, query in addresses.items()
    }
    for method in ("POST", "PUT"):
        request = Request(
            method=method, url=endpoint, body=b'{"a":', headers=(("content-type", "text/plain"),)
        )
        answers[method] = trial.attack(f"{method} of something else", request)
    broken = [f"{label} ({answer.status})" for label, answer in answers.items() if answer.broke]
    if broken:
        return failed(f"The authorization endpoint broke: {', '.join(broken)}.")
    return passed(f"{len(answers)} malformed requests were answered without an error of the server.")


@check(
    "AZ-07",
    title="A request of an unknown client redirects nobody",
    sends="an authorization request of a client that does not exist, with a redirect URI of the attacker's",
    fix="Show an error page where client_id and redirect_uri do not belong together.",
    requirements=("RFC9700-4.11.2-p2", "FAPI2-SP-5.3.2.1-7", "RFC9700-2.1-p2.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    owasp="API8:2023",
    gives=("page-abused",),
)
def unknown_client_redirects_nobody(trial: Trial) -> Outcome:
    """An address of the bank that leads anywhere is what phishing mails are made of (RFC 6749 section 4.1.2.1).

    The check names a client that does not exist, and one that does, with a foreign redirect URI and a faulty request.
    """
    deployment = trial.deployment
    good_request(trial)
    foreign = "https://attacker.example/callback"
    flow = deployment.flow()
    attempts = []
    for label, changes in {
        "an unknown client": {"client_id": f"trustweft-check-{deployment.entropy.token()}"},
        "a response type that is refused": {"response_type": "trustweft"},
        "a scope that does not exist": {"scope": _INVENTED},
        "a silent request": {"prompt": "none"},
    }.items():
        url = flow.authorization_url({**flow.parameters, "redirect_uri": foreign, **changes})
        attempts.append((label, open_and_finish(deployment.flow(), url, None)))
    return judge_replies(
        trial,
        attempts,
        accepted=lambda reply: any(each.location.startswith(foreign) for each in reply.exchanges),
        failure="The browser was redirected to an address that nobody registered.",
        success="Nobody was redirected to an address that nobody registered.",
    )


@check(
    "AZ-08",
    title="A faulty request does not send people away before they log in",
    sends="an authorization request with a scope that does not exist, in a fresh browser",
    fix="Refuse faulty requests when they are pushed, or show the error on a page of your own first.",
    requirements=("RFC9700-4.11.2-p4.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    owasp="API8:2023",
    gives=("page-abused",),
)
def faulty_request_redirects_nobody(trial: Trial) -> Outcome:
    """A registered client of the attacker's makes requests that are wrong on purpose.

    The link shows the bank's name and leads to the attacker (RFC 9700 section 4.11.2). The check asks with a faulty
    scope and looks whether the browser is sent to the client without any page.
    """
    deployment = trial.deployment
    trial.need(
        deployment.claims_fapi, "the server does not claim FAPI; RFC 6749 lets it redirect with the error"
    )
    good_request(trial)
    replies = [
        ("A scope that does not exist", ask(deployment.flow(changes={"scope": _INVENTED}), None)),
        ("A response type that is refused", ask(deployment.flow(changes={"response_type": "token"}), None)),
    ]
    return judge_replies(
        trial,
        replies,
        accepted=lambda reply: reply.callback is not None,
        failure="A faulty request sent the browser on before anybody logged in.",
        success="A faulty request sent nobody away.",
    )
