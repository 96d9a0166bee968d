"""How checks play scenarios: the honest flow as control, the deviation as attack, and what the client did with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, Outcome, failed, passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.relying.under_test import ClientUnderTest, Flow
    from trustweft.audit.trial import Trial

__all__ = ["client_of", "control", "must_not_finish", "must_not_send", "need_discovery", "play"]


def client_of(trial: Trial) -> ClientUnderTest:
    """Return the client under test.

    Raises:
        NotApplicable: the target has none. Inconclusive: it cannot be led to the hostile server.
    """
    return trial.deployment.client_under_test()


def control(trial: Trial) -> Flow:
    """Keep the honest flow as control and return it.

    Raises:
        Inconclusive: the client did not finish it.
    """
    flow = client_of(trial).honest()
    for each in flow.redeemed:
        trial.control("An honest flow: its code redeemed", each)
    return flow


def play(trial: Trial, scenario: str, *, label: str) -> Flow:
    """Play a scenario after the control, and keep what the client sent.

    Raises:
        Inconclusive: the client never saw the deviation.
    """
    control(trial)
    flow = client_of(trial).play(scenario)
    for each in flow.arrivals:
        trial.keep("attack" if each.deviates else "observation", f"{label}: {each.endpoint}", each.exchange)
    for seen in flow.ride.exchanges[-1:]:
        trial.observe(f"{label}: what the user saw last", seen)
    if not flow.delivered:
        raise Inconclusive(_undelivered(client_of(trial), flow))
    return flow


def need_discovery(trial: Trial) -> None:
    """Leave where the client is configured with its server's endpoints.

    Raises:
        NotApplicable: it reads no metadata.
    """
    client = client_of(trial)
    read = (
        client.honest().at("metadata") or not client.tells_issuer
    )  # one that runs on may have read it before
    trial.need(read, "the client reads no metadata")


def must_not_finish(trial: Trial, scenario: str, *, label: str, failure: str, success: str) -> Outcome:
    """Play a scenario after which the client must neither use a token nor end as in an honest flow."""
    flow = play(trial, scenario, label=label)
    if flow.used:
        return failed(f"{failure} It used the access token.")
    completed = client_of(trial).completed(flow)
    if completed:
        return failed(f"{failure} The flow ended as an honest one does.")
    if completed is None and not client_of(trial).honest().used:
        raise Inconclusive(
            "the client uses no access token that could be seen, and ends alike whether or not it is refused"
        )
    return passed(success)


def must_not_send(
    trial: Trial,
    scenario: str,
    *,
    sent: Callable[[Flow], object],
    label: str,
    failure: str,
    success: str,
) -> Outcome:
    """Play a scenario after which the client must not send something."""
    flow = play(trial, scenario, label=label)
    return failed(failure) if sent(flow) else passed(success)


def _undelivered(client: ClientUnderTest, flow: Flow) -> str:
    seen = ", ".join(dict.fromkeys(each.endpoint for each in flow.arrivals)) or "nothing"
    if not client.tells_issuer and not client.relying.restart:
        return f"the client never came to the deviation (it asked {seen}); it may keep metadata or keys: name `restart`"
    return f"the client never came to the deviation: it asked {seen}"
