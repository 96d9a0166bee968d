"""The published thumbprints of JSON Web Keys (RFC 7638 section 3.1, RFC 8037 appendix A.3)."""

from __future__ import annotations

import pytest

from trustweft.crypto.algorithms import verify_octets
from trustweft.crypto.keys import read_public_jwk, thumbprint
from trustweft.runtime.encoding import decode_base64url

RSA_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "kid": "2011-04-29",
}
ED25519_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(RSA_KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", id="RFC 7638 section 3.1"),
        pytest.param(ED25519_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", id="RFC 8037 appendix A.3"),
    ],
)
def test_thumbprint(key: dict[str, str], expected: str) -> None:
    """The thumbprint of a published key is the published one; members that are not required do not matter."""
    assert thumbprint(read_public_jwk(key)) == expected


def test_ed25519_signature() -> None:
    """The published Ed25519 signature verifies (RFC 8037 appendix A.5)."""
    verify_octets(
        "EdDSA",
        read_public_jwk(ED25519_KEY),
        decode_base64url(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        ),
        b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    )
