"""Attacks on signed tokens, each made by changing one good message in one way.

A ``Message`` is a token before it is signed; a ``Mutation`` changes it. Whatever can be signed is signed again, so
that the refusal is for the change itself and not for a broken signature.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trustweft.runtime.encoding import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.crypto.keys import Signer

__all__ = [
    "Message",
    "Mutation",
    "change",
    "change_header",
    "drop",
    "drop_header",
    "rename_header",
    "rewrite",
    "sign_with",
]

DIGITS = re.compile(r"[A-Za-z0-9_.-]{30,}")


@dataclass(frozen=True)
class Message:
    """A signed token to be: header, claims and who signs. Members are encoded as they stand, sense or nonsense."""

    header: dict[str, object]
    claims: dict[str, object]
    signer: Signer

    def encode(self) -> str:
        """Return the compact serialization."""
        signed = ".".join(encode_base64url(json.dumps(part).encode()) for part in (self.header, self.claims))
        return f"{signed}.{encode_base64url(self.signer.sign(signed.encode()))}"


@dataclass(frozen=True)
class Mutation:
    """One change; ``expected`` is the id of the reason that the changed token is refused with."""

    name: str
    expected: str
    apply: Callable[[Message], str]

    def __str__(self) -> str:
        return self.name


def change(expected: str, **claims: object) -> Mutation:
    """Give claims other values."""
    return Mutation(
        f"change({_names(claims)})",
        expected,
        lambda message: replace(message, claims={**message.claims, **claims}).encode(),
    )


def drop(expected: str, claim: str) -> Mutation:
    """Leave a claim out."""
    return Mutation(
        f"drop({claim})",
        expected,
        lambda message: replace(message, claims=_without(message.claims, claim)).encode(),
    )


def change_header(expected: str, **members: object) -> Mutation:
    """Give header members other values."""
    return Mutation(
        f"change_header({_names(members)})",
        expected,
        lambda message: replace(message, header={**message.header, **members}).encode(),
    )


def drop_header(expected: str, member: str) -> Mutation:
    """Leave a header member out."""
    return Mutation(
        f"drop_header({member})",
        expected,
        lambda message: replace(message, header=_without(message.header, member)).encode(),
    )


def rename_header(expected: str, member: str, other: str) -> Mutation:
    """Give a header member another name."""
    return Mutation(
        f"rename_header({member}, {other})",
        expected,
        lambda message: replace(
            message, header={other: message.header[member], **_without(message.header, member)}
        ).encode(),
    )


def sign_with(expected: str, signer: Signer) -> Mutation:
    """Sign with another key and leave all else as it is."""
    return Mutation(
        "sign_with(another key)", expected, lambda message: replace(message, signer=signer).encode()
    )


def rewrite(name: str, expected: str, edit: Callable[[str], str]) -> Mutation:
    """Change the encoded token."""
    return Mutation(f"rewrite({name})", expected, lambda message: edit(message.encode()))


def _without(members: dict[str, object], name: str) -> dict[str, object]:
    assert name in members, f"{name} cannot be left out: it is not there"
    return {key: value for key, value in members.items() if key != name}


def _names(members: dict[str, object]) -> str:
    # Keys and what they signed are other ones in every run; a test's name is the same.
    return ", ".join(f"{name}={DIGITS.sub('…', repr(value)):.40}" for name, value in members.items())
