"""The console as an application below ``/console`` of the directory's origin; it brings the static files it needs.

What every request goes through, in this order: route, method, form and query once each, the browser's word that a form
is ours, session, token of the form, right, time looked at. Only then does a page run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.net.asgi import application
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.oauth import parse_form, parse_query
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.server.login.forgery import check_sent_from, check_token
from trustweft.web.console.cookies import CEREMONY, SESSION, read_cookie
from trustweft.web.console.parts import ROOT, ConsoleParts, ConsoleSettings, Visit
from trustweft.web.console.rights import NOT_FOUND, check_right
from trustweft.web.console.routes import find_routes
from trustweft.web.console.sign_in import SIGN_IN, account_is_good
from trustweft.web.console.times import parse_time
from trustweft.web.static_application import with_static_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.directory.keeper import Keeper
    from trustweft.directory.people import ConsoleStore
    from trustweft.directory.terms import Terms
    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer
    from trustweft.web.console.routes import Found

__all__ = ["BODY_LIMIT", "create_console", "with_console"]

# Octets of a form: a passkey's answer is the largest, and `passkeys` takes 32 KiB of it, three times as long encoded.
BODY_LIMIT: Final = 131_072

METHOD = reason(
    "console.method",
    error="invalid_request",
    public="This address does not know that method.",
    status=405,
    shown=Shown.PAGE,
)


def create_console(
    settings: ConsoleSettings,
    *,
    keeper: Keeper,
    accounts: ConsoleStore,
    terms: Callable[[], Terms],
    clock: Clock,
    entropy: Entropy,
    observer: Observer,
) -> Application:
    """Return the application; it answers for ``/console``, everything below it, and ``/static``.

    Args:
        settings: where it is, and where the evidence log is.
        keeper: of the register. It may be the one of the directory's own application.
        accounts: the people; ``store.people.SqliteConsoleStore``.
        terms: the same that the keeper was given.
        clock: tells the time.
        entropy: makes secrets.
        observer: hears of refusals and sign-ins.
    """
    parts = ConsoleParts(
        settings,
        keeper=keeper,
        accounts=accounts,
        terms=terms,
        clock=clock,
        entropy=entropy,
        observer=observer,
    )
    console = _Console(parts)
    return with_static_files(
        application(
            console.respond,
            participant="console",
            observer=observer,
            body_limit=BODY_LIMIT,
            endpoint_of=_endpoint_of,
            entropy=entropy,
        )
    )


def with_console(directory: Application, console: Application) -> Application:
    """Return an application that hands the console what is its own, and the rest to the directory at the same origin.

    Whatever stands in front of a proxy has to stand in front of this too: attempts are counted by the address.
    """

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "") if scope["type"] == "http" else ""
        own = path == ROOT or path.startswith((f"{ROOT}/", "/static/"))
        await (console if own else directory)(scope, receive, send)

    return run


def _endpoint_of(path: str) -> str:
    """Name the endpoint without what stands in the address: it may be the secret of an invitation."""
    found = find_routes(path)
    return found[0].route.address if found else "other"


class _Console:
    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the page, or the page that says why there is none."""
        visit = Visit(parts=self._parts, request=request, now=self._parts.clock.now(), named={})
        found: Found | None = None
        try:
            found = _find(request)
            return await self._open(found, visit)
        except Reject as refusal:
            self._parts.observer.refused("console", _endpoint_of(request.path), refusal)
            return self._refuse(visit, refusal)

    async def _open(self, found: Found, visit: Visit) -> HttpResponse:
        request, route = visit.request, found.route
        visit.named = found.named
        visit.query = parse_query(request.query)
        visit.query.refuse_duplicates()
        if route.method == "POST":
            check_sent_from(request, origin=self._parts.settings.origin)
            visit.form = parse_form(
                request.body, content_type=request.header("content-type"), maximum_octets=BODY_LIMIT
            )
            visit.form.refuse_duplicates()
        if route.right is None:
            visit.secret = read_cookie(request, CEREMONY) or ""
        elif not await self._identify(visit):
            return visit.go(SIGN_IN)
        if route.method == "POST":
            _check_form(visit)
        if route.right is not None:
            check_right(visit.person, route.right)
            self._look_back(visit, dated=route.dated)
        return await route.answer(visit)

    async def _identify(self, visit: Visit) -> bool:
        """Establish who is signed in, and what the register knows; False where nobody is."""
        secret = read_cookie(visit.request, SESSION)
        if secret is None:
            return False
        digest = digest_of(secret)
        person = await self._parts.accounts.find_session(digest, now=visit.now)
        if person is None:
            return False
        visit.register = await self._parts.keeper.read()
        if not account_is_good(person, visit.register.now):
            await self._parts.accounts.sign_out(digest)
            return False
        visit.secret, visit.person = secret, person
        await self._parts.accounts.touch(digest, now=visit.now)
        return True

    def _look_back(self, visit: Visit, *, dated: bool) -> None:
        """Establish what is so at the time that is looked at; nothing is changed but now."""
        asked = visit.query.get("at") if dated else None
        if asked is not None:
            visit.at = parse_time(asked, now=visit.now)
        visit.snapshot = visit.register.now if visit.at is None else visit.register.as_of(visit.at)

    def _refuse(self, visit: Visit, refusal: Reject) -> HttpResponse:
        why = refusal.reason
        kept = (*refusal.headers, ("trustweft-reason", why.id))
        if visit.request.path.endswith("/options"):  # read by the script of a page
            fields = {"error": why.error, "error_description": why.public}
            return json_response(fields, status=why.status, headers=kept)
        visit.at = None
        page = visit.page("error", place="", status=_status(refusal), public=why.public, reason=why.id)
        return HttpResponse(page.status, (*page.headers, *kept), page.body)


def _status(refusal: Reject) -> int:
    """Return the status of a page; a reason of another participant may have one that sends its own browsers on."""
    status = refusal.reason.status
    return max(status, 400)  # the first status of a refusal


def _find(request: HttpRequest) -> Found:
    """Return the route of a request.

    Raises:
        Reject: ``console.not-found``, ``console.method``.
    """
    method = "GET" if request.method == "HEAD" else request.method
    found = find_routes(request.path)
    if not found:
        raise NOT_FOUND.reject(f"{len(request.path)} characters")  # it may be the secret of an invitation
    for each in found:
        if each.route.method == method:
            return each
    allowed = ", ".join(sorted({each.route.method for each in found}))
    raise METHOD.reject(method[:20], headers=(("allow", allowed),))


def _check_form(visit: Visit) -> None:
    """Hold that the form is the one that this browser was shown.

    Raises:
        Reject: ``csrf.token``.
    """
    # Without a secret there is no token, and an empty one of somebody else's must not match it.
    check_token(visit.form.get("csrf") if visit.secret else None, expected=visit.csrf)
