"""Published attacks on JSON Web Signatures and Keys (Wycheproof), with our readers of both.

Where an algorithm is not one of our three, a vector that others call valid must be refused for its algorithm. The
vectors sign the word "foo", which is no JSON object: a signature that verified is told by a refusal of the payload.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from published_data import wycheproof
from trustweft.crypto import jws
from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.crypto.keys import KeySet
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.errors import Reject

FILES = ["json_web_signature_test", "json_web_key_test"]
VERIFIED = {"jws.bad-payload", "json.malformed", "json.not-an-object"}


def key_set_of(group: dict[str, Any]) -> dict[str, Any]:
    """Return the group's public keys as a set; symmetric ones stand in the private half only."""
    keys: dict[str, Any] = group.get("public") or group["private"]
    return keys if "keys" in keys else {"keys": [keys]}


def verifies(group: dict[str, Any], token: str) -> bool:
    """Say whether the signature of ``token`` verifies with a key of the group."""
    try:
        keys = KeySet.read(key_set_of(group))
        parsed = jws.parse(token)
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)
    except Reject:
        return False
    with pytest.raises(Reject) as refused:
        jws.verify(parsed, key=key.key, algorithm=key.algorithm)
    return refused.value.reason.id in VERIFIED


def ours(token: str) -> bool:
    """Say whether ``token``, a valid one, is signed with one of our algorithms, whatever its key says."""
    header = json.loads(decode_base64url(token.partition(".")[0]))
    return canonical_algorithm(header["alg"]) is not None


@pytest.mark.parametrize("file", FILES)
def test_tokens(file: str) -> None:
    """Valid tokens of our algorithms verify; all others, of whatever algorithm, are refused before the payload."""
    wrong = []
    seen = {"valid": 0, "invalid": 0}
    for group in wycheproof(file):
        for test in group["tests"]:
            expected = test["result"] == "valid" and "public" in group and ours(test["jws"])
            seen["valid" if expected else "invalid"] += 1
            if verifies(group, str(test["jws"])) != expected:
                wrong.append((group["comment"], test["tcId"], test["comment"], test["result"]))
    assert wrong == []
    assert seen["invalid"] > 20
    if file == "json_web_signature_test":
        assert seen["valid"] == 8
