"""Passwords, kept as Argon2id (RFC 9106): slow on purpose, in threads of their own, and few at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from trustweft.protocol.oauth import TEMPORARILY_UNAVAILABLE
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from trustweft.runtime.entropy import Entropy

    T = TypeVar("T")

__all__ = ["PasswordMismatchError", "Passwords"]

SALT_OCTETS: Final = 16  # RFC 9106 section 3.1

BUSY = reason(
    "login.busy",
    error=TEMPORARILY_UNAVAILABLE,
    public="Too many people are logging in at the moment.",
    status=429,
    shown=Shown.PAGE,
)


class PasswordMismatchError(Exception):
    """The password is not that of the person, or there is no such person: nobody learns which."""


class Passwords:
    """Hashes and verifies passwords.

    Args:
        entropy: for salts.
        hasher: how slow; the library's default is the second recommendation of RFC 9106 section 4.
        concurrency: how many at once; each takes a processor and, by default, 64 MiB.
        waiting: how many may stand in line; our choice: whoever came later would wait for seconds.
    """

    def __init__(
        self,
        *,
        entropy: Entropy,
        hasher: PasswordHasher | None = None,
        concurrency: int = 2,
        waiting: int = 64,
    ) -> None:
        self._entropy = entropy
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="argon2")
        self._allowed = concurrency + waiting
        self._pending = 0
        # What an unknown person's password is compared with: it costs as much as a known one's, so that time
        # does not tell who exists.
        self._nobody = self._hash(entropy.token())

    async def hash(self, password: str) -> str:
        """Return what to keep in place of the password.

        Raises:
            Reject: ``login.busy``.
        """
        return await self._run(lambda: self._hash(password))

    async def verify(self, password: str, *, stored: str | None) -> None:
        """Compare the password with what is kept; ``None`` takes as long, and never matches.

        Raises:
            PasswordMismatchError: it is another one.
            Reject: ``login.busy``.
        """
        await self._run(lambda: self._verify(password, self._nobody if stored is None else stored))
        if stored is None:
            raise PasswordMismatchError

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a fresh hash of the same password would be stronger."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._allowed:
            raise BUSY.reject(headers=(("retry-after", "5"),))
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_normalised(password), salt=self._entropy.octets(SALT_OCTETS))

    def _verify(self, password: str, stored: str) -> None:
        try:
            self._hasher.verify(stored, _normalised(password))
        except (VerificationError, InvalidHashError) as cause:
            raise PasswordMismatchError from cause


def _normalised(password: str) -> str:
    """Keyboards spell one character in several ways (RFC 8265 section 4.2.2; NIST SP 800-63B: NFKC or NFKD)."""
    return unicodedata.normalize("NFKC", password)
