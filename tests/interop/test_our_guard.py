"""Our guard protects an API whose tokens an independent server, Node's oidc-provider, issues."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from client_certificates import create_client_certificate
from ecosystem import free_base_port
from peers import (
    NONCE_SECRET,
    Peers,
    client_key,
    flow,
    jwk_of,
    provider_config,
    provider_config_with_certificates,
)
from served import served
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.net.fetch import Fetcher
from trustweft.profile import load_profile
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.issuer_keys import RemoteKeys
from trustweft.resource.memory import MemoryReplays
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.net.asgi import Application
    from trustweft.protocol.access_token import AccessToken
    from trustweft.runtime.errors import Reject


CALLS = {"resource", "token_alone_refused", "resource_after_refresh"}


class NeverRevoked:
    """The peer answers no question about its JWT access tokens, so they end by expiry alone."""

    async def is_active(self, token: AccessToken, *, presented: str) -> bool:
        """Say yes."""
        return True


class Refusals(SilentObserver):
    """Remembers why requests were refused."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        self.reasons.append(refusal.reason.id)


def create_guarded_bank(*, issuer: str, base_url: str, authorities: Path, observer: Refusals) -> Application:
    """Return our bank behind our guard, with the peer as the one issuer."""
    clock, limits = SystemClock(), load_profile("fapi2-security").limits
    fetcher = Fetcher(trust=authorities, allowed_hosts=frozenset({"localhost"}))
    guard = Guard(
        Protection(
            issuer=issuer,
            audience=base_url,
            base_urls=(base_url,),
            resource_metadata=None,
            keys=RemoteKeys(issuer=issuer, fetch=fetcher.get, clock=clock, observer=observer),
            replays=MemoryReplays(clock=clock),
            revocations=NeverRevoked(),
            nonces=Nonces(SystemEntropy().octets(32)),
            clock=clock,
            future_tolerance=limits.future_tolerance,
            proof_maximum_age=limits.dpop_proof_max_age,
        )
    )
    return create_bank(
        BankConfig(resource=base_url, issuer=issuer),
        guard=guard,
        customers={"u-1": "alice"},
        clock=clock,
        entropy=SystemEntropy(),
        observer=observer,
    )


@contextmanager
def guarded_bank(peers: Peers, issuer: str, *, port: int, observer: Refusals) -> Iterator[str]:
    """Serve our bank behind our guard, and return the address of a resource."""
    base_url, authorities, tls = f"https://localhost:{port}", peers.authority.certificate, peers.authority.tls
    with served(
        lambda: create_guarded_bank(
            issuer=issuer, base_url=base_url, authorities=authorities, observer=observer
        ),
        port=port,
        certificate=Path(tls["cert"]),
        private_key=Path(tls["key"]),
        client_authorities=authorities,
    ):
        yield f"{base_url}/accounts"


@pytest.mark.parametrize(
    ("algorithm", "dpop"),
    [
        ("ES256", {"nonce_secret": NONCE_SECRET, "require_nonce": True}),
        ("PS256", {}),
        ("Ed25519", {"nonce_secret": NONCE_SECRET}),
    ],
)
def test_our_guard_accepts_what_oidc_provider_issues(
    peers: Peers, algorithm: str, dpop: dict[str, Any]
) -> None:
    """A token of the peer, used by an independent client with proofs and our nonces, opens our API."""
    key, port, refusals = client_key(algorithm), free_base_port(), Refusals()
    resource = {"identifier": f"https://localhost:{port}", "scope": "accounts"}
    config = provider_config(jwk_of(key, algorithm, private=False), dpop=dpop, resource=resource)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    with guarded_bank(peers, issuer, port=port, observer=refusals) as accounts:
        steps = flow(peers, key, issuer, algorithm=algorithm, resource=accounts)
    assert [step for step in steps if not step["ok"]] == []
    assert {step["step"] for step in steps} >= CALLS
    # Our guard asked for a nonce of its own, and refused the token without a proof, and nothing else.
    assert set(refusals.reasons) == {"dpop.nonce-required", "dpop.missing"}


@pytest.mark.parametrize("authenticates", [True, False])
def test_our_guard_accepts_what_oidc_provider_binds_to_a_certificate(
    peers: Peers, tmp_path: Path, *, authenticates: bool
) -> None:
    """Whether the certificate authenticates the client as well, or a key does; who issued it does not matter."""
    key, port, refusals = client_key(), free_base_port(), Refusals()
    certificate = create_client_certificate(tmp_path, "moneyview")
    by_certificate = {
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": {"keys": [certificate.jwk]},
    }
    by_key = {"jwks": {"keys": [jwk_of(key, "ES256", private=False)]}}
    config = provider_config_with_certificates(
        peers.authority,
        by_certificate if authenticates else by_key,
        binds=True,
        resource={"identifier": f"https://localhost:{port}", "scope": "accounts"},
    )
    issuer = peers.serve("provider.mjs", config)["issuer"]
    with guarded_bank(peers, issuer, port=port, observer=refusals) as accounts:
        steps = flow(
            peers,
            None if authenticates else key,
            issuer,
            resource=accounts,
            client_certificate=str(certificate.file),
            tls_client_certificate_bound_access_tokens=True,
        )
    assert [step for step in steps if not step["ok"]] == []
    assert {step["step"] for step in steps} >= CALLS
    assert refusals.reasons == ["mtls.binding-without-certificate"]
