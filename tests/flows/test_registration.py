"""Software registers itself with a running server, over real TLS: signed, or with a certificate; and is a client then."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ecosystem import free_base_port, running_ecosystem
from support.client_hosts import jwk_of
from support.software import Directory
from support.software import Software as Vouched
from trustweft.client import (
    Client,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
)
from trustweft.client.driving import drive
from trustweft.client.registration import Software, delete, read, recover, register, update
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.crypto.local_authority import issue_client_certificate, load_or_create_authority
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

SETTINGS = """
[registration]
roles = { DATA = ["openid", "accounts"] }
[[registration.directories]]
issuer = "https://directory.example"
jwks_file = "directory.jwks"
"""


@dataclass
class Scene:
    """A running ecosystem, and a directory that its server believes."""

    ecosystem: Ecosystem
    directory: Directory
    metadata: dict[str, Any]

    def http(self, context: ssl.SSLContext | None = None) -> httpx2.Client:
        """Return a connection, with or without a certificate."""
        return httpx2.Client(verify=context or self.ecosystem.trust)

    def statement(self, vouched: Vouched, **changes: Any) -> str:
        """Return a fresh statement."""
        return self.directory.statement(vouched, now=time.time(), **changes)

    def how(self, vouched: Vouched, **changes: Any) -> dict[str, Any]:
        """Return what each request needs."""
        return {
            "issuer": self.ecosystem.issuer,
            "software_statement": self.statement(vouched, **changes),
        }

    @property
    def endpoint(self) -> str:
        """Where software registers."""
        return str(self.metadata["registration_endpoint"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The ecosystem as `trustweft up` makes it, started again with a directory in its settings."""
    data = tmp_path_factory.mktemp("registration") / "data"
    base, directory = free_base_port(), Directory()
    with running_ecosystem(data, base_port=base):
        pass
    (data / "server" / "directory.jwks").write_bytes(
        msgspec.json.encode({"keys": [jwk_of(directory.signer)]})
    )
    with (data / "server" / "server.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    with running_ecosystem(data, base_port=base) as running:
        known = f"{running.issuer}/.well-known/openid-configuration"
        yield Scene(running, directory, httpx2.get(known, verify=running.trust).json())


def software_of(vouched: Vouched, *, signs: bool = True) -> Software:
    """Return the software as the client library knows it."""
    return Software(
        software_id=vouched.software_id,
        signer=vouched.signer if signs else None,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def test_a_software_registers_and_is_a_client(scene: Scene) -> None:
    """From the statement to a token, then changed, lost, recovered and removed."""
    vouched = Vouched("planner")
    software = software_of(vouched)
    with scene.http() as http:
        told = drive(
            register(
                software,
                endpoint=scene.endpoint,
                metadata={"grant_types": ["client_credentials"], "scope": "accounts"},
                **scene.how(vouched),
            ),
            http,
        )
        configuration = ClientConfiguration(
            issuer=scene.ecosystem.issuer,
            client_id=told.client_id,
            authentication=PrivateKeyJwt(PublishedKeys(vouched.signer)),
            sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
            scope=("accounts",),
        )
        client = Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())
        assert client.client_credentials(("accounts",), name="own").scope == ("accounts",)
        assert drive(read(told), http).metadata == told.metadata
        changed = drive(
            update(
                software,
                told,
                metadata={"grant_types": ["client_credentials"], "scope": "openid"},
                **scene.how(vouched),
            ),
            http,
        )
        assert changed.metadata["scope"] == "openid"
        with pytest.raises(ServerRefusedError) as refused:
            drive(read(told), http)
        assert (refused.value.status, refused.value.error) == (401, "invalid_token")
        with pytest.raises(ServerRefusedError) as refused:
            drive(register(software, endpoint=scene.endpoint, **scene.how(vouched)), http)
        assert refused.value.error == "invalid_software_statement"
        recovery = scene.metadata["registration_recovery_endpoint"]
        recovered = drive(recover(software, endpoint=recovery, **scene.how(vouched)), http)
        assert (recovered.client_id, recovered.metadata["scope"]) == (told.client_id, "openid")
        drive(delete(recovered), http)
        with pytest.raises(ServerRefusedError) as refused:
            client.client_credentials(("accounts",), name="own")
        assert refused.value.error == "invalid_client"


def certified(scene: Scene, directory: Path, name: str) -> ssl.SSLContext:
    """Return a context that shows a certificate of the ecosystem's own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = load_or_create_authority(scene.ecosystem.data / "ca", now=time.time())
    certificate = issue_client_certificate(authority, key.public_key(), common_name=name, now=time.time())
    file = directory / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = scene.ecosystem.trust
    context.load_cert_chain(file)
    return context


def test_a_software_registers_with_its_certificate(scene: Scene, tmp_path: Path) -> None:
    """At the alias, without a signature; with another's certificate, or at the other port, it is refused."""
    vouched = Vouched("ledger")
    software = software_of(vouched, signs=False)
    names = {"certificate_subjects": ("CN=ledger",)}
    alias = scene.metadata["mtls_endpoint_aliases"]["registration_endpoint"]
    own, others = (certified(scene, tmp_path, name) for name in ("ledger", "other"))
    for context, endpoint in ((others, alias), (None, alias), (own, scene.endpoint)):
        with scene.http(context) as http, pytest.raises(ServerRefusedError) as refused:
            drive(register(software, endpoint=endpoint, **scene.how(vouched, **names)), http)
        assert refused.value.error == "invalid_software_statement"
    with scene.http(own) as http:
        told = drive(register(software, endpoint=alias, **scene.how(vouched, **names)), http)
        assert told.client_id.startswith("software-")
        drive(delete(told), http)


@pytest.mark.parametrize("seconds", [-301, 3_600])
def test_a_statement_of_another_time_is_refused(scene: Scene, seconds: float) -> None:
    """Five minutes old, or not yet issued."""
    vouched = Vouched("late")
    how = scene.how(vouched, issued_at=time.time() + seconds, expires_at=None)
    with scene.http() as http, pytest.raises(ServerRefusedError) as refused:
        drive(register(software_of(vouched), endpoint=scene.endpoint, **how), http)
    assert refused.value.error == "invalid_software_statement"
