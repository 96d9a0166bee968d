"""Attacks on every protected operation: control first, then what must be refused, each with everything else fresh."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from trustweft.audit.answers import served
from trustweft.audit.api import Operation
from trustweft.audit.check import Inconclusive, passed
from trustweft.audit.exchange import origin_of
from trustweft.audit.target import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.trial import Trial

__all__ = [
    "EVERY",
    "SAMPLE",
    "Attack",
    "as_it_is",
    "attack_each",
    "call_with",
    "harmless",
    "protected",
    "send_fresh",
    "userinfo",
    "with_token",
]

EVERY: Final = 24  # operations for an attack of one or two requests
SAMPLE: Final = 3  # operations for a pack of many
UNAUTHORIZED: Final = 401

if TYPE_CHECKING:
    Attack = tuple[str, Callable[[], Request]]


def protected(trial: Trial, limit: int = EVERY, *, with_userinfo: bool = True) -> list[Operation]:
    """Return reading operations that answer to a token and not to anybody: where a check of tokens can be seen.

    Raises:
        NotApplicable: there is none.
    """
    deployment = trial.deployment
    known = [each for each in deployment.operations if each.safe and not each.public]
    if with_userinfo:
        known += userinfo(deployment)
    trial.need(known, "no reading operation is known that wants a token")
    closed = [each for each in _spread(known) if not _answers_anybody(deployment, each)]
    trial.need(closed, "every operation answers anybody, token or not")
    return closed[:limit]


def _spread(operations: Sequence[Operation]) -> list[Operation]:
    """Return them so that the first few are of as many APIs and kinds as possible."""
    ranks: dict[str, int] = {}
    ranked = []
    for each in operations:
        key = origin_of(each.url) + urlsplit(each.api.url).path
        ranks[key] = ranks.get(key, -1) + 1
        ranked.append((ranks[key], each))
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]


def harmless(operation: Operation) -> Request:
    """Return the request with an empty body, and identifiers that nothing has."""
    parts = urlsplit(operation.url)
    segments = parts.path.split("/")
    for _, value in operation.places:
        # Whole segments, from the right: an identifier may begin another one, or be a word of the address.
        found = [index for index, each in enumerate(segments) if each == quote(value, safe="")]
        if found:
            segments[found[-1]] = "0" if value.isdigit() else "trustweft-nothing"
    url = urlunsplit(parts._replace(path="/".join(segments)))
    body = b"{}" if operation.method in ("POST", "PUT", "PATCH") else b""
    headers = tuple(pair for pair in operation.headers if pair[0].lower() != "content-type")
    typed = (*headers, ("content-type", "application/json")) if body else headers
    return replace(operation.request(), url=url, body=body, headers=typed)


def _answers_anybody(deployment: Deployment, operation: Operation) -> bool:
    known = deployment.answers_anybody.get(operation.url)
    if known is None:
        known = deployment.wire.send(operation.request()).ok
        deployment.answers_anybody[operation.url] = known
    return known


def userinfo(deployment: Deployment) -> list[Operation]:
    """Return the server's userinfo endpoint as an operation, where it has one that our token may use."""
    if not deployment.discovery.text("userinfo_endpoint") or not deployment.parties:
        return []
    party = deployment.party()
    if "openid" not in party.entry.scope.split():
        return []
    operation = Operation(
        api=Api(url=deployment.discovery.issuer, name="userinfo"),
        name="GET userinfo",
        method="GET",
        url=deployment.plan(party).endpoint("userinfo_endpoint", party),
        described={},
    )
    takes = deployment.once.find(
        ("userinfo takes the token", operation.url), lambda: _takes(deployment, operation)
    )
    return [operation] if takes else []


def _takes(deployment: Deployment, operation: Operation) -> bool:
    """Whether an operation takes the shared token: one for an API alone is none for userinfo (RFC 8707)."""
    access = deployment.access()
    return deployment.send_call(deployment.calling(operation, access), access).ok


def send_fresh(deployment: Deployment, build: Callable[[], Request]) -> Exchange:
    """Send what ``build`` makes; once more, made anew, where the answer only asks for a nonce (RFC 9449 section 9)."""
    exchange = deployment.wire.send(build())
    asks = exchange.header("www-authenticate") or ""
    if "use_dpop_nonce" in asks or exchange.text("error") == "use_dpop_nonce":
        return deployment.wire.send(build())
    return exchange


def with_token(
    deployment: Deployment, operation: Operation, access: Access, token: str
) -> Callable[[], Request]:
    """Return what makes the request with another token in place of the real one; a proof fits that other token."""
    return lambda: deployment.calling(operation, replace(access, token=token))


def as_it_is(request: Request) -> Callable[[], Request]:
    """Return what gives this request, where nothing in it has to be fresh."""
    return lambda: request


def attack_each(
    trial: Trial,
    operations: Sequence[Operation],
    attacks: Callable[[Operation, Access], Iterable[Attack]],
    *,
    failure: str,
    success: str,
    accepted: Callable[[Exchange, Exchange], bool] = served,
    access: Access | None = None,
    refused_on_the_wire: str = "",
) -> Outcome:
    """Try attacks on operations that work; say how many were reached.

    Args:
        trial: whose evidence it is.
        operations: that are attacked.
        attacks: label and request of each, made for one operation and the token that works there.
        failure: what is wrong where one goes through.
        success: what is right where none does.
        accepted: whether the attack (first) went through, as the control (second) did.
        access: the token of the controls; the shared one unless given.
        refused_on_the_wire: what is right where no attack even got an answer.

    Raises:
        Inconclusive: the good request is refused everywhere, or the answers say neither.
    """
    deployment = trial.deployment
    access = access or deployment.access()
    attempts: list[Exchange] = []
    controls: dict[int, Exchange] = {}
    reached, refusal = 0, None
    for operation in operations:
        try:
            good = deployment.send_call(deployment.calling(operation, access), access)
            control = trial.control(f"{operation.name}, with its token", good)
        except Inconclusive as cause:
            refusal = cause
            continue
        reached += 1
        for label, build in attacks(operation, access):
            exchange = trial.attack(f"{operation.name}, {label}", send_fresh(deployment, build))
            attempts.append(exchange)
            controls[id(exchange)] = control
    if refusal is not None and not reached:
        raise refusal
    if refused_on_the_wire and not attempts:
        return passed(refused_on_the_wire)
    trial.need(attempts, "nothing here can be attacked in this way")
    return trial.judge(
        attempts,
        accepted=lambda each: accepted(each, controls[id(each)]),
        failure=failure,
        success=f"{success} ({reached} of {len(operations)} operations, {len(attempts)} attempts)",
    )


def call_with(trial: Trial, operation: Operation, access: Access) -> Exchange:
    """Send an operation's good request with a token."""
    return trial.deployment.send_call(trial.deployment.calling(operation, access), access)
