"""What an operator decides about a directory. URLs come from here, never from a request."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from trustweft.protocol.federation_requests import WELL_KNOWN
from trustweft.protocol.url import parse_url

__all__ = ["PATHS", "DirectoryConfig"]

# Right below the issuer, which is an origin: each directory has one of its own.
PATHS: Final = {
    "jwks": "/jwks",
    "status": "/status",
    "receipts": "/receipts",
    "probes": "/probes",
    "software_statements": "/software-statements",
    "transmitter_configuration": "/.well-known/ssf-configuration",
    "verification": "/events/verification",
    "entity_configuration": WELL_KNOWN,
    "fetch": "/federation/fetch",
    "list": "/federation/list",
    "resolve": "/federation/resolve",
    "trust_mark_status": "/federation/trust-mark-status",
    "trust_marked": "/federation/trust-marked",
    "trust_mark": "/federation/trust-mark",
    "historical_keys": "/federation/historical-keys",
}


class DirectoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One directory.

    Attributes:
        issuer: https, host and port, without a path: what it signs as, and its Entity Identifier.
        organization_name: who runs it.
        statement_lifetime: seconds that statements of the federation are good for: until then one that was ended may be
            believed by whoever asks nothing else.
        verify_every: seconds after which a participant that was told nothing is asked whether deliveries still arrive
            (SSF 1.0 section 8.1.4); 0 for never.
        without_certification: kinds that the profile wants certified and that are admitted without: the operator does
            without, knowingly.
    """

    issuer: str
    organization_name: str
    statement_lifetime: Annotated[float, msgspec.Meta(ge=300, le=900)] = 600.0  # our choice: 5 to 15 minutes
    verify_every: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 300.0  # our choice
    without_certification: tuple[Literal["brand", "api", "software"], ...] = ()

    def __post_init__(self) -> None:
        """Refuse an issuer that is no origin.

        Raises:
            ValueError: it is none.
        """
        url = parse_url(self.issuer)
        if url is None or (url.scheme, url.path, url.query, url.fragment) != ("https", "", None, None):
            raise ValueError(f"{self.issuer!r} must be https://host or https://host:port, and nothing more")

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint by its name in ``PATHS``."""
        return self.issuer + PATHS[name]
