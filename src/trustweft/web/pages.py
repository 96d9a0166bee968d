"""Turns views into HTML: escaped throughout, without inline script or style, and usable without JavaScript.

Contract with scripts and tests: the element ids ``username``, ``password``, ``login``, ``passkey``,
``passkey-register``, ``approve``, ``deny``, ``error``, ``connect`` and ``accounts`` do not change.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import jinja2

from trustweft.web import wording
from trustweft.web.static_files import load_static

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.server.pages import View
    from trustweft.web import views
    from trustweft.web.static_files import StaticFile

__all__ = ["CONTENT_TYPE", "Pages", "make_environment"]

CONTENT_TYPE: Final = "text/html; charset=utf-8"

_TEMPLATES = (
    "login",
    "consent",
    "passkeys",
    "error",
    "home",
    "moneyview_start",
    "moneyview_accounts",
    "moneyview_error",
)


class Pages:
    """All pages, compiled when it is made; every method returns UTF-8 octets of a whole document."""

    __slots__ = ("_templates",)

    def __init__(self, static: Mapping[str, StaticFile] | None = None) -> None:
        environment = make_environment(static)
        self._templates = {name: environment.get_template(f"{name}.html") for name in _TEMPLATES}

    def login(self, view: views.LoginView) -> bytes:
        """Return the login form of the authorization server."""
        return self._render("login", view)

    def consent(self, view: views.ConsentView) -> bytes:
        """Return the question whether the application may have what it asks for."""
        return self._render("consent", view)

    def passkeys(self, view: views.PasskeysView) -> bytes:
        """Return the person's passkeys with a way to add one; adding needs the script."""
        return self._render("passkeys", view)

    def error(self, view: views.ErrorView) -> bytes:
        """Return the authorization server's page for a refusal that must not be redirected."""
        return self._render("error", view)

    def home(self, view: views.HomeView) -> bytes:
        """Return the ecosystem's home page."""
        return self._render("home", view)

    def moneyview_start(self, view: views.ConnectView) -> bytes:
        """Return the sample application's first page."""
        return self._render("moneyview_start", view)

    def moneyview_accounts(self, view: views.AccountsView) -> bytes:
        """Return the sample application's accounts page."""
        return self._render("moneyview_accounts", view)

    def moneyview_error(self, view: views.ErrorView) -> bytes:
        """Return the sample application's error page."""
        return self._render("moneyview_error", view)

    def _render(self, name: str, view: View) -> bytes:
        return self._templates[name].render(view=view).encode("utf-8")


def make_environment(static: Mapping[str, StaticFile] | None = None) -> jinja2.Environment:
    """Return what compiles the templates of this package: everything is escaped, and a gap in a view is an error."""
    files = load_static() if static is None else static
    return _environment(tuple(sorted((entry.name, entry.path) for entry in files.values())))


@lru_cache(maxsize=8)
def _environment(static: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    # Nobody changes it afterwards, so that all applications of a process share what was compiled.
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trustweft.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=wording.cleaned,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        amount=wording.amount,
        day=wording.day,
        initial=wording.initial,
        instant=wording.instant,
        moment=wording.moment,
        shell_word=wording.shell_word,
        shortened=wording.shortened,
    )
    environment.globals["static"] = dict(static)
    return environment
