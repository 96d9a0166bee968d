"""Every endpoint of the directory gets thousands of spoilt requests, as those of server and guard do.

No answer is a 5xx, every refusal has a reason, and whatever is accepted an independent judge finds good too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.authority import Hearing
from support.bombardment import AT_LEAST, bombard
from support.directory_endpoints import DIRECTORY_ENDPOINTS, make_office
from support.wire import Answer, Sent
from support.wire import send as send_octets

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", DIRECTORY_ENDPOINTS)
async def test_spoilt_requests_are_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    """One change, or several, to a good and authenticated request."""
    hearing = Hearing()
    office = await make_office(tmp_path, hearing)

    async def send(sent: Sent) -> Answer:
        return await send_octets(office.anchor.directory.asgi, sent)

    outcome = await bombard(office.endpoint(name), send, hearing)
    await office.anchor.stop()
    assert outcome.sent >= AT_LEAST
    assert outcome.sent > outcome.accepted
