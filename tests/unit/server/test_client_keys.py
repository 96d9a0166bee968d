"""Clients that publish their keys: the server follows them, and nobody makes it run after them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.authority import make_authority, make_certified, make_party
from support.client_hosts import jwk_of
from support.requests import credentials_request
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.errors import Reject
from trustweft.server.client_keys import ClientKeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority, Party
    from support.wire import Answer

pytestmark = pytest.mark.anyio

ADDRESS = "https://client.example/jwks"
TIME_TO_LIVE, STALE_CAP, COOL_DOWN = 300, 3_600, 30
SECOND = LocalSigner("ES256", generate_private_key("ES256"), "second-key")


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server with a client whose keys are at its own host."""
    made = await make_authority(tmp_path / "keys")
    await referring(made, "remote", ADDRESS)
    yield made
    made.close()


async def referring(authority: Authority, client_id: str, address: str) -> Party:
    """Register a client by reference, and publish its key."""
    party = make_party(client_id, grant_types=("client_credentials",), scope=("accounts",))
    authority.hosts.publish(address, party.signer)
    return await authority.register(party, jwks=None, jwks_uri=address)


async def call(authority: Authority, client_id: str = "remote", signer: LocalSigner | None = None) -> Answer:
    """Ask for a token, with an assertion of this key."""
    party = authority.parties[client_id]
    return await authority.send(credentials_request(authority, replace(party, signer=signer or party.signer)))


async def test_a_published_key_authenticates_its_client(authority: Authority) -> None:
    """It is fetched once, and then known."""
    answers = [await call(authority) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert authority.hosts.asked == [ADDRESS]


async def test_keys_by_value_are_never_fetched(authority: Authority) -> None:
    """Whoever registered its keys is not asked for them, whatever its assertions name."""
    assert (await call(authority, "machine")).status == 200
    assert (await call(authority, "machine", SECOND)).reason == "client-assertion.no-key"
    assert authority.hosts.asked == []


async def test_a_new_key_is_found_when_an_assertion_names_it(authority: Authority) -> None:
    """The client changes its key at its own host alone; the first assertion that the new one signs passes."""
    assert (await call(authority)).status == 200
    authority.hosts.publish(ADDRESS, authority.parties["remote"].signer, SECOND)
    authority.clock.advance(COOL_DOWN)
    assert (await call(authority, signer=SECOND)).status == 200
    assert (await call(authority)).status == 200
    assert authority.hosts.asked == [ADDRESS] * 2


async def test_made_up_keys_fetch_once_in_each_cool_down(authority: Authority) -> None:
    """A flood of assertions that name unknown keys reaches the client's host twice a minute, and no known key waits."""
    assert (await call(authority)).status == 200
    for second in range(60):
        for number in range(3):
            stranger = LocalSigner("ES256", SECOND.private_key, f"made-up-{second}-{number}")
            assert (await call(authority, signer=stranger)).reason == "client-assertion.no-key"
        authority.clock.advance(1)
    assert (await call(authority)).status == 200
    assert authority.hosts.asked == [ADDRESS] * 2


async def test_an_algorithm_that_is_not_registered_fetches_nothing(authority: Authority) -> None:
    """No key could make it right."""
    assert (await call(authority)).status == 200
    authority.clock.advance(COOL_DOWN)
    edwards = LocalSigner("EdDSA", generate_private_key("EdDSA"), "second-key")
    assert (await call(authority, signer=edwards)).reason == "client-assertion.algorithm"
    assert authority.hosts.asked == [ADDRESS]


async def test_of_many_at_once_one_fetches(authority: Authority) -> None:
    """32 requests of a client that nobody has seen yet."""
    answers = await asyncio.gather(*(call(authority) for _ in range(32)))
    assert [answer.status for answer in answers] == [200] * 32
    assert authority.hosts.asked == [ADDRESS]


async def test_clients_of_one_address_share_what_was_fetched(authority: Authority) -> None:
    """A host is asked once, however many clients it stands for; each still signs with a key that is there."""
    remote = authority.parties["remote"]
    other = await authority.register(replace(remote, client_id="sibling"), jwks=None, jwks_uri=ADDRESS)
    assert [(await call(authority, client)).status for client in ("remote", other.client_id)] == [200, 200]
    assert authority.hosts.asked == [ADDRESS]


async def test_a_removed_key_is_refused_after_the_time_to_live(authority: Authority) -> None:
    """Five minutes later at the latest; at once where another assertion makes the server look."""
    assert (await call(authority)).status == 200
    authority.hosts.publish(ADDRESS, SECOND)
    authority.clock.advance(TIME_TO_LIVE - 1)
    assert (await call(authority)).status == 200
    authority.clock.advance(1)
    assert (await call(authority)).reason == "client-assertion.no-key"
    assert (await call(authority, signer=SECOND)).status == 200


async def test_an_outage_is_bridged_up_to_the_cap_then_nobody_is_believed(authority: Authority) -> None:
    """The last keys serve for an hour; then the client is told why, and when to come back."""
    assert (await call(authority)).status == 200
    authority.hosts.away[ADDRESS] = OSError("no route")
    authority.clock.advance(STALE_CAP - 1)
    assert (await call(authority)).status == 200
    authority.clock.advance(1)
    answer = await call(authority)
    assert (answer.status, answer.json["error"], answer.reason) == (
        503,
        "temporarily_unavailable",
        "client-keys.unavailable",
    )
    assert answer.values("retry-after") == ["29"]


async def test_a_clock_that_was_set_back_keeps_no_removed_key(authority: Authority) -> None:
    """What was fetched at a time that is still to come may be of any age: it is fetched anew, and no new key waits."""
    assert (await call(authority)).status == 200
    authority.hosts.publish(ADDRESS, SECOND)
    authority.clock.advance(-86_400)
    assert (await call(authority)).reason == "client-assertion.no-key"
    assert (await call(authority, signer=SECOND)).status == 200
    assert authority.hosts.asked == [ADDRESS] * 2


async def test_a_clock_that_was_set_back_lengthens_no_outage(authority: Authority) -> None:
    """Neither are the last keys believed for longer than the cap, nor is the host left alone for longer."""
    assert (await call(authority)).status == 200
    authority.hosts.away[ADDRESS] = OSError("no route")
    authority.clock.advance(-86_400)
    assert (await call(authority)).status == 200
    authority.clock.advance(STALE_CAP)
    assert (await call(authority)).reason == "client-keys.unavailable"
    authority.clock.advance(-86_400)
    del authority.hosts.away[ADDRESS]
    assert (await call(authority)).status == 200


@pytest.mark.parametrize("away", [OSError("no route"), TimeoutError()], ids=repr)
async def test_a_failure_is_remembered(authority: Authority, away: Exception) -> None:
    """A host that does not answer is left alone for half a minute, however many ask."""
    authority.hosts.away[ADDRESS] = away
    answers = [await call(authority) for _ in range(20)]
    assert {answer.reason for answer in answers} == {"client-keys.unavailable"}
    authority.clock.advance(COOL_DOWN - 1)
    assert (await call(authority)).values("retry-after") == ["1"]
    assert authority.hosts.asked == [ADDRESS]
    del authority.hosts.away[ADDRESS]
    authority.clock.advance(1)
    assert (await call(authority)).status == 200


@pytest.mark.parametrize(
    "document",
    [
        HttpResponse(404),
        HttpResponse(500, (), b'{"keys": []}'),
        HttpResponse(302, (("location", "https://client.example/other"),)),
        HttpResponse(200, (), b"<html>"),
        HttpResponse(200, (), b'{"keys": [], "keys": []}'),
        HttpResponse(200, (), b'{"keys": {}}'),
        HttpResponse(200, (), b'{"keys": []' + b" " * 300_000 + b"}"),
    ],
    ids=lambda response: f"{response.status} {response.body[:30]!r}",
)
async def test_what_is_no_key_set_is_an_outage(authority: Authority, document: HttpResponse) -> None:
    """Nothing is believed of it, and a redirect is no answer."""
    authority.hosts.documents[ADDRESS] = document
    assert (await call(authority)).reason == "client-keys.unavailable"
    assert authority.hosts.asked == [ADDRESS]


async def test_a_published_private_key_spoils_the_document(authority: Authority) -> None:
    """The good key beside it is not believed either: whoever publishes this has lost control."""
    good = jwk_of(authority.parties["remote"].signer)
    authority.hosts.publish(ADDRESS, good, {**private_jwk(SECOND.private_key), "kid": "second-key"})
    assert (await call(authority)).reason == "client-keys.unavailable"
    assert "jwk.private" in authority.hearing.causes


async def test_decoys_are_not_mistaken_for_the_key(authority: Authority) -> None:
    """Keys under the same kid: of another kind, for encryption, for another algorithm, of a curve that is not ours."""
    signer = authority.parties["remote"].signer
    decoys: list[dict[str, object]] = [
        jwk_of(LocalSigner("EdDSA", generate_private_key("EdDSA"), signer.key_id)),
        jwk_of(LocalSigner("PS256", generate_private_key("PS256"), signer.key_id)),
        jwk_of(LocalSigner("ES256", SECOND.private_key, signer.key_id), use="enc"),
        jwk_of(LocalSigner("ES256", SECOND.private_key, signer.key_id), alg="ES384"),
        jwk_of(LocalSigner("ES256", SECOND.private_key, signer.key_id), key_ops=["sign"]),
        {"kty": "EC", "crv": "P-384", "kid": signer.key_id, "x": "AA", "y": "AA"},
    ]
    authority.hosts.publish(ADDRESS, *decoys, signer)
    assert (await call(authority)).status == 200


async def test_a_slow_host_keeps_nobody_else_waiting(authority: Authority) -> None:
    """While one client's keys are on their way, others are served; whoever waits is served in the end."""
    await referring(authority, "swift", "https://swift.example/jwks")
    authority.hosts.slow[ADDRESS] = asyncio.Event()
    waiting = asyncio.create_task(call(authority))
    await authority.hosts.arrived.wait()
    assert [(await call(authority, client)).status for client in ("swift", "machine")] == [200, 200]
    assert not waiting.done()
    authority.hosts.slow[ADDRESS].set()
    assert (await waiting).status == 200


async def test_a_new_address_counts_at_once(authority: Authority) -> None:
    """A changed registration is a new beginning: the keys of the old address are not believed any more."""
    assert (await call(authority)).status == 200
    moved = ADDRESS.replace("client", "moved")
    authority.hosts.publish(moved, SECOND)
    await authority.reregister(authority.parties["remote"], jwks_uri=moved)
    assert (await call(authority)).reason == "client-assertion.no-key"
    assert (await call(authority, signer=SECOND)).status == 200


def certified(authority: Authority) -> tuple[Party, dict[str, object]]:
    """Return a client with a certificate that vouches for itself, and the key that it is published with."""
    party = make_certified(
        "pinned", now=authority.clock.now(), grant_types=("client_credentials",), scope=("accounts",)
    )
    assert party.authentication is not None
    (jwk,) = party.authentication["jwks"]["keys"]
    return party, jwk


async def test_a_published_certificate_is_found_when_it_is_presented(authority: Authority) -> None:
    """`self_signed_tls_client_auth` (RFC 8705 section 2.2.2): the same document, the same rules."""
    first, jwk = certified(authority)
    authority.hosts.publish(ADDRESS, jwk)
    await authority.register(first, jwks=None, jwks_uri=ADDRESS)
    assert [(await call(authority, "pinned")).status for _ in range(3)] == [200] * 3
    second, other = certified(authority)
    authority.hosts.publish(ADDRESS, other)
    authority.parties["pinned"] = second
    for _ in range(3):
        assert (await call(authority, "pinned")).reason == "mtls.not-registered"
    authority.clock.advance(COOL_DOWN)
    assert (await call(authority, "pinned")).status == 200
    authority.parties["pinned"] = first
    assert (await call(authority, "pinned")).reason == "mtls.not-registered"
    assert authority.hosts.asked == [ADDRESS] * 2


async def test_a_published_certificate_of_another_key_spoils_the_document(authority: Authority) -> None:
    """RFC 7517 section 4.7: two statements about one key that disagree, and neither is believed."""
    party, jwk = certified(authority)
    authority.hosts.publish(ADDRESS, {**jwk_of(SECOND), "x5c": jwk["x5c"]})
    await authority.register(party, jwks=None, jwks_uri=ADDRESS)
    assert (await call(authority, "pinned")).reason == "client-keys.unavailable"
    assert "mtls.bad-certificates" in authority.hearing.causes


@pytest.mark.parametrize(
    ("client_id", "spoil", "reason"),
    [
        ("remote", "no credentials", "client-assertion.missing"),
        ("pinned", "no credentials", "mtls.certificate-missing"),
        ("pinned", "an assertion", "client.authentication-method"),
        ("certified", "nothing", None),
    ],
)
async def test_credentials_that_need_no_published_key_fetch_nothing(
    authority: Authority, client_id: str, spoil: str, reason: str | None
) -> None:
    """Nothing was sent that a key could verify, or it is the name in the certificate that counts."""
    party, _ = certified(authority)
    await authority.register(party, jwks=None, jwks_uri=ADDRESS)
    await authority.reregister(authority.parties["certified"], jwks_uri=ADDRESS)
    draft = credentials_request(authority, authority.parties[client_id])
    if spoil == "an assertion":
        draft = credentials_request(authority, replace(authority.parties["remote"], client_id="pinned"))
    elif spoil == "no credentials":
        draft.certificate = None
        draft.put("client_assertion", None).put("client_assertion_type", None)
    assert (await authority.send(draft)).reason == reason
    assert authority.hosts.asked == []


async def test_what_is_remembered_is_bounded(authority: Authority) -> None:
    """Whoever was not asked for longest is forgotten, but nobody who could then be fetched before the time."""
    hosts, clock = authority.hosts, authority.clock
    keys = ClientKeys(fetch=hosts.fetch, clock=clock, observer=authority.hearing, maximum=2)
    first, second, third = (f"https://{name}.example/jwks" for name in ("a", "b", "c"))

    async def find(address: str) -> None:
        hosts.publish(address, SECOND)
        found = await keys.find(address, method="private_key_jwt", serves=lambda known: bool(known.keys.keys))
        assert found.keys.keys[0].key_id == SECOND.key_id

    await find(first)
    await find(second)
    with pytest.raises(Reject, match=r"client-keys\.unavailable"):
        await find(third)
    clock.advance(COOL_DOWN)
    await find(third)
    await find(second)
    assert hosts.asked == [first, second, third]
    assert len(keys._remembered) == 2
