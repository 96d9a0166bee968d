"""Forms, scopes, errors and redirects of OAuth 2.0 (RFC 6749)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from trustweft.protocol.oauth import (
    FORM_CONTENT_TYPE,
    ErrorResponse,
    Form,
    authorization_redirect,
    encode_form,
    error_fields,
    parse_form,
    parse_query,
    parse_scope,
    read_error_response,
)
from trustweft.runtime.errors import Reject


def refusal_of_form(body: bytes, content_type: str | None = FORM_CONTENT_TYPE) -> str:
    """Return the id of the reason that ``body`` is refused with."""
    with pytest.raises(Reject) as refused:
        parse_form(body, content_type=content_type)
    assert (refused.value.reason.error, refused.value.reason.status) == ("invalid_request", 400)
    return refused.value.reason.id


def test_form_is_lossless() -> None:
    """Every pair is kept in order, decoded once, with empty ones and repeated ones."""
    form = parse_form(
        b"scope=openid+accounts&state=%C3%A9%26%3D%2B%2541&empty=&bare&a=1&a=2&%61b=c",
        content_type=FORM_CONTENT_TYPE,
    )
    assert form.pairs == (
        ("scope", "openid accounts"),
        ("state", "é&=+%41"),
        ("empty", ""),
        ("bare", ""),
        ("a", "1"),
        ("a", "2"),
        ("ab", "c"),
    )


def test_value_with_equals_signs() -> None:
    """Only the first equals sign separates."""
    assert parse_query(b"a=b=c==").pairs == (("a", "b=c=="),)


def test_empty_pieces_are_no_parameters() -> None:
    """Nothing between two ampersands is nothing."""
    assert parse_query(b"&a=1&&b=2&").pairs == (("a", "1"), ("b", "2"))
    assert parse_query(b"").pairs == ()


def test_get_treats_an_empty_value_as_omitted() -> None:
    """A parameter without a value counts as left out (RFC 6749 section 3.1)."""
    form = parse_query(b"a=1&empty=")
    assert (form.get("a"), form.get("empty"), form.get("absent")) == ("1", None, None)


@pytest.mark.parametrize("raw", [b"a=1&a=2", b"a=1&a=1", b"a=&a=1", b"a=1&%61=2"])
def test_get_never_chooses_between_two_values(raw: bytes) -> None:
    """A name that occurs twice has no value at all, however it is spelled."""
    with pytest.raises(Reject) as refused:
        parse_query(raw).get("a")
    assert refused.value.reason.id == "form.repeated-parameter"


def test_refuse_duplicates() -> None:
    """A repeated name is refused unless it is one that may be repeated (RFC 8707)."""
    form = parse_query(b"resource=x&resource=y&a=1")
    form.refuse_duplicates(repeatable=frozenset({"resource"}))
    assert form.get_all("resource") == ("x", "y")
    with pytest.raises(Reject) as refused:
        form.refuse_duplicates()
    assert refused.value.reason.id == "form.repeated-parameter"
    parse_query(b"a=1&b=2").refuse_duplicates()


def test_representation_shows_no_value() -> None:
    """A form in a log or a traceback shows the names and none of the secrets."""
    assert repr(parse_query(b"code=secret&state=x")) == "Form('code', 'state')"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'application/x-www-form-urlencoded; charset="utf-8"',
        "application/x-www-form-urlencoded;",
    ],
)
def test_content_types_of_a_form(content_type: str) -> None:
    """The media type is compared without case, and may say that it is UTF-8."""
    assert parse_form(b"a=1", content_type=content_type).get("a") == "1"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, application/json",
        "application/x-www-form-urlencoded2",
        "text/plain",
    ],
)
def test_other_content_types_are_refused(content_type: str | None) -> None:
    """A body of any other type is not read."""
    assert refusal_of_form(b"a=1", content_type) == "form.content-type"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=" + b"x" * 65_536, "form.too-large"),
        (b"a=\xff", "form.not-utf8"),
        (b"\xff=a", "form.not-utf8"),
        (b"a=%ff", "form.not-utf8"),
        (b"%ff=a", "form.not-utf8"),
        (b"a=%c0%af", "form.not-utf8"),  # an overlong slash
        (b"a=%ed%a0%80", "form.not-utf8"),  # half of a surrogate pair
        (b"a=%C3", "form.not-utf8"),
        (b"a=\0", "form.nul"),
        (b"a=%00", "form.nul"),
        (b"a%00=1", "form.nul"),
        (b"a=%", "form.malformed-encoding"),
        (b"a=%4", "form.malformed-encoding"),
        (b"a=%zz", "form.malformed-encoding"),
        (b"a=%u0041", "form.malformed-encoding"),
        (b"a=%4&b=1", "form.malformed-encoding"),
        (b"a=%+1", "form.malformed-encoding"),
        (b"&".join(b"a%d=1" % number for number in range(101)), "form.too-many-parameters"),
        (b"&" * 100, "form.too-many-parameters"),
        (b"n" * 101 + b"=1", "form.long-name"),
    ],
)
def test_malformed_forms(body: bytes, expected: str) -> None:
    """What is too large, too many or not plainly a form is refused with its reason."""
    assert refusal_of_form(body) == expected


def test_bounds_are_reached_and_not_passed() -> None:
    """The largest permitted form is read."""
    assert len(parse_form(b"a=" + b"x" * 65_534, content_type=FORM_CONTENT_TYPE).get("a") or "") == 65_534
    assert len(parse_query(b"&".join(b"a%d=1" % number for number in range(100))).pairs) == 100
    assert parse_query(b"n" * 100 + b"=1").get("n" * 100) == "1"
    with pytest.raises(Reject) as refused:
        parse_query(b"a=" + b"x" * 16_384)
    assert refused.value.reason.id == "form.too-large"


def test_bounds_can_be_narrowed() -> None:
    """An endpoint that expects little reads little."""
    with pytest.raises(Reject):
        parse_form(b"a=123", content_type=FORM_CONTENT_TYPE, maximum_octets=4)
    with pytest.raises(Reject):
        parse_query(b"a=1&b=2", maximum_parameters=1)


def test_encoded_form_is_read_back() -> None:
    """What encode_form writes, parse_form reads."""
    parameters = {"scope": "openid accounts", "redirect_uri": "https://c.example/cb?x=1&y=é", "plus": "a+b%"}
    form = parse_form(encode_form(parameters), content_type=FORM_CONTENT_TYPE)
    assert dict(form.pairs) == parameters


def test_scope() -> None:
    """Scope values keep their order, each once."""
    assert parse_scope("openid accounts openid payments:write") == ("openid", "accounts", "payments:write")


@pytest.mark.parametrize(
    "scope",
    ["", " ", " a", "a ", "a  b", 'a"b', "a\\b", "a\tb", "a\nb", "é", "a" * 4_097, " ".join("a" * 101)],
)
def test_malformed_scope(scope: str) -> None:
    """A scope with other separators, other characters or without bound is refused (RFC 6749 section 3.3)."""
    with pytest.raises(Reject) as refused:
        parse_scope(scope)
    assert (refused.value.reason.id, refused.value.reason.error) == ("oauth.malformed-scope", "invalid_scope")


def test_error_fields_are_public() -> None:
    """An error response has the code and the public sentence, and nothing of the private detail."""
    with pytest.raises(Reject) as refused:
        parse_query(b"secret=1&secret=2").refuse_duplicates()
    assert "secret" in refused.value.detail
    assert error_fields(refused.value) == {
        "error": "invalid_request",
        "error_description": "A parameter occurs more than once.",
    }


@pytest.mark.parametrize(
    ("redirect_uri", "expected"),
    [
        ("https://c.example/cb", "https://c.example/cb?code=a%20b%26c&iss=https%3A%2F%2Fas.example"),
        ("https://c.example/cb?", "https://c.example/cb?code=a%20b%26c&iss=https%3A%2F%2Fas.example"),
        (
            "https://c.example/cb?dummy1=lorem&dummy2=ipsum%20x",
            "https://c.example/cb?dummy1=lorem&dummy2=ipsum%20x&code=a%20b%26c&iss=https%3A%2F%2Fas.example",
        ),
        ("com.example.app:/cb", "com.example.app:/cb?code=a%20b%26c&iss=https%3A%2F%2Fas.example"),
    ],
)
def test_authorization_redirect(redirect_uri: str, expected: str) -> None:
    """The redirect URI stays byte for byte, its query included, and the parameters are added."""
    assert authorization_redirect(redirect_uri, {"code": "a b&c", "iss": "https://as.example"}) == expected


def test_redirect_carries_any_state() -> None:
    """Whatever state a client sends comes back as it was, and can never end the header."""
    state = "é \r\nSet-Cookie: a=b#?&%\\" + "x" * 2_000
    location = authorization_redirect("https://c.example/cb", {"state": state})
    assert parse_qs(urlsplit(location).query) == {"state": [state]}
    assert location.isascii()
    assert location.isprintable()


@pytest.mark.parametrize(
    "redirect_uri",
    ["https://c.example/cb#x", "https://c.example/c b", "https://c.example/\r\nX: y", "https://é", ""],
)
def test_redirect_to_what_cannot_have_been_verified(redirect_uri: str) -> None:
    """A redirect URI that no check lets through is a mistake of ours, and nothing is sent there."""
    with pytest.raises(ValueError, match="not a redirect URI"):
        authorization_redirect(redirect_uri, {"code": "x"})


def test_client_reads_an_error_response() -> None:
    """A client learns the code, and the description where it can be shown."""
    assert read_error_response(
        b'{"error":"invalid_grant","error_description":"The code is spent."}'
    ) == ErrorResponse(error="invalid_grant", description="The code is spent.")
    assert read_error_response(b'{"error":"invalid_grant","error_description":"a\\nb"}').description is None
    assert read_error_response(b'{"error":"invalid_grant","error_description":7}').description is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error":7}',
        b'{"error":""}',
        b'{"error":"a\\nb"}',
        b'{"error":"\\u00e9"}',
    ],
)
def test_client_refuses_what_is_no_error_response(body: bytes) -> None:
    """An answer that is not an OAuth error is not taken for one."""
    with pytest.raises(Reject) as refused:
        read_error_response(body)
    assert refused.value.reason.id == "oauth.bad-error-response"


def test_form_can_be_made_from_pairs() -> None:
    """A form is also made where no octets came in."""
    assert Form([("a", "1")]).get("a") == "1"
