"""Trust marks that entities show: verified with their issuers' keys, and asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.federation import NOW, Member, Web, new_member, new_signer, superior
from trustweft.net.federation import ChainResolver
from trustweft.net.federation_marks import MarkVerifier
from trustweft.protocol.federation_trust_mark import (
    NewTrustMark,
    create_trust_mark,
    create_trust_mark_status,
)
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

KIND = "https://anchor.example/marks/audited"
OTHER_KIND = "https://anchor.example/marks/other"
STATUS = "https://anchor.example/status"
AUDITOR = superior("https://auditor.example", "https://anchor.example")
ANCHOR = replace(
    superior("https://anchor.example"),
    metadata={
        "federation_entity": {
            "federation_fetch_endpoint": "https://anchor.example/fetch",
            "federation_trust_mark_status_endpoint": STATUS,
        }
    },
    claims={"trust_mark_issuers": {KIND: ["https://anchor.example", AUDITOR.entity]}},
)
LEAF = new_member("https://leaf.example", ANCHOR.entity, oauth_client={})


def mark_by(issuer: Member, *, kind: str = KIND, lifetime: float | None = 60, **changes: Any) -> str:
    """Return a mark of the leaf."""
    signer = changes.pop("signer", issuer.signer)
    new = NewTrustMark(
        issuer=issuer.entity, subject=LEAF.entity, trust_mark_type=kind, lifetime=lifetime, **changes
    )
    return create_trust_mark(new, signer=signer, now=NOW)


class Issuer:
    """The status endpoint of the anchor."""

    def __init__(self, status: Any = "active", **answer: Any) -> None:
        self.status, self.answer, self.asked = status, answer, 0

    async def post(self, url: str, form: Mapping[str, str]) -> HttpResponse:
        """Say what becomes of a mark."""
        assert url == STATUS
        self.asked += 1
        token = create_trust_mark_status(
            self.status, trust_mark=form["trust_mark"], issuer=ANCHOR.entity, signer=ANCHOR.signer, now=NOW
        )
        kind = ("content-type", "application/trust-mark-status-response+jwt")
        given: dict[str, Any] = {"status": 200, "headers": (kind,), "body": token.encode()}
        return HttpResponse(**(given | self.answer))


async def verified(*marks: tuple[str, str], issuer: Issuer | None = None) -> tuple[str, ...]:
    """Return the texts of the marks that are good."""
    shown = [{"trust_mark_type": kind, "trust_mark": text} for kind, text in marks]
    leaf = replace(LEAF, claims={"trust_marks": shown})
    web = Web(ANCHOR, AUDITOR, leaf)
    web.vouch(ANCHOR, leaf)
    web.vouch(ANCHOR, AUDITOR)
    clock = ManualClock(NOW)
    resolver = ChainResolver(
        anchors={ANCHOR.entity: ANCHOR.keys}, fetch=web.fetch, clock=clock, future_tolerance=30
    )
    verifier = MarkVerifier(
        resolver=resolver, clock=clock, future_tolerance=30, post=None if issuer is None else issuer.post
    )
    return tuple(mark.text for mark in await verifier.verified(await resolver.resolve(LEAF.entity)))


async def test_good_marks_are_found_among_bad_ones() -> None:
    """Of what an entity shows, what verifies is left: by the anchor, or by an issuer that it lets issue."""
    own, others = mark_by(ANCHOR), mark_by(AUDITOR)
    bad = [
        (KIND, mark_by(ANCHOR, signer=new_signer())),
        (KIND, mark_by(new_member("https://stranger.example"))),
        (OTHER_KIND, mark_by(ANCHOR, kind=OTHER_KIND)),
        (OTHER_KIND, own),
        (KIND, "nothing"),
        (KIND, mark_by(ANCHOR, lifetime=None)),
    ]
    assert await verified((KIND, own), *bad, (KIND, others)) == (own, others)


async def test_an_entity_cannot_make_us_look_at_any_number_of_marks() -> None:
    """Beyond the first few, marks are not looked at."""
    own = mark_by(ANCHOR)
    assert len(await verified(*[(KIND, own)] * 40)) == 16


async def test_an_issuer_is_asked_whether_a_mark_is_active() -> None:
    """With somebody to ask, a mark counts when its issuer says so now; one that does not expire as well."""
    endless, issuer = mark_by(ANCHOR, lifetime=None), Issuer()
    assert await verified((KIND, endless), issuer=issuer) == (endless,)
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "issuer",
    [
        Issuer("revoked"),
        Issuer(status=404),
        Issuer(headers=(("content-type", "application/json"),)),
        Issuer(body=b"\xff"),
        Issuer(body=b""),
    ],
    ids=range(5),
)
async def test_a_mark_that_its_issuer_does_not_confirm_is_none(issuer: Issuer) -> None:
    """Revoked, unknown, or no answer that can be believed: the mark is not good."""
    assert await verified((KIND, mark_by(ANCHOR)), issuer=issuer) == ()


async def test_an_issuer_without_a_status_endpoint_confirms_nothing() -> None:
    """Where somebody is to be asked and there is nobody, the mark is not good."""
    assert await verified((KIND, mark_by(AUDITOR)), issuer=Issuer()) == ()


async def test_an_issuer_that_is_away_confirms_nothing() -> None:
    """A status endpoint that cannot be reached says nothing."""

    class Away(Issuer):
        async def post(self, url: str, form: Mapping[str, str]) -> HttpResponse:
            raise OSError("away")

    assert await verified((KIND, mark_by(ANCHOR)), issuer=Away()) == ()


async def test_without_the_anchors_statement_nobody_may_issue() -> None:
    """A chain that leaves out the anchor's own statement says nothing of who may issue what."""
    clock = ManualClock(NOW)
    resolver = ChainResolver(
        anchors={ANCHOR.entity: ANCHOR.keys}, fetch=Web().fetch, clock=clock, future_tolerance=30
    )
    shown = [{"trust_mark_type": KIND, "trust_mark": mark_by(ANCHOR)}]
    chain = resolver.verify((LEAF.configuration(claims={"trust_marks": shown}), ANCHOR.about(LEAF)))
    verifier = MarkVerifier(resolver=resolver, clock=clock, future_tolerance=30, post=None)
    with pytest.raises(Reject) as refused:
        await verifier.verify(chain.statements[0].trust_marks[0], chain)
    assert refused.value.reason.id == "federation.no-anchor-statement"
