"""The keys that a client signs its assertions with, and the key set at its ``jwks_uri`` (FAPI 2.0 SP section 5.4.2).

A key is published before it signs, and for a while after: a server that keeps our key set for some minutes then
always has the one that it needs. Whoever has a key ring of its own passes that: it need only do what `SigningKeys`
says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from trustweft.crypto.keys import KeySet, VerificationKey, public_jwk, thumbprint
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.crypto.keys import Signer

__all__ = ["PublishedKeys", "SigningKeys", "publish"]

MAXIMUM_AGE: Final = 300  # seconds, our choice: how long others may keep the key set


class SigningKeys(Protocol):
    """Says which key signs now, and which ones others may verify with. Both may change at any time."""

    def signer(self) -> Signer:
        """Return the signer of now; ask again for the next signature."""
        ...

    def public_jwks(self) -> dict[str, object]:
        """Return the key set as it is published (RFC 7517 section 5)."""
        ...


class PublishedKeys:
    """The keys of one configuration: that of now, the next one, and those that signed until lately.

    To replace a key: configure the next one; when servers can have read it, make it the current one and the one before
    a previous one; leave that out when its last assertion has expired.

    Args:
        current: signs.
        following: signs next; published already.
        previous: signed until lately; their secrets are gone.

    Raises:
        ValueError: a key has no ``kid``, or two have the same.
    """

    __slots__ = ("_current", "_document")

    def __init__(
        self, current: Signer, *, following: Signer | None = None, previous: Sequence[VerificationKey] = ()
    ) -> None:
        signers = [current] if following is None else [current, following]
        halves = [VerificationKey(each.public_key, each.algorithm, each.key_id) for each in signers]
        self._current = current
        self._document: dict[str, object] = {"keys": [_member(key) for key in (*halves, *previous)]}
        publish(self)

    def signer(self) -> Signer:
        """Return the signer of the current key."""
        return self._current

    def public_jwks(self) -> dict[str, object]:
        """Return every key of ours that may be met in an assertion now, or soon."""
        return self._document


def _member(key: VerificationKey) -> dict[str, object]:
    return {**public_jwk(key.key), "kid": key.key_id, "alg": key.algorithm, "use": "sig"}


@enforces("FAPI2-SP-5.4.2-3")
def publish(keys: SigningKeys) -> dict[str, object]:
    """Return the key set to serve, after a look at it: public halves only, each with a ``kid`` of its own.

    Raises:
        Reject: ``jwk.private``: a key that is not public. It is better to publish nothing.
        ValueError: a key has no ``kid``, two have the same, or the one that signs is missing.
    """
    document = keys.public_jwks()
    published = KeySet.read(document).keys
    names = [key.key_id for key in published]
    if None in names or len(set(names)) != len(names):
        raise ValueError(f"each published key needs a kid of its own: {names}")
    signer = keys.signer()
    if (signer.key_id, thumbprint(signer.public_key)) not in [
        (key.key_id, thumbprint(key.key)) for key in published
    ]:
        raise ValueError("the key that signs is not among the published ones")
    return document
