"""What a caller may do at the sample bank: by scope, or by a detail for this very thing (RFC 9396 section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.demo.bank_details import needed_for_account, needed_for_payment
from trustweft.protocol.bearer import INSUFFICIENT_DETAILS, check_details
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.demo.bank_data import Account
    from trustweft.demo.bank_ledger import Ledger, PaymentOrder
    from trustweft.protocol.rar import AuthorizationDetail, DetailType
    from trustweft.resource.inspection import AuthorizationContext
    from trustweft.runtime.clock import Clock

__all__ = ["Permissions"]


class Permissions:
    """Compares what an operation needs with what the guard let through.

    Args:
        ledger: knows which account has which number.
        types: how details compare.
        clock: tells the day, for details that end.
    """

    def __init__(self, ledger: Ledger, types: Mapping[str, DetailType], clock: Clock) -> None:
        self._ledger = ledger
        self._types = types
        self._clock = clock

    def accounts(self, caller: AuthorizationContext) -> list[Account]:
        """Return the customer's accounts, or those that the details are about.

        Raises:
            Reject: ``bearer.insufficient-authorization-details``: they are about none.
        """
        accounts = self._ledger.accounts(caller.subject)
        if "accounts" in caller.scope:
            return list(accounts)
        seen = []
        for account in accounts:
            try:
                self._check_look(caller, "list_accounts", account)
            except Reject:
                continue
            seen.append(account)
        if not seen:
            raise INSUFFICIENT_DETAILS.reject("list_accounts")
        return seen

    def check_account(self, caller: AuthorizationContext, action: str, account_id: str) -> None:
        """Hold that the caller may look at this account of the customer.

        Raises:
            Reject: ``bearer.insufficient-authorization-details``, or ``bank.not-found``.
        """
        account = self._ledger.account(caller.subject, account_id)
        if "accounts" not in caller.scope:
            self._check_look(caller, action, account)

    def check_payment(self, caller: AuthorizationContext, order: PaymentOrder) -> None:
        """Hold that the caller may make this very payment, or ask what became of it.

        Raises:
            Reject: ``bearer.insufficient-authorization-details``.
        """
        if "payments" not in caller.scope:
            own = {account.id: account.iban for account in self._ledger.accounts(caller.subject)}
            self._check(caller, needed_for_payment(order, debtor_iban=own.get(order.debtor_account)))

    def _check_look(self, caller: AuthorizationContext, action: str, account: Account) -> None:
        self._check(caller, needed_for_account(action, iban=account.iban, now=self._clock.now()))

    def _check(self, caller: AuthorizationContext, needed: AuthorizationDetail) -> None:
        check_details(caller.authorization_details, (needed,), self._types)
