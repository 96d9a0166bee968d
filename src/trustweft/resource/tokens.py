"""Verified access tokens, remembered for as long as their verification holds.

A client sends the same token with many requests, and verifying its signature costs as much as verifying the proof.
Whether it has expired or was revoked is judged at every request all the same; once it holds it does not cease to
hold before it expires, so ``nbf`` and ``iat`` are judged once.
"""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trustweft.protocol.access_token import EXPIRED, AccessToken, verify_access_token

if TYPE_CHECKING:
    from trustweft.crypto.keys import KeySet

__all__ = ["TokenCache"]

MAXIMUM_TOKENS: Final = 4_096  # at most 16 KiB each


class TokenCache:
    """The last tokens that verified, by the whole token.

    Its signature is part of that, so nothing but a token that verified is ever found. A key set
    that changed (an issuer rotated or removed a key) empties the cache.
    """

    __slots__ = ("_keys", "_maximum", "_tokens")

    def __init__(self, *, maximum: int = MAXIMUM_TOKENS) -> None:
        self._tokens: OrderedDict[str, AccessToken] = OrderedDict()
        self._keys: KeySet | None = None
        self._maximum = maximum

    def verify(
        self, token: str, *, keys: KeySet, issuer: str, audience: str, now: float, future_tolerance: float
    ) -> AccessToken:
        """Return the verified token, as ``verify_access_token`` does.

        Raises:
            Reject: ``access-token.*``.
        """
        if keys is not self._keys:
            self._tokens.clear()
            self._keys = keys
        known = self._tokens.get(token)
        if known is None or known.issuer != issuer or audience not in known.audience:
            verified = verify_access_token(
                token, keys=keys, issuer=issuer, audience=audience, now=now, future_tolerance=future_tolerance
            )
            if not self._maximum:
                return verified
            # Read-only: an application that wrote into the claims would speak for all later requests.
            known = replace(verified, claims=MappingProxyType(verified.claims))
            self._remember(token, known)
        elif now >= known.expires_at:
            del self._tokens[token]
            raise EXPIRED.reject("while remembered")
        return known

    def _remember(self, presented: str, token: AccessToken) -> None:
        self._tokens[presented] = token
        if len(self._tokens) > self._maximum:
            self._tokens.popitem(last=False)
