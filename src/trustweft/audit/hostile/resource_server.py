"""The hostile server's userinfo endpoint and its API: whatever is asked for, with a good token it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.hostile.authorization_server import SUBJECT
from trustweft.audit.hostile.grants import certificate_name
from trustweft.protocol.http import json_response

if TYPE_CHECKING:
    from trustweft.audit.hostile.grants import Grant, Memory
    from trustweft.audit.hostile.scenario import Document, Scenario, Site
    from trustweft.protocol.http import HttpRequest, HttpResponse

__all__ = ["ResourceServer", "presented_token"]

_UNAUTHORIZED: Final = 401
# What programs of many kinds take for an answer: a list of nothing under the names that lists usually have.
_ANYTHING: Final[dict[str, object]] = {"accounts": [], "data": [], "items": [], "results": [], "sub": SUBJECT}


class ResourceServer:
    """Answers with the token of any scenario.

    Args:
        memory: the tokens that were given out.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def userinfo(self, request: HttpRequest, scenario: Scenario, site: Site) -> HttpResponse:
        """Tell who logged in (OpenID Connect Core section 5.3)."""
        if self._grant(request) is None:
            return _refusal()
        claims: Document = {"sub": SUBJECT, "name": "Alice"}
        return json_response(claims if scenario.userinfo is None else scenario.userinfo(claims, site))

    def call(self, request: HttpRequest) -> HttpResponse:
        """Answer whatever an API is asked."""
        return _refusal() if self._grant(request) is None else json_response(_ANYTHING)

    def _grant(self, request: HttpRequest) -> Grant | None:
        scheme, token = presented_token(request.headers)
        grant = self._memory.access.get(token)
        if grant is None or grant.revoked:
            return None
        if grant.bound and (scheme != "dpop" or not request.header("dpop")):
            return None
        if (
            grant.certificate is not None
            and not grant.bound
            and grant.certificate != certificate_name(request)
        ):
            return None
        return grant


def presented_token(headers: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """Return scheme (lower case) and token of the Authorization header; two empty texts where there is none."""
    value = next((value for name, value in headers if name.lower() == "authorization"), "")
    scheme, _, token = value.partition(" ")
    return (scheme.lower(), token.strip()) if token else ("", "")


def _refusal() -> HttpResponse:
    headers = (("www-authenticate", 'DPoP error="invalid_token", algs="ES256 PS256 EdDSA"'),)
    return json_response({"error": "invalid_token"}, status=_UNAUTHORIZED, headers=headers)
