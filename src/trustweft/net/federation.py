"""Trust Chains collected from the entity upwards (OpenID Federation 1.0 sections 10.1 and 17.2.1), within bounds.

Whoever names an entity makes us ask its host, and the hosts that it names, before anything is proven (section 18.1).
So everything is bounded: hints of an entity, height, requests and seconds of one collection, octets of a statement,
collections at once. Of many who wait for one entity one collects; a chain is kept as long as it holds, a failure for
a cool-down. The keys of Trust Anchors come from configuration alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from trustweft.net.federation_fetching import TIMEOUT, Budget, StatementFetcher
from trustweft.protocol.federation_chain import TRUST_ANCHOR, verify_trust_chain
from trustweft.protocol.federation_jwt import INVALID_TRUST_CHAIN, MAXIMUM_CHAIN
from trustweft.protocol.federation_statement import parse_entity_statement, verify_entity_configuration
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet
    from trustweft.net.remote_keys import Fetch
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_statement import EntityStatement
    from trustweft.runtime.clock import Clock

__all__ = ["ChainResolver", "ResolverLimits"]

TOO_MANY_HINTS = reason(
    "federation.too-many-hints",
    error=INVALID_TRUST_CHAIN,
    public="An entity names more superiors than are looked at here.",
)
TOO_HIGH = reason(
    "federation.too-high",
    error=INVALID_TRUST_CHAIN,
    public="No Trust Anchor was found within the number of steps that are taken here.",
)
AROUND = reason(
    "federation.loop",
    error=INVALID_TRUST_CHAIN,
    public="The superiors of an entity lead around in a circle.",
)
NO_CHAIN = reason(
    "federation.no-chain",
    error=INVALID_TRUST_CHAIN,
    public="None of the ways up from the entity leads to a Trust Anchor that is known here.",
)
BUSY = reason(
    "federation.busy",
    error="temporarily_unavailable",
    public="Too many entities are being looked for at this time.",
    status=503,
)
Kept = TypeVar("Kept")
RETRY_AFTER: Final = (("retry-after", "5"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverLimits:
    """How far a collection goes; all our choice, durations in seconds.

    Attributes:
        hints: superiors that one entity may name.
        height: superiors one above the other, the Trust Anchor included.
        fetches: requests of one collection.
        seconds: for one collection.
        at_once: collections.
        kept: chains, and likewise failures, that are remembered.
        lifetime: how long a chain is believed at most, whatever its statements say.
        cool_down: how long a failure is believed.
    """

    hints: int = 8
    height: int = MAXIMUM_CHAIN - 2
    fetches: int = 24
    seconds: float = 10.0
    at_once: int = 16
    kept: int = 1_024
    lifetime: float = 3_600.0
    cool_down: float = 30.0


@dataclass(frozen=True, slots=True)
class _Way:
    """A way up, as far as it was walked: the statements, and the entities, the subject first."""

    texts: tuple[str, ...]
    path: tuple[str, ...]
    hints: tuple[str, ...]


class ChainResolver:
    """Finds and keeps the Trust Chains of entities.

    Args:
        anchors: the Trust Anchors that we know, with their keys.
        fetch: gets documents, bounded in size and time.
        clock: tells the time.
        future_tolerance: how many seconds the ``iat`` of a statement may be ahead.
        limits: how far to go.
    """

    def __init__(
        self,
        *,
        anchors: Mapping[str, KeySet],
        fetch: Fetch,
        clock: Clock,
        future_tolerance: float,
        limits: ResolverLimits | None = None,
    ) -> None:
        self.anchors = dict(anchors)
        self._clock = clock
        self._tolerance = future_tolerance
        self._limits = limits or ResolverLimits()
        self._fetcher = StatementFetcher(fetch=fetch, clock=clock, future_tolerance=future_tolerance)
        self._chains: OrderedDict[str, tuple[float, TrustChain]] = OrderedDict()
        self._failures: OrderedDict[str, tuple[float, Reject]] = OrderedDict()
        self._flights: dict[str, asyncio.Task[TrustChain | Reject]] = {}
        self._under_way = 0
        self._forgotten = 0

    async def resolve(self, entity: str) -> TrustChain:
        """Return the chain of an entity, collected now or kept from before.

        Raises:
            Reject: ``federation.*``, ``metadata-policy.*``: why there is none.
        """
        now = self._clock.now()
        kept = self.known(entity)
        if kept is not None:
            return kept
        failed = self._failures.get(entity)
        if failed is not None and now < failed[0] <= now + self._limits.cool_down:
            raise _again(failed[1])
        flight = self._flights.get(entity)
        if flight is None:
            self._refuse_if_busy(entity)
            flight = self._flights[entity] = asyncio.create_task(self._collect_and_keep(entity))
        # Shielded, because a caller who goes away must not take the answer of the others along.
        outcome = await asyncio.shield(flight)
        if isinstance(outcome, Reject):
            raise _again(outcome)
        return outcome

    def known(self, entity: str) -> TrustChain | None:
        """Return the chain of an entity if it is kept and holds: nobody is asked (section 18.1)."""
        now = self._clock.now()
        kept = self._chains.get(entity)
        # A clock that was set back tells nothing about how long a chain was kept.
        if kept is None or not now < kept[0] <= now + self._limits.lifetime:
            return None
        return kept[1]

    async def resolve_request(self, text: str, *, audience: str) -> TrustChain:
        """Return the chain above an Explicit Registration request (section 12.2.2): collected now, never kept.

        Args:
            text: the Entity Configuration that the client made for us.
            audience: our own identifier.

        Raises:
            Reject: ``federation.*``, ``metadata-policy.*``.
        """
        statement = parse_entity_statement(text, for_registration=True)
        subject = verify_entity_configuration(
            statement,
            entity=statement.subject,
            now=self._clock.now(),
            future_tolerance=self._tolerance,
            audience=audience,
        )
        self._refuse_if_busy(subject.subject)
        return await self._bounded(subject, audience=audience)

    def forget(self, entity: str) -> int:
        """Forget every chain that an entity takes part in, and every statement about it; return how many chains."""
        self._forgotten += 1  # a collection that is under way may have seen what is to be forgotten
        gone = [
            subject
            for subject, (_, chain) in self._chains.items()
            if any(entity in {statement.issuer, statement.subject} for statement in chain.statements)
        ]
        for subject in gone:
            del self._chains[subject]
        self._failures.pop(entity, None)
        self._fetcher.forget(entity)
        return len(gone)

    async def _collect_and_keep(self, entity: str) -> TrustChain | Reject:
        """Collect for all who wait; a refusal is an outcome like another, and is remembered as well."""
        forgotten = self._forgotten
        try:
            chain = await self._bounded(entity, audience=None)
        except Reject as refusal:
            self._keep(self._failures, entity, (self._clock.now() + self._limits.cool_down, refusal))
            return refusal
        finally:
            del self._flights[entity]
        until = min(chain.expires_at, self._clock.now() + self._limits.lifetime)
        if forgotten == self._forgotten:
            self._keep(self._chains, entity, (until, chain))
        return chain

    def _keep(self, where: OrderedDict[str, Kept], entity: str, what: Kept) -> None:
        where[entity] = what
        where.move_to_end(entity)
        while len(where) > self._limits.kept:
            where.popitem(last=False)

    def _refuse_if_busy(self, entity: str) -> None:
        if self._under_way >= self._limits.at_once:
            raise BUSY.reject(entity[:200], headers=RETRY_AFTER)

    async def _bounded(self, subject: str | EntityStatement, *, audience: str | None) -> TrustChain:
        budget = Budget(self._limits.fetches)
        self._under_way += 1
        try:
            async with asyncio.timeout(self._limits.seconds):
                if isinstance(subject, str):
                    subject = await self._fetcher.configuration(subject, budget)
                return await self._collect(subject, audience=audience, budget=budget)
        except TimeoutError as cause:
            raise TIMEOUT.reject(f"{self._limits.seconds} s", headers=RETRY_AFTER) from cause
        finally:
            self._under_way -= 1

    async def _collect(self, subject: EntityStatement, *, audience: str | None, budget: Budget) -> TrustChain:
        """Walk up, the shortest ways first; the first that leads to an anchor and verifies is the chain."""
        if subject.subject in self.anchors:
            return self.verify((subject.text,), audience=audience)
        ways = deque([_Way((subject.text,), (subject.subject,), self._hints(subject))])
        failures: list[Reject] = []
        while ways:
            way = ways.popleft()
            if not way.hints:
                failures.append(TRUST_ANCHOR.reject(way.path[-1][:200]))
            for hint in way.hints:
                try:
                    found = await self._step(way, hint, audience=audience, budget=budget)
                except Reject as refusal:
                    failures.append(refusal)
                    continue
                if not isinstance(found, _Way):
                    return found
                ways.append(found)
        raise _summary(failures, subject.subject)

    async def _step(self, way: _Way, hint: str, *, audience: str | None, budget: Budget) -> _Way | TrustChain:
        """Go one step up: to a superior that knows who is below it."""
        if hint in way.path:
            raise AROUND.reject(" ".join((*way.path, hint))[:400])
        if len(way.path) > self._limits.height:
            raise TOO_HIGH.reject(" ".join(way.path)[:400])
        superior = await self._fetcher.configuration(hint, budget)
        statement = await self._fetcher.subordinate(superior, way.path[-1], budget)
        texts = (*way.texts, statement)
        if hint in self.anchors:
            return self.verify((*texts, superior.text), audience=audience)
        return _Way(texts, (*way.path, hint), self._hints(superior))

    def _hints(self, statement: EntityStatement) -> tuple[str, ...]:
        hints = statement.authority_hints
        if len(hints) > self._limits.hints:
            raise TOO_MANY_HINTS.reject(f"{statement.subject[:200]} names {len(hints)}")
        return hints

    def verify(self, texts: tuple[str, ...], *, audience: str | None = None) -> TrustChain:
        """Verify a chain that somebody handed to us, which nobody needs to be asked for (section 12.5).

        Raises:
            Reject: ``federation.*``, ``metadata-policy.*``.
        """
        return verify_trust_chain(
            texts,
            anchors=self.anchors,
            now=self._clock.now(),
            future_tolerance=self._tolerance,
            audience=audience,
        )


def _again(refusal: Reject) -> Reject:
    """Return a refusal of an earlier time for another caller."""
    anew = refusal.reason.reject(refusal.detail, headers=refusal.headers)
    anew.__cause__ = refusal
    return anew


def _summary(failures: list[Reject], subject: str) -> Reject:
    """Return the one thing that is wrong with every way up, or that each fails for another reason."""
    if len({failure.reason.id for failure in failures}) == 1:
        return failures[0]
    told = NO_CHAIN.reject(f"{subject[:200]}: {' '.join(failure.reason.id for failure in failures)}"[:600])
    told.__cause__ = failures[-1]
    return told
