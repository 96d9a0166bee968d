"""RFC 7009 token revocation."""

from __future__ import annotations

import pytest

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import FORM_CONTENT_TYPE, Form, encode_form, parse_form
from trustweft.protocol.revocation import TokenQuery, create_request, create_response, read_request
from trustweft.runtime.errors import Reject


def test_the_example_of_rfc_7009_is_made_and_read() -> None:
    """Section 2.1, octet for octet."""
    body = encode_form(create_request("45ghiukldjahdnhzdauz", hint="refresh_token"))
    assert body == b"token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token"
    form = parse_form(body, content_type=FORM_CONTENT_TYPE)
    assert read_request(form) == TokenQuery(token="45ghiukldjahdnhzdauz", hint="refresh_token")


def test_the_hint_may_be_left_out() -> None:
    """Section 2.1: it is optional."""
    assert create_request("x") == {"token": "x"}
    assert read_request(Form([("token", "x")])) == TokenQuery(token="x", hint=None)


@pytest.mark.parametrize("hint", ["id_token", "ACCESS_TOKEN", " access_token"])
def test_an_unknown_hint_is_ignored(hint: str) -> None:
    """Section 2.2.1 would allow unsupported_token_type; a hint only helps to look in the right place first."""
    assert read_request(Form([("token", "x"), ("token_type_hint", hint)])).hint is None


@pytest.mark.parametrize(
    "pairs", [[], [("token", "")], [("TOKEN", "x")], [("token", "x" * 20_000)]], ids=lambda p: repr(p)[:30]
)
def test_a_request_without_token_is_refused(pairs: list[tuple[str, str]]) -> None:
    """Section 2.1 requires it; it has a bounded length."""
    with pytest.raises(Reject) as caught:
        read_request(Form(pairs))
    why = caught.value.reason
    assert (why.id, why.status, why.error) == ("revocation.missing-token", 400, "invalid_request")


@pytest.mark.parametrize("name", ["token", "token_type_hint"])
def test_a_repeated_parameter_is_refused(name: str) -> None:
    """Nobody chooses between two."""
    with pytest.raises(Reject) as caught:
        read_request(Form([("token", "x"), ("token_type_hint", "access_token"), (name, "y")]))
    assert caught.value.reason.id == "form.repeated-parameter"


def test_a_query_does_not_print_its_token() -> None:
    """Logs never hold a token."""
    assert "secret" not in repr(TokenQuery(token="secret", hint=None))


def test_the_answer_says_nothing() -> None:
    """Section 2.2: 200 also for an unknown token, and the client ignores the body."""
    assert create_response() == HttpResponse(200, (("cache-control", "no-store"),))
