"""One check at work: what it sends as control and as attack, kept as evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from trustweft.audit.check import Inconclusive, NotApplicable, Outcome, failed, passed
from trustweft.audit.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Request

__all__ = ["Evidence", "Kind", "Trial"]

Kind = Literal["control", "attack", "observation"]
UNAUTHORIZED = 401
TOO_MANY = 429
NOT_IMPLEMENTED = (
    501  # the method is known nowhere at this server, which refuses it (RFC 9110 section 15.6.2)
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One exchange, and what it was for."""

    kind: Kind
    label: str
    exchange: Exchange


@dataclass(slots=True)
class Trial:
    """What a check works with: the deployment, and its own record.

    Attributes:
        deployment: shared by all checks.
        evidence: what was sent, in order.
        refused_token: of a control that was answered with 401: it may just have come to its end.
    """

    deployment: Deployment
    evidence: list[Evidence] = field(default_factory=list)
    refused_token: str = ""

    def keep(self, kind: Kind, label: str, exchange: Exchange) -> Exchange:
        """Keep an exchange as evidence and return it."""
        self.evidence.append(Evidence(kind, label, exchange))
        return exchange

    def observe(self, label: str, exchange: Exchange) -> Exchange:
        """Keep something that was only looked at."""
        return self.keep("observation", label, exchange)

    def control(
        self, label: str, exchange: Exchange, *, good: Callable[[Exchange], bool] | None = None
    ) -> Exchange:
        """Keep the request that must go through, so that a refusal of the attack means something.

        Args:
            label: what it was.
            exchange: what happened.
            good: whether it went through; a status of 2xx unless given.

        Raises:
            Inconclusive: it did not go through.
        """
        self.keep("control", label, exchange)
        if not (exchange.ok if good is None else good(exchange)):
            if exchange.status == UNAUTHORIZED:
                self.refused_token = (exchange.request.header("authorization") or "").partition(" ")[2]
            raise Inconclusive(f"{label}: that should go through, and was answered with {exchange.says}")
        return exchange

    def attack(self, label: str, request: Request | Exchange) -> Exchange:
        """Send an attack (or take one that was sent) and keep it.

        Raises:
            Unreachable: nobody answered.
        """
        exchange = request if isinstance(request, Exchange) else self.deployment.wire.send(request)
        return self.keep("attack", label, exchange)

    def need(self, condition: object, reason: str) -> None:
        """Leave the check where there is nothing to attack.

        Raises:
            NotApplicable: the condition does not hold.
        """
        if not condition:
            raise NotApplicable(reason)

    def judge(
        self,
        attempts: Sequence[Exchange],
        *,
        accepted: Callable[[Exchange], bool],
        failure: str,
        success: str,
    ) -> Outcome:
        """Say what attacks came to: FAIL where one was accepted, PASS where each was refused.

        Args:
            attempts: the attacks, all kept as evidence.
            accepted: the mechanical oracle.
            failure: what is wrong, as a sentence; which attempts went through is added.
            success: what is right, as a sentence.

        Raises:
            Inconclusive: an answer says neither: 429 or 5xx.
        """
        through = [self._label(each) for each in attempts if accepted(each)]
        if through:
            return failed(f"{failure} Accepted: {'; '.join(dict.fromkeys(through))}.")
        self.need_clear(attempts)
        return passed(success)

    def need_clear(self, attempts: Sequence[Exchange]) -> None:
        """Leave the check where an answer says nothing about the attack.

        Raises:
            Inconclusive: one has the status 429 or 5xx, other than 501.
        """
        unclear = [
            each
            for each in attempts
            if (each.broke and each.status != NOT_IMPLEMENTED) or each.status == TOO_MANY
        ]
        if unclear:
            raise Inconclusive(
                f"{self._label(unclear[0])}: answered with {unclear[0].status}, which refuses nothing"
            )

    def tokens_refused(self, attempts: Sequence[Exchange], *, failure: str, success: str) -> Outcome:
        """Say whether the token endpoint gave a token for any of the attacks."""
        return self.judge(attempts, accepted=lambda each: each.issued, failure=failure, success=success)

    def access_refused(self, attempts: Sequence[Exchange], *, failure: str, success: str) -> Outcome:
        """Say whether a resource server served any of the attacks."""
        return self.judge(attempts, accepted=lambda each: each.ok, failure=failure, success=success)

    def _label(self, exchange: Exchange) -> str:
        return next((each.label for each in self.evidence if each.exchange is exchange), "an attack")
