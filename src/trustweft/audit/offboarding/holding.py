"""Obtaining live credentials, as their holder would, and trying each before anything happens to it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.offboarding.attempts import Answer, Copy, Held, Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trustweft.audit.access import Access
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.flow import Flow
    from trustweft.audit.offboarding.scene import Call, Holder, Site
    from trustweft.protocol.offboarding_probe import Credential

__all__ = ["COPIES", "call_with", "hold", "key_use", "refresh_use"]

COPIES: Final = 13  # our choice: one for before, and a dozen that are tried over nine seconds
_AT_ONCE: Final = 3  # logins beside each other: each keeps a core of the server busy with a password
# RFC 6749 section 4.1.2.1: what a redirect says where an answer would have the status 500 or 503. That is no refusal.
_UNABLE: Final = frozenset({"server_error", "temporarily_unavailable"})
_REFUSALS: Final = frozenset({401, 403})


def hold(site: Site) -> list[Held]:
    """Obtain what the subject could have in its hands at a server and its APIs, and try one of each.

    What cannot be had is there without a copy: its test is void, and says so.
    """
    makers: dict[Credential, Callable[[Site], Iterator[Held]]] = {
        "client_key": _keys,
        "refresh_token": _refresh_tokens,
        "access_token": _access_tokens,
        "code": _codes,
        "request_uri": _request_uris,  # last: it lives for the shortest time
    }
    found: list[Held] = []
    for credential, make in makers.items():
        if credential in site.credentials:
            try:
                found += make(site)
            except (Inconclusive, NotApplicable) as cause:
                found.append(_void(site, credential, str(cause)))
    for each in found:
        if each.before is None:
            each.try_before()
    return found


def _held(site: Site, credential: Credential, copies: list[Copy], *, spent: bool = False) -> Held:
    return Held(
        participant=site.participant,
        kind="server",
        credential=credential,
        clock=site.deployment.clock,
        copies=deque(copies),
        spent=spent,
    )


def _void(site: Site, credential: Credential, why: str) -> Held:
    void = _held(site, credential, [])
    if credential == "access_token" and site.subject.calls:
        void.participant, void.kind = site.subject.calls[0].participant, "resource"
    void.before = Answer(Outcome.UNCLEAR, why[:200])
    return void


def _flow(site: Site) -> Flow:
    holder = site.subject
    return site.deployment.flow(holder.party, changes={"scope": holder.scope})


def _by_code(holder: Holder) -> bool:
    return "authorization_code" in holder.party.entry.grant_types


def _need_code(site: Site) -> None:
    if not _by_code(site.subject):
        raise NotApplicable("the client may not ask a user for anything")


def _keys(site: Site) -> Iterator[Held]:
    """The client's key or certificate: what it authenticates with is used anew each time."""
    yield _held(site, "client_key", [Copy(key_use(site.deployment, site.subject))])


def key_use(deployment: Deployment, holder: Holder) -> Callable[[], Answer]:
    """Return the use of a client's key: it pushes a request, or asks for a token of its own."""

    def push() -> Answer:
        pushed = deployment.flow(holder.party, changes={"scope": holder.scope}).push()
        return judge(pushed, good=pushed.ok and bool(pushed.text("request_uri")))

    def ask() -> Answer:
        return _asked(deployment, holder)

    return push if _by_code(holder) else ask


def _asked(deployment: Deployment, holder: Holder) -> Answer:
    from trustweft.audit.flow import bound

    party, plan = holder.party, deployment.plan(holder.party)
    url = plan.endpoint("token_endpoint", party)
    request = form_request(url, ("grant_type", "client_credentials"), ("scope", holder.scope))
    request = bound(party.authenticate(request), party=party, wire=deployment.wire, plan=plan)
    answer = deployment.send_bound(request, party)
    return judge(answer, good=answer.issued)


def _access(site: Site) -> Access:
    holder = site.subject
    return site.deployment.fresh_access(holder.party, holder.user, scope=holder.scope)


def _refresh_tokens(site: Site) -> Iterator[Held]:
    _need_code(site)
    yield _held(site, "refresh_token", [Copy(refresh_use(site.deployment, _access(site)))])


def refresh_use(deployment: Deployment, access: Access) -> Callable[[], Answer]:
    """Return the use of a refresh token; where a new one comes, that is used next.

    Raises:
        NotApplicable: there is none.
    """
    if not access.refresh_token:
        raise NotApplicable("the server gave no refresh token")
    held = [access]

    def use() -> Answer:
        answer = deployment.send_bound(deployment.refreshing(held[0]), access.party)
        if answer.issued and answer.text("refresh_token"):
            held[0] = replace(held[0], refresh_token=answer.text("refresh_token"))
        return judge(answer, good=answer.issued)

    return use


def _access_tokens(site: Site) -> Iterator[Held]:
    """One access token at each API, and at the server's own userinfo endpoint where it is good for that."""
    deployment, access = site.deployment, _access(site)
    userinfo = deployment.discovery.text("userinfo_endpoint")
    if userinfo and "openid" in access.scope.split():
        request = Request(method="GET", url=userinfo)

        def ask() -> Answer:
            answer = deployment.send_call(deployment.using(request, access), access)
            return judge(answer, good=answer.ok)

        yield _held(site, "access_token", [Copy(ask, access.expires_at)])
    for call in site.subject.calls:
        held = _held(site, "access_token", [Copy(call_with(deployment, call, access), access.expires_at)])
        held.participant, held.kind = call.participant, "resource"
        yield held


def call_with(deployment: Deployment, call: Call, access: Access) -> Callable[[], Answer]:
    """Return the use of an access token at an API."""

    def use() -> Answer:
        answer = deployment.send_call(deployment.calling(call.operation, access), access)
        good = answer.status in call.good and answer.status not in _REFUSALS
        return judge(answer, good=good)

    return use


def _codes(site: Site) -> Iterator[Held]:
    """Codes that were never redeemed, each of an authorization of its own."""
    _need_code(site)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield _held(site, "code", list(pool.map(lambda _: _code(site), range(COPIES))), spent=True)


def _code(site: Site) -> Copy:
    deployment, flow = site.deployment, _flow(site)
    until = deployment.clock.now() + site.code_seconds
    code = deployment.code(flow, site.subject.user)

    def redeem() -> Answer:
        answer = deployment.send_bound(flow.token_request(code), flow.party)
        return judge(answer, good=answer.issued)

    return Copy(redeem, until)


def _request_uris(site: Site) -> Iterator[Held]:
    """Pushed requests that no browser has opened."""
    _need_code(site)
    if not site.deployment.plan(site.subject.party).pushes:
        raise NotApplicable("the server takes no pushed requests")
    yield _held(site, "request_uri", [_request_uri(site) for _ in range(COPIES)], spent=True)


def _request_uri(site: Site) -> Copy:
    deployment, flow = site.deployment, _flow(site)
    began = deployment.clock.now()
    pushed = flow.push()
    request_uri = flow.plan.expect(pushed, "request_uri", "the pushed authorization request")
    lifetime = pushed.document().get("expires_in")
    until = began + (lifetime if isinstance(lifetime, int | float) else site.code_seconds)

    def open_it() -> Answer:
        visit = flow.browser.open(flow.pushed_url(request_uri))
        if visit.callback is not None:  # a browser that is sent back with an error was refused
            error = visit.callback.parameters.get("error")
            if error in _UNABLE:
                outcome = Outcome.UNCLEAR
            else:
                outcome = Outcome.ACCEPTED if error is None else Outcome.REFUSED
            return Answer(outcome, f"called back with {(error or 'no error')[:80]}")
        return judge(visit.last, good=visit.last.ok and bool(visit.page.forms))

    return Copy(open_it, until)
