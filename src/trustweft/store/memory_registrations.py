"""The part of the store in memory that knows who registered itself, and until when that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trustweft.server.records import RegistrationOutcome, RegistrationUse
from trustweft.store.at_once import at_once
from trustweft.store.errors import StoreConflictError

if TYPE_CHECKING:
    from trustweft.server.records import Registration

__all__ = ["MemoryRegistrations"]


class MemoryRegistrations:
    """Whoever has these also has the clients: a registration comes with its client, and goes with it."""

    _clients: dict[str, bytes]
    _removed_clients: dict[str, float]

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}

    def _remove_client(self, client_id: str, *, now: float) -> bool:
        raise NotImplementedError

    def _of_software(self, directory: str, software_id: str) -> Registration | None:
        named = (directory, software_id)
        registrations = self._registrations.values()
        return next((each for each in registrations if (each.directory, each.software_id) == named), None)

    @at_once
    def register_software(
        self, registration: Registration, metadata: bytes, *, quota: int, now: float
    ) -> RegistrationOutcome:
        """Register the client, if its software is not registered yet and its organisation has not too many."""
        before = self._of_software(registration.directory, registration.software_id)
        if before is not None and before.expires_at > now:
            return RegistrationOutcome.SOFTWARE_TAKEN
        whose = (registration.directory, registration.organisation_id)
        others = [
            each
            for each in self._registrations.values()
            if (each.directory, each.organisation_id) == whose and each.expires_at > now
        ]
        if len(others) >= quota:
            return RegistrationOutcome.QUOTA
        client_id = registration.client_id
        if client_id in self._clients or client_id in self._removed_clients:
            raise StoreConflictError(f"{client_id} is taken")
        if before is not None:
            self._remove_client(before.client_id, now=now)
        self._clients[client_id] = metadata
        self._registrations[client_id] = registration
        return RegistrationOutcome.REGISTERED

    async def find_registration(self, client_id: str, *, now: float) -> Registration | None:
        """Return the registration if it has not expired."""
        registration = self._registrations.get(client_id)
        return registration if registration is not None and registration.expires_at > now else None

    async def find_registered_software(
        self, *, directory: str, software_id: str, now: float
    ) -> Registration | None:
        """Return the registration of a software if it has not expired."""
        registration = self._of_software(directory, software_id)
        return registration if registration is not None and registration.expires_at > now else None

    @at_once
    def replace_registration(
        self, client_id: str, *, token: bytes, new_token: bytes, old: bytes, new: bytes
    ) -> bool:
        """Replace metadata and token if both are still the old ones."""
        registration = self._registrations.get(client_id)
        if registration is None or registration.token != token or self._clients.get(client_id) != old:
            return False
        self._registrations[client_id] = replace(registration, token=new_token)
        self._clients[client_id] = new
        return True

    @at_once
    def replace_registration_token(self, client_id: str, *, token: bytes, new_token: bytes) -> bool:
        """Replace the token if it is still the old one."""
        registration = self._registrations.get(client_id)
        if registration is None or registration.token != token:
            return False
        self._registrations[client_id] = replace(registration, token=new_token)
        return True

    @at_once
    def remove_registration(self, client_id: str, *, token: bytes, now: float) -> bool:
        """Remove the client with its registration, if the token is still this one."""
        registration = self._registrations.get(client_id)
        if registration is None or registration.token != token:
            return False
        return self._remove_client(client_id, now=now)

    @at_once
    def use_registration(self, client_id: str, *, now: float, keep_until: float) -> RegistrationUse:
        """Note that the client was there, if it was in time."""
        registration = self._registrations.get(client_id)
        if registration is None:
            return RegistrationUse.UNKNOWN
        if registration.expires_at <= now:
            return RegistrationUse.EXPIRED
        self._registrations[client_id] = replace(registration, expires_at=keep_until)
        return RegistrationUse.USED

    def _reap_registrations(self, *, now: float, limit: int) -> int:
        due = sorted(
            (each.expires_at, each.client_id)
            for each in self._registrations.values()
            if each.expires_at <= now
        )[:limit]
        for _, client_id in due:
            self._remove_client(client_id, now=now)
        return len(due)
