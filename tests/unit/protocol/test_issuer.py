"""Which server an authorization response comes from (RFC 9207)."""

from __future__ import annotations

import pytest

from trustweft.protocol.issuer import Issuer, check_issuer_identifier, check_response_issuer
from trustweft.runtime.errors import Reject

ISSUER = Issuer("https://as.example/tenant")


@pytest.mark.parametrize(
    "issuer", ["https://as.example", "https://as.example/", "https://localhost:8440", ISSUER]
)
def test_issuer_identifiers(issuer: str) -> None:
    """An https URL, with or without port and path, is an issuer identifier."""
    assert check_issuer_identifier(issuer) == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "as.example",
        "http://as.example",
        "https://",
        "https://as.example?x=1",
        "https://as.example?",
        "https://as.example#",
        "https://as.example#x",
        "https://user@as.example",
        "https://as.example\\@attacker.example",
        "https://as.example\n",
        " https://as.example",
        "https://as.example:0",
        "https://as.example:65536",
        "https://\u00e4s.example",
        "https://as.example/" + "x" * 3_000,
    ],
)
def test_malformed_issuer_identifiers(issuer: str) -> None:
    """Anything else is not (RFC 8414 section 2)."""
    with pytest.raises(Reject) as refused:
        check_issuer_identifier(issuer)
    assert refused.value.reason.id == "issuer.malformed"


def test_response_of_the_expected_server() -> None:
    """A response with the issuer that was asked goes on."""
    assert check_response_issuer(ISSUER, expected=ISSUER) == ISSUER


@pytest.mark.parametrize(
    ("presented", "expected"),
    [
        (None, "issuer.missing"),
        ("", "issuer.mismatch"),
        ("https://attacker.example", "issuer.mismatch"),
        (ISSUER + "/", "issuer.mismatch"),
        (ISSUER.upper(), "issuer.mismatch"),
        (ISSUER.replace("example", "example:443"), "issuer.mismatch"),
    ],
)
def test_response_of_another_server(presented: str | None, expected: str) -> None:
    """A response without issuer, or with another one in any spelling, is a mix-up (section 2.4)."""
    with pytest.raises(Reject) as refused:
        check_response_issuer(presented, expected=ISSUER)
    assert refused.value.reason.id == expected
