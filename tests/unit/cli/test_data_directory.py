"""The directory of an ecosystem."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import click
import pytest

from trustweft.cli.data_directory import DataDirectory, Ports
from trustweft.net.serving import ServingError
from trustweft.runtime.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

CLOCK = ManualClock()


def test_a_later_start_finds_the_port_of_the_first(tmp_path: Path) -> None:
    """The base port is remembered, so that later commands need the directory alone."""
    DataDirectory.open_or_create(tmp_path / "data", base_port=9_000, clock=CLOCK)
    assert DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=CLOCK).ports.base == 9_000
    assert DataDirectory.open(tmp_path / "data").ports.server == 9_001


def test_a_start_on_another_port_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Issuer and redirect URIs would change, so the port of a directory is fixed."""
    DataDirectory.open_or_create(tmp_path / "data", base_port=9_000, clock=CLOCK)
    with pytest.raises(click.ClickException, match="issuer and the redirect URIs"):
        DataDirectory.open_or_create(tmp_path / "data", base_port=9_100, clock=CLOCK)


def test_a_command_without_an_ecosystem_says_how_to_start_one(tmp_path: Path) -> None:
    """The message names the command to run."""
    with pytest.raises(click.ClickException, match="trustweft up --data"):
        DataDirectory.open(tmp_path / "nowhere")


def test_a_directory_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    """Keys and passwords lie in it; the message names the mend."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "something").touch()
    with pytest.raises(click.ClickException, match="chmod 700"):
        DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=CLOCK)


def test_an_empty_directory_is_taken_and_closed(tmp_path: Path) -> None:
    """Whoever makes the folder first, with the usual mode, need not know about ours."""
    (tmp_path / "data").mkdir(mode=0o755)
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=CLOCK)
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700


def test_a_start_that_cannot_be_leaves_the_choice_of_ports_open(tmp_path: Path) -> None:
    """A newcomer whose port is taken names another one, for the same folder."""

    def taken(_ports: Ports) -> None:
        raise ServingError

    with pytest.raises(ServingError):
        DataDirectory.open_or_create(tmp_path / "data", base_port=9_000, clock=CLOCK, check=taken)
    found = DataDirectory.open_or_create(tmp_path / "data", base_port=9_100, clock=CLOCK)
    assert found.ports.base == 9_100


def test_everything_in_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Directories have mode 0700, files 0600."""
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=CLOCK)
    folder = data.file("server/anything").parent
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (data.path, folder, data.path / "ecosystem.json")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_damaged_record_is_told_not_guessed(tmp_path: Path) -> None:
    """A record that cannot be read is an error of one line."""
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=CLOCK)
    (data.path / "ecosystem.json").write_text("{")
    with pytest.raises(click.ClickException):
        DataDirectory.open(data.path)
