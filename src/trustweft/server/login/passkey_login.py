"""Login by passkey, without a user name: the authenticator says who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Shown, reason
from trustweft.server.login import passkeys
from trustweft.server.login.answers import returning_to_form
from trustweft.server.records import Freshness

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

CHALLENGES: Final = "passkey-challenge"

UNKNOWN = reason(
    "passkey.unknown",
    error=ACCESS_DENIED,
    public="This passkey is not known here. Log in with your password.",
    status=303,
    shown=Shown.PAGE,
)
REPLAYED = reason(
    "passkey.challenge-replayed",
    error=ACCESS_DENIED,
    public="The passkey's answer was used already.",
    status=303,
    shown=Shown.PAGE,
)


async def find_passkey(exchange: Exchange) -> None:
    """The passkey is known here, and belongs to the person that it says (WebAuthn section 7.2)."""
    with returning_to_form(exchange):
        credential = passkeys.read_credential(exchange.form.get("credential"))
        passkey = await exchange.deployment.store.find_passkey(passkeys.credential_id_of(credential))
        if passkey is None:
            raise UNKNOWN.reject("credential")
        if passkeys.user_handle_of(credential) != passkey.subject:
            raise UNKNOWN.reject(f"user handle, of {passkey.subject}")
    exchange.passkey = passkey


def verify_passkey_assertion(exchange: Exchange) -> None:
    """The passkey's owner, verified by the device, signed this interaction's challenge at our own address."""
    with returning_to_form(exchange):
        exchange.passkey_use = passkeys.verify_assertion(
            passkeys.read_credential(exchange.form.get("credential")),
            exchange.passkey,
            party=passkeys.RelyingParty.of(exchange.deployment.config),
            challenge=exchange.interaction.challenge,
        )


async def refuse_replayed_challenge(exchange: Exchange) -> None:
    """Each challenge is answered once, even by requests that arrive together."""
    outcome = await exchange.deployment.store.remember_jti(
        space=CHALLENGES,
        key=digest_of(exchange.interaction.challenge or ""),
        expires_at=exchange.interaction.expires_at,
    )
    if outcome is not Freshness.FRESH:
        with returning_to_form(exchange):
            raise REPLAYED.reject()


async def advance_passkey_counter(exchange: Exchange) -> None:
    """The signature counter grows: one that does not is the counter of a copy, or of the same use sent twice."""
    passkey, use = exchange.passkey, exchange.passkey_use
    with returning_to_form(exchange):
        passkeys.check_counter(use, seen=passkey.sign_count)
        advanced = await exchange.deployment.store.advance_passkey(
            passkey.credential_id, seen=passkey.sign_count, sign_count=use.sign_count
        )
        if not advanced:
            raise passkeys.CLONED.reject("two uses at once")


async def find_passkey_owner(exchange: Exchange) -> None:
    """The passkey's owner still exists."""
    user = await exchange.deployment.store.find_subject(exchange.passkey.subject)
    if user is None:
        with returning_to_form(exchange):
            raise UNKNOWN.reject("its owner was removed")
    exchange.user = user
