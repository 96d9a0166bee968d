"""A client whose clock is wrong works all the same, and no server can date what goes to another."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import httpx2
import pytest

from scripted_server import ISSUER, RESOURCE, ScriptedServer, claims_of, form_of
from trustweft.client import ServerRefusedError
from trustweft.client.server_time import MAXIMUM_OFFSET, MAXIMUM_ORIGINS, ServerTime
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import ManualClock

MINUTES = 60.0
ELSEWHERE = "https://other.example/accounts"


@dataclass
class StrictServer:
    """Refuses every assertion and proof that is more than ten seconds off; its clock is ahead of the client's.

    Attributes:
        ahead: of the client's clock, in seconds.
        silent: paths whose answers are not dated, as those of a cache.
    """

    server: ScriptedServer
    ahead: float
    silent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take the scripted server's place."""
        self.server.date = self.now
        self.server.refuse = self.refuse

    def now(self) -> float:
        """Return what its clock says."""
        return self.server.clock.now() + self.ahead

    def is_off(self, token: str) -> bool:
        """Tell whether a token is dated wrongly."""
        return bool(abs(claims_of(token)["iat"] - self.now()) > 10)

    def refuse(self, request: httpx2.Request) -> httpx2.Response | None:
        """Refuse what is dated wrongly."""
        assertion = form_of(request).get("client_assertion")
        if assertion is not None and self.is_off(assertion):
            return httpx2.Response(401, json={"error": "invalid_client"})
        proof = request.headers.get("dpop")
        if proof is not None and self.is_off(proof):
            at_resource = request.url.path in {"/accounts", "/userinfo"}
            challenge = {"www-authenticate": 'DPoP error="invalid_dpop_proof"'}
            if at_resource:
                return httpx2.Response(401, headers=challenge)
            return httpx2.Response(400, json={"error": "invalid_dpop_proof"})
        return None


def walk(server: ScriptedServer) -> None:
    """Begin, finish, ask who it is, call, refresh."""
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    assert client.userinfo("alice").subject == "u-1"
    assert client.call("GET", RESOURCE, name="alice").status == 200
    assert client._http.get(RESOURCE, auth=client.auth("alice")).status_code == 200
    server.clock.advance(295)
    client.tokens("alice")
    assert server.refreshed == 1


@pytest.mark.parametrize("ahead", [-10 * MINUTES, -30.0, 0.0, 30.0, 10 * MINUTES, 13 * 60 * MINUTES])
@pytest.mark.parametrize("nonces", [0, 1])
def test_a_client_whose_clock_is_wrong_works(ahead: float, nonces: int) -> None:
    """The server's ID tokens, which live five minutes, are believed as well: their times are the server's."""
    server = ScriptedServer(nonces=nonces)
    StrictServer(server, ahead)
    walk(server)


def test_with_a_right_clock_nothing_is_sent_twice() -> None:
    """Five seconds are a slow network, not a wrong clock."""
    server = ScriptedServer()
    StrictServer(server, 5.0)
    walk(server)
    assert [server.calls.count(path) for path in ("/par", "/userinfo", "/accounts")] == [1, 1, 2]


def test_a_refusal_brings_the_time_where_the_metadata_did_not() -> None:
    """Metadata may come from a cache, whose Date is old: the request is sent again, once, with everything fresh."""
    server = ScriptedServer()
    strict = StrictServer(server, 10 * MINUTES)
    refuse = strict.refuse

    def without_date(request: httpx2.Request) -> httpx2.Response | None:
        server.date = strict.now if request.url.path == "/par" else None
        return refuse(request)

    server.refuse = without_date
    server.client().begin()
    first, second = (form_of(request) for request in server.requests if request.url.path == "/par")
    assert claims_of(first["client_assertion"])["jti"] != claims_of(second["client_assertion"])["jti"]


def test_a_server_that_never_agrees_is_an_error_and_no_loop() -> None:
    """One whose clock jumps with every answer gets each request twice and no more."""
    server = ScriptedServer()
    times = iter(range(1, 100))
    server.date = lambda: server.clock.now() + 600 * next(times)
    server.refuse = lambda request: (
        httpx2.Response(401, json={"error": "invalid_client"}) if request.url.path == "/par" else None
    )
    with pytest.raises(ServerRefusedError, match="invalid_client"):
        server.client().begin()
    assert server.calls.count("/par") == 2


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_a_call_is_repeated_for_its_time_only_where_it_was_not_done(status: int) -> None:
    """What may have happened is not sent again."""
    server = ScriptedServer()
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    server.date = lambda: server.clock.now() + 600
    server.refuse = lambda _request: httpx2.Response(status, json={"error": "invalid_request"})
    before = len(server.requests)
    client.call("POST", RESOURCE, name="alice", body=b"{}")
    assert len(server.requests) == before + 1


def dated(when: float, **headers: str) -> HttpResponse:
    """Return an answer of this time."""
    lines = {"date": formatdate(when, usegmt=True), **headers}
    return HttpResponse(200, tuple(lines.items()))


def test_a_server_dates_nothing_that_goes_to_another() -> None:
    """A hostile one could have proofs and assertions made for later: those are for itself alone."""
    clock = ManualClock()
    time = ServerTime(clock)
    assert time.learn(f"{ISSUER}/token", dated(clock.now() + 3_600))
    assert time.now(f"{ISSUER}/par") == clock.now() + 3_600
    for url in (ELSEWHERE, f"{ISSUER}:444/token", "https://mtls.op.example/token"):
        assert time.now(url) == clock.now()


def test_proofs_for_others_keep_our_own_time() -> None:
    """The same, seen in what is sent."""
    server = ScriptedServer()
    server.date = lambda: server.clock.now() + 3_600
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    signed = client.core.sending.signed
    from trustweft.client.wire import Call

    proof = dict(signed(Call(method="GET", url=ELSEWHERE), "token").headers)["dpop"]
    assert claims_of(proof)["iat"] == int(server.clock.now())


def test_access_tokens_last_as_long_as_the_server_says_by_our_own_clock() -> None:
    """A duration needs no correction, and a server's clock cannot stretch it."""
    server = ScriptedServer()
    server.date = lambda: server.clock.now() + 3_600
    client = server.client()
    started = client.begin()
    tokens = client.finish(started.pending, server.query(started), name="alice")
    assert tokens.expires_at == server.clock.now() + 300


@pytest.mark.parametrize("sign", [1, -1])
def test_an_offset_has_a_bound(sign: int) -> None:
    """Beyond the farthest time zone it is no clock that shows local time; what is signed stays near our own time."""
    clock = ManualClock()
    time = ServerTime(clock)
    assert not time.learn(ISSUER, dated(clock.now() + sign * (MAXIMUM_OFFSET + 1)))
    assert time.now(ISSUER) == clock.now()
    assert time.learn(ISSUER, dated(clock.now() + sign * (MAXIMUM_OFFSET - 1)))


def test_a_clock_that_is_set_right_is_believed_again() -> None:
    """The next answer tells."""
    clock = ManualClock()
    time = ServerTime(clock)
    server = clock.now() + 600
    time.learn(ISSUER, dated(server))
    clock.advance(600)
    assert time.learn(ISSUER, dated(server))
    assert time.now(ISSUER) == clock.now()


UNREADABLE: dict[str, tuple[tuple[str, str], ...]] = {
    "none": (),
    "two": (("date", formatdate(1_800_000_600, usegmt=True)),) * 2,
    "of a cache": (("date", formatdate(1_800_000_600, usegmt=True)), ("age", "600")),
    "no date": (("date", "x" * 29),),
    "no zone": (("date", "Fri, 15 Jan 2027 08:10:00 -00"),),
    "another zone": (("date", "Fri, 15 Jan 2027 08:10:00 EST"),),
    "a day that is none": (("date", "Fri, 45 Jan 2027 08:10:00 GMT"),),
    "a year that is none": (("date", "Fri, 15 Jan 0000 08:10:00 GMT"),),
    "ISO 8601": (("date", "2027-01-15T08:10:00.000000 GMT"),),
    "an older form": (("date", "Friday, 15-Jan-27 08:10:00 GMT"),),
}


@pytest.mark.parametrize("headers", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_date_teaches_nothing(headers: tuple[tuple[str, str], ...]) -> None:
    """Nor does what a cache kept."""
    time = ServerTime(ManualClock())
    assert not time.learn(ISSUER, HttpResponse(200, headers))
    assert time.now(ISSUER) == ManualClock().now()


def test_what_is_remembered_has_a_bound() -> None:
    """The one that was learnt first goes first."""
    clock = ManualClock()
    time = ServerTime(clock)
    for number in range(MAXIMUM_ORIGINS + 1):
        time.learn(f"https://{number}.example/", dated(clock.now() + 600))
    assert time.now("https://0.example/") == clock.now()
    assert time.now(f"https://{MAXIMUM_ORIGINS}.example/") == clock.now() + 600


def test_an_expired_id_token_stays_expired() -> None:
    """It is the server's clock that says so, not that the check is gone."""
    server = ScriptedServer()
    strict = StrictServer(server, 10 * MINUTES)

    def expired(claims: dict[str, Any]) -> None:
        claims["exp"] = int(strict.now()) - 1

    server.id_token = expired
    client = server.client()
    started = client.begin()
    with pytest.raises(Exception, match=r"id-token\.expired"):
        client.finish(started.pending, server.query(started), name="alice")
