"""What an operator says about proxies and about revocation, and what is made of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from local_tls import LocalTls, make_local_tls, read_head, tls_server
from revocations import Issuer
from trustweft.cli.assembly.certificates import behind_proxies, proxy_authorities, revocation_lists
from trustweft.cli.assembly.parts import Surroundings, tls_policy
from trustweft.cli.assembly.resource import assemble_resource
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_keys, prepare_settings
from trustweft.cli.settings import (
    CertificateRevocationSettings,
    ListedAuthoritySettings,
    ProxySettings,
    ResourceSettings,
    ServerSettings,
    TlsSettings,
)
from trustweft.crypto.local_authority import issue_client_certificate
from trustweft.net.proxy_headers import ProxyHeaders
from trustweft.profile import load_profile
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import SettingsError, read_settings

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from cryptography import x509

    from trustweft.cli.assembly.parts import Assembled
    from trustweft.net.asgi import Message, Receive, Send

pytestmark = pytest.mark.anyio

THUMBPRINT = "A" * 43
AROUND = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
POLICY = tls_policy(load_profile("fapi2-security"))
TLS = TlsSettings(certificate="c.pem", private_key="k.pem", client_authorities="ca.pem")


@pytest.fixture
def tls(tmp_path: Path) -> LocalTls:
    """An authority below ``ca``, and a server on this machine."""
    return make_local_tls(tmp_path)


async def nothing(scope: Message, receive: Receive, send: Send) -> None:
    """Answer nothing."""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ProxySettings(addresses=()), "addresses"),
        (ProxySettings(addresses=("10.0.0.1",)), "certificate_thumbprints are needed"),
        (ProxySettings(addresses=("0.0.0.0/0",), authenticated_by="address"), "never everybody's"),
    ],
    ids=["nowhere", "no certificate", "everybody"],
)
def test_a_proxy_that_is_not_fully_named_stops_the_start(settings: ProxySettings, said: str) -> None:
    """The default wants a certificate; an address alone is a choice."""
    with pytest.raises(SettingsError, match=f"proxy: .*{said}"):
        behind_proxies(nothing, settings, participant="server", surroundings=AROUND)


def test_a_proxy_with_a_certificate_needs_a_listener_that_asks_for_it(tmp_path: Path) -> None:
    """Otherwise nobody would ever be believed, and nobody would say why."""
    settings = ProxySettings(addresses=("10.0.0.1",), certificate_thumbprints=(THUMBPRINT,))
    assert proxy_authorities(settings, TLS, base=tmp_path) == tmp_path / "ca.pem"
    with pytest.raises(SettingsError, match=r"tls\.client_authorities is needed"):
        proxy_authorities(settings, TlsSettings(certificate="c", private_key="k"), base=tmp_path)
    by_address = ProxySettings(addresses=("10.0.0.1",), authenticated_by="address")
    assert proxy_authorities(by_address, TLS, base=tmp_path) is None
    assert proxy_authorities(None, TLS, base=tmp_path) is None


@pytest.mark.parametrize("behind", [False, True], ids=["alone", "behind a proxy"])
async def test_every_listener_of_both_participants_hears_the_proxy(
    tmp_path: Path, tls: LocalTls, *, behind: bool
) -> None:
    """Pages are asked for no certificate, unless a proxy in front has to show its own."""
    directory = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=SystemClock())
    make_local_tls(directory.path)
    prepare_keys(directory, authority=tls.authority, now=time.time())
    prepare_settings(directory, customers={})
    environment = {
        "TRUSTWEFT_PROXY__ADDRESSES": '["10.0.0.0/8"]',
        "TRUSTWEFT_PROXY__CERTIFICATE_THUMBPRINTS": f'["{THUMBPRINT}"]',
    }
    asked = {}
    for name, kind, assemble in (
        ("server", ServerSettings, assemble_server),
        ("resource", ResourceSettings, assemble_resource),
    ):
        path = directory.file(f"{name}/{name}.toml")
        settings: Any = read_settings(path, kind, environment=environment if behind else {}).value
        assembled: Assembled = assemble(settings, base=path.parent, surroundings=AROUND)
        for listener in assembled.listeners:
            assert isinstance(listener.application, ProxyHeaders)
            asked[listener.name] = listener.client_authorities is not None
        for close in reversed(assembled.close):
            await close()
    assert asked == {
        "authorization server": behind,
        "authorization server for client certificates": True,
        "sample bank": True,
    }


def test_a_port_for_certificates_needs_authorities(tmp_path: Path) -> None:
    """Otherwise nobody would listen there, and the metadata would name it all the same."""
    directory = DataDirectory.open_or_create(tmp_path, base_port=None, clock=SystemClock())
    prepare_settings(directory, customers={})
    path = directory.file("server/server.toml")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("client_authorities")))
    with pytest.raises(SettingsError, match=r"listen\.mtls_port needs tls\.client_authorities"):
        read_settings(path, ServerSettings, environment={})


def chain_of(tls: LocalTls) -> tuple[x509.Certificate, x509.Certificate]:
    """Return the chain of a new client."""
    key = tls.authority.private_key.public_key()
    client = issue_client_certificate(tls.authority, key, common_name="client", now=time.time())
    return client, tls.authority.certificate


def listed(*lists: str, **changes: Any) -> CertificateRevocationSettings:
    """Return settings with one authority."""
    authority = ListedAuthoritySettings(certificate="ca/certificate.pem", lists=lists)
    return CertificateRevocationSettings(authorities=(authority,), **changes)


def signed(tls: LocalTls, *revoked: x509.Certificate) -> bytes:
    """Return a list of the authority."""
    issuer = Issuer(tls.authority.certificate, tls.authority.private_key, time.time())
    return issuer.sign_list(*revoked, encoding=Encoding.PEM)


async def test_a_list_in_a_file_beside_the_settings_is_read(tmp_path: Path, tls: LocalTls) -> None:
    """As every path in the settings, it is relative to their file."""
    chain = chain_of(tls)
    (tmp_path / "revoked.crl").write_bytes(signed(tls, chain[0]))
    lists = revocation_lists(listed("revoked.crl"), base=tmp_path, surroundings=AROUND, policy=POLICY)
    with pytest.raises(Reject, match=r"certificate\.revoked"):
        await lists.verify(chain)


@pytest.mark.parametrize(
    ("status", "outcome"), [("200 OK", "certificate.revoked"), ("404 No", "certificate.revocation-unknown")]
)
async def test_a_list_at_a_url_is_fetched_over_tls(
    tmp_path: Path, tls: LocalTls, status: str, outcome: str
) -> None:
    """From the host that the operator named, although its address is not public; an error page is no list."""
    chain = chain_of(tls)
    body = signed(tls, chain[0])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async with tls_server(talk, tls.server_context()) as port:
        settings = listed(f"https://localhost:{port}/revoked.crl", trust="ca/certificate.pem")
        lists = revocation_lists(settings, base=tmp_path, surroundings=AROUND, policy=POLICY)
        with pytest.raises(Reject) as refused:
            await lists.verify(chain)
    assert refused.value.reason.id == outcome


async def test_none_is_a_choice_and_nothing_is_a_refusal(tmp_path: Path, tls: LocalTls) -> None:
    """Who configures no authority refuses everybody that comes with a chain."""
    chosen = CertificateRevocationSettings(
        authorities=(ListedAuthoritySettings(certificate="ca/certificate.pem", lists="none"),)
    )
    await revocation_lists(chosen, base=tmp_path, surroundings=AROUND, policy=POLICY).verify(chain_of(tls))
    silent = revocation_lists(
        CertificateRevocationSettings(), base=tmp_path, surroundings=AROUND, policy=POLICY
    )
    with pytest.raises(Reject, match="nothing is configured about revocation"):
        await silent.verify(chain_of(tls))


@pytest.mark.parametrize(
    "settings",
    [
        listed("http://localhost/revoked.crl"),
        listed("ldap://localhost/revoked.crl"),
        listed(),
        listed("revoked.crl", stale_cap=60.0),
        listed("revoked.crl", on_outage="accept-stale"),
        CertificateRevocationSettings(
            authorities=(ListedAuthoritySettings(certificate="absent.pem", lists="none"),)
        ),
        CertificateRevocationSettings(
            authorities=(ListedAuthoritySettings(certificate="tls/private-key.pem", lists="none"),)
        ),
    ],
    ids=["http", "ldap", "no list", "a cap alone", "no cap", "no file", "no certificate"],
)
def test_settings_that_contradict_themselves_stop_the_start(
    tmp_path: Path, tls: LocalTls, settings: CertificateRevocationSettings
) -> None:
    """With the name of the table."""
    with pytest.raises(SettingsError, match="certificate_revocation: "):
        revocation_lists(settings, base=tmp_path, surroundings=AROUND, policy=POLICY)
