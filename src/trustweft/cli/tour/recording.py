"""What the tour finds, step by step: one exchange that must work, and attempts that must be refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx2

from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.cli.tour.wire import Capture, Draft, Wire, WireRequest, WireResponse

__all__ = ["REASON_HEADER", "Refusal", "Step", "StepFailedError"]

REASON_HEADER: Final = "trustweft-reason"
_SERVER_ERROR: Final = 500
_SHOWN_BODY: Final = 300


class StepFailedError(Exception):
    """A step did not go as the profile says; the message says how."""


@dataclass(slots=True, kw_only=True)
class Refusal:
    """An attempt that must fail, and why it must.

    Attributes:
        name: what was attempted.
        reason: the id of the reason that it must be refused for.
        found: the reason that the answer gave; None where it gave none.
    """

    name: str
    reason: str
    clauses: tuple[str, ...]
    request: WireRequest
    response: WireResponse
    found: str | None

    @property
    def ok(self) -> bool:
        """Whether it was refused, and for this reason."""
        return self.found == self.reason and self.response.status < _SERVER_ERROR


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of the tour.

    Attributes:
        name: a short name that does not change.
        title: one sentence that says what happens.
        sender: who sends the request.
        receiver: who answers.
        clauses: the ids of the requirements that the step satisfies.
        problem: what went wrong; empty where nothing did.
    """

    name: str
    title: str
    sender: str
    receiver: str
    clauses: tuple[str, ...]
    wire: Wire
    request: WireRequest | None = None
    response: WireResponse | None = None
    refusals: list[Refusal] = field(default_factory=list)
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything was as the profile says."""
        return not self.problem

    def send(self, draft: Draft, *, status: int) -> Capture:
        """Send the request that the step is about.

        Raises:
            StepFailedError: the answer has another status, or there is none.
        """
        capture = self._send(draft)
        self.request, self.response = capture.request, capture.response
        self._check_status(capture, status)
        return capture

    def send_aside(self, draft: Draft, *, status: int) -> Capture:
        """Send a request that only prepares or rounds off the step.

        Raises:
            StepFailedError: the answer has another status, or there is none.
        """
        capture = self._send(draft)
        self._check_status(capture, status)
        return capture

    def expect(self, claim: str, *, holds: bool) -> None:
        """Hold the step to a claim.

        Raises:
            StepFailedError: it does not hold.
        """
        if not holds:
            raise StepFailedError(f"This does not hold: {claim}")

    def expect_accepted(self, claim: str, verify: Callable[[], object]) -> None:
        """Hold the step to what a verifier of our own says.

        Raises:
            StepFailedError: it refuses.
        """
        try:
            verify()
        except Reject as refused:
            raise StepFailedError(f"This does not hold: {claim} ({refused.reason.id})") from refused

    def expect_refused(
        self, name: str, draft: Draft, reason: str, *, clauses: tuple[str, ...] = ()
    ) -> Capture:
        """Send what must be refused, for this very reason.

        Raises:
            StepFailedError: it was not refused, or for another reason.
        """
        return self._refused(name, self._send(draft), reason, clauses=clauses)

    def expect_refused_in_the_end(self, name: str, draft: Draft, reason: str, *, attempts: int) -> Capture:
        """Send the same until it is refused for this very reason; it must be, after so many attempts at most.

        Raises:
            StepFailedError: it was not refused, or for another reason.
        """
        for _ in range(attempts):
            capture = self._send(draft)
            if capture.header(REASON_HEADER) == reason:
                break
        return self._refused(name, capture, reason)

    def _refused(self, name: str, capture: Capture, reason: str, *, clauses: tuple[str, ...] = ()) -> Capture:
        refusal = Refusal(
            name=name,
            reason=reason,
            clauses=clauses,
            request=capture.request,
            response=capture.response,
            found=capture.header(REASON_HEADER),
        )
        self.refusals.append(refusal)
        if not refusal.ok:
            found = f"gave the reason {refusal.found}" if refusal.found else "gave no reason"
            raise StepFailedError(
                f"{name}: this must be refused for {reason}; the answer had status {capture.status} and {found}."
            )
        return capture

    def _send(self, draft: Draft) -> Capture:
        try:
            return self.wire.send(draft)
        except httpx2.HTTPError as cause:
            raise StepFailedError(
                f"{draft.method} {draft.url}: {str(cause) or type(cause).__name__}"
            ) from cause

    @staticmethod
    def _check_status(capture: Capture, status: int) -> None:
        if capture.status != status:
            why = capture.header(REASON_HEADER) or capture.response.body[:_SHOWN_BODY]
            raise StepFailedError(
                f"{capture.request.method} {capture.request.url} answered {capture.status}, not {status}: {why}"
            )
