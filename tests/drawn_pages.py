"""The pages of the authorization server as a browser gets them: the real templates under the real headers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from trustweft.protocol.http import HttpResponse
from trustweft.web import views
from trustweft.web.pages import CONTENT_TYPE, Pages
from trustweft.web.security_headers import security_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.server import pages as server_pages

__all__ = ["DrawnPages"]


@cache
def _compiled_pages() -> Pages:
    return Pages()


class DrawnPages:
    """Satisfies ``trustweft.server.pages.Pages``."""

    def __init__(self, *, base_url: str) -> None:
        self._base_url = base_url
        self._pages = _compiled_pages()

    def login(self, view: server_pages.LoginView, *, redirect_uri: str) -> HttpResponse:
        """Return the login form."""
        body = self._pages.login(msgspec.convert(view, views.LoginView, from_attributes=True))
        return self._respond(body, form_targets=(redirect_uri,), passkeys=True)

    def consent(self, view: server_pages.ConsentView, *, redirect_uri: str) -> HttpResponse:
        """Return the question."""
        body = self._pages.consent(msgspec.convert(view, views.ConsentView, from_attributes=True))
        return self._respond(body, form_targets=(redirect_uri,))

    def passkeys(self, view: server_pages.PasskeysView) -> HttpResponse:
        """Return the passkeys."""
        body = self._pages.passkeys(msgspec.convert(view, views.PasskeysView, from_attributes=True))
        return self._respond(body, passkeys=True)

    def error(self, view: server_pages.ErrorView, *, status: int) -> HttpResponse:
        """Return the refusal."""
        body = self._pages.error(msgspec.convert(view, views.ErrorView, from_attributes=True))
        return self._respond(body, status=status)

    def _respond(
        self, body: bytes, *, status: int = 200, form_targets: Sequence[str] = (), passkeys: bool = False
    ) -> HttpResponse:
        headers = security_headers(base_url=self._base_url, form_targets=form_targets, passkeys=passkeys)
        return HttpResponse(status, (("content-type", CONTENT_TYPE), *headers), body)
