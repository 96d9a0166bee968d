"""The directory's public keys (RFC 7517): those that sign now, will sign soon, and signed lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.http import HttpResponse, json_response

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.protocol.http import HttpRequest

__all__ = ["tell_keys"]


async def tell_keys(directory: Directory, _request: HttpRequest) -> HttpResponse:
    """Publish the keys."""
    return json_response(directory.keys.public_jwks())
