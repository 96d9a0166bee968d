"""Where revocation lists come from, when they are asked for, and what holds while they are away."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from revocations import DAY, Issuer, create_issuer
from trustweft.crypto.revocation import RevocationPolicy
from trustweft.crypto.revocation_lists import (
    MAXIMUM_SOURCES,
    ListedAuthority,
    ListRefresh,
    RevocationLists,
)
from trustweft.crypto.x509 import verify_chain
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

NOW = float(int(time.time()))
URL = "https://crl.example/issuing.crl"
TIMES = ListRefresh(fetch_every=900, pause=30)
BROKEN = reason(
    "revocation-lists-test.broken", error="server_error", public="The network is away.", status=502
)


class Hearing(SilentObserver):
    """Remembers why lists were not taken, and how many are missing."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.missing: list[float] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        assert (participant, endpoint) == ("server", "revocation-lists")
        self.refusals.append(refusal.reason.id)

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Remember the number."""
        assert (participant, quantity) == ("server", "revocation_lists_missing")
        self.missing.append(value)


class Web:
    """What is at the URLs, and what was asked for."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []
        self.called = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, url: str) -> bytes:
        """Return what is there, or fail."""
        self.asked.append(url)
        self.called.set()
        await self.open.wait()
        found = self.documents.get(url, BROKEN.reject())
        if isinstance(found, Exception):
            raise found
        return found


class World:
    """A root, an issuer below it, a client of that, and whoever judges the three."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.hearing = Hearing()
        self.web = Web()
        self.root = create_issuer("root", now=NOW)
        self.issuer = self.root.issue_issuer("issuing")
        self.client = self.issuer.issue()

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The client's certificate and what it hangs off."""
        return (self.client, self.issuer.certificate, self.root.certificate)

    def lists(self, sources: Any = (URL,), of_root: Any = "none", **changes: Any) -> RevocationLists:
        """Return the lists of both issuers."""
        authorities = [
            ListedAuthority(self.issuer.certificate, sources),
            ListedAuthority(self.root.certificate, of_root),
        ]
        arguments: dict[str, Any] = {
            "clock": self.clock,
            "fetch": self.web.fetch,
            "refresh": TIMES,
            "observer": self.hearing,
            **changes,
        }
        return RevocationLists(authorities, **arguments)

    def outcome(self, lists: RevocationLists) -> str:
        """Return what memory says of the client."""
        try:
            lists.check(self.chain, now=self.clock.now())
        except Reject as refused:
            return refused.reason.id
        return "good"


@pytest.fixture
def world() -> World:
    """A new one."""
    return World()


UNKNOWN, REVOKED = "certificate.revocation-unknown", "certificate.revoked"


async def test_a_chain_is_looked_up_in_the_lists_of_its_issuers(world: World) -> None:
    """The client's certificate in its issuer's, and that one's in the root's."""
    lists = world.lists(of_root=("https://crl.example/root.crl",))
    world.web.documents = {
        URL: world.issuer.sign_list(),
        "https://crl.example/root.crl": world.root.sign_list(),
    }
    assert world.outcome(lists) == UNKNOWN
    await lists.refresh()
    assert world.outcome(lists) == "good"
    assert world.hearing.missing == [0.0]
    world.web.documents[URL] = world.issuer.sign_list(world.client, number=2)
    world.clock.advance(900)
    await lists.refresh()
    assert world.outcome(lists) == REVOKED


async def test_an_issuer_that_was_revoked_takes_its_clients_along(world: World) -> None:
    """The client's own list calls it good; what revoked is told before what is unknown."""
    lists = world.lists(of_root=("https://crl.example/root.crl",))
    world.web.documents = {"https://crl.example/root.crl": world.root.sign_list(world.issuer.certificate)}
    await lists.refresh()
    assert world.outcome(lists) == REVOKED
    world.clock.advance(30)
    world.web.documents[URL] = world.issuer.sign_list()
    await lists.refresh()
    assert world.outcome(lists) == REVOKED


async def test_a_client_that_was_revoked_is_told_so_whatever_is_unknown_of_its_issuer(world: World) -> None:
    """Nothing that the network could still say would help it."""
    lists = world.lists(of_root=("https://crl.example/root.crl",))
    world.web.documents = {URL: world.issuer.sign_list(world.client)}
    await lists.refresh()
    assert world.outcome(lists) == REVOKED


async def test_the_chain_that_was_verified_is_the_one_that_is_looked_up(world: World) -> None:
    """``verify_chain`` returns it, from the client's certificate to the root."""
    sent = [each.public_bytes(Encoding.DER) for each in world.chain]
    # The issuer's certificate says less than the profile of the web asks for, so it is a root here.
    verified = verify_chain(sent[0], roots=[world.issuer.certificate], now=NOW)
    assert verified.chain == world.chain[:2]
    world.web.documents = {URL: world.issuer.sign_list(world.client)}
    lists = world.lists()
    with pytest.raises(Reject, match=r"certificate\.revoked"):
        await lists.verify(verified.chain)


async def test_no_lists_are_needed_only_where_the_operator_says_so(world: World) -> None:
    """``none`` is said, never assumed: an issuer about which nothing is configured is refused."""
    assert world.outcome(world.lists("none")) == "good"
    assert world.outcome(RevocationLists([], clock=world.clock)) == UNKNOWN
    known = RevocationLists([ListedAuthority(world.issuer.certificate, "none")], clock=world.clock)
    assert world.outcome(known) == UNKNOWN
    stranger = create_issuer("issuing", now=NOW)
    other = RevocationLists([ListedAuthority(stranger.certificate, "none")], clock=world.clock)
    with pytest.raises(Reject, match="nothing is configured about revocation by CN=issuing"):
        other.check(world.chain[:2], now=NOW)


@pytest.mark.parametrize("sources", [(), "https", ("http://crl.example/a.crl",), ("crl.pem",)], ids=repr)
async def test_sources_that_name_nothing_are_refused(world: World, sources: Any) -> None:
    """No source at all is no way to say none, and only https is fetched."""
    with pytest.raises(ValueError, match="source"):
        world.lists(sources)


async def test_a_configuration_that_contradicts_itself_is_refused(world: World) -> None:
    """One issuer twice, a URL with nobody to fetch it, too many sources, times that do not fit."""
    twice = [ListedAuthority(world.root.certificate, "none")] * 2
    with pytest.raises(ValueError, match="configured twice"):
        RevocationLists(twice, clock=world.clock)
    with pytest.raises(ValueError, match="cannot be fetched"):
        world.lists(fetch=None)
    with pytest.raises(ValueError, match=f"more than {MAXIMUM_SOURCES}"):
        world.lists([URL] * (MAXIMUM_SOURCES + 1))
    with pytest.raises(ValueError, match="pause"):
        ListRefresh(fetch_every=10, pause=30)


async def test_a_certificate_never_says_where_to_ask(world: World) -> None:
    """Its distribution point would let whoever presents it aim our requests."""
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("https://metadata.internal/")], None, None, None
    )
    world.client = world.issuer.issue(points=[point])
    lists = world.lists()
    with pytest.raises(Reject, match=UNKNOWN):
        await lists.verify(world.chain)
    assert world.web.asked == [URL]


async def test_an_older_list_does_not_replace_a_newer_one(world: World) -> None:
    """Whoever replays it would revive what was revoked since."""
    lists = world.lists()
    old = world.issuer.sign_list(number=7, age=600)
    world.web.documents = {URL: world.issuer.sign_list(world.client, number=8)}
    await lists.refresh()
    for replay in (old, world.issuer.sign_list(number=9, age=600)):
        world.web.documents[URL] = replay
        world.clock.advance(900)
        await lists.refresh()
        assert world.outcome(lists) == REVOKED
    assert world.hearing.refusals == ["revocation-list.older"] * 2


@pytest.mark.parametrize("bad", [b"", b"no list", ConnectionError("away"), BROKEN.reject()], ids=repr)
async def test_a_list_that_cannot_be_had_leaves_the_last_one_to_its_end(
    world: World, bad: bytes | Exception
) -> None:
    """A failure takes nothing away, and after ``nextUpdate`` everybody is refused."""
    lists = world.lists()
    world.web.documents = {URL: world.issuer.sign_list(lifetime=DAY)}
    await lists.refresh()
    world.web.documents = {URL: bad}
    world.clock.advance(900)
    await lists.refresh()
    assert world.outcome(lists) == "good"
    assert len(world.hearing.refusals) == 1
    world.clock.advance(DAY)
    await lists.refresh()
    assert world.outcome(lists) == UNKNOWN
    assert world.hearing.missing == [0.0, 0.0, 1.0]


async def test_a_stale_list_is_accepted_only_by_choice_and_up_to_the_cap(world: World) -> None:
    """After the cap the outage stops the clients, whatever the operator hoped."""
    lists = world.lists(policy=RevocationPolicy(on_outage="accept-stale", stale_cap=3600))
    world.web.documents = {URL: world.issuer.sign_list(age=0, lifetime=DAY)}
    await lists.refresh()
    world.web.documents = {}
    world.clock.advance(DAY + 3599)
    await lists.refresh()
    assert world.outcome(lists) == "good"
    world.clock.advance(1)
    assert world.outcome(lists) == UNKNOWN


async def test_a_request_waits_for_one_refresh_that_all_share(world: World) -> None:
    """Ten requests at once ask once; the one who goes away takes nothing along."""
    lists = world.lists()
    world.web.documents = {URL: world.issuer.sign_list()}
    world.web.open.clear()
    waiting = [asyncio.create_task(lists.verify(world.chain)) for _ in range(10)]
    await world.web.called.wait()
    waiting[0].cancel()
    world.web.open.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in done] == [asyncio.CancelledError] + [type(None)] * 9
    assert world.web.asked == [URL]


async def test_no_request_decides_how_often_lists_are_asked_for(world: World) -> None:
    """Between two attempts lies the pause, however many certificates come along that nothing is known of."""
    lists = world.lists()
    for _ in range(5):
        with pytest.raises(Reject, match=UNKNOWN) as refused:
            await lists.verify(world.chain)
        assert refused.value.headers == (("retry-after", "30"),)
    assert world.web.asked == [URL]
    world.clock.advance(30)
    world.web.documents = {URL: world.issuer.sign_list()}
    await lists.verify(world.chain)
    assert world.web.asked == [URL] * 2


async def test_what_memory_knows_is_not_asked_for(world: World) -> None:
    """A good and a revoked certificate cost no request."""
    lists = world.lists()
    world.web.documents = {URL: world.issuer.sign_list(world.client)}
    await lists.refresh()
    world.clock.advance(10 * 900)
    with pytest.raises(Reject, match=REVOKED):
        await lists.verify(world.chain)
    world.client = world.issuer.issue()
    await lists.verify(world.chain)
    assert world.web.asked == [URL]


async def test_a_url_is_asked_from_time_to_time_and_when_its_list_ends(world: World) -> None:
    """Every fifteen minutes; earlier where the list is in date for less."""
    lists = world.lists()
    world.web.documents = {URL: world.issuer.sign_list(age=0, lifetime=100)}
    asked = []
    for _ in range(4):
        await lists.refresh()
        asked.append(len(world.web.asked))
        world.clock.advance(50)
    world.web.documents = {URL: world.issuer.sign_list(number=2, age=-150, lifetime=DAY)}
    for _ in range(19):
        await lists.refresh()
        world.clock.advance(50)
    # At 0, and at 100 the old one comes again, so that it is asked for at every round; the new one at 200 lasts.
    assert (asked, len(world.web.asked)) == ([1, 1, 2, 3], 5)


async def test_a_file_is_read_again_when_it_has_changed(world: World, tmp_path: Path) -> None:
    """An operator replaces it, and no restart is needed; a file that goes away is told and changes nothing."""
    path = tmp_path / "issuing.pem"
    path.write_bytes(world.issuer.sign_list(encoding=Encoding.PEM))
    lists = world.lists([path])
    await lists.verify(world.chain)
    replacement = tmp_path / "new"
    replacement.write_bytes(world.issuer.sign_list(world.client, number=2))
    replacement.replace(path)
    await lists.refresh()
    assert world.outcome(lists) == "good"  # the pause is not over
    world.clock.advance(30)
    await lists.refresh()
    assert world.outcome(lists) == REVOKED
    path.unlink()
    world.clock.advance(30)
    await lists.refresh()
    assert world.outcome(lists) == REVOKED
    assert world.hearing.refusals == ["revocation-list.unavailable"]


async def test_a_file_that_has_not_changed_is_not_read(world: World, tmp_path: Path) -> None:
    """Its size, its time and its place say so."""
    path = tmp_path / "issuing.crl"
    path.write_bytes(world.issuer.sign_list())
    stamp = path.stat()
    lists = world.lists([path])
    await lists.refresh()
    path.write_bytes(b"\x00" * stamp.st_size)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    world.clock.advance(30)
    await lists.refresh()
    assert world.hearing.refusals == []


async def test_a_file_that_was_read_half_written_is_read_again(world: World, tmp_path: Path) -> None:
    """What could not be used is looked at in every round, changed or not."""
    path = tmp_path / "issuing.crl"
    path.write_bytes(world.issuer.sign_list(age=-1000))
    lists = world.lists([path])
    await lists.refresh()
    assert world.hearing.refusals == ["revocation-list.unusable"]
    world.clock.advance(1000)  # now it is no longer from the future
    await lists.verify(world.chain)


async def test_one_of_two_sources_is_enough(world: World, tmp_path: Path) -> None:
    """A mirror that is away stops nobody; what any of them revokes is revoked."""
    other = tmp_path / "mirror.crl"
    lists = world.lists([URL, other])
    world.web.documents = {URL: world.issuer.sign_list()}
    await lists.verify(world.chain)
    other.write_bytes(world.issuer.sign_list(world.client))
    world.clock.advance(30)
    await lists.refresh()
    assert world.outcome(lists) == REVOKED


async def test_the_background_task_goes_on_until_it_is_cancelled(world: World) -> None:
    """It refreshes, waits for the pause, and starts again, whatever happened."""
    pauses: list[float] = []

    async def wait(seconds: float) -> None:
        pauses.append(seconds)
        world.clock.advance(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    lists = world.lists(wait=wait)
    with pytest.raises(asyncio.CancelledError):
        await lists.run()
    assert (pauses, world.web.asked) == ([30.0] * 3, [URL] * 3)


def test_an_issuer_of_the_same_name_with_another_key_is_another(world: World) -> None:
    """After a change of keys each key has lists of its own (RFC 5280 section 6.3.3 (g))."""
    later = Issuer(world.root.issue("issuing", authority=True), world.root.key, NOW)
    lists = world.lists("none")
    with pytest.raises(Reject, match=UNKNOWN):
        lists.check((world.client, later.certificate), now=NOW)
