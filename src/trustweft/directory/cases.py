"""An off-boarding as a case: the order, what everybody said, what was seen from outside, and who is late.

Everything here is computed from what it is given, the time too. Nobody is called late for what is not due yet, and
nobody is called in time for what nothing shows.
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct, structs

from trustweft.directory.members import concerns, identifier_of
from trustweft.directory.objects import Api, Brand, Software
from trustweft.directory.orders import Order  # noqa: TC001  # msgspec reads the annotations
from trustweft.protocol.offboarding_probe import Credential, ParticipantKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trustweft.directory.snapshot import Snapshot
    from trustweft.protocol.offboarding import Receipt
    from trustweft.protocol.offboarding_probe import Probe, ProbedParticipant

__all__ = [
    "Case",
    "CaseParticipant",
    "Expected",
    "Finding",
    "ReceiptSeen",
    "expected_participants",
    "make_case",
]

# Nobody probes an application: it refuses nothing to anybody, and its receipt says what it forgot.
Answering: TypeAlias = ParticipantKind | Literal["client"]
# What an order asks for, and how it stands with it.
State = Literal["kept", "late", "not due yet", "unknown"]
_MIDDLE: Final = 0.5
_NEARLY_ALL: Final = 0.95
_SKEW: Final = 1.0  # seconds that nobody is told of


class Expected(Struct, frozen=True, kw_only=True):
    """A participant that an order is for.

    Attributes:
        id: its identifier: the issuer of a server, the URL of a resource server, ``kind:id`` of an application.
        subject: ``kind:id`` of the brand, of the first of its APIs, or of the software.
        told: whether it is told of events; otherwise it reads the feed, and sends no receipts.
    """

    id: str
    kind: Answering
    subject: str
    told: bool


class ReceiptSeen(Struct, frozen=True, kw_only=True):
    """A participant's receipt, verified, and when it came."""

    receipt: Receipt
    received_at: float


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a participant stands with one thing that it has to do.

    Attributes:
        what: ``refuse``, ``refuse request_uri``, ``refuse by its own word``, ``clean up``, ``send a receipt``.
        within: seconds after ``effective_at`` that it had.
        took: seconds that it took; None where it has not happened, or nothing shows it.
        text: what else there is to say.
    """

    what: str
    state: State
    within: float
    took: float | None = None
    text: str = ""


class CaseParticipant(Struct, frozen=True, kw_only=True):
    """What one participant did.

    Attributes:
        receipt: as the report shows it; None where none came.
        refused: by credential, seconds to its first refusal; None where it was never refused.
        before_ok: by credential, whether it worked before the order; where not, its test is void.
        came_back: credentials that were accepted again after a refusal.
        notes: by credential, what was answered.
    """

    id: str
    kind: Answering
    subject: str
    told: bool
    receipt: Mapping[str, object] | None
    refused: dict[Credential, float | None]
    before_ok: dict[Credential, bool]
    came_back: tuple[Credential, ...]
    notes: dict[Credential, str]
    findings: tuple[Finding, ...]

    @property
    def late(self) -> tuple[Finding, ...]:
        """What it did too late, or not at all in time."""
        return tuple(each for each in self.findings if each.state == "late")


class Case(Struct, frozen=True, kw_only=True):
    """An off-boarding, as it stands at a time.

    Attributes:
        as_of: that time, in seconds since the epoch.
        control_ok: whether somebody whom the order does not concern could go on; None where nobody tried.
        withdrawal_ok: of a suspension, whether permission could be taken back; None where nobody tried.
        p50: seconds to the first refusal, over every credential at every participant; None where the one that stands
            there was never refused, or nothing was tried. ``p95`` and ``max`` likewise.
        laggards: the participants that are late with something.
        notes: what those who probed had to say.
    """

    order: Order
    as_of: float
    participants: tuple[CaseParticipant, ...]
    probes: int
    control_ok: bool | None
    withdrawal_ok: bool | None
    p50: float | None
    p95: float | None
    max: float | None
    notes: tuple[str, ...]

    @property
    def laggards(self) -> tuple[str, ...]:
        """The identifiers of those who are late."""
        return tuple(each.id for each in self.participants if each.late)

    def as_document(self) -> dict[str, object]:
        """Return the report as JSON values."""
        order = self.order
        return {
            "id": order.id,
            "subject": order.subject,
            "action": order.action,
            "reason": order.reason,
            "ordered_at": order.ordered_at,
            "effective_at": order.effective_at,
            "ordered_by": order.ordered_by.id,
            "approved_by": None if order.approved_by is None else order.approved_by.id,
            "subjects": order.subjects,
            "deadlines": order.deadlines,
            "participants": [_as_document(each) for each in self.participants],
            "control_ok": self.control_ok,
            "withdrawal_ok": self.withdrawal_ok,
            "p50": self.p50,
            "p95": self.p95,
            "max": self.max,
            "laggards": self.laggards,
            "probes": self.probes,
            "notes": self.notes,
            "as_of": self.as_of,
        }


def _as_document(participant: CaseParticipant) -> dict[str, object]:
    return {
        "id": participant.id,
        "kind": participant.kind,
        "subject": participant.subject,
        "told": participant.told,
        "receipt": participant.receipt,
        "refused": participant.refused,
        "void": [credential for credential, ok in participant.before_ok.items() if not ok],
        "came_back": participant.came_back,
        "notes": participant.notes,
        "findings": participant.findings,
    }


_ANSWERING: Final[Mapping[str, Answering]] = {
    "brand": "server",
    "api": "resource",
    "software": "client",
}


def expected_participants(snapshot: Snapshot, order: Order) -> tuple[Expected, ...]:
    """Return who has to answer an order: the servers and APIs that take part, and applications that are told of it.

    Several APIs may be of one resource server, which answers once.

    Args:
        snapshot: what was so right before the order: whoever it ends has to answer it too.
        order: that was given.
    """
    found: dict[str, Expected] = {}
    for species, kind in _ANSWERING.items():
        for record in snapshot.records(species):
            facts, subject = record.facts, str(record.subject)
            if not isinstance(facts, Brand | Api | Software) or not snapshot.effective(subject).active:
                continue
            told = bool(facts.events_endpoint) and concerns(snapshot, subject, order.subject)
            identifier = identifier_of(record)
            if (
                identifier
                and (told or kind != "client")
                and not (identifier in found and found[identifier].told)
            ):
                found[identifier] = Expected(id=identifier, kind=kind, subject=subject, told=told)
    return tuple(found.values())


def make_case(
    order: Order,
    *,
    expected: Sequence[Expected],
    receipts: Sequence[ReceiptSeen],
    probes: Sequence[Probe],
    now: float,
) -> Case:
    """Put a case together.

    Args:
        order: that was given.
        expected: who has to answer it.
        receipts: for this order; of several by one participant the first counts.
        probes: of this order; where they differ, what is worse counts.
        now: the time: what is due later than this is not late.
    """
    answered: dict[str, ReceiptSeen] = {}
    for seen in receipts:
        answered.setdefault(seen.receipt.iss, seen)
    seen_from_outside = _by_participant(probes)
    finished = max((probe.finished_at for probe in probes), default=None)
    everybody = {each.id: each for each in expected}
    for name, seen_there in seen_from_outside.items():
        everybody.setdefault(name, Expected(id=name, kind=seen_there[0].kind, subject="", told=False))
    for name in answered:
        everybody.setdefault(name, Expected(id=name, kind="server", subject="", told=True))
    participants = tuple(
        _participant(
            order,
            each,
            answered.get(each.id),
            seen_from_outside.get(each.id, ()),
            finished=finished,
            now=now,
        )
        for each in everybody.values()
    )
    times = sorted(inf if took is None else took for each in participants for took in each.refused.values())
    return Case(
        order=order,
        as_of=now,
        participants=participants,
        probes=len(probes),
        control_ok=_all(probe.control_ok for probe in probes),
        withdrawal_ok=_all(probe.withdrawal_ok for probe in probes),
        p50=_percentile(times, _MIDDLE),
        p95=_percentile(times, _NEARLY_ALL),
        max=_percentile(times, 1.0),
        notes=tuple(dict.fromkeys(note for probe in probes for note in probe.notes)),
    )


def _by_participant(probes: Iterable[Probe]) -> dict[str, tuple[ProbedParticipant, ...]]:
    """Return what was seen at each name: one participant may be server and API."""
    found: dict[str, tuple[ProbedParticipant, ...]] = {}
    for probe in probes:
        for each in probe.participants:
            found[each.id] = (*found.get(each.id, ()), each)
    return found


def _all(answers: Iterable[bool | None]) -> bool | None:
    said = [each for each in answers if each is not None]
    return all(said) if said else None


def _percentile(times: Sequence[float], share: float) -> float | None:
    """Return the time within which this share of all was refused (nearest rank); None where that is never."""
    if not times:
        return None
    time = times[max(ceil(share * len(times)), 1) - 1]
    return None if time == inf else time


def _participant(
    order: Order,
    expected: Expected,
    seen: ReceiptSeen | None,
    probed: Sequence[ProbedParticipant],
    *,
    finished: float | None,
    now: float,
) -> CaseParticipant:
    refused: dict[Credential, float | None] = {}
    before: dict[Credential, bool] = {}
    for each in probed:
        for credential, took in each.refused.items():
            known = refused.get(credential, 0.0)
            refused[credential] = None if took is None or known is None else max(known, took)
        for credential, ok in each.before_ok.items():
            before[credential] = before.get(credential, False) or ok
    return CaseParticipant(
        id=expected.id,
        kind=expected.kind,
        subject=expected.subject,
        told=expected.told,
        receipt=None if seen is None else _shown(order, seen),
        refused=refused,
        before_ok=before,
        came_back=tuple(dict.fromkeys(name for each in probed for name in each.came_back)),
        notes={credential: note for each in probed for credential, note in each.notes.items()},
        findings=tuple(_findings(order, expected, seen, refused, probed, finished=finished, now=now)),
    )


def _shown(order: Order, seen: ReceiptSeen) -> dict[str, object]:
    """Return a receipt as the report shows it: times as they are, and in seconds after the order."""
    receipt = seen.receipt
    return {
        "received_at": seen.received_at,
        "refused_at": receipt.refused_at,
        "refused_after": round(receipt.refused_at - order.effective_at, 3),
        "cleaned_at": receipt.cleaned_at,
        "cleaned_after": None
        if receipt.cleaned_at is None
        else round(receipt.cleaned_at - order.effective_at, 3),
        "counts": receipt.counts,
        "revision": receipt.revision,
        "repeated": receipt.repeated,
    }


def _findings(
    order: Order,
    expected: Expected,
    seen: ReceiptSeen | None,
    refused: Mapping[Credential, float | None],
    probed: Sequence[ProbedParticipant],
    *,
    finished: float | None,
    now: float,
) -> Iterator[Finding]:
    """Yield how a participant stands with everything that the order asks of it."""
    within = float(order.deadlines.get("refuse" if expected.told else "refuse_by_poll", inf))
    passed = now - order.effective_at
    if order.effect != "active":
        yield from _refusals(refused, probed, within=within, passed=(finished or 0.0) - order.effective_at)
        if seen is not None:
            yield _said("refuse by its own word", seen.receipt.refused_at, seen, order, within)
        elif not refused:
            # Neither did anybody see it refuse, nor does it say so.
            text = "nothing shows that it refuses"
            yield Finding(
                what="refuse",
                state="late" if expected.told and passed > within else _open(passed, within),
                within=within,
                text=text,
            )
    if expected.told:
        yield from _answers(order, seen, passed=passed)


def _open(passed: float, within: float) -> State:
    return "not due yet" if passed <= within else "unknown"


def _timed(what: str, took: float, within: float) -> Finding:
    return Finding(what=what, state="late" if took > within else "kept", within=within, took=round(took, 3))


def _said(what: str, at: float, seen: ReceiptSeen, order: Order, within: float) -> Finding:
    """Return how it stands with what a participant dates by its own clock, which may be wrong.

    What it says it had done when its receipt came, it had done by then; a clock that cannot be right shows no more.
    """
    if order.effective_at - _SKEW <= at <= seen.received_at + _SKEW:
        return _timed(what, max(min(at, seen.received_at) - order.effective_at, 0.0), within)
    finding = _timed(what, seen.received_at - order.effective_at, within)
    return structs.replace(finding, text="when its receipt came, as its clock is wrong")


def _refusals(
    refused: Mapping[Credential, float | None],
    probed: Sequence[ProbedParticipant],
    *,
    within: float,
    passed: float,
) -> Iterator[Finding]:
    came_back = {name for each in probed for name in each.came_back}
    for credential, took in refused.items():
        what = f"refuse {credential}"
        if credential in came_back:
            yield Finding(
                what=what, state="late", within=within, took=took, text="accepted again after a refusal"
            )
        elif took is not None:
            yield _timed(what, took, within)
        else:
            text = f"never refused in the {max(passed, 0.0):.0f} s for which it was tried"
            state: State = "late" if passed > within else "not due yet"
            yield Finding(what=what, state=state, within=within, text=text)


def _answers(order: Order, seen: ReceiptSeen | None, *, passed: float) -> Iterator[Finding]:
    """Yield how it stands with cleaning up, and with the receipt, which is due when everything else is done."""
    clean_up = order.deadlines.get("clean_up")
    due = float(clean_up if clean_up is not None else order.deadlines.get("refuse_by_poll", inf))
    if seen is None:
        state: State = "late" if passed > due else "not due yet"
        yield Finding(what="send a receipt", state=state, within=due)
        return
    yield _timed("send a receipt", seen.received_at - order.effective_at, due)
    if clean_up is None:
        return
    cleaned_at = seen.receipt.cleaned_at
    if cleaned_at is None:
        # What ended is never let in again: whoever was to clean up and says of nothing that it did has not.
        state = "late" if passed > due else "not due yet"
        yield Finding(what="clean up", state=state, within=due, text="its receipt says that it ended nothing")
    else:
        yield _said("clean up", cleaned_at, seen, order, due)
