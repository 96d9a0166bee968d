"""Unpadded base64url: every value has one spelling, and nothing else is read (RFC 4648 section 3.5)."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.runtime.encoding import decode_base64url, encode_base64url

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(octets=st.binary(max_size=200))
def test_what_is_encoded_is_read_again(octets: bytes) -> None:
    """Both directions agree with the standard library."""
    text = encode_base64url(octets)
    assert (text, decode_base64url(text)) == (urlsafe_b64encode(octets).decode().rstrip("="), octets)


@given(text=st.text(st.sampled_from(ALPHABET + "+/= \n.\u00e9\u0141"), max_size=12))
def test_what_is_read_is_the_one_spelling(text: str) -> None:
    """Padding, the other alphabet, white space, letters beyond ASCII and unused bits are refused."""
    try:
        octets = decode_base64url(text)
    except ValueError:
        return
    assert encode_base64url(octets) == text


@given(octets=st.binary(min_size=1, max_size=5))
def test_of_all_last_characters_one_is_read(octets: bytes) -> None:
    """Unused bits cannot carry a message, and one signature cannot be written in two ways."""
    text = encode_base64url(octets)
    accepted = []
    for letter in ALPHABET:
        try:
            if decode_base64url(text[:-1] + letter) == octets:
                accepted.append(letter)
        except ValueError:
            continue
    assert accepted == [text[-1]]


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AA==", "AA=", "A+AA", "A/AA", "AAA\n", " AAA", "AB", "AAB", "\u00c1AAA"]
)
def test_a_wrong_spelling_is_refused(text: str) -> None:
    """Impossible lengths, padding, the alphabet of RFC 4648 section 4, white space, unused bits."""
    with pytest.raises(ValueError):  # noqa: PT011  # of several kinds, none of which is told
        decode_base64url(text)
