"""The client under test on the hostile server's stage: one flow for each scenario, and one honest flow before all."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from trustweft.audit.check import Inconclusive
from trustweft.audit.hostile.resource_server import presented_token
from trustweft.audit.hostile.scenario import DENIED, HONEST, SECOND
from trustweft.audit.once import Once

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.audit.exchange import Exchange
    from trustweft.audit.hostile.application import Application
    from trustweft.audit.hostile.journal import Arrival
    from trustweft.audit.relying.driver import Driver, Ride
    from trustweft.audit.target import RelyingParty
    from trustweft.audit.wire import Wire

__all__ = ["ClientUnderTest", "Flow"]

_RESTART_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One flow of the client with one scenario.

    Attributes:
        scenario: its id.
        arrivals: what reached the hostile server, in order.
        ride: what the user saw.
    """

    scenario: str
    arrivals: tuple[Arrival, ...]
    ride: Ride

    def at(self, *endpoints: str) -> tuple[Exchange, ...]:
        """Return what came to these endpoints."""
        return tuple(each.exchange for each in self.arrivals if each.endpoint in endpoints)

    @property
    def delivered(self) -> bool:
        """Whether the client was given what a good server would not give."""
        return any(each.deviates for each in self.arrivals)

    @property
    def redeemed(self) -> tuple[Exchange, ...]:
        """The requests that brought a code to the token endpoint."""
        return tuple(
            each
            for each in self.at("token", "plaintext")
            if each.request.parameter("grant_type") == "authorization_code"
        )

    @property
    def used(self) -> tuple[Exchange, ...]:
        """The requests that brought an access token, wherever they came."""
        return tuple(
            each.exchange
            for each in self.arrivals
            if each.endpoint in ("userinfo", "api", "counterfeit", "plaintext")
            and presented_token(each.exchange.request.headers)[1]
        )

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization request, pushed or not."""
        pushed = self.at("par")
        if pushed:
            return dict(pushed[0].request.form or ())
        return self.front_channel()

    def front_channel(self) -> dict[str, str]:
        """Return the parameters that the browser carried to the authorization endpoint."""
        for each in self.at("authorize"):
            return dict(parse_qsl(urlsplit(each.request.url).query, keep_blank_values=True))
        return {}


class ClientUnderTest:
    """Plays scenarios to one client.

    Args:
        stage: the hostile server.
        relying: what the target file says of the client.
        driver: sets it going.
        wire: the way out to both.
        tells_issuer: whether each scenario has an issuer of its own; otherwise one is played at a time.
        authority: PEM file of whom the client has to trust.
    """

    def __init__(
        self,
        stage: Application,
        relying: RelyingParty,
        driver: Driver,
        *,
        wire: Wire,
        tells_issuer: bool,
        authority: Path,
    ) -> None:
        self.stage = stage
        self.relying = relying
        self.driver = driver
        self.wire = wire
        self.authority = authority
        self.tells_issuer = tells_issuer
        self._one_at_a_time = threading.Lock()
        self._once = Once()

    def play(self, scenario: str) -> Flow:
        """Let the client go through one flow of a scenario.

        Raises:
            Inconclusive: it could not be set going.
        """
        if self.tells_issuer:
            return self._play(scenario)
        with self._one_at_a_time:
            self.stage.on = scenario
            try:
                return self._play(scenario)
            finally:
                self.stage.on = HONEST

    def _play(self, scenario: str) -> Flow:
        if self.relying.restart:
            self._restart()
        journal = self.stage.journal
        mark = journal.mark()
        ride = self.driver.ride(self.stage.issuer(scenario))
        return Flow(scenario=scenario, arrivals=journal.of(scenario, since=mark), ride=ride)

    def _restart(self) -> None:
        try:
            subprocess.run(  # noqa: S603  # the command of the target file, without a shell
                self.relying.restart, check=True, timeout=_RESTART_SECONDS, capture_output=True
            )
        except (OSError, subprocess.SubprocessError) as cause:
            raise Inconclusive(f"{self.relying.restart[0]} did not restart the client: {cause}") from cause

    def honest(self) -> Flow:
        """Return the flow with a server that does everything right, played once.

        Raises:
            Inconclusive: the client did not finish it.
        """
        flow = self._kept(HONEST)
        if not any(each.issued for each in flow.redeemed) or flow.ride.features.get("exit") is False:
            raise Inconclusive(f"the client does not finish a flow with an honest server: {_how_far(flow)}")
        return flow

    def second(self) -> Flow:
        """Return the flow with another server that does everything right, played once."""
        return self._kept(SECOND)

    def denied(self) -> Flow:
        """Return the flow that the user denied, played once."""
        return self._kept(DENIED)

    def completed(self, flow: Flow) -> bool | None:
        """Tell whether a flow ended as the honest one did; None where success and refusal look the same."""
        honest, denied = self.honest().ride.features, self.denied().ride.features
        telling = [name for name in honest if honest[name] != denied.get(name)]
        if not telling:
            return None
        return all(flow.ride.features.get(name) == honest[name] for name in telling)

    def claims_fapi(self) -> bool:
        """Tell by what it does whether the clauses of FAPI bind the client: it pushes its requests and binds its tokens."""
        try:
            honest = self.honest()
        except Inconclusive:
            return False
        bound = any(each.request.header("dpop") or each.request.certificate for each in honest.redeemed)
        return bool(honest.at("par")) and bound

    def _kept(self, scenario: str) -> Flow:
        return self._once.find(scenario, lambda: self.play(scenario))


def _how_far(flow: Flow) -> str:
    reached = ", ".join(dict.fromkeys(each.endpoint for each in flow.arrivals)) or "nothing"
    last = " ".join(flow.ride.said[-200:].split())
    said = f"; it said: {last}" if last else ""
    return f"it reached {reached}{said}"
