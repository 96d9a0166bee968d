"""What a client knows of its server: metadata and keys, fetched from the issuer and kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.client.wire import Call
from trustweft.crypto import jws
from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.protocol.metadata import read_server_metadata, well_known_urls
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.wire import Flow
    from trustweft.protocol.metadata import ServerMetadata
    from trustweft.runtime.clock import Clock

__all__ = ["Discovery"]

MAXIMUM_DOCUMENT: Final = 262_144
METADATA_LIFETIME: Final = 3_600.0  # our choice
KEYS_LIFETIME: Final = 300.0  # our choice: a removed key is gone soon
KEYS_COOL_DOWN: Final = 30.0  # our choice: tokens with unknown keys do not make us hammer the server
_OK: Final = 200
_NOT_FOUND: Final = 404

UNAVAILABLE = reason(
    "client.discovery-failed",
    error="server_error",
    public="The metadata or keys of the authorization server could not be fetched.",
    status=502,
)


class Discovery:
    """Metadata and keys of one authorization server."""

    def __init__(self, configuration: ClientConfiguration, *, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._metadata: ServerMetadata | None = None
        self._metadata_until = 0.0
        self._keys: KeySet | None = None
        self._keys_fetched_at = 0.0

    @enforces("FAPI2-SP-5.3.3.1-9")
    def metadata(self) -> Flow[ServerMetadata]:
        """Return the server's metadata; its issuer is the configured one, octet for octet.

        Raises:
            Reject: ``client.discovery-failed`` or ``metadata.*``.
        """
        if self._metadata is None or self._clock.now() >= self._metadata_until:
            issuer = self._configuration.checked_issuer
            known = well_known_urls(issuer)
            document = yield from _fetch(known.oauth, optional=True)
            if document is None:
                document = yield from _fetch(known.openid)
            self._metadata = read_server_metadata(document or {}, issuer=issuer)
            self._metadata_until = self._clock.now() + METADATA_LIFETIME
        return self._metadata

    def keys_for(self, token: str) -> Flow[KeySet]:
        """Return the server's keys; fetched anew, within a cool-down, where the token names an unknown one.

        Raises:
            Reject: as for ``metadata``; ``jwks.malformed``, ``jwk.*``.
        """
        age = self._clock.now() - self._keys_fetched_at
        if (
            self._keys is None
            or age >= KEYS_LIFETIME
            or (age >= KEYS_COOL_DOWN and not _knows(self._keys, token))
        ):
            metadata = yield from self.metadata()
            document = yield from _fetch(metadata.jwks_uri)
            self._keys = KeySet.read(document or {})
            self._keys_fetched_at = self._clock.now()
        return self._keys


def _fetch(url: str, *, optional: bool = False) -> Flow[dict[str, object] | None]:
    response = yield Call(method="GET", url=url, headers=(("accept", "application/json"),))
    if response.status == _NOT_FOUND and optional:
        return None
    if response.status != _OK:
        raise UNAVAILABLE.reject(f"{url}: status {response.status}")
    try:
        return load_object(response.body, limit=MAXIMUM_DOCUMENT)
    except Reject as cause:
        raise UNAVAILABLE.reject(f"{url}: {cause.reason.id}") from cause


def _knows(keys: KeySet, token: str) -> bool:
    try:
        parsed = jws.parse(token)
        keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)
    except Reject as refusal:
        return refusal.reason is not NO_KEY  # what is malformed no new key can mend
    return True
