"""One scenario: a server that does everything right but one thing, and what the client must do then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from trustweft.audit.forging import forge

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.exchange import Pairs
    from trustweft.audit.hostile.signing import ServerKeys
    from trustweft.crypto.algorithms import PrivateKey
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.runtime.entropy import Entropy

__all__ = ["DENIED", "HONEST", "SECOND", "Document", "Draft", "Place", "Scenario", "Site"]

Document = dict[str, object]

HONEST = "honest"  # nothing deviates: the control
SECOND = "second"  # nothing deviates either: another server of the same client
DENIED = (
    "denied"  # nothing deviates, and the user says no: what the client looks like when nobody is logged in
)


class Place(Enum):
    """Where a scenario is served."""

    GOOD = "a certificate that the client trusts"
    SELF_SIGNED = "a certificate that vouches for itself"
    OTHER_NAME = "a certificate for another host"
    EXPIRED = "a certificate that has expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a deviation needs to know of the stage that it is played on.

    Attributes:
        issuer: of this scenario.
        other_issuer: of a server that behaves well, where there is one beside this.
        plaintext: base of the same server without TLS.
        counterfeit: base of a server at another origin, which only writes down who comes.
        keys: that ID tokens are signed with.
        visit: counts the requests of this scenario that came to each endpoint.
    """

    issuer: str
    other_issuer: str
    plaintext: str
    counterfeit: str
    keys: ServerKeys
    entropy: Entropy
    visit: Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An ID token before it is signed."""

    header: Document
    claims: Document
    key: PrivateKey
    access_token: str

    def claiming(self, **changes: object) -> Draft:
        """Return a copy with other claims; None leaves one out."""
        claims = {name: value for name, value in (self.claims | changes).items() if value is not None}
        return replace(self, claims=claims)

    def signed(self) -> str:
        """Return the token."""
        return forge(self.header, self.claims, key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What deviates; whatever is None is done as a good server does it.

    Attributes:
        id: also of the check that plays it, and the path of its issuer.
        must: what the client must do, as a sentence.
        metadata: changes the metadata document.
        response: changes the parameters of the authorization response.
        tokens: changes the answer of the token endpoint.
        id_token: signs the ID token; what it returns is sent, None leaves it out.
        userinfo: changes the claims of the userinfo endpoint.
        intercept: answers in place of an endpoint (its name, the request); None lets the endpoint answer.
        place: where it is served.
    """

    id: str
    must: str
    metadata: Callable[[Document, Site], Document] | None = None
    response: Callable[[Pairs, Site], Pairs] | None = None
    tokens: Callable[[Document, Site], Document] | None = None
    id_token: Callable[[Draft, Site], str | None] | None = None
    userinfo: Callable[[Document, Site], Document] | None = None
    intercept: Callable[[str, HttpRequest, Site], HttpResponse | None] | None = None
    place: Place = Place.GOOD
