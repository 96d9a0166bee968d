"""The authorization endpoint with its pages: request, login, consent, and back to the client."""

from __future__ import annotations

import re
import secrets
import time
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .state import CODE_SECONDS, Code, Grant, Pending
from .web import Answer, Refused, html, redirect

if TYPE_CHECKING:
    from .state import Client, State, User
    from .web import Request

__all__ = ["Pages"]

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_COOKIE = "plain_session"
_LOGIN = "plain_login"  # with the flaw session-adopted: a cookie that comes with the login, and may have been there
_BROWSER = "plain_browser"


class Pages:
    """Everything that a browser sees."""

    def __init__(self, state: State) -> None:
        self._state, self._flaws = state, state.flaws

    def respond(self, request: Request) -> Answer | None:
        """Return the answer to a request for a page, None where it is for no page."""
        pages = {
            ("GET", "/authorize"): self._authorize,
            ("POST", "/authorize"): self._authorize,
            ("GET", "/login"): self._show_login,
            ("POST", "/login"): self._log_in,
            ("GET", "/consent"): self._show_consent,
            ("POST", "/consent"): self._agree,
        }
        page = pages.get((request.method, request.path))
        if page is None:
            return None
        answer = page(request)
        if "cors-reflect" in self._flaws and "origin" in request.headers:
            answer.headers["Access-Control-Allow-Origin"] = request.headers["origin"]
            answer.headers["Access-Control-Allow-Credentials"] = "true"
        return answer

    # ---- the request

    def _authorize(self, request: Request) -> Answer:
        pairs = request.form() if request.method == "POST" else request.query
        asked = dict(pairs)
        if len(pairs) != len(asked):
            raise self._page(400, "A parameter came twice.")
        client = self._state.clients.get(asked.get("client_id", ""))
        if client is None:
            raise self._page(400, f"Nobody knows the client {self._shown(asked.get('client_id', ''))}.")
        redirect_uri = asked.get("redirect_uri", "")
        registered = self._registered(client, redirect_uri)
        if not registered and not (redirect_uri and "open-redirect-error" in self._flaws):
            raise self._page(400, "The redirect URI is not registered.")
        error = "invalid_request" if not registered else self._error(client, asked)
        if error:
            return self._back(asked, {"error": error})
        number = secrets.token_urlsafe(24)
        browser = request.cookies.get(_BROWSER) or secrets.token_urlsafe(24)
        with self._state.lock:
            self._state.pending[number] = Pending(asked, browser)
        answer = self._on(request, f"/login?request={number}")
        answer.cookies.append(self._cookie(browser, _BROWSER))
        return answer

    def _registered(self, client: Client, redirect_uri: str) -> bool:
        if "redirect-prefix" in self._flaws:
            return redirect_uri.startswith(client.redirect_uri.rpartition("/")[0])
        if "redirect-host" in self._flaws:
            scheme, _, rest = client.redirect_uri.partition("//")
            return redirect_uri.startswith(f"{scheme}//{rest.partition('/')[0]}/")
        return redirect_uri == client.redirect_uri

    def _error(self, client: Client, asked: dict[str, str]) -> str:
        """Return what is wrong with the request, as RFC 6749 and OpenID Connect name it; empty where nothing is."""
        kind = asked.get("response_type", "")
        good_kind = kind == "code" or (kind == "token" and "implicit" in self._flaws)
        scopes = set(asked.get("scope", "").split())
        good_scopes = scopes and (scopes <= client.scopes or "scope-unchecked" in self._flaws)
        wrong = {
            "invalid_target": asked.get("resource", self._state.api) not in self._state.audiences,
            "request_not_supported": "request" in asked,
            "request_uri_not_supported": "request_uri" in asked,
            "unsupported_response_type": kind and not good_kind,
            "invalid_request": not kind
            or not self._challenged(asked)
            or asked.get("response_mode", "query") != "query",
            "invalid_scope": not good_scopes,
            "login_required": asked.get("prompt") == "none",
        }
        return next((error for error, so in wrong.items() if so), "")

    def _challenged(self, asked: dict[str, str]) -> bool:
        challenge = asked.get("code_challenge", "")
        if not challenge and ("challenge-optional" in self._flaws or asked.get("response_type") == "token"):
            return True
        return asked.get("code_challenge_method") == "S256" and bool(_CHALLENGE.fullmatch(challenge))

    # ---- login

    def _show_login(self, request: Request, *, message: str = "") -> Answer:
        number, asked = self._pending(request)
        session = request.cookies.get(_COOKIE) or secrets.token_urlsafe(24)
        if self._state.sessions.get(
            request.cookies.get(_LOGIN, "")
        ):  # with that flaw alone: logged in for good
            return self._on(request, f"/consent?request={number}")
        hint = asked.get("login_hint", "")
        page = (
            f"<h1>Log in</h1><p>{message}</p>"
            f"<form method=post action='/login?request={number}'>"
            f"<input type=hidden name=csrf value='{self._csrf(session, number)}'>"
            f"<label>Name <input name=username value='{self._shown(hint)}'></label>"
            f"<label>Password <input name=password type=password></label>"
            f"<button>Log in</button></form>"
        )
        answer = self._html(401 if message else 200, page)
        answer.cookies.append(self._cookie(session))
        return answer

    def _log_in(self, request: Request) -> Answer:
        number, _ = self._pending(request)
        form = dict(request.form())
        session = request.cookies.get(_COOKIE, "")
        if not secrets.compare_digest(form.get("csrf", ""), self._csrf(session, number)):
            raise self._page(403, "This form has expired.")
        user = self._state.user_named(form.get("username", ""), form.get("password", ""))
        if user is None:
            known = any(each.name == form.get("username") for each in self._state.users.values())
            told = "names-told" in self._flaws and not known
            return self._show_login(
                request, message="Nobody has this name." if told else "Name or password is wrong."
            )
        adopted = "session-adopted" in self._flaws
        if adopted:
            session = request.cookies.get(_LOGIN) or secrets.token_urlsafe(24)
        elif "session-kept" not in self._flaws:
            session = secrets.token_urlsafe(24)
        with self._state.lock:
            self._state.sessions[session] = user.id
        answer = self._on(
            request, f"/consent?request={number}", status=307 if "redirect-307" in self._flaws else 303
        )
        answer.cookies.append(self._cookie(session, _LOGIN if adopted else _COOKIE))
        return answer

    # ---- consent

    def _show_consent(self, request: Request) -> Answer:
        number, asked = self._pending(request)
        user, session = self._user(request)
        if "consent-skipped" in self._flaws:
            return self._finish(number, asked, user, set(asked["scope"].split()))
        scopes = "".join(f"<li>{self._shown(each)}</li>" for each in asked["scope"].split())
        chosen = f"<input type=hidden name=scope value='{escape(asked['scope'], quote=True)}'>"
        page = (
            f"<h1>{escape(user.name)}, may {self._shown(asked['client_id'])} do this for you?</h1><ul>{scopes}</ul>"
            f"<form method=post action='/consent?request={number}'>"
            f"<input type=hidden name=csrf value='{self._csrf(session, number)}'>"
            f"{chosen if 'consent-tampering' in self._flaws else ''}"
            f"<button name=decision value=allow>Allow</button><button name=decision value=deny>Deny</button></form>"
        )
        return self._html(200, page)

    def _agree(self, request: Request) -> Answer:
        if "redirect-307" in self._flaws and "password" in dict(request.form()):
            return self._show_consent(request)
        number, asked = self._pending(request)
        user, session = self._user(request)
        form = dict(request.form())
        right = secrets.compare_digest(form.get("csrf", ""), self._csrf(session, number))
        if not right and "consent-without-token" not in self._flaws:
            raise self._page(403, "This form has expired.")
        if form.get("decision") != "allow":
            with self._state.lock:
                self._state.pending.pop(number, None)
            return self._back(asked, {"error": "access_denied"})
        said = form.get("scope", "") if "consent-tampering" in self._flaws else asked["scope"]
        return self._finish(number, asked, user, set(said.split()))

    def _finish(self, number: str, asked: dict[str, str], user: User, scopes: set[str]) -> Answer:
        with self._state.lock:
            if self._state.pending.pop(number, None) is None:
                raise self._page(400, "This request is over.")
        audience = asked.get("resource", self._state.api)
        grant = Grant(asked["client_id"], user.id, frozenset(scopes), audience)
        if asked["response_type"] == "token":
            token = self._state.access_token(grant, scopes, subject=user.id)
            return self._back(asked, {"access_token": token, "token_type": "Bearer"}, joint="#")
        code = self._state.new_code(
            Code(grant, asked["redirect_uri"], asked.get("code_challenge", ""), time.time() + CODE_SECONDS)
        )
        return self._back(asked, {"code": code})

    # ---- what they share

    def _pending(self, request: Request) -> tuple[str, dict[str, str]]:
        number = dict(request.query).get("request", "")
        pending = self._state.pending.get(number)
        if pending is None:
            raise self._page(400, "This request is over.")
        if pending.browser != request.cookies.get(_BROWSER):
            raise self._page(403, "This request was begun in another browser.")
        return number, pending.asked

    def _user(self, request: Request) -> tuple[User, str]:
        session = request.cookies.get(_COOKIE, "")
        logged_in = request.cookies.get(_LOGIN, "") if "session-adopted" in self._flaws else session
        user = self._state.users.get(self._state.sessions.get(logged_in, ""))
        if user is None:
            raise self._page(403, "Nobody is logged in here.")
        return user, session

    def _back(self, asked: dict[str, str], answer: dict[str, str], *, joint: str = "") -> Answer:
        redirect_uri = asked["redirect_uri"]
        state = {"state": asked["state"]} if "state" in asked and "state-lost" not in self._flaws else {}
        joint = joint or ("&" if "?" in redirect_uri else "?")
        return redirect(f"{redirect_uri}{joint}{urlencode({**answer, **state, 'iss': self._state.issuer})}")

    def _on(self, request: Request, path: str, *, status: int = 303) -> Answer:
        base = self._state.issuer
        if "host-believed" in self._flaws:
            base = f"http://{request.headers.get('host', '')}"
        return redirect(base + path, status)

    def _csrf(self, session: str, number: str) -> str:
        return self._state.sign_form(session, number)

    def _cookie(self, value: str, name: str = _COOKIE) -> str:
        guarded = "" if "cookie-plain" in self._flaws else "; HttpOnly; SameSite=Lax"
        return f"{name}={value}; Path=/{guarded}"

    def _html(self, status: int, text: str) -> Answer:
        return html(status, text, framable="framable" in self._flaws)

    def _page(self, status: int, text: str) -> Refused:
        return Refused(self._html(status, f"<h1>This did not work</h1><p>{text}</p>"))

    def _shown(self, text: str) -> str:
        return text if "html-injection" in self._flaws else escape(text, quote=True)
