"""What the authorization server says of itself, in both of its documents, and what the target file adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import Exchange, Request
from trustweft.protocol.well_known import well_known_urls

if TYPE_CHECKING:
    from trustweft.audit.target import Target
    from trustweft.audit.wire import Wire

__all__ = ["Discovery", "discover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What is known about the authorization server.

    Attributes:
        oauth: the answer at the well-known address of RFC 8414; None where nobody answered.
        openid: the same for OpenID Connect Discovery.
        metadata: both documents together, the target file over them.
        keys: its JWK Set; empty where there is none.
    """

    issuer: str
    oauth: Exchange | None
    openid: Exchange | None
    metadata: dict[str, object]
    keys: tuple[dict[str, object], ...]

    @property
    def published(self) -> bool:
        """Whether it publishes any metadata."""
        return any(_is_document(each) for each in (self.oauth, self.openid))

    def text(self, member: str) -> str:
        """Return a member that is a string, empty where it is none."""
        value = self.metadata.get(member)
        return value if isinstance(value, str) else ""

    def flag(self, member: str) -> bool:
        """Return whether a member is true."""
        return self.metadata.get(member) is True

    def list(self, member: str) -> tuple[str, ...] | None:
        """Return a member that is a list of strings, None where it is missing."""
        value = self.metadata.get(member)
        if not isinstance(value, list):
            return None
        return tuple(each for each in value if isinstance(each, str))

    def endpoint(self, name: str, *, certificate: bool = False) -> str:
        """Return the URL of an endpoint, by the name of its member; for a client with a certificate, its alias.

        Raises:
            NotApplicable: there is none.
        """
        aliases = self.metadata.get("mtls_endpoint_aliases")
        if certificate and isinstance(aliases, dict) and isinstance(aliases.get(name), str):
            return str(aliases[name])
        url = self.text(name)
        if not url:
            raise NotApplicable(f"the server names no {name}")
        return url


def discover(wire: Wire, target: Target) -> Discovery:
    """Fetch both documents and the key set."""
    places = well_known_urls(target.issuer)
    oauth, openid = (_fetch(wire, url) for url in (places.oauth, places.openid))
    metadata: dict[str, object] = {}
    for found in (openid, oauth):
        if found is not None and _is_document(found):
            metadata |= found.document()
    named = {
        name: value for name, value in msgspec.structs.asdict(target.endpoints).items() if value is not None
    }
    metadata |= named
    jwks_uri = metadata.get("jwks_uri")
    keys = _fetch(wire, jwks_uri) if isinstance(jwks_uri, str) else None
    members = keys.document().get("keys") if keys is not None else None
    return Discovery(
        issuer=target.issuer,
        oauth=oauth,
        openid=openid,
        metadata=metadata,
        keys=tuple(each for each in members if isinstance(each, dict)) if isinstance(members, list) else (),
    )


def _fetch(wire: Wire, url: str) -> Exchange | None:
    try:
        return wire.send(Request(method="GET", url=url, headers=(("accept", "application/json"),)))
    except Inconclusive:
        return None


def _is_document(exchange: Exchange | None) -> bool:
    return exchange is not None and exchange.ok and "issuer" in exchange.document()
