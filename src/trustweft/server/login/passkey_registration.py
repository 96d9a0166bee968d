"""Adding a passkey: only for whoever has just shown the password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.errors import Shown, reason
from trustweft.server.login import passkeys
from trustweft.server.login.answers import returning_to_form

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

PAGE: Final = "/passkeys"
MAXIMUM_PASSKEYS: Final = 20  # our choice: more devices than a person has

NEEDS_PASSWORD = reason(
    "passkey.needs-password",
    error=ACCESS_DENIED,
    public="To add a passkey, log in with your password.",
    status=403,
    shown=Shown.PAGE,
)
KNOWN = reason(
    "passkey.known",
    error=ACCESS_DENIED,
    public="This passkey is registered already.",
    status=303,
    shown=Shown.PAGE,
)
TOO_MANY = reason(
    "passkey.too-many",
    error=ACCESS_DENIED,
    public="You have as many passkeys as there can be.",
    status=303,
    shown=Shown.PAGE,
)


def require_password_login(exchange: Exchange) -> None:
    """The password was given within this interaction: whoever got hold of one passkey cannot add more to stay."""
    if "pwd" not in exchange.interaction.methods:
        raise NEEDS_PASSWORD.reject(" ".join(exchange.interaction.methods))


async def refuse_too_many_passkeys(exchange: Exchange) -> None:
    """Nobody fills the store with passkeys."""
    if len(await exchange.deployment.store.passkeys_of(exchange.user.subject)) >= MAXIMUM_PASSKEYS:
        with returning_to_form(exchange, PAGE):
            raise TOO_MANY.reject(exchange.user.subject)


def verify_new_passkey(exchange: Exchange) -> None:
    """The device made a new key for this interaction's challenge at our own address, and verified the person."""
    with returning_to_form(exchange, PAGE):
        exchange.new_passkey = passkeys.verify_new_credential(
            passkeys.read_credential(exchange.form.get("credential")),
            party=passkeys.RelyingParty.of(exchange.deployment.config),
            challenge=exchange.interaction.challenge,
        )
