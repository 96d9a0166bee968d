"""The trust marks that an entity shows, verified with the keys of who issued them (OpenID Federation 1.0 section 7.3).

What a federation does not know, or what does not verify, is left out, as a resolver must (section 8.3): a mark more
or less makes no chain invalid. Whoever needs one says which, and finds it among the verified ones or does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from trustweft.protocol.federation_constraints import FEDERATION_ENTITY
from trustweft.protocol.federation_trust_mark import (
    STATUS_TYPE,
    parse_trust_mark,
    verify_trust_mark,
    verify_trust_mark_status,
)
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from trustweft.net.federation import ChainResolver
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_claims import StatedTrustMark
    from trustweft.protocol.federation_statement import EntityStatement
    from trustweft.protocol.federation_trust_mark import TrustMark
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock

__all__ = ["MarkVerifier", "Post"]

MAXIMUM_MARKS: Final = 16  # our choice: each may need another chain
MAXIMUM_STATUS_AGE: Final = 60.0  # our choice: it was asked for just now
_OK: Final = 200

NO_STATUS = reason(
    "federation.no-trust-mark-status",
    error="temporarily_unavailable",
    public="The issuer of a trust mark does not say whether it is active.",
    status=503,
)
NO_ANCHOR = reason(
    "federation.no-anchor-statement",
    error="invalid_trust_chain",
    public="The Trust Chain lacks the Trust Anchor's own statement, which says who may issue trust marks.",
)


class Post(Protocol):
    """Posts a form: over TLS that is verified, within bounds of size and time, following no redirect."""

    def __call__(self, url: str, form: Mapping[str, str], /) -> Awaitable[HttpResponse]:
        """Return the response, whatever its status.

        Raises:
            Reject: there is none.
            OSError: there is none.
        """
        ...


class MarkVerifier:
    """Verifies the trust marks that entities show.

    Args:
        resolver: finds the chains of issuers.
        clock: tells the time.
        future_tolerance: how many seconds the ``iat`` of a mark may be ahead.
        post: asks an issuer whether a mark is active; None trusts a mark until it expires, and one that does not
            expire never.
    """

    def __init__(
        self, *, resolver: ChainResolver, clock: Clock, future_tolerance: float, post: Post | None
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._tolerance = future_tolerance
        self._post = post

    async def verified(self, chain: TrustChain) -> tuple[TrustMark, ...]:
        """Return those marks of the subject of a chain that are good; the first few, if it shows very many."""
        found = []
        for stated in chain.statements[0].trust_marks[:MAXIMUM_MARKS]:
            try:
                found.append(await self.verify(stated, chain))
            except Reject:
                continue  # what is not good is not shown: to say why would tell nobody anything
        return tuple(found)

    async def verify(self, stated: StatedTrustMark, chain: TrustChain) -> TrustMark:
        """Verify one mark: its issuer first, then the mark, then whether it is active.

        Raises:
            Reject: ``federation.*``.
        """
        anchor = chain.statements[-1]
        if anchor.subject != chain.trust_anchor:
            raise NO_ANCHOR.reject(chain.trust_anchor[:200])
        parsed = parse_trust_mark(stated.trust_mark)
        issuer = await self._issuer(parsed.issuer, chain)
        mark = verify_trust_mark(
            parsed,
            subject=chain.subject,
            trust_mark_type=stated.trust_mark_type,
            keys=issuer.keys,
            anchor=anchor,
            now=self._clock.now(),
            future_tolerance=self._tolerance,
        )
        if self._post is not None:
            await self._check_active(mark, issuer, self._post)
        elif mark.expires_at is None:
            raise NO_STATUS.reject(stated.trust_mark_type[:100])
        return mark

    async def _issuer(self, entity: str, chain: TrustChain) -> EntityStatement:
        if entity == chain.trust_anchor:
            return chain.statements[-1]
        return (await self._resolver.resolve(entity)).statements[0]

    async def _check_active(self, mark: TrustMark, issuer: EntityStatement, post: Post) -> None:
        endpoint = issuer.metadata.get(FEDERATION_ENTITY, {}).get("federation_trust_mark_status_endpoint")
        url = parse_url(endpoint) if isinstance(endpoint, str) else None
        if not isinstance(endpoint, str) or url is None or url.scheme != "https":
            raise NO_STATUS.reject(f"{issuer.subject[:200]} has no status endpoint")
        try:
            answer = await post(endpoint, {"trust_mark": mark.text})
            text = answer.body.decode("ascii")
        except (Reject, OSError, UnicodeDecodeError) as cause:
            raise NO_STATUS.reject(f"{endpoint[:200]}: {cause!r:.200}") from cause
        if answer.status != _OK or dict(answer.headers).get("content-type") != f"application/{STATUS_TYPE}":
            raise NO_STATUS.reject(f"{endpoint[:200]}: {answer.status}")
        verify_trust_mark_status(
            text,
            mark=mark,
            keys=issuer.keys,
            now=self._clock.now(),
            future_tolerance=self._tolerance,
            maximum_age=MAXIMUM_STATUS_AGE,
        )
