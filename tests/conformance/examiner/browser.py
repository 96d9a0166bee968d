"""A browser that knows forms: it keeps cookies, follows redirects within the server, and presses buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from conformance.examiner.wire import FORM

if TYPE_CHECKING:
    from conformance.examiner.wire import Answer, Wire

__all__ = ["Browser", "Callback", "Page", "Person"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER: Final = 303
_MAXIMUM_STEPS: Final = 10


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the server."""

    username: str
    password: str


@dataclass(frozen=True)
class Callback:
    """Where the browser was sent: away from the server."""

    url: str

    @property
    def target(self) -> str:
        """The address without what was added to it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    @property
    def parameters(self) -> dict[str, str]:
        """The query; a name that occurs twice is a fault."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), f"a parameter is repeated: {self.url}"
        return dict(pairs)

    @property
    def fragment(self) -> str:
        """What stands behind the hash."""
        return urlsplit(self.url).fragment


@dataclass
class Form:
    """One form of a page, as far as a browser needs it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert values.get("method", "").lower() == "post", "a form that is not posted"
            self.forms.append(Form(values.get("action", "")))
        elif tag == "input" and self.forms and values.get("name"):
            self.forms[-1].fields[values["name"]] = values.get("value", "")
        elif tag == "button" and self.forms:
            named = (values.get("name", ""), values.get("value", ""))
            self.forms[-1].buttons[values.get("id", "")] = named


@dataclass(frozen=True)
class Page:
    """A page that is shown."""

    url: str
    answer: Answer

    @property
    def forms(self) -> list[Form]:
        """Its forms."""
        parser = _Forms()
        parser.feed(self.answer.body.decode())
        return parser.forms

    @property
    def buttons(self) -> set[str]:
        """The ids of its buttons."""
        return {name for form in self.forms for name in form.buttons}

    @property
    def is_error(self) -> bool:
        """Whether it tells of a fault, and offers nothing to go on with."""
        return self.answer.status >= 400 and not self.buttons


class Browser:
    """One browser, with cookies of its own."""

    def __init__(self, wire: Wire, *, origin: str) -> None:
        self._wire = wire
        self._origin = origin
        self._cookies: dict[str, str] = {}
        self.redirects: list[int] = []  # the status of each redirect that was followed or ended outside

    def open(self, url: str) -> Page | Callback:
        """Go to an address, as when a client sends the browser there."""
        return self._arrive(url, self._send("GET", url, ("sec-fetch-site", "cross-site")))

    def press(self, page: Page, button: str, **filled: str) -> Page | Callback:
        """Fill in the form that has this button, and press it."""
        form = next(form for form in page.forms if button in form.buttons)
        name, value = form.buttons[button]
        fields = {**form.fields, **filled, **({name: value} if name else {})}
        url = urljoin(page.url, form.action)
        own = (("origin", self._origin), ("sec-fetch-site", "same-origin"), FORM)
        return self._arrive(url, self._send("POST", url, *own, body=urlencode(fields).encode()))

    def log_in(self, page: Page | Callback, person: Person) -> Page:
        """Log in on the page that asks for it."""
        assert isinstance(page, Page), f"the person was not asked: {page}"
        assert "login" in page.buttons, page.answer.body.decode()
        shown = self.press(page, "login", username=person.username, password=person.password)
        assert isinstance(shown, Page), f"nobody was asked for permission: {shown}"
        assert "approve" in shown.buttons, shown.answer.body.decode()
        return shown

    def approve(self, url: str, person: Person) -> Callback:
        """Log in, allow what is asked for, and return where that leads to."""
        return self._away(self.press(self.log_in(self.open(url), person), "approve"))

    def deny(self, url: str, person: Person) -> Callback:
        """Log in, deny, and return where that leads to."""
        return self._away(self.press(self.log_in(self.open(url), person), "deny"))

    def _away(self, shown: Page | Callback) -> Callback:
        assert isinstance(shown, Callback), shown.answer.body.decode()
        assert self.redirects[-1] == _SEE_OTHER, f"a form was answered with {self.redirects[-1]}"
        return shown

    def _arrive(self, url: str, answer: Answer) -> Page | Callback:
        for _ in range(_MAXIMUM_STEPS):
            if answer.status not in _REDIRECTS:
                return Page(url, answer)
            self.redirects.append(answer.status)
            location = answer.header("location")
            assert location, "a redirect that leads nowhere"
            url = urljoin(url, location)
            parts = urlsplit(url)
            if f"{parts.scheme}://{parts.netloc}" != self._origin:
                return Callback(url)
            answer = self._send("GET", url, ("sec-fetch-site", "same-origin"))
        raise AssertionError("the redirects do not end")

    def _send(self, method: str, url: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        jar = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        cookies = (("cookie", jar),) if jar else ()
        answer = self._wire.send(method, url, (("accept", "text/html"), *cookies, *headers), body)
        for value in answer.all("set-cookie"):
            self._keep(value)
        return answer

    def _keep(self, cookie: str) -> None:
        pair, _, attributes = cookie.partition(";")
        assert "secure" in attributes.lower(), f"a cookie without Secure: {pair.partition('=')[0]}"
        assert "httponly" in attributes.lower(), f"a cookie that scripts can read: {pair.partition('=')[0]}"
        name, _, value = pair.partition("=")
        self._cookies.pop(name, None)
        if "max-age=0" not in attributes.lower():
            self._cookies[name] = value
