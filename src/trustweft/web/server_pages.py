"""The authorization server's pages as its `Pages` interface wants them: drawn, and under the headers that protect them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trustweft.protocol.http import HttpResponse
from trustweft.web.pages import CONTENT_TYPE, Pages
from trustweft.web.security_headers import security_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.server.pages import ConsentView, ErrorView, LoginView, PasskeysView

__all__ = ["ServerPages"]


class ServerPages:
    """Satisfies ``trustweft.server.pages.Pages``.

    Args:
        pages: the templates.
        base_url: the issuer: decides about HSTS.
        notice: one sentence above the login form, for a demonstration.
    """

    def __init__(self, pages: Pages, *, base_url: str, notice: str | None = None) -> None:
        self._pages = pages
        self._base_url = base_url
        self._notice = notice

    def login(self, view: LoginView, *, redirect_uri: str) -> HttpResponse:
        """Return the login form; a passkey needs the script."""
        if self._notice is not None and view.notice is None:
            view = replace(view, notice=self._notice)
        body = self._pages.login(view)
        return self._respond(body, form_targets=(redirect_uri,), passkeys=view.passkey is not None)

    def consent(self, view: ConsentView, *, redirect_uri: str) -> HttpResponse:
        """Return the question whether the application may have what it asks for."""
        return self._respond(self._pages.consent(view), form_targets=(redirect_uri,))

    def passkeys(self, view: PasskeysView) -> HttpResponse:
        """Return the person's passkeys with a way to add one."""
        return self._respond(self._pages.passkeys(view), passkeys=True)

    def error(self, view: ErrorView, *, status: int) -> HttpResponse:
        """Return the page for a refusal that must not be redirected."""
        return self._respond(self._pages.error(view), status=status)

    def _respond(
        self, body: bytes, *, status: int = 200, form_targets: Sequence[str] = (), passkeys: bool = False
    ) -> HttpResponse:
        headers = security_headers(base_url=self._base_url, form_targets=form_targets, passkeys=passkeys)
        return HttpResponse(status, (("content-type", CONTENT_TYPE), *headers), body)
