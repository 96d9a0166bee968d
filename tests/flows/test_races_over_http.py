"""What can be used once, used by 32 requests at one instant, at servers with four worker processes each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ecosystem import free_base_port
from soak.races import CROWD, RACES, Arena
from soak.site import prepare_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

WORKERS = 4
ROUNDS = 3


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """Both servers, each as one parent and four workers."""
    site = await prepare_site(tmp_path_factory.mktemp("races") / "data", base_port=free_base_port())
    with (
        site.serving("server", workers=WORKERS) as server,
        site.serving("resource", workers=WORKERS) as resource,
    ):
        yield Arena(site, server, resource)


@pytest.mark.parametrize("race", RACES)
async def test_exactly_one_request_wins(arena: Arena, race: str) -> None:
    """The others get the right error, never a failure of the server, and several workers took part."""
    await arena.fresh_nonces()
    for number in range(ROUNDS):
        lost = await RACES[race](arena, number)
        assert lost.reasons.total() == CROWD - 1
    failures = [
        line for line in (*arena.server.lines(), *arena.resource.lines()) if line["event"] == "failed"
    ]
    assert failures == []
