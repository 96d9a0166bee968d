from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attacks.victims import Application, register
from ecosystem import Ecosystem, free_base_port
from laboratory import Laboratory
from trustweft.cli.data_directory import DataDirectory
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laboratory, Ecosystem]]:
    """One ecosystem for all attacks, whose checks can be taken out."""
    base = free_base_port()
    data = tmp_path_factory.mktemp("attacks") / "data"
    directory = DataDirectory.open_or_create(data, base_port=base, clock=SystemClock())
    with Laboratory(directory, SystemClock()) as laboratory:
        yield laboratory, Ecosystem(data, base, data.parent / "unused.log")


@pytest.fixture
def laboratory(scene: tuple[Laboratory, Ecosystem]) -> Iterator[Laboratory]:
    """The ecosystem's switches, all checks on before and after."""
    scene[0].without = frozenset()
    yield scene[0]
    scene[0].without = frozenset()


@pytest.fixture
def ecosystem(scene: tuple[Laboratory, Ecosystem]) -> Ecosystem:
    """Where everything is."""
    return scene[1]


@pytest.fixture
def application(ecosystem: Ecosystem) -> Iterator[Application]:
    """The victims' application, freshly registered."""
    client_id, signer = register(ecosystem)
    application = Application(ecosystem, client_id, signer)
    yield application
    application.close()
