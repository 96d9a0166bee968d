"""Headers that only a proxy should set: a stranger who sends them changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.answers import served
from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.forging import read_parts
from trustweft.audit.protected import EVERY
from trustweft.audit.verdict import Role, Severity
from trustweft.protocol.well_known import well_known_urls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Pairs
    from trustweft.audit.trial import Trial

STRANGER: Final = "attacker.example"
FEW: Final = 6  # operations of one API
_NAMES: Final = (
    ("Host", STRANGER),
    ("X-Forwarded-Host", STRANGER),
    ("Forwarded", f"host={STRANGER};proto=https"),
    ("X-Original-Host", STRANGER),
    ("X-Host", STRANGER),
    ("X-Forwarded-Server", STRANGER),
    ("X-HTTP-Host-Override", STRANGER),
)
_CLAIMS: Final = ((("Host", STRANGER),), (("X-Forwarded-Host", STRANGER),), (_NAMES[2],))
_IDENTITY: Final = (
    "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Auth-Request-User",
    "X-Auth-Request-Email", "X-Remote-User", "Remote-User", "X-Authenticated-User", "X-Authenticated-Userid",
    "X-Consumer-Username", "X-WebAuth-User", "X-User", "X-User-Id", "X-Userid", "X-Username", "X-Sub",
)  # fmt: skip


@check(
    "TL-06",
    title="Metadata names the server's own addresses, whatever the request claims",
    sends="requests for the metadata with a foreign Host, X-Forwarded-Host and the like",
    fix="Take issuer and endpoints from the configuration, never from a header.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    cwe="CWE-644",
    owasp="API8:2023",
    gives=("code-leaks", "token-leaks"),
)
def metadata_is_not_poisoned(trial: Trial) -> Outcome:
    """A client that reads poisoned metadata, from a cache for example, sends codes and assertions to the attacker.

    The check asks with the name of a stranger in each header that frameworks build addresses from. An error is as good
    as the unchanged document; what is wrong is a document that names the stranger, or http where it had https.
    """
    deployment = trial.deployment
    trial.need(deployment.discovery.published, "the server publishes no metadata")
    places = well_known_urls(deployment.discovery.issuer)
    found = next(each for each in (places.oauth, places.openid) if _fetch(deployment, each).ok)
    control = trial.control("The metadata", _fetch(deployment, found))
    attempts = [
        trial.attack(f"The metadata with {name}: {value}", _fetch(deployment, found, (name, value)))
        for name, value in (*_NAMES, ("X-Forwarded-Proto", "http"), ("X-Forwarded-Port", "81"))
    ]
    own = set(_addresses(control))
    return trial.judge(
        attempts,
        accepted=lambda each: each.ok and not own >= set(_addresses(each)),
        failure="The metadata says what the header says.",
        success="The metadata stays the same, or is not given.",
    )


@check(
    "TL-06-pages",
    title="Redirects, pages and challenges name the server's own addresses, whatever the request claims",
    sends="authorization requests and API requests with a foreign Host, X-Forwarded-Host and the like",
    fix="Build addresses from the configuration, never from a header.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-644",
    owasp="API8:2023",
    gives=("page-poisoned",),
)
def answers_are_not_poisoned(trial: Trial) -> Outcome:
    """A redirect or a form that leads where a header says sends the user's password there, once a cache keeps it.

    The check opens authorization requests, and an API without a token, with the name of a stranger in such headers.
    What is wrong is that name as an address: in a redirect, a link, a form, or the challenge of the API.
    """
    deployment = trial.deployment
    flow = deployment.flow()
    trial.control(
        "The start of an authorization",
        deployment.wire.send(Request(method="GET", url=flow.start_url())),
        good=lambda each: not each.refused and not each.broke,
    )
    operation = next((each for each in deployment.operations if each.safe and not each.public), None)
    attempts = []
    for name, value in _NAMES:
        start = Request(method="GET", url=deployment.flow().start_url()).with_header(name, value)
        attempts.append(trial.attack(f"An authorization with {name}: {value}", start))
        if operation is not None:
            call = operation.request().with_header(name, value)
            attempts.append(trial.attack(f"{operation.name} without a token, with {name}: {value}", call))
    return trial.judge(
        attempts,
        accepted=_leads_to_stranger,
        failure="Answers lead where the header says.",
        success="No answer leads where a header says.",
    )


@check(
    "TL-06-proof",
    title="A proof is compared with the server's own address, whatever the request claims",
    sends="codes and API calls with proofs for a stranger's address, and that in Host and X-Forwarded-Host",
    fix="Compare htu with the configured address of the endpoint, never with one built from headers.",
    requirements=("RFC9449-4.3-9",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-644",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def proofs_are_for_the_own_address(trial: Trial) -> Outcome:
    """A hostile resource server gets proofs for its own address; it must not be able to pass them on.

    Where the address is built from Host or X-Forwarded-Host, whoever passes a proof on only has to send the name that
    the proof is for. The check makes such proofs itself, with the right key, for token endpoint and API (RFC 9449
    section 4.3 number 9).
    """
    deployment = trial.deployment
    party = deployment.party()
    plan = deployment.plan(party)
    trial.need(plan.binding == "dpop", "the server takes no DPoP proofs")
    access = deployment.fresh_access()
    trial.control("A code with a proof for the right address", access.answer, good=lambda each: each.issued)
    flow = deployment.flow()
    request = flow.token_request(deployment.code(flow))
    compared = not _with_foreign_proof(trial, request, (), token=None).issued
    attempts = []
    for headers in _CLAIMS if compared else ():
        flow = deployment.flow()
        code = deployment.code(flow)
        attempts.append(_with_foreign_proof(trial, flow.token_request(code), headers, token=None))
    operation = next((each for each in deployment.operations if each.safe and not each.public), None)
    if operation is not None and access.scheme == "DPoP":
        trial.control(
            f"{operation.name} with a proof for the right address",
            deployment.send_call(deployment.calling(operation, access), access),
        )
        call = deployment.calling(operation, access)
        if not _with_foreign_proof(trial, call, (), token=access.token).ok:
            attempts += [
                _with_foreign_proof(trial, deployment.calling(operation, access), headers, token=access.token)
                for headers in _CLAIMS
            ]
    if not attempts:
        raise NotApplicable("no address of a proof is compared at all: see DP-05-origin")
    return trial.judge(
        attempts,
        accepted=lambda each: each.issued if each.request.method == "POST" else each.ok,
        failure="A proof for a stranger's address was accepted.",
        success="Proofs for a stranger's address are refused, whatever the headers say.",
    )


@check(
    "TL-06-user",
    title="Nobody becomes another user by a header beside a good token",
    sends="API requests with one user's token, and another user's name in headers that proxies set",
    fix="Take the user from the token alone.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    cwe="CWE-290",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def headers_change_no_user(trial: Trial) -> Outcome:
    """Behind some gateways the API reads the user from a header, and any client that holds a token can send it.

    The check calls with the second user's token, once as it is and once with the first user's names in such headers,
    a few operations of each API that tell the two users different things: one may believe what another does not.
    The oracle is the data: the second answer is the first user's own, and not the second user's.
    """
    deployment = trial.deployment
    victim, thief = deployment.access(None, deployment.user(0)), deployment.access(None, deployment.user(1))
    attempts: list[tuple[Exchange, Exchange, Exchange]] = []
    names = tuple(dict.fromkeys(_names_of_user(victim.token, deployment.user(0).username)))
    for operation, theirs, own in _told_apart(deployment, victim, thief):
        trial.control(f"{operation.name} as its owner", theirs)
        trial.observe(f"{operation.name} as the other user", own)
        for name in names:
            request = deployment.calling(operation, thief)
            for header in _IDENTITY:
                request = request.with_header(header, name)
            label = f"{operation.name} with the other user's token, as {name} by headers"
            attempts.append((trial.attack(label, request), theirs, own))
    trial.need(attempts, "no operation answers the two users differently")
    switched = [each for each, theirs, own in attempts if _is_switched(each, theirs, own)]
    if switched:
        return failed(f"A header made one user another. Accepted: {switched[0].request.url}.")
    trial.need_clear([each for each, _, _ in attempts])
    return passed(f"The token alone says who the user is ({len(attempts)} attempts).")


def _told_apart(
    deployment: Deployment, victim: Access, thief: Access
) -> Iterator[tuple[Operation, Exchange, Exchange]]:
    """Yield a few operations of each API that answer two users differently, with both answers."""
    found: dict[str, int] = {}
    known = [each for each in deployment.operations if each.safe and not each.public]
    # What tells everybody their own comes first: an object of one user's is refused to another in any case.
    for operation in sorted(known, key=lambda each: bool(each.places))[:EVERY]:
        if found.get(operation.api.url, 0) >= FEW:
            continue
        theirs, own = (
            deployment.send_call(deployment.calling(operation, access), access) for access in (victim, thief)
        )
        if theirs.ok and theirs.body != own.body:
            found[operation.api.url] = found.get(operation.api.url, 0) + 1
            yield operation, theirs, own


def _is_switched(answer: Exchange, theirs: Exchange, own: Exchange) -> bool:
    """Whether an answer is the other user's: as it is, or by the values in it where something else moves by itself."""
    if not answer.ok:
        return False
    if answer.body == theirs.body:
        return True
    return served(answer, theirs) and not served(own, theirs) and not (own.ok and served(answer, own))


def _fetch(deployment: Deployment, url: str, *headers: tuple[str, str]) -> Exchange:
    return deployment.wire.send(Request(method="GET", url=url, headers=headers))


def _addresses(exchange: Exchange) -> Iterator[str]:
    """Return where a metadata document leads: scheme, host and port of each address in it."""
    values = list(exchange.document().values())
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, str) and value.startswith(("http://", "https://")):
            yield "{0.scheme}://{0.netloc}".format(urlsplit(value))


def _leads_to_stranger(exchange: Exchange) -> bool:
    if f"//{STRANGER}" in exchange.location:
        return True
    if any(f"//{STRANGER}" in value for value in exchange.all_headers("www-authenticate")):
        return True
    return exchange.ok and f"//{STRANGER}" in exchange.page()


def _with_foreign_proof(trial: Trial, request: Request, headers: Pairs, *, token: str | None) -> Exchange:
    deployment = trial.deployment
    parts = urlsplit(request.url)
    foreign = parts._replace(netloc=STRANGER, query="").geturl()
    proof = deployment.party().proof(
        request.method, foreign, nonce=deployment.wire.nonce(request.url), access_token=token
    )
    for name, value in headers:
        request = request.with_header(name, value)
    claimed = f" and {headers[0][0]}: {headers[0][1]}" if headers else ""
    label = f"{request.method} {parts.path} with a proof for {foreign}{claimed}"
    return trial.attack(label, request.with_header("dpop", proof))


def _names_of_user(token: str, username: str) -> Iterator[str]:
    if username:
        yield username
    subject = read_parts(token)[1].get("sub")
    if isinstance(subject, str) and subject.isascii() and subject.isprintable():
        yield subject
