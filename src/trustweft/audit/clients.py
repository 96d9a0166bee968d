"""Which client a check acts as: one that can do what is wanted, and one that is a stranger to it.

What one client may not do says nothing of the server: a public one in the first place of the target file must not leave
untried what another one can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import form_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

    Ability = Callable[[Trial, Party], bool]

__all__ = ["client_that", "gets_id_tokens", "has_credentials", "other_client", "refreshes", "revokes"]

_TURNED_AWAY: Final = frozenset({401, 403, 404, 405})
_NO_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client"})


def client_that(trial: Trial, *abilities: Ability, lacking: str) -> Party:
    """Return the first client that can do all that a check needs.

    Raises:
        NotApplicable: none can: ``lacking`` says what.
        Inconclusive: none was seen to, and at least of one it could not be found out.
    """
    unclear = None
    for party in trial.deployment.parties:
        try:
            if all(able(trial, party) for able in abilities):
                return party
        except NotApplicable:
            continue
        except Inconclusive as cause:
            unclear = unclear or cause
    raise unclear or NotApplicable(lacking)


def has_credentials(_trial: Trial, party: Party) -> bool:
    """Whether a client is a confidential one."""
    return party.entry.authentication != "none"


def refreshes(trial: Trial, party: Party) -> bool:
    """Whether users log in with a client, and it gets a refresh token then."""
    deployment = trial.deployment
    logs_in = "authorization_code" in party.entry.grant_types or deployment.logs_in_by_password(party)
    return logs_in and bool(deployment.access(party).refresh_token)


def gets_id_tokens(trial: Trial, party: Party) -> bool:
    """Whether a client is told who logged in."""
    return bool(trial.deployment.access(party).id_token)


def revokes(trial: Trial, party: Party) -> bool:
    """Whether a client is let in at the revocation endpoint, found out once with an invented token.

    Not every server lets public clients in there. That such a token is refused for what it is does not count.

    Raises:
        NotApplicable: the server names no such endpoint.
        Inconclusive: it names one where no client is let in, so that nothing shows what it does.
    """
    if _let_in_to_revoke(trial, party):
        return True
    if not any(_seen_to(_let_in_to_revoke, trial, each) for each in trial.deployment.parties):
        raise Inconclusive("the server names a revocation_endpoint, and turns every client away there")
    return False


def _let_in_to_revoke(trial: Trial, party: Party) -> bool:
    deployment = trial.deployment

    def ask() -> Exchange:
        url = deployment.plan(party).endpoint("revocation_endpoint", party)
        return deployment.wire.send(
            party.authenticate(form_request(url, ("token", deployment.entropy.token())))
        )

    answer = deployment.once.find(("revocation as", party.client_id), ask)
    turned_away = answer.status in _TURNED_AWAY or bool(answer.location)
    return not turned_away and answer.text("error") not in _NO_CLIENT


def other_client(trial: Trial, owner: Party | None = None, *, able: Ability | None = None) -> Party:
    """Return a client that is not the owner of something, after it obtained a token of its own.

    A stranger whose own credentials are wrong is refused everywhere, which would prove nothing.

    Args:
        trial: keeps the token as a control.
        owner: the first client unless given.
        able: what the stranger should be able to do, if there is one that is.

    Raises:
        NotApplicable: the target names no other client.
        Inconclusive: it obtains no token.
    """
    deployment = trial.deployment
    owner = owner or deployment.party()
    others = [each for each in deployment.parties if each.client_id != owner.client_id]
    if not others:
        deployment.party(1)
        raise NotApplicable("both clients of the target file are the same one")
    stranger = others[0]
    if able is not None:
        stranger = next((each for each in others if _seen_to(able, trial, each)), stranger)
    trial.control(
        "The other client obtains a token of its own",
        deployment.access(stranger).answer,
        good=lambda each: each.issued,
    )
    return stranger


def _seen_to(able: Ability, trial: Trial, party: Party) -> bool:
    try:
        return able(trial, party)
    except (Inconclusive, NotApplicable):
        return False
