"""`trustweft keys`: what people and programs read of rotation and retirement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from trustweft.cli import keys as command_module
from trustweft.cli import main
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_settings
from trustweft.crypto.key_rotation import HANDOVER, make_missing
from trustweft.crypto.key_states import PUBLISHED_BEFORE_USE
from trustweft.crypto.keyring import KeyRing
from trustweft.runtime.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


class Desk:
    """An operator at the command line, whose clock is turned by hand."""

    def __init__(self, data: Path, clock: ManualClock) -> None:
        self.data = data
        self.clock = clock
        directory = DataDirectory.open_or_create(data, base_port=None, clock=clock)
        prepare_settings(directory, customers={})
        self.ring = KeyRing.load_or_create(data / "server" / "keys", now=clock.now())

    def run(self, *words: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(main, ["keys", *words, "--data", str(self.data)], prog_name="trustweft")

    def text(self, *words: str) -> str:
        """Type a command that succeeds, and read it."""
        done = self.run(*words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *words: str) -> Any:
        """The same, for programs."""
        return json.loads(self.text(*words, "--json"))

    def refusal(self, *words: str) -> list[str]:
        """Type a command that is refused, and read why."""
        done = self.run(*words)
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr.splitlines()

    @property
    def signs(self) -> str:
        """The key that signs now."""
        self.ring.reload(self.clock.now())
        return str(self.ring.signer().key_id)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk on a winter's morning, at a wide screen."""
    clock = ManualClock(NOW)
    monkeypatch.setattr(command_module, "_CLOCK", clock)
    monkeypatch.setenv("COLUMNS", "120")
    return Desk(tmp_path / "data", clock)


def table(text: str) -> list[list[str]]:
    """Return the rows below the headings, as their words."""
    return [line.split() for line in text.splitlines()[1:]]


def test_a_whole_rotation_as_a_person_reads_it(desk: Desk) -> None:
    """Each line of the list says what happens next, and when."""
    first = desk.signs
    desk.clock.advance(60)
    told = desk.text("rotate").splitlines()
    second = next(row[0] for row in table(desk.text("list")) if row[0] != first)
    assert told == [
        f"Published {second} (ES256).",
        "It signs from 08:11:00 UTC (in 10 min): until then everybody learns of it.",
        (
            f"{first} signs until then, and stays published until 09:11:00 UTC (in 1 h 10 min): "
            "until then what it signed is around."
        ),
    ]
    lists = {}
    for seconds in (1, PUBLISHED_BEFORE_USE, 3_600):
        desk.clock.advance(seconds)
        lists[seconds] = table(desk.text("list"))
    assert lists == {
        1: [
            [first, "ES256", "active", "2027-01-15", "08:00:00", "retires", "08:11:00"],
            [second, "ES256", "pending", "2027-01-15", "08:01:00", "signs", "08:11:00"],
        ],
        PUBLISHED_BEFORE_USE: [
            [first, "ES256", "retiring", "2027-01-15", "08:11:00", "forgotten", "09:11:00"],
            [second, "ES256", "active", "2027-01-15", "08:11:00", "signs", "until", "rotated"],
        ],
        3_600: [
            [first, "ES256", "retired", "2027-01-15", "09:11:00"],
            [second, "ES256", "active", "2027-01-15", "08:11:00", "signs", "until", "rotated"],
        ],
    }


def test_the_list_fits_a_narrow_screen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty columns, one line for each key."""
    monkeypatch.setenv("COLUMNS", "80")
    desk.text("rotate")
    lines = desk.text("list").splitlines()
    assert (len(lines), max(map(len, lines)) <= 80) == (3, True)


def test_tomorrow_is_told_with_its_date(desk: Desk) -> None:
    """A time of day alone would be today's."""
    desk.clock.advance(15 * 3_600 + 55 * 60)
    assert "It signs from 2027-01-16 00:05:00 UTC (in 10 min)" in desk.text("rotate")


def test_a_program_reads_the_same(desk: Desk) -> None:
    """Times as RFC 3339 writes them; null where the clock alone changes nothing more."""
    first = desk.signs
    rotated = desk.json("rotate", "--algorithm", "ES256")
    second = rotated["key_id"]
    assert rotated == {
        "key_id": second,
        "algorithm": "ES256",
        "published_at": "2027-01-15T08:00:00Z",
        "active_from": "2027-01-15T08:10:00Z",
        "retired_at": None,
        "compromised": False,
        "replaces": {"key_id": first, "forgotten_at": "2027-01-15T09:10:00Z"},
    }
    shown = {key["key_id"]: (key["state"], key["since"], key["next"]) for key in desk.json("list")}
    assert shown == {
        first: (
            "active",
            "2027-01-15T08:00:00Z",
            {"state": "retiring", "at": "2027-01-15T08:10:00Z"},
        ),
        second: (
            "pending",
            "2027-01-15T08:00:00Z",
            {"state": "active", "at": "2027-01-15T08:10:00Z"},
        ),
    }
    desk.clock.advance(PUBLISHED_BEFORE_USE)
    assert [key["next"] for key in desk.json("list") if key["key_id"] == second] == [None]


def test_a_second_rotation_is_told_how_to_go_on(desk: Desk) -> None:
    """With the very command."""
    second = desk.json("rotate")["key_id"]
    assert desk.refusal("rotate") == [
        f"Error: keys.pending: {second} is published already as the next ES256 key",
        f"Wait until it signs, or give it up first: trustweft keys retire {second}",
    ]
    assert desk.text("retire", second) == (
        f"Gave up {second}: it is published no longer, and never signed anything.\n"
    )
    desk.text("rotate")


def test_an_algorithm_that_the_server_does_not_sign_with_is_told(desk: Desk) -> None:
    """It comes by the settings, not by a rotation."""
    (line,) = desk.refusal("rotate", "--algorithm", "EdDSA")
    assert line.startswith(
        "Error: keys.algorithm: this server signs with ES256; add EdDSA to keys.algorithms"
    )


def test_an_algorithm_that_does_not_sign_yet_is_told(desk: Desk) -> None:
    """It is in the settings already: nothing helps but to wait."""
    make_missing(desk.ring.directory, algorithms=("EdDSA",), now=NOW)
    assert desk.refusal("rotate", "--algorithm", "EdDSA") == [
        "Error: keys.algorithm: this server signs with ES256, and with EdDSA from 08:10:00 UTC (in 10 min)"
    ]


def test_the_key_that_signs_is_not_retired_by_a_slip_of_the_hand(desk: Desk) -> None:
    """Both ways out are named."""
    assert desk.refusal("retire", desk.signs) == [
        f"Error: keys.signs: {desk.signs} is the key that signs",
        "The next one takes its place without anybody noticing: trustweft keys rotate",
        f"If somebody else may know its secret: trustweft keys retire {desk.signs} --compromised",
    ]


def test_a_compromised_key_is_retired_with_what_it_means(desk: Desk) -> None:
    """What signs now, who refuses what and when, and which other secrets lay beside it."""
    first, pending = desk.signs, desk.json("rotate")["key_id"]
    told = desk.text("retire", first, "--compromised").splitlines()
    desk.clock.advance(HANDOVER)
    second = desk.signs
    assert told == [
        f"Retired {first} as compromised: it is published and signs no longer from 08:00:02 UTC (in 2 s).",
        f"{second} (ES256) signs from then on, and is published already.",
        (
            "What it signed, access tokens and ID tokens, is refused from then on by the server, and by everybody else "
            "with the next look at the key set: within 5 minutes."
        ),
        "Clients get new tokens with their refresh tokens.",
        "Whoever asked for the key set a moment ago may refuse those too, until it asks again.",
        f"Other secrets lie in the same directory. If that was read, retire these too: {pending}",
    ]
    assert [first, "ES256", "retired", "2027-01-15", "08:00:02", "compromised"] in table(desk.text("list"))
    assert desk.refusal("retire", first) == [f"Error: keys.retired: {first} is retired already"]


def test_a_retirement_as_a_program_reads_it(desk: Desk) -> None:
    """With what the key was, and its successor."""
    first = desk.signs
    done = desk.json("retire", first, "--compromised")
    assert (done["key_id"], done["was"], done["compromised"]) == (first, "active", True)
    assert (done["retired_at"], done["successor"]["active_from"]) == ("2027-01-15T08:00:02Z",) * 2
    (before, after) = desk.json("list")
    assert {key["key_id"]: key["next"] for key in (before, after)} == {
        first: {"state": "retired", "at": "2027-01-15T08:00:02Z"},
        done["successor"]["key_id"]: {"state": "active", "at": "2027-01-15T08:00:02Z"},
    }


def test_a_retiring_key_goes_sooner_with_what_it_means(desk: Desk) -> None:
    """No successor is named: it has one."""
    first = desk.signs
    desk.text("rotate")
    desk.clock.advance(PUBLISHED_BEFORE_USE)
    told = desk.text("retire", first).splitlines()
    assert told[0] == f"Retired {first}: it is published no longer."
    assert "refused" in told[1]
    assert len(told) == 2


@pytest.mark.parametrize("key_id", ["nobody", "{x}", "%s"])
def test_an_unknown_key_is_told_as_it_was_typed(desk: Desk, key_id: str) -> None:
    """Whatever is in it."""
    assert desk.refusal("retire", key_id) == [f"Error: keys.unknown: there is no key {key_id}"]


def test_a_server_of_its_own_is_named_by_its_settings(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as `serve` reads them: with the environment over the file."""
    config = str(desk.data / "server" / "server.toml")
    assert desk.text("list", "--config", config) == desk.text("list")
    monkeypatch.setenv("TRUSTWEFT_KEYS__DIRECTORY", "elsewhere")
    (line,) = desk.refusal("list", "--config", config)
    assert line.startswith("Error: keys.none: ")
    assert "elsewhere holds no keys; the first start of the server makes them" in line


@pytest.mark.parametrize("algorithms", ["[]", '["ES256", "ES256"]', '["RS256"]', '["Ed25519"]'])
def test_a_list_of_algorithms_that_cannot_be_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, algorithms: str
) -> None:
    """Nothing, something twice, or what may not sign."""
    monkeypatch.setenv("TRUSTWEFT_KEYS__ALGORITHMS", algorithms)
    (line,) = desk.refusal("list", "--config", str(desk.data / "server" / "server.toml"))
    assert "algorithms" in line or "TRUSTWEFT_KEYS__ALGORITHMS" in line


def test_a_key_that_leads_nowhere_is_told(desk: Desk) -> None:
    """There are keys beside it: nobody says that there are none."""
    (desk.data / "server" / "keys" / "gone.json").symlink_to("nowhere")
    for words in (("list",), ("rotate",)):
        (line,) = desk.refusal(*words)
        assert "gone.json" in line


def test_an_open_key_is_told_with_the_command_that_mends_it(desk: Desk) -> None:
    """By each of the commands."""
    path = desk.data / "server" / "keys" / f"{desk.signs}.json"
    path.chmod(0o644)
    for words in (("list",), ("rotate",), ("retire", path.stem)):
        assert desk.refusal(*words) == [f"Error: others can read {path}; run: chmod 600 {path}"]
