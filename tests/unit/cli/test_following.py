"""How participants follow a directory, as `trustweft serve` assembles it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from support.directory import TestDirectory
from support.participants import make_member
from trustweft.cli.assembly.directory import follow_directory, reader_rules, reading_by
from trustweft.cli.assembly.parts import Surroundings, tls_policy
from trustweft.cli.directory_settings import (
    ClientDirectory,
    FollowedDirectory,
    ResourceDirectory,
    ServerDirectory,
)
from trustweft.net.status_reader import DATA, PAYMENTS
from trustweft.profile import load_profile
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from trustweft.profile import Profile

PROFILE = load_profile("fapi2-security")


def stricter(**changes: int) -> Profile:
    """Return the profile with other rules of the directory."""
    return msgspec.structs.replace(PROFILE, directory=msgspec.structs.replace(PROFILE.directory, **changes))


async def _nothing(_order: object) -> dict[str, int]:
    return {}


def test_the_settings_of_the_manual_are_settings() -> None:
    """What docs/following.md shows is read as it stands there."""
    text = (Path(__file__).parents[3] / "docs" / "following.md").read_text(encoding="utf-8")
    server, client = (part.partition("```")[0] for part in text.split("```toml\n")[1:])
    settings = msgspec.convert(tomllib.loads(server)["directory"], ServerDirectory)
    assert (settings.names.brand, settings.names.payments) == ("harbour-bank", ("payments",))
    assert msgspec.convert(tomllib.loads(client)["directory"], ClientDirectory).names.brand == "harbour-bank"


@pytest.mark.parametrize("kind", [ServerDirectory, ResourceDirectory])
def test_whoever_follows_a_directory_has_a_name_in_it(kind: type[FollowedDirectory]) -> None:
    """Without it nobody's end would end anything here, and receipts would say that all is done."""
    followed = {
        "issuer": "https://directory.example",
        "feed": "https://directory.example/status",
        "identifier": "https://server.example",
        "state_file": "status.json",
        "jwks_file": "jwks.json",
    }
    with pytest.raises(msgspec.ValidationError, match=r"directory\.names says which"):
        msgspec.convert(followed, kind)


def test_the_profile_says_for_how_long_the_last_list_is_good(tmp_path: Path) -> None:
    """Neither settings nor code have a number of their own."""
    directory = TestDirectory()
    (tmp_path / "jwks.json").write_bytes(msgspec.json.encode(directory.jwks()))
    receiver = follow_directory(
        FollowedDirectory(
            issuer=directory.issuer,
            feed=f"{directory.issuer}/status",
            identifier="https://server.example",
            state_file="status.json",
            jwks_file="jwks.json",
        ),
        stricter(payments_stale_cap=7, data_stale_cap=11, clock_skew=3),
        policy=tls_policy(PROFILE),
        base=tmp_path,
        surroundings=Surroundings(ManualClock(), SystemEntropy(), SilentObserver()),
        participant="server",
        signer=lambda: directory.signer,
        clean_up=_nothing,
    )
    rules = receiver.reader.rules
    assert (rules.caps, rules.tolerance) == ({PAYMENTS: 7, DATA: 11}, 3)


@pytest.mark.anyio
async def test_another_profile_is_in_force_for_the_next_question() -> None:
    """A list that was good a moment ago is too old once the applied profile says so; the participant adopts it too."""
    clock, adopted = ManualClock(), list[object]()
    member = make_member(clock, rules=reader_rules(PROFILE))
    member.directory.say("software:moneyview", "active")
    assert await member.reader.poll()
    clock.advance(60)
    member.reader.check_fresh(PAYMENTS)
    profile = stricter(payments_stale_cap=30)
    reading_by(member.reader, adopted.append)(profile)
    with pytest.raises(Reject) as refused:
        member.reader.check_fresh(PAYMENTS)
    assert (refused.value.reason.id, adopted) == ("status.stale", [profile])
