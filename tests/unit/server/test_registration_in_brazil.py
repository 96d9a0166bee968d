"""What Open Finance Brasil asks of registration (dynamic client registration, Implementer's Draft 3, 7.1 and 9.3).

Each item with what passes and what is refused, under the packaged profile: PS256 alone, mutual TLS, keys by reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.authority import make_authority
from support.software import (
    ELSEWHERE,
    Directory,
    Software,
    certificate_of,
    change_request,
    manage,
    registration_request,
)
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.profile import load_profile
from trustweft.protocol.software_statement import SoftwareRole
from trustweft.server.application import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from support.drafts import Draft
    from support.wire import Answer

pytestmark = pytest.mark.anyio

PS256 = generate_private_key("PS256")
ROLES = {"DADOS": ("openid", "accounts"), "PAGTO": ("openid", "payments"), "CONTA": ("openid",)}
SOFTWARE = Software(signer=LocalSigner("PS256", PS256, "planner-key"))


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A bank of that ecosystem, whose directory signs with PS256, and software that publishes its keys."""
    made = await make_authority(tmp_path / "keys")
    made.directory = Directory(LocalSigner("PS256", PS256, "directory-key"))
    keys = KeyRing.load_or_create(tmp_path / "more", algorithms=("ES256", "PS256"), now=made.clock.now())
    made.deployment = replace(
        made.deployment,
        keys=keys,
        profile=load_profile("br-open-finance"),
        registrations=made.directory.registrations(roles=ROLES),
    )
    made.server = AuthorizationServer(made.deployment)
    made.hosts.publish(ELSEWHERE, SOFTWARE.signer)
    yield made
    made.close()


def certified(authority: Authority, **names: str) -> bytes:
    """Return a certificate of the ecosystem's authority."""
    names = {"software": "planner", "organisation": "OFBBR-plannery", **names}
    return certificate_of(authority.ca, now=authority.clock.now(), **names)


def draft_of(authority: Authority, said: dict[str, Any] | None = None, **document: Any) -> Draft:
    """Return a good request, with what the statement says otherwise."""
    by_reference = {
        "jwks": None,
        "jwks_uri": ELSEWHERE,
        "roles": (SoftwareRole(role="DADOS"), SoftwareRole(role="PAGTO", status="inactive")),
    }
    statement = authority.directory.statement(
        SOFTWARE, now=authority.clock.now(), **{**by_reference, **(said or {})}
    )
    draft = registration_request(authority, SOFTWARE, statement=statement, **document).head(
        "{request}", alg="PS256"
    )
    draft.certificate = certified(authority)
    return draft


async def test_a_good_registration_is_granted_what_its_roles_permit(authority: Authority) -> None:
    """7.2: defaults of the statement, and every scope of the active roles; bound and signed as the profile says."""
    answer = await authority.send(draft_of(authority))
    assert answer.status == 201, answer
    told = answer.json
    assert told["scope"] == "openid accounts"
    assert told["jwks_uri"] == ELSEWHERE
    assert told["token_endpoint_auth_signing_alg"] == told["id_token_signed_response_alg"] == "PS256"
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert told["registration_access_token"]  # 9.3.1 item 6


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "7.1-3, an old statement": ({"issued_at": 1_799_999_699.0}, {}, "software-statement.too-old"),
    "7.1-4, keys by value": ({}, {"jwks": {"keys": []}}, "registration.keys-by-value"),
    "7.1-5, another address": ({}, {"jwks_uri": "https://x.example/"}, "registration.other-keys"),
    "7.1-6, another redirect URI": (
        {},
        {"redirect_uris": ["https://software.example/"]},
        "registration.redirect-uris",
    ),
    "7.1-9, a role that is inactive": ({}, {"scope": "openid payments"}, "registration.scope"),
    "7.1-9, beyond the statement": ({"scope": ("openid",)}, {"scope": "accounts"}, "registration.scope"),
    "7.1.3, no active role": (
        {"roles": (SoftwareRole(role="DADOS", status="inactive"),)},
        {},
        "software-statement.not-active",
    ),
    "an inactive organisation": ({"organisation_status": "inactive"}, {}, "software-statement.not-active"),
    "7.1-12, another kind of name": (
        {"certificate_subjects": ("UID=planner,2.5.4.97=OFBBR-plannery,CN=x",)},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "x.example"},
        "registration.certificate-name",
    ),
}


@pytest.mark.parametrize(("said", "document", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_the_list_refuses_is_refused(
    authority: Authority, said: dict[str, Any], document: dict[str, Any], reason: str
) -> None:
    """By item of the list, in our words."""
    answer = await authority.send(draft_of(authority, said, **document))
    assert answer.reason == reason


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (None, "registration.no-certificate"),  # 7.1-1
        ({"software": "planner-2"}, "registration.certificate-software"),  # 7.1-13
        ({"organisation": "OFBBR-other"}, "registration.certificate-organisation"),  # 9.3.1 item 4
    ],
)
async def test_the_certificate_is_looked_at(
    authority: Authority, names: dict[str, str] | None, reason: str
) -> None:
    """None, one of another software, one of another organisation; a chain that leads elsewhere likewise."""
    draft = draft_of(authority)
    draft.certificate = None if names is None else certified(authority, **names)
    assert (await authority.send(draft)).reason == reason
    draft = draft_of(authority)
    draft.certificate = authority.parties["selfsigned"].certificate
    assert (await authority.send(draft)).reason == "certificate.untrusted"


async def test_a_statement_with_another_algorithm_is_refused(authority: Authority) -> None:
    """7.1-2: PS256, whatever else the directory has keys for."""
    other = Directory(LocalSigner("ES256", generate_private_key("ES256"), "directory-key"))
    statement = other.statement(SOFTWARE, now=authority.clock.now())
    draft = registration_request(authority, SOFTWARE, statement=statement).head("{request}", alg="PS256")
    draft.certificate = certified(authority)
    assert (await authority.send(draft)).reason == "software-statement.algorithm"


async def test_a_registration_is_maintained_with_token_and_certificate(authority: Authority) -> None:
    """9.3.2: both, each time; 9.3.1 item 5: there is one registration."""

    async def send(draft: Draft, certificate: bytes | None) -> Answer:
        draft.certificate = certificate
        return await authority.send(draft)

    own = certified(authority)
    told = (await authority.send(draft_of(authority))).json
    client_id, token = told["client_id"], told["registration_access_token"]
    second = await authority.send(draft_of(authority))
    assert (second.json["error"], second.reason) == (
        "invalid_software_statement",
        "registration.software-registered",
    )
    assert (await send(manage("GET", client_id, token), None)).reason == "registration.no-certificate"
    assert (await send(manage("GET", client_id, "wrong"), own)).reason == "registration.token"
    assert (await send(manage("GET", client_id, token), own)).json == told
    statement = draft_of(authority).message("{request}").claims["software_statement"]
    change = change_request(authority, SOFTWARE, client_id, token, statement=statement, scope="openid").head(
        "{request}", alg="PS256"
    )
    changed = await send(change, own)
    assert (changed.status, changed.json["scope"]) == (200, "openid")
    new = changed.json["registration_access_token"]
    assert (await send(manage("DELETE", client_id, new), own)).status == 204
