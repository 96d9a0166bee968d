"""The metadata policy of a profile: what conforms to FAPI 2.0 passes it unchanged, what is weak does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.profile_files import changed_profile
from trustweft.directory.metadata_policy import create_metadata_policy
from trustweft.profile import load_profile
from trustweft.protocol.metadata import ServerDescription, create_server_metadata
from trustweft.protocol.metadata_policy import apply_metadata_policy, read_metadata_policy
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = load_profile("fapi2-security")
ISSUER = "https://bank.example"
PROFILES = (
    "fapi2-security",
    "fapi2-message-signing",
    "au-connectid",
    "br-open-finance",
    "oauth2-bcp",
    "oauth2-plain",
)
CLIENT: dict[str, Any] = {
    "client_name": "MoneyView",
    "redirect_uris": ["https://moneyview.example/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "id_token_signed_response_alg": "PS256",
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": True,
}
SERVER: dict[str, Any] = create_server_metadata(
    ServerDescription(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        pushed_authorization_request_endpoint=f"{ISSUER}/par",
        jwks_uri=f"{ISSUER}/jwks",
        scopes=("openid",),
        grant_types=PROFILE.limits.grant_types,
    )
)


def resolve(entity_type: str, metadata: dict[str, Any], *, profile: Any = PROFILE) -> dict[str, object]:
    """Return what a profile's policy makes of metadata."""
    policy = read_metadata_policy(create_metadata_policy(profile))
    return apply_metadata_policy(policy, {entity_type: metadata})[entity_type]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_makes_a_sound_policy(name: str) -> None:
    """No profile asks for operators that contradict each other."""
    assert read_metadata_policy(create_metadata_policy(load_profile(name))).operators


@pytest.mark.parametrize(
    ("entity_type", "metadata"),
    [
        ("openid_relying_party", CLIENT),
        ("oauth_client", CLIENT),
        ("openid_provider", SERVER),
        ("oauth_authorization_server", SERVER),
    ],
)
def test_what_conforms_passes_unchanged(entity_type: str, metadata: dict[str, Any]) -> None:
    """Metadata as FAPI 2.0 asks for it, our own server's among it, are what they were."""
    assert resolve(entity_type, metadata) == metadata


@pytest.mark.parametrize(
    ("entity_type", "changes", "expected"),
    [
        ("oauth_client", {"token_endpoint_auth_method": "client_secret_basic"}, "metadata-policy.one-of"),
        ("oauth_client", {"token_endpoint_auth_method": "none"}, "metadata-policy.one-of"),
        ("oauth_client", {"token_endpoint_auth_method": None}, "metadata-policy.essential"),
        ("oauth_client", {"token_endpoint_auth_signing_alg": "RS256"}, "metadata-policy.one-of"),
        ("oauth_client", {"request_object_signing_alg": "none"}, "metadata-policy.one-of"),
        ("openid_relying_party", {"id_token_signed_response_alg": "RS256"}, "metadata-policy.one-of"),
        ("openid_relying_party", {"id_token_signed_response_alg": None}, "metadata-policy.essential"),
        ("openid_provider", {"id_token_signing_alg_values_supported": None}, "metadata-policy.essential"),
        ("openid_provider", {"pushed_authorization_request_endpoint": None}, "metadata-policy.essential"),
        ("openid_provider", {"code_challenge_methods_supported": None}, "metadata-policy.essential"),
        ("openid_provider", {"code_challenge_methods_supported": ["plain"]}, "metadata-policy.superset-of"),
        ("openid_provider", {"response_types_supported": ["code id_token"]}, "metadata-policy.superset-of"),
        ("openid_provider", {"response_types_supported": "code"}, "metadata-policy.parameter-type"),
        ("openid_provider", {"token_endpoint_auth_methods_supported": None}, "metadata-policy.essential"),
        ("openid_provider", {"grant_types_supported": None}, "metadata-policy.essential"),
    ],
)
def test_what_is_weak_is_refused(entity_type: str, changes: dict[str, Any], expected: str) -> None:
    """One weak value, or one that is left out where that means something weak, makes the metadata unusable."""
    metadata = (SERVER if entity_type == "openid_provider" else CLIENT) | changes
    stated = {name: value for name, value in metadata.items() if value is not None}
    with pytest.raises(Reject) as refused:
        resolve(entity_type, stated)
    assert refused.value.reason.id == expected


def test_lists_are_narrowed() -> None:
    """Of a list, what is not allowed is taken out: nobody can use it."""
    client = resolve(
        "oauth_client", {**CLIENT, "grant_types": ["authorization_code", "password", "implicit"]}
    )
    assert client["grant_types"] == ["authorization_code"]
    methods = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"]}
    server = resolve("openid_provider", SERVER | methods)
    assert server["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]


def test_what_a_server_denies_is_said_in_its_place() -> None:
    """A server that does not demand pushed requests or send its issuer meets clients that insist on both."""
    denying = {
        "require_pushed_authorization_requests": False,
        "authorization_response_iss_parameter_supported": False,
    }
    resolved = resolve("openid_provider", SERVER | denying)
    assert all(resolved[name] is True for name in denying)


@pytest.mark.parametrize(
    ("methods", "member"),
    [(["dpop"], "dpop_bound_access_tokens"), (["mtls"], "tls_client_certificate_bound_access_tokens")],
)
def test_one_way_to_bind_tokens_is_said(tmp_path: Path, methods: list[str], member: str) -> None:
    """A profile with one way of binding tokens has every client registered for it."""
    profile = load_profile(changed_profile(tmp_path / "other.toml", sender_constraint_methods=methods))
    assert resolve("oauth_client", {**CLIENT, member: False}, profile=profile)[member] is True


def test_fewer_algorithms_are_fewer(tmp_path: Path) -> None:
    """A profile that allows one algorithm makes a policy that does."""
    profile = load_profile(changed_profile(tmp_path / "other.toml", signing_algorithms=["PS256"]))
    with pytest.raises(Reject):
        resolve("oauth_client", CLIENT, profile=profile)
