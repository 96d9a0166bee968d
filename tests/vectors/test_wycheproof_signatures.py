"""Published attacks on signatures (Wycheproof): what is valid verifies, what is invalid never does."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from published_data import wycheproof
from trustweft.crypto.algorithms import PublicKey, verify_octets
from trustweft.crypto.keys import read_public_jwk

# JWS fixes the length of an ES256 signature (RFC 7518 section 3.4); the vectors count shorter ones as invalid too.
FILES = [
    ("ES256", "ecdsa_secp256r1_sha256_p1363_test"),
    ("EdDSA", "ed25519_test"),
    ("PS256", "rsa_pss_2048_sha256_mgf1_32_test"),
]


def key_of(group: dict[str, Any]) -> PublicKey:
    """Return the group's key, as a JSON Web Key where it has one."""
    if "publicKeyJwk" in group:
        return read_public_jwk(group["publicKeyJwk"])
    key = load_pem_public_key(group["publicKeyPem"].encode())
    assert isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, rsa.RSAPublicKey))
    return key


def outcome(algorithm: str, group: dict[str, Any], test: dict[str, Any]) -> str:
    """Return what we think of one vector."""
    key = key_of(group)
    try:
        verify_octets(algorithm, key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
    except InvalidSignature:
        return "invalid"
    return "valid"


@pytest.mark.parametrize(("algorithm", "file"), FILES, ids=lambda value: value)
def test_signatures(algorithm: str, file: str) -> None:
    """Every vector has the published result; a mismatch is told by number and comment."""
    groups = wycheproof(file)
    wrong = [
        (test["tcId"], test["comment"], test["result"])
        for group in groups
        for test in group["tests"]
        if outcome(algorithm, group, test) != test["result"]
    ]
    assert wrong == []
    assert sum(len(group["tests"]) for group in groups) > 100
