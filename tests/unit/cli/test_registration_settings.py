"""`[registration]` of the server's settings: who may register, and what cannot be meant."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from local_tls import make_local_tls
from support.client_hosts import jwk_of
from support.software import Directory
from trustweft.cli.assembly.parts import Surroundings, tls_policy
from trustweft.cli.assembly.registration import registrations
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_keys, prepare_settings
from trustweft.cli.settings import RegistrationSettings, ServerSettings
from trustweft.profile import load_profile
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.settings import SettingsError, read_settings
from trustweft.server.directory_keys import KeptDirectoryKeys, PublishedDirectoryKeys

if TYPE_CHECKING:
    from pathlib import Path

AROUND = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
POLICY = tls_policy(load_profile("fapi2-security"))
TABLE = """
[registration]
maximum_per_organisation = 5
dormant_days = 90
[registration.roles]
DATA = ["openid", "accounts"]
[[registration.directories]]
issuer = "https://directory.example"
jwks_uri = "https://directory.example/jwks"
[[registration.directories]]
issuer = "https://other.example"
jwks_file = "other.jwks"
"""


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """The server's settings as `trustweft up` writes them."""
    directory = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=SystemClock())
    prepare_keys(directory, authority=make_local_tls(directory.path).authority, now=time.time())
    prepare_settings(directory, customers={})
    return directory.file("server/server.toml")


def read(file: Path, table: str) -> RegistrationSettings | None:
    """Read the settings with a table at their end."""
    file.write_text(file.read_text(encoding="utf-8") + table, encoding="utf-8")
    return read_settings(file, ServerSettings, environment={}).value.registration


def test_nobody_registers_unless_the_operator_says_so(settings_file: Path) -> None:
    """There is no such table at first."""
    settings = read(settings_file, "")
    assert settings is None
    assert registrations(None, POLICY, base=settings_file.parent, surroundings=AROUND) is None


def test_directories_are_known_by_file_and_by_address(settings_file: Path) -> None:
    """Each has its own keys; the rules that are not named have their defaults."""
    jwks = {"keys": [jwk_of(Directory().signer)]}
    (settings_file.parent / "other.jwks").write_bytes(msgspec.json.encode(jwks))
    settings = read(settings_file, TABLE)
    offered = registrations(settings, POLICY, base=settings_file.parent, surroundings=AROUND)
    assert offered is not None
    kinds = {issuer: type(keys) for issuer, keys in offered.directories.items()}
    assert kinds == {
        "https://directory.example": PublishedDirectoryKeys,
        "https://other.example": KeptDirectoryKeys,
    }
    rules = offered.rules
    assert (rules.maximum_per_organisation, rules.dormant_days, rules.unused_days) == (5, 90, 30)
    assert rules.roles == {"DATA": ("openid", "accounts")}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[registration]\n", "directories"),
        ("[registration]\ndirectories = []\n", "one directory or more"),
        (TABLE.replace("other.example", "directory.example"), "each once"),
        (TABLE.replace('jwks_file = "other.jwks"', ""), "either a jwks_file or a jwks_uri"),
        (TABLE + 'jwks_uri = "https://other.example/jwks"\n', "either a jwks_file or a jwks_uri"),
        (TABLE.replace("dormant_days = 90", "dormant_days = 1"), "dormant_days"),
        (TABLE.replace("dormant_days", "dormnat_days"), "did you mean registration.dormant_days"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings_file: Path, table: str, problem: str) -> None:
    """At the start, by name."""
    with pytest.raises(SettingsError, match=problem):
        read(settings_file, table)


@pytest.mark.parametrize("content", [None, b"{}", b"no JSON"])
def test_keys_that_cannot_be_read_stop_the_start(settings_file: Path, content: bytes | None) -> None:
    """A server that knew no key of its directory would refuse everybody."""
    if content is not None:
        (settings_file.parent / "other.jwks").write_bytes(content)
    settings = read(settings_file, TABLE)
    with pytest.raises(SettingsError, match=r"other\.jwks"):
        registrations(settings, POLICY, base=settings_file.parent, surroundings=AROUND)
