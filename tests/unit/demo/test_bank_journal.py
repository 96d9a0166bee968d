"""Payments that several workers of the sample bank write down in one file."""

from __future__ import annotations

import asyncio
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec
import pytest

from banking import ALICES, PEOPLE, amount, order_of
from guarding import Stage
from trustweft.demo.bank_journal import FileJournal
from trustweft.demo.bank_ledger import Ledger, PaymentOrder
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.store.errors import StoreFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ALICE = next(subject for subject, name in PEOPLE.items() if name == "alice")
ORDER = msgspec.convert(order_of(), PaymentOrder)
OTHER = msgspec.convert(order_of(amount=amount("25.00")), PaymentOrder)


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Open the books as one worker keeps them, all workers on one file."""
    with ExitStack() as opened:

        def open_one() -> Ledger:
            journal = FileJournal(tmp_path / "payments")
            opened.callback(lambda: asyncio.run(journal.close()))
            return Ledger(PEOPLE, clock=Stage().clock, entropy=SystemEntropy(), journal=journal)

        yield open_one


def test_a_key_pays_once_whichever_worker_it_comes_to(open_ledger: Callable[[], Ledger]) -> None:
    """A client that did not get the answer sends the order again, and another worker takes it."""
    one, other = (open_ledger() for _ in range(2))
    before = other.balance(ALICE, ALICES[0])
    made = one.pay(ALICE, client_id="app", key="k", order=ORDER)
    assert other.pay(ALICE, client_id="app", key="k", order=ORDER) == made
    assert other.payment(ALICE, client_id="app", payment_id=made.id) == made
    assert [ledger.balance(ALICE, ALICES[0]) for ledger in (one, other)] == [before - 2490] * 2
    with pytest.raises(Reject, match=r"bank\.idempotency-conflict"):
        other.pay(ALICE, client_id="app", key="k", order=OTHER)


def test_what_was_refused_is_not_written_down(open_ledger: Callable[[], Ledger]) -> None:
    """The next payment is made as if nothing had been."""
    ledger = open_ledger()
    nothing = msgspec.structs.replace(ORDER, amount=msgspec.structs.replace(ORDER.amount, value="0.00"))
    with pytest.raises(Reject, match=r"bank\.no-amount"):
        ledger.pay(ALICE, client_id="app", key="k", order=nothing)
    made = ledger.pay(ALICE, client_id="app", key="k", order=ORDER)
    again = open_ledger()
    assert again.pay(ALICE, client_id="app", key="k", order=ORDER) == made
    assert again.balance(ALICE, ALICES[0]) == ledger.balance(ALICE, ALICES[0])


def test_payments_are_for_their_owner_alone(open_ledger: Callable[[], Ledger], tmp_path: Path) -> None:
    """The file and what SQLite puts beside it; a folder that is not there is told in one sentence."""
    ledger = open_ledger()
    ledger.pay(ALICE, client_id="app", key="k", order=ORDER)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(StoreFileError, match="cannot be used for payments"):
        FileJournal(tmp_path / "nowhere" / "payments")
