"""New people, and the identifiers that clients know them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.runtime.encoding import encode_base64url
from trustweft.server.records import User

if TYPE_CHECKING:
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.server.login.passwords import Passwords

__all__ = ["create_user", "new_subject"]

_SUBJECT_OCTETS: Final = 16


def new_subject(entropy: Entropy) -> str:
    """Return a new subject identifier: ``sub.`` and 22 characters. No ``client_id`` has a dot, so none equals it."""
    return f"sub.{encode_base64url(entropy.octets(_SUBJECT_OCTETS))}"


async def create_user(
    *,
    username: str,
    password: str,
    name: str,
    email: str,
    passwords: Passwords,
    entropy: Entropy,
    clock: Clock,
) -> User:
    """Return a new person, ready to be given to a store."""
    return User(
        subject=new_subject(entropy),
        username=username,
        password_hash=await passwords.hash(password),
        name=name,
        email=email,
        created_at=clock.now(),
    )
