"""What a pushed or referenced request may make of the world outside: addresses to fetch from, and to send codes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.canary import Canary
from trustweft.audit.check import check, failed, passed
from trustweft.audit.checks.pushed_request import control_push, pushed, pushing_flow
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_UNWANTED: Final = {
    "plain http": "http://client.example/callback",
    "a script": "javascript:alert(1)//https://client.example",
    "no scheme": "//client.example/callback",
}


@check(
    "PAR-08",
    title="A redirect URI that no client could have is refused where it is pushed",
    sends="pushed requests with redirect URIs of http, scripts, fragments and without a scheme",
    fix="Look at redirect_uri when a request is pushed, as at the authorization endpoint.",
    requirements=("RFC9126-2.1-3", "FAPI2-SP-5.3.2.2-8"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
)
def pushed_redirect_uris_are_looked_at(trial: Trial) -> Outcome:
    """A pushed request is validated when it comes (RFC 9126 section 2.1): the browser should never meet a bad one.

    A server may let clients that authenticate bring addresses that they never registered (section 2.4), so other https
    addresses prove nothing here; AZ-01 tries whether codes go there. These can be nobody's.
    """
    control_push(trial)
    attacks = []
    registered = trial.deployment.party().entry.redirect_uri or ""
    for label, uri in {**_UNWANTED, "a fragment": f"{registered}#part"}.items():
        flow = pushing_flow(trial).with_parameters({"redirect_uri": uri})
        attacks.append(trial.attack(f"A redirect URI with {label}", flow.push()))
    return trial.judge(
        attacks,
        accepted=pushed,
        failure="A request was pushed with a redirect URI that no client could have.",
        success="Such redirect URIs were refused when they were pushed.",
    )


@check(
    "PAR-14",
    title="No stranger makes the server fetch an authorization request",
    sends="authorization requests whose request_uri is an address of a listener of the auditor's own",
    fix="Take only request URIs that you handed out, or that the client registered.",
    requirements=("FAPI2-SP-5.3.2.2-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-918",
    owasp="API7:2023",
    gives=("internal-requests",),
)
def requests_are_not_fetched(trial: Trial) -> Outcome:
    """Anybody can open the authorization endpoint; a server that calls the address in the link calls for anybody.

    RFC 9101 section 10.4 tells of it. The link has the client's identifier and an address that it never registered;
    only a call that arrives there, with a path made for this one request, counts.
    """
    deployment = trial.deployment
    host = deployment.target.canary_host
    trial.need(host, "the target file names no canary_host that the deployment could call")
    flow = deployment.flow()
    with Canary(str(host), deployment.entropy) as canary:
        names = {}
        for label, beside in (
            ("alone", {}),
            ("with the parameters of a good request", dict(flow.parameters)),
        ):
            url, name = canary.url()
            names[name] = f"request_uri {label}"
            parameters = {**beside, "client_id": flow.party.client_id, "request_uri": url}
            trial.attack(
                names[name], deployment.browser(flow.party).open(flow.authorization_url(parameters)).last
            )
        called = canary.called(set(names))
    if called:
        return failed(
            f"The server called an address from a link: {', '.join(names[each] for each in called)}."
        )
    return passed(f"None of {len(names)} addresses was called.")
