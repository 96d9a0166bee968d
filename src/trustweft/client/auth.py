"""Signs every request of an httpx2 client: token and proof, for synchronous and asynchronous use alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from trustweft.client.wire import Call
from trustweft.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Generator

    from trustweft.client.sending import Missing, Sending

__all__ = ["SenderConstrained"]


class SenderConstrained(httpx2.Auth):
    """An ``auth`` for httpx2 that presents a sender-constrained token (RFC 9449 section 7, RFC 8705 section 3).

    If the resource server says what was missing, its nonce or its time, the request is sent once more for each.
    """

    requires_request_body = True  # so that it can be sent twice

    def __init__(self, sending: Sending, access_token: str) -> None:
        self._sending = sending
        self._access_token = access_token

    def __repr__(self) -> str:
        return "SenderConstrained(***)"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign, send, and learn the server's nonce and time from whatever it answers."""
        url = str(request.url)
        had: set[Missing] = set()
        while True:
            signed = self._sending.signed(Call(method=request.method, url=url), self._access_token)
            for name, value in signed.headers:
                request.headers[name] = value
            response = yield request
            seen = HttpResponse(
                response.status_code,
                tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            )
            missing = self._sending.learn(url, seen)
            if missing is None or missing in had:
                return
            had.add(missing)
