"""An authorization server that is a member of a federation, and clients that nobody registered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from support.authority import CALLBACK, ISSUER, Authority, make_authority, make_party
from support.drafts import TOKEN, Draft, message_of
from support.endpoints import Endpoint
from support.federation import Member, Web, new_signer, superior
from support.judge import Judge, read_pairs
from support.signed_requests import browser_request
from trustweft.crypto.keyring import KeyRing
from trustweft.net.federation import ChainResolver
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.runtime.encoding import digest_of
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
    "federation_endpoints",
    "join_federation",
    "make_site",
    "permit_requests_without_push",
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


def permit_requests_without_push(site: Site, *, permitted: bool = True) -> None:
    """Let clients of the federation bring signed requests to the authorization endpoint."""
    authority = site.authority
    assert authority.deployment.federation is not None
    federation = replace(authority.deployment.federation, requests_without_push=permitted)
    authority.deployment = replace(authority.deployment, federation=federation)
    authority.server = AuthorizationServer(authority.deployment, pipelines=authority.server.pipelines)


def federation_endpoints(authority: Authority) -> tuple[Endpoint, Endpoint]:
    """Return where clients of a federation register by a request, and where they begin without any."""
    site = join_federation(authority)
    permit_requests_without_push(site)
    return _registration_endpoint(site), _request_endpoint(site)


def _registration_endpoint(site: Site) -> Endpoint:
    authority, client, judge = site.authority, site.client, Judge(site.authority)
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


def _request_endpoint(site: Site) -> Endpoint:
    authority, party, judge = site.authority, site.party, Judge(site.authority)

    async def prepare() -> tuple[Draft, Any]:
        site.web.now = authority.clock.now()
        return browser_request(authority, party, dpop_jkt=party.jkt), None

    async def approve(sent: Sent, answer: Answer, _known: Any) -> None:
        assert sent.method in {"GET", "POST"}, "another method"
        outside = read_pairs(sent.query if sent.method == "GET" else sent.body)
        assert outside.get("client_id") == CLIENT, "another client"
        assert "request_uri" not in outside
        inside = judge.request_object(outside["request"], party, dated=False, named=True)
        assert inside.get("response_type") == "code", "another response_type"
        assert inside.get("response_mode", "query") == "query", "another response_mode"
        assert inside.get("code_challenge_method") == "S256", "another way to challenge"
        assert not {"resource", "claims"} & set(inside), "a parameter that cannot be ignored"
        location = urlsplit(answer.header("location"))
        assert answer.header("location").startswith(f"{ISSUER}{PATHS['authorization']}?"), "sent elsewhere"
        (request_uri,) = parse_qs(location.query)["request_uri"]
        record = await authority.store.find_pushed_request(digest_of(request_uri.rpartition(":")[2]))
        assert record is not None
        assert record.client_id == CLIENT
        assert record.redirect_uri in party.redirect_uris, "an unregistered redirect_uri"
        asked = inside.get("scope", "").split(" ")
        assert set(record.scope) == set(asked) <= set(party.scope), "another scope"
        for name in ("redirect_uri", "code_challenge", "state", "nonce", "dpop_jkt"):
            assert getattr(record, name) == inside.get(name), f"another {name}"
        assert len(inside.get("state", "")) <= authority.deployment.profile.limits.state_max_length

    return Endpoint("authorization:request", prepare, approve)
