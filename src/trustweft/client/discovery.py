"""What a client knows of its server: metadata and keys, fetched from the issuer and kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.client.configuration import CertificateBound, Dpop, PrivateKeyJwt
from trustweft.client.federation import server_from_chain
from trustweft.crypto import jws
from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.protocol.metadata import ClientNeeds, read_server_metadata
from trustweft.protocol.mtls import MUTUAL_TLS_METHODS
from trustweft.protocol.well_known import well_known_urls
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.sending import Sending
    from trustweft.client.wire import Flow
    from trustweft.protocol.metadata import ServerMetadata
    from trustweft.runtime.clock import Clock

__all__ = ["Discovery"]

MAXIMUM_DOCUMENT: Final = 262_144
METADATA_LIFETIME: Final = 3_600.0  # our choice
KEYS_LIFETIME: Final = 300.0  # our choice: a removed key is gone soon
KEYS_COOL_DOWN: Final = 30.0  # our choice: tokens with unknown keys do not make us hammer the server
SUCCESSOR_COOL_DOWN: Final = 5.0  # our choice: where a key has ended the server publishes another one soon

_OK: Final = 200
_NOT_FOUND: Final = 404

UNAVAILABLE = reason(
    "client.discovery-failed",
    error="server_error",
    public="The metadata or keys of the authorization server could not be fetched.",
    status=502,
)
NO_ENDPOINT = reason(
    "client.no-endpoint", error="server_error", public="The server does not offer this endpoint.", status=502
)


class Discovery:
    """Metadata and keys of one authorization server."""

    def __init__(self, configuration: ClientConfiguration, sending: Sending, *, clock: Clock) -> None:
        self._configuration = configuration
        self._sending = sending
        self._clock = clock
        self._metadata: ServerMetadata | None = None
        self._metadata_fetched_at = 0.0
        self._keys: KeySet | None = None
        self._keys_fetched_at = 0.0

    def forget(self) -> int:
        """Forget metadata and keys, as of a server that takes part no more; return how many documents there were."""
        known = (self._metadata is not None) + (self._keys is not None)
        self._metadata, self._keys = None, None
        return known

    @enforces("FAPI2-SP-5.3.3.1-9")
    def metadata(self) -> Flow[ServerMetadata]:
        """Return the server's metadata; its issuer is the configured one, octet for octet.

        Raises:
            Reject: ``client.*`` or ``metadata.*``.
        """
        chain = self._configuration.server_chain
        if chain is not None:
            return server_from_chain(
                chain,
                issuer=self._configuration.checked_issuer,
                needs=_needs_of(self._configuration),
                now=self._clock.now(),
            )
        if self._metadata is None or not 0 <= self._since(self._metadata_fetched_at) < METADATA_LIFETIME:
            issuer = self._configuration.checked_issuer
            known = well_known_urls(issuer)
            document = yield from self._fetch(known.oauth, optional=True)
            if document is None:
                document = yield from self._fetch(known.openid)
            self._metadata = read_server_metadata(
                document or {}, issuer=issuer, needs=_needs_of(self._configuration)
            )
            self._metadata_fetched_at = self._clock.now()
        return self._metadata

    def endpoint(self, name: str) -> Flow[str]:
        """Return where a request goes: for a client that shows its certificate to the alias, if there is one.

        The authorization endpoint has no alias: it is the browser's, which has no certificate of ours.

        Raises:
            Reject: as for ``metadata``; ``client.no-endpoint``.
        """
        metadata = yield from self.metadata()
        aliases = metadata.mtls_endpoint_aliases if self._configuration.takes_aliases else {}
        url: str | None = aliases.get(name, getattr(metadata, name))
        if url is None:
            raise NO_ENDPOINT.reject(name)
        return url

    def keys_for(self, token: str) -> Flow[KeySet]:
        """Return the server's keys, but for those that have ended; fetched anew where the token names an unknown one.

        Between two fetches lies a cool-down, whatever tokens say.

        Raises:
            Reject: as for ``metadata``; ``jwks.malformed``, ``jwk.*``.
        """
        if self._keys is None or self._are_due(self._keys, token):
            document = yield from self._fetch((yield from self.endpoint("jwks_uri")))
            self._keys = KeySet.read(document or {})
            self._keys_fetched_at = self._clock.now()
        return self._believed(self._keys)

    def _are_due(self, keys: KeySet, token: str) -> bool:
        age = self._since(self._keys_fetched_at)
        cool_down = KEYS_COOL_DOWN if self._believed(keys) is keys else SUCCESSOR_COOL_DOWN
        return not 0 <= age < KEYS_LIFETIME or (age >= cool_down and not _knows(keys, token))

    def _believed(self, keys: KeySet) -> KeySet:
        believed = self._configuration.believed_keys
        return keys if believed is None else believed(keys)

    def _since(self, time: float) -> float:
        """Return how long ago that was; less than nothing where the clock was set back, and then nobody knows."""
        return self._clock.now() - time

    def _fetch(self, url: str, *, optional: bool = False) -> Flow[dict[str, object] | None]:
        response = yield from self._sending.fetch(url)
        if response.status == _NOT_FOUND and optional:
            return None
        if response.status != _OK:
            raise UNAVAILABLE.reject(f"{url}: status {response.status}")
        try:
            return load_object(response.body, limit=MAXIMUM_DOCUMENT)
        except Reject as cause:
            raise UNAVAILABLE.reject(f"{url}: {cause.reason.id}") from cause


def _needs_of(configuration: ClientConfiguration) -> ClientNeeds:
    asserts = isinstance(configuration.authentication, PrivateKeyJwt)
    return ClientNeeds(
        authentication_methods=("private_key_jwt",) if asserts else MUTUAL_TLS_METHODS,
        dpop=isinstance(configuration.sender_constraint, Dpop),
        certificate_bound=isinstance(configuration.sender_constraint, CertificateBound),
        keys=configuration.asks_for_identity,
        people=configuration.redirect_uri is not None,
    )


def _knows(keys: KeySet, token: str) -> bool:
    try:
        parsed = jws.parse(token)
        keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)
    except Reject as refusal:
        return refusal.reason is not NO_KEY  # what is malformed no new key can mend
    return True
