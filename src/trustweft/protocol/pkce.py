"""Proof Key for Code Exchange (RFC 7636), with S256 and nothing else."""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import TYPE_CHECKING, Final, NewType

from trustweft.runtime.encoding import sha256_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.runtime.entropy import Entropy

__all__ = [
    "METHOD",
    "CodeChallenge",
    "CodeVerifier",
    "check_challenge",
    "create_challenge",
    "create_verifier",
    "verify_code_verifier",
]

CodeVerifier = NewType("CodeVerifier", str)
CodeChallenge = NewType("CodeChallenge", str)

METHOD: Final = "S256"
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # section 4.1
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # section 4.2: SHA-256 in base64url

MISSING_CHALLENGE = reason(
    "pkce.challenge-missing", error="invalid_request", public="The code_challenge parameter is required."
)
METHOD_NOT_S256 = reason(
    "pkce.method-not-s256", error="invalid_request", public="The code_challenge_method must be S256."
)
MALFORMED_CHALLENGE = reason(
    "pkce.challenge-malformed",
    error="invalid_request",
    public="The code_challenge is not a SHA-256 in base64url.",
)
MISSING_VERIFIER = reason(
    "pkce.verifier-missing", error="invalid_grant", public="The code_verifier parameter is required."
)
MALFORMED_VERIFIER = reason(
    "pkce.verifier-malformed",
    error="invalid_grant",
    public="The code_verifier is not of the form of RFC 7636.",
)
WRONG_VERIFIER = reason(
    "pkce.verifier-wrong", error="invalid_grant", public="The code_verifier does not belong to the code."
)


def create_verifier(entropy: Entropy) -> CodeVerifier:
    """Return a new verifier of 43 characters that carry 256 bits (section 4.1)."""
    return CodeVerifier(entropy.token())


@enforces("FAPI2-SP-5.3.3.2-3", "RFC9700-2.1.1-p4")
def create_challenge(verifier: CodeVerifier) -> CodeChallenge:
    """Return the S256 challenge of ``verifier`` (section 4.2)."""
    return CodeChallenge(sha256_base64url(verifier))


@enforces("FAPI2-SP-5.3.2.2-5", "RFC9700-2.1.1-p5")
def check_challenge(challenge: str | None, *, method: str | None) -> CodeChallenge:
    """Return the challenge of an authorization request.

    (1) present (2) method S256; one left out means ``plain`` (section 4.3) (3) form.

    Raises:
        Reject: ``pkce.challenge-*`` or ``pkce.method-not-s256``.
    """
    if challenge is None:  # (1)
        raise MISSING_CHALLENGE.reject()
    if method != METHOD:  # (2)
        raise METHOD_NOT_S256.reject(repr(method)[:80])
    if not _CHALLENGE.fullmatch(challenge):  # (3)
        raise MALFORMED_CHALLENGE.reject(f"{len(challenge)} characters")
    return CodeChallenge(challenge)


@enforces("RFC9700-2.1.1-p6")
def verify_code_verifier(verifier: str | None, *, challenge: str) -> CodeVerifier:
    """Return the verifier once it is known to belong to ``challenge`` (section 4.6).

    (1) present (2) form (3) S256(verifier) is the challenge.

    Raises:
        Reject: ``pkce.verifier-*``, always ``invalid_grant``.
    """
    if verifier is None:  # (1)
        raise MISSING_VERIFIER.reject()
    if not _VERIFIER.fullmatch(verifier):  # (2)
        raise MALFORMED_VERIFIER.reject(f"{len(verifier)} characters")
    if not compare_digest(sha256_base64url(verifier), challenge):  # (3)
        raise WRONG_VERIFIER.reject()
    return CodeVerifier(verifier)
