"""What the rounds of one row add up to: medians, the ratio of medians, and how far single rounds are apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from bench.bare import Bare
    from bench.sampling import Sample

__all__ = ["Ratio", "Result"]


class Ratio(NamedTuple):
    """How much faster one side is."""

    of_medians: float
    lowest: float
    highest: float


@dataclass(slots=True)
class Result:
    """One row of a table.

    Attributes:
        peer: the side that the others are compared with.
        verifications: of one answer, at least; with ``signatures`` they make the floor.
        target: the ratio to the peer that ``judged`` must reach, where there is one.
        floor_target: the share of the floor that ``judged`` must reach, where there is one.
    """

    name: str
    peer: str
    judged: str
    verifications: int
    signatures: int
    target: float | None = None
    floor_target: float | None = None
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    bare: list[Bare] = field(default_factory=list)

    def add(self, side: str, sample: Sample) -> None:
        """Take in one measurement."""
        self.samples.setdefault(side, []).append(sample)

    def rate(self, side: str) -> float:
        """Return the median of a side's rates."""
        return median(sample.per_second for sample in self.samples[side])

    def server_share(self, side: str) -> float:
        """Return the median of how much of the time the server computed."""
        return median(sample.server_share for sample in self.samples[side])

    def ratio(self, side: str) -> Ratio:
        """Compare a side with the peer."""
        rounds = [
            ours.per_second / theirs.per_second
            for ours, theirs in zip(self.samples[side], self.samples[self.peer], strict=True)
        ]
        return Ratio(self.rate(side) / self.rate(self.peer), min(rounds), max(rounds))

    def floor_share(self, side: str) -> float | None:
        """Return what part of the bare cryptography's rate a side reaches, each round against its own floor."""
        if not self.verifications:
            return None
        return median(
            sample.per_second / bare.ceiling(verifications=self.verifications, signatures=self.signatures)
            for sample, bare in zip(self.samples[side], self.bare, strict=True)
        )

    @property
    def met(self) -> bool | None:
        """Say whether the targets of this row are met; None where it has none."""
        if self.target is None and self.floor_target is None:
            return None
        share = self.floor_share(self.judged) or 0.0
        return (self.target is None or self.ratio(self.judged).of_medians >= self.target) and (
            self.floor_target is None or share >= self.floor_target
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything, the single rounds included."""
        return {
            "name": self.name,
            "verifications": self.verifications,
            "signatures": self.signatures,
            "target": self.target,
            "floor_target": self.floor_target,
            "met": self.met,
            "bare": [bare._asdict() for bare in self.bare],
            "sides": {
                side: {
                    "per_second": self.rate(side),
                    "ratio_to_peer": self.ratio(side)._asdict(),
                    "share_of_floor": self.floor_share(side),
                    "rounds": [sample._asdict() for sample in samples],
                }
                for side, samples in self.samples.items()
            },
        }
