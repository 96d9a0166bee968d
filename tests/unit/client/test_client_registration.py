"""Becoming a client and looking after it, seen from the software: what is sent, and which answers are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from trustweft.client import ServerRefusedError
from trustweft.client.driving import drive, drive_async
from trustweft.client.registration import (
    ClientRegistration,
    Software,
    delete,
    read,
    recover,
    register,
    update,
)
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

ISSUER = "https://as.example"
ENDPOINT = f"{ISSUER}/register"
TOLD: dict[str, Any] = {
    "client_id": "software-1",
    "scope": "openid",
    "registration_client_uri": f"{ENDPOINT}/software-1",
    "registration_access_token": "secret-token",
}
SIGNING = Software(
    software_id="planner",
    signer=LocalSigner("ES256", generate_private_key("ES256"), "planner"),
    clock=ManualClock(),
    entropy=SystemEntropy(),
)
CERTIFIED = msgspec.structs.replace(SIGNING, signer=None)
REGISTRATION = ClientRegistration(
    client_id="software-1",
    metadata={"scope": "openid"},
    registration_client_uri=f"{ENDPOINT}/software-1",
    registration_access_token=Secret("secret-token"),
)


class Server:
    """Answers everything in one way, and keeps what it was asked."""

    def __init__(self, status: int = 201, document: object = TOLD) -> None:
        self.asked: list[httpx2.Request] = []
        self._answer = httpx2.Response(status, content=msgspec.json.encode(document))
        self.http = httpx2.Client(transport=httpx2.MockTransport(self._respond))

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return self._answer

    @property
    def sent(self) -> httpx2.Request:
        """The only request."""
        (request,) = self.asked
        return request


def test_a_software_signs_its_request() -> None:
    """For this server, once, with what it chooses and the statement."""
    server = Server()
    told = drive(
        register(
            SIGNING, endpoint=ENDPOINT, issuer=ISSUER, software_statement="s", metadata={"scope": "openid"}
        ),
        server.http,
    )
    assert (server.sent.method, str(server.sent.url)) == ("POST", ENDPOINT)
    assert server.sent.headers["content-type"] == "application/jwt"
    claims = jws.parse(server.sent.content.decode()).unverified_claims()
    assert (claims["iss"], claims["aud"], claims["scope"]) == ("planner", ISSUER, "openid")
    assert claims["software_statement"] == "s"
    assert (told.client_id, told.metadata) == ("software-1", {"scope": "openid"})
    assert told.registration_access_token.reveal() == "secret-token"


def test_a_software_with_a_certificate_signs_nothing() -> None:
    """Then the request is plain JSON."""
    server = Server()
    drive(register(CERTIFIED, endpoint=ENDPOINT, issuer=ISSUER, software_statement="s"), server.http)
    assert server.sent.headers["content-type"] == "application/json"
    assert msgspec.json.decode(server.sent.content) == {"software_statement": "s"}


def test_a_registration_is_read_changed_and_removed_with_its_token() -> None:
    """At the address that the server named; what only the server says is not sent back."""
    reading = Server(200)
    assert drive(read(REGISTRATION), reading.http).metadata == {"scope": "openid"}
    changing = Server(200)
    metadata = {**TOLD, "client_id_issued_at": 1, "software_statement": "old", "scope": "openid accounts"}
    drive(
        update(CERTIFIED, REGISTRATION, issuer=ISSUER, software_statement="new", metadata=metadata),
        changing.http,
    )
    assert msgspec.json.decode(changing.sent.content) == {
        "client_id": "software-1",
        "scope": "openid accounts",
        "software_statement": "new",
    }
    removing = Server(204)
    drive(delete(REGISTRATION), removing.http)
    for server, method in ((reading, "GET"), (changing, "PUT"), (removing, "DELETE")):
        assert (server.sent.method, str(server.sent.url)) == (method, f"{ENDPOINT}/software-1")
        assert server.sent.headers["authorization"] == "Bearer secret-token"


def test_what_was_lost_is_recovered() -> None:
    """With a fresh statement and the software's key."""
    server = Server(200)
    told = drive(
        recover(SIGNING, endpoint=f"{ENDPOINT}/recovery", issuer=ISSUER, software_statement="s"), server.http
    )
    assert told.client_id == "software-1"
    assert jws.parse(server.sent.content.decode()).unverified_claims()["software_statement"] == "s"


@pytest.mark.anyio
async def test_conversations_are_carried_out_asynchronously() -> None:
    """The same over an asynchronous client."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=msgspec.json.encode(TOLD)))
    async with httpx2.AsyncClient(transport=transport) as http:
        assert (await drive_async(read(REGISTRATION), http)).client_id == "software-1"


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": 5},
        {"registration_access_token": None},
        {"registration_client_uri": None},
        {"registration_client_uri": "http://as.example/register/software-1"},
        {"registration_client_uri": "https://attacker.example/register/software-1"},
        {"registration_client_uri": "no address"},
    ],
)
def test_an_answer_that_is_no_registration_is_refused(change: dict[str, Any]) -> None:
    """A token without an address, or with one elsewhere, would look after nothing, or be told to others."""
    server = Server(201, TOLD | change)
    with pytest.raises(Reject, match=r"client\.bad-registration"):
        drive(register(SIGNING, endpoint=ENDPOINT, issuer=ISSUER, software_statement="s"), server.http)


def test_another_clients_registration_is_refused() -> None:
    """Whoever asks for its own gets its own."""
    server = Server(200, TOLD | {"client_id": "software-2"})
    with pytest.raises(Reject, match=r"client\.bad-registration"):
        drive(read(REGISTRATION), server.http)


def test_what_is_no_json_is_refused() -> None:
    """With a status of success."""
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"hello")))
    with pytest.raises(Reject, match=r"client\.bad-registration"):
        drive(read(REGISTRATION), http)


@pytest.mark.parametrize(
    "begin",
    [
        lambda: register(SIGNING, endpoint=ENDPOINT, issuer=ISSUER, software_statement="s"),
        lambda: recover(SIGNING, endpoint=ENDPOINT, issuer=ISSUER, software_statement="s"),
        lambda: read(REGISTRATION),
        lambda: update(SIGNING, REGISTRATION, issuer=ISSUER, software_statement="s", metadata={}),
        lambda: delete(REGISTRATION),
    ],
)
def test_a_refusal_is_told(begin: Callable[[], Any]) -> None:
    """With the server's words."""
    refusal = {"error": "invalid_software_statement", "error_description": "No."}
    with pytest.raises(ServerRefusedError) as refused:
        drive(begin(), Server(400, refusal).http)
    assert (refused.value.error, refused.value.description) == ("invalid_software_statement", "No.")


def test_the_token_is_not_printed() -> None:
    """What people log by mistake tells nothing."""
    assert "secret-token" not in repr(REGISTRATION)
