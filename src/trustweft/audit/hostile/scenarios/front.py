"""Deviations before there is any token: metadata, and the answer that comes through the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.hostile.scenario import Scenario
from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from trustweft.audit.exchange import Pairs
    from trustweft.audit.hostile.scenario import Document, Site
    from trustweft.protocol.http import HttpRequest

__all__ = ["SCENARIOS"]

_FOUND: Final = 302
_IGNORE: Final = "end the flow without sending the code to the token endpoint"
_LEAVE: Final = "end the flow before it sends the browser or any request to an endpoint"


def _without(answer: Pairs, name: str) -> Pairs:
    return tuple(pair for pair in answer if pair[0] != name)


def _with(answer: Pairs, name: str, value: str) -> Pairs:
    return (*_without(answer, name), (name, value))


def _similar_issuer(answer: Pairs, site: Site) -> Pairs:
    return _with(answer, "iss", f"{site.issuer}/")


def _two_issuers(answer: Pairs, site: Site) -> Pairs:
    return (*answer, ("iss", site.other_issuer))


def _other_state(answer: Pairs, site: Site) -> Pairs:
    return _with(answer, "state", site.entropy.token()) if dict(answer).get("state") else answer


def _foreign_issuer(document: Document, site: Site) -> Document:
    return {**document, "issuer": site.other_issuer}


def _plaintext_endpoint(document: Document, site: Site) -> Document:
    return {**document, "token_endpoint": f"{site.plaintext}/token"}


def _foreign_token_endpoint(document: Document, site: Site) -> Document:
    return {**document, "token_endpoint": f"{site.counterfeit}/token"}


def _moved_to_plaintext(endpoint: str, request: HttpRequest, site: Site) -> HttpResponse | None:
    """Send whoever fetches the metadata over TLS to the same document without; there it is the honest one."""
    if endpoint != "metadata" or site.visit("metadata") % 2 == 0:
        return None
    return HttpResponse(_FOUND, (("location", f"{_origin(site.plaintext)}{request.path}"),))


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _other_connection(document: Document, site: Site) -> Document:
    return {**document, "authorization_endpoint": f"{site.other_issuer}/authorize"}


SCENARIOS: Final = (
    Scenario(id="RP-01-state-missing", must=_IGNORE, response=lambda answer, _: _without(answer, "state")),
    Scenario(id="RP-01-state-wrong", must=_IGNORE, response=_other_state),
    Scenario(id="RP-02-iss-missing", must=_IGNORE, response=lambda answer, _: _without(answer, "iss")),
    Scenario(
        id="RP-02-iss-other",
        must=_IGNORE,
        response=lambda answer, site: _with(answer, "iss", site.other_issuer),
    ),
    Scenario(id="RP-02-iss-similar", must=_IGNORE, response=_similar_issuer),
    Scenario(id="RP-02-two-issuers", must=_IGNORE, response=_two_issuers),
    Scenario(id="RP-03-issuer-mismatch", must=_LEAVE, metadata=_foreign_issuer),
    Scenario(
        id="RP-03-metadata-downgrade",
        must="not follow the redirect to a place without TLS",
        intercept=_moved_to_plaintext,
    ),
    Scenario(
        id="RP-03-plaintext-endpoint",
        must="send nothing to an endpoint without TLS",
        metadata=_plaintext_endpoint,
    ),
    Scenario(
        id="RP-08-audience-injection",
        must="send no assertion that another server would take for its own",
        metadata=_foreign_token_endpoint,
    ),
    Scenario(id="RP-13-other-connection", must=_IGNORE, metadata=_other_connection),
)
