"""Contradictions: each rule finds what it is for, and the packaged profiles have none."""

from __future__ import annotations

import msgspec
import pytest

from trustweft.profile import load_profile, profile_names
from trustweft.profile.contradictions import _RULES, contradictions

CASES: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"client_assertion_lifetime": 301}, {}, "client_assertion_lifetime is longer"),
    (
        {"grant_lifetime": 60, "refresh_token_lifetime": 60, "access_token_lifetime": 61},
        {},
        "access_token_lifetime is longer",
    ),
    ({"refresh_token_lifetime": 7_776_001}, {}, "refresh_token_lifetime is longer"),
    ({"refresh_token_lifetime": 299}, {}, "refresh_token_lifetime is shorter"),
    ({"grant_types": ("refresh_token",)}, {}, "grant_types has refresh_token without"),
    ({"grant_types": ("client_credentials",)}, {}, "response_types has code without"),
    ({"minimum_elliptic_curve_key_bits": 384}, {}, "minimum_elliptic_curve_key_bits is above 256"),
    ({}, {"confidential_clients_only": False}, "without confidential_clients_only"),
]


@pytest.mark.parametrize("name", profile_names())
def test_a_packaged_profile_does_not_contradict_itself(name: str) -> None:
    """What comes with this version can be meant."""
    assert contradictions(load_profile(name)) == ()


@pytest.mark.parametrize(("limits", "duties", "problem"), CASES, ids=[problem for *_, problem in CASES])
def test_a_contradiction_is_found(limits: dict[str, object], duties: dict[str, object], problem: str) -> None:
    """Whatever the specifications allow: rules of the table alone are asked here."""
    default = load_profile("fapi2-security")
    profile = msgspec.structs.replace(
        default,
        requirements=(),
        responsibilities=(),
        interactions=(),
        limits=msgspec.structs.replace(default.limits, **limits),
        duties=msgspec.structs.replace(default.duties, **duties),
    )
    assert any(problem in text for text in contradictions(profile))


def test_every_rule_has_its_case() -> None:
    """A rule that nothing sets off would be a line for show."""
    assert [text for text, _ in _RULES if not any(problem in text for *_, problem in CASES)] == []
