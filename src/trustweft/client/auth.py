"""Signs every request of an httpx2 client: token and proof, for synchronous and asynchronous use alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from trustweft.client.core import wants_nonce
from trustweft.client.wire import Call
from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Generator

    from trustweft.client.core import ClientCore

__all__ = ["SenderConstrained"]


class SenderConstrained(httpx2.Auth):
    """An ``auth`` for httpx2 that presents a DPoP-bound token (RFC 9449 section 7).

    If the resource server wants its nonce in the proof, the request is sent once more; once and no more.
    """

    requires_request_body = True  # so that it can be sent twice

    def __init__(self, core: ClientCore, access_token: str) -> None:
        self._core = core
        self._access_token = access_token

    def __repr__(self) -> str:
        return "SenderConstrained(***)"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign, send, and learn the server's nonce from whatever it answers."""
        url = str(request.url)
        for attempt in (1, 2):
            signed = self._core.signed(Call(method=request.method, url=url), self._access_token)
            for name, value in signed.headers:
                request.headers[name] = value
            response = yield request
            seen = HttpResponse(
                response.status_code,
                tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            )
            self._core.nonces.learn(url, seen)
            if attempt == 1 and not wants_nonce(seen):
                return
