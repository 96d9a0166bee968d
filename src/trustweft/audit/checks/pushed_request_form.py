"""Pushed authorization requests: how the request may be written, and what the endpoint does with nonsense."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trustweft.audit.check import check, failed, passed
from trustweft.audit.checks.pushed_request import control_push, pushed, pushing_flow
from trustweft.audit.exchange import FORM_TYPE
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.trial import Trial

_AUTHENTICATION = frozenset({"client_id", "client_assertion", "client_assertion_type", "client_secret"})


@check(
    "PAR-09",
    title="A pushed request with a parameter twice is refused",
    sends="pushed requests in which redirect_uri, scope or state occurs twice",
    fix="Refuse every request in which a parameter occurs twice.",
    requirements=("RFC9126-2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-235",
    owasp="API8:2023",
)
def repeated_parameters_are_refused(trial: Trial) -> Outcome:
    """RFC 6749 section 3.1: a parameter occurs once. With two, two readers can believe two different things.

    The check repeats one parameter of a good request, with another value.
    """
    control_push(trial)
    attempts = []
    for name, value in (
        ("redirect_uri", "https://attacker.example/callback"),
        ("scope", "openid"),
        ("state", trial.deployment.entropy.token()),
    ):
        request = pushing_flow(trial).pushed_request()
        if request.parameter(name) is not None:
            attempts.append(trial.attack(f"{name} twice", request.repeating(name, value)))
    return trial.judge(
        attempts,
        accepted=pushed,
        failure="A pushed request with a parameter twice was taken.",
        success="Pushed requests with a parameter twice were refused.",
    )


@check(
    "PAR-10",
    title="Parameters in the address of a pushed request do not count",
    sends="a pushed request whose parameters stand in the address, and only the authentication in the body",
    fix="Read pushed requests from the body alone.",
    requirements=("RFC9126-2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-598",
    owasp="API8:2023",
)
def address_is_not_read(trial: Trial) -> Outcome:
    """Addresses end up in logs, and a server that mixes address and body has two sources for one truth.

    RFC 9126 section 2.1 puts the request into the body. The check moves everything else than the authentication to
    the query.
    """
    control_push(trial)
    request = pushing_flow(trial).pushed_request()
    form = request.form or ()
    body = tuple(pair for pair in form if pair[0] in _AUTHENTICATION)
    query = urlencode([pair for pair in form if pair[0] not in _AUTHENTICATION])
    attack = replace(request, url=f"{request.url}?{query}", form=body)
    return trial.judge(
        [trial.attack("The parameters in the address", attack)],
        accepted=pushed,
        failure="Parameters in the address were taken for a pushed request.",
        success="Parameters in the address were not taken for a pushed request.",
    )


@check(
    "PAR-11",
    title="Requests are pushed by POST alone",
    sends="good pushed requests by GET, PUT and PATCH",
    fix="Answer other methods than POST with 405.",
    requirements=("RFC9126-2.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-650",
    owasp="API8:2023",
)
def only_post_pushes(trial: Trial) -> Outcome:
    """RFC 9126 section 2 knows POST alone; rules of proxies and of browsers about what is harmless rest on methods."""
    control_push(trial)
    attempts = []
    for method in ("GET", "PUT", "PATCH"):
        request = replace(pushing_flow(trial).pushed_request(), method=method)
        attempts.append(trial.attack(f"A good request by {method}", request))
    query = pushing_flow(trial).pushed_request()
    in_query = replace(query, method="GET", url=f"{query.url}?{urlencode(query.form or ())}", form=None)
    attempts.append(trial.attack("A good request by GET, in the address", in_query))
    return trial.judge(
        attempts,
        accepted=pushed,
        failure="A request was pushed by another method than POST.",
        success="Other methods than POST were refused.",
    )


@check(
    "PAR-15-size",
    title="A huge pushed request is refused, and breaks nothing",
    sends="pushed requests with a state of 64 and 512 KiB, and with ten thousand parameters",
    fix="Bound the body and the number of parameters before reading them, and answer with 4xx.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-770",
    owasp="API4:2023",
)
def huge_requests_break_nothing(trial: Trial) -> Outcome:
    """Anybody can reach this endpoint; what it reads before it knows who asks must be bounded.

    A refusal passes, and so does an answer that takes the request: a 5xx does not.
    """
    control_push(trial)
    good = pushing_flow(trial).pushed_request()
    many = tuple((f"parameter{number}", "1") for number in range(10_000))
    return _nothing_breaks(
        trial,
        (
            ("A state of 64 KiB", good.with_parameters(("state", "s" * 65_536))),
            (
                "A state of 512 KiB",
                pushing_flow(trial).pushed_request().with_parameters(("state", "s" * 524_288)),
            ),
            ("Ten thousand parameters", pushing_flow(trial).pushed_request().with_parameters(*many)),
        ),
    )


@check(
    "PAR-15-form",
    title="A malformed pushed request is refused, and breaks nothing",
    sends="pushed requests with NUL, invalid UTF-8, broken percent-encoding, JSON, arrays and no body",
    fix="Read forms with one strict reader that answers whatever it cannot read with 4xx.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def malformed_requests_break_nothing(trial: Trial) -> Outcome:
    """A 5xx is an error that nobody thought of; those are where attackers look next, and where logs fill up."""
    control_push(trial)
    good = pushing_flow(trial).pushed_request()

    def raw(octets: bytes, kind: str = FORM_TYPE) -> Request:
        return replace(good, form=None, body=octets).with_header("content-type", kind)

    sent = good.content()
    return _nothing_breaks(
        trial,
        (
            ("NUL in the state", good.with_parameters(("state", "a\0b"))),
            ("Invalid UTF-8", raw(sent + b"&state=\xff\xfe&x=%ff%fe")),
            ("Broken percent-encoding", raw(sent + b"&display=%zz%")),
            ("A JSON array", raw(b"[1,2,3]", "application/json")),
            (
                "Arrays as parameters",
                good.with_parameters(("scope[]", "openid"), ("redirect_uri[a][b]", "x")),
            ),
            ("Nothing", raw(b"")),
            ("A form that says it is JSON", raw(sent, "application/json")),
            ("A charset that nobody knows", raw(sent, f"{FORM_TYPE}; charset=no-such")),
            ("Names that objects have", good.with_parameters(("__proto__", "1"), ("constructor", "1"))),
            ("Surrogates", raw(sent + b"&state=%ed%a0%80")),
        ),
    )


@check(
    "PAR-15-types",
    title="Parameters of a pushed request that have the wrong form break nothing",
    sends="pushed requests with malformed max_age, claims, authorization_details, prompt, resource and dpop_jkt",
    fix="Check the form of each parameter before it is used, and answer with invalid_request.",
    requirements=("RFC9126-2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def odd_parameters_break_nothing(trial: Trial) -> Outcome:
    """Parameters that hold numbers, JSON or URLs are parsed again, and that is where servers break."""
    control_push(trial)
    odd = (
        ("max_age", "-1e999"),
        ("claims", '{"id_token":[]}'),
        ("claims", "{"),
        ("authorization_details", "null"),
        ("authorization_details", '[{"type":{}}]'),
        ("authorization_details", "[" * 500),
        ("prompt", "none login\x0b"),
        ("resource", "http://[::1"),
        ("dpop_jkt", "not a thumbprint \u2028"),
        ("redirect_uri", "https://[::1"),
        ("code_challenge", "é" * 43),
        ("id_token_hint", "a.b.c"),
        ("request", "e30.e30."),
    )
    return _nothing_breaks(
        trial,
        [
            (f"{name}={value[:20]}", pushing_flow(trial).pushed_request().with_parameters((name, value)))
            for name, value in odd
        ],
    )


def _nothing_breaks(trial: Trial, requests: Sequence[tuple[str, Request]]) -> Outcome:
    answers: list[tuple[str, Exchange]] = [
        (label, trial.attack(label, request)) for label, request in requests
    ]
    broken = [f"{label} ({answer.status})" for label, answer in answers if answer.broke]
    if broken:
        return failed(f"The endpoint broke: {'; '.join(broken)}.")
    return passed(f"{len(answers)} requests were answered without an error of the server.")


@check(
    "PAR-16-details",
    title="Authorization details of an unknown type are refused",
    sends="a pushed request with authorization_details of a type that nobody knows",
    fix="Answer unknown types, and fields that a type does not have, with invalid_authorization_details.",
    requirements=("RFC9396-5-1", "RFC9396-5-p1.1", "RFC9396-5-p1.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.OAUTH,
    rfc9700_attackers=("A1",),
    cwe="CWE-20",
    owasp="API8:2023",
)
def unknown_details_are_refused(trial: Trial) -> Outcome:
    """Details say exactly what is granted; what the server does not understand it cannot show to the user.

    RFC 9396 section 5 ends such a request. Asked where the server says that it knows types.
    """
    known = trial.deployment.discovery.list("authorization_details_types_supported")
    trial.need(known, "the server names no types of authorization details")
    control_push(trial)
    details = '[{"type":"trustweft-check-unknown"}]'
    attack = pushing_flow(trial).pushed_request().with_parameters(("authorization_details", details))
    return trial.judge(
        [trial.attack("Details of an unknown type", attack)],
        accepted=pushed,
        failure="Authorization details of an unknown type were taken.",
        success="Authorization details of an unknown type were refused.",
    )
