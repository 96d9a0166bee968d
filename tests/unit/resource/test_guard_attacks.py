"""The guard against everything that an attacker can change, and proof that each of its checks is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guard_attacks import ATTACKS, NEEDED, Attack
from guarding import Stage
from trustweft.crypto import jws
from trustweft.protocol import access_token, bearer, dpop
from trustweft.resource import checks
from trustweft.resource.checks import PIPELINE
from trustweft.runtime.errors import Reject, all_reasons

if TYPE_CHECKING:
    from trustweft.resource.inspection import Inspection

pytestmark = pytest.mark.anyio

# What a guard never sees: reasons of clients, of whoever makes challenges, and of the server's own endpoints.
ELSEWHERE = {
    "bearer.bad-challenge",
    "dpop.bad-jkt",
    "dpop.bad-nonce-header",
    "dpop.jkt-mismatch",
    "dpop.certificate-bound",
    "mtls.binding-missing",
    "access-token.revoked",
}
# Produced by the adapters and by the replay memory, in their own tests.
NOT_BY_REQUESTS = {"guard.replay-memory-full"}


async def test_a_good_request_passes() -> None:
    """Who acts, for whom, with which scope: the proof of authorization."""
    stage = Stage()
    context = await stage.guard.verify(stage.request(), scope=NEEDED)
    assert (context.subject, context.client_id, context.scope, context.grant_id) == (
        "sub.alice",
        "moneyview",
        ("accounts",),
        "grant-1",
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_an_attack_is_refused_with_its_reason(attack: Attack) -> None:
    """Whatever is wrong is refused with 400, 401 or 403, and the answer names what is wrong."""
    stage = Stage()
    with pytest.raises(Reject) as refused:
        await attack.run(stage)
    answer = stage.guard.refusal(refused.value, scope=NEEDED)
    assert refused.value.reason.id == attack.expected
    assert answer.status in {400, 401, 403}
    assert ("trustweft-reason", attack.expected) in answer.headers


def test_every_reason_of_the_guard_is_produced() -> None:
    """No reason is declared for nothing, and none is untested."""
    areas = ("bearer.", "dpop.", "access-token.", "guard.", "mtls.binding-")
    declared = {reason.id for reason in all_reasons() if reason.id.startswith(areas)}
    assert declared - ELSEWHERE - NOT_BY_REQUESTS == {attack.expected for attack in ATTACKS}


# What each check that establishes a fact would be if it believed what it reads.


def believe_any_place(inspection: Inspection) -> None:
    """Take the token from wherever it stands, the query first."""
    _, _, in_query = inspection.request.query.partition(b"access_token=")
    in_header = (inspection.request.header("authorization") or "DPoP x").partition(" ")[2]
    inspection.presented = bearer.PresentedToken(bearer.Scheme.DPOP, in_query.decode() or in_header)


async def believe_token(inspection: Inspection) -> None:
    """Read the token's claims without verifying anything."""
    claims = jws.parse(inspection.presented.token).unverified_claims()
    confirmation = access_token.read_confirmation(claims.get("cnf"))
    assert confirmation is not None
    inspection.token = access_token.AccessToken(
        issuer="",
        subject="",
        audience=(),
        client_id="",
        scope=access_token.read_scope(claims.get("scope", "")) or (),
        issued_at=0,
        expires_at=2e9,
        jti=str(claims.get("jti")),
        confirmation=confirmation,
        grant_id=None,
        auth_time=None,
        acr=None,
        claims=claims,
    )


def believe_proof(inspection: Inspection) -> None:
    """Read the proof's claims without verifying anything."""
    header = inspection.request.header("dpop")
    assert header is not None
    claims = jws.parse(header).unverified_claims()
    jkt = inspection.token.jkt or ""
    nonce = claims.get("nonce")
    inspection.proof = dpop.Proof(
        jkt=jkt, jti=str(claims.get("jti")), issued_at=0, nonce=str(nonce) if nonce else None, expires_at=2e9
    )


BELIEVING: dict[checks.GuardCheck, checks.GuardCheck] = {
    checks.read_token: believe_any_place,
    checks.verify_token: believe_token,
    checks.verify_proof: believe_proof,
}


async def _passing(pipeline: tuple[checks.GuardCheck, ...]) -> list[Attack]:
    passing = []
    for attack in ATTACKS:
        try:
            await attack.run(Stage(pipeline=pipeline))
        except (Reject, AttributeError, AssertionError):
            continue
        passing.append(attack)
    return passing


@pytest.mark.parametrize("check", PIPELINE, ids=lambda check: check.__name__)
async def test_every_check_is_needed(check: checks.GuardCheck) -> None:
    """With one check taken out, or believing what it reads, some attack gets through."""
    mutant = tuple(
        step
        for step in (BELIEVING.get(each) if each is check else each for each in PIPELINE)
        if step is not None
    )
    assert len(await _passing(mutant)) > 0


@pytest.mark.parametrize("check", BELIEVING, ids=lambda check: check.__name__)
async def test_a_missing_fact_fails_closed(check: checks.GuardCheck) -> None:
    """Without the check that establishes a fact nobody gets in, not even the honest."""
    stage = Stage(pipeline=tuple(each for each in PIPELINE if each is not check))
    with pytest.raises(AttributeError):
        await stage.guard.verify(stage.request(), scope=NEEDED)
