"""What the suite holds of an ID token (OpenID Connect Core sections 2 and 3.1.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.examiner.keys import decode, encode, verify

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation

__all__ = ["check_id_token", "check_same_person"]

_ALWAYS: Final = frozenset(
    [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "azp",
        "at_hash",
        "c_hash",
        "nbf",
        "jti",
        "sid",
        "s_hash",
        "txn",
    ]
)
_SKEW: Final = 300
_LONGEST_SUBJECT: Final = 255


def check_id_token(conversation: Conversation) -> dict[str, Any]:
    """Return the claims of the ID token in the latest token response."""
    examination = conversation.examination
    header, claims = verify(conversation.tokens["id_token"], examination.keys)
    assert header.get("typ", "JWT").upper() == "JWT", header
    now, client_id = examination.now(), conversation.party.client_id
    assert claims["iss"] == examination.metadata["issuer"], claims
    assert claims["aud"] in (client_id, [client_id]), claims
    assert isinstance(claims["sub"], str), claims
    assert 0 < len(claims["sub"]) <= _LONGEST_SUBJECT, claims
    assert abs(claims["iat"] - now) <= _SKEW, claims
    assert now < claims["exp"], claims
    assert claims.get("auth_time", now) <= now, claims
    assert claims.get("nonce") == conversation.request.get("nonce"), claims
    assert claims.get("acr") != "", claims
    _check_hash(claims.get("at_hash"), conversation.access_token)
    unasked = set(claims) - _ALWAYS
    assert not unasked, f"nobody asked for {unasked} in the ID token"
    return claims


def check_same_person(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Hold what OpenID Connect Core section 12.2 says of the ID token of a refresh."""
    for name in ("iss", "sub", "aud", "azp", "auth_time"):
        assert first.get(name) == second.get(name), name
    assert first["iat"] != second["iat"], "the time is not that of the refresh"


def _check_hash(claimed: str | None, token: str) -> None:
    if claimed is None:
        return
    import hashlib

    # ES256, PS256 and Ed25519's own digest are told apart by their length.
    octets = decode(claimed)
    digest = hashlib.sha256 if len(octets) == 16 else hashlib.sha512
    whole = digest(token.encode()).digest()
    assert encode(whole[: len(whole) // 2]) == claimed, "at_hash"
