"""What protected resources publish about themselves (RFC 9728)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Request, origin_of
from trustweft.audit.verdict import Role, Severity
from trustweft.protocol.well_known import resource_well_known_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_MEMBERS: Final = frozenset({"resource", "authorization_servers"})  # without either it is some other document
_POINTER: Final = re.compile(r'resource_metadata\s*=\s*"([^"]+)"', re.IGNORECASE)


@check(
    "META-14",
    title="An API says truly whose it is and who gives tokens for it",
    sends="a request without a token to each API, and one for the metadata that the refusal or RFC 9728 names",
    fix="Publish the API's own identifier as resource, and your authorization server among authorization_servers.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-346",
    owasp="API8:2023",
)
def resources_describe_themselves(trial: Trial) -> Outcome:
    """A client that reads there which server to ask is sent to a stranger's by one wrong line (RFC 9728 section 7.6).

    Section 3.3 has clients compare ``resource`` with what they called. The check does so for each API that publishes
    metadata, and looks whether this deployment's issuer is among its authorization servers.
    """
    wrong, read = [], 0
    for operation in _one_of_each(trial):
        refusal = trial.observe(
            f"{operation.name} without a token", trial.deployment.wire.send(operation.request())
        )
        pointer = _pointer(refusal)
        url = pointer or resource_well_known_url(operation.api.resource or operation.api.url)
        if (urlsplit(url).hostname or "").lower() not in trial.deployment.wire.hosts:
            continue
        request = Request(method="GET", url=url, headers=(("accept", "application/json"),))
        answer = trial.observe(f"The metadata of {operation.api.url}", trial.deployment.wire.send(request))
        if answer.ok and _MEMBERS & set(answer.document()):
            read += 1
            wrong += [f"{operation.api.url}: {each}" for each in _faults(trial, operation, answer)]
        elif pointer:
            trial.need_clear([answer])
            if answer.header("location"):
                raise Inconclusive(
                    f"the metadata of {operation.api.url} is somewhere else: it is redirected to"
                )
            wrong.append(f"{operation.api.url}: the refusal names metadata that is not there")
    trial.need(read or wrong, "no API publishes metadata of its own (RFC 9728) where it may be asked")
    if wrong:
        return failed(f"What APIs say of themselves is wrong. {'; '.join(wrong)}.")
    return passed(f"The metadata of {read} APIs names the API itself and this issuer.")


def _one_of_each(trial: Trial) -> Iterator[Operation]:
    seen: set[str] = set()
    for each in trial.deployment.operations:
        if each.safe and not each.public and each.api.url not in seen:
            seen.add(each.api.url)
            yield each


def _pointer(refusal: Exchange) -> str:
    found = _POINTER.search(refusal.header("www-authenticate") or "")
    return found[1] if found else ""


def _faults(trial: Trial, operation: Operation, answer: Exchange) -> Iterator[str]:
    resource = answer.text("resource")
    called = operation.request().url
    if not resource or (resource != operation.api.resource and not _holds(resource, called)):
        yield f"resource is {resource[:100] or 'missing'}"
    servers, issuer = answer.document().get("authorization_servers"), trial.deployment.discovery.issuer
    if isinstance(servers, list) and issuer not in servers:
        yield f"authorization_servers lacks {issuer}"


def _holds(resource: str, called: str) -> bool:
    """Tell whether what was called lies in the resource: the same origin, and below its path."""
    path = urlsplit(resource).path.rstrip("/")
    below = urlsplit(called).path
    return origin_of(resource) == origin_of(called) and (below == path or below.startswith(f"{path}/"))
