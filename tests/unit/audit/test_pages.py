"""Pages are read as a person would read them."""

from __future__ import annotations

import pytest

from trustweft.audit.pages import read_page


def test_a_login_form_shows_where_name_and_password_go() -> None:
    (form,) = read_page(
        '<form method="post" action="/login"><input type="hidden" name="csrf" value="t">'
        '<input name="login"><input type="password" name="pw"><button>Sign in</button></form>'
    ).forms
    assert form.username is not None
    assert form.password is not None
    assert (form.method, form.action, form.username.name, form.password.name) == (
        "POST",
        "/login",
        "login",
        "pw",
    )
    assert form.filled({"login": "alice", "pw": "x"}, None) == [
        ("csrf", "t"),
        ("login", "alice"),
        ("pw", "x"),
    ]


@pytest.mark.parametrize(
    "buttons",
    [
        '<button name="d" value="deny">Cancel</button><button name="d" value="allow">Allow access</button>',
        '<input type="submit" name="d" value="No"><input type="submit" name="d" value="Yes">',
        '<button name="x" value="1">Deny</button><button name="x" value="2">Weiter</button>',
    ],
)
def test_of_several_buttons_the_one_that_agrees_is_pressed(buttons: str) -> None:
    (form,) = read_page(f'<form method="post">{buttons}</form>').forms
    pressed = form.agreeing_button()
    assert pressed is not None
    assert pressed.value in {"allow", "Yes", "2"}


def test_a_form_that_can_only_refuse_is_told_apart() -> None:
    (form,) = read_page('<form method="post"><button>Deny</button></form>').forms
    assert form.only_refuses


def test_boxes_are_ticked_and_of_radio_buttons_one_is_sent() -> None:
    (form,) = read_page(
        '<form method="post"><input type="checkbox" name="scope" value="a"><input type="checkbox" name="scope" '
        'value="b"><input type="radio" name="r" value="1"><input type="radio" name="r" value="2" checked></form>'
    ).forms
    assert form.filled({}, None) == [("scope", "a"), ("scope", "b"), ("r", "2")]


def test_the_choice_that_says_yes_is_taken_whichever_is_ticked() -> None:
    form = read_page(
        "<form method=post><input type=radio name=decision value=deny checked>"
        "<input type=radio name=decision value=allow><input type=radio name=color value=red>"
        "<input type=radio name=color value=blue checked><button>Send</button></form>"
    ).forms[0]
    assert form.filled({}, None) == [("decision", "allow"), ("color", "blue")]


def test_what_is_selected_is_sent_and_what_is_disabled_is_not() -> None:
    form = read_page(
        "<form method=post><select name=days><option value=1>one<option value=30 selected>many</select>"
        "<select name=kind><option value=all>all<option value=none>none</select>"
        "<input name=gone value=x disabled></form>"
    ).forms[0]
    assert form.filled({}, None) == [("days", "30"), ("kind", "all")]


def test_buttons_say_yes_in_other_languages() -> None:
    for no, yes in (
        ("Ablehnen", "Zulassen"),
        ("Refuser", "Autoriser"),
        ("Denegar", "Permitir"),
        ("Rifiuta", "Accetta"),
    ):
        form = read_page(f"<form method=post><button>{no}</button><button>{yes}</button></form>").forms[0]
        agreeing, refusing = form.agreeing_button(), form.refusing_button()
        assert agreeing is not None
        assert refusing is not None
        assert (agreeing.text, refusing.text) == (yes, no)


def test_forms_beside_a_login_are_told_apart() -> None:
    page = (
        '<form action="/reset" method=post><input name=email><button>Send</button></form>'
        '<form action="/x" method=post><input name=email><button>Forgot password?</button></form>'
        '<form action="/session" method=post><input name=user><button>Next</button></form>'
    )
    assert [each.for_something_else for each in read_page(page).forms] == [True, True, False]
