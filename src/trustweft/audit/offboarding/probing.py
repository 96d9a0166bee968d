"""A probe from its beginning to its end: hold, then (the order is given meanwhile) try until refused, then tell.

Whoever was off-boarded has each credential tried again, at each participant, until it is refused or the time is over;
after that it is tried now and then, because a refusal that does not last is none. Meanwhile the controls work.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.offboarding.attempts import Outcome
from trustweft.audit.offboarding.control import Control, Withdrawal
from trustweft.audit.offboarding.holding import hold
from trustweft.protocol.offboarding_probe import Probe, ProbedParticipant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trustweft.audit.offboarding.attempts import Held
    from trustweft.audit.offboarding.scene import Site
    from trustweft.protocol.offboarding_probe import Credential, ParticipantKind
    from trustweft.runtime.clock import Clock

__all__ = ["Pace", "Prober", "Result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often what is tried; in seconds, and our choice.

    Attributes:
        interval: between two uses of what is not spent by one.
        first_copy: until the first copy of what is spent is used.
        growth: by how much longer each pause is than the one before: a dozen copies last for eight seconds.
        settled: between two uses of what was refused already.
        settling: for how long refusals have to last.
        working: between two rounds of a control.
    """

    interval: float = 0.08
    first_copy: float = 0.06
    growth: float = 1.4
    settled: float = 0.5
    settling: float = 1.5
    working: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was seen.

    Attributes:
        held: every kind of credential with its attempts.
        control_ok: None where there was nobody to compare with.
        withdrawal_ok: None where that was not tried.
        notes: what else there is to say.
    """

    held: Sequence[Held]
    control_ok: bool | None
    withdrawal_ok: bool | None
    finished_at: float
    notes: tuple[str, ...]

    def as_probe(
        self, *, issuer: str, audience: str, order: str, effective_at: float, issued_at: float
    ) -> Probe:
        """Return the claims of the signed probe; times become seconds after ``effective_at``."""
        places: dict[tuple[ParticipantKind, str], list[Held]] = {}
        for each in self.held:
            places.setdefault((each.kind, each.participant), []).append(each)
        return Probe(
            iss=issuer,
            aud=audience,
            order=order,
            iat=issued_at,
            participants=tuple(
                _participant(kind, name, held, effective_at=effective_at)
                for (kind, name), held in places.items()
            ),
            control_ok=self.control_ok,
            finished_at=self.finished_at,
            withdrawal_ok=self.withdrawal_ok,
            notes=self.notes,
        )


def _participant(
    kind: ParticipantKind, name: str, held: Sequence[Held], *, effective_at: float
) -> ProbedParticipant:
    """Return what one participant answered.

    Of several credentials of a kind, held by several clients, the worst counts of those that worked before.
    """
    kinds: dict[Credential, list[Held]] = {}
    for each in held:
        kinds.setdefault(each.credential, []).append(each)
    worked = {credential: [each for each in group if each.worked] for credential, group in kinds.items()}
    refused: dict[Credential, float | None] = {}
    for credential, good in worked.items():
        if good:
            times = [_after(each, effective_at) for each in good]
            known = [time for time in times if time is not None]
            refused[credential] = max(known) if len(known) == len(times) else None
    notes = {
        credential: note
        for credential, group in kinds.items()
        if (note := "; ".join(dict.fromkeys(_note(each, effective_at) for each in group))[:300])
    }
    return ProbedParticipant(
        id=name,
        kind=kind,
        before_ok={credential: bool(good) for credential, good in worked.items()},
        refused=refused,
        came_back=tuple(
            credential for credential, good in worked.items() if any(each.came_back for each in good)
        ),
        notes=notes,
    )


def _after(held: Held, effective_at: float) -> float | None:
    first = held.first_refusal
    return None if first is None else round(max(0.0, first.at - effective_at), 3)


def _note(held: Held, effective_at: float) -> str:
    if not held.worked:
        said = "there was none" if held.before is None else held.before.said
        return f"void, it did not work before the order: {said}"
    if held.first_refusal is not None:
        return held.first_refusal.answer.said
    if held.last_success is not None:
        return f"accepted {held.last_success.at - effective_at:.1f} s after the order: {held.last_success.answer.said}"
    return f"no clear answer: {held.attempts[-1].answer.said}" if held.attempts else "not tried"


@dataclass(slots=True, kw_only=True)
class Prober:
    """Probes one off-boarding.

    Attributes:
        held: what was obtained, also what did not work.
        controls: those that worked before.
        withdrawals: what is taken back in the end.

    Args:
        sites: where.
        clock: tells the time; attempts are dated by it, and so is the order.
        pace: how often what is tried.
    """

    sites: Sequence[Site]
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    held: list[Held] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stop: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> Sequence[Held]:
        """Obtain everything, before the order; return the credentials, those that did not work too."""
        for site in self.sites:
            self.controls += [Control(site, holder) for holder in site.controls]
            if site.withdraws:
                self.withdrawals += self._withdrawal(site)
        # What lives for the shortest time comes last.
        for site in self.sites:
            self.held += hold(site)
        for control in self.controls:
            if not control.works:
                self._notes += [f"no control: {problem}" for problem in control.problems]
        self.controls = [each for each in self.controls if each.works]
        return self.held

    def as_it_is(self) -> Prober:
        """Return one with what was obtained until now, to which nothing is added any more."""
        return replace(
            self,
            held=list(self.held),
            controls=[each for each in self.controls if each.works],
            withdrawals=list(self.withdrawals),
            _notes=list(self._notes),
            _changed=threading.Condition(),
            _stop=threading.Event(),
        )

    def _withdrawal(self, site: Site) -> Iterator[Withdrawal]:
        try:
            yield Withdrawal(site)
        except (Inconclusive, NotApplicable) as cause:
            self._notes.append(f"withdrawal cannot be tried: {cause}"[:300])

    @property
    def live(self) -> tuple[Held, ...]:
        """What worked before the order."""
        return tuple(each for each in self.held if each.worked)

    def watch(self, *, seconds: float) -> Result:
        """Try everything until it is refused, for at most so many seconds; the order was given just now."""
        threads = [
            *(threading.Thread(target=self._try, args=(each,), daemon=True) for each in self.live),
            *(threading.Thread(target=self._work, args=(each,), daemon=True) for each in self.controls),
        ]
        for thread in threads:
            thread.start()
        with self._changed:
            self._changed.wait_for(self._all_refused, timeout=seconds)
        self._stop.wait(self.pace.settling)
        self._stop.set()
        for thread in threads:
            thread.join()
        for each in self.live:
            each.attempt()
        return self._result()

    def _all_refused(self) -> bool:
        return all(each.first_refusal is not None for each in self.live)

    def _try(self, held: Held) -> None:
        pause = self.pace.first_copy if held.spent else 0.0
        while not self._stop.wait(pause):
            # The last copy is for the end: whether a refusal lasts is seen with one that is fresh.
            if held.spent and len(held.copies) <= 1:
                return
            if not held.attempt():
                return
            with self._changed:
                self._changed.notify_all()
            if held.spent:
                if held.first_refusal is not None:
                    return
                pause *= self.pace.growth
            else:
                pause = self.pace.interval if held.first_refusal is None else self.pace.settled

    def _work(self, control: Control) -> None:
        while not self._stop.wait(self.pace.working):
            control.work("meanwhile")

    def _result(self) -> Result:
        withdrawal_ok: bool | None = None
        if self.withdrawals:
            answers = [each.carry_out() for each in self.withdrawals]
            self._notes += [
                f"permission could not be taken back: {each.said}"
                for each in answers
                if each.outcome is not Outcome.ACCEPTED
            ]
            withdrawal_ok = all(each.outcome is Outcome.ACCEPTED for each in answers)
        for control in self.controls:
            control.end()
            self._notes += control.problems[:5]
        return Result(
            held=self.held,
            control_ok=all(not each.problems for each in self.controls) if self.controls else None,
            withdrawal_ok=withdrawal_ok,
            finished_at=self.clock.now(),
            notes=tuple(_unique(self._notes)),
        )


def _unique(notes: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(note[:300] for note in notes))
