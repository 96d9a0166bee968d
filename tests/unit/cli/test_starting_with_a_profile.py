"""Participants start with another profile than the default, as far as what it asks for is built."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from local_tls import make_local_tls
from support.profile_files import changed_profile
from trustweft.cli.assembly.client import assemble_client, client_configuration
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.resource import assemble_resource
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_keys, prepare_settings
from trustweft.cli.settings import ClientSettings, ResourceSettings, ServerSettings
from trustweft.client import PublishedKeys
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.profile import ProfileError, load_profile
from trustweft.profile.implemented import unbuilt_mechanisms
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.assembly.parts import Assembled

pytestmark = pytest.mark.anyio

AROUND = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
PARTICIPANTS: tuple[tuple[str, Any, Any], ...] = (
    ("server", ServerSettings, assemble_server),
    ("resource", ResourceSettings, assemble_resource),
    ("client", ClientSettings, assemble_client),
)
# As a national profile is: one algorithm, one way to authenticate, one way to bind tokens, the newest TLS.
NATIONAL: dict[str, Any] = {
    "signing_algorithms": ["PS256"],
    "client_authentication_methods": ["private_key_jwt"],
    "sender_constraint_methods": ["mtls"],
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "minimum_tls_version": "1.3",
    "access_token_lifetime": 900,
    "require_dpop_nonce": False,
    "revoke_on_code_replay": False,
}


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    """An ecosystem whose settings are about to be read."""
    made = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=SystemClock())
    tls = make_local_tls(made.path)
    prepare_keys(made, authority=tls.authority, now=time.time())
    prepare_settings(made, customers={})
    return made


async def assembled(
    directory: DataDirectory, environment: dict[str, str], around: Surroundings = AROUND
) -> dict[str, Assembled]:
    """Assemble every participant from its settings, and close it again."""
    found = {}
    for name, kind, assemble in PARTICIPANTS:
        path = directory.file(f"{name}/{name}.toml")
        known = environment if name == "server" else {k: v for k, v in environment.items() if "KEYS" not in k}
        settings = read_settings(path, kind, environment=known).value
        found[name] = assemble(settings, base=path.parent, surroundings=around)
        for close in reversed(found[name].close):
            await close()
    return found


async def test_every_participant_starts_with_a_narrower_profile(
    directory: DataDirectory, tmp_path: Path
) -> None:
    """And each listener speaks TLS as the profile says."""
    national = changed_profile(tmp_path / "national.toml", **NATIONAL)
    environment = {"TRUSTWEFT_PROFILE": str(national), "TRUSTWEFT_KEYS__ALGORITHMS": '["PS256"]'}
    found = await assembled(directory, environment)
    policies = [each.policy for participant in found.values() for each in participant.listeners]
    assert len(policies) == 4
    assert {policy and policy.minimum_version for policy in policies} == {"1.3"}


@pytest.mark.parametrize("name", ["uk-open-banking", "br-open-finance", "au-cdr", "au-connectid"])
async def test_national_profiles_run_as_far_as_their_mechanisms_are_built(
    directory: DataDirectory, name: str
) -> None:
    """Every participant starts once the operator says which mechanisms are done without, and not before."""
    environment = {"TRUSTWEFT_PROFILE": name, "TRUSTWEFT_KEYS__ALGORITHMS": '["PS256"]'}
    unbuilt = unbuilt_mechanisms(load_profile(name))
    if unbuilt:
        with pytest.raises(ProfileError, match=f"the mechanism {unbuilt[0]} is on, which is not built yet"):
            await assembled(directory, environment)
    without = json.dumps(unbuilt)
    found = await assembled(directory, environment | {"TRUSTWEFT_WITHOUT_MECHANISMS": without})
    assert set(found) == {"server", "resource", "client"}


@pytest.mark.parametrize(
    ("profile", "sign_requests", "signs"),
    [
        ("fapi2-security", False, False),
        ("fapi2-security", True, True),
        ("fapi2-message-signing", False, True),
        ("uk-open-banking", False, True),
    ],
)
def test_moneyview_signs_its_requests_where_it_is_told_to_or_has_to(
    directory: DataDirectory, *, profile: str, sign_requests: bool, signs: bool
) -> None:
    """By its setting, or by a profile under which the server takes no others."""
    path = directory.file("client/client.toml")
    settings = read_settings(path, ClientSettings, environment={}).value.moneyview
    settings = msgspec.structs.replace(settings, sign_requests=sign_requests)
    keys = PublishedKeys(LocalSigner("ES256", generate_private_key("ES256"), "key-1"))
    configuration = client_configuration(settings, load_profile(profile), keys=keys, base=path.parent)
    assert configuration.request_keys is (keys if signs else None)


class Listening(SilentObserver):
    """Remembers what happened."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.heard: list[tuple[str, str, dict[str, str | float]]] = []

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Remember it."""
        self.heard.append((participant, event, facts))


async def test_each_participant_says_once_what_it_runs_without(directory: DataDirectory) -> None:
    """What is done without and is asked for; what nobody asked for is not missed, and silence is having it all."""
    observer = Listening()
    around = Surroundings(SystemClock(), SystemEntropy(), observer)
    environment = {
        "TRUSTWEFT_PROFILE": "fapi2-message-signing",
        "TRUSTWEFT_WITHOUT_MECHANISMS": '["jarm", "introspection_jwt", "ciba"]',
    }
    await assembled(directory, environment, around)
    missing = {"profile": "fapi2-message-signing", "mechanisms": "jarm, introspection_jwt"}
    assert [each for each in observer.heard if each[1] == "runs without"] == [
        (participant, "runs without", missing) for participant in ("server", "resource", "client")
    ]
    observer.heard.clear()
    await assembled(directory, {}, around)
    assert [each for each in observer.heard if each[1] == "runs without"] == []


async def test_an_applied_profile_goes_over_that_of_the_settings(
    directory: DataDirectory, tmp_path: Path
) -> None:
    """At every later start; and where it cannot be used nobody starts."""
    changed_profile(directory.applied_profile, minimum_tls_version="1.3")
    found = await assembled(directory, {})
    assert {each.policy and each.policy.minimum_version for each in found["client"].listeners} == {"1.3"}
    changed_profile(directory.applied_profile, authorization_code_lifetime=61)
    with pytest.raises(ProfileError, match="at most 60"):
        await assembled(directory, {})


async def test_a_server_does_not_sign_with_what_its_profile_forbids(
    directory: DataDirectory, tmp_path: Path
) -> None:
    """Keys and profile have to agree before anything starts."""
    national = changed_profile(tmp_path / "national.toml", **NATIONAL)
    with pytest.raises(ProfileError, match="does not allow ES256, which the server signs with"):
        await assembled(directory, {"TRUSTWEFT_PROFILE": str(national)})
