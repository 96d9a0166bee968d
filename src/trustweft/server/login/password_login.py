"""Login by user name and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import ACCESS_DENIED
from trustweft.runtime.errors import Shown, reason
from trustweft.server.login.answers import returning_to_form
from trustweft.server.login.passwords import PasswordMismatchError

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

INCOMPLETE = reason(
    "login.incomplete",
    error=ACCESS_DENIED,
    public="Enter your user name and your password.",
    status=303,
    shown=Shown.PAGE,
)
WRONG_CREDENTIALS = reason(
    "login.wrong-credentials",
    error=ACCESS_DENIED,
    public="The user name or the password is wrong.",
    status=303,
    shown=Shown.PAGE,
)


async def find_person(exchange: Exchange) -> None:
    """Look the person up. Whoever is not found is found wanting by the next check only, after as long a time."""
    user = await exchange.deployment.store.find_user(exchange.form.get("username") or "")
    if user is not None:
        exchange.user = user


async def check_password(exchange: Exchange) -> None:
    """The password is that person's. An unknown person and a wrong password get the same answer in the same time."""
    user = getattr(exchange, "user", None)
    password = exchange.form.get("password")
    with returning_to_form(exchange):
        if password is None or exchange.form.get("username") is None:
            raise INCOMPLETE.reject()
        try:
            stored = None if user is None else user.password_hash
            await exchange.deployment.passwords.verify(password, stored=stored)
        except PasswordMismatchError as cause:
            raise WRONG_CREDENTIALS.reject("unknown" if user is None else user.subject) from cause


async def renew_password_hash(exchange: Exchange) -> None:
    """Keep a stronger hash where the stored one is outdated: only now is the password at hand."""
    deployment, user = exchange.deployment, exchange.user
    password = exchange.form.get("password")
    if password is None or not deployment.passwords.is_outdated(user.password_hash):
        return
    renewed = await deployment.passwords.hash(password)
    await deployment.store.replace_password_hash(user.subject, old=user.password_hash, new=renewed)
