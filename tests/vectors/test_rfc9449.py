"""The published proofs of DPoP (RFC 9449 sections 5 and 7.1)."""

from __future__ import annotations

import pytest

from trustweft.protocol.dpop import Proof, verify_proof
from trustweft.runtime.errors import Reject

THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"  # section 6.1
TOKEN_REQUEST = (  # section 5, figure 4
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJ"
    "qdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
    "xNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RESOURCE_REQUEST = (  # section 7.1, figure 12
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJ"
    "qdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXN"
    "vdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yR"
    "qzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"


def test_token_request() -> None:
    """The proof of the published token request verifies, and is made with the published key."""
    proof = verify_proof(
        TOKEN_REQUEST,
        method="POST",
        urls=("https://server.example.com/token",),
        now=1_562_262_616,
        future_tolerance=30,
        maximum_age=60,
    )
    assert proof == Proof(
        jkt=THUMBPRINT, jti="-BwC3ESc6acc2lTc", issued_at=1_562_262_616, nonce=None, expires_at=1_562_262_706
    )


def verify_resource_request(access_token: str) -> Proof:
    """Verify the published resource request as it would come with ``access_token``."""
    return verify_proof(
        RESOURCE_REQUEST,
        method="GET",
        urls=("https://resource.example.org/protectedresource",),
        now=1_562_262_618,
        future_tolerance=30,
        maximum_age=60,
        access_token=access_token,
    )


def test_resource_request() -> None:
    """The proof of the published resource request belongs to the published access token, and to no other."""
    assert verify_resource_request(ACCESS_TOKEN).jkt == THUMBPRINT
    with pytest.raises(Reject) as refused:
        verify_resource_request(ACCESS_TOKEN + "x")
    assert refused.value.reason.id == "dpop.ath-mismatch"
