"""The addresses of a server, as its operator may and may not set them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trustweft.server.config import ServerConfig

NAMES = {"display_name": "Bank", "organization_name": "Bank plc", "scopes": []}


def configure(**addresses: Any) -> ServerConfig:
    """Read a configuration as a settings file gives it."""
    return msgspec.convert({**NAMES, **addresses}, ServerConfig)


@pytest.mark.parametrize(
    "issuer", ["https://bank.example", "https://bank.example:8443", "https://127.0.0.1:1"]
)
def test_an_issuer_is_an_origin(issuer: str) -> None:
    """Every endpoint is found right below it."""
    assert configure(issuer=issuer).endpoint("token") == f"{issuer}/token"


@pytest.mark.parametrize(
    "address",
    [
        "https://bank.example/",
        "https://bank.example/tenant",
        "https://bank.example?x",
        "https://bank.example#x",
        "https://user@bank.example",
        "http://bank.example",
        "bank.example",
        "",
    ],
)
@pytest.mark.parametrize("member", ["issuer", "mtls_base"])
def test_anything_else_is_refused_at_the_start(member: str, address: str) -> None:
    """Otherwise the metadata would name endpoints that are not there."""
    if (member, address) == ("mtls_base", ""):
        return
    with pytest.raises(msgspec.ValidationError, match="must be https://host"):
        configure(**{"issuer": "https://bank.example", member: address})
