"""The endpoint at which a directory's events arrive, with a good delivery to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.client_hosts import jwk_of
from support.directory import DIRECTORY
from support.drafts import TOKEN, Draft, message_of
from support.endpoints import Endpoint
from support.judge import Judge
from support.participants import IDENTIFIER, join
from trustweft.server.config import PATHS

if TYPE_CHECKING:
    from support.authority import Authority
    from support.wire import Answer, Sent

__all__ = ["ecosystem_endpoint"]

SUBJECT = "software:moneyview"


async def ecosystem_endpoint(authority: Authority) -> Endpoint:
    """Let a server follow a directory, and return where it hears from it."""
    member, judge = await join(authority), Judge(authority)
    directory = member.directory

    async def prepare() -> tuple[Draft, Any]:
        directory.say(SUBJECT, "active", as_of=member.reached.now)
        text = directory.event(IDENTIFIER, SUBJECT, now=member.reached.now)
        draft = Draft(
            "POST",
            PATHS["ecosystem_events"],
            headers=[("content-type", "application/secevent+jwt")],
            body=TOKEN.encode(),
            tokens={TOKEN: message_of(text, directory.signer)},
        )
        return draft, None

    async def approve(sent: Sent, answer: Answer, _known: Any) -> None:
        judge.security_event(sent, issuer=DIRECTORY, audience=IDENTIFIER, jwk=jwk_of(directory.signer))
        assert (answer.status, answer.body) == (202, b"")

    return Endpoint("ecosystem_events", prepare, approve)
