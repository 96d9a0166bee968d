"""Addresses that resemble the registered redirect URI, and how a delivery to one of them is told."""

from __future__ import annotations

import pytest

from trustweft.audit.redirect_variants import MARK, is_delivery, variants

REGISTERED = "https://client.example/callback"
SERVER = "https://server.example"
MANY = 60


@pytest.mark.parametrize(
    "registered", [REGISTERED, "http://127.0.0.1:8080/", "https://client.example/cb?tenant=1"]
)
def test_no_variant_is_the_registered_address(registered: str) -> None:
    families = ("host", "path", "query", "scheme", "disguise", "equivalent")
    addresses = {address for family in families for address in variants(family, registered).values()}
    assert registered not in addresses
    assert len(addresses) >= MANY


def delivered(location: str) -> bool:
    return is_delivery(location, own=(REGISTERED,), server=SERVER)


@pytest.mark.parametrize(
    "location",
    [
        "https://attacker.example/callback?code=1",
        "https://client.example/callback/evil?code=1",
        "https://client.example.attacker.example/callback?state=1&code=2",
        "https://attacker.example/callback#code=1",
        "https://attacker.example/callback?error=invalid_scope",
        "//attacker.example/callback?error=invalid_scope",
        f"{REGISTERED}?{MARK}=1&code=1",
    ],
)
def test_a_response_to_another_address_is_a_delivery(location: str) -> None:
    assert delivered(location)


@pytest.mark.parametrize(
    "location",
    [
        f"{REGISTERED}?code=1&state=2",
        f"{REGISTERED}#code=1",
        f"{REGISTERED}?error=access_denied",
        f"{SERVER}/error?error=invalid_request",
        "/error?error=invalid_request",
        "/login?return=%2Fauthorize",
        "",
    ],
)
def test_the_clients_own_address_and_pages_of_the_server_are_none(location: str) -> None:
    assert not delivered(location)


def test_what_the_server_makes_of_the_registered_address_is_the_clients_own() -> None:
    own = ("https://client.example", "https://client.example/")
    assert not is_delivery("https://client.example/?code=1", own=own, server=SERVER)
