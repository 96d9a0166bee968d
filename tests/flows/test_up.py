"""`trustweft up` and the commands around it, as real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port, run_trustweft, running_ecosystem
from trustweft.cli.assembly.parts import read_key
from trustweft.crypto.keyring import KeyRing
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion

if TYPE_CHECKING:
    from pathlib import Path

    from ecosystem import Ecosystem
    from trustweft.crypto.keys import Signer

COMMANDS = (
    (),
    ("up",),
    ("serve",),
    ("tour",),
    ("clients",),
    ("clients", "add"),
    ("clients", "list"),
    ("clients", "show"),
    ("clients", "update"),
    ("clients", "remove"),
    ("users",),
    ("users", "add"),
    ("users", "list"),
    ("users", "remove"),
    ("keys",),
    ("keys", "list"),
    ("keys", "rotate"),
    ("keys", "retire"),
    ("profile",),
    ("profile", "apply"),
    ("config",),
    ("config", "explain"),
)


def get(ecosystem: Ecosystem, url: str) -> httpx2.Response:
    """Get a document over TLS that is verified."""
    return httpx2.get(url, verify=ecosystem.trust)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """`--help` works for each command."""
    done = run_trustweft(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_the_home_page_is_only_looked_at(ecosystem: Ecosystem, method: str) -> None:
    """It changes nothing, so it answers to nothing that would."""
    answer = httpx2.request(method, f"{ecosystem.home}/", verify=ecosystem.trust)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_home_page_shows_every_participant(ecosystem: Ecosystem) -> None:
    """It answers 200 when everybody is ready, and links to them."""
    page = get(ecosystem, f"{ecosystem.home}/")
    assert page.status_code == 200
    assert [
        url for url in (ecosystem.issuer, ecosystem.bank, ecosystem.moneyview) if url not in page.text
    ] == []


def test_what_the_start_made_is_for_its_owner_alone(ecosystem: Ecosystem) -> None:
    """No file of the ecosystem can be read by others."""
    open_to_others = [
        str(path) for path in ecosystem.data.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_no_secret_is_in_the_log_but_the_passwords_that_are_announced(ecosystem: Ecosystem) -> None:
    """Passwords are printed once at the start; keys and tokens never."""
    log = ecosystem.log.read_text(encoding="utf-8")
    assert "eyJ" not in log
    assert "PRIVATE" not in log
    assert all(log.count(password) == 1 for password in ecosystem.passwords.values())


def test_refusals_are_counted_by_reason(ecosystem: Ecosystem) -> None:
    """The metrics tell which reason refused how many."""
    get(ecosystem, f"{ecosystem.bank}/accounts")
    metrics = get(ecosystem, f"https://localhost:{ecosystem.base_port + 9}/metrics").text
    assert (
        'trustweft_refusals_total{endpoint="guard",participant="resource",reason="bearer.missing"}' in metrics
    )


def test_a_second_start_finds_keys_clients_and_users_again(tmp_path: Path) -> None:
    """Stopped by SIGTERM and started again, it is the same ecosystem."""
    seen = []
    base = free_base_port()
    for port in (base, base):
        with running_ecosystem(tmp_path / "data", base_port=port) as running:
            listed = run_trustweft("clients", "list", "--json", "--data", str(running.data))
            users = run_trustweft("users", "list", "--json", "--data", str(running.data))
            keys = get(running, f"{running.issuer}/jwks").json()
            seen.append(
                (keys, json.loads(listed.stdout), json.loads(users.stdout), running.authority.read_bytes())
            )
    assert seen[0] == seen[1]


def test_another_port_for_the_same_data_is_refused(ecosystem: Ecosystem) -> None:
    """The reason is told on one line, and nothing starts."""
    done = run_trustweft("up", "--data", str(ecosystem.data), "--port", "9000")
    assert done.returncode == 1
    assert "issuer and the redirect URIs would change" in done.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Whoever cannot listen says where."""
    base = free_base_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 3))
        taken.listen()
        done = run_trustweft("up", "--data", str(tmp_path / "data"), "--port", str(base))
    assert done.returncode == 1
    assert f"sample bank cannot listen on localhost:{base + 3}" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_everything_cleanly(tmp_path: Path) -> None:
    """SIGINT ends the process with status 0 and no trace, with a connection still open."""
    with running_ecosystem(tmp_path / "data") as running, httpx2.Client(verify=running.trust) as client:
        client.get(f"{running.issuer}/jwks")
        pid = int(
            subprocess.run(
                ["pgrep", "-f", f"trustweft up --data {running.data} "],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()[0]
        )
        os.kill(pid, signal.SIGINT)
        # Until it has ended: another signal on the way would end it at once, as a second Ctrl-C does.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert "Traceback" not in running.log.read_text(encoding="utf-8")


def test_clients_are_added_shown_and_removed_while_the_server_runs(ecosystem: Ecosystem) -> None:
    """The registry is the store's; a removed identifier stays taken."""
    shown = json.loads(run_trustweft("clients", "show", "moneyview", "--data", str(ecosystem.data)).stdout)
    metadata = json.dumps({**shown, "client_id": "short-lived"})
    data = ("--data", str(ecosystem.data))
    added = run_trustweft("clients", "add", "--json", *data, "-", text=metadata)
    assert json.loads(added.stdout)["client_id"] == "short-lived"
    again = run_trustweft("clients", "add", *data, "-", text=metadata)
    assert (again.returncode, "client.taken" in again.stderr) == (1, True)
    removed = run_trustweft("clients", "remove", "short-lived", "--json", *data)
    assert json.loads(removed.stdout) == {"removed": "short-lived"}
    back = run_trustweft("clients", "add", *data, "-", text=metadata)
    assert (back.returncode, "client.taken" in back.stderr) == (1, True)
    assert run_trustweft("clients", "show", "short-lived", *data).returncode == 1


def signer_of(ecosystem: Ecosystem, name: str) -> Signer:
    """Return what a client of the box signs assertions with; MoneyView's keys are in a ring."""
    if name == "moneyview":
        directory = ecosystem.data / "client" / "keys"
        return KeyRing.load_or_create(directory, algorithms=("ES256",), now=time.time()).signer()
    return read_key(ecosystem.data / "client-keys" / f"{name}.json")


def revoke_as(ecosystem: Ecosystem, client_id: str, key: str) -> int:
    """Revoke what never was, as a client with this key: 200 for whoever authenticates."""
    signer = signer_of(ecosystem, key)
    assertion = create_client_assertion(
        signer,
        client_id=client_id,
        issuer=ecosystem.issuer,
        now=time.time(),
        lifetime=60,
        jti=str(uuid.uuid4()),
    )
    form = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return httpx2.post(f"{ecosystem.issuer}/revoke", data=form, verify=ecosystem.trust).status_code


def test_a_client_is_authenticated_by_the_keys_that_it_publishes_and_updated_while_the_server_runs(
    ecosystem: Ecosystem,
) -> None:
    """By reference to where MoneyView publishes its key, then by value with another key: each counts at once."""
    data = ("--data", str(ecosystem.data))
    shown = json.loads(run_trustweft("clients", "show", "moneyview", *data).stdout)
    tour = json.loads(run_trustweft("clients", "show", "tour", *data).stdout)
    assert shown["jwks_uri"] == f"{ecosystem.moneyview}/jwks"
    metadata = {**shown, "client_id": "by-reference"}
    added = run_trustweft("clients", "add", *data, "-", text=json.dumps(metadata))
    assert (added.returncode, added.stderr) == (0, "")
    assert [revoke_as(ecosystem, "by-reference", key) for key in ("moneyview", "tour")] == [200, 401]
    del metadata["jwks_uri"]
    by_value = json.dumps({**metadata, "jwks": tour["jwks"]})
    updated = run_trustweft("clients", "update", *data, "-", text=by_value)
    assert updated.stdout == "Updated by-reference: jwks, jwks_uri.\n"
    assert [revoke_as(ecosystem, "by-reference", key) for key in ("moneyview", "tour")] == [401, 200]
    assert run_trustweft("clients", "remove", "by-reference", *data).returncode == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token_endpoint_auth_method": "none"}, "client-metadata."),
        ({"grant_types": ["password"]}, "client-metadata."),
        ({"redirect_uris": ["http://client.example/callback"]}, "redirect-uri."),
        ({"client_id": "sub.AAAAAAAAAAAAAAAAAAAAAA"}, "client-metadata."),
    ],
)
def test_unsafe_metadata_is_refused_with_a_reason(
    ecosystem: Ecosystem, change: dict[str, object], reason: str
) -> None:
    """Public clients, the password grant, unencrypted redirects and subject-like identifiers are refused."""
    shown = json.loads(run_trustweft("clients", "show", "moneyview", "--data", str(ecosystem.data)).stdout)
    metadata = json.dumps({**shown, "client_id": "unsafe-one", **change})
    refused = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=metadata)
    assert refused.returncode == 1
    assert reason in refused.stderr


def test_users_are_added_and_removed(ecosystem: Ecosystem) -> None:
    """The password comes from the environment or a prompt, never from the command line's history."""
    data = ("--data", str(ecosystem.data))
    added = subprocess.run(
        [
            sys.executable,
            "-m",
            "trustweft",
            "users",
            "add",
            "carol",
            "--name",
            "Carol Jones",
            "--json",
            *data,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TRUSTWEFT_PASSWORD": "correct horse battery staple"},
    )
    assert json.loads(added.stdout)["subject"].startswith("sub.")
    names = {user["username"] for user in json.loads(run_trustweft("users", "list", "--json", *data).stdout)}
    assert names == {"alice", "bob", "carol"}
    assert run_trustweft("users", "remove", "carol", *data).returncode == 0
    assert run_trustweft("users", "remove", "carol", *data).returncode == 1


def test_config_explain_names_the_source_of_every_value(ecosystem: Ecosystem) -> None:
    """File, environment, default or clause: each value has one."""
    done = run_trustweft("config", "explain", "server", "--json", "--data", str(ecosystem.data))
    rows = {row["setting"]: row for row in json.loads(done.stdout)}
    assert rows["server.issuer"]["source"].endswith("server.toml")
    assert rows["profile.authorization_code_lifetime"]["source"] == "FAPI2-SP-5.3.2.1-11"
    assert [row for row in rows.values() if not row["source"]] == []


def test_an_unknown_setting_is_an_error_with_the_nearest_name(ecosystem: Ecosystem, tmp_path: Path) -> None:
    """A slip of the pen never weakens anything silently."""
    text = (ecosystem.data / "server" / "server.toml").read_text(encoding="utf-8")
    path = tmp_path / "server.toml"
    path.write_text(text.replace("display_name", "display_names"), encoding="utf-8")
    done = run_trustweft("serve", "server", "--config", str(path))
    assert done.returncode == 1
    assert "server.display_names is not a setting; did you mean server.display_name?" in done.stderr


def test_a_client_cannot_be_promised_an_algorithm_that_the_server_does_not_sign_with(
    ecosystem: Ecosystem,
) -> None:
    """What was registered would be broken by the first ID token; what it signs with may be registered."""
    data = ("--data", str(ecosystem.data))
    shown = json.loads(run_trustweft("clients", "show", "moneyview", *data).stdout)
    metadata = {**shown, "client_id": "other-algorithm"}
    asked = {
        algorithm: run_trustweft(
            "clients",
            "add",
            *data,
            "-",
            text=json.dumps({**metadata, "id_token_signed_response_alg": algorithm}),
        )
        for algorithm in ("EdDSA", "PS256")
    }
    assert {name: done.returncode for name, done in asked.items()} == {"EdDSA": 1, "PS256": 0}
    assert "signs ID tokens with ES256 and PS256, not with EdDSA" in asked["EdDSA"].stderr
    assert run_trustweft("clients", "remove", "other-algorithm", *data).returncode == 0


def test_a_taken_port_leaves_nothing_behind(ecosystem: Ecosystem, tmp_path: Path) -> None:
    """The folder of a start that failed can be used for another port."""
    data = str(tmp_path / "new")
    failed = run_trustweft("up", "--data", data, "--port", str(ecosystem.base_port))
    assert failed.returncode == 1
    assert f"cannot listen on localhost:{ecosystem.base_port}" in failed.stderr
    assert run_trustweft("clients", "list", "--data", data).stderr.startswith("Error: ")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_participant_alone_has_metrics_and_keeps_its_store_small(ecosystem: Ecosystem) -> None:
    """The bank on its own, configured by its file and the environment: what it refuses is counted, the reaper runs."""
    base, config = free_base_port(), str(ecosystem.data / "resource" / "resource.toml")
    process = subprocess.Popen(
        [sys.executable, "-m", "trustweft", "serve", "resource", "--config", config],
        env={
            **os.environ,
            "TRUSTWEFT_LISTEN__PORT": str(base),
            "TRUSTWEFT_LISTEN__OPERATIONS_PORT": str(base + 1),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert f"https://localhost:{base}," in process.stdout.readline()
        assert get(ecosystem, f"https://localhost:{base}/accounts").status_code == 401
        wanted = (
            'trustweft_refusals_total{endpoint="guard",participant="resource",reason="bearer.missing"} 1.0',
            'trustweft_quantity{participant="resource",quantity="reaper_backlog_rows"} 0.0',
        )
        metrics = get(ecosystem, f"https://localhost:{base + 1}/metrics").text
        assert [line for line in wanted if line not in metrics] == []
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_the_bank_knows_its_customers_on_its_own_too(ecosystem: Ecosystem) -> None:
    """The file that `up` wrote names them, so that `serve resource` shows the same accounts."""
    rows = json.loads(
        run_trustweft("config", "explain", "resource", "--json", "--data", str(ecosystem.data)).stdout
    )
    customers = [row["value"] for row in rows if row["setting"].startswith("customers.")]
    assert sorted(customers) == ["alice", "bob"]


def test_a_file_of_ones_own_is_explained_with_the_environment(
    ecosystem: Ecosystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `serve` reads it; the running ecosystem is explained by its files alone, as `up` reads them."""
    monkeypatch.setenv("TRUSTWEFT_SERVER__DISPLAY_NAME", "Another Bank")
    config = str(ecosystem.data / "server" / "server.toml")
    alone = run_trustweft("config", "explain", "server", "--json", "--config", config)
    running = run_trustweft("config", "explain", "--json", "--data", str(ecosystem.data))
    names = [
        [row["value"] for row in json.loads(done.stdout) if row["setting"] == "server.display_name"]
        for done in (alone, running)
    ]
    assert names[0] == ["Another Bank"]
    assert names[1] != ["Another Bank"]
    assert run_trustweft("config", "explain", "--config", config).returncode == 2


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        ("", "correct horse battery staple", "user.bad-name"),
        ("two words", "correct horse battery staple", "user.bad-name"),
        ("esc\x1b[2J", "correct horse battery staple", "user.bad-name"),
        ("carol", "short", "user.bad-password"),
        ("carol", "latin-1 is not utf-8: \udce9", "user.bad-password"),
    ],
)
def test_a_user_that_nobody_could_be_is_refused(
    ecosystem: Ecosystem, username: str, password: str, reason: str
) -> None:
    """One line says why, and nothing was added."""
    done = subprocess.run(
        [sys.executable, "-m", "trustweft", "users", "add", username, "--data", str(ecosystem.data)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TRUSTWEFT_PASSWORD": password},
    )
    assert (done.returncode, done.stderr.startswith(f"Error: {reason}")) == (1, True), done.stderr


def test_a_page_that_cannot_be_written_is_told_before_the_walk(ecosystem: Ecosystem, tmp_path: Path) -> None:
    """Not after a minute, and not as a trace."""
    page = str(tmp_path / "nowhere" / "tour.html")
    done = run_trustweft("tour", "--data", str(ecosystem.data), "--html", page)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no folder" in done.stderr
