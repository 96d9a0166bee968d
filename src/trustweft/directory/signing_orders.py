"""A directory's orders as participants read them: signed, with where the receipt goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol import offboarding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.crypto.keys import Signer
    from trustweft.directory.orders import Order

__all__ = ["sign_order"]

# Characters of names. A delivery holds the order in base64url twice over, and receivers take 256 KiB.
SUBJECTS_LIMIT: Final = 130_000
MAXIMUM_REASON: Final = 2_048


def sign_order(order: Order, *, signer: Signer, issuer: str, receipt_endpoint: str) -> str:
    """Return the signed order.

    What depends on the subject is listed as far as there is room, brands first, then near before far: whoever follows the feed knows
    from it who takes part through whom.
    """
    return offboarding.create_order(
        signer,
        offboarding.Order(
            iss=issuer,
            jti=order.id,
            iat=int(order.ordered_at),
            effective_at=order.effective_at,
            kind=order.subject.partition(":")[0],
            subject=order.subject,
            action=order.action,
            reason=order.reason[:MAXIMUM_REASON],
            receipt_endpoint=receipt_endpoint,
            subjects=_first(sorted(order.subjects, key=_brands_first)),
            deadlines=order.deadlines,
        ),
    )


def _brands_first(subject: str) -> bool:
    # A server or an application learns from them that all is over: no number of people stands before that.
    return not subject.startswith("brand:")


def _first(subjects: Sequence[str]) -> tuple[str, ...]:
    size = 0
    for count, subject in enumerate(subjects):
        size += len(subject) + 3
        if size > SUBJECTS_LIMIT:
            return tuple(subjects[:count])
    return tuple(subjects)
