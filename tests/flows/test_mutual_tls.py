"""Clients with certificates, over real TLS: what the tour's one client cannot show (RFC 8705)."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ecosystem import run_trustweft
from trustweft.crypto.keys import public_jwk

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """A key and the certificate that holds it."""

    key: Key
    certificate: x509.Certificate

    def context(self, ecosystem: Ecosystem, directory: Path) -> ssl.SSLContext:
        """Return a TLS context that shows the certificate."""
        file = directory / f"{self.certificate.serial_number}.pem"
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(secret + self.certificate.public_bytes(Encoding.PEM))
        context = ecosystem.trust
        context.load_cert_chain(file)
        return context


def certify(
    key: Key, *, name: str = "selfsigned", issuer: Identity | None = None, ca: bool = False
) -> Identity:
    """Return a certificate: self-signed unless an issuer is named; as an authority if told so."""
    now = dt.datetime.fromtimestamp(time.time(), tz=dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=subject if issuer is None else issuer.certificate.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(minutes=5),
        not_valid_after=now + dt.timedelta(days=1),
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    signer = key if issuer is None else issuer.key
    certificate = builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256())
    return Identity(key, certificate)


@dataclass
class Client:
    """A registered client and where it calls."""

    ecosystem: Ecosystem
    directory: Path
    client_id: str

    def ask(self, shown: Identity | None, *, base: str | None = None) -> httpx2.Response:
        """Ask for a token for the client itself, showing this certificate."""
        context = self.ecosystem.trust if shown is None else shown.context(self.ecosystem, self.directory)
        form = {"client_id": self.client_id, "grant_type": "client_credentials", "scope": "accounts"}
        return httpx2.post(f"{base or mtls_base(self.ecosystem)}/token", data=form, verify=context)

    def call(self, token: str, shown: Identity | None) -> httpx2.Response:
        """Call the bank with a token, showing this certificate."""
        context = self.ecosystem.trust if shown is None else shown.context(self.ecosystem, self.directory)
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(f"{self.ecosystem.bank}/accounts", headers=headers, verify=context)


def mtls_base(ecosystem: Ecosystem) -> str:
    """Return where certificates are asked for, as the metadata says."""
    metadata = httpx2.get(
        f"{ecosystem.issuer}/.well-known/openid-configuration", verify=ecosystem.trust
    ).json()
    return str(metadata["mtls_endpoint_aliases"]["token_endpoint"]).removesuffix("/token")


def register(ecosystem: Ecosystem, directory: Path, client_id: str, **changes: object) -> Client:
    """Register a client as an operator does."""
    metadata = {
        "client_id": client_id,
        "client_name": client_id,
        "organization_name": "Test",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "accounts",
        "tls_client_certificate_bound_access_tokens": True,
        **changes,
    }
    done = run_trustweft("clients", "add", "-", "--data", str(ecosystem.data), text=json.dumps(metadata))
    assert done.returncode == 0, done.stderr
    return Client(ecosystem, directory, client_id)


PARENT = certify(ec.generate_private_key(ec.SECP256R1()), ca=True)


@pytest.fixture(scope="module")
def selfsigned(ecosystem: Ecosystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client that is known by the key of a certificate which calls itself an authority."""
    key = PARENT.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    yield register(
        ecosystem,
        tmp_path_factory.mktemp("selfsigned"),
        "selfsigned",
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [public_jwk(key.public_key())]},
    )
    run_trustweft("clients", "remove", "selfsigned", "--data", str(ecosystem.data))


def test_a_self_signed_certificate_authenticates_and_binds(selfsigned: Client) -> None:
    """The token is good with that very certificate alone."""
    answer = selfsigned.ask(PARENT)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    token = answer.json()["access_token"]
    assert selfsigned.call(token, PARENT).status_code == 200
    renewed = certify(PARENT.key)
    assert selfsigned.ask(renewed).status_code == 200
    refused = selfsigned.call(token, renewed)
    assert (refused.status_code, refused.headers["trustweft-reason"]) == (401, "mtls.binding-mismatch")
    assert refused.json()["error"] == "invalid_token"


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (None, "mtls.certificate-missing"),
        (certify(ec.generate_private_key(ec.SECP256R1()), issuer=PARENT), "mtls.not-registered"),
        (certify(ec.generate_private_key(ec.SECP256R1()), issuer=PARENT, ca=True), "mtls.not-registered"),
        (certify(ec.generate_private_key(ec.SECP256R1())), "mtls.not-registered"),
        (certify(ec.generate_private_key(ec.SECP384R1())), "mtls.not-registered"),
        (certify(ed25519.Ed25519PrivateKey.generate()), "mtls.not-registered"),
        (certify(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "mtls.not-registered"),
    ],
    ids=["none", "a child", "a child that is an authority", "a stranger", "P-384", "Ed25519", "RSA"],
)
def test_nobody_else_is_that_client(selfsigned: Client, shown: Identity | None, reason: str) -> None:
    """Also not who holds a certificate that the registered one issued: nothing is verified through it."""
    answer = selfsigned.ask(shown)
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (401, reason)
    assert answer.json()["error"] == "invalid_client"


def test_a_child_of_a_registered_certificate_is_no_client_of_the_authority(
    selfsigned: Client, ecosystem: Ecosystem, tmp_path: Path
) -> None:
    """With the name of a client that is known by its name: the chain leads to no root."""
    child = certify(ec.generate_private_key(ec.SECP256R1()), name="tour-certificate", issuer=PARENT)
    answer = Client(ecosystem, tmp_path, "tour-certificate").ask(child)
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (401, "certificate.untrusted")


def test_where_no_certificate_is_asked_for_none_is_believed(selfsigned: Client, ecosystem: Ecosystem) -> None:
    """Also not one in a header, which anybody could write."""
    answer = selfsigned.ask(PARENT, base=ecosystem.issuer)
    assert answer.headers["trustweft-reason"] == "mtls.certificate-missing"


def test_every_alias_stands_at_the_top_as_well_and_the_browser_has_none(ecosystem: Ecosystem) -> None:
    """RFC 8705 section 5; a browser would be asked for a certificate (FAPI 2.0 section 5.2.2.1)."""
    metadata = httpx2.get(
        f"{ecosystem.issuer}/.well-known/openid-configuration", verify=ecosystem.trust
    ).json()
    aliases = metadata["mtls_endpoint_aliases"]
    assert set(aliases) == {
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
    }
    assert set(aliases) < set(metadata)
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"} == set(
        metadata["token_endpoint_auth_methods_supported"]
    )


def test_openssl_sees_that_the_port_asks_for_any_certificate(ecosystem: Ecosystem) -> None:
    """An independent client is asked, and the list of authorities bounds nobody."""
    host = mtls_base(ecosystem).removeprefix("https://")
    done = subprocess.run(
        [
            "openssl",
            "s_client",
            "-connect",
            host,
            "-CAfile",
            str(ecosystem.authority),
            "-verify_return_error",
        ],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "Requested Signature Algorithms" in done.stdout
    assert "No client certificate CA names sent" in done.stdout
