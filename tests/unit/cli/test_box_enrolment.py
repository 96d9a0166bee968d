"""What `trustweft up` on-boards: all of it, once, whatever happened before; and nobody who was stopped comes back."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from trustweft.cli.box_directory import prepare_directory
from trustweft.cli.box_enrolment import ACTOR, enrol_box
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.directory_register import SETTINGS, directory_profile, directory_terms
from trustweft.cli.first_start import prepare_keys, prepare_settings
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.local_authority import load_or_create_authority
from trustweft.directory.commands import Move
from trustweft.directory.events import Added
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Software, User
from trustweft.directory.onboarding import steps_of
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.observability import SilentObserver
from trustweft.store.errors import unavailable
from trustweft.store.register import MemoryRegisterStore

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.directory.events import Event
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.storage import Append

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0


class Cut(MemoryRegisterStore):
    """A register that is out of reach after so many events, as after a crash."""

    left = 10_000

    def append(self, events: Sequence[Event], *, expected: int) -> asyncio.Future[Append]:
        """Add them while there is some left."""
        if self.left <= 0:
            raise unavailable("cut off")
        self.left -= 1
        return super().append(events, expected=expected)


class Heard(SilentObserver):
    """Keeps what was not on-boarded."""

    def __init__(self) -> None:
        self.subjects: list[object] = []

    def happened(self, participant: str, event: str, **facts: object) -> None:
        """Keep the subject."""
        self.subjects.append(facts.get("subject"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    """A data directory as it is when its participants were assembled for the first time."""
    path: Path = tmp_path_factory.mktemp("box") / "data"
    data = DataDirectory.open_or_create(path, base_port=23_450, clock=ManualClock(NOW))
    authority = load_or_create_authority(data.path / "ca", now=NOW)
    prepare_keys(data, authority=authority, now=NOW)
    prepare_settings(data, customers={})
    prepare_directory(data)
    for folder in ("server", "client", "second-client"):
        KeyRing.load_or_create(data.path / folder / "keys", now=NOW)
    return data


def keeper(data: DataDirectory, store: MemoryRegisterStore) -> Keeper:
    """Return what carries commands out by the settings of the box."""
    terms = directory_terms(data, directory_profile(data))
    return Keeper(store, clock=ManualClock(NOW), terms=lambda: terms)


async def start(data: DataDirectory, store: MemoryRegisterStore) -> tuple[Snapshot, list[object]]:
    """On-board as a start does; return what is so then, and what could not be done."""
    heard, hand = Heard(), keeper(data, store)
    await enrol_box(data, hand, observer=heard, at=NOW)
    return (await hand.read()).now, heard.subjects


async def test_everybody_in_the_box_is_on_board(data: DataDirectory) -> None:
    """Every organisation, brand and software has all of its steps behind it; only the bank's own client uses no API."""
    now, refused = await start(data, MemoryRegisterStore())
    terms = directory_terms(data, directory_profile(data))
    assert refused == []
    missing = {
        str(record.subject): [
            each.id for each in steps_of(now, record.subject, terms) if each.state != "done"
        ]
        for record in now.records()
        if record.species in ("organisation", "brand", "software")
    }
    assert {subject: ids for subject, ids in missing.items() if ids} == {"software:bank": ["authorise"]}
    assert {each.client_id for each in now.registrations("software:moneyview")} == {"moneyview"}
    assert [str(each.subject) for each in now.records("certification")] == []
    assert {str(each.subject) for each in now.records() if not now.effective(each.subject).active} == set()


async def test_the_next_start_adds_nothing(data: DataDirectory) -> None:
    """All is there."""
    store = MemoryRegisterStore()
    first, _ = await start(data, store)
    second, _ = await start(data, store)
    assert second.sequence == first.sequence


@pytest.mark.parametrize("after", range(0, 91, 7))
async def test_a_start_that_was_cut_off_is_gone_on_with(data: DataDirectory, after: int) -> None:
    """Wherever it ended, the next one leads to the same."""
    store, whole = Cut(), MemoryRegisterStore()
    store.left = after
    with pytest.raises(Exception, match=r"store\.unavailable"):
        await start(data, store)
    store.left = 10_000
    resumed, refused = await start(data, store)
    expected, _ = await start(data, whole)
    assert refused == []
    assert {str(each.subject): each.state for each in resumed.records()} == {
        str(each.subject): each.state for each in expected.records()
    }
    assert resumed.sequence == expected.sequence


@pytest.mark.parametrize(
    ("subject", "action", "state"),
    [
        ("organisation:moneyview", "revoke", "revoked"),
        ("software:paypilot", "suspend", "suspended"),
        ("brand:harbour-bank", "withdraw", "withdrawn"),
        ("api:moneyview~accounts", "revoke", "revoked"),
        ("role:paypilot~payment-initiation", "revoke", "revoked"),
    ],
)
async def test_whoever_was_stopped_stays_stopped(
    data: DataDirectory, subject: str, action: str, state: str
) -> None:
    """No start takes back what somebody decided, and none fails for it."""
    store = MemoryRegisterStore()
    await start(data, store)
    move = Move(subject=parse_subject(subject), action=action, reason="decided")
    await keeper(data, store).carry_out(move, actor=ACTOR)
    before = len(await store.since(0, limit=1_000))
    now, _ = await start(data, store)
    assert now.find(subject).state == state
    assert len(await store.since(before, limit=1_000)) == 0


async def test_a_new_key_of_somebody_who_ended_is_not_entered(data: DataDirectory, tmp_path: Path) -> None:
    """Nor is one that was compromised entered again."""
    store = MemoryRegisterStore()
    now, _ = await start(data, store)
    key = next(each for each in now.children("software:moneyview") if each.startswith("key:"))
    hand = keeper(data, store)
    await hand.carry_out(
        Move(subject=parse_subject(key), action="compromise", reason="found on the street"), actor=ACTOR
    )
    now, _ = await start(data, store)
    assert now.find(key).state == "compromised"


def test_a_participant_with_several_workers_goes_on_without(tmp_path: Path) -> None:
    """Who follows a directory has one: nothing is added to a file that asks for more."""
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=23_450, clock=ManualClock(NOW))
    prepare_settings(data, customers={})
    path = data.path / "server" / "server.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("workers = 1", "workers = 4"), encoding="utf-8")
    prepare_directory(data)
    assert "directory" not in tomllib.loads(path.read_text(encoding="utf-8"))
    assert "directory" in tomllib.loads(
        (data.path / "resource" / "resource.toml").read_text(encoding="utf-8")
    )


def test_an_operator_who_takes_the_directory_out_keeps_it_out(tmp_path: Path) -> None:
    """The table is added once, behind what is there; later starts leave the files alone."""
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=23_450, clock=ManualClock(NOW))
    prepare_settings(data, customers={})
    path = data.path / "server" / "server.toml"
    before = path.read_text(encoding="utf-8")
    prepare_directory(data)
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    assert tomllib.loads(after)["directory"]["names"]["brand"] == "harbour-bank"
    path.write_text(before, encoding="utf-8")
    prepare_directory(data)
    assert path.read_text(encoding="utf-8") == before
    assert (data.path / SETTINGS).stat().st_mode & 0o077 == 0


async def test_applications_that_were_there_before_follow_from_the_next_start_on(
    data: DataDirectory, tmp_path: Path
) -> None:
    """An earlier version had them take part in the directory, and told them nothing; one that was taken out stays out."""
    shutil.copytree(data.path, tmp_path / "data")
    data = DataDirectory.open(tmp_path / "data")
    path = data.path / "client" / "client.toml"
    following = path.read_text(encoding="utf-8")
    path.write_text(following.partition("# Who takes part")[0], encoding="utf-8")
    store = MemoryRegisterStore()
    now, _ = await start(data, store)
    assert now.find("software:moneyview").facts.events_endpoint == ""  # type: ignore[union-attr]  # a software
    prepare_directory(data)
    assert path.read_text(encoding="utf-8") == following
    now, _ = await start(data, store)
    client = data.ports.url(data.ports.client)
    facts = now.find("software:moneyview").facts
    assert isinstance(facts, Software)
    assert (facts.events_endpoint, facts.jwks_uri) == (f"{client}/ecosystem/events", f"{client}/jwks")
    (data.path / "client" / "status.json").touch()
    path.write_text(following.partition("# Who takes part")[0], encoding="utf-8")
    prepare_directory(data)
    assert "directory" not in tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("action", "state"), [("suspend", "suspended"), ("revoke", "revoked")])
async def test_a_customer_who_was_stopped_under_an_older_name_stays_stopped(
    data: DataDirectory, action: str, state: str
) -> None:
    """Servers know customers by brand and identifier now; whoever was not stopped is not entered."""
    store = MemoryRegisterStore()
    now, _ = await start(data, store)
    customers = [
        Added(
            sequence=now.sequence + number,
            at=NOW,
            by=ACTOR,
            subject=f"user:c{number}",
            reason="",
            facts=User(organisation="harbour-bank", part="customer"),
        )
        for number in (1, 2)
    ]
    await store.append(customers, expected=now.sequence)
    hand = keeper(data, store)
    for each in ("activate", action):
        await hand.carry_out(
            Move(subject=parse_subject("user:c1"), action=each, reason="before"), actor=ACTOR
        )
    now, refused = await start(data, store)
    assert (now.find("user:harbour-bank~c1").state, refused) == (state, [])
    assert now.get("user:harbour-bank~c2") is None
    again, _ = await start(data, store)
    assert again.sequence == now.sequence
