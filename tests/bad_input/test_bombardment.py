"""Every endpoint of server and guard gets thousands of spoilt requests, each of them a step or a few from a good one.

No answer is a 5xx, every refusal has a reason, and whatever is accepted an independent judge finds good too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.authority import make_authority
from support.bombarding import ENDPOINTS, SERVER, all_endpoints, outcome_of
from support.bombardment import AT_LEAST
from trustweft.demo.bank import OPERATIONS
from trustweft.server.config import PATHS
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_spoilt_requests_are_refused_with_a_reason(name: str) -> None:
    """One change, or several, to a good and authenticated request."""
    outcome = await outcome_of(name)
    assert outcome.sent >= AT_LEAST
    assert outcome.sent > outcome.accepted


async def test_no_endpoint_is_left_out(tmp_path: Path) -> None:
    """A new endpoint has to be bombarded too."""
    authority = await make_authority(tmp_path / "keys")
    targets = await all_endpoints(authority)
    authority.close()
    assert set(targets) == set(ENDPOINTS)
    named = {
        re.sub("^(token|client_configuration) ", r"\1:", name.partition(",")[0])
        for name in SERVER
        if not name.startswith("/")
    }
    named = {"pushed_authorization_request" if name == "par" else name for name in named}
    assert named | {"token", "client_configuration"} == set(PIPELINES)
    assert {PATHS["jwks"]} <= set(SERVER)
    operations = {re.sub(r"\{\w+\}", "{id}", operation.path) for operation in OPERATIONS}
    assert {f"bank {path}" for path in operations} <= set(ENDPOINTS)
