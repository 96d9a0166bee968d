"""Clients' certificates: whose word is taken for them, and where it is looked up that they were revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificate

from trustweft.cli.assembly.parts import resolve
from trustweft.crypto.revocation import MAXIMUM_LIST, RevocationPolicy
from trustweft.crypto.revocation_lists import UNAVAILABLE, ListedAuthority, RevocationLists
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.proxy_headers import ProxyHeaders, TrustedProxies
from trustweft.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.cli.settings import CertificateRevocationSettings, ProxySettings, TlsSettings
    from trustweft.crypto.revocation_lists import Fetch
    from trustweft.net.asgi import Application
    from trustweft.net.tls_policy import TlsPolicy

__all__ = ["behind_proxies", "proxy_authorities", "revocation_lists"]

_OK: Final = 200
_URL: Final = "https://"


def behind_proxies(
    application: Application, proxy: ProxySettings | None, *, participant: str, surroundings: Surroundings
) -> Application:
    """Return the application that believes the named proxies, and nobody where none is named.

    Raises:
        SettingsError: the settings say less than they seem to.
    """
    try:
        trusted = (
            TrustedProxies()
            if proxy is None
            else TrustedProxies.configured(
                addresses=proxy.addresses,
                certificate_thumbprints=proxy.certificate_thumbprints,
                authenticated_by=proxy.authenticated_by,
            )
        )
    except ValueError as cause:
        raise SettingsError(f"proxy: {cause}") from cause
    return ProxyHeaders(application, trusted=trusted, participant=participant, observer=surroundings.observer)


def proxy_authorities(proxy: ProxySettings | None, tls: TlsSettings, *, base: Path) -> Path | None:
    """Return what a listener that asks no client for a certificate needs to ask the proxy for its own.

    Raises:
        SettingsError: the proxy is to show a certificate, and nothing lets a listener ask for one.
    """
    if proxy is None or proxy.authenticated_by == "address":
        return None
    if tls.client_authorities is None:
        raise SettingsError(
            "proxy: tls.client_authorities is needed, or no listener asks the proxy who it is"
        )
    return resolve(base, tls.client_authorities)


def revocation_lists(
    settings: CertificateRevocationSettings, *, base: Path, surroundings: Surroundings, policy: TlsPolicy
) -> RevocationLists:
    """Return the lists of the named authorities; every other authority's certificates are refused.

    Raises:
        SettingsError: a certificate cannot be read, or the settings contradict themselves.
    """
    places = [place for each in settings.authorities for place in each.lists if each.lists != "none"]
    # Whom the operator named may have an address that is not public.
    named = {urlsplit(place).hostname or "" for place in places if place.startswith(_URL)}
    try:
        return RevocationLists(
            [
                ListedAuthority(
                    load_pem_x509_certificate(resolve(base, each.certificate).read_bytes()),
                    _sources(each.lists, base=base),
                )
                for each in settings.authorities
            ],
            clock=surroundings.clock,
            fetch=_fetch(settings, named, base=base, policy=policy) if named else None,
            policy=RevocationPolicy(on_outage=settings.on_outage, stale_cap=settings.stale_cap),
            observer=surroundings.observer,
        )
    except (OSError, ValueError) as cause:
        raise SettingsError(f"certificate_revocation: {cause}") from cause


def _sources(lists: Sequence[str] | Literal["none"], *, base: Path) -> Sequence[Path | str] | Literal["none"]:
    if lists == "none":
        return "none"
    return [place if "://" in place else resolve(base, place) for place in lists]


def _fetch(
    settings: CertificateRevocationSettings, named: Collection[str], *, base: Path, policy: TlsPolicy
) -> Fetch:
    trust = trust_context(None if settings.trust is None else resolve(base, settings.trust))
    fetcher = Fetcher(trust=policy.narrow(trust), allowed_hosts=named, maximum_body=MAXIMUM_LIST)

    async def fetch(url: str) -> bytes:
        response = await fetcher.get(url)
        if response.status != _OK:
            raise UNAVAILABLE.reject(f"{url}: status {response.status}")
        return response.body

    return fetch
