"""What one client is, towards one authorization server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from trustweft.protocol.issuer import Issuer, check_issuer_identifier
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client.publishing import SigningKeys
    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.federation_chain import TrustChain

__all__ = [
    "Authentication",
    "CertificateBound",
    "ClientCertificate",
    "ClientConfiguration",
    "Dpop",
    "PrivateKeyJwt",
    "SenderConstraint",
    "ServerCheck",
]


@dataclass(frozen=True, slots=True)
class PrivateKeyJwt:
    """The client authenticates with assertions that it signs (OpenID Connect Core section 9).

    Attributes:
        keys: the registered or published ones; asked for the signer of every assertion, so that they may change.
    """

    keys: SigningKeys


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The client authenticates with the certificate of its TLS connection (RFC 8705 section 2).

    Whether that is issued by an authority or self-signed is a matter of registration. The certificate is in the TLS
    context of the httpx2 client that is passed in: see `trustweft.client.tls`.
    """


@dataclass(frozen=True, slots=True)
class Dpop:
    """Access tokens are bound to a key that signs a proof for each request (RFC 9449).

    Attributes:
        proof_signer: another key than that of assertions, and another one for each server (FAPI 2.0 SP section 6.3).
    """

    proof_signer: Signer


@dataclass(frozen=True, slots=True)
class CertificateBound:
    """Access tokens are bound to the certificate of the TLS connection (RFC 8705 section 3)."""


Authentication: TypeAlias = PrivateKeyJwt | ClientCertificate
SenderConstraint: TypeAlias = Dpop | CertificateBound


class ServerCheck(Protocol):
    """Says whether an authorization server may be trusted at this time."""

    def __call__(self, issuer: str, /, *, revoking: bool = False) -> None:
        """Refuse a server to which nothing may be sent, or but revocations where ``revoking``.

        Raises:
            Reject: it may not.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfiguration:
    """Everything that is registered and configured; nothing of it ever comes from a response.

    Attributes:
        issuer: of the authorization server, from an authoritative source.
        client_id: as registered.
        authentication: how the client proves who it is.
        sender_constraint: what its access tokens are bound to.
        redirect_uri: as registered, octet by octet; None where the client asks nobody and acts for itself alone.
        scope: what to ask for, no more than the purpose needs.
        id_token_algorithm: the registered ``id_token_signed_response_alg``.
        use_mtls_endpoint_aliases: take the endpoints for client certificates although neither authentication nor
            tokens need one (FAPI 2.0 SP section 5.2.2.1.1).
        request_keys: sign its authorization requests (RFC 9101): registered or published like those of assertions, and
            the same ones where it has no others; None where requests are pushed as they are.
        assertion_lifetime: seconds that an assertion, or a signed request, is good for.
        future_tolerance: seconds that the server's clock may be ahead.
        server_chain: the server's Trust Chain, where it is known by one: its metadata are then those of the chain.
        check_server: raises `Reject` where nothing may be sent to the server any more, as it left the ecosystem:
            `trustweft.client.participation.Participation.check`.
        believed_keys: returns the server's keys without those that have ended, of all that it publishes:
            `trustweft.client.participation.Participation.believed`.
    """

    issuer: str
    client_id: str
    authentication: Authentication
    sender_constraint: SenderConstraint
    redirect_uri: str | None = None
    scope: tuple[str, ...]
    id_token_algorithm: str = "ES256"  # noqa: S105  # an algorithm, not a password
    use_mtls_endpoint_aliases: bool = False
    request_keys: SigningKeys | None = None
    assertion_lifetime: float = 60.0
    future_tolerance: float = 30.0
    server_chain: TrustChain | None = None
    check_server: ServerCheck | None = None
    believed_keys: Callable[[KeySet], KeySet] | None = None

    @enforces("FAPI2-SP-5.3.3.1-10")
    def __post_init__(self) -> None:
        """Refuse an issuer that is none, and one key for two purposes, before anything is sent.

        Raises:
            Reject: ``issuer.malformed``.
            ValueError: one key signs both proofs and assertions, or proofs and requests.
        """
        check_issuer_identifier(self.issuer)
        if not isinstance(self.sender_constraint, Dpop):
            return
        assertions = self.authentication.keys if isinstance(self.authentication, PrivateKeyJwt) else None
        proof_key = self.sender_constraint.proof_signer.public_key
        if any(keys and keys.signer().public_key == proof_key for keys in (assertions, self.request_keys)):
            raise ValueError("proofs, and what the client signs otherwise, are signed with keys of their own")

    @property
    def checked_issuer(self) -> Issuer:
        """Return the issuer that discovery starts from: the configured one."""
        return check_issuer_identifier(self.issuer)

    @property
    def people_return_to(self) -> str:
        """Return the redirect URI of a client that sends people to the server.

        Raises:
            ValueError: this one does not.
        """
        if self.redirect_uri is None:
            raise ValueError("a client without redirect_uri sends nobody to the authorization server")
        return self.redirect_uri

    @property
    def asks_for_identity(self) -> bool:
        """Tell whether an ID token must come with the tokens."""
        return "openid" in self.scope

    @property
    def binds_to_certificate(self) -> bool:
        """Tell whether access tokens are bound to the client's certificate, and not to its proof key."""
        return isinstance(self.sender_constraint, CertificateBound)

    @property
    @enforces("FAPI2-SP-5.2.2.1-3", "FAPI2-SP-5.3.3.1-7")
    def takes_aliases(self) -> bool:
        """Tell whether ``mtls_endpoint_aliases`` are where this client's requests go (RFC 8705 section 5)."""
        return (
            self.use_mtls_endpoint_aliases
            or isinstance(self.authentication, ClientCertificate)
            or isinstance(self.sender_constraint, CertificateBound)
        )
