"""Proof Key for Code Exchange (RFC 7636): S256 and nothing else."""

from __future__ import annotations

import pytest

from trustweft.protocol.pkce import (
    CodeVerifier,
    check_challenge,
    create_challenge,
    create_verifier,
    verify_code_verifier,
)
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

VERIFIER = CodeVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636 appendix B
CHALLENGE = create_challenge(VERIFIER)


def test_flow() -> None:
    """A client's verifier opens the challenge that it sent."""
    assert check_challenge(CHALLENGE, method="S256") == CHALLENGE
    assert verify_code_verifier(VERIFIER, challenge=CHALLENGE) == VERIFIER


@pytest.mark.parametrize(
    ("challenge", "method", "expected"),
    [
        (None, None, "pkce.challenge-missing"),
        (None, "S256", "pkce.challenge-missing"),
        (CHALLENGE, None, "pkce.method-not-s256"),  # left out means plain (section 4.3)
        (CHALLENGE, "plain", "pkce.method-not-s256"),
        (CHALLENGE, "s256", "pkce.method-not-s256"),
        (CHALLENGE, "S512", "pkce.method-not-s256"),
        (CHALLENGE[:-1], "S256", "pkce.challenge-malformed"),
        (CHALLENGE + "A", "S256", "pkce.challenge-malformed"),
        (CHALLENGE[:-1] + "=", "S256", "pkce.challenge-malformed"),
        (CHALLENGE[:-1] + "\u00e9", "S256", "pkce.challenge-malformed"),
        (CHALLENGE + "\n", "S256", "pkce.challenge-malformed"),
    ],
)
def test_challenge_that_is_refused(challenge: str | None, method: str | None, expected: str) -> None:
    """A pushed request without an S256 challenge is an invalid request."""
    with pytest.raises(Reject) as refused:
        check_challenge(challenge, method=method)
    assert (refused.value.reason.id, refused.value.reason.error) == (expected, "invalid_request")


@pytest.mark.parametrize(
    ("verifier", "expected"),
    [
        (None, "pkce.verifier-missing"),
        (VERIFIER[:-1], "pkce.verifier-malformed"),
        ("a" * 129, "pkce.verifier-malformed"),
        (VERIFIER + "\u00e9", "pkce.verifier-malformed"),
        (VERIFIER + "\n", "pkce.verifier-malformed"),
        (VERIFIER + "=", "pkce.verifier-malformed"),
        (CHALLENGE, "pkce.verifier-wrong"),  # what plain would have accepted
        (VERIFIER + "a", "pkce.verifier-wrong"),
        (encode_base64url(b"\0" * 32), "pkce.verifier-wrong"),
    ],
)
def test_verifier_that_is_refused(verifier: str | None, expected: str) -> None:
    """A verifier that is missing, malformed or wrong is an invalid grant, with status 400."""
    with pytest.raises(Reject) as refused:
        verify_code_verifier(verifier, challenge=CHALLENGE)
    reason = refused.value.reason
    assert (reason.id, reason.error, reason.status) == (expected, "invalid_grant", 400)


def test_verifiers_differ() -> None:
    """Each flow has a verifier of its own."""
    assert len({create_verifier(SystemEntropy()) for _ in range(100)}) == 100
