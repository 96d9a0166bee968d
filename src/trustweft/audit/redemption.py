"""Codes that are redeemed as their client would, but for one thing: what many checks of the token endpoint do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.flow import Flow
    from trustweft.audit.trial import Trial

__all__ = ["redeem_changed", "redeemed_as_it_should"]


def redeemed_as_it_should(trial: Trial) -> Exchange:
    """Keep, as the control, how the first client redeems a good code.

    Raises:
        Inconclusive: it cannot.
        NotApplicable: it may not use codes.
    """
    trial.need(
        "authorization_code" in trial.deployment.party().entry.grant_types, "the client may not use codes"
    )
    answer = trial.deployment.access().answer
    return trial.control("A good code redeemed by its client", answer, good=lambda each: each.issued)


def redeem_changed(
    trial: Trial,
    label: str,
    change: Callable[[Flow, Request], Request],
    *,
    changes: Mapping[str, str | None] | None = None,
) -> Exchange:
    """Obtain a fresh code and redeem it with one thing changed.

    Args:
        trial: keeps it as an attack.
        label: what was changed.
        change: takes the flow and the good request, and returns the changed one.
        changes: to the parameters of the authorization request before.

    Raises:
        Inconclusive: no code came.
    """
    deployment = trial.deployment
    flow = deployment.flow(changes=changes)
    code = deployment.code(flow)
    return trial.attack(label, deployment.send_bound(change(flow, flow.token_request(code)), flow.party))
