"""Which authorization server knows a software as what: one registration each, and a lost ``client_id`` is found here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.directory.events import Registered, Unregistered
from trustweft.directory.objects import Brand, Software
from trustweft.directory.permitting import NOT_PERMITTED, organisations_of
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.commands import EndRegistration, NoteRegistration
    from trustweft.directory.events import Actor
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.stamp import Stamp

__all__ = ["end_registration", "note_registration"]

REGISTERED_ALREADY = reason(
    "register.registered-already",
    error="invalid_request",
    public="The software has a registration at this authorization server already.",
    status=409,
)
NOT_REGISTERED = reason(
    "register.not-registered",
    error="not_found",
    public="The software has no registration at this authorization server.",
    status=404,
)
NO_PARTIES = reason(
    "register.not-software-and-brand",
    error="invalid_request",
    public="A registration is of a software at an authorization server.",
)
STOPPED = reason(
    "register.registration-of-stopped",
    error="invalid_request",
    public="The software or the authorization server has ended.",
    status=409,
)


def note_registration(snapshot: Snapshot, command: NoteRegistration, *, stamp: Stamp) -> tuple[Registered]:
    """Note a new registration.

    Raises:
        Reject: ``register.unknown-subject``, ``.not-software-and-brand``, ``.not-permitted``,
            ``.registration-of-stopped``, ``.registered-already``.
    """
    software, brand = _parties(snapshot, command, by=stamp.by)
    if any(snapshot.effective(each.subject).effect == "ended" for each in (software, brand)):
        raise STOPPED.reject(f"{software.subject} at {brand.subject}")
    known = snapshot.registration(software=software.subject, brand=brand.subject)
    if known is not None:
        raise REGISTERED_ALREADY.reject(f"{software.subject} is {known.client_id} at {brand.subject}")
    return (
        Registered(
            sequence=stamp.sequence + 1,
            at=stamp.at,
            by=stamp.by,
            subject=str(software.subject),
            brand=str(brand.subject),
            client_id=command.client_id,
        ),
    )


def end_registration(snapshot: Snapshot, command: EndRegistration, *, stamp: Stamp) -> tuple[Unregistered]:
    """Note that a registration is gone, whatever became of the two: cleaning up is always told.

    Raises:
        Reject: ``register.unknown-subject``, ``.not-software-and-brand``, ``.not-permitted``, ``.not-registered``.
    """
    software, brand = _parties(snapshot, command, by=stamp.by)
    known = snapshot.registration(software=software.subject, brand=brand.subject)
    if known is None:
        raise NOT_REGISTERED.reject(f"{software.subject} at {brand.subject}")
    return (
        Unregistered(
            sequence=stamp.sequence + 1,
            at=stamp.at,
            by=stamp.by,
            subject=str(software.subject),
            reason=command.reason,
            brand=str(brand.subject),
            client_id=known.client_id,
        ),
    )


def _parties(
    snapshot: Snapshot, command: NoteRegistration | EndRegistration, *, by: Actor
) -> tuple[Record, Record]:
    software, brand = snapshot.find(command.software), snapshot.find(command.brand)
    if not (isinstance(software.facts, Software) and isinstance(brand.facts, Brand)):
        raise NO_PARTIES.reject(f"{software.subject} at {brand.subject}")
    # Either side tells of it: the server that registered, or the software that was.
    own = organisations_of(snapshot, software.subject) | organisations_of(snapshot, brand.subject)
    if by.part not in ("operator", "directory") and not (
        by.part == "administrator" and f"organisation:{by.organisation}" in own
    ):
        raise NOT_PERMITTED.reject(f"{by.part} {by.id} and {software.subject} at {brand.subject}")
    return software, brand
