"""The floor under every figure: ES256 in `cryptography` alone, without tokens, checks or HTTP."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from bench.cores import on_core

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bare", "measure_bare"]

_ECDSA: Final = ec.ECDSA(SHA256())
_MESSAGE: Final = b"m" * 400  # about what a DPoP proof signs


class Bare(NamedTuple):
    """How often per second one core verifies and signs, and nothing else."""

    verifications: float
    signatures: float

    def ceiling(self, *, verifications: int, signatures: int) -> float:
        """Return the rate of requests that cost so many operations and not an instruction more."""
        return 1 / (verifications / self.verifications + signatures / self.signatures)


def measure_bare(*, core: int, operations: int) -> Bare:
    """Measure both on ``core``, now: a virtual machine's speed changes from minute to minute."""
    private = ec.generate_private_key(ec.SECP256R1())
    public, signature = private.public_key(), private.sign(_MESSAGE, _ECDSA)
    with on_core(core):
        return Bare(
            verifications=_rate(lambda: public.verify(signature, _MESSAGE, _ECDSA), operations),
            signatures=_rate(lambda: private.sign(_MESSAGE, _ECDSA), operations),
        )


def _rate(operation: Callable[[], object], count: int) -> float:
    began = perf_counter()
    for _ in range(count):
        operation()
    return count / (perf_counter() - began)
