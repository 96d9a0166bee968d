"""Entity Statements from where they are published (OpenID Federation 1.0 sections 8.1 and 9), one at a time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from trustweft.protocol.federation_constraints import FEDERATION_ENTITY
from trustweft.protocol.federation_jwt import INVALID_TRUST_CHAIN, TOO_LARGE
from trustweft.protocol.federation_requests import create_fetch_url, entity_configuration_url
from trustweft.protocol.federation_statement import (
    ENTITY_STATEMENT_MEDIA_TYPE,
    ISSUER,
    SUBJECT,
    parse_entity_statement,
    verify_entity_configuration,
)
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.net.remote_keys import Fetch
    from trustweft.protocol.federation_statement import EntityStatement
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock

__all__ = ["Budget", "StatementFetcher"]

MAXIMUM_KEPT: Final = 256  # our choice: superiors, of whom there are few
# How long a superior's own statement is used at most: for that long a new key or endpoint of it is not seen.
LIFETIME: Final = 300.0
_OK: Final = 200
_NOT_FOUND: Final = 404

UNREACHABLE = reason(
    "federation.unreachable",
    error="temporarily_unavailable",
    public="An entity of the federation cannot be reached at this time.",
    status=503,
)
TIMEOUT = reason(
    "federation.timeout",
    error="temporarily_unavailable",
    public="The entities of the federation took too long to answer.",
    status=503,
)
ANSWER = reason(
    "federation.answer",
    error=INVALID_TRUST_CHAIN,
    public="An entity of the federation answered with something other than an Entity Statement.",
)
NOT_SUBORDINATE = reason(
    "federation.not-subordinate",
    error=INVALID_TRUST_CHAIN,
    public="A superior that an entity names does not know it, or no longer.",
)
NO_FETCH_ENDPOINT = reason(
    "federation.no-fetch-endpoint",
    error=INVALID_TRUST_CHAIN,
    public="A superior that an entity names publishes no federation_fetch_endpoint.",
)
TOO_MANY_FETCHES = reason(
    "federation.too-many-fetches",
    error=INVALID_TRUST_CHAIN,
    public="The Trust Chain of an entity takes more requests than are made here.",
)
_RETRY_AFTER: Final = (("retry-after", "5"),)


class Budget:
    """How many requests one collection may still make."""

    def __init__(self, fetches: int) -> None:
        self._left = fetches

    def spend(self, url: str) -> None:
        """Take one away.

        Raises:
            Reject: ``federation.too-many-fetches``.
        """
        if not self._left:
            raise TOO_MANY_FETCHES.reject(url[:200])
        self._left -= 1


class StatementFetcher:
    """Gets statements; what superiors say of themselves is kept for a short while.

    Args:
        fetch: gets documents, bounded in size and time.
        clock: tells the time.
        future_tolerance: how many seconds the ``iat`` of a statement may be ahead.
    """

    def __init__(self, *, fetch: Fetch, clock: Clock, future_tolerance: float) -> None:
        self._fetch = fetch
        self._clock = clock
        self._tolerance = future_tolerance
        self._kept: OrderedDict[str, tuple[float, EntityStatement]] = OrderedDict()

    async def configuration(self, entity: str, budget: Budget) -> EntityStatement:
        """Return what an entity says of itself; that its keys are its own is not shown yet.

        Raises:
            Reject: ``federation.*``, ``metadata-policy.*``.
        """
        now = self._clock.now()
        kept = self._kept.get(entity)
        if kept is not None and now < kept[0] <= now + LIFETIME:
            return kept[1]
        text = await self._get(entity_configuration_url(entity), budget)
        found = verify_entity_configuration(
            parse_entity_statement(text), entity=entity, now=now, future_tolerance=self._tolerance
        )
        self._keep(entity, found, now)
        return found

    def _keep(self, entity: str, found: EntityStatement, now: float) -> None:
        # Leaves, of which there are many, are kept as chains.
        if FEDERATION_ENTITY in found.metadata and _fetch_endpoint(found) is not None:
            self._kept[entity] = (min(found.expires_at, now + LIFETIME), found)
            while len(self._kept) > MAXIMUM_KEPT:
                self._kept.popitem(last=False)

    async def subordinate(self, superior: EntityStatement, subject: str, budget: Budget) -> str:
        """Return what a superior says of an entity: text that is not verified yet.

        Raises:
            Reject: ``federation.*``.
        """
        endpoint = _fetch_endpoint(superior)
        if endpoint is None:
            raise NO_FETCH_ENDPOINT.reject(superior.subject[:200])
        text = await self._get(
            create_fetch_url(endpoint, subject=subject),
            budget,
            not_found=NOT_SUBORDINATE.reject(endpoint[:200]),
        )
        # What is about somebody else leads nowhere, and is no reason to ask anybody further up.
        claimed = parse_entity_statement(text)
        if claimed.issuer != superior.subject:
            raise ISSUER.reject(f"{claimed.issuer[:200]}, not {superior.subject[:200]}")
        if claimed.subject != subject:
            raise SUBJECT.reject(f"{claimed.subject[:200]}, not {subject[:200]}")
        return text

    def forget(self, entity: str) -> None:
        """Forget what an entity says of itself."""
        self._kept.pop(entity, None)

    async def _get(self, url: str, budget: Budget, *, not_found: Reject | None = None) -> str:
        budget.spend(url)
        try:
            response = await self._fetch(url)
        except Reject as cause:
            if cause.reason.id == "fetch.too-large":
                raise TOO_LARGE.reject(cause.detail) from cause
            raise UNREACHABLE.reject(f"{url[:200]}: {cause.reason.id}", headers=_RETRY_AFTER) from cause
        except OSError as cause:
            raise UNREACHABLE.reject(f"{url[:200]}: {cause!r:.200}", headers=_RETRY_AFTER) from cause
        if response.status == _NOT_FOUND and not_found is not None:
            raise not_found
        return _statement_of(response, url)


def _statement_of(response: HttpResponse, url: str) -> str:
    media_type = dict(response.headers).get("content-type", "").partition(";")[0].strip().lower()
    if response.status != _OK or media_type != ENTITY_STATEMENT_MEDIA_TYPE:
        raise ANSWER.reject(f"{url[:200]}: {response.status} {media_type[:80]}")
    try:
        return response.body.decode("ascii")
    except UnicodeDecodeError as cause:
        raise ANSWER.reject(url[:200]) from cause


def _fetch_endpoint(statement: EntityStatement) -> str | None:
    value = statement.metadata.get(FEDERATION_ENTITY, {}).get("federation_fetch_endpoint")
    url = parse_url(value) if isinstance(value, str) else None
    return (
        value
        if isinstance(value, str) and url is not None and url.scheme == "https" and url.fragment is None
        else None
    )
