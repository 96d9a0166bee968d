"""Other ways to the same handler: other methods, other spellings of the path, headers that only a proxy may set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.answers import served, values_of
from trustweft.audit.check import check
from trustweft.audit.protected import EVERY, SAMPLE, as_it_is, attack_each, protected
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial

LOOPBACK: Final = "127.0.0.1"
_ADDRESS_HEADERS: Final = (
    "x-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-custom-ip-authorization",
    "x-originating-ip",
    "x-remote-addr",
)
_USER_HEADERS: Final = (
    "x-forwarded-user",
    "x-remote-user",
    "remote-user",
    "x-user",
    "x-user-id",
    "x-authenticated-user",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-webauth-user",
    "x-consumer-username",
    "x-consumer-id",
    "x-authenticated-userid",
    "x-credential-identifier",
    "x-client-id",
    "x-internal",
)


@check(
    "RS-11-head",
    title="HEAD is protected as GET is",
    sends="every reading operation as HEAD, without a token and with a bound token alone",
    fix="Put the check of tokens before the routes, for every method.",
    requirements=("FAPI2-SP-5.3.4-5", "RFC9068-4-p4"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    fapi_attackers=("A5",),
    cwe="CWE-287",
    owasp="API2:2023",
)
def head_is_protected(trial: Trial) -> Outcome:
    """Frameworks answer HEAD by the handler of GET; a rule that names methods one by one forgets it.

    The answer has no body, but says whether an object exists, how large it is and when it changed.
    """

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        bare = replace(operation.request(), method="HEAD")
        yield "as HEAD without a token", as_it_is(bare)
        if access.scheme == "DPoP":
            unproved = bare.with_header("authorization", f"DPoP {access.token}")
            yield "as HEAD without a proof", as_it_is(unproved)

    # Where GET is refused with 200 and an error in the body, HEAD shows neither.
    operations = [
        each
        for each in protected(trial, EVERY)
        if each.method == "GET" and trial.deployment.wire.send(each.request()).status >= 400  # noqa: PLR2004
    ]
    trial.need(operations, "no operation refuses GET by its status")
    return attack_each(
        trial,
        operations,
        attacks,
        failure="HEAD was answered without what GET demands.",
        success="HEAD was refused as GET is",
    )


@check(
    "RS-11-options",
    title="OPTIONS tells nothing of what GET protects",
    sends="a few operations as OPTIONS, TRACE and an invented method, without a token",
    fix="Answer other methods without calling the operation's handler.",
    requirements=("RFC9068-4-p4",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-650",
    owasp="API5:2023",
    gives=("anonymous-access",),
)
def other_methods_tell_nothing(trial: Trial) -> Outcome:
    """A gateway that lets OPTIONS through for CORS, before a handler that looks at no method, shows everything."""

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        for method in ("OPTIONS", "TRACE", "QUERY", "get", "POST"):
            request = replace(operation.request(), method=method)
            yield f"as {method} without a token", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, SAMPLE),
        attacks,
        accepted=_tells,
        failure="Another method told without a token what GET tells with one.",
        success="Other methods told nothing",
    )


def _tells(attack: Exchange, control: Exchange) -> bool:
    """Whether the same content came back; an empty 204 for OPTIONS is none."""
    return bool(values_of(control)) and bool(attack.body) and served(attack, control)


@check(
    "RS-12-paths",
    title="Another spelling of a path is protected like the path",
    sends="a few operations without a token under other spellings: slashes, dots, capitals, encodings, suffixes",
    fix="Normalise the path once, before rules and routes see it, and refuse what is ambiguous.",
    requirements=("RFC9068-4-p4",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-288",
    owasp="API5:2023",
    gives=("anonymous-access",),
)
def other_spellings_are_protected(trial: Trial) -> Outcome:
    """A gateway protects ``/accounts`` and passes ``//accounts`` or ``/accounts;x`` on; the application sees no difference.

    It fails only where the answer has the values that the good request got.
    """

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        good = operation.request()
        for target in _spellings(operation.url):
            request = replace(good, target=target)
            yield f"as {target}", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, SAMPLE),
        attacks,
        failure="An operation answered without a token under another spelling of its path.",
        success="Other spellings of the paths were refused without a token",
    )


def _spellings(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    path, query = parts.path or "/", f"?{parts.query}" if parts.query else ""
    first = path[1:2]
    encoded = f"/%{ord(first):02x}{path[2:]}" if first else "/%2f"
    folder, _, last = path.rpartition("/")
    spelt = (
        f"/{path}",
        f"{path}/",
        f"{path}//",
        f"/.{path}",
        f"{path}/.",
        f"{path};x=1",
        f"{path}.json",
        f"{path}%20",
        f"{path}%00",
        f"{path}%2f",
        f"/public/..{path}",
        f"/public/..;{path}",
        f"/%2e{path}",
        f"{folder}%2f{last}",
        f"{folder}/x/../{last}",
        encoded,
        path.upper(),
        path.capitalize(),
    )
    return tuple(dict.fromkeys(f"{each}{query}" for each in spelt if each != path))


@check(
    "RS-12-rewrites",
    title="No header leads past the check to another path",
    sends="a public path with headers that name a protected one: X-Original-URL, X-Rewrite-URL and others",
    fix="Let the proxy remove headers that rewrite the path, and the application not know them.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-288",
    owasp="API5:2023",
    gives=("anonymous-access",),
)
def headers_rewrite_nothing(trial: Trial) -> Outcome:
    """Some frameworks route by ``X-Original-URL``, which a gateway in front compares with nothing."""

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        path = urlsplit(operation.url).path
        root = f"{urlsplit(operation.url)._replace(path='/', query='').geturl()}"
        for name in (
            "x-original-url",
            "x-rewrite-url",
            "x-forwarded-path",
            "x-forwarded-uri",
            "x-override-url",
        ):
            request = replace(operation.request(), url=root).with_header(name, path)
            yield f"by {name}", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, SAMPLE),
        attacks,
        failure="A header led to an operation without a token.",
        success="No header led to an operation without a token",
    )


@check(
    "RS-12-addresses",
    title="No address that the caller claims opens an operation",
    sends="operations without a token, with headers that claim to come from this machine or an inner network",
    fix="Take the peer's address from the connection, and headers from named proxies only; never in place of a token.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-290",
    owasp="API2:2023",
    gives=("anonymous-access",),
)
def claimed_addresses_open_nothing(trial: Trial) -> Outcome:
    """Whoever writes ``X-Forwarded-For: 127.0.0.1`` comes from inside, for an API that trusts its inside."""

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        for address in (LOOPBACK, "10.0.0.1"):
            headers = tuple((name, address) for name in _ADDRESS_HEADERS)
            request = replace(operation.request(), headers=(*operation.headers, *headers))
            yield f"from {address}, as it claims", as_it_is(request)
        hosted = operation.request().with_header("x-forwarded-host", "localhost")
        yield "to localhost, as it claims", as_it_is(hosted)

    return attack_each(
        trial,
        protected(trial, SAMPLE),
        attacks,
        accepted=lambda attack, _control: attack.ok,
        failure="An address that the caller claimed opened an operation.",
        success="Claimed addresses opened nothing",
    )


@check(
    "RS-12-identities",
    title="No identity that the caller claims in a header opens an operation",
    sends="operations without a token, with headers in which proxies tell who was authenticated",
    fix="Let the proxy remove these headers from every request, and the application accept them from it alone.",
    requirements=("RFC9700-4.13-p5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-290",
    owasp="API2:2023",
    gives=("anonymous-access", "foreign-data"),
)
def claimed_identities_open_nothing(trial: Trial) -> Outcome:
    """Gateways pass the user on in ``X-Forwarded-User`` and its kin; an API that can be reached around them believes all.

    The headers name the first user, who exists (RFC 9700 section 4.13).
    """
    user = trial.deployment.user()
    harvest = trial.deployment.harvests.get(user.username)
    names = dict.fromkeys((user.username, *(harvest.names if harvest else ())))

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        for name in names:
            headers = tuple((each, name) for each in _USER_HEADERS)
            request = replace(operation.request(), headers=(*operation.headers, *headers))
            yield "as the first user, as it claims", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, SAMPLE),
        attacks,
        accepted=lambda attack, _control: attack.ok,
        failure="An identity that the caller claimed opened an operation.",
        success="Claimed identities opened nothing",
    )
