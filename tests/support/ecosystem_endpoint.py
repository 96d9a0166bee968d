"""The endpoint at which a directory's events arrive, with a good delivery to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.client_hosts import jwk_of
from support.directory import DIRECTORY
from support.drafts import TOKEN, Draft, message_of
from support.endpoints import Endpoint
from support.judge import Judge
from support.participants import IDENTIFIER, Member, join
from trustweft.server.config import PATHS

if TYPE_CHECKING:
    from support.authority import Authority
    from support.wire import Answer, Sent

__all__ = ["ecosystem_endpoint"]

SUBJECT = "software:moneyview"


def ecosystem_endpoint(authority: Authority) -> Endpoint:
    """Return where a server that follows a directory hears from it; it begins to when the endpoint is made use of."""
    judge = Judge(authority)
    members: list[Member] = []

    async def prepare() -> tuple[Draft, Any]:
        # Not before: a list that nobody renews grows old, and other endpoints let time pass.
        if not members:
            members.append(await join(authority))
        member = members[0]
        member.directory.say(SUBJECT, "active", as_of=member.reached.now)
        text = member.directory.event(IDENTIFIER, SUBJECT, now=member.reached.now)
        draft = Draft(
            "POST",
            PATHS["ecosystem_events"],
            headers=[("content-type", "application/secevent+jwt")],
            body=TOKEN.encode(),
            tokens={TOKEN: message_of(text, member.directory.signer)},
        )
        return draft, jwk_of(member.directory.signer)

    async def approve(sent: Sent, answer: Answer, known: Any) -> None:
        judge.security_event(sent, issuer=DIRECTORY, audience=IDENTIFIER, jwk=known)
        assert (answer.status, answer.body) == (202, b"")

    return Endpoint("ecosystem_events", prepare, approve)
