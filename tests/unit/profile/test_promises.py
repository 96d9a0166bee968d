"""Mechanisms are what is proved and values what is run: a profile in which they differ is found out."""

from __future__ import annotations

import msgspec
import pytest

from trustweft.profile import load_profile, profile_names
from trustweft.profile.promises import DUTIES_OF_MECHANISMS, broken_promises

Case = tuple[dict[str, object], dict[str, object], str]
_SAID_TWICE: list[Case] = [
    ({}, {duty: False}, f"the mechanism {mechanism} is on, and {duty}")
    for mechanism, duty in DUTIES_OF_MECHANISMS
]
CASES: list[Case] = [
    *_SAID_TWICE,
    ({}, {"check_token_revocation": False}, "the mechanism offboarding is on"),
    ({}, {"require_issuer_as_audience": False}, "the mechanism aud=issuer is on"),
    ({}, {"require_sender_constrained_tokens": False}, "the mechanism sc=dpop is on"),
    ({"sender_constraint_methods": ()}, {}, "sender_constraint_methods has none"),
    ({"redirect_status": 307}, {}, "redirect_status is 307"),
    ({"code_challenge_methods": ()}, {}, "code_challenge_methods is empty"),
    ({"code_challenge_methods": ("S256", "plain")}, {}, "code_challenge_methods is S256, plain"),
    ({"signing_algorithms": ("PS256", "none")}, {}, "signing_algorithms has none"),
    ({"client_authentication_methods": ("none",)}, {}, "client_authentication_methods has none"),
    (
        {"client_authentication_methods": ("private_key_jwt", "client_secret_basic")},
        {},
        "client_authentication_methods has client_secret_basic",
    ),
    ({"client_authentication_methods": ("homing-pigeon",)}, {}, "has homing-pigeon"),
]


def _broken(limits: dict[str, object], duties: dict[str, object]) -> list[str]:
    default = load_profile("fapi2-security")
    profile = msgspec.structs.replace(
        default,
        requirements=(),
        responsibilities=(),
        interactions=(),
        limits=msgspec.structs.replace(default.limits, **limits),
        duties=msgspec.structs.replace(default.duties, **duties),
    )
    return list(broken_promises(profile))


@pytest.mark.parametrize("name", profile_names())
def test_what_is_proved_of_a_packaged_profile_is_what_it_asks_for(name: str) -> None:
    assert list(broken_promises(load_profile(name))) == []


@pytest.mark.parametrize(("limits", "duties", "problem"), CASES, ids=[problem for *_, problem in CASES])
def test_a_value_that_leaves_a_mechanism_out_is_told(
    limits: dict[str, object], duties: dict[str, object], problem: str
) -> None:
    found = _broken(limits, duties)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    "limits", [{"redirect_status": 302}, {"client_authentication_methods": ("tls_client_auth",)}]
)
def test_a_value_as_strong_or_stronger_keeps_the_promise(limits: dict[str, object]) -> None:
    assert _broken(limits, {}) == []
