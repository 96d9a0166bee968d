"""`trustweft serve --workers`: one participant as several processes, and a parent that looks after them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port, run_trustweft
from soak.site import prepare_site, wait_until_gone

if TYPE_CHECKING:
    from pathlib import Path

    from soak.site import Running, Site

WORKERS = 2
DIRECTORY = """
[directory]
issuer = "https://directory.example"
feed = "https://directory.example/status"
identifier = "https://participant.example"
jwks_uri = "https://directory.example/jwks"
state_file = "status.json"
"""
SECONDS = 20.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A data directory; nobody runs yet."""
    return asyncio.run(prepare_site(tmp_path_factory.mktemp("workers") / "data", base_port=free_base_port()))


def events(running: Running, name: str) -> list[dict[str, object]]:
    return [line for line in running.lines() if line["event"] == name]


def ask(site: Site) -> int:
    url = site.directory.ports.url(site.directory.ports.server)
    return httpx2.get(f"{url}/.well-known/openid-configuration", verify=site.trust).status_code


def test_a_first_start_with_workers_makes_each_key_once(site: Site) -> None:
    """The parent makes keys and secrets before there is a worker who could."""
    server = site.directory.path / "server"
    shutil.rmtree(server / "keys", ignore_errors=True)
    (server / "nonce-secret").unlink(missing_ok=True)
    with site.serving("server", workers=WORKERS) as running:
        assert ask(site) == 200
        assert sorted(str(line["worker"]) for line in events(running, "worker-ready")) == ["1", "2"]
    made = [json.loads(path.read_bytes())["algorithm"] for path in (server / "keys").glob("*.json")]
    assert sorted(made) == ["ES256", "PS256"]


def test_a_worker_that_dies_is_logged_and_replaced(site: Site) -> None:
    """Killed or told to stop, it comes back, the more slowly the more often; the port is served all the time."""
    with site.serving("server", workers=WORKERS) as running:
        first, second = running.worker_processes
        os.kill(first, signal.SIGKILL)
        assert ask(site) == 200
        running.wait_until_replaced(first)
        again = running.worker_processes[0]
        os.kill(second, signal.SIGTERM)
        running.wait_until_replaced(second)
        os.kill(again, signal.SIGKILL)
        running.wait_until_replaced(again)
        ended = [
            (line["worker"], line["status"], line["again_in"]) for line in events(running, "worker-ended")
        ]
        assert ended == [(1, -signal.SIGKILL, 0.1), (2, 0, 0.1), (1, -signal.SIGKILL, 0.2)]
        assert ask(site) == 200
        everybody = running.worker_processes
    wait_until_gone(everybody)
    assert "Traceback" not in running.log.read_text(encoding="utf-8")


def test_workers_end_with_a_parent_that_is_killed(site: Site) -> None:
    """They notice by themselves, and the port is free for the next start."""
    running = site.start("server", workers=WORKERS)
    running.process.kill()
    running.wait_until_killed()
    with site.serving("server", workers=WORKERS):
        assert ask(site) == 200


def test_ctrl_c_stops_everybody_in_good_order(site: Site) -> None:
    """Status 0, as with the SIGTERM of the other tests, and nobody is taken for dead and replaced."""
    running = site.start("server", workers=WORKERS)
    everybody = running.worker_processes
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(SECONDS) == 0
    running.stdout.close()
    assert events(running, "worker-ended") == []
    wait_until_gone(everybody)


def test_metrics_are_those_of_all_workers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever worker answers, each request is counted once; also those of a worker that has died."""
    port = site.directory.ports.operations
    monkeypatch.setenv("TRUSTWEFT_LISTEN__OPERATIONS_PORT", str(port))

    def metrics() -> list[str]:
        return httpx2.get(f"https://localhost:{port}/metrics", verify=site.trust).text.splitlines()

    with site.serving("server", workers=WORKERS) as running:
        since = running.logged
        url = site.directory.ports.url(site.directory.ports.server)
        while len(running.refused_by(since)) < WORKERS:  # every request comes over a connection of its own
            assert httpx2.get(f"{url}/nothing", verify=site.trust).status_code == 404
        asked = running.refused_by(since).total()
        wanted = f'trustweft_refusals_total{{endpoint="none",participant="server",reason="http.not-found"}} {asked}.0'
        assert {wanted in metrics() for _ in range(5)} == {True}
        victim = running.worker_processes[0]
        os.kill(victim, signal.SIGKILL)
        running.wait_until_replaced(victim)
        assert wanted in metrics()
        assert 'trustweft_quantity{participant="server",quantity="reaper_backlog_rows"} 0.0' in metrics()


def test_a_taken_port_stops_the_start(site: Site, tmp_path: Path) -> None:
    """One sentence on standard error, and status 1."""
    with site.serving("server", workers=1):
        config = str(site.directory.path / "server" / "server.toml")
        done = run_trustweft("serve", "server", "--config", config, "--workers", "2")
    port = site.directory.ports.server
    assert (done.returncode, f"cannot listen on localhost:{port}" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("client", "--workers", "2"), "MoneyView keeps its sessions in its memory: it has one worker"),
        (("server", "--workers", "0"), "0 is not in the range 1<=x<=64"),
        (("server", "--workers", "65"), "65 is not in the range 1<=x<=64"),
    ],
    ids=["client", "none", "too many"],
)
def test_a_number_of_workers_that_cannot_be_is_refused(
    site: Site, arguments: tuple[str, ...], message: str
) -> None:
    """Before anything is opened."""
    participant, *rest = arguments
    config = str(site.directory.path / participant / f"{participant}.toml")
    done = run_trustweft("serve", participant, "--config", config, *rest)
    assert (done.returncode != 0, message in done.stderr) == (True, True), done.stderr


@pytest.mark.parametrize("participant", ["server", "resource"])
def test_whoever_follows_a_directory_has_one_worker(site: Site, tmp_path: Path, participant: str) -> None:
    """Several would write over what each other knows, and an order could be forgotten: refused before anything is opened."""
    text = (site.directory.path / participant / f"{participant}.toml").read_text(encoding="utf-8")
    config = tmp_path / f"{participant}.toml"
    role = {"server": "brand", "resource": "issuer_brand"}[participant]
    table = f'{DIRECTORY}\n[directory.names]\n{role} = "harbour-bank"\n'
    config.write_text(f"{text}\n{table}", encoding="utf-8")
    done = run_trustweft("serve", participant, "--config", str(config), "--workers", "2")
    told = "whoever follows a directory has one worker" in done.stderr
    assert (done.returncode != 0, told) == (True, True), done.stderr


def test_the_number_of_workers_can_stand_in_the_file(site: Site) -> None:
    """As `workers` in [listen], or in the environment; a number beyond the bound is refused with its place."""
    config = site.directory.path / "server" / "server.toml"
    done = subprocess.run(
        [sys.executable, "-m", "trustweft", "serve", "server", "--config", str(config)],
        env={**os.environ, "TRUSTWEFT_LISTEN__WORKERS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "TRUSTWEFT_LISTEN__WORKERS" in done.stderr) == (1, True), done.stderr
    explained = run_trustweft("config", "explain", "server", "--config", str(config), "--json").stdout
    assert '"listen.workers"' in explained
