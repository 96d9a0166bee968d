"""The suite's federation modules about our server: it passes each, and each notices a server with a flaw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.federation.server import EXAMINATIONS
from support.federated import make_site, permit_requests_without_push

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conformance.federation.server import Examination
    from support.federated import Site

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("examination", EXAMINATIONS, ids=str)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Our server, whose federation lets its clients do without pushing, and one that it has never heard of."""
    made = await make_site(tmp_path)
    permit_requests_without_push(made)
    yield made
    made.authority.close()


async def test_the_server_passes(site: Site, examination: Examination) -> None:
    """It does what the module asks for."""
    await examination.examine(site)


async def test_a_flaw_is_noticed(
    site: Site, examination: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lacks what the module is about does not pass."""
    examination.flaw(monkeypatch, site)
    with pytest.raises(AssertionError):
        await examination.examine(site)
