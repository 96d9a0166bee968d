from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from attacks.attacker import Key, MaliciousClient
from attacks.scenes import HOME, People, Scene, what_they_own
from attacks.victims import Application, register, register_key
from attacks.weakened import ignore_state
from ecosystem import Ecosystem, free_base_port
from laboratory import Laboratory
from trustweft.cli.data_directory import DataDirectory
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laboratory, Ecosystem]]:
    """One ecosystem for all attacks, whose checks can be taken out."""
    base = free_base_port()
    data = tmp_path_factory.mktemp("attacks") / "data"
    directory = DataDirectory.open_or_create(data, base_port=base, clock=SystemClock())
    with Laboratory(directory, SystemClock()) as laboratory:
        yield laboratory, Ecosystem(data, base, data.parent / "unused.log")


@pytest.fixture
def scene(running: tuple[Laboratory, Ecosystem]) -> Iterator[Scene]:
    """The scene of one attack."""
    laboratory, ecosystem = running
    laboratory.without, laboratory.instead = frozenset(), {}
    application, people = Application(ecosystem, *register(ecosystem)), People(ecosystem)
    with httpx2.Client(verify=ecosystem.trust) as web:
        yield Scene(laboratory, ecosystem, application, people, what_they_own(application, people), web)
    laboratory.without, laboratory.instead = frozenset(), {}
    application.close()


@pytest.fixture
def malicious(scene: Scene) -> tuple[str, MaliciousClient]:
    """A client of the attacker's, registered like any other, and its id."""
    key = Key()
    client_id = register_key(scene.ecosystem, {**key.public, "alg": "ES256"}, redirect_uri=HOME)
    return client_id, MaliciousClient(scene.web, scene.ecosystem.issuer, client_id, key, HOME)


@pytest.fixture
def state_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAPI 2.0 does without the state; our client's check of it would hide what the other checks are for."""
    ignore_state(monkeypatch)
