"""Forms, held against the standard library's writer and reader."""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from trustweft.protocol.oauth import authorization_redirect, parse_query
from trustweft.protocol.redirect_uri import check_registrable, verify_registered
from trustweft.protocol.url import normalise, parse_url
from trustweft.runtime.errors import Reject

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NAMES = TEXT.filter(bool)


@given(pairs=st.lists(st.tuples(NAMES, TEXT), max_size=8))
def test_whatever_is_written_is_read(pairs: list[tuple[str, str]]) -> None:
    """Every pair comes back as it was, in order."""
    assert parse_query(urlencode(pairs).encode()).pairs == tuple(pairs)


@given(raw=st.binary(max_size=60) | st.text("a=&%+;0fF\u00e9", max_size=40).map(str.encode))
def test_never_breaks(raw: bytes) -> None:
    """Whatever comes in, a form comes out or a refusal; and what comes out is what the standard library reads."""
    try:
        form = parse_query(raw)
    except Reject as refused:
        assert refused.reason.id.startswith("form.")  # noqa: PT017  # both outcomes are right here
    else:
        assert list(form.pairs) == parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")


@given(parameters=st.dictionaries(NAMES.filter(lambda name: name != "before"), NAMES, max_size=5))
def test_redirects_carry_anything(parameters: dict[str, str]) -> None:
    """Parameters survive the way through the browser, and the redirect URI stays as it was in front of them."""
    location = authorization_redirect("https://c.example/cb?before=1", parameters)
    assert location.startswith("https://c.example/cb?before=1")
    assert parse_qs(urlsplit(location).query) == {"before": ["1"]} | {k: [v] for k, v in parameters.items()}
    assert location.isascii()
    assert location.isprintable()


@given(
    text=st.text(max_size=60) | st.from_regex(r"https?://[a-zA-Z0-9@:\[\]./%?#\\*-]{0,40}", fullmatch=True)
)
def test_registrable_uris_mean_the_same_to_the_standard_library(text: str) -> None:
    """A redirect URI that may be registered has the host that another parser sees, and no user information."""
    try:
        uri = check_registrable(text, application_type="web")
    except Reject as refused:
        assert refused.reason.id.startswith("redirect-uri.")  # noqa: PT017  # both outcomes are right here
        return
    other, ours = urlsplit(uri), parse_url(uri)
    assert ours is not None
    assert (other.scheme, other.hostname) == (ours.scheme, ours.host.strip("[]"))
    assert other.username is None
    assert verify_registered(uri, [text], application_type="web") == text


@given(text=st.from_regex(r"https?://[a-zA-Z0-9:\[\]./%?#-]{0,40}", fullmatch=True))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The one spelling of a URL is its own spelling."""
    once = normalise(text)
    assert once is None or normalise(once) == once
