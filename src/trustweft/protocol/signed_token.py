"""What the tokens that clients sign share (RFC 7519, RFC 8725): times, and refusals in the words of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.jwt import read_time
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.runtime.errors import Reason, Reject

__all__ = ["check_not_in_future", "optional_time", "restate"]


def optional_time(claims: Mapping[str, object], name: str, *, malformed: Reason) -> float | None:
    """Return a NumericDate claim (RFC 7519 section 2), None where it is absent; ``null`` is not absent.

    Raises:
        Reject: ``malformed``.
    """
    if name not in claims:
        return None
    time = read_time(claims[name])
    if time is None:
        raise malformed.reject(f"{name} is no time")
    return time


@enforces("FAPI2-SP-5.3.2.1-13")
def check_not_in_future(
    claims: Mapping[str, object], *, now: float, tolerance: float, malformed: Reason, refused: Reason
) -> None:
    """Refuse a token that was issued, or begins to hold, more than ``tolerance`` seconds from now.

    Raises:
        Reject: ``refused``, or ``malformed`` where ``iat`` or ``nbf`` is not a time.
    """
    latest = now + tolerance
    for name in ("iat", "nbf"):
        time = optional_time(claims, name, malformed=malformed)
        if time is not None and time > latest:
            raise refused.reject(f"{name} is {time - now:.0f} s ahead")


def restate(cause: Reject, words: Mapping[str, Reason], *, otherwise: Reason) -> Reject:
    """Return what a refusal of the layers below means for this kind of token; raise it from ``cause``."""
    meaning = words.get(cause.reason.id, otherwise)
    return meaning.reject(f"{cause.reason.id} {cause.detail}".rstrip())
