"""Good requests to the pages of an interaction: a browser that is on its way through login and consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cbor2
import msgspec

from software_authenticator import SoftwareAuthenticator
from support.authority import CHALLENGE, ISSUER, PASSWORD
from support.drafts import FORM, Draft
from trustweft.protocol.par import create_request_uri
from trustweft.runtime.encoding import digest_of, encode_base64url
from trustweft.server.config import PATHS
from trustweft.server.login.cookies import PREFIX, InteractionCookie
from trustweft.server.records import Interaction, Passkey, PushedRequest

if TYPE_CHECKING:
    from support.authority import Authority, Party

__all__ = ["STATE", "Push", "Visit", "authorization_request", "begin_visit", "enrol_passkey", "push"]

STATE = "state with spaces & signs"


@dataclass(frozen=True)
class Push:
    """A pushed request: what the browser is sent with, and what it stands for."""

    request_uri: str
    digest: bytes
    record: PushedRequest


@dataclass(frozen=True)
class Visit:
    """One browser on its way through an interaction."""

    push: Push
    cookie: InteractionCookie
    interaction: Interaction
    authenticator: SoftwareAuthenticator

    @property
    def csrf(self) -> str:
        """The token of its forms."""
        return self.interaction.csrf

    @property
    def path(self) -> str:
        """The path of its first page."""
        return f"{PATHS['interaction']}/{self.cookie.handle}"

    @property
    def challenge(self) -> bytes:
        """The options that an authenticator is given, as far as it reads them."""
        assert self.interaction.challenge is not None
        options = {"challenge": self.interaction.challenge, "user": {"id": self.authenticator.user_handle}}
        return msgspec.json.encode(options)

    def page(self, step: str = "") -> Draft:
        """Look at a page."""
        cookie = f"{PREFIX}{self.cookie.handle}={self.cookie.secret}"
        return Draft("GET", self.path + step, headers=[("cookie", cookie), ("sec-fetch-site", "same-origin")])

    def submit(self, step: str, **fields: str) -> Draft:
        """Send a form, as a browser does whose page sends no referrer."""
        draft = self.page(step)
        draft.method = "POST"
        draft.headers += [FORM, ("origin", "null")]
        draft.form = [("csrf", self.csrf), *fields.items()]
        return draft

    def log_in(self, username: str = "alice", password: str = PASSWORD) -> Draft:
        """Send the login form."""
        return self.submit("/login", username=username, password=password)

    def cancel(self) -> Draft:
        """Go back without logging in."""
        return self.submit("/cancel")

    def decide(self, decision: str = "approve") -> Draft:
        """Answer the question."""
        return self.submit("/decision", decision=decision)

    def use_passkey(self, **changes: Any) -> Draft:
        """Answer the challenge of a login."""
        return self.submit("/passkey", credential=self.authenticator.get(self.challenge, **changes))

    def add_passkey(self, **changes: Any) -> Draft:
        """Answer the challenge of a registration."""
        credential = self.authenticator.create(self.challenge, **changes)
        return self.submit("/passkey_registration", credential=credential)


async def push(authority: Authority, party: Party | None = None, **changes: Any) -> Push:
    """Push a request, as the endpoint does."""
    party = party or authority.moneyview
    token, now = authority.deployment.entropy.token(), authority.clock.now()
    record = PushedRequest(
        client_id=party.client_id,
        redirect_uri=party.redirect_uris[0],
        scope=("openid", "accounts"),
        code_challenge=CHALLENGE,
        state=STATE,
        nonce="n-1",
        dpop_jkt=party.jkt,
        prompt=(),
        pushed_at=now,
        expires_at=now + 60,
        kept_until=now + 660,
    )
    record = msgspec.structs.replace(record, **changes)
    await authority.store.save_pushed_request(digest_of(token), record)
    return Push(create_request_uri(token), digest_of(token), record)


def authorization_request(pushed: Push) -> Draft:
    """Open the authorization endpoint, as a browser that an application sent."""
    client_id = pushed.record.client_id
    request_uri = pushed.request_uri.replace(":", "%3A")
    headers = [("sec-fetch-site", "cross-site"), ("accept", "text/html")]
    return Draft("GET", PATHS["authorization"], f"client_id={client_id}&request_uri={request_uri}", headers)


async def begin_visit(
    authority: Authority,
    *,
    logged_in: bool = False,
    challenged: bool = False,
    authenticator: SoftwareAuthenticator | None = None,
    pushed: Push | None = None,
    **changes: Any,
) -> Visit:
    """Begin an interaction as the authorization endpoint does, or have come further in it.

    Args:
        authority: where.
        logged_in: whether Alice has given her password.
        challenged: whether a ceremony is under way.
        authenticator: what she has at hand; a new one unless given.
        pushed: what it is about.
        changes: of the interaction.
    """
    entropy, now = authority.deployment.entropy, authority.clock.now()
    pushed = pushed or await push(authority)
    interaction = Interaction(
        request=pushed.digest,
        client_id=pushed.record.client_id,
        csrf=entropy.token(),
        started_at=now,
        expires_at=now + 600,
        subject=authority.alice.subject if logged_in else None,
        authenticated_at=now if logged_in else None,
        methods=("pwd",) if logged_in else (),
        challenge=entropy.token() if challenged else None,
    )
    interaction = msgspec.structs.replace(interaction, **changes)
    cookie = InteractionCookie(encode_base64url(entropy.octets(16)), entropy.token())
    await authority.store.save_interaction(cookie.digest, interaction)
    return Visit(pushed, cookie, interaction, authenticator or _authenticator(authority))


def _authenticator(authority: Authority) -> SoftwareAuthenticator:
    authenticator = SoftwareAuthenticator(origin=ISSUER)
    authenticator.user_handle = encode_base64url(authority.alice.subject.encode())
    return authenticator


async def enrol_passkey(authority: Authority) -> SoftwareAuthenticator:
    """Give Alice a passkey."""
    authenticator = _authenticator(authority)
    passkey = Passkey(
        credential_id=authenticator.credential_id,
        subject=authority.alice.subject,
        public_key=cbor2.dumps(authenticator._cose()),
        sign_count=0,
        created_at=authority.clock.now(),
        name="Passkey",
    )
    assert await authority.store.add_passkey(passkey)
    return authenticator
