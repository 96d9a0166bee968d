"""Members of the federation of the directory in `support.anchor`: the town's application, and its bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.anchor import ISSUER
from support.federation import Member
from support.federation import statement as answer_with
from trustweft.crypto.keys import public_jwk, thumbprint
from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Key, Software

if TYPE_CHECKING:
    from support.anchor import Anchor

__all__ = ["CALLBACK", "METADATA", "MONEYVIEW", "join", "publish"]

MONEYVIEW = "https://moneyview.example"
CALLBACK = f"{MONEYVIEW}/callback"
METADATA: dict[str, Any] = {
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "scope": "openid accounts",
}


async def join(anchor: Anchor) -> None:
    """Give both keys of a federation, and the application its Entity Identifier."""
    software = Software(organisation="moneyview", name="MoneyView", metadata=METADATA, entity=MONEYVIEW)
    await anchor.do(Amend(subject=parse_subject("software:moneyview"), facts=software))
    for owner, listener in (("software:moneyview", anchor.bank), ("brand:harbour-bank", anchor.harbour)):
        jwk = public_jwk(listener.signer.public_key)
        subject = parse_subject(f"key:{thumbprint(listener.signer.public_key)}")
        facts = Key(owner=owner, use="federation", jwk={**jwk, "kid": listener.signer.key_id})
        await anchor.do(Add(subject=subject, facts=facts))
        await anchor.do(Move(subject=subject, action="activate"))


def publish(anchor: Anchor, **claims: Any) -> None:
    """Have the application publish its Entity Configuration."""
    signer = anchor.bank.signer
    member = Member(
        MONEYVIEW,
        signer,
        (ISSUER,),
        {"openid_relying_party": {**METADATA, "id_token_signed_response_alg": "ES256"}},
        now=anchor.clock.now(),
        claims=claims,
    )
    anchor.web[f"{MONEYVIEW}/.well-known/openid-federation"] = answer_with(member.configuration())
