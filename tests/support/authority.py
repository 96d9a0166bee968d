"""An authorization server in this process, with clients that hold keys and time that is turned by hand."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from browsing import FAST, compiled_pages
from revocations import Issuer
from support.client_hosts import ClientHosts
from support.details import PAYMENT, TYPES, changed
from support.drafts import Draft
from support.software import Directory
from support.wire import Answer, Sent, send
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk, thumbprint
from trustweft.crypto.local_authority import (
    create_self_signed,
    issue_client_certificate,
    load_or_create_authority,
)
from trustweft.crypto.revocation_lists import ListedAuthority, RevocationLists
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.profile import load_profile
from trustweft.protocol.access_token import Confirmation
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_certificates import ClientCertificates
from trustweft.server.client_keys import ClientKeys
from trustweft.server.config import ScopeDefinition, ServerConfig
from trustweft.server.details import DetailTypes
from trustweft.server.exchange import Deployment
from trustweft.server.login.passwords import Passwords
from trustweft.server.login.people import create_user
from trustweft.server.pipelines import PIPELINES
from trustweft.server.records import AuthorizationCode, Grant, RefreshToken, User
from trustweft.store.memory import MemoryStore
from trustweft.web.server_pages import ServerPages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography import x509

    from trustweft.crypto.local_authority import Authority as CertificateAuthority
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.server.pipeline import Pipelines
    from trustweft.server.registrations import Registrations

__all__ = [
    "BANK",
    "CALLBACK",
    "CHALLENGE",
    "ISSUER",
    "MTLS",
    "PASSWORD",
    "VERIFIER",
    "Authority",
    "Hearing",
    "IssuedCode",
    "Party",
    "make_authority",
]

ISSUER: Final = "https://localhost:8441"
MTLS: Final = "https://localhost:8442"
BANK: Final = "https://localhost:8443"
CALLBACK: Final = "https://localhost:8444/callback"
CALLBACK_WITH_QUERY: Final = "https://localhost:8444/callback?dummy1=lorem&dummy2=ipsum"
PASSWORD: Final = "correct horse battery staple"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
EVERYTHING: Final = ("openid", "profile", "email", "accounts", "payments")

# The most that the other application may ever ask for: to anybody, but no more than this.
SMALL_PAYMENTS: Final = changed(
    PAYMENT,
    instructedAmount__amount="50.00",
    creditorName=...,
    creditorAccount=...,
    remittanceInformationUnstructured=...,
)

CONFIG: Final = ServerConfig(
    issuer=ISSUER,
    mtls_base=MTLS,
    display_name="Harbour Bank",
    organization_name="Harbour Bank plc",
    scopes=tuple(
        ScopeDefinition(
            name=name, audience=audience, title=f"Use {name}", explanation=f"What {name} stands for."
        )
        for name, audience in (
            ("openid", ISSUER),
            ("profile", ISSUER),
            ("email", ISSUER),
            ("accounts", BANK),
            ("payments", BANK),
        )
    ),
)


class Hearing(SilentObserver):
    """Keeps what it hears: refusals with what caused them, and failures, of which there should be none."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.causes: set[str] = set()
        self.failures: list[BaseException] = []
        self.events: list[str] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Keep the reason, and the reasons of the layers below that led to it."""
        self.reasons.append(refusal.reason.id)
        cause: BaseException | None = refusal
        while cause is not None:
            if isinstance(cause, Reject):
                self.causes.add(cause.reason.id)
            cause = cause.__cause__

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Keep what happened, with its facts."""
        self.events.append(f"{event} {facts}")

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Keep the failure."""
        self.failures.append(cause)


@dataclass(frozen=True)
class Party:
    """One client: what it is registered as, its two keys, and its certificate where it has one.

    Attributes:
        authentication: what is registered of how it authenticates, where that is by its certificate.
        certificate_bound: whether its tokens are bound to its certificate.
    """

    client_id: str
    signer: LocalSigner
    holder: LocalSigner
    certificate: bytes | None = None
    authentication: Mapping[str, Any] | None = None
    certificate_bound: bool = False
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    resource_server_for: tuple[str, ...] = ()
    detail_types: tuple[str, ...] = ()
    widest_details: tuple[dict[str, Any], ...] = ()

    @property
    def jkt(self) -> str:
        """The thumbprint of the key that its proofs are made with."""
        return thumbprint(self.holder.public_key)

    @property
    def metadata(self) -> dict[str, Any]:
        """What is registered."""
        public = public_jwk(self.signer.public_key)
        key = {**public, "kid": self.signer.key_id, "alg": self.signer.algorithm, "use": "sig"}
        widest = {"authorization_details": list(self.widest_details)} if self.widest_details else {}
        return {
            "client_id": self.client_id,
            "client_name": self.client_id.title(),
            "organization_name": f"{self.client_id.title()} Ltd",
            "redirect_uris": list(self.redirect_uris),
            "grant_types": list(self.grant_types),
            "scope": " ".join(self.scope),
            "resource_server_for": list(self.resource_server_for),
            "tls_client_certificate_bound_access_tokens": self.certificate_bound,
            **(
                self.authentication
                or {"token_endpoint_auth_signing_alg": self.signer.algorithm, "jwks": {"keys": [key]}}
            ),
            "authorization_details_types": list(self.detail_types),
            **widest,
        }

    @property
    def confirmation(self) -> Confirmation:
        """What its tokens are bound to."""
        if self.certificate_bound and self.certificate is not None:
            return Confirmation(certificate_thumbprint=certificate_thumbprint(self.certificate))
        return Confirmation(jkt=self.jkt)


def make_party(client_id: str, *, algorithm: str = "ES256", **registered: Any) -> Party:
    """Return a client with new keys."""
    return Party(
        client_id,
        signer=LocalSigner(algorithm, generate_private_key(algorithm), f"{client_id}-key"),
        holder=LocalSigner("ES256", generate_private_key("ES256")),
        **registered,
    )


def make_certified(
    client_id: str, authority: CertificateAuthority | None = None, *, now: float, **registered: Any
) -> Party:
    """Return a client with a certificate that an authority issued, or that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    if authority is None:
        certificate = create_self_signed(key, common_name=client_id, now=now)
        public = {**public_jwk(key.public_key()), "x5c": [b64encode(_der(certificate)).decode()]}
        method = {"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": {"keys": [public]}}
    else:
        certificate = issue_client_certificate(authority, key.public_key(), common_name=client_id, now=now)
        method = {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": f"CN={client_id}",
        }
    party = make_party(client_id, certificate_bound=True, **registered)
    return replace(party, certificate=_der(certificate), authentication=method)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _certified_parties(authority: CertificateAuthority, *, now: float) -> tuple[Party, ...]:
    registered: dict[str, Any] = {
        "redirect_uris": (CALLBACK,),
        "grant_types": ("authorization_code", "refresh_token", "client_credentials"),
        "scope": EVERYTHING,
    }
    return (
        make_certified("certified", authority, now=now, **registered),
        make_certified("selfsigned", now=now, **registered),
        make_certified("certified-bank", authority, now=now, resource_server_for=(BANK,)),
    )


def _parties() -> tuple[Party, ...]:
    flows = ("authorization_code", "refresh_token", "client_credentials")
    callbacks = (CALLBACK, CALLBACK_WITH_QUERY)
    return (
        make_party(
            "moneyview",
            redirect_uris=callbacks,
            grant_types=flows,
            scope=EVERYTHING,
            detail_types=tuple(TYPES.definitions),
        ),
        make_party(
            "otherapp",
            algorithm="EdDSA",
            redirect_uris=("https://other.example/callback",),
            grant_types=flows,
            scope=EVERYTHING,
            detail_types=("payment_initiation",),
            widest_details=(SMALL_PAYMENTS,),
        ),
        make_party(
            "codeonly",
            redirect_uris=(CALLBACK,),
            grant_types=("authorization_code",),
            scope=("openid", "accounts"),
        ),
        make_party("machine", grant_types=("client_credentials",), scope=("accounts",)),
        make_party("bank", resource_server_for=(BANK,)),
    )


@dataclass(frozen=True)
class IssuedCode:
    """An authorization code as its client knows it, and what it stands for."""

    code: str
    party: Party
    record: AuthorizationCode


@dataclass
class Authority:
    """The server with all of its parts within reach."""

    deployment: Deployment
    store: MemoryStore
    clock: ManualClock
    hearing: Hearing
    server: AuthorizationServer
    ca: CertificateAuthority
    hosts: ClientHosts
    directory: Directory
    parties: dict[str, Party] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)
    codes: dict[str, IssuedCode] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)

    @property
    def moneyview(self) -> Party:
        """The client that most tests are about."""
        return self.parties["moneyview"]

    @property
    def otherapp(self) -> Party:
        """Another client with the same rights."""
        return self.parties["otherapp"]

    @property
    def bank(self) -> Party:
        """The resource server's identity."""
        return self.parties["bank"]

    @property
    def alice(self) -> User:
        """The person that most tests are about."""
        return self.people["alice"]

    @property
    def nonce(self) -> str:
        """The nonce that proofs need now."""
        return self.deployment.nonces.current(self.clock.now())

    @property
    def signer(self) -> LocalSigner:
        """The key that the server signs tokens with."""
        signer = self.deployment.keys.signer()
        assert isinstance(signer, LocalSigner)
        return signer

    def mutant(self, pipelines: Pipelines) -> None:
        """Become a server with other pipelines."""
        self.server = AuthorizationServer(self.deployment, pipelines=pipelines)

    def offer(self, registrations: Registrations | None) -> None:
        """Let software register itself by other rules, or not at all, as after a restart."""
        self.deployment = replace(self.deployment, registrations=registrations)
        self.server = AuthorizationServer(self.deployment, pipelines=self.server.pipelines)

    def stop_offering(self, *names: str) -> None:
        """Take values of the scope out of the configuration, as an operator does at a restart."""
        self.configure(
            scopes=tuple(scope for scope in self.deployment.config.scopes if scope.name not in names)
        )

    def configure(self, **changes: Any) -> None:
        """Run on with another configuration, as after a restart."""
        config = msgspec.structs.replace(self.deployment.config, **changes)
        self.deployment = replace(self.deployment, config=config)
        self.server = AuthorizationServer(self.deployment, pipelines=self.server.pipelines)

    async def look_up_revocations(self, *revoked: Party) -> None:
        """Publish a list of the certificate authority, good for a day, and ask it from now on."""
        own, now = self.ca.certificate, self.clock.now()
        path = self.ca.certificate_file.with_name("revoked.crl")
        certificates = [load_der_x509_certificate(party.certificate or b"") for party in revoked]
        path.write_bytes(Issuer(own, self.ca.private_key, now).sign_list(*certificates))
        lists = RevocationLists([ListedAuthority(own, [path])], clock=self.clock)
        await lists.refresh()
        judge = ClientCertificates((own,), lists)
        self.deployment = replace(self.deployment, client_certificates=judge)
        self.server = AuthorizationServer(self.deployment, pipelines=self.server.pipelines)

    def stop_offering_details(self) -> None:
        """Take every type of authorization details out of service."""
        self.deployment = replace(self.deployment, detail_types=DetailTypes())
        self.server = AuthorizationServer(self.deployment, pipelines=self.server.pipelines)

    def close(self) -> None:
        """Let its threads end."""
        self.deployment.passwords.close()

    async def send(self, request: Draft | Sent) -> Answer:
        """Send a request through the ASGI application."""
        return await send(self.server.asgi, request.finish() if isinstance(request, Draft) else request)

    async def register(self, party: Party, **changes: Any) -> Party:
        """Register a client."""
        assert await self.store.add_client(party.client_id, msgspec.json.encode(party.metadata | changes))
        self.parties[party.client_id] = party
        return party

    async def reregister(self, party: Party, **changes: Any) -> None:
        """Change what a client is registered as, as `trustweft clients update` does."""
        old = await self.store.find_client(party.client_id)
        assert old is not None
        new = msgspec.json.encode(msgspec.json.decode(old) | changes)
        assert await self.store.replace_client(party.client_id, old=old, new=new)

    async def enrol(self, username: str) -> User:
        """Give somebody an account."""
        deployment = self.deployment
        user = await create_user(
            username=username,
            password=PASSWORD,
            name=username.title(),
            email=f"{username}@example.com",
            passwords=deployment.passwords,
            entropy=deployment.entropy,
            clock=deployment.clock,
        )
        assert await self.store.add_user(user)
        self.people[username] = user
        return user

    async def grant(
        self,
        party: Party,
        *,
        scope: tuple[str, ...] = EVERYTHING,
        details: tuple[AuthorizationDetail, ...] = (),
    ) -> Grant:
        """Let a client have what it wants of Alice."""
        now = self.clock.now()
        grant = Grant(
            grant_id=self.deployment.entropy.token(),
            client_id=party.client_id,
            subject=self.alice.subject,
            scope=scope,
            created_at=now,
            expires_at=now + self.deployment.profile.limits.grant_lifetime,
            authorization_details=details,
        )
        await self.store.save_grant(grant)
        return grant

    async def issue_code(
        self, party: Party | None = None, *, scope: tuple[str, ...] = EVERYTHING, **changes: Any
    ) -> IssuedCode:
        """Issue a code as consent does."""
        party = party or self.moneyview
        grant = await self.grant(party, scope=scope)
        code, expires_at = self.deployment.entropy.token(), self.clock.now() + 60
        record = AuthorizationCode(
            grant_id=grant.grant_id,
            client_id=party.client_id,
            subject=grant.subject,
            redirect_uri=party.redirect_uris[0],
            scope=grant.scope,
            code_challenge=CHALLENGE,
            dpop_jkt=party.jkt,
            nonce="n-0S6_WzA2Mj",
            authenticated_at=self.clock.now(),
            methods=("pwd",),
            expires_at=expires_at,
            kept_until=expires_at + 3_600,
        )
        record = msgspec.structs.replace(record, **changes)
        await self.store.save_code(digest_of(code), record)
        self.codes[code] = IssuedCode(code, party, record)
        return self.codes[code]

    async def issue_refresh_token(
        self,
        party: Party | None = None,
        *,
        scope: tuple[str, ...] = EVERYTHING,
        details: tuple[AuthorizationDetail, ...] = (),
    ) -> tuple[str, RefreshToken]:
        """Issue a refresh token as the token endpoint does."""
        grant = await self.grant(party or self.moneyview, scope=scope, details=details)
        token = self.deployment.entropy.token()
        record = RefreshToken(
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            subject=grant.subject,
            scope=grant.scope,
            authenticated_at=self.clock.now(),
            methods=("pwd",),
            expires_at=grant.expires_at,
            authorization_details=details,
        )
        await self.store.save_refresh_token(digest_of(token), record)
        self.refresh_tokens[token] = record
        return token, record


async def make_authority(
    directory: Path, *, store: MemoryStore | None = None, pipelines: Pipelines = PIPELINES
) -> Authority:
    """Build a server with clients and two people; its keys, and those of its certificate authority, are in the directory."""
    store, clock, hearing, entropy = store or MemoryStore(), ManualClock(), Hearing(), SystemEntropy()
    keys = KeyRing.load_or_create(directory, now=clock.now())
    ca = load_or_create_authority(directory / "ca", now=clock.now())
    hosts, vouching = ClientHosts(), Directory()
    deployment = Deployment(
        config=CONFIG,
        profile=load_profile("fapi2-security"),
        store=store,
        keys=keys,
        client_certificates=ClientCertificates((ca.certificate,)),
        client_keys=ClientKeys(fetch=hosts.fetch, clock=clock, observer=hearing),
        nonces=Nonces(entropy.octets(32), step=60, window=120),
        pages=ServerPages(compiled_pages(), base_url=ISSUER),
        passwords=Passwords(entropy=entropy, hasher=FAST, concurrency=1),
        clock=clock,
        entropy=entropy,
        observer=hearing,
        detail_types=TYPES,
        registrations=vouching.registrations(),
    )
    server = AuthorizationServer(deployment, pipelines=pipelines)
    authority = Authority(deployment, store, clock, hearing, server, ca, hosts, vouching)
    for party in (*_parties(), *_certified_parties(ca, now=clock.now())):
        await authority.register(party)
    for username in ("alice", "bob"):
        await authority.enrol(username)
    return authority
