"""The issuer's keys: fetched when needed, never more often than allowed, believed no longer than stated."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from guarding import ISSUER, ISSUER_KEY, OTHER, Stage
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk, thumbprint
from trustweft.protocol.http import HttpResponse
from trustweft.resource.issuer_keys import MAXIMUM_KNOWN_HEADERS, KeyRefresh, RemoteKeys
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

pytestmark = pytest.mark.anyio

METADATA = ISSUER + "/.well-known/oauth-authorization-server"
OPENID = ISSUER + "/.well-known/openid-configuration"
JWKS = ISSUER + "/jwks"
SECOND = LocalSigner("ES256", generate_private_key("ES256"), "as-2")
DECOY = LocalSigner("EdDSA", generate_private_key("EdDSA"), "as-1")


class Issuer:
    """An authorization server as a fetcher sees it: documents by URL, and how often each was asked for."""

    def __init__(self, *signers: LocalSigner) -> None:
        self.documents: dict[str, object] = {METADATA: {"issuer": ISSUER, "jwks_uri": JWKS}}
        self.publish(*signers)
        self.asked: list[str] = []
        self.away: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    def publish(self, *signers: LocalSigner) -> None:
        """Publish those keys and no others."""
        self.documents[JWKS] = {
            "keys": [{**public_jwk(each.public_key), "kid": each.key_id, "use": "sig"} for each in signers]
        }

    async def fetch(self, url: str) -> HttpResponse:
        """Answer as HTTP does."""
        self.asked.append(url)
        self.arrived.set()
        await self.gate.wait()
        if self.away is not None:
            raise self.away
        if url not in self.documents:
            return HttpResponse(404)
        document = self.documents[url]
        return HttpResponse(
            200, (), document if isinstance(document, bytes) else msgspec.json.encode(document)
        )


class Remembering(SilentObserver):
    """Remembers why fetches failed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        self.reasons.append(f"{participant}/{endpoint}: {refusal.reason.id}")


class World:
    """An issuer, a guard's view of its keys, and tokens."""

    def __init__(self, *signers: LocalSigner, jwks_uri: str | None = None) -> None:
        self.issuer = Issuer(*(signers or (ISSUER_KEY,)))
        self.clock = ManualClock()
        self.observer = Remembering()
        self.ended: set[str] = set()
        self.keys = RemoteKeys(
            issuer=ISSUER,
            fetch=self.issuer.fetch,
            clock=self.clock,
            jwks_uri=jwks_uri,
            observer=self.observer,
            believed=lambda keys: keys.without(self.ended),
        )
        self.stage = Stage(keys=self.keys, clock=self.clock)

    async def knows(self, signer: LocalSigner) -> bool:
        """Say whether a token that this key signed finds its key."""
        token = self.stage.token(signer=signer)
        keys = await self.keys.key_set(token)
        return any(key.key_id == signer.key_id and key.algorithm == signer.algorithm for key in keys.keys)

    async def unavailable(self, signer: LocalSigner = ISSUER_KEY) -> str:
        """Return after how many seconds to try again; the keys must not be available."""
        with pytest.raises(Reject) as refused:
            await self.keys.key_set(self.stage.token(signer=signer))
        assert (refused.value.reason.id, refused.value.reason.status) == ("issuer-keys.unavailable", 503)
        return dict(refused.value.headers)["retry-after"]


async def test_the_keys_are_where_the_metadata_says() -> None:
    """Discovery, once; later requests fetch nothing."""
    world = World()
    for _ in range(3):
        context = await world.stage.guard.verify(world.stage.request())
        assert context.token.issuer == ISSUER
    assert world.issuer.asked == [METADATA, JWKS]


async def test_a_configured_address_needs_no_discovery() -> None:
    """Configuration comes first."""
    world = World(jwks_uri=JWKS)
    assert await world.knows(ISSUER_KEY)
    assert world.issuer.asked == [JWKS]


async def test_openid_discovery_serves_where_rfc_8414_does_not() -> None:
    """Servers that publish the older address only."""
    world = World()
    world.issuer.documents[OPENID] = world.issuer.documents.pop(METADATA)
    assert await world.knows(ISSUER_KEY)
    assert world.issuer.asked == [METADATA, OPENID, JWKS]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"issuer": ISSUER + "/", "jwks_uri": JWKS}, "metadata.issuer"),
        ({"issuer": "https://evil.example", "jwks_uri": JWKS}, "metadata.issuer"),
        ({"jwks_uri": JWKS}, "metadata.issuer"),
        ({"issuer": ISSUER}, "metadata.endpoint"),
        ({"issuer": ISSUER, "jwks_uri": 5}, "metadata.endpoint"),
        ({"issuer": ISSUER, "jwks_uri": "http://as.example/jwks"}, "metadata.endpoint"),
        ({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, "metadata.endpoint"),
        ([], "json.not-an-object"),
        (b"{", "json.malformed"),
        (b'{"issuer": "a", "issuer": "b"}', "json.duplicate-member"),
    ],
)
async def test_metadata_of_somebody_else_is_not_believed(document: object, reason: str) -> None:
    """The issuer is compared octet for octet (RFC 8414 section 3.3), and keys come over https."""
    world = World()
    world.issuer.documents[METADATA] = document
    await world.unavailable()
    assert world.observer.reasons == [f"resource/issuer-keys: {reason}"]
    assert JWKS not in world.issuer.asked


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "jwks.malformed"),
        ({"keys": [{**public_jwk(OTHER.public_key), "d": "AAAA"}]}, "jwk.private"),
        (b'{"keys": []' + b" " * 300_000 + b"}", "json.too-large"),
    ],
)
async def test_a_key_set_that_is_none_is_an_outage(document: object, reason: str) -> None:
    """Nothing is believed of a document that is odd."""
    world = World()
    world.issuer.documents[JWKS] = document
    await world.unavailable()
    assert world.observer.reasons == [f"resource/issuer-keys: {reason}"]


@pytest.mark.parametrize("away", [OSError("no route"), TimeoutError()], ids=repr)
async def test_an_issuer_that_was_never_there_is_a_503_and_left_alone(away: Exception) -> None:
    """The guard fails closed, says when to come back, and asks again only then."""
    world = World()
    world.issuer.away = away
    assert await world.unavailable() == "5"
    world.clock.advance(4)
    assert await world.unavailable() == "1"
    assert (world.issuer.asked, world.observer.reasons) == (
        [METADATA],
        ["resource/issuer-keys: issuer-keys.fetch-failed"],
    )
    world.clock.advance(1)
    world.issuer.away = None
    assert await world.knows(ISSUER_KEY)


async def test_a_server_error_is_an_outage() -> None:
    """A status other than 200 gives no keys."""
    world = World()
    del world.issuer.documents[JWKS]
    await world.unavailable()
    assert world.observer.reasons == ["resource/issuer-keys: issuer-keys.fetch-failed"]


async def test_an_outage_is_bridged_up_to_the_cap() -> None:
    """Known keys serve for an hour after they were fetched, while each attempt to get new ones fails."""
    world = World()
    assert await world.knows(ISSUER_KEY)
    world.issuer.away = OSError()
    world.clock.advance(3_599)
    assert await world.knows(ISSUER_KEY)
    assert await world.knows(ISSUER_KEY)
    assert len(world.issuer.asked) == 3
    world.clock.advance(1)
    assert await world.unavailable() == "4"


async def test_a_new_key_is_found_when_a_token_names_it() -> None:
    """Rotation: an unknown kid fetches once; the token that brought it passes."""
    world = World()
    assert await world.knows(ISSUER_KEY)
    world.issuer.publish(ISSUER_KEY, SECOND)
    world.clock.advance(30)
    assert await world.knows(SECOND)
    assert await world.knows(ISSUER_KEY)
    assert world.issuer.asked.count(JWKS) == 2


async def test_made_up_kids_do_not_make_the_guard_fetch() -> None:
    """However many tokens name unknown keys: one fetch in each cool-down, and known keys never wait."""
    world = World()
    assert await world.knows(ISSUER_KEY)
    stranger = LocalSigner("ES256", OTHER.private_key, "made-up")
    for second in range(60):
        for number in range(3):
            signer = LocalSigner("ES256", OTHER.private_key, f"made-up-{second}-{number}")
            assert not await world.knows(signer)
        assert await world.knows(ISSUER_KEY)
        world.clock.advance(1)
    assert not await world.knows(stranger)
    assert world.issuer.asked.count(JWKS) == 3


async def test_while_a_key_that_has_ended_is_published_its_successor_is_asked_for_sooner() -> None:
    """Every five seconds at most, until the issuer publishes another; then the cool-down is what it was.

    Meanwhile a token of a key that nobody knows may be of that one: its client is told to come again.
    """
    world = World()
    assert await world.knows(ISSUER_KEY)
    world.clock.advance(4)
    assert not await world.knows(SECOND)
    world.ended.add(thumbprint(ISSUER_KEY.public_key))
    assert await world.unavailable(SECOND) == "5"
    assert world.issuer.asked.count(JWKS) == 1
    world.clock.advance(1)
    assert await world.unavailable(SECOND) == "5"
    assert world.issuer.asked.count(JWKS) == 2
    assert await world.knows(ISSUER_KEY)  # what it signed is for others to refuse
    world.issuer.publish(SECOND)
    assert await world.unavailable(SECOND) == "5"
    assert world.issuer.asked.count(JWKS) == 2
    world.clock.advance(5)
    assert await world.knows(SECOND)
    world.clock.advance(29)
    assert not await world.knows(LocalSigner("ES256", OTHER.private_key, "made-up"))
    assert world.issuer.asked.count(JWKS) == 3


async def test_an_issuer_that_goes_on_publishing_a_key_that_has_ended_is_not_waited_for_for_ever() -> None:
    """After as long as keys are kept a token of an unknown key is refused as ever, and makes nobody fetch more often."""
    world = World(ISSUER_KEY, SECOND)
    assert await world.knows(SECOND)
    world.ended.add(thumbprint(ISSUER_KEY.public_key))
    stranger = LocalSigner("ES256", OTHER.private_key, "made-up")
    world.clock.advance(30)
    assert await world.unavailable(stranger) == "5"
    world.clock.advance(300)
    before = world.issuer.asked.count(JWKS)
    for _ in range(60):
        assert not await world.knows(stranger)
        world.clock.advance(1)
    assert world.issuer.asked.count(JWKS) - before <= 2


async def test_a_removed_key_is_gone_with_the_next_fetch() -> None:
    """After the time to live at the latest nothing that it signed passes, remembered tokens included."""
    world = World(ISSUER_KEY, SECOND)
    stage = world.stage
    old = stage.token()
    await stage.guard.verify(stage.request(old))
    world.issuer.publish(SECOND)
    world.clock.advance(299)
    await stage.guard.verify(stage.request(stage.token(jti="other")))
    world.clock.advance(1)
    with pytest.raises(Reject) as refused:
        await stage.guard.verify(stage.request(stage.token()))
    assert refused.value.reason.id == "access-token.unknown-key"


async def test_a_remembered_token_does_not_outlive_its_key() -> None:
    """The attack: a token of a stolen key was verified and is remembered; the key is retired, the token lives on."""
    world = World(ISSUER_KEY, SECOND)
    stage = world.stage
    await stage.guard.verify(stage.request())  # fetches the keys
    world.clock.advance(200)
    stolen, good = stage.token(), stage.token(signer=SECOND, jti="token-2")
    for token in (stolen, good, stolen):
        await stage.guard.verify(stage.request(token))
    world.issuer.publish(SECOND)
    world.clock.advance(100)
    await stage.guard.verify(stage.request(good))
    with pytest.raises(Reject) as refused:
        await stage.guard.verify(stage.request(stolen))
    assert refused.value.reason.id == "access-token.unknown-key"
    assert world.issuer.asked.count(JWKS) == 2


async def test_the_set_is_the_same_object_until_its_content_changes() -> None:
    """Memories that hang on the set are not thrown away at every fetch."""
    world = World()
    token = world.stage.token()
    first = await world.keys.key_set(token)
    world.clock.advance(301)
    second = await world.keys.key_set(token)
    world.issuer.publish(ISSUER_KEY, SECOND)
    world.clock.advance(301)
    third = await world.keys.key_set(token)
    assert (world.issuer.asked.count(JWKS), first is second, second is third) == (3, True, False)


async def test_a_decoy_with_the_same_kid_is_not_mistaken() -> None:
    """Keys are told apart by kid and algorithm: a set may hold others under one kid."""
    world = World(DECOY, ISSUER_KEY)
    context = await world.stage.guard.verify(world.stage.request())
    assert context.subject == "sub.alice"
    world.clock.advance(30)
    rsa = LocalSigner("PS256", generate_private_key("PS256"), "as-1")
    assert not await world.knows(rsa)
    assert world.issuer.asked.count(JWKS) == 2  # the kid is known, but not for this algorithm


async def test_of_many_who_need_keys_one_fetches() -> None:
    """Single flight: sixteen requests at once, one fetch of each document."""
    world = World()
    world.issuer.gate.clear()
    waiting = [asyncio.create_task(world.knows(ISSUER_KEY)) for _ in range(16)]
    await world.issuer.arrived.wait()
    world.issuer.gate.set()
    assert await asyncio.gather(*waiting) == [True] * 16
    assert world.issuer.asked == [METADATA, JWKS]


async def test_who_goes_away_does_not_take_the_answer_along() -> None:
    """The first request is cancelled while it fetches; the second gets its keys all the same."""
    world = World()
    world.issuer.gate.clear()
    first = asyncio.create_task(world.knows(ISSUER_KEY))
    second = asyncio.create_task(world.knows(ISSUER_KEY))
    await world.issuer.arrived.wait()
    first.cancel()
    world.issuer.gate.set()
    assert await second
    assert (first.cancelled(), world.issuer.asked) == (True, [METADATA, JWKS])


async def test_while_keys_are_refreshed_the_known_ones_serve() -> None:
    """One request waits for the new keys; a slow issuer does not hold up all the others."""
    world = World()
    assert await world.knows(ISSUER_KEY)
    world.clock.advance(301)
    world.issuer.gate.clear()
    world.issuer.arrived.clear()
    slow = asyncio.create_task(world.knows(ISSUER_KEY))
    await world.issuer.arrived.wait()
    assert await world.knows(ISSUER_KEY)
    unknown = asyncio.create_task(world.knows(SECOND))
    await asyncio.sleep(0)
    assert (slow.done(), unknown.done()) == (False, False)
    world.issuer.publish(ISSUER_KEY, SECOND)
    world.issuer.gate.set()
    assert [await slow, await unknown] == [True, True]
    assert world.issuer.asked.count(METADATA) == 2


async def test_a_malformed_token_fetches_nothing() -> None:
    """No key could help it, so none is looked for."""
    world = World()
    assert await world.knows(ISSUER_KEY)
    world.clock.advance(60)
    for token in ("x", "a.b.c", "", "....", "e30.e30.AAAA"):
        await world.keys.key_set(token)
    assert world.issuer.asked.count(JWKS) == 1


async def test_what_is_known_of_headers_is_bounded() -> None:
    """An attacker who varies the header of tokens fills no memory."""
    world = World()
    _, payload, signature = world.stage.token().split(".")
    for number in range(100):
        header = encode_base64url(b'{"alg":"ES256","kid":"as-1","n":%d}' % number)
        await world.keys.key_set(f"{header}.{payload}.{signature}")
    assert (len(world.keys._known_headers) <= MAXIMUM_KNOWN_HEADERS, len(world.issuer.asked)) == (True, 2)


@pytest.mark.parametrize(
    "changes", [{"cool_down": 0}, {"cool_down": 400}, {"stale_cap": 10}, {"retry_after": 0}], ids=str
)
def test_times_that_contradict_each_other_are_refused(changes: dict[str, float]) -> None:
    """A configuration error shows when the guard is made, not during an outage."""
    with pytest.raises(ValueError, match="cool-down"):
        KeyRefresh(**changes)
