"""What a step of the tour takes for a refusal."""

from __future__ import annotations

import ssl
from itertools import count

import httpx2
import pytest

from trustweft.cli.tour.recording import Step, StepFailedError
from trustweft.cli.tour.wire import Draft, Wire

GUESS = Draft(method="POST", url="https://bank.example/login")
LIMIT = 10


def guessing(*, window_ends_after: int | None) -> Step:
    """Return a step at a server that refuses the eleventh guess of a window."""
    guesses = count(1)

    def answer(_request: httpx2.Request) -> httpx2.Response:
        number = next(guesses)
        before = window_ends_after if window_ends_after is not None and number > window_ends_after else 0
        wrong = number - before <= LIMIT
        reason = "login.wrong-credentials" if wrong else "login.too-many-attempts"
        return httpx2.Response(303 if wrong else 429, headers={"trustweft-reason": reason})

    wire = Wire(ssl.create_default_context(), certificates={})
    wire._http = {None: httpx2.Client(transport=httpx2.MockTransport(answer))}
    return Step(name="login", title="", sender="", receiver="", clauses=(), wire=wire)


@pytest.mark.parametrize("window_ends_after", [None, 1, 6, 10])
def test_guesses_are_refused_also_where_a_window_ends_while_they_are_made(
    window_ends_after: int | None,
) -> None:
    step = guessing(window_ends_after=window_ends_after)
    step.expect_refused_in_the_end("too many", GUESS, "login.too-many-attempts", attempts=2 * LIMIT + 1)
    (refusal,) = step.refusals
    assert (refusal.ok, refusal.response.status) == (True, 429)


def test_a_server_that_never_refuses_a_guess_fails_the_step() -> None:
    step = guessing(window_ends_after=LIMIT)
    with pytest.raises(StepFailedError, match=r"login\.wrong-credentials"):
        step.expect_refused_in_the_end("too many", GUESS, "login.too-many-attempts", attempts=LIMIT)
    assert [each.ok for each in step.refusals] == [False]
