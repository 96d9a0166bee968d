"""Pushed authorization requests: the request URI that comes back, how long it lives and how hard it is to guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import judge_replies, open_and_finish
from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.checks.pushed_request import control_push, pushed, pushing_flow
from trustweft.audit.guessing import ENOUGH_BITS, ENOUGH_SAMPLES, estimate_bits
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_CREATED: Final = 201
_LIMIT: Final = 600  # seconds; FAPI 2.0 Security Profile section 5.3.2.2
_LONGEST_WAIT: Final = 620.0
_PATIENCE: Final = 2.0  # seconds beyond the end, for clocks that differ


@check(
    "PAR-04",
    title="A request URI says that it lives less than ten minutes",
    sends="a good pushed request",
    fix="Let pushed requests expire in less than 600 seconds, and say so in expires_in.",
    requirements=("FAPI2-SP-5.3.2.2-12", "RFC9101-10.2-4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    fapi_attackers=("A3a",),
    cwe="CWE-613",
    owasp="API8:2023",
)
def request_uri_is_short_lived(trial: Trial) -> Outcome:
    """The shorter a request URI lives, the less it helps whoever finds it; RFC 9126 section 2.2 wants the time told."""
    answer = trial.control("A good pushed request", pushing_flow(trial).push(), good=pushed)
    lifetime = answer.document().get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
        return failed(f"The answer says expires_in={lifetime!r}, which is no number of seconds.")
    if lifetime >= _LIMIT:
        return failed(f"A request URI lives {lifetime} seconds, and {_LIMIT} are too many.")
    return passed(f"A request URI lives {lifetime} seconds.")


@check(
    "PAR-04-expiry",
    title="An expired request URI is refused",
    sends="a good pushed request, opened after it expired",
    fix="Refuse a request URI when its time is over.",
    requirements=("RFC9126-4-p2.4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A4",),
    fapi_attackers=("A3a",),
    cwe="CWE-613",
    owasp="API8:2023",
    waits=True,
)
def request_uri_expires(trial: Trial) -> Outcome:
    """What the server says about the time must be true (RFC 9126 section 4)."""
    deployment = trial.deployment
    flow = pushing_flow(trial)
    answer = trial.control("A good pushed request", flow.push(), good=pushed)
    lifetime = answer.document().get("expires_in")
    if not isinstance(lifetime, int | float) or not 0 < lifetime <= _LONGEST_WAIT:
        raise Inconclusive(f"it would have to wait for expires_in={lifetime!r}")
    control = pushing_flow(trial)
    fresh = open_and_finish(control, control.start_url(), deployment.user())
    trial.control("A fresh request URI", fresh.decisive, good=lambda _: bool(fresh.code))
    deployment.wait(lifetime + _PATIENCE)
    reply = open_and_finish(flow, flow.pushed_url(answer.text("request_uri")), deployment.user())
    return judge_replies(
        trial,
        [(f"A request URI {lifetime + _PATIENCE:.0f} seconds old", reply)],
        failure="An expired request URI led to a code.",
        success="An expired request URI was refused.",
    )


@check(
    "PAR-06",
    title="Nobody can guess a request URI",
    sends=f"{ENOUGH_SAMPLES} good pushed requests",
    fix="Make the request URI from 128 or more bits of a cryptographic random generator.",
    requirements=("RFC9126-2.2-p2.1", "RFC9126-7.1-p1", "FAPI2-SP-5.4.1-4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-331",
    owasp="API2:2023",
)
def request_uri_is_unguessable(trial: Trial) -> Outcome:
    """Whoever guesses a request URI acts on somebody else's request (RFC 9126 section 7.1).

    The check compares many: positions that never change, and letters that never occur, carry no entropy. It finds
    counters, short values and poor alphabets; it cannot tell a foreseeable generator from a good one.
    """
    control_push(trial)
    answers = [pushing_flow(trial).push() for _ in range(ENOUGH_SAMPLES)]
    values = [each.text("request_uri") for each in answers if pushed(each)]
    if len(values) < ENOUGH_SAMPLES:
        raise Inconclusive(f"only {len(values)} of {ENOUGH_SAMPLES} good requests were taken")
    for each in answers[:3]:
        trial.observe("One of the request URIs", each)
    bits = estimate_bits(values)
    if bits < ENOUGH_BITS:
        return failed(f"Request URIs of this form carry {bits:.0f} bits of entropy at most.")
    return passed(f"The form of {len(values)} request URIs has room for {bits:.0f} bits of entropy.")


@check(
    "PAR-06-form",
    title="A request URI is a name, and no address",
    sends="a good pushed request",
    fix="Hand out urn:ietf:params:oauth:request_uri: with a random part.",
    requirements=("RFC9101-5.2-p3.3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-918",
)
def request_uri_is_a_name(trial: Trial) -> Outcome:
    """An address would be fetched by whoever takes it for one (RFC 9101 section 5.2); a URN names what the server holds."""
    answer = trial.control("A good pushed request", pushing_flow(trial).push(), good=pushed)
    uri = answer.text("request_uri")
    if uri.lower().startswith("urn:"):
        return passed("The request URI is a URN.")
    return failed(f"The request URI begins with {uri.partition(':')[0]}:, which is no URN.")


@check(
    "PAR-16-status",
    title="A pushed request that is taken is answered with 201",
    sends="a good pushed request",
    fix="Answer with the status 201, request_uri and expires_in.",
    requirements=("RFC9126-2.2-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.INFO,
    cwe="CWE-393",
)
def pushing_is_answered_with_created(trial: Trial) -> Outcome:
    """Clients tell by the status whether their request was taken (RFC 9126 section 2.2)."""
    answer = trial.control("A good pushed request", pushing_flow(trial).push(), good=pushed)
    if answer.status != _CREATED:
        return failed(f"A good pushed request was answered with {answer.status}, not {_CREATED}.")
    return passed("A good pushed request is answered with 201.")
