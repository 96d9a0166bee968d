"""A request that tells whether a client authenticated: the cheapest that the server offers, for attacks on just that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive
from trustweft.audit.clients import has_credentials
from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.flow import bound
from trustweft.audit.parties import assertion_parameters, unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

__all__ = ["Door", "open_door", "with_assertion"]


@dataclass(frozen=True, slots=True)
class Door:
    """A request of one client, and how to see whether it was let in.

    Attributes:
        name: what is asked for, in words.
        make: returns the request with a fresh proof and without client authentication.
        entered: whether the answer shows that the client was authenticated.
    """

    trial: Trial
    party: Party
    name: str
    make: Callable[[], Request]
    entered: Callable[[Exchange], bool]

    def knock(self, label: str, dress: Callable[[Request], Request]) -> Exchange:
        """Send the request as ``dress`` changes it, and keep it as an attack."""
        return self.trial.attack(label, self._send(dress))

    def control(self) -> Exchange:
        """Send it as the client does.

        Raises:
            Inconclusive: the client is not let in.
        """
        return self.trial.control(
            f"{self.name}, as the client does", self._send(self.party.authenticate), good=self.entered
        )

    def _send(self, dress: Callable[[Request], Request]) -> Exchange:
        answer = self.trial.deployment.wire.send(dress(self.make()))
        if answer.text("error") == "use_dpop_nonce":
            answer = self.trial.deployment.wire.send(dress(self.make()))
        return answer


def open_door(trial: Trial, party: Party | None = None) -> Door:
    """Return the cheapest request of a client that needs authentication, and make sure that the client is let in.

    Its own token (RFC 6749 section 4.4), else a pushed request (RFC 9126), else a user's password, else a code.

    Raises:
        Inconclusive: the client is not let in.
        NotApplicable: the client has no credentials, or nothing needs them.
    """
    confidential = (each for each in trial.deployment.parties if has_credentials(trial, each))
    party = party or next(confidential, trial.deployment.party())
    trial.need(party.entry.authentication != "none", f"client {party.client_id} has no credentials")
    plan = trial.deployment.plan(party)
    if "client_credentials" in party.entry.grant_types:
        door = _own_token(trial, party)
    elif plan.pushes:
        door = _pushed_request(trial, party)
    elif trial.deployment.logs_in_by_password(party):
        door = _password(trial, party)
    else:
        door = _code(trial, party)
    door.control()
    return door


def with_assertion(party: Party, **changes: object) -> Callable[[Request], Request]:
    """Return what adds an assertion of the client with claims changed or (None) left out."""
    return lambda request: request.with_parameters(*assertion_parameters(party.assertion(**changes)))


def _own_token(trial: Trial, party: Party) -> Door:
    plan = trial.deployment.plan(party)
    scope = party.entry.narrow_scope or party.entry.scope
    url = plan.endpoint("token_endpoint", party)
    asked = form_request(url, ("grant_type", "client_credentials"), ("scope", scope))
    return Door(
        trial,
        party,
        "client_credentials",
        lambda: bound(asked, party=party, wire=trial.deployment.wire, plan=plan),
        lambda answer: answer.issued,
    )


def _pushed_request(trial: Trial, party: Party) -> Door:
    flow = trial.deployment.flow(party)
    return Door(
        trial,
        party,
        "a pushed authorization request",
        lambda: unauthenticated(flow.pushed_request(), party).with_parameters(*flow.parameters.items()),
        lambda answer: answer.ok and bool(answer.text("request_uri")),
    )


def _password(trial: Trial, party: Party) -> Door:
    deployment = trial.deployment

    def make() -> Request:
        return unauthenticated(deployment.password_request(party, deployment.user()), party)

    return Door(trial, party, "the password grant", make, lambda answer: answer.issued)


def _code(trial: Trial, party: Party) -> Door:
    deployment = trial.deployment

    def make() -> Request:
        flow = deployment.flow(party)
        return unauthenticated(flow.token_request(deployment.code(flow)), party)

    if "authorization_code" not in party.entry.grant_types:
        raise Inconclusive(f"client {party.client_id} has no grant to authenticate for")
    return Door(trial, party, "redeeming a code", make, lambda answer: answer.issued)
