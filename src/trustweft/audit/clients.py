"""Another client: one that is known to work, so that a refusal is for whose something is, and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

__all__ = ["other_client"]


def other_client(trial: Trial) -> Party:
    """Return a client that is not the first, after it obtained a token of its own.

    A stranger whose own credentials are wrong is refused everywhere, which would prove nothing.

    Raises:
        NotApplicable: the target names no other client.
        Inconclusive: it obtains no token.
    """
    deployment = trial.deployment
    first = deployment.party()
    others = [each for each in deployment.parties if each.client_id != first.client_id]
    stranger = others[0] if others else deployment.party(1)
    trial.need(stranger.client_id != first.client_id, "both clients of the target file are the same one")
    trial.control(
        "The other client obtains a token of its own",
        deployment.access(stranger).answer,
        good=lambda each: each.issued,
    )
    return stranger
