"""What one client is, towards one authorization server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustweft.protocol.issuer import Issuer, check_issuer_identifier

if TYPE_CHECKING:
    from trustweft.crypto.keys import Signer

__all__ = ["ClientConfiguration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfiguration:
    """Everything that is registered and configured; nothing of it ever comes from a response.

    Attributes:
        issuer: of the authorization server, from an authoritative source.
        client_id: as registered.
        signer: signs client assertions; its ``key_id`` is that of the registered key.
        proof_signer: signs DPoP proofs: another key than ``signer``.
        redirect_uri: as registered, octet by octet.
        scope: what to ask for, no more than the purpose needs.
        id_token_algorithm: the registered ``id_token_signed_response_alg``.
        assertion_lifetime: seconds that an assertion is good for.
        future_tolerance: seconds that the server's clock may be ahead.
    """

    issuer: str
    client_id: str
    signer: Signer
    proof_signer: Signer
    redirect_uri: str
    scope: tuple[str, ...]
    id_token_algorithm: str = "ES256"  # noqa: S105  # an algorithm, not a password
    assertion_lifetime: float = 60.0
    future_tolerance: float = 30.0

    def __post_init__(self) -> None:
        """Refuse an issuer that is none, before anything is sent."""
        check_issuer_identifier(self.issuer)

    @property
    def checked_issuer(self) -> Issuer:
        """Return the issuer that discovery starts from: the configured one."""
        return check_issuer_identifier(self.issuer)
