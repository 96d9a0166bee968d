"""Requests to be: every part is within reach until the end, and tokens are signed only when the request is made.

So a change reaches deep: whatever stands in a token when the draft is finished is what its owner signs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_from_bytes

from mutations import Message
from support.wire import Sent
from trustweft.crypto import jws
from trustweft.protocol.oauth import FORM_CONTENT_TYPE
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.crypto.keys import Signer

    Part = Message | str | Callable[[str], str]

__all__ = ["ASSERTION", "ATH", "FORM", "PROOF", "TOKEN", "Draft", "encode_token", "message_of"]

FORM: Final = ("content-type", FORM_CONTENT_TYPE)
# They stand in forms and headers for the tokens of a draft, which are put in their place in the end.
ASSERTION: Final = "{assertion}"
PROOF: Final = "{proof}"
TOKEN: Final = "{token}"
ATH: Final = "{ath}"  # in a proof: the hash of the access token that the request will present


def message_of(token: str, signer: Signer) -> Message:
    """Return a token that was signed already as one that can be changed and signed again."""
    good = jws.parse(token)
    return Message(dict(good.header), good.unverified_claims(), signer)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def encode_token(part: Part, *, access_token: str) -> str:
    """Return a token as it is sent beside this access token."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Message):
        return part(access_token)
    if part.claims.get("ath") == ATH:
        part = replace(part, claims={**part.claims, "ath": sha256_base64url(access_token)})
    return part.encode()


@dataclass
class Draft:
    """One request before it is sent.

    Attributes:
        certificate: that the sender showed in the handshake, in DER.
        tokens: to be signed in the end; or finished ones, or what finishes one once the access token is known.
    """

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    form: list[tuple[str, str]] | None = None
    body: bytes = b""
    tokens: dict[str, Part] = field(default_factory=dict)
    peer: str = "192.0.2.1"
    certificate: bytes | None = None

    def get(self, name: str) -> str:
        """Return a parameter of the form."""
        return dict(self.form or [])[name]

    def put(self, name: str, value: str | None) -> Draft:
        """Give a parameter of the form another value, or take it away with None."""
        kept = [(key, value if key == name else old) for key, old in self.form or []]
        if name not in dict(kept):
            kept.append((name, value))
        self.form = [(key, new) for key, new in kept if new is not None]
        return self

    def claim(self, token: str, **claims: object) -> Draft:
        """Give claims of a token other values; ``...`` takes a claim away."""
        message = self.message(token)
        changed = {**message.claims, **claims}
        kept = {name: value for name, value in changed.items() if value is not ...}
        self.tokens[token] = replace(message, claims=kept)
        return self

    def head(self, token: str, **members: object) -> Draft:
        """Give header members of a token other values; ``...`` takes a member away."""
        message = self.message(token)
        changed = {**message.header, **members}
        kept = {name: value for name, value in changed.items() if value is not ...}
        self.tokens[token] = replace(message, header=kept)
        return self

    def message(self, token: str) -> Message:
        """Return a token that is not signed yet."""
        message = self.tokens[token]
        assert isinstance(message, Message)
        return message

    def with_header(self, name: str, *values: str) -> Draft:
        """Send a header with these values, and no other."""
        self.headers = [pair for pair in self.headers if pair[0] != name]
        self.headers += [(name, value) for value in values]
        return self

    def finish(self) -> Sent:
        """Sign what is to be signed, and return the octets."""
        # Signatures are never the same twice: the access token is signed once, and its proof is about that one.
        token = encode_token(self.tokens.get(TOKEN, ""), access_token="")
        finished = {
            name: token if name == TOKEN else encode_token(part, access_token=token)
            for name, part in self.tokens.items()
        }

        def fill(text: str) -> str:
            for name, value in finished.items():
                if name in text:
                    text = text.replace(name, value)
            return text

        body = self.body
        if self.form is not None:
            body = "&".join(
                f"{quote_from_bytes(_octets(name))}={quote_from_bytes(_octets(fill(value)))}"
                for name, value in self.form
            ).encode()
        for name, value in finished.items():
            body = body.replace(name.encode(), _octets(value))
        return Sent(
            method=self.method,
            path=_octets(self.path),
            query=_octets(fill(self.query)),
            headers=[(_octets(name), _octets(fill(value))) for name, value in self.headers],
            chunks=[body],
            peer=self.peer,
            certificate=self.certificate,
        )
