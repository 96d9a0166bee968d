"""MoneyView, the sample client application: shows the accounts of people who allow it.

A second one with another name and look (PayPilot) is this same application, configured otherwise.

What matters for security, and holds for any client application: a flow starts with a POST that only this site's own
page can send; what the callback must match lies in the session of the browser that started, and is taken out once;
the session gets a new name when tokens arrive; tokens never reach the browser.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec

from trustweft.client.errors import AuthorizationDeniedError, ServerRefusedError
from trustweft.client.publishing import MAXIMUM_AGE, publish
from trustweft.demo.bank_reader import ENDED, read_accounts
from trustweft.net.asgi import application
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import parse_form
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.web.pages import CONTENT_TYPE, Pages
from trustweft.web.security_headers import security_headers
from trustweft.web.static_application import with_static_files
from trustweft.web.views import AccountsView, ConnectView, ErrorView, Link, Participant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trustweft.client.drivers import AsyncClient
    from trustweft.client.publishing import SigningKeys
    from trustweft.demo.moneyview_sessions import Session, Sessions
    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.observability import Observer

    _Handler = Callable[[HttpRequest, Session | None], Awaitable[HttpResponse]]

__all__ = ["MoneyViewConfig", "create_moneyview"]

BODY_LIMIT: Final = 16_384
_SEE_OTHER: Final = 303

NOT_FOUND = reason(
    "moneyview.not-found", error="invalid_request", public="There is nothing at this address.", status=404
)
METHOD = reason(
    "moneyview.method",
    error="invalid_request",
    public="This address does not answer to that method.",
    status=405,
)
FORGED = reason(
    "moneyview.forged",
    error="access_denied",
    public="The request did not come from a page of this application.",
    status=403,
)
NO_FLOW = reason(
    "moneyview.no-flow",
    error="invalid_request",
    public="This browser did not start the authorization that it brings the answer of.",
)
DENIED = reason(
    "moneyview.denied",
    error="access_denied",
    public="You did not allow this application to see your accounts.",
)
BANK_REFUSED = reason(
    "moneyview.bank-refused", error="server_error", public="The bank refused the request.", status=502
)
BANK_AWAY = reason(
    "moneyview.bank-away", error="server_error", public="The bank does not answer.", status=502
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyViewConfig:
    """What an operator decides about MoneyView.

    Attributes:
        base_url: where people reach it.
        bank_url: the bank's API.
        bank_name: what people call the bank.
        authorization_origin: of the authorization endpoint: a form of ours redirects there, and browsers check each hop.
        keys: those of its assertions; the public halves are at ``/jwks``.
        name: what people call it.
        look: its colours and its mark.
        headline: what it is for; ``promise`` is what it does, a sentence that begins with its name.
    """

    base_url: str
    bank_url: str
    bank_name: str
    authorization_origin: str
    keys: SigningKeys
    name: str = "MoneyView"
    look: Literal["moneyview", "paypilot"] = "moneyview"
    headline: str | None = None
    promise: str | None = None

    @property
    def cookie(self) -> str:
        """The name of its cookie; cookies ignore ports, so the name says whose it is."""
        return f"__Host-trustweft-{self.look}"


def create_moneyview(
    config: MoneyViewConfig,
    *,
    client: AsyncClient,
    sessions: Sessions,
    observer: Observer,
) -> Application:
    """Return the application.

    Args:
        config: what the operator decides.
        client: MoneyView as an OAuth client.
        sessions: of the people who visit it.
        observer: hears of refusals and failures.
    """
    moneyview = _MoneyView(config, client=client, sessions=sessions, observer=observer)
    return with_static_files(
        application(
            moneyview.respond,
            participant=config.look,
            observer=observer,
            body_limit=BODY_LIMIT,
            endpoint_of=lambda path: path if path in moneyview.routes else "none",
        )
    )


class _MoneyView:
    def __init__(
        self,
        config: MoneyViewConfig,
        *,
        client: AsyncClient,
        sessions: Sessions,
        observer: Observer,
    ) -> None:
        self._config = config
        self._client = client
        self._sessions = sessions
        self._observer = observer
        self._pages = Pages()
        self._who = Participant(name=config.name, host=urlsplit(config.base_url).netloc, look=config.look)
        # The secret is looked for under our own name alone: others of this host have cookies too.
        self._cookie_value = re.compile(rf"(?:^|;\s*){re.escape(config.cookie)}=([A-Za-z0-9_-]{{43}})(?=;|$)")
        self.routes: dict[str, tuple[str, _Handler]] = {
            "/": ("GET", self._start),
            "/connect": ("POST", self._connect),
            "/callback": ("GET", self._callback),
            "/accounts": ("GET", self._accounts),
            "/disconnect": ("POST", self._disconnect),
            "/jwks": ("GET", self._jwks),
        }

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; whatever is refused becomes a page."""
        session = self._sessions.find(self._cookie(request))
        try:
            if request.path not in self.routes:
                raise NOT_FOUND.reject(repr(request.path)[:200])
            method, handler = self.routes[request.path]
            if request.method not in ({"GET", "HEAD"} if method == "GET" else {method}):
                raise METHOD.reject(request.method[:20], headers=(("allow", method),))
            if method == "POST":
                self._refuse_forgery(request, session)
            return await handler(request, session)
        except Reject as refusal:
            return self._refuse(refusal)
        except AuthorizationDeniedError as denied:
            return self._refuse(DENIED.reject(denied.error))
        except ServerRefusedError as refused:
            return self._refuse(BANK_REFUSED.reject(str(refused)))
        except httpx2.HTTPError as cause:
            return self._refuse(BANK_AWAY.reject(repr(cause)[:200]))

    @enforces("FAPI2-SP-5.3.3.1-12")
    def _refuse_forgery(self, request: HttpRequest, session: Session | None) -> None:
        """Only a form of our own page starts anything: another site's has neither the token nor our origin."""
        if request.header("sec-fetch-site") not in (None, "same-origin"):
            raise FORGED.reject("sec-fetch-site")
        presented = parse_form(request.body, content_type=request.header("content-type")).get("csrf") or ""
        expected = "" if session is None else session.csrf
        if not expected or not hmac.compare_digest(presented.encode(), expected.encode()):
            raise FORGED.reject("csrf")

    async def _start(self, _request: HttpRequest, session: Session | None) -> HttpResponse:
        if session is not None and session.connected:
            return _see_other("/accounts")
        fresh = session is None
        session = session or self._sessions.begin()
        view = ConnectView(
            participant=self._who, bank=self._config.bank_name, csrf=session.csrf, action="/connect"
        )
        words = {"headline": self._config.headline, "promise": self._config.promise}
        view = msgspec.structs.replace(view, **{name: said for name, said in words.items() if said})
        page = self._page(
            self._pages.moneyview_start(view), form_targets=(self._config.authorization_origin,)
        )
        return self._with_cookie(page, session) if fresh else page

    async def _connect(self, _request: HttpRequest, session: Session | None) -> HttpResponse:
        if session is None:
            raise FORGED.reject("session")
        started = await self._client.begin()
        session.pending = started.pending
        return _see_other(started.url)

    @enforces(
        "FAPI2-SP-5.3.3.1-4",
        "FAPI2-SP-6.4-2",
        "RFC9700-4.2.4-5",
        "RFC9700-UPDATE-2.3.2-p1",
        "RFC9700-UPDATE-2.3.2-p3",
    )
    async def _callback(self, request: HttpRequest, session: Session | None) -> HttpResponse:
        if session is None or session.pending is None:
            raise NO_FLOW.reject()
        pending, session.pending = session.pending, None  # taken out once, whatever comes of it
        await self._client.finish(pending, request.query.decode("latin-1"), name=session.name)
        # Only this answer brings the new secret: whoever else has the old one gets nothing by it.
        self._sessions.connect(session)
        # A fixed address: nothing in the callback says where to go.
        return self._with_cookie(_see_other("/accounts"), session)

    async def _accounts(self, _request: HttpRequest, session: Session | None) -> HttpResponse:
        if session is None or not session.connected:
            return _see_other("/")
        try:
            accounts = await read_accounts(self._client, self._config.bank_url, name=session.name)
        except Reject as refusal:
            if refusal.reason is ENDED:
                self._sessions.end(session)
            raise
        except ServerRefusedError as refused:  # the tokens are not renewed any more
            self._sessions.end(session)
            raise ENDED.reject(str(refused)) from refused
        view = AccountsView(
            participant=self._who,
            bank=self._config.bank_name,
            accounts=accounts,
            until=None,
            csrf=session.csrf,
            disconnect_action="/disconnect",
        )
        return self._page(self._pages.moneyview_accounts(view))

    async def _disconnect(self, _request: HttpRequest, session: Session | None) -> HttpResponse:
        if session is not None and session.connected:
            try:
                await self._client.revoke(session.name)
            finally:
                self._sessions.end(session)
        return _see_other("/")

    async def _jwks(self, _request: HttpRequest, _session: Session | None) -> HttpResponse:
        headers = (
            ("content-type", "application/jwk-set+json"),
            ("cache-control", f"public, max-age={MAXIMUM_AGE}"),
        )
        return HttpResponse(200, headers, msgspec.json.encode(publish(self._config.keys)))

    def _cookie(self, request: HttpRequest) -> str | None:
        found = [
            value
            for header in request.header_values("cookie")
            for value in self._cookie_value.findall(header)
        ]
        return found[0] if len(found) == 1 else None

    def _with_cookie(self, response: HttpResponse, session: Session) -> HttpResponse:
        # Lax, not Strict: the callback is a navigation from the bank's site, and must bring the session along.
        cookie = f"{self._config.cookie}={session.secret}; Path=/; Secure; HttpOnly; SameSite=Lax"
        return HttpResponse(response.status, (*response.headers, ("set-cookie", cookie)), response.body)

    def _refuse(self, refusal: Reject) -> HttpResponse:
        self._observer.refused(self._config.look, "page", refusal)
        view = ErrorView(
            participant=self._who,
            title="This did not work",
            public=refusal.reason.public,
            reason=refusal.reason.id,
            advice="Go back to the start and try again.",
            support=refusal.reason.id,
            onward=Link(label="To the start", url="/"),
        )
        page = self._page(self._pages.moneyview_error(view), status=refusal.reason.status)
        headers = (*page.headers, ("trustweft-reason", refusal.reason.id), *refusal.headers)
        return HttpResponse(page.status, headers, page.body)

    def _page(self, body: bytes, *, status: int = 200, form_targets: Sequence[str] = ()) -> HttpResponse:
        protection = security_headers(base_url=self._config.base_url, form_targets=form_targets)
        return HttpResponse(status, (("content-type", CONTENT_TYPE), *protection), body)


def _see_other(location: str) -> HttpResponse:
    headers = (("location", location), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
    return HttpResponse(_SEE_OTHER, headers)
