"""What the metadata promises is what the server does: tried in a few cases that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.asking import ask, good_request, judge_replies
from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.flow import bound
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_NOT_FOUND: Final = 404
_NO_SUCH_GRANT: Final = "unsupported_grant_type"
_GRANTS: Final = (
    "password",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code",
)


@check(
    "META-10-endpoints",
    title="Every endpoint of the metadata is there",
    sends="empty requests to every published endpoint of the server",
    fix="Take addresses out of the metadata at which nothing answers.",
    requirements=("FAPI2-SP-5.3.2.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-1059",
    owasp="API9:2023",
)
def endpoints_exist(trial: Trial) -> Outcome:
    """An address at which nothing answers is where somebody else may answer one day; and clients fail there.

    The check sends an empty form (a GET to the authorization endpoint and to the keys) and accepts whatever is not 404.
    """
    deployment = trial.deployment
    trial.need(deployment.discovery.published, "the server publishes no metadata")
    host = urlsplit(deployment.discovery.issuer).hostname
    missing, tried = [], 0
    for name, value in sorted(deployment.discovery.metadata.items()):
        if not (name.endswith("_endpoint") or name == "jwks_uri") or not isinstance(value, str):
            continue
        if urlsplit(value).hostname != host:
            continue
        read = name in ("authorization_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
        request = Request(method="GET", url=value) if read else form_request(value)
        answer = trial.observe(name, deployment.wire.send(request))
        tried += 1
        if answer.status == _NOT_FOUND:
            missing.append(name)
    if missing:
        return failed(f"Nothing answers at {', '.join(missing)}.")
    return passed(f"Something answers at each of {tried} endpoints.")


@check(
    "META-10-grants",
    title="Grant types that the metadata does not name give no tokens",
    sends="token requests with grant types that are not offered, and with those that are",
    fix="Serve the grant types of the metadata, and answer all others with unsupported_grant_type.",
    requirements=("FAPI2-SP-5.3.2.1-2", "FAPI2-SP-5.3.2.1-p4", "RFC9700-2.4-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-1059",
    owasp="API9:2023",
    gives=("rights-widened",),
)
def grants_are_as_promised(trial: Trial) -> Outcome:
    """A grant type that works without being named is one that nobody reviews.

    The check asks for tokens by grants that the metadata leaves out, as an authenticated client and with a good user's
    password where one is needed. A grant that is named and that the server then does not know is told as well.
    """
    deployment = trial.deployment
    offered = deployment.discovery.list("grant_types_supported")
    trial.need(offered, "the server names no grant types")
    good_request(trial)
    answers = {
        grant: trial.attack(f"The grant type {grant}", _ask_for(trial, grant))
        for grant in _GRANTS
        if grant not in (offered or ())
    }
    # There are servers that say so to a client that is not registered for the grant, too.
    registered = {"authorization_code", "refresh_token"} | set(deployment.party().entry.grant_types)
    hollow = [
        grant
        for grant in ("authorization_code", "refresh_token", "client_credentials")
        if grant in (offered or ())
        and grant in registered
        and trial.observe(f"The offered grant type {grant}", _ask_for(trial, grant)).error == _NO_SUCH_GRANT
    ]
    outcome = trial.tokens_refused(
        list(answers.values()),
        failure="A grant type that the metadata does not name gave a token.",
        success="Grant types that the metadata does not name were refused.",
    )
    if hollow and not any(each.issued for each in answers.values()):
        return failed(f"The metadata names {', '.join(hollow)}, and the server does not know it.")
    return outcome


def _ask_for(trial: Trial, grant: str) -> Exchange:
    deployment = trial.deployment
    party = deployment.party()
    plan = deployment.plan(party)
    user = deployment.user()
    parameters = {
        "password": (("username", user.username), ("password", user.password)),
        "urn:ietf:params:oauth:grant-type:jwt-bearer": (
            ("assertion", party.assertion() if party.key else "e30.e30."),
        ),
        "urn:ietf:params:oauth:grant-type:token-exchange": (
            ("subject_token", deployment.access().token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ),
        "urn:ietf:params:oauth:grant-type:device_code": (("device_code", deployment.entropy.token()),),
        "authorization_code": (("code", deployment.entropy.token()),),
        "refresh_token": (("refresh_token", deployment.entropy.token()),),
    }.get(grant, ())
    scope = party.entry.narrow_scope or party.entry.scope
    request = form_request(
        plan.endpoint("token_endpoint", party), ("grant_type", grant), ("scope", scope), *parameters
    )
    request = bound(party.authenticate(request), party=party, wire=deployment.wire, plan=plan)
    return deployment.send_bound(request, party)


@check(
    "META-10-response-modes",
    title="Response modes that the metadata does not name are not used",
    sends="authorization requests with response_mode=fragment and form_post where they are not offered",
    fix="Refuse response modes that the metadata does not name.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-1059",
    owasp="API9:2023",
)
def response_modes_are_as_promised(trial: Trial) -> Outcome:
    """How the response comes decides who can read it: a fragment reaches every script of the client's page.

    The check asks for modes that the metadata leaves out. Refusing is right, and so is the usual mode.
    """
    deployment = trial.deployment
    offered = deployment.discovery.list("response_modes_supported")
    trial.need(offered, "the server names no response modes")
    modes = [mode for mode in ("fragment", "form_post") if mode not in (offered or ())]
    trial.need(modes, "the server offers every mode that is tried")
    good_request(trial)
    attempts = [
        (
            f"response_mode={mode}",
            ask(deployment.flow(changes={"response_mode": mode}), deployment.user()),
        )
        for mode in modes
    ]
    unnamed = dict(zip([id(reply) for _, reply in attempts], modes, strict=True))
    return judge_replies(
        trial,
        attempts,
        accepted=lambda reply: reply.callback is not None and reply.callback.mode == unnamed[id(reply)],
        failure="The response came in a mode that the metadata does not name.",
        success="Response modes that the metadata does not name were not used.",
    )


@check(
    "META-13",
    title="The aliases for mutual TLS leave browsers alone",
    sends="requests for both well-known documents",
    fix="Publish aliases for endpoints that clients call, over https, and none for the authorization endpoint.",
    requirements=("FAPI2-SP-5.2.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.OAUTH,
    cwe="CWE-1059",
    owasp="API8:2023",
)
def aliases_make_sense(trial: Trial) -> Outcome:
    """Aliases keep the endpoints that ask for certificates apart from those that browsers visit (RFC 8705 section 5).

    Each alias must be https, stand for an endpoint that is published, and answer; browsers must be asked for nothing.
    """
    discovery = trial.deployment.discovery
    aliases = discovery.metadata.get("mtls_endpoint_aliases")
    if not isinstance(aliases, dict) or not aliases:
        raise NotApplicable("the server publishes no aliases for mutual TLS")
    for each in (discovery.oauth, discovery.openid):
        if each is not None and each.ok:
            trial.observe("A metadata document", each)
    wrong = [
        f"{name}: {value}"
        for name, value in aliases.items()
        if name == "authorization_endpoint"
        or urlsplit(str(value)).scheme != "https"
        or not discovery.text(name)
    ]
    if wrong:
        return failed(f"Aliases that make no sense: {'; '.join(wrong)}.")
    return passed(f"Each of {len(aliases)} aliases is https and stands for a published endpoint.")
