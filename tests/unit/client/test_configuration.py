"""Where a client's knowledge of its server begins: the configured issuer, and nothing that anybody answers."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from scripted_server import ISSUER, ScriptedServer
from trustweft.runtime.errors import Reject

OTHER = "https://evil.example"


@pytest.mark.parametrize(
    "issuer", ["http://op.example", "op.example", "", "https://op.example?x=1", "https://user@op.example"]
)
def test_an_issuer_that_others_could_alter_is_no_configuration(issuer: str) -> None:
    """FAPI 2.0 SP section 5.3.3.1 item 10: without TLS anybody on the way says what the metadata are."""
    server = ScriptedServer()
    with pytest.raises(Reject, match=r"issuer\.malformed"):
        replace(server.configuration, issuer=issuer)


def test_discovery_starts_from_the_configured_issuer() -> None:
    """The first request goes to its well-known address."""
    server = ScriptedServer()
    server.client().begin()
    assert str(server.requests[0].url) == f"{ISSUER}/.well-known/oauth-authorization-server"


def test_no_answer_moves_the_issuer() -> None:
    """Whatever a server or a callback calls itself, the next discovery starts where the first one did."""

    def say_other(members: dict[str, Any]) -> None:
        members["iss"] = OTHER

    server = ScriptedServer(callback=say_other)
    client = server.client()
    started = client.begin()
    with pytest.raises(Reject, match=r"issuer\.mismatch"):
        client.finish(started.pending, server.query(started), name="alice")
    server.clock.advance(86_400)
    client.begin()
    assert {request.url.host for request in server.requests} == {"op.example"}
    with pytest.raises(FrozenInstanceError):
        client.core.configuration.issuer = OTHER  # type: ignore[misc]
