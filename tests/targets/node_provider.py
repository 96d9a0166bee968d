"""Node's oidc-provider as a FAPI 2.0 deployment with a guarded API, and the target that audits it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from peers import NONCE_SECRET, REDIRECT_URI, client_key, jwk_of
from trustweft.audit.target import Api, ClientEntry, OperationEntry, Target, User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from peers import Peers

__all__ = ["node_provider"]

AUDIENCE = "https://api.example/"
PEOPLE = (("alice", "wonderland"), ("bob", "builder"))


@contextmanager
def node_provider(peers: Peers, folder: Path) -> Iterator[Target]:
    """Serve the provider and an API behind an independent guard; they end with ``peers``."""
    keys = {name: client_key() for name in ("first", "second")}
    config: dict[str, Any] = {
        "clients": [
            {
                "client_id": name,
                "redirect_uris": [f"{REDIRECT_URI}/{name}"],
                "jwks": {"keys": [jwk_of(key, "ES256", private=False)]},
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "scope": "openid accounts",
            }
            for name, key in keys.items()
        ],
        "accounts": [
            {"username": name, "password": password, "sub": f"u-{name}", "claims": {}}
            for name, password in PEOPLE
        ],
        "resource": {"identifier": AUDIENCE, "scope": "accounts"},
        "dpop": {"nonce_secret": NONCE_SECRET, "require_nonce": False},
    }
    issuer = peers.serve("provider.mjs", config)["issuer"]
    api = peers.serve(
        "guard_server.mjs", {"issuer": issuer, "audience": AUDIENCE, "jwks_uri": f"{issuer}/jwks"}
    )["origin"]
    for name, key in keys.items():
        (folder / f"{name}.json").write_text(json.dumps(jwk_of(key, "ES256", private=True)))
    yield Target(
        issuer=issuer,
        profile="fapi2-security",
        trust=str(peers.authority.certificate),
        rate=500.0,
        clients=tuple(
            ClientEntry(
                client_id=name,
                key=str(folder / f"{name}.json"),
                redirect_uri=f"{REDIRECT_URI}/{name}",
                scope="openid accounts",
                narrow_scope="accounts",
                grant_types=("authorization_code", "refresh_token", "client_credentials"),
            )
            for name in keys
        ),
        users=tuple(User(username=name, password=password) for name, password in PEOPLE),
        apis=(Api(url=api, name="guarded", operations=(OperationEntry(path="/accounts"),)),),
    )
