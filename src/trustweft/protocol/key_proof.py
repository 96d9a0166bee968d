"""Proof that somebody has the private half of a key that the directory is to know: a JWT that the key itself signs.

It names the directory and the subject that the key is for, so that nobody shows it elsewhere or for anybody else. The
order of the checks, here and in the tests: (1) size, shape and ``alg`` (2) ``typ`` (3) signature (4) ``aud`` (5) ``sub``
(6) ``iat``. There is no standard for it: the claims are ours, and RFC 8725 section 3.11 is why it has a type of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.crypto import jws
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.algorithms import PublicKey
    from trustweft.crypto.keys import Signer
    from trustweft.runtime.errors import Reason

__all__ = ["LIFETIME", "TYPE", "create_key_proof", "verify_key_proof"]

TYPE: Final = "key-proof+jwt"
LIFETIME: Final = 3_600.0  # our choice: it goes from person to person, and says nothing of yesterday
TOLERANCE: Final = 60.0  # our choice: clocks that are kept at all are nearer than that
_LIMIT: Final = 4_096
_ERROR: Final = "invalid_request"

MALFORMED = reason("key-proof.malformed", error=_ERROR, public="The proof of possession is no signed proof.")
WRONG_TYPE = reason(
    "key-proof.wrong-type", error=_ERROR, public="The typ of a proof of possession must be key-proof+jwt."
)
BAD_SIGNATURE = reason(
    "key-proof.bad-signature", error=_ERROR, public="The proof was not signed with the key that it is for."
)
AUDIENCE = reason("key-proof.audience", error=_ERROR, public="The proof is for another directory.")
SUBJECT = reason("key-proof.subject", error=_ERROR, public="The proof is for another subject.")
TIME = reason(
    "key-proof.out-of-date",
    error=_ERROR,
    public="The proof is older than an hour, or comes from the future.",
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.bad-signature": BAD_SIGNATURE,
    "jws.key-mismatch": BAD_SIGNATURE,
}


def create_key_proof(signer: Signer, *, directory: str, subject: str, now: float) -> str:
    """Return the proof that whoever has ``signer`` brings its key to ``directory`` for ``subject`` (``kind:id``)."""
    claims = {"aud": directory, "sub": subject, "iat": now}
    return jws.sign(claims, signer=signer, header={"typ": TYPE})


def verify_key_proof(token: str, *, key: PublicKey, directory: str, subject: str, now: float) -> str:
    """Hold that whoever brings ``key`` has its private half, and return in words what was shown.

    Args:
        token: the proof.
        key: which the proof must be signed with; never taken from the proof.
        directory: our own identifier.
        subject: the owner that the key is to have, ``kind:id``.
        now: the time.

    Raises:
        Reject: ``key-proof.*``.
    """
    try:
        parsed = jws.parse(token, limit=_LIMIT)  # (1)
        if parsed.type != TYPE:  # (2)
            raise WRONG_TYPE.reject(parsed.type[:80])
        claims = jws.verify(parsed, key=key)  # (3)
    except Reject as cause:
        if cause.reason is WRONG_TYPE:
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("aud") != directory:  # (4)
        raise AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    if claims.get("sub") != subject:  # (5)
        raise SUBJECT.reject(f"{claims.get('sub')!r:.200}")
    signed_at = optional_time(claims, "iat", malformed=MALFORMED)  # (6)
    if signed_at is None or signed_at < now - LIFETIME:
        raise TIME.reject(f"iat {signed_at}")
    check_not_in_future(claims, now=now, tolerance=TOLERANCE, malformed=MALFORMED, refused=TIME)
    return f"signed for {directory} at {signed_at:.0f}"
