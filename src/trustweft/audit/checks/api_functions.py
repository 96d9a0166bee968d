"""Who may call which function (OWASP API5:2023), and ways in beside the token (API2:2023)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.exchange import Request
from trustweft.audit.ownership import pair
from trustweft.audit.parties import basic
from trustweft.audit.protected import EVERY, SAMPLE, as_it_is, attack_each, protected
from trustweft.audit.sacrifice import create, sacrificial
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial

_PRIVILEGED: Final = re.compile(
    r"/(?:admins?|administrators?|administration|management|internal|superusers?|backoffice|staff|sudo|debug|system)(?:/|$)",
    re.IGNORECASE,
)
_OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")
_SECRET_PLACES: Final[tuple[tuple[str, str], ...]] = (
    ("/.env", r"^\s*[A-Z][A-Z0-9_]+\s*=\s*\S+"),
    ("/.git/config", r"^\[core\]"),
    ("/.git/HEAD", r"^ref: refs/"),
    ("/actuator/env", r"\"propertySources\""),
    ("/actuator", r"\"_links\"\s*:\s*\{.*actuator"),
    ("/actuator/heapdump.json", r"HPROF"),
    ("/phpinfo.php", r"PHP Version"),
    ("/debug/pprof/", r"goroutine"),
    ("/debug/vars", r"\"memstats\""),
    ("/server-status", r"Apache Server Status"),
    ("/console", r"Interactive Console|Werkzeug"),
    ("/config.json", r"(?i)\"[^\"]*(?:secret|password|api_?key)[^\"]*\"\s*:\s*\"[^\"]+\""),
    ("/web.config", r"<configuration>"),
    ("/docker-compose.yml", r"^services:"),
    ("/backup.sql", r"INSERT INTO|CREATE TABLE"),
    ("/.aws/credentials", r"aws_secret_access_key"),
)
_HIDDEN: Final = (
    "/admin",
    "/admin/users",
    "/api/admin",
    "/api/admin/users",
    "/api/internal",
    "/internal",
    "/internal/users",
    "/debug",
    "/users/all",
    "/api/users/all",
    "/api/debug",
    "/_debug",
    "/export",
    "/backup",
)


@check(
    "API5-01",
    title="Privileged operations are refused to ordinary users",
    sends="operations whose path says that they are for administrators, with either user's token",
    fix="Demand a role or a scope in each privileged operation, and give it to nobody by default.",
    requirements=("RFC9068-4-p6",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-285",
    owasp="API5:2023",
)
def privileges_are_demanded(trial: Trial) -> Outcome:
    """Administration that is only missing from the menu is found by whoever reads the description.

    The auditor does not know who is an administrator, so an answer to both of two users is a suspicion.
    """
    operations = [
        each
        for each in trial.deployment.operations
        if each.safe and not each.public and _PRIVILEGED.search(urlsplit(each.url).path)
    ][:EVERY]
    trial.need(operations, "no operation is known whose path says that it is privileged")
    found = pair(trial)
    deployment = trial.deployment
    opened = []
    for operation in operations:
        answers = [
            trial.attack(
                f"{operation.name}, {who}",
                deployment.send_call(deployment.calling(operation, access), access),
            )
            for who, access in (("by the first user", found.owner), ("by the second user", found.other))
        ]
        if all(each.ok for each in answers):
            opened.append(operation.name)
    if opened:
        return suspected(f"Both users may call what looks privileged: {', '.join(opened)}.")
    return passed(f"{len(operations)} privileged operations were refused to at least one user.")


@check(
    "API5-02",
    title="A header does not turn one method into another",
    sends="GET with X-HTTP-Method-Override and its kin that name OPTIONS",
    fix="Switch method overriding off.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-436",
    owasp="API5:2023",
)
def methods_are_not_overridden(trial: Trial) -> Outcome:
    """A gateway allows GET and a proof is made for GET, and then the application deletes (RFC 9449 section 4.3 item 8).

    The check lets the header name OPTIONS, which does nothing. Where the answer then is that of OPTIONS, and the same
    request without the header is answered as before, the header counts.
    """
    deployment = trial.deployment
    access = deployment.access()
    operations = protected(trial, SAMPLE, with_userinfo=False)
    for operation in operations:
        control = trial.control(
            f"{operation.name}, as it is", deployment.send_call(deployment.calling(operation, access), access)
        )
        for name in _OVERRIDES:
            request = deployment.calling(operation, access).with_header(name, "OPTIONS")
            answer = trial.attack(f"{operation.name}, with {name}", deployment.send_call(request, access))
            again = deployment.send_call(deployment.calling(operation, access), access)
            changed = answer.status in (200, 204, 405, 501) and not served(answer, control)
            if changed and served(again, control):
                return suspected(
                    f"{operation.name} answers {answer.status} where {name} names another method."
                )
    return passed(f"{len(operations)} operations pass over headers that name another method.")


@check(
    "API5-02-delete",
    title="A header does not turn reading into deleting",
    sends="GET with X-HTTP-Method-Override and its kin that name DELETE, with a token that may only read",
    fix="Switch method overriding off.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-436",
    owasp="API5:2023",
    gives=("rights-widened",),
    needs=sacrificial,
)
def reading_is_not_deleting(trial: Trial) -> Outcome:
    """Whoever may only read deletes, where scopes are compared before the header is obeyed.

    The check makes an object and sees that a token of a narrow scope may read it and not delete it. Then it reads with
    that token and such a header, and looks as the owner whether the object is still there. A server that obeys the
    header before it compares the scopes refuses, and is right as well.
    """
    tried = 0
    scope = trial.deployment.party().entry.narrow_scope
    trial.need(scope, "the target file names no narrow_scope")
    access = trial.deployment.access(scope=scope)
    for place in sacrificial(trial):
        made = create(trial, place, {})
        deleting = (
            place.items["DELETE"].fill(made.values) if made is not None and "DELETE" in place.items else None
        )
        if made is None or made.read is None or made.reading is None or deleting is None:
            continue
        plain = trial.deployment.send_call(trial.deployment.calling(deleting, access), access)
        if not trial.observe(f"{deleting.name} with the narrow token", plain).refused:
            continue
        tried += 1
        for name in _OVERRIDES:
            request = trial.deployment.calling(made.reading, access).with_header(name, "DELETE")
            label = f"{made.reading.name}, with {name}: DELETE"
            trial.attack(label, trial.deployment.send_call(request, access))
            if trial.observe(f"{made.reading.name}, read again", made.read_again(trial)).refused:
                return failed(f"{made.reading.name} deleted the object where {name} said so.")
    trial.need(tried, "no object can be made that a token of the narrow scope may not delete")
    return passed(f"{tried} objects are still there after reading them with such headers.")


@check(
    "API5-03",
    title="Nothing of the inside lies open beside the API",
    sends="a bounded list of well-known paths without a token: .env, .git, actuator, consoles, copies",
    fix="Take these files and consoles off the machine, or bind them to an inner address.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-538",
    owasp="API8:2023",
    gives=("token-leaks",),
)
def inside_does_not_lie_open(trial: Trial) -> Outcome:
    """It fails only where the answer has what such a file has in it: a page for every path counts for nothing."""
    bases = _bases(trial)
    for base in bases:
        for path, pattern in _SECRET_PLACES:
            answer = trial.deployment.wire.send(Request(method="GET", url=base + path))
            page = answer.page()
            if (
                answer.ok
                and "<html" not in page[:500].lower()
                and re.search(pattern, page[:20_000], re.MULTILINE)
            ):
                trial.attack(f"{base}{path}", answer)
                return failed(f"{base}{path} is open to anybody.")
    trial.observe("the last of them", answer)
    return passed(f"None of {len(_SECRET_PLACES)} well-known paths is open at {', '.join(bases)}.")


@check(
    "API5-03-functions",
    title="No function that nobody described answers to anybody",
    sends="a bounded list of paths such as /admin/users without a token, and one that surely is nothing",
    fix="Take away what is not described, or protect it like the rest.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-425",
    owasp="API5:2023",
    gives=("anonymous-access",),
)
def hidden_functions_do_not_answer(trial: Trial) -> Outcome:
    """An invented path shows first how the API says that there is nothing; what answers JSON and 2xx is something."""
    known = {urlsplit(each.url).path.rstrip("/") for each in trial.deployment.operations}
    found, asked = [], 0
    for base in _bases(trial):
        nothing = trial.deployment.wire.send(Request(method="GET", url=f"{base}/trustweft-is-nothing"))
        trial.observe(f"{base}, a path that is nothing", nothing)
        if nothing.ok:
            continue
        for path in _HIDDEN:
            url = base + path
            if urlsplit(url).path.rstrip("/") in known:
                continue
            asked += 1
            answer = trial.deployment.wire.send(Request(method="GET", url=url))
            if answer.ok and "json" in (answer.header("content-type") or ""):
                trial.attack(url, answer)
                found.append(url)
    if found:
        return suspected(f"Paths that nobody described answer to anybody: {', '.join(found)}.")
    if not asked:
        raise Inconclusive("the API answers 2xx to any path")
    return passed(f"None of {asked} paths that nobody described answers without a token.")


def _bases(trial: Trial) -> list[str]:
    bases = [each.url.rstrip("/") for each in trial.deployment.target.apis]
    bases += [f"{urlsplit(each).scheme}://{urlsplit(each).netloc}" for each in bases]
    trial.need(bases, "the target file names no API")
    return list(dict.fromkeys(bases))[:4]


@check(
    "API2-02",
    title="An API takes no password beside tokens",
    sends="operations with Basic authentication: the user's name and password, and the client's",
    fix="Take tokens only; a password at an API bypasses consent, binding and revocation.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-287",
    owasp="API2:2023",
)
def passwords_open_nothing(trial: Trial) -> Outcome:
    """Old ways in stay open when tokens come; none of what OAuth promises holds for them."""
    deployment = trial.deployment
    user, party = deployment.user(), deployment.party()
    pairs = {"the user's password": (user.username, user.password)}
    if party.entry.secret:
        pairs["the client's secret"] = (party.client_id, party.entry.secret)

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        for label, (name, secret) in pairs.items():
            request = operation.request().with_header("authorization", basic(name, secret))
            yield f"with {label}", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, EVERY),
        attacks,
        failure="A password opened an operation.",
        success="Passwords opened nothing",
    )
