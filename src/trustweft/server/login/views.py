"""What the pages say, from what the checks have established."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.runtime.enforces import enforces
from trustweft.server.login import passkey_login, passkey_registration, passkeys, password_login, state
from trustweft.server.login.answers import page_path, participant
from trustweft.server.pages import (
    Application,
    ConsentView,
    Link,
    LoginView,
    PasskeyCeremony,
    PasskeysView,
    Permission,
    Person,
    RegisteredPasskey,
)

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange
    from trustweft.server.records import Passkey

__all__ = ["ADDED", "consent_view", "login_view", "passkeys_view"]

ADDED: Final = b"added=yes"
# The reasons that send a browser back to a form: only their ids travel, and only these have words.
_WORDS: Final = {
    f"failed={why.id}".encode(): why.public
    for why in (
        passkey_login.REPLAYED,
        passkey_login.UNKNOWN,
        passkey_registration.KNOWN,
        passkey_registration.TOO_MANY,
        passkeys.CLONED,
        passkeys.MALFORMED,
        passkeys.NOT_VERIFIED,
        passkeys.NO_CHALLENGE,
        passkeys.WRONG_CHALLENGE,
        passkeys.WRONG_ORIGIN,
        password_login.INCOMPLETE,
        password_login.WRONG_CREDENTIALS,
        state.NOT_LOGGED_IN,
    )
}


def login_view(exchange: Exchange) -> LoginView:
    """Return the login form."""
    return LoginView(
        participant=participant(exchange),
        application=_application(exchange),
        csrf=exchange.interaction.csrf,
        action=page_path(exchange, "/login"),
        error=_WORDS.get(exchange.request.query),
        passkey=PasskeyCeremony(
            options_url=page_path(exchange, "/passkey_options"), action=page_path(exchange, "/passkey")
        ),
        cancel_action=page_path(exchange, "/cancel"),
    )


@enforces("FAPI2-SP-5.3.2.2-13", "RFC9396-3.1-p4")
def consent_view(exchange: Exchange) -> ConsentView:
    """Return the question: which application of which organisation wants what, until when, and what comes next."""
    lifetime = exchange.deployment.profile.limits.grant_lifetime
    return ConsentView(
        participant=participant(exchange),
        application=_application(exchange),
        person=_person(exchange),
        permissions=_permissions(exchange),
        until=_day(exchange.now + lifetime),
        next_host=urlsplit(exchange.pushed.redirect_uri).netloc or exchange.pushed.redirect_uri,
        csrf=exchange.interaction.csrf,
        action=page_path(exchange, "/decision"),
        passkeys_url=page_path(exchange, "/passkeys") if "pwd" in exchange.interaction.methods else None,
        details=tuple(map(exchange.deployment.detail_types.told, exchange.pushed.authorization_details)),
    )


def passkeys_view(exchange: Exchange, owned: list[Passkey]) -> PasskeysView:
    """Return the person's passkeys, with the way to add one and the way back."""
    return PasskeysView(
        participant=participant(exchange),
        person=_person(exchange),
        passkeys=tuple(
            RegisteredPasskey(name=passkey.name, added=_day(passkey.created_at)) for passkey in owned
        ),
        ceremony=PasskeyCeremony(
            options_url=page_path(exchange, "/passkey_registration_options"),
            action=page_path(exchange, "/passkey_registration"),
        ),
        csrf=exchange.interaction.csrf,
        error=_WORDS.get(exchange.request.query),
        added=exchange.request.query == ADDED,
        onward=Link(label="Back to the application's request", url=page_path(exchange)),
    )


def _application(exchange: Exchange) -> Application:
    metadata = exchange.client.metadata
    return Application(name=metadata.client_name, organisation=metadata.organization_name)


def _person(exchange: Exchange) -> Person:
    return Person(name=exchange.user.name, username=exchange.user.username)


def _permissions(exchange: Exchange) -> tuple[Permission, ...]:
    """Return one permission for each value of the scope; one that has no words any more is shown by its name."""
    words = {definition.name: definition for definition in exchange.deployment.config.scopes}
    return tuple(
        Permission(title=words[name].title, explanation=words[name].explanation)
        if name in words
        else Permission(title=name, explanation="")
        for name in exchange.pushed.scope
    )


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, tz=UTC).date()
