"""The sample bank's books: who owns which account, what moved on it, and payments that are made once.

Every question names the customer who asks. What belongs to somebody else is answered exactly as what does not exist.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct, msgpack

from trustweft.demo.bank_data import CURRENCY, CUSTOMERS, Entry, history
from trustweft.demo.bank_journal import MemoryJournal
from trustweft.protocol.oauth import INVALID_REQUEST
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.demo.bank_data import Account
    from trustweft.demo.bank_journal import Journal
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = [
    "Amount",
    "Creditor",
    "Ledger",
    "Payment",
    "PaymentOrder",
    "amount_of",
    "shown_account",
    "shown_entry",
    "shown_payment",
]

MAXIMUM_PAYMENTS: Final = 1_000  # per customer and application; the oldest is forgotten, with its key
MAXIMUM_SPENT: Final = 100_000  # never forgotten: a full memory refuses
MAXIMUM_ENTRIES: Final = 2_000  # per account; the oldest is forgotten, the balance is not
CENTS: Final = 100

NOT_FOUND = reason(
    "bank.not-found", error="not_found", public="There is nothing of yours at this address.", status=404
)
UNKNOWN_DEBTOR = reason(
    "bank.unknown-debtor",
    error=INVALID_REQUEST,
    public="The account that is to pay is none of yours.",
    status=422,
)
SAME_KEY = reason(
    "bank.idempotency-conflict",
    error=INVALID_REQUEST,
    public="This Idempotency-Key was used for another payment.",
    status=422,
)
FUNDS = reason(
    "bank.insufficient-funds",
    error="insufficient_funds",
    public="The account does not hold that much.",
    status=422,
)
SPENT = reason(
    "bank.authorization-spent",
    error="authorization_spent",
    public="What was allowed is one payment, and it was made.",
    status=422,
)
NO_AMOUNT = reason(
    "bank.no-amount", error=INVALID_REQUEST, public="The amount must be more than zero.", status=422
)

_Text = Annotated[str, Meta(min_length=1, max_length=140, pattern=r"^[^\x00-\x1f\x7f]+\Z")]


class Amount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount of money as it stands on the wire: two decimals, never a float."""

    value: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,8})\.[0-9]{2}\Z")]
    currency: Annotated[str, Meta(pattern=rf"^{CURRENCY}\Z")]


class Creditor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is paid."""

    name: _Text
    iban: Annotated[str, Meta(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\Z")]


class PaymentOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an application asks the bank to pay."""

    debtor_account: Annotated[str, Meta(max_length=64)]
    creditor: Creditor
    amount: Amount
    reference: _Text


class Payment(Struct, frozen=True, kw_only=True):
    """A payment that was made."""

    id: str
    status: str
    created_at: str
    order: PaymentOrder


class _Record(Struct, frozen=True, kw_only=True):
    """A payment as the journal keeps it: whose, by which application, under which key, and what allowed just it."""

    subject: str
    client_id: str
    key: str
    payment: Payment
    grant: str | None = None


_decode = msgpack.Decoder(_Record).decode


class _Book:
    """One account, what is on it, and what moved on it lately."""

    __slots__ = ("account", "balance", "entries")

    def __init__(self, account: Account, entries: Iterable[Entry]) -> None:
        self.account = account
        self.balance = account.opening
        self.entries: deque[Entry] = deque(maxlen=MAXIMUM_ENTRIES)
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.balance += entry.amount


class Ledger:
    """The books of one bank.

    Args:
        customers: which of ``CUSTOMERS`` each subject is; a subject that is not named has no accounts.
        clock: dates payments.
        entropy: names them.
        journal: where payments are written down; in memory unless given.
    """

    def __init__(
        self, customers: Mapping[str, str], *, clock: Clock, entropy: Entropy, journal: Journal | None = None
    ) -> None:
        self._clock = clock
        self._entropy = entropy
        self._journal: Journal = MemoryJournal() if journal is None else journal
        today = self._now().date()
        self._books = {
            subject: {
                account.id: _Book(account, history(account, until=today))
                for account in CUSTOMERS[name].accounts
            }
            for subject, name in customers.items()
        }
        self._payments: dict[tuple[str, str], OrderedDict[str, Payment]] = {}
        self._spent: set[tuple[str, ...]] = set()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def accounts(self, subject: str) -> tuple[Account, ...]:
        """Return the accounts of a customer."""
        return tuple(book.account for book in self._books.get(subject, {}).values())

    def account(self, subject: str, account_id: str) -> Account:
        """Return one account of a customer.

        Raises:
            Reject: ``bank.not-found``.
        """
        return self._book_of(subject, account_id).account

    def _book_of(self, subject: str, account_id: str) -> _Book:
        self._catch_up()
        book = self._books.get(subject, {}).get(account_id)
        if book is None:
            raise NOT_FOUND.reject(f"{account_id!r:.80} of {subject!r:.80}")
        return book

    def balance(self, subject: str, account_id: str) -> int:
        """Return what is on an account of the customer, in cents.

        Raises:
            Reject: ``bank.not-found``: there is none, or it is somebody else's.
        """
        return self._book_of(subject, account_id).balance

    def entries(self, subject: str, account_id: str, *, since: date, until: date) -> list[Entry]:
        """Return what moved on the account on those days, the newest first.

        Raises:
            Reject: ``bank.not-found``.
        """
        entries = reversed(self._book_of(subject, account_id).entries)
        return [entry for entry in entries if since <= entry.booked_on <= until]

    def pay(
        self, subject: str, *, client_id: str, key: str, order: PaymentOrder, grant: str | None = None
    ) -> Payment:
        """Make a payment once: the same key with the same order gives the payment that was made.

        Args:
            subject: who pays.
            client_id: the application that orders it.
            key: of the application.
            order: what is to be paid.
            grant: where the payment was allowed one by one: what allowed it. It pays this creditor for this once.

        Raises:
            Reject: ``bank.*``.
        """
        with self._journal.alone():
            self._catch_up()
            made = self._payments.get((subject, client_id), OrderedDict()).get(key)
            if made is not None:
                if made.order != order:
                    raise SAME_KEY.reject(f"client_id={client_id}")
                return made
            self._check_funds(subject, order)
            self._check_unspent(grant, order)
            payment = self._payment_of(order)
            record = _Record(subject=subject, client_id=client_id, key=key, payment=payment, grant=grant)
            self._journal.append(msgpack.encode(record))
        return payment

    def _check_funds(self, subject: str, order: PaymentOrder) -> None:
        cents = _cents_of(order)
        if cents == 0:
            raise NO_AMOUNT.reject()
        book = self._books.get(subject, {}).get(order.debtor_account)
        if book is None:
            raise UNKNOWN_DEBTOR.reject(f"{order.debtor_account!r:.80} of {subject!r:.80}")
        if cents > book.balance:
            raise FUNDS.reject()

    def _check_unspent(self, grant: str | None, order: PaymentOrder) -> None:
        if grant is None:
            return
        if _once(grant, order) in self._spent or len(self._spent) >= MAXIMUM_SPENT:
            raise SPENT.reject(f"grant_id={grant}")

    def _payment_of(self, order: PaymentOrder) -> Payment:
        created_at = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return Payment(
            id=f"pay-{self._entropy.token()[:22]}", status="accepted", created_at=created_at, order=order
        )

    def _catch_up(self) -> None:
        """Enter what the journal has new, whoever wrote it."""
        for record in map(_decode, self._journal.take()):
            self._enter(record)

    def _enter(self, record: _Record) -> None:
        payment, order = record.payment, record.payment.order
        book = self._books.get(record.subject, {}).get(order.debtor_account)
        if book is not None:  # None where the customer is no longer one
            book.add(
                Entry(
                    id=f"txn-{payment.id.removeprefix('pay-')}",
                    booked_on=date.fromisoformat(payment.created_at[:10]),
                    amount=-_cents_of(order),
                    counterparty=order.creditor.name,
                    description=order.reference,
                )
            )
        if record.grant is not None:
            self._spent.add(_once(record.grant, order))
        made = self._payments.setdefault((record.subject, record.client_id), OrderedDict())
        made[record.key] = payment
        if len(made) > MAXIMUM_PAYMENTS:
            made.popitem(last=False)

    def payment(self, subject: str, *, client_id: str, payment_id: str) -> Payment:
        """Return a payment that this application made for this customer.

        Raises:
            Reject: ``bank.not-found``.
        """
        self._catch_up()
        for payment in self._payments.get((subject, client_id), {}).values():
            if payment.id == payment_id:
                return payment
        raise NOT_FOUND.reject(f"{payment_id!r:.80} of {subject!r:.80}")


def _once(grant: str, order: PaymentOrder) -> tuple[str, ...]:
    """Return what one permission pays once: this creditor, for this."""
    return (grant, order.creditor.name, order.creditor.iban, order.reference)


def _cents_of(order: PaymentOrder) -> int:
    return int(order.amount.value.replace(".", ""))


def amount_of(cents: int) -> dict[str, str]:
    """Return an amount as it stands on the wire."""
    whole, rest = divmod(abs(cents), CENTS)
    return {"value": f"{'-' if cents < 0 else ''}{whole}.{rest:02d}", "currency": CURRENCY}


def shown_account(account: Account) -> dict[str, object]:
    """Return an account as it stands on the wire."""
    return {
        "id": account.id,
        "name": account.name,
        "kind": account.kind,
        "currency": CURRENCY,
        "iban": account.iban,
    }


def shown_entry(entry: Entry) -> dict[str, object]:
    """Return a movement as it stands on the wire."""
    return {
        "id": entry.id,
        "booked_on": entry.booked_on.isoformat(),
        "amount": amount_of(entry.amount),
        "counterparty": entry.counterparty,
        "description": entry.description,
    }


def shown_payment(payment: Payment) -> dict[str, object]:
    """Return a payment as it stands on the wire."""
    return {
        "id": payment.id,
        "status": payment.status,
        "created_at": payment.created_at,
        **msgspec.to_builtins(payment.order),
    }
