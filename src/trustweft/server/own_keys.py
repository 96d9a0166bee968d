"""This server's own signing keys that the directory has ended: whoever believes the directory believes them no more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trustweft.crypto.key_rotation import KeyStateError, retire
from trustweft.crypto.keys import thumbprint
from trustweft.protocol.ecosystem_status import subject_of

if TYPE_CHECKING:
    from trustweft.crypto.key_states import KeyRecord
    from trustweft.crypto.keyring import KeyRing
    from trustweft.protocol.offboarding import Order
    from trustweft.runtime.clock import Clock

__all__ = ["OwnKeys"]


class OwnKeys:
    """Gives keys up that an order ends, and has others made in the place of those that sign.

    Args:
        keys: of this server.
        clock: tells the time.
    """

    def __init__(self, keys: KeyRing, *, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def give_up(self, order: Order) -> None:
        """Retire the keys that an order is about; those that were retired before stay so.

        Raises:
            OSError: not now: the keys are out of reach, or one of them begins to sign in a moment.
        """
        concerned = set(order.concerned)
        for record in [each.record for each in self._keys.statuses]:
            if subject_of("key", thumbprint(record.public_key)) in concerned and record.retired_at is None:
                await self._retire(record, compromised=order.action == "compromise")

    async def _retire(self, record: KeyRecord, *, compromised: bool) -> None:
        try:
            # In a thread: a command may hold the lock of the directory, and an RSA key takes a while.
            await asyncio.to_thread(
                retire,
                self._keys.directory,
                record.key_id,
                compromised=compromised,
                at_once=True,
                now=self._clock.now(),
            )
        except KeyStateError as cause:
            if cause.reason != "keys.retired":  # another process may have been first
                raise BlockingIOError(str(cause)) from cause
