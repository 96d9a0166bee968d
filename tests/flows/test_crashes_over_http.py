"""A server with several workers that is killed in the middle of flows, and started again on the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ecosystem import free_base_port
from soak.crashes import crash_again_and_again
from soak.site import prepare_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_nothing_acknowledged_is_lost_and_nothing_is_used_twice(tmp_path: Path) -> None:
    """Thirty flows, two kills: requests, codes, grants and revocations are what their ledgers say."""
    site = await prepare_site(tmp_path / "data", base_port=free_base_port())
    found = await crash_again_and_again(site, flows=30, crashes=2, workers=2, seed=2, latest_kill=0.002)
    assert (found.flows, found.whole_server + found.one_worker) == (30, 2)
    assert found.interrupted.total() > 0  # a kill between two requests would say little
