"""What can be read of an access token: from itself where it is a JWT, else from introspection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import form_request
from trustweft.audit.forging import read_parts

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.parties import Party

__all__ = ["audience_of", "introspect", "introspecting", "introspector", "token_claims"]


def introspector(deployment: Deployment, owner: Party | None = None) -> Party:
    """Return who asks about tokens: a resource server of the target file, else their owner, the first client by default."""
    return next(iter(deployment.resource_servers), None) or owner or deployment.party()


def introspecting(deployment: Deployment, party: Party, token: str) -> Request:
    """Return the authenticated request of ``party`` about a token (RFC 7662 section 2.1).

    Raises:
        NotApplicable: the server offers no introspection.
    """
    url = deployment.plan(party).endpoint("introspection_endpoint", party)
    return party.authenticate(form_request(url, ("token", token)))


def introspect(deployment: Deployment, token: str, party: Party | None = None) -> Exchange:
    """Ask about a token.

    Raises:
        NotApplicable: the server offers no introspection.
    """
    return deployment.wire.send(introspecting(deployment, party or introspector(deployment), token))


def token_claims(deployment: Deployment, access: Access) -> dict[str, object]:
    """Return what a token says, else what the server says of it; empty where neither can be read."""
    _, claims = read_parts(access.token)
    if claims:
        return claims
    try:
        answer = introspect(deployment, access.token)
    except (NotApplicable, Inconclusive):
        return {}
    return answer.document() if answer.document().get("active") is True else {}


def audience_of(claims: dict[str, object]) -> tuple[str, ...]:
    """Return the ``aud`` of claims as a list."""
    value = claims.get("aud")
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    return (value,) if isinstance(value, str) and value else ()
