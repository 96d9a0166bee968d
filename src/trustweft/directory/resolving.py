"""Resolving members for others (OpenID Federation 1.0 section 8.3).

Anybody may ask, so nobody is asked on the word of a stranger: only hosts of members that take part now are, within
the bounds of ``net.federation``, and what the directory itself says is not fetched from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from trustweft.net.federation import ChainResolver, ResolverLimits
from trustweft.net.federation_marks import MarkVerifier
from trustweft.protocol.federation_requests import (
    UNKNOWN_SUBJECT,
    UNKNOWN_TRUST_ANCHOR,
    entity_configuration_url,
    federation_refusal,
    signed_response,
)
from trustweft.protocol.federation_resolve import create_resolve_response
from trustweft.protocol.federation_statement import ENTITY_STATEMENT_TYPE
from trustweft.protocol.federation_trust_mark import STATUS_TYPE
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.crypto.keyring import KeyRing
    from trustweft.directory.config import DirectoryConfig
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.statements import Statements
    from trustweft.net.remote_keys import Fetch
    from trustweft.protocol.federation_requests import ResolveRequest
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock

__all__ = ["Resolving"]

# Our choice: members are right below us, so that each takes one request; a chain is believed for a minute.
LIMITS: Final = ResolverLimits(height=1, fetches=4, seconds=5.0, lifetime=60.0)


class Resolving:
    """Resolves members.

    Args:
        config: the directory.
        statements: what it says itself.
        snapshot: gives what is so now.
        keys: the directory's.
        fetch: gets what members say.
        clock: tells the time.
        future_tolerance: how many seconds the ``iat`` of a statement may be ahead.
    """

    def __init__(
        self,
        config: DirectoryConfig,
        *,
        statements: Statements,
        snapshot: Callable[[], Snapshot],
        keys: KeyRing,
        fetch: Fetch,
        clock: Clock,
        future_tolerance: float,
    ) -> None:
        self._config = config
        self._statements = statements
        self._snapshot = snapshot
        self._keys = keys
        self._fetch = fetch
        self._clock = clock
        self._seen = 0
        self._resolver = ChainResolver(
            anchors={config.issuer: keys.key_set()},
            fetch=self._get,
            clock=clock,
            future_tolerance=future_tolerance,
            limits=LIMITS,
        )
        self._marks = MarkVerifier(
            resolver=self._resolver, clock=clock, future_tolerance=future_tolerance, post=self._post
        )

    async def resolve(self, request: ResolveRequest) -> str:
        """Return the signed answer.

        Raises:
            Reject: ``federation.*``, ``metadata-policy.*``.
        """
        if self._config.issuer not in request.trust_anchors:
            raise UNKNOWN_TRUST_ANCHOR.reject(" ".join(request.trust_anchors)[:400])
        self._statements.entity(request.subject)
        self._forget_what_changed()
        chain = await self._resolver.resolve(request.subject)
        return create_resolve_response(
            chain,
            resolver=self._config.issuer,
            trust_marks=await self._marks.verified(chain),
            entity_types=request.entity_types,
            signer=self._keys.signer(),
            now=self._clock.now(),
        )

    def _forget_what_changed(self) -> None:
        """Believe no chain that was made of what we say no more."""
        self._resolver.anchors[self._config.issuer] = self._keys.key_set()
        sequence = self._snapshot().sequence
        if sequence != self._seen:
            self._seen = sequence
            self._resolver.forget(self._config.issuer)

    async def _get(self, url: str) -> HttpResponse:
        """Return what the directory says itself, or what a member says."""
        if url == entity_configuration_url(self._config.issuer):
            return signed_response(self._statements.own(), kind=ENTITY_STATEMENT_TYPE)
        if url.startswith(f"{self._config.endpoint('fetch')}?"):
            (subject,) = parse_qs(urlsplit(url).query)["sub"]
            try:
                return signed_response(self._statements.about(subject), kind=ENTITY_STATEMENT_TYPE)
            except Reject as refusal:
                return federation_refusal(refusal)
        # A member names superiors, and they their endpoints: nobody is sent there by us.
        if url not in map(entity_configuration_url, self._statements.entities()):
            raise UNKNOWN_SUBJECT.reject(url[:200])
        return await self._fetch(url)

    async def _post(self, _url: str, form: Mapping[str, str]) -> HttpResponse:
        """Return our own word on a mark: marks of nobody else count here."""
        return signed_response(self._statements.marks.tell_status(form["trust_mark"]), kind=STATUS_TYPE)
