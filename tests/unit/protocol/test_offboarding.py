"""Orders and receipts, changed in any single way, are refused with their own reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.directory import DIRECTORY, NOW, TestDirectory, new_signer
from trustweft.crypto import jws
from trustweft.protocol.offboarding import (
    Order,
    Receipt,
    create_order,
    create_receipt,
    verify_order,
    verify_receipt,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

Claims = dict[str, Any]
BANK = "https://bank.example"


def read_order(directory: TestDirectory, token: str) -> Order:
    """Read an order as a participant does."""
    return verify_order(token, keys=directory.keys(), issuer=DIRECTORY, now=NOW, tolerance=60)


def read_receipt(bank: TestDirectory, token: str) -> Receipt:
    """Read a receipt of the bank as the directory does."""
    return verify_receipt(token, keys=bank.keys(), issuer=BANK, audience=DIRECTORY, now=NOW, tolerance=60)


def resigned(signer: TestDirectory, token: str, change: Callable[[Claims], object], kind: str = "") -> str:
    """Return a token with something changed, and signed nevertheless."""
    parsed = jws.parse(token)
    claims = parsed.unverified_claims()
    change(claims)
    return jws.sign(claims, signer=signer.signer, header={"typ": kind or parsed.type})


RECEIPT = Receipt(
    iss=BANK,
    aud=DIRECTORY,
    order="o1",
    iat=NOW,
    refused_at=NOW,
    cleaned_at=NOW + 1,
    counts={"grants": 3},
    revision=7,
)


def test_order_and_receipt_arrive_as_they_were_signed() -> None:
    """What is verified equals what was signed."""
    directory = TestDirectory()
    order = directory.order("organisation:o", "revoke", subjects=("software:a",))
    assert read_order(directory, create_order(directory.signer, order)) == order
    assert (order.ends, order.concerned) == (True, ("organisation:o", "software:a"))
    assert not directory.order("software:a", "suspend").ends
    assert read_receipt(directory, create_receipt(directory.signer, RECEIPT)) == RECEIPT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iss="https://evil.example"), "order.issuer"),
        (lambda claims: claims.update(iat=NOW + 61), "order.from-future"),
        (lambda claims: claims.update(iat="x"), "order.malformed"),
        (lambda claims: claims.pop("jti"), "order.malformed"),
        (lambda claims: claims.update(jti="a b"), "order.malformed"),
        (lambda claims: claims.update(action="delete"), "order.malformed"),
        (lambda claims: claims.update(kind="software"), "order.malformed"),
        (lambda claims: claims.update(subjects=["robot:x"]), "order.malformed"),
        (lambda claims: claims.update(deadlines={"refuse": -1}), "order.malformed"),
        (lambda claims: claims.update(receipt_endpoint="http://directory.example/"), "order.malformed"),
    ],
)
def test_a_changed_order_is_refused(change: Callable[[Claims], object], reason: str) -> None:
    """An order that is signed, but wrong in one way, is refused with the reason for that."""
    directory = TestDirectory()
    token = create_order(directory.signer, directory.order("organisation:o", "revoke"))
    with pytest.raises(Reject) as refused:
        read_order(directory, resigned(directory, token, change))
    assert refused.value.reason.id == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iss="https://evil.example"), "receipt.issuer"),
        (lambda claims: claims.update(aud="https://evil.example"), "receipt.audience"),
        (lambda claims: claims.update(iat=NOW + 61), "receipt.from-future"),
        (lambda claims: claims.update(counts={"grants": -1}), "receipt.malformed"),
        (lambda claims: claims.pop("refused_at"), "receipt.malformed"),
    ],
)
def test_a_changed_receipt_is_refused(change: Callable[[Claims], object], reason: str) -> None:
    """A receipt that is signed, but wrong in one way, is refused with the reason for that."""
    bank = TestDirectory()
    token = resigned(bank, create_receipt(bank.signer, RECEIPT), change)
    with pytest.raises(Reject) as refused:
        read_receipt(bank, token)
    assert refused.value.reason.id == reason


def test_other_kinds_and_other_keys_are_refused() -> None:
    """Neither passes for the other, and a key that was removed signs neither."""
    directory = TestDirectory()
    order = create_order(directory.signer, directory.order("organisation:o", "revoke"))
    receipt = create_receipt(directory.signer, RECEIPT)
    with pytest.raises(Reject, match=r"order\.wrong-type"):
        read_order(directory, receipt)
    with pytest.raises(Reject, match=r"receipt\.wrong-type"):
        read_receipt(directory, order)
    directory.signer = new_signer("d1")
    with pytest.raises(Reject, match=r"order\.bad-signature"):
        read_order(directory, order)
    with pytest.raises(Reject, match=r"receipt\.bad-signature"):
        read_receipt(directory, receipt)
    directory.signer = new_signer("d2")
    with pytest.raises(Reject, match=r"order\.no-key"):
        read_order(directory, order)
    with pytest.raises(Reject, match=r"receipt\.no-key"):
        read_receipt(directory, receipt)
    with pytest.raises(Reject, match=r"order\.malformed"):
        read_order(directory, "x")
