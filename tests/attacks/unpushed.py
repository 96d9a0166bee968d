"""A server and a client that do without pushed requests: parameters travel in the browser's address, as in RFC 6749.

The server looks at the same things as ever, but nobody has proven that the request is the client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from trustweft.client.core import ClientCore
from trustweft.client.pending import StartedAuthorization
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import parse_query
from trustweft.protocol.par import CREATED, read_request_uri
from trustweft.runtime.encoding import digest_of
from trustweft.server.checks.client import find_client
from trustweft.server.checks.interaction import read_authorization_parameters
from trustweft.server.pipeline import run
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    import pytest

    from trustweft.client.wire import Flow
    from trustweft.server.exchange import Exchange

__all__ = ["send_parameters", "take_parameters"]

_PUSHED = PIPELINES["pushed_authorization_request"]
_NAMES = [check.__name__ for check in _PUSHED]
# What judges a request and keeps it; what stands before authenticates the client.
_JUDGED = _PUSHED[_NAMES.index("check_response_type") : _NAMES.index("save_pushed_request") + 1]


async def take_parameters(exchange: Exchange) -> None:
    """Read an authorization request as it comes in the browser; in place of the check that wants a request URI."""
    form = parse_query(exchange.request.query)
    if form.get("request_uri") is not None:
        read_authorization_parameters(exchange)
        return
    exchange.form, exchange.client_id = form, form.get("client_id") or ""
    await find_client(exchange)
    await run(_JUDGED, exchange)
    await exchange.saved
    exchange.request_digest = digest_of(read_request_uri(exchange.request_uri))


def send_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client put into the link what it would push."""
    begin = ClientCore.begin
    answer = HttpResponse(CREATED, (), b'{"request_uri": "urn:none", "expires_in": 60}')

    def by_value(self: ClientCore, **asked: Any) -> Flow[StartedAuthorization]:
        flow = begin(self, **asked)
        try:
            call = next(flow)
            while not call.body:  # metadata are fetched
                call = flow.send((yield call))
            flow.send(answer)
        except StopIteration as done:
            started: StartedAuthorization = done.value
        own = {name: value for name, value in parse_qsl(call.body.decode()) if "assertion" not in name}
        link = urlsplit(started.url)._replace(query=urlencode(own)).geturl()
        return StartedAuthorization(url=link, pending=started.pending)

    monkeypatch.setattr(ClientCore, "begin", by_value)
