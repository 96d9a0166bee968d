"""The pages: escaped, structured the same whatever strangers write into them, and free of inline code."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING, cast

import jinja2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.web import views
from trustweft.web.static_files import load_static

if TYPE_CHECKING:
    from trustweft.web.pages import Pages

Sample = tuple[str, views.View]
_ADDRESS_FIELDS = {"url", "action", "options_url", "cancel_action", "disconnect_action", "download_url"}
_ADDRESS_FIELDS |= {"start_url", "passkeys_url"}
HOSTILE = {
    "markup": '<b>Bank</b><script>alert(1)</script><img src=x onerror="alert(1)">',
    "attribute": "\" autofocus onfocus='alert(1)' x=\"",
    "single": "' onfocus=alert(1) '",
    "template": "{{ 7 * 7 }}{% include 'home.html' %}",
    "comment": "--><!-- </title></textarea></style>",
    "entity": "&lt;b&gt; &#60;i&#62; &",
    "nul": "\x00<\x00b>\x1b[31m",
    "surrogate": "\ud800<b>\udfff",
    "long": "<i>" + "x" * 100_000,
}


class Document(HTMLParser):
    """What a browser would make of a page, as far as these tests need it."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element and its attributes in order."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute in order."""
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def structure(self) -> list[tuple[str, list[str]]]:
        """Return the page without its texts and values."""
        return [(tag, list(attributes)) for tag, attributes in self.elements]


def render(pages: Pages, name: str, view: views.View) -> bytes:
    page = getattr(pages, name)(view)
    assert isinstance(page, bytes)
    return page


def with_every_text(view: object, text: str) -> object:
    """Write ``text`` into every text of a view but its addresses."""
    if isinstance(view, tuple):
        return tuple(with_every_text(item, text) for item in view)
    if not isinstance(view, msgspec.Struct):
        return text if isinstance(view, str) else view
    changed = {
        name: with_every_text(getattr(view, name), text)
        for name in view.__struct_fields__
        if name not in _ADDRESS_FIELDS
    }
    return msgspec.structs.replace(view, **changed)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_never_becomes_markup(pages: Pages, sample: Sample, text: str) -> None:
    """Whatever strangers write into a view, the page keeps the elements and attributes that it has without it."""
    name, view = sample
    hostile = cast("views.View", with_every_text(view, text))
    expected = Document(render(pages, name, view)).structure()
    assert Document(render(pages, name, hostile)).structure() == expected


@given(text=st.text(st.characters()))
def test_any_application_name_leaves_the_consent_page_as_it_is(
    pages: Pages, samples: dict[str, views.View], text: str
) -> None:
    """No application name changes the structure of the page on which people decide."""
    view = cast("views.ConsentView", samples["consent"])
    hostile = msgspec.structs.replace(view, application=views.Application(name=text, organisation=text))
    expected = Document(pages.consent(view)).structure()
    assert Document(pages.consent(hostile)).structure() == expected


def test_an_application_cannot_turn_the_reading_direction(
    pages: Pages, samples: dict[str, views.View]
) -> None:
    """Overrides of direction and invisible characters in an application's name do not reach the page."""
    view = cast("views.ConsentView", samples["consent"])
    name = "Money\u202eweiV\u200b\u2066\ufeff"
    page = pages.consent(
        msgspec.structs.replace(view, application=views.Application(name=name, organisation=name))
    )
    assert re.findall("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", page.decode()) == []
    assert "<bdi>MoneyweiV</bdi>" in page.decode()


def test_pages_carry_no_inline_code(pages: Pages, sample: Sample) -> None:
    """No page needs anything that the policy forbids: inline scripts, styles, or event handlers."""
    document = Document(render(pages, *sample))
    attributes = {name for _, attributes in document.elements for name in attributes}
    assert {name for name in attributes if name == "style" or name.startswith("on")} == set()
    assert [
        tag for tag, _ in document.elements if tag in {"style", "base", "iframe", "object", "embed"}
    ] == []
    assert [item for item in document.elements if item[0] == "script" and "src" not in item[1]] == []


def test_pages_load_nothing_but_our_static_files(pages: Pages, sample: Sample) -> None:
    """Style sheets, icons and scripts come from the versioned static files and from nowhere else."""
    document = Document(render(pages, *sample))
    loaded = document.values("src") + [item["href"] for tag, item in document.elements if tag == "link"]
    assert set(loaded) <= set(load_static())


def test_pages_are_well_formed_for_assistive_technology(pages: Pages, sample: Sample) -> None:
    """Ids are unique, references to ids resolve, each page has one main heading, fields have labels."""
    document = Document(render(pages, *sample))
    ids = document.values("id")
    references = [
        reference
        for attribute in ("for", "aria-labelledby", "aria-describedby")
        for value in document.values(attribute)
        for reference in value.split()
    ]
    fields = [item["id"] for tag, item in document.elements if tag == "input" and item["type"] != "hidden"]
    assert len(set(ids)) == len(ids)
    assert set(references) <= set(ids)
    assert set(fields) <= set(document.values("for"))
    assert [tag for tag, _ in document.elements].count("h1") == 1


def test_every_form_is_a_post_with_the_csrf_token(pages: Pages, sample: Sample) -> None:
    """Every form posts and carries the token, so that no other site can send it."""
    document = Document(render(pages, *sample))
    forms = [item for tag, item in document.elements if tag == "form"]
    tokens = [item["value"] for _, item in document.elements if item.get("name") == "csrf"]
    assert [form["method"] for form in forms] == ["post"] * len(forms)
    assert tokens == ["token"] * len(forms)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("login", {"username", "password", "login", "passkey", "error", "cancel"}),
        ("consent", {"approve", "deny"}),
        ("passkeys", {"passkey-register", "error"}),
        ("error", {"error"}),
        ("home", {"start"}),
        ("moneyview_start", {"connect"}),
        ("moneyview_accounts", {"accounts", "disconnect"}),
        ("moneyview_error", {"error"}),
    ],
)
def test_stable_ids(pages: Pages, samples: dict[str, views.View], name: str, expected: set[str]) -> None:
    """The element ids that scripts rely on are there."""
    assert expected <= set(Document(render(pages, name, samples[name])).values("id"))


def test_login_without_the_optional_parts(pages: Pages, samples: dict[str, views.View]) -> None:
    """A plain login page has no script, no passkey form, no error, and nothing to cancel."""
    view = views.LoginView(
        participant=cast("views.LoginView", samples["login"]).participant,
        application=None,
        csrf="token",
        action="/login",
    )
    document = Document(pages.login(view))
    assert {"error", "passkey", "cancel"} & set(document.values("id")) == set()
    assert [tag for tag, _ in document.elements if tag == "script"] == []


def test_the_passkey_is_hidden_until_the_script_shows_it(
    pages: Pages, samples: dict[str, views.View]
) -> None:
    """Without JavaScript nobody sees a passkey button that would do nothing."""
    document = Document(render(pages, "login", samples["login"]))
    forms = [item for tag, item in document.elements if tag == "form" and "data-passkey" in item]
    assert [("hidden" in form, form["data-options"]) for form in forms] == [(True, "/passkey/options")]


def test_consent_says_who_what_how_long_and_where(pages: Pages, samples: dict[str, views.View]) -> None:
    """The page names application, organisation, permission, last day, person and next host, and both answers."""
    document = Document(render(pages, "consent", samples["consent"]))
    words = " ".join(document.text.split())
    for expected in (
        "MoneyView",
        "of MoneyView Ltd",
        "See your accounts",
        "Names and numbers.",
        "Until 23 December 2026.",
        "You can end it earlier.",
        "Alice Weaver (alice)",
        "localhost:8444",
    ):
        assert expected in words
    answers = [item["value"] for tag, item in document.elements if tag == "button"]
    assert answers == ["deny", "approve"]


def test_consent_without_an_end(pages: Pages, samples: dict[str, views.View]) -> None:
    """A permission without an end of its own says so."""
    view = msgspec.structs.replace(samples["consent"], until=None)
    assert "Until you end it." in Document(render(pages, "consent", view)).text


def test_a_participant_that_is_not_ready_is_told_in_words(
    pages: Pages, samples: dict[str, views.View]
) -> None:
    """The state on the home page is not told by colour alone."""
    view = cast("views.HomeView", samples["home"])
    waiting = msgspec.structs.replace(view.participants[0], ready=False)
    page = pages.home(msgspec.structs.replace(view, participants=(waiting,)))
    assert "still starting" in Document(page).text
    assert "All participants are ready." in Document(pages.home(view)).text


def test_commands_to_copy_quote_the_file_name(pages: Pages, samples: dict[str, views.View]) -> None:
    """A data directory with a space or a semicolon in its name stays one word of the command."""
    view = cast("views.HomeView", samples["home"])
    authority = msgspec.structs.replace(view.authority, file="/data; rm -rf ~/ca.pem")
    text = Document(pages.home(msgspec.structs.replace(view, authority=authority))).text
    assert "-i '/data; rm -rf ~/ca.pem'" in text


def test_money_is_shown_as_the_bank_gave_it(pages: Pages, samples: dict[str, views.View]) -> None:
    """Amounts keep their digits, and money that comes in has a sign as well as a colour."""
    text = " ".join(Document(render(pages, "moneyview_accounts", samples["moneyview_accounts"])).text.split())
    assert "1,234.50 EUR" in text
    assert "+3,000.00 EUR" in text
    assert "\u2212985.00 EUR" in text


def test_accounts_without_any(pages: Pages, samples: dict[str, views.View]) -> None:
    """An empty answer of the bank is a page, not a failure."""
    view = msgspec.structs.replace(samples["moneyview_accounts"], accounts=(), until=None)
    assert "has no account to show" in Document(render(pages, "moneyview_accounts", view)).text


def test_a_missing_value_fails_instead_of_showing_nothing(
    pages: Pages, samples: dict[str, views.View]
) -> None:
    """A template that names what its view lacks is an error."""
    with pytest.raises(jinja2.UndefinedError):
        pages.login(cast("views.LoginView", samples["error"]))


def test_templates_never_switch_escaping_off() -> None:
    """No template marks a value as safe or turns escaping off."""
    templates = [entry for entry in files("trustweft.web").joinpath("templates").iterdir() if entry.is_file()]
    found = [
        entry.name
        for entry in templates
        if re.search(r"\|\s*safe|autoescape|Markup|forceescape|\bstyle\s*=", entry.read_text("utf-8"))
    ]
    assert len(templates) > 0
    assert found == []
