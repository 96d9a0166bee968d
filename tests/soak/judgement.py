"""Judges a flow after a crash by its ledger: what must still be good is good, what is spent stays spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soak.flows import Flow, Step, Walk

if TYPE_CHECKING:
    from soak.connections import Answer
    from soak.crashes import Crashes
    from soak.site import Site

__all__ = ["Judgement"]

_REQUEST_SPENT: Final = frozenset({"request-uri.spent", "request-uri.unknown"})
_REFRESH_REFUSED: Final = (400, "invalid_grant", "refresh-token.grant-ended")
_CODE_REFUSED: Final = (400, "invalid_grant", "code.replayed")


class Judgement:
    """Judges one flow.

    Args:
        site: where it is.
        flow: as it was when the server was killed.
        found: hears what was carried out without an answer.
    """

    def __init__(self, site: Site, flow: Flow, found: Crashes) -> None:
        self._flow = flow
        self._walk = Walk(site, flow)
        self._found = found

    async def judge(self) -> None:
        """Judge what the ledger says, and bring the flow to an end: spent, and granted or revoked.

        Raises:
            AssertionError: something acknowledged was lost, or something was used twice.
        """
        flow = self._flow
        if flow.pushing is not Step.ACKNOWLEDGED:
            return  # nobody knows the request_uri
        if flow.deciding is not Step.ACKNOWLEDGED:
            await self._judge_request()
        if flow.deciding is Step.ACKNOWLEDGED and flow.redeeming is not Step.ACKNOWLEDGED:
            await self._judge_code()
        if flow.redeeming is Step.ACKNOWLEDGED:
            await self._judge_grant()
        spent = await self._walk.reopen()
        assert spent.reason in _REQUEST_SPENT, (flow, spent.status, spent.reason)

    async def _judge_request(self) -> None:
        """A request that nobody has answered can be answered; one whose answer got lost is answered at most once."""
        flow = self._flow
        was_sent = flow.deciding is Step.SENT
        decided = await self._walk.decide()
        if was_sent and flow.deciding is not Step.ACKNOWLEDGED:
            assert decided.reason in _REQUEST_SPENT, (flow, decided.status, decided.reason)
            self._found.carried_out["consent"] += 1
        else:
            assert flow.code, (flow, decided.status, decided.reason)

    async def _judge_code(self) -> None:
        """A code that nobody has used is good; one whose redemption was interrupted is good at most once."""
        flow = self._flow
        was_sent = flow.redeeming is Step.SENT
        redeemed = await self._walk.redeem()
        if was_sent and redeemed.status != 200:
            assert _facts(redeemed) == _CODE_REFUSED, (flow, redeemed)
            self._found.carried_out["redemption"] += 1
        else:
            assert redeemed.status == 200, (flow, redeemed.reason)

    async def _judge_grant(self) -> None:
        """What was granted is good until its revocation was answered; then no longer."""
        flow = self._flow
        if flow.revoking is Step.SENT:
            refreshed = await self._walk.refresh()
            self._found.carried_out["revocation"] += refreshed.status != 200
            await self._walk.revoke()
        revoked = flow.revoking is Step.ACKNOWLEDGED
        await self._expect_refresh(good=not revoked)
        assert await self._walk.introspect() is not revoked, flow

    async def judge_for_good(self) -> None:
        """Judge once more at the very end: grants and revocations are as they were, and no code is good twice."""
        flow = self._flow
        if flow.redeeming is Step.ACKNOWLEDGED:
            await self._expect_refresh(good=flow.revoking is not Step.ACKNOWLEDGED)
        if flow.code:
            replayed = await self._walk.redeem()
            assert _facts(replayed) == _CODE_REFUSED, (flow, replayed)
        if flow.redeeming is Step.ACKNOWLEDGED:
            await self._expect_refresh(good=False)

    async def _expect_refresh(self, *, good: bool) -> None:
        refreshed = await self._walk.refresh()
        if good:
            assert refreshed.status == 200, (self._flow, refreshed.reason)
        else:
            assert _facts(refreshed) == _REFRESH_REFUSED, (self._flow, refreshed)


def _facts(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.error, answer.reason
