"""A federation for tests: entities with keys of their own, and what they say of themselves and of each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, thumbprint
from trustweft.protocol.federation_constraints import Constraints
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.protocol.federation_requests import entity_configuration_url
from trustweft.protocol.federation_statement import (
    NewEntityConfiguration,
    NewSubordinateStatement,
    create_entity_configuration,
    create_subordinate_statement,
)
from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["NOW", "Member", "Web", "new_member", "new_signer", "superior"]

NOW = 1_800_000_000.0
HOUR = 3_600.0


def new_signer(algorithm: str = "ES256") -> LocalSigner:
    """Return a new federation key, named by its thumbprint."""
    key = generate_private_key(algorithm)
    return LocalSigner(algorithm, key, thumbprint(key.public_key()))


@dataclass(frozen=True)
class Member:
    """One entity of a federation.

    Attributes:
        entity: its identifier.
        signer: its federation key.
        hints: its superiors.
        metadata: by entity type.
        now: by its clock.
        lifetime: of everything that it signs.
        claims: further ones of its Entity Configuration.
    """

    entity: str
    signer: LocalSigner
    hints: tuple[str, ...] = ()
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    now: float = NOW
    lifetime: float = HOUR
    claims: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> KeySet:
        """Return its public keys, as others may know them."""
        return KeySet([VerificationKey(self.signer.public_key, self.signer.algorithm, self.signer.key_id)])

    @property
    def jwks(self) -> dict[str, object]:
        """Return its public keys as a claim holds them."""
        return {"keys": [federation_jwk(self.signer)]}

    def configuration(self, *, audience: str | None = None, **changes: Any) -> str:
        """Return its Entity Configuration, with other attributes where some are named."""
        who = replace(self, **changes)
        return create_entity_configuration(
            NewEntityConfiguration(
                entity=who.entity,
                metadata=who.metadata,
                lifetime=who.lifetime,
                authority_hints=who.hints,
                audience=audience,
                claims=who.claims,
            ),
            signer=who.signer,
            now=who.now,
        )

    def about(
        self,
        other: Member,
        *,
        metadata: Mapping[str, Mapping[str, object]] | None = None,
        policy: Mapping[str, object] | None = None,
        constraints: Constraints | None = None,
        lifetime: float | None = None,
        signer: LocalSigner | None = None,
    ) -> str:
        """Return what it says of an entity below it."""
        new = NewSubordinateStatement(
            issuer=self.entity,
            subject=other.entity,
            jwks=other.jwks,
            lifetime=self.lifetime if lifetime is None else lifetime,
            metadata=metadata or {},
            metadata_policy=policy or {},
            constraints=constraints or Constraints(),
        )
        return create_subordinate_statement(new, signer=signer or self.signer, now=self.now)


def new_member(
    entity: str, *hints: str, algorithm: str = "ES256", **metadata: Mapping[str, object]
) -> Member:
    """Return a new entity below those that it names."""
    return Member(entity, new_signer(algorithm), hints, metadata)


def superior(entity: str, *hints: str, **metadata: Mapping[str, object]) -> Member:
    """Return a new entity with a fetch endpoint."""
    endpoint = {"federation_fetch_endpoint": f"{entity}/fetch"}
    return Member(entity, new_signer(), hints, {"federation_entity": endpoint, **metadata})


class Web:
    """What the members of a federation publish, and what was asked for; nothing leaves this process.

    Attributes:
        answers: by URL, in place of what members would say.
        asked: every URL, in order.
        was_asked: set with the first of them.
        on_fetch: awaited before every answer.
    """

    def __init__(self, *members: Member) -> None:
        self.members = {member.entity: member for member in members}
        self.about: dict[tuple[str, str], dict[str, Any]] = {}
        self.answers: dict[str, HttpResponse | Exception] = {}
        self.asked: list[str] = []
        self.was_asked = asyncio.Event()
        self.on_fetch: Callable[[], Awaitable[object]] | None = None
        self.now = NOW

    def vouch(self, above: Member, below: Member, **said: Any) -> None:
        """Have a superior know an entity, and say this of it."""
        self.about[above.entity, below.entity] = said

    async def fetch(self, url: str) -> HttpResponse:
        """Answer a request."""
        self.asked.append(url)
        self.was_asked.set()
        if self.on_fetch is not None:
            await self.on_fetch()
        answer = self.answers.get(url)
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None else self._answer(url)

    def _answer(self, url: str) -> HttpResponse:
        for member in self.members.values():
            whose = replace(member, now=self.now)
            if url == entity_configuration_url(member.entity):
                return statement(whose.configuration())
            if url.startswith(f"{member.entity}/fetch?"):
                (subject,) = parse_qs(urlsplit(url).query)["sub"]
                said = self.about.get((member.entity, subject))
                if said is not None:
                    return statement(whose.about(self.members[subject], **said))
        return HttpResponse(404, (("content-type", "application/json"),), b'{"error":"not_found"}')


def statement(text: str) -> HttpResponse:
    """Return an Entity Statement as an answer."""
    return HttpResponse(200, (("content-type", "application/entity-statement+jwt"),), text.encode())
