"""Those who are not off-boarded: what they could do before, they must be able to do during and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import form_request
from trustweft.audit.offboarding.attempts import Answer, Outcome, judge
from trustweft.audit.offboarding.holding import call_with, key_use, refresh_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.access import Access
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.offboarding.scene import Holder, Site

__all__ = ["Control", "Withdrawal"]


class Control:
    """One client that goes on working.

    Attributes:
        works: whether it worked before; if not, it shows nothing, and ``problems`` say why.
        problems: what it could not do, each with what it was told.

    Args:
        site: where.
        holder: who.
    """

    def __init__(self, site: Site, holder: Holder) -> None:
        self._deployment: Deployment = site.deployment
        self._holder = holder
        self._uses: dict[str, Callable[[], Answer]] = {}
        self.problems: list[str] = []
        self._begin()
        self.works = not self.problems

    def _begin(self) -> None:
        """Obtain credentials, and use each once."""
        access = self._log_in("before the order")
        if access is None:
            return
        self._uses["its key"] = key_use(self._deployment, self._holder)
        if access.refresh_token:
            self._uses["its refresh token"] = refresh_use(self._deployment, access)
        self._uses |= self._calls(access)
        self.work("before the order")

    def _calls(self, access: Access) -> dict[str, Callable[[], Answer]]:
        return {
            f"its access token at {call.participant}": call_with(self._deployment, call, access)
            for call in self._holder.calls
        }

    def _log_in(self, when: str) -> Access | None:
        holder = self._holder
        try:
            return self._deployment.fresh_access(holder.party, holder.user, scope=holder.scope)
        except (Inconclusive, NotApplicable) as cause:
            self._note(f"{when} a new authorization failed: {cause}")
            return None

    def work(self, when: str) -> None:
        """Use everything that it has once."""
        for name, use in self._uses.items():
            try:
                answer = use()
            except (Inconclusive, NotApplicable) as cause:
                answer = Answer(Outcome.UNCLEAR, str(cause)[:120])
            if answer.outcome is not Outcome.ACCEPTED:
                self._note(f"{when} {name} was answered with {answer.said}")

    def end(self) -> None:
        """Go through a whole authorization once more, and use what came of it."""
        access = self._log_in("after the order")
        if access is not None:
            self._uses |= self._calls(access)
            self.work("after the order")

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self._holder.party.client_id}: {problem}"[:300])


class Withdrawal:
    """A permission that is taken back while its holder is suspended (RFC 7009)."""

    def __init__(self, site: Site) -> None:
        self._deployment = site.deployment
        holder = site.subject
        self._access = site.deployment.fresh_access(holder.party, holder.user, scope=holder.scope)

    def carry_out(self) -> Answer:
        """Revoke the refresh token, and with it the grant."""
        party = self._access.party
        url = self._deployment.plan(party).endpoint("revocation_endpoint", party)
        token = self._access.refresh_token or self._access.token
        try:
            answer = self._deployment.wire.send(party.authenticate(form_request(url, ("token", token))))
        except Inconclusive as cause:
            return Answer(Outcome.UNCLEAR, str(cause)[:120])
        return judge(answer, good=answer.ok)
