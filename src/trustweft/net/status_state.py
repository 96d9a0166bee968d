"""What a participant must still know after a restart while the directory is away: the last status, and open orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from trustweft.protocol.ecosystem_status import SubjectStatus  # noqa: TC001  # msgspec reads the annotations
from trustweft.runtime.files import read_private_file, write_private_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileState", "MemoryState", "OpenOrder", "State", "StateKeeper"]

MAXIMUM_REMEMBERED: Final = 4_096  # our choice: deliveries that are recognised when they come again


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An order that was verified, and whose receipt the directory does not have yet.

    Attributes:
        token: the signed order.
        refused_at: when this participant began to refuse.
        begun: whether the clean-up was begun; after a crash it is begun anew, and then ``repeated``.
        cleaned_at: when nothing was left; ``counts``: how much there had been.
        overtaken: whether its subject was let in again before it was carried out, so that nothing was cleaned up.
    """

    token: str
    refused_at: float
    begun: bool = False
    repeated: bool = False
    cleaned_at: float | None = None
    counts: dict[str, int] = {}  # msgspec copies an empty default
    overtaken: bool = False


class State(Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        issuer: the directory that said so; empty in a file of an earlier version.
        confirmed_at: when the directory last said that this is how things are, by our own clock.
        orders: by the identifier of each.
        delivered: identifiers of tokens that came lately, oldest first.
    """

    issuer: str = ""
    revision: int = -1
    subjects: dict[str, SubjectStatus] = {}  # msgspec copies an empty default
    confirmed_at: float = 0.0
    orders: dict[str, OpenOrder] = {}
    delivered: tuple[str, ...] = ()

    def of(self, issuer: str) -> State:
        """Return what is known from this directory: nothing, where another one said it, whose revisions are its own."""
        return replace(self, issuer=issuer) if self.issuer in {"", issuer} else State(issuer=issuer)

    def remembering(self, jti: str) -> tuple[str, ...]:
        """Return what was delivered, with one more."""
        return (*self.delivered, jti)[-MAXIMUM_REMEMBERED:]


class StateKeeper(Protocol):
    """Where the state is kept."""

    def load(self) -> State:
        """Return the state as it was kept last; a new one where there is none."""
        ...

    def save(self, state: State) -> None:
        """Keep the state, durably, before this returns."""
        ...


class MemoryState:
    """Keeps the state for as long as the process runs."""

    def __init__(self) -> None:
        self._state = State()

    def load(self) -> State:
        """Return the state."""
        return self._state

    def save(self, state: State) -> None:
        """Keep the state."""
        self._state = state


class FileState:
    """Keeps the state in a file that only its owner reads, written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> State:
        """Return the state; a new one where there is no file.

        Raises:
            KeyFileError: others can read it.
            msgspec.DecodeError: it is no such file. Nothing is believed then: the operator removes it.
        """
        try:
            octets = read_private_file(self._path)
        except FileNotFoundError:
            return State()
        return msgspec.json.decode(octets, type=State)

    def save(self, state: State) -> None:
        """Replace the file."""
        write_private_file(self._path, msgspec.json.encode(state))
