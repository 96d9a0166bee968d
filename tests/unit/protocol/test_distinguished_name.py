"""Distinguished names: many spellings of one name are equal, and no spelling of another is."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from trustweft.protocol.distinguished_name import distinguished_name_of, parse_distinguished_name
from trustweft.runtime.errors import Reject

NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Müller, Söhne & Co."),
        x509.NameAttribute(NameOID.COMMON_NAME, "moneyview"),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        r"CN=moneyview,O=Müller\, Söhne & Co.,C=DE",
        r"cn=moneyview, o = M\C3\BCller\2C S\c3\b6hne & Co. , c=DE",
        r"2.5.4.3=moneyview,2.5.4.10=Müller\, Söhne & Co.,2.5.4.6=DE",
        r"CN=#0c096d6f6e657976696577,O=Müller\, Söhne & Co.,C=#13024445",
        r"CN=#13096d6f6e657976696577,O=Müller\, Söhne \26 Co.,C=DE",
    ],
)
def test_spellings_of_one_name_are_equal(text: str) -> None:
    """Case of the types, escapes, numbers for types, encoded values, spaces at the separators: RFC 4514 section 2."""
    assert parse_distinguished_name(text) == distinguished_name_of(NAME)


@pytest.mark.parametrize(
    "text",
    [
        r"C=DE,O=Müller\, Söhne & Co.,CN=moneyview",  # the other way round
        r"CN=moneyview,O=Müller\, Söhne & Co.",  # one attribute less
        r"CN=moneyview,CN=moneyview,O=Müller\, Söhne & Co.,C=DE",  # one more
        r"CN=moneyview+O=Müller\, Söhne & Co.,C=DE",  # in one step
        r"CN=MoneyView,O=Müller\, Söhne & Co.,C=DE",  # values are compared octet by octet
        r"CN=moneyview\ ,O=Müller\, Söhne & Co.,C=DE",  # an escaped space belongs to the value
        r"OU=moneyview,O=Müller\, Söhne & Co.,C=DE",
    ],
)
def test_another_name_is_another_name(text: str) -> None:
    """An authority that issues such a name to somebody else must not thereby speak for our client."""
    assert parse_distinguished_name(text) != distinguished_name_of(NAME)


def test_a_step_of_several_attributes_has_no_order() -> None:
    """RFC 4514 section 2.2."""
    both = x509.RelativeDistinguishedName(
        [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "b")]
    )
    expected = distinguished_name_of(x509.Name([both]))
    assert parse_distinguished_name("CN=a+UID=b") == parse_distinguished_name("UID=b+CN=a") == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "moneyview", "CN=", "CN", "=a", "CN=a,", ",CN=a", "CN=a,,O=b", "CN=a+", "CN=a;O=b", 'CN="a"', "CN=a\\",
     "CN=a\\zz", "CN=\\ff", "CN=#", "CN=#0", "CN=#04026162", "CN=#0c0361", "CN=#0cff61", "CN=#0c01ff", "CN=#zz",
     "CN=a\x00", "nickname=a", "1..2=a", "01.2=a", "CN=<a>", "CN=" + "a" * 2_100],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    """Also the empty one: it is the subject of every certificate that is known by its alternative names."""
    with pytest.raises(Reject) as caught:
        parse_distinguished_name(text)
    assert caught.value.reason.id == "distinguished-name.malformed"


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_what_a_certificate_says_can_be_written_and_read(values: list[str]) -> None:
    """The text that the library writes for any name is read as that very name."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in values])
    text = name.rfc4514_string()
    if len(text) <= 2_048:
        assert parse_distinguished_name(text) == distinguished_name_of(name)
