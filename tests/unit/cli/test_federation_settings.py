"""The `[federation]` section: what it needs, and what is refused at the start by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support.federation import new_member
from trustweft.cli.assembly.federation import read_trust_anchor_keys
from trustweft.cli.settings import FederationSettings
from trustweft.crypto.keys import private_jwk
from trustweft.runtime.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

ANCHOR = new_member("https://directory.example")
GOOD: dict[str, Any] = {
    "trust_anchors": [{"entity": ANCHOR.entity, "jwks": "anchor.json"}],
    "authority_hints": [ANCHOR.entity],
}


def test_a_federation_has_somebody_to_believe_and_to_belong_to() -> None:
    """Without a Trust Anchor or a superior, or with one that is no entity, there is no federation."""
    assert msgspec.convert(GOOD, FederationSettings).authority_hints == (ANCHOR.entity,)
    assert msgspec.convert(GOOD, FederationSettings).requests_without_push is False
    wrong: list[dict[str, Any]] = [
        {"trust_anchors": []},
        {"authority_hints": []},
        {"authority_hints": ["http://directory.example"]},
        {"trust_anchors": [{"entity": "directory", "jwks": "anchor.json"}]},
        {"statement_lifetime": 5},
        {"unheard_of": 1},
    ]
    for changes in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(GOOD | changes, FederationSettings)


def test_keys_of_a_trust_anchor_come_from_a_file(tmp_path: Path) -> None:
    """The file holds public keys of a federation, or the start is refused with its name."""
    path = tmp_path / "anchor.json"
    path.write_text(json.dumps(ANCHOR.jwks), encoding="utf-8")
    assert [key.key_id for key in read_trust_anchor_keys(path).keys] == [ANCHOR.signer.key_id]
    secret = {**private_jwk(ANCHOR.signer.private_key), "kid": "x"}
    for text in ("", "[]", json.dumps({"keys": []}), json.dumps({"keys": [secret]})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=r"anchor\.json"):
            read_trust_anchor_keys(path)
    with pytest.raises(SettingsError, match="missing"):
        read_trust_anchor_keys(tmp_path / "missing.json")
