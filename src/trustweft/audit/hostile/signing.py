"""The keys of the hostile server: one that it publishes, and one that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from trustweft.crypto.keys import generate_private_key, public_jwk

if TYPE_CHECKING:
    from trustweft.crypto.algorithms import PrivateKey

__all__ = ["KEY_ID", "ServerKeys"]

KEY_ID = "hostile-1"
_RSA_BITS = 2048


def _generate(algorithm: str) -> PrivateKey:
    if algorithm.startswith("RS"):  # what FAPI forbids and OpenID Connect has as its default
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return generate_private_key(algorithm)


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What ID tokens are signed with.

    Attributes:
        algorithm: that clients under test expect.
        published: signs, and stands in the key set.
        unknown: stands nowhere.
    """

    algorithm: str
    published: PrivateKey = field(init=False)
    unknown: PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        """Generate both."""
        object.__setattr__(self, "published", _generate(self.algorithm))
        object.__setattr__(self, "unknown", _generate(self.algorithm))

    def header(self) -> dict[str, object]:
        """Return the header of an honest ID token."""
        return {"alg": self.algorithm, "typ": "JWT", "kid": KEY_ID}

    def jwks(self) -> dict[str, object]:
        """Return the key set as it is published."""
        member = {**public_jwk(self.published.public_key()), "kid": KEY_ID, "use": "sig"}
        return {"keys": [{**member, "alg": self.algorithm}]}
