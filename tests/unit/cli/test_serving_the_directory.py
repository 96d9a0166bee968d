"""The settings of a directory, and what its first start makes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from local_tls import LocalTls, make_local_tls
from trustweft.cli import main
from trustweft.cli.assembly.parts import Assembled, Surroundings, read_key
from trustweft.cli.assembly.trust_anchor import ProbeKeys, assemble_directory
from trustweft.cli.trust_anchor_settings import TrustAnchor
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
[directory]
issuer = "{issuer}"
organization_name = "Directory"
[listen]
port = 8445
workers = {workers}
[tls]
certificate = "{certificate}"
private_key = "{key}"
"""


@pytest.fixture
def tls(tmp_path: Path) -> LocalTls:
    """A certificate."""
    return make_local_tls(tmp_path)


def write(folder: Path, tls: LocalTls, *, issuer: str = "https://d.example", workers: int = 1) -> Path:
    """Write settings; return the file."""
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "directory.toml"
    file.write_text(
        SETTINGS.format(
            issuer=issuer,
            workers=workers,
            certificate=tls.server.certificate_file,
            key=tls.server.private_key_file,
        )
    )
    return file


async def assemble(file: Path) -> Assembled:
    """Assemble the directory of a file."""
    settings = read_settings(file, TrustAnchor, environment={}).value
    surroundings = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
    return assemble_directory(settings, base=file.parent, surroundings=surroundings)


async def close(assembled: Assembled) -> None:
    """Let everything go."""
    for each in reversed(assembled.close):
        await each()


@pytest.mark.parametrize("issuer", ["http://d.example", "https://d.example/", "https://d.example/x", "d"])
def test_an_issuer_is_an_origin(tmp_path: Path, tls: LocalTls, issuer: str) -> None:
    """Https, host and port, and nothing more."""
    with pytest.raises(SettingsError, match="nothing more"):
        read_settings(write(tmp_path / "d", tls, issuer=issuer), TrustAnchor, environment={})


def test_the_first_start_makes_what_is_missing_and_the_next_finds_it(tmp_path: Path, tls: LocalTls) -> None:
    """Register, keys, evidence log and the key of probes, for the owner alone."""
    file = write(tmp_path / "d", tls)

    async def start() -> dict[str, bytes]:
        await close(await assemble(file))
        return {name: (file.parent / name).read_bytes() for name in ("probe-key.json", "evidence-key.json")}

    made = asyncio.run(start())
    assert asyncio.run(start()) == made
    secret = ("register.sqlite", "evidence.sqlite", "evidence-key.json", "probe-key.json", "replays.sqlite")
    assert [oct((file.parent / name).stat().st_mode & 0o777) for name in secret] == ["0o600"] * 5
    (public,) = json.loads((file.parent / "probe-keys.json").read_bytes())["keys"]
    assert "d" not in public
    assert public["kid"] == read_key(file.parent / "probe-key.json").key_id


def test_two_directories_do_not_write_one_log(tmp_path: Path, tls: LocalTls) -> None:
    """The second says so, and does not start."""
    file = write(tmp_path / "d", tls)

    async def start_twice() -> None:
        first = await assemble(file)
        try:
            with pytest.raises(SettingsError, match="another process writes"):
                await assemble(file)
        finally:
            await close(first)

    asyncio.run(start_twice())


def test_a_directory_has_one_worker(tmp_path: Path, tls: LocalTls) -> None:
    """Several would write the same evidence several times."""
    file = write(tmp_path / "d", tls, workers=2)
    done = CliRunner().invoke(main, ["serve", "directory", "--config", str(file)])
    assert done.exit_code == 1
    assert "one worker" in done.output


def test_its_keys_are_looked_after_like_a_servers(tmp_path: Path, tls: LocalTls) -> None:
    """By its settings file."""
    file = write(tmp_path / "d", tls)
    asyncio.run(_start_and_stop(file))
    listed = CliRunner().invoke(main, ["keys", "list", "--config", str(file), "--json"])
    assert [each["state"] for each in json.loads(listed.output)] == ["active"]


async def _start_and_stop(file: Path) -> None:
    await close(await assemble(file))


def test_probe_keys_follow_their_file(tmp_path: Path) -> None:
    """A key that the operator takes out probes no more; a file that is broken meanwhile changes nothing."""
    path = tmp_path / "probe-keys.json"
    keys = ProbeKeys(path)
    assert len(keys.current().keys) == 1
    path.write_text("{")
    assert len(keys.current().keys) == 1
    path.write_text('{"keys": []}')
    assert keys.current().keys == ()
    path.write_text("{")
    with pytest.raises(SettingsError):
        ProbeKeys(path)
