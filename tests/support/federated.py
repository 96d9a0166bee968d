"""An authorization server that is a member of a federation, and clients that nobody registered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from support.authority import CALLBACK, ISSUER, Authority, make_authority, make_party
from support.drafts import TOKEN, Draft, message_of
from support.endpoints import Endpoint
from support.federation import Member, Web, new_signer, superior
from support.judge import Judge
from trustweft.crypto.keyring import KeyRing
from trustweft.net.federation import ChainResolver
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.server.application import AuthorizationServer
from trustweft.server.config import PATHS
from trustweft.server.federation import Federation
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.authority import Party
    from support.wire import Answer, Sent
    from trustweft.server.pipeline import Pipelines

__all__ = [
    "ANCHOR",
    "CLIENT",
    "Site",
    "client_metadata",
    "federation_endpoint",
    "join_federation",
    "make_site",
]

ANCHOR: Final = superior("https://directory.example")
CLIENT: Final = "https://moneyview.example"
_OURS: Final = ("client_id", "resource_server_for")


@dataclass
class Site:
    """The server, its federation, and a client of it.

    Attributes:
        client: as the federation knows it.
        party: as the server meets it.
    """

    authority: Authority
    web: Web
    client: Member
    party: Party

    def say(self, **changes: Any) -> None:
        """Have the client say something else of itself."""
        self.client = replace(self.client, **changes)
        self.web.members[self.client.entity] = self.client

    def later(self, seconds: float) -> None:
        """Let time pass everywhere."""
        self.authority.clock.advance(seconds)
        self.web.now = self.authority.clock.now()


def client_metadata(party: Party) -> Mapping[str, object]:
    """Return what a client says of itself in a federation."""
    said = {name: value for name, value in party.metadata.items() if name not in _OURS}
    return {**said, "client_registration_types": ["automatic", "explicit"]}


async def make_site(directory: Path, *, pipelines: Pipelines = PIPELINES) -> Site:
    """Build a server that is a member of a federation with one Trust Anchor, right above server and client."""
    return join_federation(await make_authority(directory / "keys", pipelines=pipelines))


def join_federation(authority: Authority) -> Site:
    """Make a server, with the checks that it has, a member of a federation."""
    party = make_party(
        CLIENT,
        redirect_uris=(CALLBACK,),
        grant_types=("authorization_code", "refresh_token"),
        scope=("openid", "accounts"),
    )
    client = Member(
        CLIENT, new_signer(), (ANCHOR.entity,), {"openid_relying_party": client_metadata(party)}, lifetime=600
    )
    web = Web(ANCHOR, client)
    web.vouch(ANCHOR, client)
    web.now = authority.clock.now()
    federation = Federation(
        resolver=ChainResolver(
            anchors={ANCHOR.entity: ANCHOR.keys},
            fetch=web.fetch,
            clock=authority.clock,
            future_tolerance=authority.deployment.profile.limits.future_tolerance,
        ),
        keys=KeyRing.load_or_create(
            authority.ca.certificate_file.parent / "federation", now=authority.clock.now()
        ),
        authority_hints=(ANCHOR.entity,),
        organization_name="Harbour Bank plc",
    )
    authority.deployment = replace(authority.deployment, federation=federation)
    authority.server = AuthorizationServer(authority.deployment, pipelines=authority.server.pipelines)
    return Site(authority, web, client, party)


def federation_endpoint(authority: Authority) -> Endpoint:
    """Return the endpoint at which clients of a federation register, with a good request to it."""
    site, judge = join_federation(authority), Judge(authority)
    client = site.client
    jwk = federation_jwk(client.signer)

    async def prepare() -> tuple[Draft, Any]:
        text = replace(client, now=authority.clock.now()).configuration(audience=ISSUER)
        draft = Draft(
            "POST",
            PATHS["federation_registration"],
            headers=[("content-type", "application/entity-statement+jwt")],
            body=TOKEN.encode(),
            tokens={TOKEN: message_of(text, client.signer)},
        )
        return draft, None

    async def approve(sent: Sent, answer: Answer, _known: Any) -> None:
        judge.federation_registration(sent, client=client.entity, jwk=jwk)
        assert answer.header("content-type") == "application/explicit-registration-response+jwt"
        claims = message_of(answer.body.decode(), client.signer).claims
        assert claims["sub"] == claims["aud"] == client.entity

    return Endpoint("federation_registration", prepare, approve)
