"""`trustweft profile apply` where nothing runs, or something that does not follow: what is refused, kept and told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from support.profile_files import changed_profile
from trustweft.cli import main, profile_apply
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_settings
from trustweft.cli.registry import add_client
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import generate_private_key, public_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.presence import Presence
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

AROUND = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())


METADATA: dict[str, Any] = {
    "client_id": "moneyview",
    "client_name": "MoneyView",
    "organization_name": "MoneyView Ltd",
    "redirect_uris": ["https://client.example/callback"],
    "scope": "openid",
    "jwks": {"keys": [{**public_jwk(generate_private_key("ES256").public_key()), "kid": "1"}]},
}


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """An ecosystem that never ran, with one client: it signs with ES256, and its tokens are bound to its key."""
    directory = DataDirectory.open_or_create(tmp_path / "data", base_port=23_450, clock=AROUND.clock)
    prepare_settings(directory, customers={})

    async def register() -> None:
        async with SqliteStore.open(directory.database) as store:
            await add_client(store, msgspec.json.encode(METADATA), surroundings=AROUND)

    asyncio.run(register())
    return directory


def apply(data: DataDirectory, profile: Path | str, *options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["profile", "apply", str(profile), "--data", str(data.path), *options])


def history(data: DataDirectory) -> list[dict[str, Any]]:
    """Return what the history says."""
    path = data.path / "profile-history.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_says_in_plain_words_what_changes_and_when(data: DataDirectory, tmp_path: Path) -> None:
    """Also that nothing is running; and the file and its history are for the owner alone."""
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=120, minimum_tls_version="1.3")
    done = apply(data, ours)
    assert done.exit_code == 0, done.output
    assert (
        "access_token_lifetime from 300 to 120\n    at once: for access tokens issued from now on"
        in done.output
    )
    assert "minimum_tls_version from 1.2 to 1.3\n    at the next start: listeners" in done.output
    assert "Nothing is running: the next start acts by it." in done.output
    assert data.applied_profile.read_bytes() == ours.read_bytes()
    for path in (data.applied_profile, data.path / "profile-history.jsonl"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(data.path.glob("*candidate*"))


def test_what_is_weaker_than_before_is_told_and_kept_in_the_history(
    data: DataDirectory, tmp_path: Path
) -> None:
    """Also a mechanism, which is no limit and no duty; where the specifications leave it, it is not refused."""
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=600)
    ours.write_text(ours.read_text(encoding="utf-8").replace('"ua_binding", ', "", 1), encoding="utf-8")
    refused = apply(data, ours)
    assert refused.exit_code == 2
    assert "is weaker than the profile in force: access_token_lifetime is 600" in refused.output
    assert "Nothing has changed. Whoever means it says --weaker." in refused.output
    assert not data.applied_profile.exists()
    done = apply(data, ours, "--weaker")
    weaker = [
        "access_token_lifetime is 600, and fapi2-security has 300",
        "the mechanism ua_binding is off, and on in fapi2-security",
    ]
    assert done.exit_code == 0, done.output
    assert "\n".join(["It is weaker than the one before:", *(f"  {text}" for text in weaker)]) in done.output
    assert [line["weaker"] for line in history(data)] == [weaker]
    assert "weaker" not in apply(data, "fapi2-security").output


def test_the_history_says_who_applied_what_over_what(data: DataDirectory, tmp_path: Path) -> None:
    """One line for each that changed something, and none for one that was in force already."""
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=120)
    for profile in (ours, ours, "fapi2-security"):
        assert apply(data, profile, "--weaker").exit_code == 0
    first, second = history(data)
    digest = hashlib.sha256(ours.read_bytes()).hexdigest()
    assert (first["profile"], first["digest"], second["before"]) == ("ours", digest, digest)
    assert first["before"] == second["digest"]
    assert [each["name"] for each in first["changes"]] == ["access_token_lifetime"]
    assert first["by"].endswith(")")
    assert "is in force already" in apply(data, "fapi2-security").output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"authorization_code_lifetime": 61}, "authorization_code_lifetime must be at most 60, but is 61"),
        ({"credential_entropy_bits": 512}, "cannot do: credential_entropy_bits is 512"),
        ({"signing_algorithms": ["PS256"]}, "does not allow ES256, which the server signs with"),
        ({"sender_constraint_methods": ["mtls"]}, "would lock out moneyview (dpop)"),
        (
            {"client_authentication_methods": ["tls_client_auth"]},
            "would lock out moneyview (private_key_jwt)",
        ),
    ],
    ids=["too weak", "not implemented", "the server's keys", "the client's binding", "its authentication"],
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(
    data: DataDirectory, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    """Too weak, not built, or at odds with keys and clients that have to be changed first."""
    done = apply(data, changed_profile(tmp_path / "other.toml", **changes))
    assert (done.exit_code, said in done.output, "Nothing has changed." in done.output) == (1, True, True), (
        done.output
    )
    assert not data.applied_profile.exists()
    assert history(data) == []


def test_a_specification_that_binds_the_ecosystem_cannot_be_dropped(
    data: DataDirectory, tmp_path: Path
) -> None:
    """A profile's bounds come from what it names: one that named nothing would be bound by nothing."""
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=120)
    ours.write_text(
        ours.read_text(encoding="utf-8").replace('specifications = ["FAPI2-SP"]', "specifications = []"),
        encoding="utf-8",
    )
    assert apply(data, ours).exit_code == 1
    assert not data.applied_profile.exists()


@pytest.mark.parametrize(
    ("said", "instead", "problem"),
    [
        ("\nreview_by", '\nextends = "fapi2-security"\nreview_by', "access_token_lifetime"),
        (
            '"par", ',
            "",
            "the duty require_pushed_authorization_requests is in force, and the mechanism par is off",
        ),
    ],
    ids=["weaker than its base", "contradiction"],
)
def test_an_unsound_profile_is_refused(
    data: DataDirectory, tmp_path: Path, said: str, instead: str, problem: str
) -> None:
    """What `profile lint` calls weaker or contradictory is not put in force, though its specifications allow it."""
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=600)
    text = ours.read_text(encoding="utf-8")
    assert said in text
    ours.write_text(text.replace(said, instead, 1), encoding="utf-8")
    done = apply(data, ours)
    assert (done.exit_code, "is not sound" in done.output, problem in done.output) == (1, True, True), (
        done.output
    )
    assert not data.applied_profile.exists()


def test_clients_are_registered_for_what_the_profile_allows(data: DataDirectory, tmp_path: Path) -> None:
    """Another client than the profile in force would let in is not registered at all."""
    assert (
        apply(data, changed_profile(tmp_path / "ours.toml", sender_constraint_methods=["dpop"])).exit_code
        == 0
    )
    KeyRing.load_or_create(data.path / "server" / "keys", now=AROUND.clock.now())
    metadata = tmp_path / "client.json"
    document = METADATA | {"client_id": "other", "tls_client_certificate_bound_access_tokens": True}
    metadata.write_bytes(msgspec.json.encode(document))
    added = CliRunner().invoke(main, ["clients", "add", str(metadata), "--data", str(data.path)])
    assert "client.beyond-profile: the profile in force does not allow mtls" in added.output
    assert apply(data, "fapi2-security").exit_code == 0
    added = CliRunner().invoke(main, ["clients", "add", str(metadata), "--data", str(data.path)])
    assert added.exit_code == 0, added.output


def test_whoever_does_not_follow_is_named(
    data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command waits for a time, says who did not follow, and fails: the profile is in place all the same."""
    monkeypatch.setattr(profile_apply, "PATIENCE", 0.0)
    ours = changed_profile(tmp_path / "ours.toml", access_token_lifetime=120)
    with Presence(data.path / "profile-in-force", participant="server") as presence:
        presence.say(participant="server", digest="another", problem=None)
        done = apply(data, ours)
        assert (done.exit_code, "not yet" in done.output) == (1, True), done.output
        assert "Not everybody acts by it" in done.output
        told = json.loads(apply(data, ours, "--json").stdout.partition("Error")[0])
        assert (told["in_force"], [each["digest"] for each in told["participants"]]) == (False, ["another"])
        longer = changed_profile(tmp_path / "longer.toml", dpop_proof_max_age=90)
        assert "cannot be while participants run" in apply(data, longer, "--weaker").output
    assert apply(data, longer, "--weaker").exit_code == 0
