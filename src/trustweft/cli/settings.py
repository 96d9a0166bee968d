"""The TOML files that `trustweft serve` reads, one type per participant. A relative path is relative to its file."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from trustweft.cli.directory_settings import (  # msgspec resolves the annotations at run time
    ClientDirectory,  # noqa: TC001
    ResourceDirectory,  # noqa: TC001
    ServerDirectory,  # noqa: TC001
)
from trustweft.crypto.key_watch import ROTATE_AFTER_DAYS
from trustweft.protocol.federation_jwt import is_entity_identifier
from trustweft.server.config import ServerConfig  # noqa: TC001  # msgspec resolves the annotations at run time
from trustweft.server.federation import STATEMENT_LIFETIME
from trustweft.server.registrations import RegistrationRules

__all__ = [
    "MAXIMUM_WORKERS",
    "CertificateRevocationSettings",
    "ClientKeySettings",
    "ClientSettings",
    "DirectorySettings",
    "FederationSettings",
    "KeySettings",
    "ListedAuthoritySettings",
    "ListenSettings",
    "MoneyViewSettings",
    "ProxySettings",
    "RegistrationSettings",
    "ResourceServerSettings",
    "ResourceSettings",
    "RevocationSettings",
    "ServerSettings",
    "StorageSettings",
    "TlsSettings",
    "TrustAnchorSettings",
]


MAXIMUM_WORKERS: Final = 64  # our choice: they share one file, which one of them writes at a time


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all settings: an unknown key is an error."""


class ListenSettings(_Settings, frozen=True):
    """Where a participant listens.

    Attributes:
        mtls_port: a second port that asks for client certificates (authorization server only).
        operations_port: where /metrics is, on the loopback interface; none unless it is named.
        workers: how many processes share the ports and the store (`trustweft serve server` and `serve resource`
            only; `trustweft up` is one process).
    """

    port: int
    host: str = "localhost"
    mtls_port: int | None = None
    operations_port: int | None = None
    workers: Annotated[int, msgspec.Meta(ge=1, le=MAXIMUM_WORKERS)] = 1


class TlsSettings(_Settings, frozen=True):
    """Certificate chain and private key in PEM.

    Attributes:
        client_authorities: PEM of the authorities whose certificates authenticate clients by name (RFC 8705 section
            2.1). Where it is named, the listener asks for client certificates; of an authorization server's two, that
            at ``mtls_port``.
    """

    certificate: str
    private_key: str
    client_authorities: str | None = None


class ProxySettings(_Settings, frozen=True):
    """Proxies that end TLS in front: their word is taken for the client's certificate and address (RFC 9440).

    Attributes:
        addresses: addresses and networks that the proxies' connections come from.
        certificate_thumbprints: SHA-256 of the proxies' own certificates, as OpenSSL prints it or as `x5t#S256`.
        authenticated_by: `certificate`, or `address` where whatever is at those addresses is to be believed.
    """

    addresses: tuple[str, ...]
    certificate_thumbprints: tuple[str, ...] = ()
    authenticated_by: Literal["certificate", "address"] = "certificate"


class ListedAuthoritySettings(_Settings, frozen=True):
    """An issuer of clients' certificates, and where its revocation lists are.

    Attributes:
        certificate: the issuer's own, PEM.
        lists: files and https URLs; or `none`: its certificates are then never found revoked.
    """

    certificate: str
    lists: tuple[str, ...] | Literal["none"]


class CertificateRevocationSettings(_Settings, frozen=True):
    """Revocation of clients' certificates (RFC 5280).

    Attributes:
        authorities: every issuer in the clients' chains, the root too; clients of any other are refused.
        on_outage: `refuse` clients while no list in date can be had, or `accept-stale` the last one for longer.
        stale_cap: for how many seconds after its nextUpdate, at most a week.
        trust: PEM of the authorities that the https servers' certificates hang off; the system's unless named.
    """

    authorities: tuple[ListedAuthoritySettings, ...] = ()
    on_outage: Literal["refuse", "accept-stale"] = "refuse"
    stale_cap: float = 0.0
    trust: str | None = None


class StorageSettings(_Settings, frozen=True):
    """The SQLite file."""

    path: str


class KeySettings(_Settings, frozen=True):
    """Signing keys and the secret behind DPoP nonces.

    Attributes:
        algorithms: what there are keys for. The first signs access tokens, and ID tokens of clients that ask for no
            other. One that is taken off the list keeps its keys: clients were promised it.
        rotate_after_days: a key that has signed for so long gets a successor by itself.
    """

    directory: str
    nonce_secret_file: str
    algorithms: tuple[Literal["ES256", "PS256", "EdDSA"], ...] = ("ES256", "PS256")
    rotate_after_days: Annotated[int, msgspec.Meta(ge=1)] = ROTATE_AFTER_DAYS

    def __post_init__(self) -> None:
        """Refuse a list that says nothing, or something twice."""
        if not self.algorithms or len(set(self.algorithms)) != len(self.algorithms):
            raise ValueError("keys.algorithms names one algorithm or more, each once")


class ClientKeySettings(_Settings, frozen=True):
    """How the keys of clients are fetched that register a ``jwks_uri``.

    Attributes:
        trust: PEM of the authorities that the hosts' certificates hang off; the system's unless it is named.
        allowed_hosts: hosts whose addresses need not be public: for an ecosystem inside one network.
    """

    trust: str | None = None
    allowed_hosts: tuple[str, ...] = ()


class DirectorySettings(_Settings, frozen=True):
    """A directory whose software may register itself.

    Attributes:
        issuer: the ``iss`` of its software statements.
        jwks_file: its public keys, a JWK Set; or
        jwks_uri: where it publishes them: exactly one of the two.
    """

    issuer: str
    jwks_file: str | None = None
    jwks_uri: str | None = None

    def __post_init__(self) -> None:
        """Refuse a directory whose keys nobody would find, or that has them in two places."""
        if (self.jwks_file is None) is (self.jwks_uri is None):
            raise ValueError("a directory has either a jwks_file or a jwks_uri")


class RegistrationSettings(RegistrationRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Clients that register themselves with a software statement (RFC 7591); not at all unless this table is there.

    The other settings are those of ``RegistrationRules``.

    Attributes:
        directories: whose statements count.
        trust: PEM of the authorities that the directories' https certificates hang off; the system's unless named.
        allowed_hosts: hosts of directories whose addresses need not be public.
    """

    directories: tuple[DirectorySettings, ...]
    trust: str | None = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an endpoint that nobody could use, and a directory with two sets of keys."""
        issuers = [each.issuer for each in self.directories]
        if not issuers or len(set(issuers)) != len(issuers):
            raise ValueError("registration.directories names one directory or more, each once")


class TrustAnchorSettings(_Settings, frozen=True):
    """A Trust Anchor that we believe.

    Attributes:
        entity: its Entity Identifier.
        jwks: a file with its public keys, a JSON Web Key Set: got from its operator, not from its own address.
    """

    entity: str
    jwks: str


class FederationSettings(_Settings, frozen=True):
    """Membership in a federation (OpenID Federation 1.0): clients register by their Trust Chains.

    Attributes:
        trust_anchors: whom we believe; none of them is asked for its keys.
        authority_hints: the entities right above this server.
        keys: the directory of the keys that sign what this server says in the federation, and nothing else. They do
            not rotate by themselves: the superior must know the next one first.
        trust: PEM of the authorities that the members' certificates hang off; the system's unless it is named.
        allowed_hosts: hosts whose addresses need not be public: for an ecosystem inside one network.
        statement_lifetime: seconds that the server's own statement is good for.
        requests_without_push: whether clients that are registered automatically may bring signed requests to the
            authorization endpoint without having pushed them (OpenID Federation 1.0 section 12.1.1.1). FAPI 2.0 has
            every request pushed, so it is off unless a federation has members that know no other way.
    """

    trust_anchors: tuple[TrustAnchorSettings, ...]
    authority_hints: tuple[str, ...]
    keys: str = "federation-keys"
    trust: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    statement_lifetime: Annotated[float, msgspec.Meta(ge=60, le=86_400)] = STATEMENT_LIFETIME
    requests_without_push: bool = False

    def __post_init__(self) -> None:
        """Refuse a federation without anybody to believe or to belong to.

        Raises:
            ValueError: there is no Trust Anchor or no superior, or one of them is no Entity Identifier.
        """
        entities = [*(anchor.entity for anchor in self.trust_anchors), *self.authority_hints]
        if not self.trust_anchors or not self.authority_hints or not all(map(is_entity_identifier, entities)):
            raise ValueError("federation needs trust_anchors and authority_hints, each by an https URL")


class ServerSettings(_Settings, frozen=True):
    """`trustweft serve server`.

    Attributes:
        profile: what the participant is held to: the name of a packaged profile, or a file.
        applied_profile: the file where `trustweft profile apply` puts another one; it is followed while we run.
        without_mechanisms: what the profile asks for and is not built: the operator does without, knowingly.
    """

    server: ServerConfig
    listen: ListenSettings
    tls: TlsSettings
    storage: StorageSettings
    keys: KeySettings
    proxy: ProxySettings | None = None
    certificate_revocation: CertificateRevocationSettings = CertificateRevocationSettings()
    client_keys: ClientKeySettings = ClientKeySettings()
    registration: RegistrationSettings | None = None
    federation: FederationSettings | None = None
    directory: ServerDirectory | None = None
    profile: str = "fapi2-security"
    applied_profile: str | None = None
    without_mechanisms: tuple[str, ...] = ()
    login_notice: str | None = None

    def __post_init__(self) -> None:
        """Refuse a port at which nobody would listen, while the metadata may name it."""
        if self.listen.mtls_port is not None and self.tls.client_authorities is None:
            raise ValueError("listen.mtls_port needs tls.client_authorities")


class RevocationSettings(_Settings, frozen=True):
    """How a resource server on its own learns what is revoked: by introspection (RFC 7662).

    Inside `trustweft up` the store is asked instead, and these are not used.

    Attributes:
        endpoint: the introspection endpoint.
        client_id: the resource server's identity there.
        private_key_file: that identity's private JWK.
    """

    endpoint: str
    client_id: str
    private_key_file: str


class ResourceServerSettings(_Settings, frozen=True):
    """One protected API."""

    issuer: str
    audience: str
    base_urls: tuple[str, ...]
    nonce_secret_file: str
    trust: str  # PEM of the authorities that the issuer's certificate hangs off


class ResourceSettings(_Settings, frozen=True):
    """`trustweft serve resource`: the sample bank behind the guard.

    Attributes:
        customers: subject identifiers, each with the name of the sample customer whose accounts it sees.
        payments: the SQLite file of the payments that the sample bank made.
        profile: what the guard is held to, with ``applied_profile`` and ``without_mechanisms`` as of the server.
    """

    resource: ResourceServerSettings
    listen: ListenSettings
    tls: TlsSettings
    storage: StorageSettings  # replay memory
    revocation: RevocationSettings
    directory: ResourceDirectory | None = None
    proxy: ProxySettings | None = None
    customers: dict[str, str] = {}
    payments: str = "payments.sqlite"
    profile: str = "fapi2-security"
    applied_profile: str | None = None
    without_mechanisms: tuple[str, ...] = ()


class MoneyViewSettings(_Settings, frozen=True):
    """The sample client application.

    Attributes:
        assertion_keys: the directory of the keys that its assertions are signed with, published at ``/jwks``.
        name: what people call it; ``look`` is its colours and its mark.
        headline: what it is for; ``promise`` is what it does, a sentence that begins with its name.
        sign_requests: whether it signs its authorization requests (RFC 9101) with those keys too; it always does where
            the profile demands it.
    """

    issuer: str
    client_id: str
    base_url: str
    bank_url: str
    bank_name: str
    scope: tuple[str, ...]
    assertion_keys: str
    proof_key_file: str
    trust: str
    name: str = "MoneyView"
    look: Literal["moneyview", "paypilot"] = "moneyview"
    headline: str | None = None
    promise: str | None = None
    sign_requests: bool = False


class ClientSettings(_Settings, frozen=True):
    """`trustweft serve client`: MoneyView, or another of its kind, which reads the applied profile when it starts."""

    moneyview: MoneyViewSettings
    listen: ListenSettings
    tls: TlsSettings
    directory: ClientDirectory | None = None
    profile: str = "fapi2-security"
    applied_profile: str | None = None
    without_mechanisms: tuple[str, ...] = ()
