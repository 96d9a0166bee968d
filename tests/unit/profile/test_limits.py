"""The default profile's values, and that no profile goes beyond what a clause allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from trustweft.profile import Bound, Duties, Limits, ProfileError, load_profile, load_requirements
from trustweft.profile.bounds import broken

PROFILE = load_profile("fapi2-security")

# limit, the weakest value that the clause allows, the strongest that it refuses, the clause.
CEILINGS: list[tuple[str, Any, Any, str]] = [
    ("minimum_tls_version", "1.3", "1.1", "5.2.1-2"),
    ("tls_1_2_cipher_suites", ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",), ("TLS_RSA_WITH_AES_128_GCM_SHA256",), "5.2.2-1"),
    ("grant_types", ("client_credentials",), ("client_credentials", "password"), "5.3.2.1-2"),
    ("sender_constraint_methods", ("mtls", "dpop"), ("dpop", "none"), "5.3.2.1-5"),
    ("sender_constraint_methods", ("mtls",), ("bearer",), "5.3.4-5"),
    ("client_authentication_methods", ("tls_client_auth", "self_signed_tls_client_auth"), ("client_secret_basic",), "5.3.2.1-6"),
    ("client_authentication_methods", ("private_key_jwt",), ("private_key_jwt", "none"), "5.3.2.1-6"),
    ("authorization_code_lifetime", 60, 61, "5.3.2.1-11"),
    ("future_tolerance", 10, 9, "5.3.2.1-13"),
    ("future_tolerance", 60, 61, "5.3.2.1-13"),
    ("response_types", ("code",), ("code", "code id_token"), "5.3.2.2-1"),
    ("code_challenge_methods", ("S256",), ("S256", "plain"), "5.3.2.2-5"),
    ("redirect_status", 302, 307, "5.3.2.2-10"),
    ("request_uri_lifetime", 599, 600, "5.3.2.2-12"),
    ("nonce_max_length", 64, 63, "5.3.2.2-14"),
    ("signing_algorithms", ("EdDSA",), ("ES256", "RS256"), "5.4.1-1.2"),
    ("signing_algorithms", ("ES256",), ("ES256", "none"), "5.4.1-1.3"),
    ("minimum_rsa_key_bits", 2048, 2047, "5.4.1-2"),
    ("minimum_elliptic_curve_key_bits", 224, 223, "5.4.1-3"),
    ("credential_entropy_bits", 128, 127, "5.4.1-4"),
]  # fmt: skip
BOUNDS = [(row.id, bound) for row in load_requirements("FAPI2-SP") for bound in row.bounds]
BOUND_DUTIES = [
    (identifier, bound.on) for identifier, bound in BOUNDS if bound.on in Duties.__struct_fields__
]


def _without(name: str) -> Duties:
    return msgspec.structs.replace(PROFILE.duties, **{name: False})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signing_algorithms", ("PS256", "ES256", "EdDSA")),
        ("minimum_elliptic_curve_key_bits", 256),
        ("future_tolerance", 30),
        ("authorization_code_lifetime", 60),
        ("request_uri_lifetime", 60),
        ("interaction_lifetime", 600),
        ("access_token_lifetime", 300),
        (
            "client_authentication_methods",
            ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"),
        ),
        ("sender_constraint_methods", ("dpop", "mtls")),
        ("redirect_status", 303),
        ("minimum_tls_version", "1.2"),
    ],
)
def test_the_default_profile_has_these_values(name: str, value: object) -> None:
    """The values that the other parts and the documents count on."""
    assert getattr(PROFILE.limits, name) == value


def test_every_duty_of_the_default_profile_is_in_force() -> None:
    """The default profile leaves no duty off but those of ecosystems where everybody has certificates and addresses."""
    assert [name for name, on in msgspec.structs.asdict(PROFILE.duties).items() if not on] == [
        "require_certificate_at_registration",
        "require_client_keys_by_reference",
    ]


@pytest.mark.parametrize("name", [*Limits.__struct_fields__, *Duties.__struct_fields__])
def test_every_value_says_where_it_comes_from(name: str) -> None:
    """Each limit and duty cites a clause that exists, or gives our reason."""
    why = PROFILE.why(name)
    assert why in {row.id for row in PROFILE.requirements} or why.startswith("our choice: ")


def test_limits_and_duties_share_no_name() -> None:
    """`why` and bounds find a value by its name alone, so names are unique over both."""
    assert set(Limits.__struct_fields__) & set(Duties.__struct_fields__) == set()


@pytest.mark.parametrize(("name", "allowed", "refused", "clause"), CEILINGS)
def test_a_limit_goes_as_far_as_its_clause_and_no_further(
    *, name: str, allowed: Any, refused: Any, clause: str
) -> None:
    """The weakest value that a clause allows is accepted; one step further is refused."""
    assert getattr(PROFILE.with_limits(**{name: allowed}).limits, name) == allowed
    with pytest.raises(ProfileError, match=name):
        PROFILE.with_limits(**{name: refused})
    bounds = [
        bound for identifier, bound in BOUNDS if identifier == f"FAPI2-SP-{clause}" and bound.on == name
    ]
    assert [broken(bound, allowed) for bound in bounds] == [False] * len(bounds)
    assert any(broken(bound, refused) for bound in bounds)


def test_every_bound_is_tried() -> None:
    """No bound stands in the table that the tests here do not try."""
    tried = {(f"FAPI2-SP-{clause}", name) for name, _, _, clause in CEILINGS} | set(BOUND_DUTIES)
    assert {(identifier, bound.on) for identifier, bound in BOUNDS} == tried


@pytest.mark.parametrize(("identifier", "bound"), BOUNDS, ids=str)
def test_a_bound_is_about_a_value_that_it_can_compare(identifier: str, bound: Bound) -> None:
    """Every bound names a limit or duty of a profile, and the default profile keeps it."""
    assert not broken(bound, PROFILE.value(bound.on)), identifier


@pytest.mark.parametrize(("identifier", "name"), BOUND_DUTIES)
def test_a_duty_that_a_clause_sets_cannot_be_dropped(identifier: str, name: str) -> None:
    """A profile without a mandatory duty is refused, and the refusal names the clause."""
    with pytest.raises(ProfileError, match=rf"{name} must be equal to True, but is False \({identifier}:"):
        msgspec.structs.replace(PROFILE, duties=_without(name))


@pytest.mark.parametrize("name", sorted(set(Duties.__struct_fields__) - {name for _, name in BOUND_DUTIES}))
def test_a_duty_of_our_own_can_be_dropped(name: str) -> None:
    """What no `shall` demands is a choice that a profile can make otherwise."""
    assert not msgspec.structs.replace(PROFILE, duties=_without(name)).value(name)


def test_a_refusal_names_the_clause_and_every_problem() -> None:
    """Somebody who went too far twice reads both problems at once, each with its clause."""
    with pytest.raises(ProfileError) as refused:
        PROFILE.with_limits(authorization_code_lifetime=600, request_uri_lifetime=3600)
    message = str(refused.value)
    assert "authorization_code_lifetime must be at most 60, but is 600 (FAPI2-SP-5.3.2.1-11:" in message
    assert "request_uri_lifetime must be below 600, but is 3600 (FAPI2-SP-5.3.2.2-12:" in message


def test_a_stricter_copy_remembers_why_and_leaves_the_original_alone() -> None:
    """A change is recorded with its reason; everything else stays."""
    stricter = PROFILE.with_limits(authorization_code_lifetime=2, why="a test cannot wait a minute")
    assert stricter.limits.authorization_code_lifetime == 2
    assert stricter.why("authorization_code_lifetime") == "our choice: a test cannot wait a minute"
    assert stricter.why("request_uri_lifetime") == PROFILE.why("request_uri_lifetime")
    assert (PROFILE.limits.authorization_code_lifetime, PROFILE.why("authorization_code_lifetime")) == (
        60,
        "FAPI2-SP-5.3.2.1-11",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"authorization_code_lifetime": "60"},
            r"Expected `int`, got `str` - at `\$.authorization_code_lifetime`",
        ),
        ({"authorization_code_lifetime": True}, r"Expected `int`, got `bool`"),
        ({"authorization_code_lifetime": 0}, r"Expected `int` >= 1"),
        ({"authorization_code_lifetime": 1.5}, r"Expected `int`, got `float`"),
        ({"signing_algorithms": ()}, r"length >= 1"),
        ({"minimum_tls_version": "1.0"}, r"minimum_tls_version"),
        ({"code_lifetime": 1}, r"unknown field `code_lifetime`"),
        ({"require_pkce": False}, r"unknown field `require_pkce`"),
    ],
)
def test_a_malformed_change_is_refused(changes: dict[str, Any], problem: str) -> None:
    """A wrong name or type never gets into a profile."""
    with pytest.raises(ProfileError, match=problem):
        PROFILE.with_limits(**changes)


def test_a_bound_that_cannot_compare_is_broken() -> None:
    """A value of a kind that the rule does not know fails closed."""
    assert broken(Bound(on="x", must_be="at most", value=60), "30")
    assert broken(Bound(on="x", must_be="only from", value=("a",)), ())


def test_a_profile_cannot_be_changed_in_place() -> None:
    """Whoever holds a profile cannot weaken it for the others."""
    with pytest.raises(AttributeError):
        PROFILE.limits.authorization_code_lifetime = 600  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(TypeError):
        PROFILE.reasons["authorization_code_lifetime"] = "x"  # type: ignore[index]  # that it is refused is the point


@pytest.mark.parametrize("ask", [PROFILE.why, PROFILE.value, PROFILE.requirement])
def test_an_unknown_name_is_an_error(ask: Any) -> None:
    """Asking for what is not there never answers with nothing."""
    with pytest.raises(ProfileError, match=r"fapi2-security has no .* FAPI2-SP-0-0"):
        ask("FAPI2-SP-0-0")


def test_loading_a_profile_twice_reads_it_once() -> None:
    """The packaged profile is one object, cheap to ask for."""
    assert load_profile("fapi2-security") is load_profile("fapi2-security")
    assert load_profile(Path("fapi2-security.toml").stem) is PROFILE
