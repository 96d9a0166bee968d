"""What becomes of an authorization request: pushed where the server takes that, opened in a browser, followed to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.target import User
    from trustweft.audit.trial import Trial
    from trustweft.audit.user_agent import Callback, Visit

__all__ = ["Reply", "ask", "good_request", "judge_replies", "open_and_finish", "reply_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one authorization request.

    Attributes:
        exchanges: the pushed request, where there is one, and all that the browser saw.
        callback: how the client was called; None where it was not.
    """

    exchanges: tuple[Exchange, ...]
    callback: Callback | None

    @property
    def decisive(self) -> Exchange:
        """The answer that ended it: a refusal, a page, or the redirect to the client."""
        return self.exchanges[-1]

    @property
    def code(self) -> str:
        """The authorization code, empty where there is none."""
        return self.callback.code if self.callback else ""

    def parameter(self, name: str) -> str:
        """Return a parameter that the client was called with, empty where there is none."""
        return self.callback.parameters.get(name, "") if self.callback else ""


def ask(flow: Flow, user: User | None) -> Reply:
    """Make the request as it stands in the flow; nothing is an error here, a refusal is an answer too.

    Args:
        flow: its parameters are sent as they are.
        user: logs in and agrees; with None the browser stays on the first page.
    """
    if not flow.plan.pushes:
        return open_and_finish(flow, flow.authorization_url(), user)
    pushed = flow.push()
    request_uri = pushed.text("request_uri")
    if not pushed.ok or not request_uri:
        return Reply(exchanges=(pushed,), callback=None)
    reply = open_and_finish(flow, flow.pushed_url(request_uri), user)
    return Reply(exchanges=(pushed, *reply.exchanges), callback=reply.callback)


def open_and_finish(flow: Flow, url: str, user: User | None) -> Reply:
    """Open a URL in the browser of a flow; go on as ``user`` where one is given."""
    return reply_of(flow.browser.open(url) if user is None else flow.browser.log_in(url, user))


def reply_of(visit: Visit) -> Reply:
    """Return where a browser came to."""
    return Reply(exchanges=tuple(visit.exchanges), callback=visit.callback)


def good_request(trial: Trial) -> None:
    """Keep as control that this client and this user get their token with a good request.

    Raises:
        Inconclusive: they do not.
        NotApplicable: the target has no such client or user.
    """
    named = trial.deployment.discovery.text("authorization_endpoint")
    trial.need(named, "the server names no authorization_endpoint")
    access = trial.deployment.access()
    if access.flow is None:
        raise Inconclusive("the first client does not use the authorization code grant")
    trial.control("The token that a good request led to", access.answer, good=lambda each: each.issued)


def judge_replies(
    trial: Trial,
    attempts: Sequence[tuple[str, Reply]],
    *,
    failure: str,
    success: str,
    accepted: Callable[[Reply], bool] = lambda reply: bool(reply.code),
) -> Outcome:
    """Say what wrong authorization requests came to, as ``Trial.judge`` does.

    Args:
        trial: keeps the answers that ended them.
        attempts: each with a label.
        failure: what is wrong, as a sentence.
        success: what is right, as a sentence.
        accepted: the oracle; by default that the client was given a code.

    Raises:
        Inconclusive: an answer says neither: 429 or 5xx.
    """
    kept = [(trial.attack(label, reply.decisive), accepted(reply)) for label, reply in attempts]
    through = {id(exchange) for exchange, bad in kept if bad}
    return trial.judge(
        [exchange for exchange, _ in kept],
        accepted=lambda exchange: id(exchange) in through,
        failure=failure,
        success=success,
    )
