"""A directory that vouches for software, and software that registers itself: good requests, and what is told of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mutations import Message
from support.client_hosts import jwk_of
from support.drafts import Draft, encode_token, message_of
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key
from trustweft.protocol.registration_request import JSON_TYPE, SIGNED_TYPE
from trustweft.protocol.software_statement import (
    SoftwareRole,
    SoftwareStatement,
    create_software_statement,
)
from trustweft.server.directory_keys import KeptDirectoryKeys
from trustweft.server.registrations import RegistrationRules, Registrations

if TYPE_CHECKING:
    from support.authority import Authority
    from support.wire import Sent
    from trustweft.crypto.local_authority import Authority as CertificateAuthority

__all__ = [
    "DIRECTORY",
    "REQUEST",
    "STATEMENT",
    "Directory",
    "SignedDraft",
    "Software",
    "certificate_of",
    "change_request",
    "manage",
    "plain_request",
    "recovery_request",
    "registered",
    "registration_request",
    "statement_draft",
]

DIRECTORY: Final = "https://directory.example"
ELSEWHERE: Final = "https://software.example/jwks"
CALLBACKS: Final = ("https://software.example/callback", "https://software.example/other")
REQUEST: Final = "{request}"
STATEMENT: Final = "{statement}"
# So many requests come from one address in a bombardment.
PLENTY: Final = 1_000_000


def certificate_of(
    authority: CertificateAuthority,
    *,
    now: float,
    software: str = "",
    organisation: str = "",
    name: str = "x",
) -> bytes:
    """Return a certificate as national ecosystems write them: the software as UID, the organisation beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, organisation))
    if software:
        attributes.append(x509.NameAttribute(NameOID.USER_ID, software))
    at = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    issuer = authority.private_key.public_key()
    builder = (
        x509.CertificateBuilder(
            subject_name=x509.Name(attributes),
            issuer_name=authority.certificate.subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=at - dt.timedelta(minutes=5),
            not_valid_after=at + dt.timedelta(days=90),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )
    return builder.sign(authority.private_key, SHA256()).public_bytes(Encoding.DER)


def _signer(name: str) -> LocalSigner:
    return LocalSigner("ES256", generate_private_key("ES256"), name)


@dataclass
class Directory:
    """Signs what it says of software."""

    signer: LocalSigner = field(default_factory=lambda: _signer("directory-key"))
    issuer: str = DIRECTORY
    issued: int = 0

    def statement(self, software: Software, *, now: float, **changes: Any) -> str:
        """Return a fresh statement."""
        return create_software_statement(self.say(software, now=now, **changes), signer=self.signer)

    def say(self, software: Software, *, now: float, **changes: Any) -> SoftwareStatement:
        """Return what a fresh statement says."""
        self.issued += 1
        said = SoftwareStatement(
            issuer=self.issuer,
            jti=f"statement-{self.issued}",
            issued_at=now,
            expires_at=now + 600,
            software_id=software.software_id,
            client_name=software.software_id.title(),
            organisation_id=software.organisation_id,
            organization_name=f"{software.organisation_id.title()} Ltd",
            roles=(SoftwareRole(role="DATA"), SoftwareRole(role="PAYMENT", status="suspended")),
            scope=("openid", "profile", "email", "accounts", "payments", "loans"),
            redirect_uris=CALLBACKS,
            jwks={"keys": [jwk_of(software.signer)]},
        )
        return msgspec.structs.replace(said, **changes)

    def registrations(self, **rules: Any) -> Registrations:
        """Return what a server needs to believe this directory."""
        limits = {"attempts_per_address": PLENTY, "maximum_per_organisation": PLENTY} | rules
        limits.setdefault("roles", {"DATA": ("openid", "profile", "email", "accounts", "loans")})
        keys = KeptDirectoryKeys(KeySet.read({"keys": [jwk_of(self.signer)]}))
        return Registrations({self.issuer: keys}, RegistrationRules(**limits))


@dataclass
class Software:
    """One software of one organisation, with its key."""

    software_id: str = "planner"
    organisation_id: str = "plannery"
    signer: LocalSigner = field(default_factory=lambda: _signer("planner-key"))

    def of(self, software_id: str) -> Software:
        """Return another software with the same key."""
        return replace(self, software_id=software_id)


def registration_request(
    authority: Authority,
    software: Software,
    *,
    path: str = "/register",
    method: str = "POST",
    statement: str | None = None,
    **document: Any,
) -> SignedDraft:
    """Ask to be registered, signed with the software's key."""
    now = int(authority.clock.now())
    claims = {
        "iss": software.software_id,
        "aud": authority.deployment.config.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": authority.deployment.entropy.token(),
        **document,
        "software_statement": statement or authority.directory.statement(software, now=now),
    }
    header: dict[str, object] = {
        "alg": "ES256",
        "kid": software.signer.key_id,
        "typ": "client-registration+jwt",
    }
    return SignedDraft(
        method,
        path,
        headers=[("content-type", SIGNED_TYPE)],
        tokens={REQUEST: Message(header, claims, software.signer)},
    )


def statement_draft(authority: Authority, software: Software, **document: Any) -> SignedDraft:
    """Ask to be registered with a statement that is not signed yet."""
    draft = registration_request(authority, software, **document)
    request = draft.message(REQUEST)
    draft.tokens = {
        STATEMENT: message_of(str(request.claims["software_statement"]), authority.directory.signer)
    }
    draft.request = request
    return draft


def plain_request(
    authority: Authority, software: Software, *, statement: str | None = None, **document: Any
) -> Draft:
    """Ask to be registered with plain JSON, over a connection with the software's certificate."""
    now = authority.clock.now()
    certificate = certificate_of(
        authority.ca, now=now, software=software.software_id, organisation=f"OFBBR-{software.organisation_id}"
    )
    statement = statement or authority.directory.statement(software, now=now)
    body = msgspec.json.encode({**document, "software_statement": statement})
    return Draft(
        "POST", "/register", headers=[("content-type", JSON_TYPE)], body=body, certificate=certificate
    )


@dataclass
class SignedDraft(Draft):
    """A draft whose body is a token, about whose statement something may still be changed."""

    request: Message | None = None

    def finish(self) -> Sent:
        """Sign the statement, then the request, and send that as the body."""
        token = self.tokens.get(REQUEST)
        if self.request is not None:
            statement = encode_token(self.tokens[STATEMENT], access_token="")
            claims = {**self.request.claims, "software_statement": statement}
            token = replace(self.request, claims=claims)
        assert token is not None
        self.body = encode_token(token, access_token="").encode("utf-8", "surrogatepass")
        return super().finish()


def recovery_request(authority: Authority, software: Software, **how: Any) -> SignedDraft:
    """Ask for a registration that was lost."""
    return registration_request(authority, software, path="/register/recovery", **how)


def change_request(
    authority: Authority, software: Software, registered_id: str, token: str, **how: Any
) -> SignedDraft:
    """Ask for another registration in the place of that which is there."""
    how = {"client_id": registered_id, **how}
    draft = registration_request(authority, software, method="PUT", path=f"/register/{registered_id}", **how)
    draft.with_header("authorization", f"Bearer {token}")
    return draft


def manage(method: str, client_id: str, token: str) -> Draft:
    """Read or remove a registration."""
    return Draft(method, f"/register/{client_id}", headers=[("authorization", f"Bearer {token}")])


async def registered(authority: Authority, software: Software, **document: Any) -> dict[str, Any]:
    """Register a software, and return what it is told."""
    answer = await authority.send(registration_request(authority, software, **document))
    assert answer.status == 201, answer
    return answer.json
