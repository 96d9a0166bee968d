"""The authorization server as one ASGI application: routes, pipelines, and how a refusal is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.net.asgi import application
from trustweft.protocol.dpop_nonces import NONCE_HEADER
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.oauth import error_fields
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.server.checks.request_object import BY_VALUE, find_way
from trustweft.server.config import PATHS
from trustweft.server.documents import Documents
from trustweft.server.endpoints.userinfo import challenge
from trustweft.server.exchange import Deployment, Exchange
from trustweft.server.login.answers import page_refusal, redirect_refusal
from trustweft.server.login.pipelines import INTERACTION_PIPELINES, find_interaction_endpoint
from trustweft.server.pipeline import Pipelines, run
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from trustweft.net.asgi import Application
    from trustweft.profile import Profile
    from trustweft.protocol.http import HttpRequest

__all__ = ["REASON_HEADER", "AuthorizationServer"]

REASON_HEADER: Final = "trustweft-reason"  # the reason id, for people who must find out why
BODY_LIMIT: Final = 65_536

NOT_FOUND = reason(
    "http.not-found", error="invalid_request", public="There is nothing at this address.", status=404
)

_ENDPOINTS: Final = {path: name for name, path in PATHS.items() if name not in {"jwks", "interaction"}}
# Where a person looks at the answer.
_BROWSER: Final = frozenset({"authorization", BY_VALUE, *INTERACTION_PIPELINES})
# Where a proof is verified, each answer brings the nonce for the next one (RFC 9449 section 8.2).
_WITH_NONCE: Final = frozenset({"pushed_authorization_request", "token", "userinfo"})


class AuthorizationServer:
    """Answers requests of the deployment through its pipelines; hand ``asgi`` to a server."""

    def __init__(self, deployment: Deployment, *, pipelines: Pipelines = PIPELINES) -> None:
        self.deployment = deployment
        self.pipelines = pipelines
        self.documents = Documents(deployment)
        self.asgi: Application = application(
            self.respond,
            participant="server",
            observer=deployment.observer,
            body_limit=BODY_LIMIT,
            endpoint_of=lambda path: _route(path)[0],
        )

    def adopt(self, profile: Profile) -> None:
        """Act by another profile: requests that arrive from now on; those under way end by the one they began with."""
        self.deployment = self.deployment.with_profile(profile)
        self.documents = Documents(self.deployment)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; a refusal becomes an answer here and nowhere else."""
        if request.method in {"GET", "HEAD"}:
            document = self.documents.find(request.path)
            if document is not None:
                return document
        endpoint, handle = _route(request.path)
        exchange = Exchange(self.deployment, endpoint=endpoint, request=request)
        exchange.handle = handle
        try:
            await self._run(exchange)
        except Reject as refusal:
            response = self._refuse(exchange, refusal)
        else:
            response = exchange.response
        return self._with_nonce(exchange, response)

    async def _run(self, exchange: Exchange) -> None:
        if exchange.endpoint == "authorization":
            exchange.endpoint = find_way(exchange)
        pipeline = self.pipelines.get(exchange.endpoint)
        if pipeline is None:
            raise NOT_FOUND.reject(repr(exchange.request.path)[:200])
        await run(pipeline, exchange)
        if exchange.endpoint == "token":
            await run(self.pipelines[f"token:{exchange.grant_type}"], exchange)
        elif exchange.endpoint == "client_configuration":
            await run(self.pipelines[f"client_configuration:{exchange.request.method}"], exchange)

    def _refuse(self, exchange: Exchange, refusal: Reject) -> HttpResponse:
        """Show a refusal where its reason says: to the client, to the person, or as JSON to the caller."""
        self.deployment.observer.refused("server", exchange.endpoint, refusal)
        if refusal.reason.shown is Shown.REDIRECT:
            response = redirect_refusal(exchange, refusal)
        elif refusal.reason.shown is Shown.PAGE or exchange.endpoint in _BROWSER:
            response = page_refusal(exchange, refusal)
        elif exchange.endpoint == "userinfo":
            response = challenge(exchange.request, refusal)
        else:
            response = json_response(
                error_fields(refusal), status=refusal.reason.status, headers=refusal.headers
            )
        return HttpResponse(
            response.status, (*response.headers, (REASON_HEADER, refusal.reason.id)), response.body
        )

    @enforces("RFC9449-8-p5.2")
    def _with_nonce(self, exchange: Exchange, response: HttpResponse) -> HttpResponse:
        if exchange.endpoint not in _WITH_NONCE or any(name == NONCE_HEADER for name, _ in response.headers):
            return response
        nonce = exchange.deployment.nonces.current(exchange.now)
        return HttpResponse(response.status, (*response.headers, (NONCE_HEADER, nonce)), response.body)


def _route(path: str) -> tuple[str, str]:
    """Return the endpoint at a path, and the handle of the interaction or the client where one is in it."""
    endpoint = _ENDPOINTS.get(path)
    if endpoint is not None:
        return endpoint, ""
    base, _, client_id = path.rpartition("/")
    if base == PATHS["registration"] and client_id:
        return "client_configuration", client_id
    return find_interaction_endpoint(path) or ("none", "")
