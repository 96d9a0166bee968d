"""The guard as a FastAPI dependency (extra ``[fastapi]``).

``install(app, guard)`` once, then ``Depends(Authorized(guard, scope=("accounts",)))`` wherever a token is needed.
FastAPI reads a body before it asks dependencies: who wants nothing parsed before it is authorized takes
``GuardMiddleware``, which also protects what nobody thought of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import Request  # noqa: TC002  # FastAPI reads the annotation at run time
from fastapi.openapi.models import HTTPBase
from fastapi.responses import Response
from fastapi.security.base import SecurityBase

from trustweft.net.asgi import send_response
from trustweft.protocol.bearer import check_details, check_scope
from trustweft.resource.asgi import PARTICIPANT, interaction_header, read_visible_request, with_headers
from trustweft.resource.inspection import AuthorizationContext  # noqa: TC001  # read at run time
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.resource.guard import Guard
    from trustweft.runtime.observability import Observer

__all__ = ["Authorized", "RefusedError", "install"]

_REQUEST: Final = "trustweft.request"  # the keys of scope["state"]
_VERIFIED: Final = "trustweft.verified"


class RefusedError(Exception):
    """A request is refused; ``install`` turns this into the guard's answer."""

    def __init__(self, refused: Reject, answer: HttpResponse) -> None:
        super().__init__(str(refused))
        self.refused = refused
        self.answer = answer


class Authorized(SecurityBase):
    """A dependency that gives an ``AuthorizationContext``, or refuses the request.

    Args:
        guard: verifies the request; once, however many dependencies of one request use it.
        scope: every scope value that the operation needs.
        details: every authorization detail that it needs. One that depends on the body is checked once that is read:
            ``trustweft.protocol.bearer.check_details(context.authorization_details, …)``.
    """

    def __init__(
        self, guard: Guard, *, scope: Sequence[str] = (), details: Sequence[AuthorizationDetail] = ()
    ) -> None:
        self._guard = guard
        self._scope = tuple(scope)
        self._details = tuple(details)
        self.model = HTTPBase(
            scheme="DPoP",
            description="An access token bound to a key, with a proof in the DPoP header. One that is bound to the "
            "certificate of the connection instead comes as Bearer.",
        )
        self.scheme_name = "DPoP"

    async def __call__(self, request: Request) -> AuthorizationContext:
        """Return who acts, for which client, with which scope.

        Raises:
            RefusedError: the guard refuses.
            RuntimeError: ``install`` was not called for this application.
        """
        state: dict[str, Any] = request.scope.get("state", {})
        if _REQUEST not in state:
            raise RuntimeError("call trustweft.resource.fastapi.install(app, guard) once")
        try:
            return await self._verify(state)
        except Reject as refused:
            answer = self._guard.refusal(refused, scope=self._scope, request=state[_REQUEST])
            raise RefusedError(refused, answer) from refused

    async def _verify(self, state: dict[str, Any]) -> AuthorizationContext:
        verified: dict[Guard, AuthorizationContext] = state.setdefault(_VERIFIED, {})
        context = verified.get(self._guard)
        if context is None:
            context = verified[self._guard] = await self._guard.verify(
                state[_REQUEST], scope=self._scope, details=self._details
            )
        else:  # the proof is used up: by this very request
            check_scope(context.token, self._scope)
            types = self._guard.protection.detail_types
            check_details(context.authorization_details, self._details, types)
        return context


def install(app: FastAPI, guard: Guard, *, observer: Observer | None = None) -> None:
    """Prepare ``app`` for ``Authorized``: refusals get the guard's answer, and every answer its headers."""
    hears = SilentObserver() if observer is None else observer

    async def answer(_request: Request, error: Exception) -> Response:
        if not isinstance(error, RefusedError):
            raise error
        hears.refused(PARTICIPANT, "guard", error.refused)
        return Response(error.answer.body, error.answer.status, dict(error.answer.headers))

    app.add_exception_handler(RefusedError, answer)
    app.add_middleware(_Preparation, guard=guard, observer=hears)


class _Preparation:
    """Sees each request as it arrives, before FastAPI reads its body."""

    def __init__(self, app: Application, *, guard: Guard, observer: Observer) -> None:
        self._app = app
        self._guard = guard
        self._observer = observer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = with_headers(send, (*self._guard.nonce_header(), *interaction_header(scope)))
        try:
            request, receive = await read_visible_request(scope, receive)
        except Reject as refused:
            self._observer.refused(PARTICIPANT, "transport", refused)
            await send_response(send, self._guard.refusal(refused), head=scope["method"] == "HEAD")
            return
        state: dict[str, HttpRequest | object] = {**scope.get("state", {}), _REQUEST: request}
        await self._app({**scope, "state": state}, receive, send)
