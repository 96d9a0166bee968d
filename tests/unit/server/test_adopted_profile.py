"""A server that runs adopts another profile: between requests, never within one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.authority import make_authority
from support.requests import credentials_request, document_request
from trustweft.profile import load_profile
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from trustweft.server.exchange import Exchange

pytestmark = pytest.mark.anyio

DEFAULT = load_profile("fapi2-security")
STRICTER = DEFAULT.with_limits(access_token_lifetime=120)


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server with clients and people."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


async def expires_in(authority: Authority) -> int:
    """Return for how long a new access token is good."""
    return int((await authority.send(credentials_request(authority))).json["expires_in"])


async def test_the_next_request_is_answered_by_the_adopted_profile(authority: Authority) -> None:
    """And the one after another change by that."""
    found = [await expires_in(authority)]
    for profile in (STRICTER, DEFAULT):
        authority.server.adopt(profile)
        found.append(await expires_in(authority))
    assert found == [300, 120, 300]


async def test_a_request_under_way_ends_by_the_profile_that_it_began_with(authority: Authority) -> None:
    """Adopted in the middle of it, the other one counts for the next."""

    def adopt_meanwhile(_exchange: Exchange) -> None:
        authority.server.adopt(STRICTER)

    authority.mutant({**PIPELINES, "token": (*PIPELINES["token"], adopt_meanwhile)})
    assert [await expires_in(authority), await expires_in(authority)] == [300, 120]


async def test_the_metadata_follow(authority: Authority) -> None:
    """What clients are told is what they get."""
    authority.server.adopt(DEFAULT.with_limits(grant_types=("authorization_code",)))
    metadata = (await authority.send(document_request("/.well-known/openid-configuration"))).json
    assert metadata["grant_types_supported"] == ["authorization_code"]
    refused = await authority.send(credentials_request(authority))
    assert refused.reason == "grant-type.unsupported"


async def test_nonces_go_on_unless_they_change_more_often(authority: Authority) -> None:
    """The refusal of an old one brings the new one, so that a client that tries again loses nothing."""
    draft = credentials_request(authority)
    authority.server.adopt(STRICTER)
    assert (await authority.send(draft)).status == 200
    authority.server.adopt(DEFAULT.with_limits(dpop_nonce_step=7))
    refused = await authority.send(credentials_request(authority))
    assert refused.reason == "dpop.nonce-stale"
    nonces = authority.server.deployment.nonces
    assert refused.header("dpop-nonce") == nonces.current(authority.clock.now())


@pytest.mark.parametrize(
    "limits",
    [
        {"client_authentication_methods": ("tls_client_auth",)},
        {"sender_constraint_methods": ("mtls",)},
        {"signing_algorithms": ("PS256",)},
    ],
    ids=lambda limits: next(iter(limits)),
)
async def test_a_client_whose_ways_are_not_allowed_is_refused(
    authority: Authority, limits: dict[str, Any]
) -> None:
    """It is registered for another way; and comes in again as soon as that is allowed."""
    authority.server.adopt(DEFAULT.with_limits(**limits))
    refused = await authority.send(credentials_request(authority))
    assert (refused.status, refused.json["error"], refused.reason) == (
        401,
        "invalid_client",
        "client.beyond-profile",
    )
    authority.server.adopt(DEFAULT)
    assert (await authority.send(credentials_request(authority))).status == 200


async def test_the_metadata_offer_what_the_profile_allows(authority: Authority) -> None:
    """And nothing else: clients choose from it."""
    authority.server.adopt(
        DEFAULT.with_limits(
            client_authentication_methods=("private_key_jwt",),
            sender_constraint_methods=("mtls",),
            signing_algorithms=("EdDSA", "ES256"),
        )
    )
    metadata = (await authority.send(document_request("/.well-known/openid-configuration"))).json
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "EdDSA", "Ed25519"]
    assert metadata["id_token_signing_alg_values_supported"] == ["ES256"]
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert "dpop_signing_alg_values_supported" not in metadata
