"""A server's membership in a federation, assembled: Trust Anchors from files, keys of its own, a resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.cli.assembly.parts import resolve
from trustweft.crypto.keyring import KeyRing
from trustweft.net.federation import ChainResolver, ResolverLimits
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.protocol.federation_keys import read_federation_keys
from trustweft.runtime.errors import Reject
from trustweft.runtime.settings import SettingsError
from trustweft.runtime.strict_json import load_object
from trustweft.server.federation import Federation

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.cli.settings import FederationSettings
    from trustweft.crypto.keys import KeySet
    from trustweft.net.tls_policy import TlsPolicy

__all__ = ["assemble_federation", "read_trust_anchor_keys"]

MAXIMUM_KEY_SET: Final = 262_144
CHAIN_LIFETIME: Final = 60.0  # our choice, in seconds


def assemble_federation(
    settings: FederationSettings | None,
    *,
    organization_name: str,
    future_tolerance: float,
    policy: TlsPolicy,
    base: Path,
    surroundings: Surroundings,
) -> Federation | None:
    """Return the server's part in a federation, None where it is no member of one.

    Raises:
        SettingsError: the keys of a Trust Anchor cannot be read.
    """
    if settings is None:
        return None
    trust = None if settings.trust is None else resolve(base, settings.trust)
    fetcher = Fetcher(trust=policy.narrow(trust_context(trust)), allowed_hosts=settings.allowed_hosts)
    clock = surroundings.clock
    return Federation(
        resolver=ChainResolver(
            anchors={
                anchor.entity: read_trust_anchor_keys(resolve(base, anchor.jwks))
                for anchor in settings.trust_anchors
            },
            fetch=fetcher.get,
            clock=clock,
            future_tolerance=future_tolerance,
            # What a chain registered is stored: the chain itself serves only those who come at once.
            limits=ResolverLimits(lifetime=CHAIN_LIFETIME),
        ),
        keys=KeyRing.load_or_create(resolve(base, settings.keys), now=clock.now()),
        authority_hints=settings.authority_hints,
        organization_name=organization_name,
        statement_lifetime=settings.statement_lifetime,
        requests_without_push=settings.requests_without_push,
    )


def read_trust_anchor_keys(path: Path) -> KeySet:
    """Return the keys of a Trust Anchor from a file that its operator handed over (section 4).

    Raises:
        SettingsError: the file cannot be read, or what it holds are no keys of a federation.
    """
    try:
        return read_federation_keys(load_object(path.read_bytes(), limit=MAXIMUM_KEY_SET))
    except (OSError, Reject) as cause:
        raise SettingsError(f"{path}: {cause}") from cause
