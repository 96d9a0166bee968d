"""What is prepared for the OpenID Foundation's suite can be registered, and keeps private halves apart."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from conformance.suite_config import CLIENT_CREDENTIALS, Combination, configure
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import DemoCredentials, DemoPerson
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import write_private_file

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "https://suite.test:9643"
COMBINATIONS = [
    Combination(*values)
    for values in itertools.product(
        ("plain_fapi", CLIENT_CREDENTIALS),
        ("openid_connect", "plain_oauth"),
        ("private_key_jwt", "mtls"),
        ("dpop", "mtls"),
        ("simple", "rar"),
    )
]


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory.open_or_create(tmp_path / "ecosystem", base_port=9540, clock=SystemClock())
    alice = DemoPerson(username="alice", password="correct horse", name="Alice", email="alice@example.com")
    credentials = DemoCredentials(users=(alice,), complete=True)
    write_private_file(directory.credentials, msgspec.json.encode(credentials))
    return directory


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda each: f"{each.profile}-{each.name}")
def test_both_clients_of_a_combination_can_be_registered(
    data: DataDirectory, combination: Combination
) -> None:
    """They use the method and the binding that the combination names; what they keep secret is the suite's alone."""
    prepared, clients = configure(data, combination, suite=SUITE)
    configuration: dict[str, Any] = prepared
    read = [read_client_metadata(msgspec.json.decode(msgspec.json.encode(each))) for each in clients]
    assert [each.client_id for each in read] == [
        configuration[name]["client_id"] for name in ("client", "client2")
    ]
    for client in read:
        assert client.ignored == ()
        assert (client.token_endpoint_auth_method == "private_key_jwt") == (
            combination.client_auth == "private_key_jwt"
        )
        assert client.dpop_bound_access_tokens == (combination.sender_constrain == "dpop")
    assert b'"d":' not in msgspec.json.encode(clients)
    assert b'"d":' in msgspec.json.encode(configuration["client"])
    assert ("mtls" in configuration) == combination.needs_certificates
