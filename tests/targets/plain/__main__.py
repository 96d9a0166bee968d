"""Serves the authorization server and, at the next two ports, the APIs, until the input ends."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from .api import Orders
from .authorization import Pages
from .flaws import FLAWS
from .reports import Reports
from .rsa import load_key
from .state import Client, State, User, scrypt
from .tokens import Tokens
from .web import Answer, Request, Server, json_answer

CLIENTS = (
    Client(
        "shop",
        "known-to-this-file-alone-4711",
        "http://localhost:9900/callback",
        frozenset({"orders:read", "orders:write"}),
    ),
    Client(
        "partner",
        "known-to-this-file-alone-0815",
        "http://localhost:9901/back",
        frozenset({"orders:read", "orders:write"}),
    ),
)
PUBLIC = Client("app", "", "http://localhost:9902/app", frozenset({"orders:read", "orders:write"}))
USERS = (
    User("u-7d4e1c", "alice", "alice@plain.example", scrypt("correct horse battery staple")),
    User("u-93ab02", "bob", "bob@plain.example", scrypt("wrong donkey charger paperclip")),
)


def main() -> None:
    """Read the arguments and serve."""
    arguments = argparse.ArgumentParser(prog="plain", description=__doc__)
    arguments.add_argument("--port", type=int, default=9000)
    arguments.add_argument("--flaw", action="append", default=[], choices=sorted(FLAWS))
    arguments.add_argument("--metadata", action="store_true", help="publish metadata (RFC 8414)")
    arguments.add_argument("--opaque", action="store_true", help="tokens say nothing")
    arguments.add_argument(
        "--objects-first", action="store_true", help="orders are looked up before the scope is looked at"
    )
    arguments.add_argument("--lifetime", type=int, default=300, help="of access tokens, in seconds")
    arguments.add_argument("--key", type=Path, default=Path("plain-key.json"), help="file of the signing key")
    given = arguments.parse_args()
    issuer, api, reports = (f"http://localhost:{given.port + number}" for number in range(3))
    state = State(
        issuer=issuer,
        api=api,
        audiences=(api, reports),
        lifetime=given.lifetime,
        opaque={} if given.opaque else None,
        key=load_key(given.key),
        flaws=frozenset(given.flaw),
        objects_first=given.objects_first,
        clients={each.id: each for each in (*CLIENTS, PUBLIC)},
        users={each.id: each for each in USERS},
    )
    pages, tokens, orders = Pages(state), Tokens(state), Orders(state)

    def respond(request: Request) -> Answer:
        documents = {"/": {"name": "plain"}, "/jwks": state.key_set()}
        if given.metadata:
            documents["/.well-known/oauth-authorization-server"] = metadata(issuer)
        if request.path in documents and request.method in ("GET", "HEAD"):
            return json_answer(200, documents[request.path])
        answer = pages.respond(request) or tokens.respond(request)
        return answer or json_answer(404, {"error": "not_found"})

    servers = (
        Server(given.port, respond, state.flaws),
        Server(given.port + 1, orders.respond, state.flaws),
        Server(given.port + 2, Reports(state, reports).respond, state.flaws),
    )
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def metadata(issuer: str) -> dict[str, object]:
    """Return what the server says of itself, where it does."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["orders:read", "orders:write"],
        "authorization_response_iss_parameter_supported": True,
    }


if __name__ == "__main__":
    main()
