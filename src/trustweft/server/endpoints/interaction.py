"""What the pages of an interaction answer once their checks have passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Shown, reason
from trustweft.server.login import passkeys
from trustweft.server.login.answers import answer_client, go_to_page, returning_to_form
from trustweft.server.login.interactions import ENDED, keep_interaction, set_challenge
from trustweft.server.login.passkey_registration import KNOWN, PAGE
from trustweft.server.login.rate_limit import forget_login_attempts
from trustweft.server.login.state import require_login
from trustweft.server.login.views import ADDED, consent_view, login_view, passkeys_view
from trustweft.server.records import AuthorizationCode, Grant, Passkey

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

CANCELLED = reason(
    "login.cancelled", error=ACCESS_DENIED, public="The person did not log in.", shown=Shown.REDIRECT
)

# Seconds; our choice: a stolen code is tried soon, and until then a second use of it still revokes the grant.
REMEMBER_USED_CODES: Final = 3_600


async def show_interaction(exchange: Exchange) -> None:
    """Show the login form, or, once somebody is logged in, the question."""
    pages, redirect_uri = exchange.deployment.pages, exchange.pushed.redirect_uri
    if exchange.interaction.subject is None:
        exchange.response = pages.login(login_view(exchange), redirect_uri=redirect_uri)
    else:
        await require_login(exchange)
        exchange.response = pages.consent(consent_view(exchange), redirect_uri=redirect_uri)


async def log_in_with_password(exchange: Exchange) -> None:
    """Go on to the question; the attempts of before are forgotten."""
    await forget_login_attempts(exchange)
    await _log_in(exchange, ("pwd",))


async def log_in_with_passkey(exchange: Exchange) -> None:
    """Go on to the question. RFC 8176: ``hwk`` is a key that stays in one device, ``swk`` one that is copied."""
    await _log_in(exchange, ("swk" if exchange.passkey_use.backed_up else "hwk", "user"))


async def _log_in(exchange: Exchange, methods: tuple[str, ...]) -> None:
    """Remember who logged in, under a new secret and with a new token: what was planted before knows neither."""
    successor = replace(
        exchange.interaction,
        csrf=exchange.deployment.entropy.token(),
        subject=exchange.user.subject,
        authenticated_at=exchange.now,
        methods=methods,
        challenge=None,
    )
    await keep_interaction(exchange, successor)
    exchange.response = go_to_page(exchange)


def cancel_login(exchange: Exchange) -> None:
    """Go back to the application without logging in."""
    raise CANCELLED.reject(f"client_id={exchange.client_id}")


async def offer_passkey_login(exchange: Exchange) -> None:
    """Hand out a challenge for a login."""
    challenge = await _challenge(exchange)
    party = passkeys.RelyingParty.of(exchange.deployment.config)
    exchange.response = _options(passkeys.request_options(party, challenge=challenge))


async def offer_passkey_registration(exchange: Exchange) -> None:
    """Hand out a challenge for a new passkey."""
    user = exchange.user
    existing = await exchange.deployment.store.passkeys_of(user.subject)
    challenge = await _challenge(exchange)
    party = passkeys.RelyingParty.of(exchange.deployment.config)
    exchange.response = _options(
        passkeys.creation_options(party, user, existing=existing, challenge=challenge)
    )


async def _challenge(exchange: Exchange) -> str:
    challenge = exchange.deployment.entropy.token()
    await set_challenge(exchange, challenge)
    return challenge


def _options(options: bytes) -> HttpResponse:
    return HttpResponse(200, (("content-type", "application/json"), ("cache-control", "no-store")), options)


async def show_passkeys(exchange: Exchange) -> None:
    """Show the person's passkeys and the way to add one."""
    owned = await exchange.deployment.store.passkeys_of(exchange.user.subject)
    exchange.response = exchange.deployment.pages.passkeys(passkeys_view(exchange, owned))


async def register_passkey(exchange: Exchange) -> None:
    """Keep the new passkey, and show it."""
    deployment, new = exchange.deployment, exchange.new_passkey
    number = len(await deployment.store.passkeys_of(exchange.user.subject)) + 1
    passkey = Passkey(
        credential_id=new.credential_id,
        subject=exchange.user.subject,
        public_key=new.public_key,
        sign_count=new.sign_count,
        created_at=exchange.now,
        name=f"Passkey {number}",
    )
    if not await deployment.store.add_passkey(passkey):
        with returning_to_form(exchange, PAGE):
            raise KNOWN.reject(exchange.user.subject)
    await set_challenge(exchange, None)
    exchange.response = go_to_page(exchange, f"{PAGE}?{ADDED.decode()}")


async def grant_access(exchange: Exchange) -> None:
    """Make the grant, and send the client its code."""
    deployment, limits = exchange.deployment, exchange.deployment.profile.limits
    grant = Grant(
        grant_id=deployment.entropy.token(),
        client_id=exchange.client_id,
        subject=exchange.user.subject,
        scope=exchange.pushed.scope,
        created_at=exchange.now,
        expires_at=exchange.now + limits.grant_lifetime,
        authorization_details=exchange.pushed.authorization_details,
    )
    code = deployment.entropy.token()
    # Both submitted before the first is awaited: they share one commit.
    saved = (
        deployment.store.save_grant(grant),
        deployment.store.save_code(digest_of(code), _authorization_code(exchange, grant)),
    )
    for write in saved:
        await write
    exchange.response = answer_client(exchange, {"code": code})


def _authorization_code(exchange: Exchange, grant: Grant) -> AuthorizationCode:
    pushed, interaction = exchange.pushed, exchange.interaction
    if interaction.authenticated_at is None:
        raise ENDED.reject("nobody logged in")
    expires_at = exchange.now + exchange.deployment.profile.limits.authorization_code_lifetime
    return AuthorizationCode(
        grant_id=grant.grant_id,
        client_id=exchange.client_id,
        subject=grant.subject,
        redirect_uri=pushed.redirect_uri,
        scope=pushed.scope,
        code_challenge=pushed.code_challenge,
        dpop_jkt=pushed.dpop_jkt,
        nonce=pushed.nonce,
        authenticated_at=interaction.authenticated_at,
        methods=interaction.methods,
        expires_at=expires_at,
        kept_until=expires_at + REMEMBER_USED_CODES,
        authorization_details=grant.authorization_details,
    )
