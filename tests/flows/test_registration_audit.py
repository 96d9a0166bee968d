"""The auditor's registration checks meet a server where software registers: they find nothing, and miss no mutant.

Here the auditor is a directory too: what a check sends as plain metadata goes out as a signed request with a fresh
statement, whose directory was careless enough to vouch for every redirect URI.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ecosystem import free_base_port
from laboratory import Laboratory
from support.client_hosts import jwk_of
from support.software import Directory
from support.software import Software as Vouched
from trustweft.audit.checks import registration as checks
from trustweft.audit.exchange import Request
from trustweft.audit.registry import all_checks
from trustweft.audit.run import Options, audit
from trustweft.audit.verdict import Safety, Verdict
from trustweft.cli.check.box import target_of_box
from trustweft.cli.data_directory import DataDirectory
from trustweft.client.registration import Software
from trustweft.protocol import registration as metadata
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.entropy import SystemEntropy
from trustweft.server import clients
from trustweft.server.checks import registered_software

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial
    from trustweft.server.exchange import Exchange as ServerExchange

SETTINGS = """
[registration]
[[registration.directories]]
issuer = "https://directory.example"
jwks_file = "directory.jwks"
"""
CHECKS = [each for each in all_checks() if each.id.startswith("RG-")]
GUARDED = [each for each in CHECKS if each.id != "RG-01"]


class Running(Laboratory):
    """The ecosystem, and the directory that its server believes."""

    def __init__(self, data: DataDirectory, directory: Directory) -> None:
        super().__init__(data, SystemClock())
        self.data = data
        self.directory = directory
        self._number = count()

    def send(
        self, trial: Trial, method: str, url: str, document: dict[str, Any] | None, token: str | None = None
    ) -> Exchange:
        """Send what a check wants to send, with what it takes to be let in."""
        headers = [("accept", "application/json")]
        body = b""
        if document is not None:
            kind, body = self._vouch(trial, document)
            headers.append(("content-type", kind))
        if token is not None:
            headers.append(("authorization", f"Bearer {token}"))
        return trial.deployment.wire.send(Request(method=method, url=url, headers=tuple(headers), body=body))

    def _vouch(self, trial: Trial, document: dict[str, Any]) -> tuple[str, bytes]:
        vouched = Vouched(f"audited-{next(self._number)}")
        redirect_uris = tuple(document.get("redirect_uris", ()))
        statement = self.directory.statement(vouched, now=time.time(), redirect_uris=redirect_uris)
        software = Software(
            software_id=vouched.software_id,
            signer=vouched.signer,
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )
        issuer = trial.deployment.target.issuer
        return software.sign(document, software_statement=statement, issuer=issuer)

    def audit(self, chosen: list[Any]) -> dict[str, Verdict]:
        """Carry the checks out."""
        options = Options(checks=chosen, safety=Safety.WRITES)
        run = audit(target_of_box(self.data), options, clock=SystemClock(), entropy=SystemEntropy())
        return {each.id: each.verdict for each in run.checks}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One ecosystem for all mutants."""
    path = tmp_path_factory.mktemp("registration-audit") / "data"
    data = DataDirectory.open_or_create(path, base_port=free_base_port(), clock=SystemClock())
    with Laboratory(data, SystemClock()):
        pass
    directory = Directory()
    data.file("server/directory.jwks").write_bytes(msgspec.json.encode({"keys": [jwk_of(directory.signer)]}))
    with data.file("server/server.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    with Running(data, directory) as laboratory:
        yield laboratory


@pytest.fixture
def vouching(running: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The same, with an auditor whom the directory knows."""
    monkeypatch.setattr(checks, "send", running.send)
    return running


def test_nobody_registers_without_a_directory(running: Running) -> None:
    """The auditor as a stranger: the one check for strangers passes, and the others have nothing to look at."""
    found = running.audit(CHECKS)
    assert found.pop("RG-01") is Verdict.PASS
    assert set(found.values()) == {Verdict.NOT_APPLICABLE}


def test_whom_a_directory_vouches_for_finds_no_way_to_more(vouching: Running) -> None:
    """Dangerous redirect URIs, weak rules, an identifier of one's own, the registration of another: all refused."""
    assert vouching.audit(GUARDED) == {each.id: Verdict.PASS for each in GUARDED}


async def _find_any_registration(exchange: ServerExchange) -> None:
    """Find the registration without looking at whose the token is."""
    store, client_id = exchange.deployment.store, exchange.handle
    found = await store.find_registration(client_id, now=exchange.now)
    client = await clients.find_client(store, client_id, now=exchange.now)
    assert found is not None
    assert client is not None
    assert digest_of(exchange.presented.token)
    exchange.registration, exchange.client, exchange.client_id = found, client, client_id


def _compose_what_is_asked(exchange: ServerExchange) -> None:
    """Give a client the identifier that it asks for."""
    made_up = f"software-{exchange.deployment.entropy.octets(8).hex()}"
    wanted = exchange.registration_request.document.get("client_id", made_up)
    registered_software._compose(exchange, client_id=str(wanted))


@pytest.mark.parametrize(
    ("check", "instead"),
    [
        ("RG-06", {("client_configuration", "find_own_registration"): _find_any_registration}),
        ("RG-07", {("registration", "compose_new_client"): _compose_what_is_asked}),
    ],
)
def test_a_server_that_looks_less_closely_is_found_out(
    vouching: Running, check: str, instead: dict[Any, Any]
) -> None:
    """Each check notices the server that it is there for."""
    vouching.instead = instead
    try:
        found = vouching.audit([each for each in CHECKS if each.id == check])
    finally:
        vouching.instead = {}
    assert found == {check: Verdict.FAIL}


@pytest.mark.parametrize(
    ("check", "name", "value"),
    [
        ("RG-02", "check_registrable", lambda uri, **_: uri),
        ("RG-04", "GRANT_TYPES", (*metadata.GRANT_TYPES, "password")),
    ],
)
def test_a_server_that_registers_anything_is_found_out(
    vouching: Running, monkeypatch: pytest.MonkeyPatch, check: str, name: str, value: object
) -> None:
    """What the rules for client metadata keep out, nothing else does."""
    monkeypatch.setattr(metadata, name, value)
    assert vouching.audit([each for each in CHECKS if each.id == check]) == {check: Verdict.FAIL}
