"""How the token endpoint reads requests: what comes twice, in the wrong place, or makes no sense; and what it then says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from trustweft.audit.check import check, failed, passed
from trustweft.audit.exchange import FORM_TYPE
from trustweft.audit.flow import bound
from trustweft.audit.redemption import redeem_changed, redeemed_as_it_should
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Request
    from trustweft.audit.flow import Flow
    from trustweft.audit.trial import Trial

LONG: Final = 20_000  # below what servers bound a whole request to
_TRACES: Final = re.compile(
    r"Traceback \(most recent call last\)|\bat [\w$.]+\([\w]+\.(?:java|kt|scala):\d+\)|\n\s+at .+\.(?:js|ts):\d+:\d+"
    r"|\bSystem\.[\w.]+Exception\b|\bgoroutine \d+ \[|File \"/[^\"]+\", line \d+|SQLSTATE\[|\bORA-\d{5}\b"
    r"|syntax error at or near|You have an error in your SQL syntax|\bsqlite3?\.\w*Error\b|PDOException"
    r"|/(?:usr|home|var|opt|app|srv)/[\w./-]+\.(?:py|rb|php|js|java|go)\b"
)


@check(
    "TK-08-get",
    title="The token endpoint takes POST alone",
    sends="a good token request as GET, its parameters in the query, and as PUT",
    fix="Answer every method but POST with 405.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-598",
    owasp="API8:2023",
)
def no_get(trial: Trial) -> Outcome:
    """What stands in an address stays behind in logs and histories: codes, secrets and assertions would.

    RFC 6749 section 3.2 has clients use POST, and section 2.3.1 keeps credentials out of addresses.
    """
    redeemed_as_it_should(trial)
    attacks = [
        redeem_changed(
            trial,
            "The request as GET",
            lambda flow, request: _rebound(
                trial, flow, replace(request, method="GET", url=_with_query(request), form=None)
            ),
        ),
        redeem_changed(
            trial,
            "The request as PUT",
            lambda flow, request: _rebound(trial, flow, replace(request, method="PUT")),
        ),
    ]
    return trial.tokens_refused(
        attacks,
        failure="The token endpoint answers other methods than POST; with GET credentials stand in the address.",
        success="GET and PUT were refused.",
    )


@check(
    "TK-08-query",
    title="Parameters in the address of the token endpoint do not count",
    sends="a good token request as POST, its parameters in the query and the body empty",
    fix="Read parameters from the body alone.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-598",
    owasp="API8:2023",
)
def no_parameters_in_query(trial: Trial) -> Outcome:
    """Servers that merge query and body take credentials out of the address, which is logged everywhere.

    RFC 6749 section 2.3.1: credentials must not stand in the request URI.
    """
    redeemed_as_it_should(trial)
    attack = redeem_changed(
        trial,
        "The parameters in the query",
        lambda flow, request: _rebound(
            trial,
            flow,
            replace(
                request,
                url=_with_query(request),
                form=None,
                headers=(*request.headers, ("content-type", FORM_TYPE)),
            ),
        ),
    )
    return trial.tokens_refused(
        [attack],
        failure="The token endpoint takes its parameters, credentials included, from the address.",
        success="Parameters in the query did not count.",
    )


@check(
    "TK-08-json",
    title="The token endpoint takes forms and no other kind of body",
    sends="a good token request as JSON",
    fix="Refuse every content type but application/x-www-form-urlencoded.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-436",
)
def no_json(trial: Trial) -> Outcome:
    """A second way to say the same is a second reader, which may check less (RFC 6749 section 4.1.3 names one format)."""
    redeemed_as_it_should(trial)
    attack = redeem_changed(
        trial,
        "The request as JSON",
        lambda _flow, request: replace(
            request,
            form=None,
            body=msgspec.json.encode(dict(request.form or ())),
            headers=(*request.headers, ("content-type", "application/json")),
        ),
    )
    return trial.tokens_refused(
        [attack], failure="The token endpoint takes JSON as well.", success="JSON was refused."
    )


@check(
    "TK-09",
    title="A token request with a parameter twice is refused",
    sends="a good code together with a wrong one; two grant types; two redirect URIs",
    fix="Refuse requests in which a parameter comes more than once, with invalid_request.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-235",
    owasp="API8:2023",
)
def no_parameter_twice(trial: Trial) -> Outcome:
    """Of a parameter that comes twice, a proxy may check the first and the server use the last.

    RFC 6749 section 3.2 forbids it and section 5.2 names the error: ``invalid_request``.
    """
    redeemed_as_it_should(trial)
    attacks = [
        redeem_changed(
            trial,
            f"{name} twice",
            lambda _flow, request, name=name, value=value: request.repeating(name, value),  # type: ignore[misc]
        )
        for name, value in (("code", "another"), ("redirect_uri", "https://attacker.example/callback"))
    ]
    attacks += [
        redeem_changed(
            trial,
            f"{name} twice, the wrong one first",
            lambda _flow, request, name=name, value=value: replace(  # type: ignore[misc]
                request, form=((name, value), *(request.form or ()))
            ),
        )
        for name, value in (("code", "another"),)
    ]
    return trial.tokens_refused(
        attacks,
        failure="A token request with a parameter twice went through.",
        success="Requests with a parameter twice were refused.",
    )


@check(
    "TK-23",
    title="Whatever is sent to the token endpoint, it does not break",
    sends="about forty token requests that make no sense",
    fix="Bound and check every parameter before it is used, and answer 400 to what cannot be read.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-20",
    owasp="API8:2023",
)
def nonsense_is_refused(trial: Trial) -> Outcome:
    """A status of 5xx says that the server did something with the input that nobody foresaw.

    What broke there may be an injection, a crash or a hang; RFC 6749 section 5.2 has 400 for requests that cannot be
    read. The check leaves out, empties, lengthens and garbles one part of a good request at a time.
    """
    redeemed_as_it_should(trial)
    answers = [
        trial.attack(label, trial.deployment.wire.send(request)) for label, request in _nonsense(trial)
    ]
    broken = [each for each in answers if each.broke]
    if broken:
        labels = [each.label for each in trial.evidence if each.kind == "attack" and each.exchange in broken]
        return failed(f"The server broke ({broken[0].status}) at: {'; '.join(labels[:6])}.")
    return passed(f"{len(answers)} requests that make no sense were answered with 4xx.")


@check(
    "TK-23-silent",
    title="Errors tell nothing of the server's inside",
    sends="token requests that make no sense",
    fix="Answer errors with a fixed text; keep traces, statements and paths for the log.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-209",
    owasp="API8:2023",
)
def errors_tell_nothing(trial: Trial) -> Outcome:
    """Traces and statements tell an attacker which versions run, and how the input is used."""
    redeemed_as_it_should(trial)
    for label, request in _nonsense(trial):
        answer = trial.attack(label, trial.deployment.wire.send(request))
        found = _TRACES.search(answer.page())
        if found:
            return failed(f"The answer to “{label}” tells of the server's inside: {found[0][:80]!r}.")
    return passed("No answer showed a trace, a statement or a path.")


@check(
    "TK-23-format",
    title="Refusals of the token endpoint have the form that clients can read",
    sends="a wrong code, and a wrong grant type",
    fix="Refuse with 400 (401 for failed client authentication) and a JSON object with error.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-393",
)
def refusals_can_be_read(trial: Trial) -> Outcome:
    """A client that cannot tell why it was refused tries again, or shows an error page to nobody's use.

    RFC 6749 section 5.2: status 400 or 401, a JSON object with ``error``, and of the errors that it lists the one that
    fits: ``invalid_grant`` for a wrong code, ``unsupported_grant_type`` for an unknown grant.
    """
    redeemed_as_it_should(trial)
    attempts = (
        ("A wrong code", ("grant_type", "authorization_code"), {"invalid_grant"}),
        (
            "An unknown grant type",
            ("grant_type", "urn:example:nothing"),
            {"unsupported_grant_type", "unauthorized_client"},
        ),
    )
    wrong = []
    for label, grant, expected in attempts:
        flow = trial.deployment.flow()
        request = flow.token_request("wrong-code").with_parameters(grant)
        answer = trial.observe(label, trial.deployment.send_bound(request, flow.party))
        trial.need_clear([answer])
        if answer.status not in (400, 401) or answer.text("error") not in expected:
            wrong.append(f"{label.lower()} was answered with {answer.says}")
    if wrong:
        return failed(f"{'; '.join(wrong).capitalize()}.")
    return passed("Refusals have a status of 400 or 401 and say the error that fits.")


def _with_query(request: Request) -> str:
    return f"{request.url}?{urlencode(request.form or ())}"


def _rebound(trial: Trial, flow: Flow, request: Request) -> Request:
    """Return the request with a proof for its method; the query is no part of what a proof is for."""
    plan = flow.plan
    bare = replace(request, url=request.url.partition("?")[0])
    proven = bound(bare, party=flow.party, wire=trial.deployment.wire, plan=plan)
    return replace(proven, url=request.url)


def _nonsense(trial: Trial) -> Iterator[tuple[str, Request]]:
    """Yield requests of which each has one thing garbled."""
    flow = trial.deployment.flow()

    def good() -> Request:
        return flow.token_request("wrong-code")

    names = [name for name, _ in good().form or ()]
    for name in names:
        yield f"No {name}", good().without_parameters(name)
        for what, value in _GARBAGE:
            yield f"{name} is {what}", good().with_parameters((name, value))
    for name, header in (("authorization", "Basic !!!"), ("authorization", "Basic"), ("dpop", "a.b.c")):
        yield f"{name}: {header}", good().with_header(name, header)
    for what, kind, body in _BODIES:
        yield what, replace(good(), form=None, body=body, headers=(("content-type", kind),))


_GARBAGE: Final = (
    ("empty", ""),
    ("very long", "A" * LONG),
    ("a quote", "'\"--"),
    ("not of this encoding", "\x00\r\n\x7f\u202e"),
    ("three dots", "..."),
)
_BODIES: Final = (
    ("An empty body", FORM_TYPE, b""),
    ("Invalid UTF-8", FORM_TYPE, b"grant_type=%ff%fe&code=\xff"),
    ("A broken percent sign", FORM_TYPE, b"grant_type=%zz&%"),
    ("Brackets in names", FORM_TYPE, b"grant_type[]=authorization_code&code[a]=b"),
    ("Broken JSON", "application/json", b"{"),
    ("Deep JSON", "application/json", b"[" * 2000),
    ("XML", "application/xml", b'<?xml version="1.0"?><a/>'),
    ("A broken multipart body", "multipart/form-data", b"--x"),
    ("Many parameters", FORM_TYPE, b"&".join(b"a%d=1" % index for index in range(2000))),
)
