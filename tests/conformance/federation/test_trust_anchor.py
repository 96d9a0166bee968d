"""The suite's modules about a deployed entity, as far as they need a Trust Anchor: here it is our directory.

The examiner asks over HTTP as anybody would, and believes what it verified itself; each module is also shown to notice
a directory that does otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.federation.modules import ENTITY_MODULES, module
from support.anchor import ISSUER, Anchor, make_anchor
from support.drafts import message_of
from support.federation import Member, new_signer, statement
from trustweft.crypto.keys import KeySet, public_jwk, thumbprint
from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Key, Software
from trustweft.protocol.federation_chain import read_chain, verify_trust_chain
from trustweft.protocol.federation_statement import parse_entity_statement, verify_entity_configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.protocol.http import HttpResponse

pytestmark = pytest.mark.anyio

LEAF = "https://moneyview.example"
METADATA: dict[str, Any] = {
    "redirect_uris": [f"{LEAF}/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "id_token_signed_response_alg": "ES256",
    "scope": "openid accounts",
}


@dataclass
class Deployed:
    """A directory, and an entity below it that the examiner plays.

    Attributes:
        preconfigured: the directory's keys, as its operator handed them over.
    """

    anchor: Anchor
    leaf: Member
    preconfigured: KeySet

    async def get(self, path: str) -> HttpResponse:
        """Ask the directory."""
        return await self.anchor.ask(path)

    async def configuration(self) -> str:
        """Return the directory's Entity Configuration."""
        answer = await self.get("/.well-known/openid-federation")
        assert answer.status == 200
        return answer.body.decode()


@pytest.fixture
async def deployed(tmp_path: Path) -> AsyncIterator[Deployed]:
    """A directory with a member, which publishes what it says of itself."""
    anchor = await make_anchor(tmp_path)
    leaf = Member(LEAF, new_signer(), (ISSUER,), {"openid_relying_party": METADATA})
    facts = Software(organisation="moneyview", name="MoneyView", entity=LEAF)
    await anchor.do(Amend(subject=parse_subject("software:moneyview"), facts=facts))
    key = parse_subject(f"key:{thumbprint(leaf.signer.public_key)}")
    jwk = {**public_jwk(leaf.signer.public_key), "kid": leaf.signer.key_id}
    await anchor.do(Add(subject=key, facts=Key(owner="software:moneyview", use="federation", jwk=jwk)))
    await anchor.do(Move(subject=key, action="activate"))
    leaf = replace(leaf, now=anchor.clock.now())
    anchor.web[f"{LEAF}/.well-known/openid-federation"] = statement(leaf.configuration())
    yield Deployed(anchor, leaf, anchor.keys())
    await anchor.stop()


def is_error(answer: HttpResponse, status: int) -> bool:
    """Say whether this is an error answer with this status (section 8.9)."""
    return answer.status == status and b'"error"' in answer.body


@module(ENTITY_MODULES[1])
async def test_fetch_with_an_invalid_sub_fails(deployed: Deployed) -> None:
    """Of an entity that nobody knows nothing is said."""
    good = await deployed.get(f"/federation/fetch?sub={LEAF}")
    assert (good.status, dict(good.headers)["content-type"]) == (200, "application/entity-statement+jwt")
    assert is_error(await deployed.get(f"/federation/fetch?sub={LEAF}/1a2b3c"), 404)
    assert is_error(await deployed.get("/federation/fetch?sub=https://1a2b3c.example"), 404)


@module(ENTITY_MODULES[2])
async def test_fetch_with_the_issuer_as_sub_fails(deployed: Deployed) -> None:
    """What it says of itself is its Entity Configuration."""
    assert is_error(await deployed.get(f"/federation/fetch?sub={ISSUER}"), 400)


@module(ENTITY_MODULES[3])
async def test_the_preconfigured_keys_are_the_trust_anchors(deployed: Deployed) -> None:
    """What was handed over verifies the configuration, and is what the configuration names."""
    text = await deployed.configuration()
    own = verify_entity_configuration(
        parse_entity_statement(text), entity=ISSUER, now=deployed.anchor.clock.now(), future_tolerance=0
    )
    handed_over = {(key.key_id, thumbprint(key.key)) for key in deployed.preconfigured.keys}
    assert {(key.key_id, thumbprint(key.key)) for key in own.keys.keys} == handed_over
    assert message_of(text, deployed.leaf.signer).header["kid"] in {name for name, _ in handed_over}


@module(ENTITY_MODULES[4])
async def test_the_chain_that_is_built_is_what_resolve_answers(deployed: Deployed) -> None:
    """From the leaf upwards: the same metadata as those that the directory resolves."""
    anchor = deployed.anchor
    fetched = await deployed.get(f"/federation/fetch?sub={LEAF}")
    built = verify_trust_chain(
        (deployed.leaf.configuration(), fetched.body.decode(), await deployed.configuration()),
        anchors={ISSUER: deployed.preconfigured},
        now=anchor.clock.now(),
        future_tolerance=0,
    )
    answer = await deployed.get(f"/federation/resolve?sub={LEAF}&trust_anchor={ISSUER}")
    assert dict(answer.headers)["content-type"] == "application/resolve-response+jwt"
    resolved = message_of(answer.body.decode(), deployed.leaf.signer)
    assert resolved.header["typ"] == "resolve-response+jwt"
    assert (resolved.claims["iss"], resolved.claims["sub"]) == (ISSUER, LEAF)
    assert resolved.claims["metadata"] == built.metadata
    assert resolved.claims["metadata"] != {"openid_relying_party": METADATA}  # the policy counts
    assert len(read_chain(resolved.claims["trust_chain"])) == 3


async def test_a_directory_with_other_keys_is_noticed(deployed: Deployed, tmp_path: Path) -> None:
    """The modules compare with what was handed over, not with what the directory says."""
    (tmp_path / "other").mkdir()
    other = await make_anchor(tmp_path / "other")
    with pytest.raises(AssertionError):
        await test_the_preconfigured_keys_are_the_trust_anchors(replace(deployed, preconfigured=other.keys()))
    await other.stop()


async def test_a_directory_that_resolves_otherwise_is_noticed(deployed: Deployed) -> None:
    """A member that says something else in the meantime is resolved as it was: the two differ."""
    await test_the_chain_that_is_built_is_what_resolve_answers(deployed)
    changed = replace(deployed.leaf, metadata={"openid_relying_party": {**METADATA, "scope": "openid"}})
    with pytest.raises(AssertionError):
        await test_the_chain_that_is_built_is_what_resolve_answers(replace(deployed, leaf=changed))
