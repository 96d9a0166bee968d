"""`trustweft clients`: a registry as data, with what each client does shown at a glance."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from ecosystem import free_base_port
from support.client_hosts import jwk_of
from trustweft.cli import main
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_settings
from trustweft.cli.registry import update_client
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.runtime.clock import SystemClock
from trustweft.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [jwk_of(LocalSigner("ES256", generate_private_key("ES256"), str(number))) for number in range(2)]
GOOD: dict[str, Any] = {
    "client_id": "my-client",
    "client_name": "My Client",
    "organization_name": "My Company",
    "redirect_uris": ["https://client.example/callback"],
    "scope": "openid accounts",
    "jwks": {"keys": KEYS},
}
BY_REFERENCE = {
    **{name: value for name, value in GOOD.items() if name != "jwks"},
    "client_id": "far-client",
    "jwks_uri": "https://client.example/jwks",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An ecosystem's folder as a first start leaves it, with nobody registered."""
    clock = SystemClock()
    directory = DataDirectory.open_or_create(tmp_path / "data", base_port=free_base_port(), clock=clock)
    prepare_settings(directory, customers={})
    KeyRing.load_or_create(tmp_path / "data" / "server" / "keys", now=clock.now())
    return tmp_path / "data"


def run(data: Path, *arguments: str, text: str | None = None) -> tuple[int, str]:
    """Run a command, and return its status and what it printed."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, ["clients", *arguments, "--data", str(data)], input=text
    )
    return result.exit_code, result.output


def register(data: Path, *documents: dict[str, Any]) -> None:
    for document in documents:
        assert run(data, "add", "-", text=json.dumps(document))[0] == 0


def test_the_list_shows_how_each_client_proves_itself(data: Path) -> None:
    """Authentication, what binds its tokens, and where its keys are, one line a client."""
    bank = {
        **GOOD,
        "client_id": "bank",
        "grant_types": [],
        "redirect_uris": [],
        "scope": "",
        "resource_server_for": ["x"],
    }
    named = {
        **{name: value for name, value in GOOD.items() if name != "jwks"},
        "client_id": "named-client",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=mine",
        "tls_client_certificate_bound_access_tokens": True,
    }
    register(data, GOOD, BY_REFERENCE, bank, named)
    status, shown = run(data, "list")
    words = [" ".join(line.split()) for line in shown.splitlines()]
    assert (status, words) == (
        0,
        [
            "client_id name method bound by keys scope",
            "bank My Client private_key_jwt ES256 no tokens 2 by value",
            "far-client My Client private_key_jwt ES256 DPoP https://client.example/jwks openid accounts",
            "my-client My Client private_key_jwt ES256 DPoP 2 by value openid accounts",
            "named-client My Client tls_client_auth CN=mine certificate none openid accounts",
        ],
    )


def test_a_client_that_the_rules_of_today_refuse_is_listed_with_the_reason(data: Path) -> None:
    """It was registered when other rules were in force; an operator should see that it is of no use."""
    register(data, GOOD)

    async def spoil() -> None:
        async with SqliteStore.open(DataDirectory.open(data).database) as store:
            old = await store.find_client("my-client")
            assert old is not None
            await store.replace_client("my-client", old=old, new=old.replace(b'"openid', b'" openid'))

    asyncio.run(spoil())
    status, shown = run(data, "list")
    assert (status, "client-metadata.scope" in shown) == (0, True)


def test_an_update_replaces_the_registration(data: Path) -> None:
    """What is different is told; a member that is left out is gone."""
    register(data, GOOD)
    text = json.dumps({**GOOD, "scope": "openid", "client_name": "Mine", "logo": "x"})
    status, said = run(data, "update", "-", text=text)
    assert (status, said.splitlines()) == (
        0,
        ["Updated my-client: client_name, logo, scope.", "Not known here, and ignored: logo"],
    )
    assert json.loads(run(data, "show", "my-client")[1])["scope"] == "openid"
    assert run(data, "update", "-", text=text)[1].startswith("Updated my-client: nothing was different.")
    by_reference = json.dumps({**BY_REFERENCE, "client_id": "my-client"})
    changed = json.loads(run(data, "update", "--json", "-", text=by_reference)[1])["changed"]
    assert changed == ["client_name", "jwks", "jwks_uri", "logo", "scope"]
    assert json.loads(run(data, "show", "my-client")[1])["jwks_uri"] == "https://client.example/jwks"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "nobody"}, "client.unknown"),
        ({"client_id": None}, "client-metadata.client-id"),
        ({"jwks_uri": "https://client.example/jwks"}, "client-metadata.keys-twice"),
        ({"grant_types": ["password"]}, "client-metadata.grant-type"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(data: Path, changes: dict[str, Any], reason: str) -> None:
    """The same rules as for a new client; and nobody is registered by the way."""
    register(data, GOOD)
    before = run(data, "list", "--json")
    status, said = run(data, "update", "-", text=json.dumps({**GOOD, **changes}))
    assert (status, reason in said) == (1, True)
    assert run(data, "list", "--json") == before


@pytest.mark.anyio
async def test_of_two_updates_at_once_the_second_must_look_again(data: Path) -> None:
    """Nobody undoes what somebody else has decided and they have not seen."""
    async with SqliteStore.open(DataDirectory.open(data).database) as store:
        await store.add_client("my-client", json.dumps(GOOD).encode())
        raw = [json.dumps({**GOOD, "scope": scope}).encode() for scope in ("openid", "accounts")]
        first, second = await asyncio.gather(
            *(update_client(store, each) for each in raw), return_exceptions=True
        )
        assert not isinstance(first, BaseException)
        assert isinstance(second, click.ClickException)
        assert second.message.startswith("client.changed: ")
        kept = await store.find_client("my-client")
    assert kept is not None
    assert json.loads(kept)["scope"] == "openid"
