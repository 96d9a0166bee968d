"""A signed order fits into a delivery, and what everything depends on is never left out for want of room."""

from __future__ import annotations

from support.directory import DIRECTORY, NOW, new_signer
from trustweft.crypto import jws
from trustweft.directory.events import Actor
from trustweft.directory.orders import Order
from trustweft.directory.signing_orders import sign_order
from trustweft.protocol.security_event import TOKEN_LIMIT


def test_brands_stand_first_however_many_people_there_are() -> None:
    """Whoever enters thousands of people keeps no server from learning that it has ended."""
    people = tuple(f"user:first~customer-{number}" for number in range(10_000))
    order = Order(
        id="order-9",
        subject="organisation:bank",
        action="revoke",
        reason="in a test",
        ordered_at=NOW,
        effective_at=NOW,
        ordered_by=Actor(id="ada", part="operator"),
        effect="ended",
        cause="revoked",
        sequence=9,
        subjects=("brand:first", *people, "brand:second"),
    )
    token = sign_order(
        order, signer=new_signer("d1"), issuer=DIRECTORY, receipt_endpoint=f"{DIRECTORY}/receipts"
    )
    subjects = jws.parse(token, limit=TOKEN_LIMIT).unverified_claims()["subjects"]
    assert isinstance(subjects, list)
    assert subjects[:3] == ["brand:first", "brand:second", people[0]]
    assert len(subjects) < len(order.subjects)
