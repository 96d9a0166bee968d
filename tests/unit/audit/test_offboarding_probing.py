"""A probe tells refusals from everything that only looks like one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.offboarding.attempts import Answer, Copy, Held, Outcome, judge
from trustweft.audit.offboarding.probing import Pace, Prober
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.offboarding.control import Control
    from trustweft.protocol.offboarding_probe import Credential, ProbedParticipant

ACCEPTED, REFUSED, UNCLEAR = (Answer(each, each.value) for each in Outcome)
SERVER = "https://login.bank.example"
BUSY = Pace(interval=0.001, first_copy=0.001, growth=1.1, settled=0.001, settling=0.02, working=0.001)


@dataclass
class Scripted:
    """A server that answers as it is told, and the last way from then on; it remembers which copy was shown."""

    answers: list[Answer]
    shown: list[int] = field(default_factory=list)

    def copy(self, number: int) -> Copy:
        """Return a credential of this server."""

        def use() -> Answer:
            self.shown.append(number)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

        return Copy(use)

    def held(self, credential: Credential, *, copies: int = 1) -> Held:
        """Return what a client holds, several copies being spent by their use; one was tried before the order."""
        held = Held(
            participant=SERVER,
            kind="server",
            credential=credential,
            clock=SystemClock(),
            copies=deque(self.copy(number) for number in range(copies)),
            spent=copies > 1,
        )
        held.try_before()
        return held


class Going:
    """A control that goes on until it is told not to."""

    def __init__(self, problem: str = "") -> None:
        self.problems: list[str] = []
        self._problem = problem

    def work(self, when: str) -> None:
        """Use everything once."""
        if self._problem:
            self.problems.append(f"{when} {self._problem}")

    def end(self) -> None:
        """Once more."""
        self.work("after the order")


def probed(*held: Held, controls: tuple[Going, ...] = (), seconds: float = 5.0) -> ProbedParticipant:
    """Watch, and return what is said of the server."""
    clock = SystemClock()
    prober = Prober(
        sites=(),
        clock=clock,
        pace=BUSY,
        held=list(held),
        controls=cast("list[Control]", list(controls)),
    )
    began = clock.now()
    result = prober.watch(seconds=seconds)
    probe = result.as_probe(
        issuer="prober", audience="directory", order="order-1", effective_at=began, issued_at=began
    )
    (participant,) = probe.participants
    return participant


def test_a_credential_is_tried_until_it_is_refused() -> None:
    """The time is that of the first refusal, and it is said what was answered."""
    server = Scripted([ACCEPTED, ACCEPTED, ACCEPTED, REFUSED])
    participant = probed(server.held("client_key"))
    assert participant.before_ok == {"client_key": True}
    assert participant.refused["client_key"] is not None
    assert participant.came_back == ()
    assert participant.notes == {"client_key": "refused"}


def test_what_is_spent_by_its_use_is_used_once_and_one_is_kept_for_the_end() -> None:
    """No copy is shown twice, so that none is refused because it was spent."""
    server = Scripted([ACCEPTED, ACCEPTED, REFUSED])
    participant = probed(server.held("code", copies=6))
    assert participant.refused["code"] is not None
    assert server.shown == [0, 1, 2, 3]  # before, accepted, refused, and at the end
    never = Scripted([ACCEPTED])
    assert probed(never.held("code", copies=6), seconds=0.5).refused == {"code": None}
    assert never.shown == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("answer", [UNCLEAR, ACCEPTED])
def test_what_is_never_refused_is_said_to_be_so(answer: Answer) -> None:
    """A server that breaks, or does not answer, has refused nothing; nor has one that goes on."""
    participant = probed(Scripted([ACCEPTED, answer]).held("refresh_token"), seconds=0.05)
    assert participant.refused == {"refresh_token": None}
    assert (
        "accepted" in participant.notes["refresh_token"] or "no clear" in participant.notes["refresh_token"]
    )


def test_a_refusal_that_does_not_last_is_told() -> None:
    """One that is accepted after it was refused came back."""
    participant = probed(Scripted([ACCEPTED, ACCEPTED, REFUSED, ACCEPTED]).held("access_token"))
    assert participant.came_back == ("access_token",)


@pytest.mark.parametrize("before", [REFUSED, UNCLEAR])
def test_what_did_not_work_before_shows_nothing(before: Answer) -> None:
    """Its test is void: it is not tried again, and no refusal is claimed."""
    void, good = Scripted([before, REFUSED]), Scripted([ACCEPTED, REFUSED])
    participant = probed(void.held("code"), good.held("client_key"))
    assert participant.before_ok == {"code": False, "client_key": True}
    assert set(participant.refused) == {"client_key"}
    assert participant.notes["code"].startswith("void, it did not work before the order")
    assert void.shown == [0]


def test_what_has_run_out_is_not_tried() -> None:
    """A credential that is refused for its age would pass for one that is refused for its holder."""
    server = Scripted([ACCEPTED, REFUSED])
    held = server.held("access_token")
    held.copies = deque([Copy(held.copies[0].use, until=held.clock.now() - 1)])
    participant = probed(held, seconds=0.05)
    assert participant.refused == {"access_token": None}
    assert participant.notes == {"access_token": "not tried"}


def test_of_two_credentials_of_a_kind_the_worse_counts() -> None:
    """Two clients of one organisation: one of them still gets in."""
    good, bad = Scripted([ACCEPTED, REFUSED]), Scripted([ACCEPTED])
    participant = probed(good.held("client_key"), bad.held("client_key"), seconds=0.05)
    assert participant.refused == {"client_key": None}


def test_of_several_credentials_of_a_kind_one_that_never_worked_hides_nothing() -> None:
    """It is void and said to be so; what the others showed is shown."""
    good, void = Scripted([ACCEPTED, REFUSED]), Scripted([REFUSED])
    participant = probed(good.held("code"), void.held("code"))
    assert participant.before_ok == {"code": True}
    assert participant.refused["code"] is not None
    assert "void, it did not work before the order" in participant.notes["code"]


@pytest.mark.parametrize(("problem", "ok"), [("", True), ("its key was answered with 401", False)])
def test_a_control_that_cannot_go_on_is_told(problem: str, ok: bool) -> None:  # noqa: FBT001  # a parameter
    """Whoever is not concerned must not be stopped with the others."""
    clock, held = SystemClock(), Scripted([ACCEPTED, REFUSED]).held("client_key")
    controls = cast("list[Control]", [Going(problem)])
    result = Prober(sites=(), clock=clock, pace=BUSY, held=[held], controls=controls).watch(seconds=5)
    assert result.control_ok is ok
    assert bool(result.notes) is not ok
    alone = Prober(sites=(), clock=clock, pace=BUSY, held=[held]).watch(seconds=5)
    assert alone.control_ok is None


def exchange(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Exchange:
    """Return an answer."""
    return Exchange(
        request=Request(method="GET", url=SERVER), status=status, headers=headers, body=body, seconds=0.0
    )


@pytest.mark.parametrize(
    ("answer", "good", "outcome"),
    [
        *((exchange(status), False, Outcome.UNCLEAR) for status in (404, 405, 421, 425)),
        (exchange(200), True, Outcome.ACCEPTED),
        (exchange(401), False, Outcome.REFUSED),
        (exchange(400), False, Outcome.REFUSED),
        (exchange(429), False, Outcome.UNCLEAR),
        (exchange(503), False, Outcome.UNCLEAR),
        (exchange(200), False, Outcome.UNCLEAR),
    ],
)
def test_only_a_refusal_is_one(answer: Exchange, good: bool, outcome: Outcome) -> None:  # noqa: FBT001  # a parameter
    """Busy and broken servers refuse nothing, and neither does an answer that nobody expected."""
    assert judge(answer, good=good).outcome is outcome


def test_what_was_answered_is_said_without_what_was_shown() -> None:
    """Status, error and reason; never a token."""
    answer = exchange(401, b'{"error":"invalid_client"}', ("trustweft-reason", "participation.ended"))
    assert judge(answer, good=False).said == "401 invalid_client (participation.ended)"


def test_a_server_that_cannot_be_reached_has_refused_nothing() -> None:
    """Neither a connection that is cut nor a name that is unknown."""

    def cut(why: str) -> Callable[[], Answer]:
        def use() -> Answer:
            raise Inconclusive(why)

        return use

    held = Scripted([ACCEPTED]).held("client_key")
    held.copies = deque([Copy(cut("no answer from https://login.bank.example"))])
    participant = probed(held, seconds=0.05)
    assert participant.refused == {"client_key": None}
    assert participant.notes["client_key"].startswith("no clear answer: no answer from")
