"""The published example of Proof Key for Code Exchange (RFC 7636 appendix B)."""

from __future__ import annotations

import pytest

from trustweft.protocol.pkce import CodeVerifier, create_challenge, verify_code_verifier
from trustweft.runtime.errors import Reject

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_appendix_b_challenge() -> None:
    """The challenge of the published verifier is the published one."""
    assert create_challenge(CodeVerifier(VERIFIER)) == CHALLENGE


def test_appendix_b_verifies() -> None:
    """The published verifier belongs to the published challenge, and no other does."""
    assert verify_code_verifier(VERIFIER, challenge=CHALLENGE) == VERIFIER
    with pytest.raises(Reject) as refused:
        verify_code_verifier(VERIFIER[:-1] + "l", challenge=CHALLENGE)
    assert refused.value.reason.id == "pkce.verifier-wrong"
