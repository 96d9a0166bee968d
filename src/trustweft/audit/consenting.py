"""Who is still asked for consent: many servers ask a person once for a client, and remember the yes from then on."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.interaction import consent_form, stop_at_consent
from trustweft.audit.pages import read_page
from trustweft.audit.user_agent import form_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.parties import Party
    from trustweft.audit.target import User
    from trustweft.audit.user_agent import Visit

__all__ = ["NOT_ASKED", "REMEMBERED", "Asked", "Consents", "ask_for_consent"]

NOT_ASKED: Final = (
    "no login of this run was asked for consent: the server asks nobody, or remembers an earlier yes"
)
REMEMBERED: Final = "the server remembers what was agreed to: no client and user are left that it asks"
_ANEW: Final = {"prompt": "consent"}  # OpenID Connect Core section 3.1.2.1: ask, whatever was said before

Combination = tuple[str, str, str, str]


@dataclass(slots=True)
class Consents:
    """What this run saw of the page that asks for consent.

    Attributes:
        asked: client, user, scope and prompt for which it came.
        agreed: those of them that were answered with yes by a login.
        unasked: those for which it did not come, or does not any more.
        answers: by client, the number of the form on it that said yes, and the answer to that.
    """

    asked: set[Combination] = field(default_factory=set)
    agreed: set[Combination] = field(default_factory=set)
    unasked: set[Combination] = field(default_factory=set)
    answers: dict[str, tuple[int, Exchange]] = field(default_factory=dict)

    def note(self, flow: Flow, user: User, visit: Visit) -> None:
        """Keep whether a login that came to its end was asked on the way, and what came of the yes."""
        combination, asked = _combination(flow, user), False
        for page, answer in pairwise(visit.exchanges):
            number = _number_of_form(page, answer)
            if number is not None:
                asked = True
                self.answers[flow.party.client_id] = (number, answer)
        if asked:
            self.asked.add(combination)
            self.agreed.add(combination)
        else:
            self.unasked.add(combination)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody who is being asked, and has said nothing yet.

    Attributes:
        flow: its browser is at the page.
        user: who has logged in there.
        url: that began it.
        page: that asks.
        changes: to the parameters, with which the server asks.
    """

    flow: Flow
    user: User
    url: str
    page: Exchange
    changes: Mapping[str, str]

    def again(self, deployment: Deployment) -> Flow:
        """Begin another flow like this one in the same browser."""
        return deployment.flow(self.flow.party, browser=self.flow.browser, changes=self.changes)


def ask_for_consent(
    deployment: Deployment,
    *,
    changes: Callable[[Party], Mapping[str, str] | None] = lambda _party: {},
    anew: bool = True,
) -> Asked:
    """Log in up to the page that asks for consent: with the first client and user, or with whom the server still asks.

    Who only looks at the page leaves the combination to the next check; a yes may be remembered.

    Args:
        deployment: knows who was asked before.
        changes: to the parameters, for a client; None where it cannot do what is wanted.
        anew: whether somebody who agreed before may be asked once more, with ``prompt=consent``.

    Raises:
        NotApplicable: nobody was asked in this run.
        Inconclusive: the server remembers what everybody agreed to, or a login does not lead to the page.
    """
    unclear = None
    consents = deployment.consents
    deployment.user()
    deployment.flow()  # nothing is sent yet: it raises where the first client can ask for nothing
    for number, (party, user, prompt) in enumerate(_ways(deployment, anew=anew)):
        wanted = changes(party)
        if wanted is None:
            continue
        flow = deployment.flow(party, changes={**prompt, **wanted})
        combination = _combination(flow, user)
        if combination in consents.unasked or (number and combination in consents.agreed):
            continue
        try:
            url = flow.start_url()
            page = stop_at_consent(flow.browser, url, user).last
        except NotApplicable:
            consents.unasked.add(combination)
        except Inconclusive as cause:
            if not number:
                raise
            if prompt:  # with which alone the server does not let them in
                consents.unasked.add(combination)
                continue
            told = f"whether {user.username} is asked for {party.client_id} was not shown: {cause}"
            unclear = unclear or Inconclusive(told)
        else:
            consents.asked.add(combination)
            return Asked(flow=flow, user=user, url=url, page=page, changes={**prompt, **wanted})
    raise unclear or (Inconclusive(REMEMBERED) if consents.asked else NotApplicable(NOT_ASKED))


def _ways(deployment: Deployment, *, anew: bool) -> Iterator[tuple[Party, User, Mapping[str, str]]]:
    """Yield whom to try: the first client and user, those two once more, and then the others."""
    users = [each for each in deployment.users if each.username not in deployment.shut_out]
    parties = [each for each in deployment.parties if "authorization_code" in each.entry.grant_types]
    pairs = [(party, user) for party in parties if party.entry.redirect_uri for user in users]
    for number, (party, user) in enumerate(pairs):
        yield party, user, {}
        if anew and not number:
            yield party, user, _ANEW


def _combination(flow: Flow, user: User) -> Combination:
    asked = flow.parameters
    return flow.party.client_id, user.username, asked.get("scope", ""), asked.get("prompt", "")


def _number_of_form(page: Exchange, answer: Exchange) -> int | None:
    """Return which form of a page that asks for consent led to the answer; None where none did."""
    if consent_form(page) is None or answer.request.form is None:
        return None
    forms = enumerate(read_page(page.page()).forms)
    sent = ((number, form_submission(page, form, {}, form.agreeing_button())) for number, form in forms)
    return next(
        (number for number, each in sent if each.method == "POST" and each.url == answer.request.url), None
    )
