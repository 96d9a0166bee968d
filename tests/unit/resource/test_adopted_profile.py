"""A guard that runs adopts another profile: between requests, never within one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from guarding import Stage
from trustweft.profile import load_profile
from trustweft.protocol.http import HttpRequest
from trustweft.resource.checks import PIPELINE
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.resource.inspection import Inspection

pytestmark = pytest.mark.anyio

DEFAULT = load_profile("fapi2-security")
SHORTER = DEFAULT.with_limits(dpop_proof_max_age=20)


async def reason_of(stage: Stage, *, age: float = 0, nonce: str | None = "current") -> str:
    """Return why a request with such a proof is refused; empty where it is not."""
    token = stage.token()
    proof = stage.proof(token, age=age, nonce=nonce)
    request = HttpRequest("GET", "/accounts", headers=(("authorization", f"DPoP {token}"), ("dpop", proof)))
    try:
        await stage.guard.verify(request)
    except Reject as refusal:
        return refusal.reason.id
    return ""


async def test_the_next_request_is_judged_by_the_adopted_profile() -> None:
    """How old a proof may be, and whether it needs a nonce."""
    stage = Stage()
    found = [await reason_of(stage, age=30)]
    stage.guard.adopt(SHORTER)
    found += [await reason_of(stage, age=30), await reason_of(stage), await reason_of(stage, nonce=None)]
    duties = replace(DEFAULT.duties, require_dpop_nonce=False)
    stage.guard.adopt(replace(DEFAULT, duties=duties))
    found.append(await reason_of(stage, nonce=None))
    assert found == ["", "dpop.expired", "", "dpop.nonce-required", ""]


async def test_a_proof_with_an_algorithm_that_is_not_allowed_is_refused() -> None:
    """Its key is the client's choice, its algorithm the profile's."""
    stage = Stage()
    stage.guard.adopt(DEFAULT.with_limits(signing_algorithms=("PS256",)))
    assert await reason_of(stage) == "dpop.algorithm"


async def test_a_request_under_way_ends_by_the_profile_that_it_began_with() -> None:
    """Adopted after the first check, the other one counts for the next."""
    stage: Stage

    def adopt_meanwhile(_inspection: Inspection) -> None:
        stage.guard.adopt(SHORTER)

    stage = Stage(pipeline=(adopt_meanwhile, *PIPELINE))
    assert [await reason_of(stage, age=30), await reason_of(stage, age=30)] == ["", "dpop.expired"]
