"""The clients that the ecosystem on this machine begins with, and the organisations that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto.keys import public_jwk, read_private_jwk, thumbprint
from trustweft.demo.bank_details import ACCOUNT_INFORMATION, PAYMENT_INITIATION
from trustweft.runtime.files import read_private_file

if TYPE_CHECKING:
    from trustweft.cli.data_directory import DataDirectory

__all__ = ["BANK_NAME", "ORGANISATION_OF", "client_metadata"]

BANK_NAME: Final = "Harbour Bank"
# By client, the directory's name of the organisation that answers for it.
ORGANISATION_OF: Final = {
    "moneyview": "moneyview",
    "paypilot": "paypilot",
    "bank": "harbour-bank",
    "tour": "trustweft",
    "tour-stranger": "trustweft",
    "tour-certificate": "trustweft",
}


def client_metadata(data: DataDirectory) -> tuple[dict[str, object], ...]:
    """Return the metadata (RFC 7591) that each of them is registered with."""
    ports = data.ports
    callback = f"{ports.url(ports.home)}/tour/callback"
    flows = ["authorization_code", "refresh_token"]
    everything = "openid profile email accounts payments"
    by_certificate: dict[str, object] = {
        "client_id": "tour-certificate",
        "client_name": "Trustweft tour, with a certificate",
        "organization_name": "Trustweft",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=tour-certificate",
        "tls_client_certificate_bound_access_tokens": True,
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "accounts",
    }
    common: dict[str, object] = {
        "token_endpoint_auth_method": "private_key_jwt",
        "dpop_bound_access_tokens": True,
    }
    by_reference: dict[str, object] = {
        **common,
        "client_id": "moneyview",
        "client_name": "MoneyView",
        "organization_name": "MoneyView (a demonstration)",
        "redirect_uris": [f"{ports.url(ports.client)}/callback"],
        "grant_types": flows,
        "scope": "openid profile accounts",
        "jwks_uri": f"{ports.url(ports.client)}/jwks",
    }
    second: dict[str, object] = {
        **by_reference,
        "client_id": "paypilot",
        "client_name": "PayPilot",
        "organization_name": "PayPilot (a demonstration)",
        "redirect_uris": [f"{ports.url(ports.second_client)}/callback"],
        "scope": "openid accounts payments",
        "jwks_uri": f"{ports.url(ports.second_client)}/jwks",
    }
    by_key = tuple(
        {**common, **metadata, "jwks": _public_key_set(data, str(metadata["client_id"]))}
        for metadata in (
            {
                "client_id": "bank",
                "client_name": f"{BANK_NAME} API",
                "organization_name": f"{BANK_NAME} (a demonstration)",
                "grant_types": [],
                "response_types": [],
                "resource_server_for": [ports.url(ports.resource)],
            },
            {
                "client_id": "tour",
                "client_name": "Trustweft tour",
                "organization_name": "Trustweft",
                "redirect_uris": [callback],
                "grant_types": [*flows, "client_credentials"],
                "scope": everything,
                "authorization_details_types": [PAYMENT_INITIATION, ACCOUNT_INFORMATION],
            },
            {
                "client_id": "tour-stranger",
                "client_name": "A stranger on the tour",
                "organization_name": "Nobody",
                "redirect_uris": [callback],
                "grant_types": flows,
                "scope": "openid accounts",
            },
        )
    )
    return tuple(
        {**each, "organisation_id": ORGANISATION_OF[str(each["client_id"])]}
        for each in (by_reference, second, *by_key, by_certificate)
    )


def _public_key_set(data: DataDirectory, name: str) -> dict[str, object]:
    document = msgspec.json.decode(read_private_file(data.file(f"client-keys/{name}.json")))
    key = read_private_jwk(document).public_key()
    return {"keys": [{**public_jwk(key), "kid": thumbprint(key)[:16], "alg": "ES256", "use": "sig"}]}
