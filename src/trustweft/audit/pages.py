"""Reads HTML pages as a person would: which forms there are, what they ask for, which button says yes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

__all__ = ["Button", "Field", "Form", "Page", "read_page"]

_YES: Final = re.compile(
    r"\b(allow|approve|authori[sz]e|accept|agree|consent|confirm|grant|continue|yes|next|ok|submit|share|log ?in|sign ?in"
    r"|true|erlauben|zulassen|zustimmen|akzeptieren|genehmigen|weiter|anmelden|einloggen|ja|autoriser|accepter|continuer"
    r"|connexion|oui|permitir|aceptar|autorizar|continuar|consenti|accetta|autorizza|accedi|toestaan|akkoord|inloggen)\b",
    re.IGNORECASE,
)
_NO: Final = re.compile(
    r"\b(deny|denied|decline|cancel|reject|no|abort|back|refuse|disagree|forgot|register|sign ?up|passkey|log ?out|sign ?out"
    r"|false|ablehnen|abbrechen|verweigern|nein|abmelden|registrieren|annuler|refuser|non|rechazar|denegar|cancelar"
    r"|rifiuta|annulla|nega|weigeren|annuleren)\b",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"forgot|reset|recover|register|sign-?_?up|create|search|newsletter|subscribe|lang", re.IGNORECASE
)
_VOID_TYPES: Final = frozenset({"button", "reset", "image"})


@dataclass(slots=True)
class Field:
    """An input: its name, kind (``text``, ``hidden``, ``checkbox`` ...), value, and whether it is ticked.

    Attributes:
        options: of a ``select``: whether each was begun, so that the first counts unless another is selected.
    """

    name: str
    kind: str
    value: str
    ticked: bool = False
    options: int = 0


@dataclass(slots=True)
class Button:
    """A button: name and value that it sends, where it sends any, and what stands on it."""

    name: str
    value: str
    text: str = ""
    action: str | None = None

    @property
    def says(self) -> str:
        """Everything that tells what it does."""
        return f"{self.text} {self.value} {self.name}".replace("_", " ").replace("-", " ")


@dataclass(slots=True)
class Form:
    """A form of a page.

    Attributes:
        addresses: of its ``data-`` attributes: to where its script sends the fields.
    """

    action: str
    method: str
    addresses: list[str] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    @property
    def password(self) -> Field | None:
        """The field for a password."""
        return next((each for each in self.fields if each.kind == "password"), None)

    @property
    def username(self) -> Field | None:
        """The field for the name of a user: the text field before the password, or the only one."""
        texts = [each for each in self.fields if each.kind in ("text", "email", "tel", "username", "")]
        likely = [
            each
            for each in texts
            if re.search("user|email|login|name|identifier|account", each.name, re.IGNORECASE)
        ]
        return next(iter(likely or texts), None)

    def agreeing_button(self) -> Button | None:
        """Return the button that says yes, or None where every button says no."""
        willing = [button for button in self.buttons if not _NO.search(button.says)]
        return next((button for button in willing if _YES.search(button.says)), next(iter(willing), None))

    def refusing_button(self) -> Button | None:
        """Return the button that says no, or None where there is none."""
        return next((button for button in self.buttons if _NO.search(button.says)), None)

    @property
    def only_refuses(self) -> bool:
        """Whether it has buttons and each of them says no."""
        return bool(self.buttons) and self.agreeing_button() is None

    @property
    def for_something_else(self) -> bool:
        """Whether it is one that stands beside a login: for who forgot the password, who is new, who searches."""
        return self.only_refuses or _ELSEWHERE.search(self.action) is not None

    def filled(self, values: dict[str, str], press: Button | None) -> list[tuple[str, str]]:
        """Return the parameters that the form sends: boxes are ticked, and of radio buttons the one is that says yes."""
        sent: list[tuple[str, str]] = []
        chosen = self._chosen()
        for each in self.fields:
            if not each.name or each.kind in _VOID_TYPES:
                continue
            if each.kind == "radio" and each is not chosen[each.name]:
                continue
            sent.append((each.name, values.get(each.name, each.value)))
        if press is not None and press.name:
            sent.append((press.name, press.value))
        return sent

    def _chosen(self) -> dict[str, Field]:
        """Return of each group of radio buttons the one that says yes, else the one that is ticked, else the first."""
        chosen: dict[str, Field] = {}
        ranks: dict[str, int] = {}
        for each in self.fields:
            if each.kind == "radio":
                willing = bool(_YES.search(each.value)) and not _NO.search(each.value)
                rank = 2 if willing else 1 if each.ticked and not _NO.search(each.value) else 0
                if each.name not in chosen or rank > ranks[each.name]:
                    chosen[each.name], ranks[each.name] = each, rank
        return chosen


@dataclass(slots=True)
class Page:
    """What was read of a page.

    Attributes:
        resources: addresses that the browser would load or that a person could follow.
        refresh: where a meta element sends the browser.
    """

    forms: list[Form] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    refresh: str = ""
    text: str = ""


def read_page(html: str) -> Page:
    """Return the forms, links and resources of a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._form: Form | None = None
        self._button: Button | None = None
        self._link: str | None = None
        self._inside_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        names = {name for name, _ in attrs}
        match tag:
            case "form":
                addresses = [
                    value
                    for name, value in values.items()
                    if name.startswith("data-") and value.startswith("/")
                ]
                self._form = Form(values.get("action", ""), values.get("method", "get").upper(), addresses)
                self.page.forms.append(self._form)
            case "input" | "select" | "textarea":
                self._add_field(tag, values, names)
            case "option":
                self._add_option(values, names)
            case "button":
                self._add_button(values)
            case "a":
                self._link = values.get("href", "")
                self.page.links.append((self._link, ""))
            case "meta" if values.get("http-equiv", "").lower() == "refresh":
                self.page.refresh = values.get("content", "").partition("=")[2].strip("'\" ")
            case "script":
                self._inside_script = True
        if tag in ("img", "script", "iframe", "source", "video", "audio", "embed") and values.get("src"):
            self.page.resources.append(values["src"])
        if tag == "link" and values.get("href"):
            self.page.resources.append(values["href"])

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._form = None
            case "button":
                self._button = None
            case "a":
                self._link = None
            case "script":
                self._inside_script = False

    def handle_data(self, data: str) -> None:
        if self._inside_script:
            self.page.scripts.append(data)
            return
        self.page.text += data
        if self._button is not None:
            self._button.text += data
        if self._link is not None:
            address, text = self.page.links[-1]
            self.page.links[-1] = (address, text + data)

    def _add_field(self, tag: str, values: dict[str, str], names: set[str]) -> None:
        if self._form is None or "disabled" in names:
            return
        kind = values.get("type", "text" if tag == "input" else tag).lower()
        if kind == "submit":
            self._form.buttons.append(
                Button(values.get("name", ""), values.get("value", ""), values.get("value", ""))
            )
            return
        value = values.get("value", "on" if kind in ("checkbox", "radio") else "")
        self._form.fields.append(Field(values.get("name", ""), kind, value, "checked" in names))

    def _add_option(self, values: dict[str, str], names: set[str]) -> None:
        """Take the first option of a ``select`` for its value, or the one that is selected."""
        field = self._form.fields[-1] if self._form is not None and self._form.fields else None
        if field is not None and field.kind == "select":
            if not field.options or "selected" in names:
                field.value = values.get("value", "")
            field.options += 1

    def _add_button(self, values: dict[str, str]) -> None:
        if self._form is not None and values.get("type", "submit").lower() == "submit":
            self._button = Button(
                values.get("name", ""), values.get("value", ""), "", values.get("formaction") or None
            )
            self._form.buttons.append(self._button)
