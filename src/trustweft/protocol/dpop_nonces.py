"""Server nonces of DPoP (RFC 9449 sections 8 and 9): given out, checked, and read by clients."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NONCE_HEADER", "Nonces", "read_nonce_header"]

NONCE_HEADER: Final = "dpop-nonce"
_NONCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")  # section 8.1: NQCHAR

NONCE_REQUIRED = reason(
    "dpop.nonce-required", error="use_dpop_nonce", public="The DPoP proof must hold the nonce of this server."
)
NONCE_STALE = reason(
    "dpop.nonce-stale", error="use_dpop_nonce", public="The nonce of the DPoP proof is not a current one."
)
BAD_NONCE_HEADER = reason(
    "dpop.bad-nonce-header",
    error="server_error",
    public="The DPoP-Nonce of the server is malformed.",
    status=502,
)


def read_nonce_header(values: Sequence[str]) -> str | None:
    """Return the nonce that a server sent, None where it sent none, for clients (section 8.1).

    Raises:
        Reject: ``dpop.bad-nonce-header``.
    """
    if not values:
        return None
    if len(values) > 1 or not _NONCE.fullmatch(values[0]):
        raise BAD_NONCE_HEADER.reject(f"{len(values)} headers")
    return values[0]


class Nonces:
    """Server nonces without a memory (section 8): a keyed digest of the time, the same for every client.

    All processes that share the secret accept each other's nonces.
    """

    __slots__ = ("_accepted", "_key", "_secret", "_step", "_steps_back")

    def __init__(self, secret: bytes, *, step: float = 60.0, window: float = 300.0) -> None:
        """Take a secret of 32 octets or more, how often the nonce changes and for how long one is accepted.

        A nonce is good for ``window`` seconds at most, and for ``window - step`` at least.

        Raises:
            ValueError: the secret is too short, or the window is shorter than two steps.
        """
        if len(secret) < hashlib.sha256().digest_size or not 0 < 2 * step <= window:
            raise ValueError("nonces need 32 octets of secret and a window of at least two steps")
        # A key of its own (as HKDF expands one), so that the secret may serve other purposes too.
        self._secret = secret
        self._key = hmac.digest(secret, b"trustweft dpop nonce\x01", "sha256")
        self._step = step
        self._steps_back = int(window // step) - 1
        self._accepted: tuple[int, tuple[str, ...]] = (-1, ())

    def every(self, step: float) -> Nonces:
        """Return nonces of the same secret that change so often, and serve in their own step and the next.

        The same nonces, where they change so often already.
        """
        if step == self._step:
            return self
        return Nonces(self._secret, step=step, window=2 * step)

    def current(self, now: float) -> str:
        """Return the nonce to give out now."""
        return self._around(now)[1]

    @enforces("FAPI2-SP-5.3.2.1-10", "RFC9449-4.3-10", "RFC9449-8-p8.1", "RFC9449-11.3-p1")
    def check(self, nonce: str | None, *, now: float) -> None:
        """Hold that the nonce of a proof is one that this server gave out lately.

        Raises:
            Reject: ``dpop.nonce-required`` or ``dpop.nonce-stale``, with the current nonce as a header.
        """
        if nonce is None:
            raise NONCE_REQUIRED.reject(headers=((NONCE_HEADER, self.current(now)),))
        if nonce not in self._around(now):  # no secret: whoever asks is told the current one
            raise NONCE_STALE.reject(repr(nonce)[:80], headers=((NONCE_HEADER, self.current(now)),))

    def _around(self, now: float) -> tuple[str, ...]:
        """Return the next step's nonce (another machine's clock may be ahead), the current one, and the older ones."""
        step = int(now // self._step)
        known = self._accepted  # one read: another thread may replace the pair, never change it
        if known[0] != step:
            known = (step, tuple(self._nonce(step - back) for back in range(-1, self._steps_back + 1)))
            self._accepted = known
        return known[1]

    @enforces("RFC9449-8-p3.2")
    def _nonce(self, step: int) -> str:
        return encode_base64url(hmac.digest(self._key, step.to_bytes(8, "big", signed=True), "sha256")[:16])
