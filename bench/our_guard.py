"""Our guard as a process: ``python -m bench.our_guard CONFIG.json``.

It serves one API three times over TLS: with nothing remembered of tokens, with the guard's own token cache, and with
that and a durable replay memory. And it measures in process what `bench_guard.mjs` measures for the peer, from the
same files: each line ``{"file", "cache"}`` on standard input is answered with ``{"per_second", ...}``. Revocation is
asked of a store, as inside the product: the peer asks nobody.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.lines import answer_lines, say
from bench.signing import tampered
from trustweft.crypto.keys import KeySet
from trustweft.net.serving import Listener, serve
from trustweft.net.telemetry import Telemetry
from trustweft.profile import load_profile
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.http import HttpRequest
from trustweft.resource.asgi import AUTHORIZATION, GuardMiddleware
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.issuer_keys import StaticKeys
from trustweft.resource.memory import MemoryReplays
from trustweft.resource.tokens import TokenCache
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.errors import Reject
from trustweft.store.guard import StoreReplayMemory, StoreRevocations
from trustweft.store.memory import MemoryStore
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.resource.storage import ReplayMemory

__all__ = ["NEEDED_SCOPE", "OurGuardConfig", "Variant"]

NEEDED_SCOPE: Final = ("accounts",)
_CLOCK: Final = SystemClock()


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One listener: whether tokens are remembered, and whether replays are durable."""

    name: str
    port: int
    cache: bool
    durable: bool


class OurGuardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is started with.

    Attributes:
        clients: the identifiers of the clients that tokens name; one that is not known is as good as removed.
        nonce_secret: base64url; whoever signs the requests in advance has it too.
    """

    issuer: str
    audience: str
    jwks: dict[str, Any]
    clients: list[str]
    nonce_secret: str
    directory: str
    certificate: str
    private_key: str
    variants: list[Variant]


class _Workbench:
    """Makes guards."""

    def __init__(self, config: OurGuardConfig) -> None:
        self._config = config
        self._keys = StaticKeys(KeySet.read(config.jwks))
        self._store = MemoryStore()
        self._limits = load_profile("fapi2-security").limits
        step = self._limits.dpop_nonce_step
        self._nonces = Nonces(decode_base64url(config.nonce_secret), step=step, window=2 * step)

    async def register_clients(self) -> None:
        for client_id in self._config.clients:
            await self._store.add_client(client_id, b"{}")

    def guard(self, *, base_url: str, cache: bool, replays: ReplayMemory | None = None) -> Guard:
        """Return a guard with a replay memory of its own."""
        return Guard(
            Protection(
                issuer=self._config.issuer,
                audience=self._config.audience,
                base_urls=(base_url,),
                resource_metadata=None,
                keys=self._keys,
                replays=MemoryReplays(clock=_CLOCK) if replays is None else replays,
                revocations=StoreRevocations(self._store, clock=_CLOCK),
                nonces=self._nonces,
                clock=_CLOCK,
                future_tolerance=self._limits.future_tolerance,
                proof_maximum_age=self._limits.dpop_proof_max_age,
                tokens=TokenCache() if cache else TokenCache(maximum=0),
            )
        )

    async def measure(self, order: dict[str, Any]) -> dict[str, Any]:
        """Verify every request of a file once, and show on some of them what is refused."""
        document, cache = _read(order["file"]), order["cache"]
        requests = [_to_request(request) for request in document["requests"]]
        first = requests[0]
        guard = self.guard(base_url=_origin(document["requests"][0]["url"]), cache=cache)
        other_method = HttpRequest("PUT", first.path, headers=first.headers)
        shown = {"wrong_method_refused": await _refuses(guard, other_method)}
        for name, header in (("token", "authorization"), ("proof", "dpop")):
            shown[f"{name}_signature_refused"] = await _refuses(guard, _tampered(first, header))
        warm_up = document["warm_up"]
        await _verify_all(guard, requests[:warm_up])
        began = perf_counter()
        await _verify_all(guard, requests[warm_up:])
        seconds = perf_counter() - began
        return {
            "per_second": (len(requests) - warm_up) / seconds,
            "replay_refused": await _refuses(guard, first),
            **shown,
        }


async def _verify_all(guard: Guard, requests: Sequence[HttpRequest]) -> None:
    for request in requests:
        await guard.verify(request, scope=NEEDED_SCOPE)


async def _refuses(guard: Guard, request: HttpRequest) -> bool:
    try:
        await guard.verify(request, scope=NEEDED_SCOPE)
    except Reject:
        return True
    return False


def _read(file: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(file).read_bytes())
    return document


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _to_request(document: dict[str, str]) -> HttpRequest:
    headers = (("authorization", document["authorization"]), ("dpop", document["dpop"]))
    return HttpRequest(document["method"], urlsplit(document["url"]).path, headers=headers)


def _tampered(request: HttpRequest, header: str) -> HttpRequest:
    headers = tuple((name, tampered(value) if name == header else value) for name, value in request.headers)
    return HttpRequest(request.method, request.path, headers=headers)


async def _bank(scope: Message, _receive: Receive, send: Send) -> None:
    """Answer what `guard_server.mjs` answers."""
    context = scope["state"][AUTHORIZATION]
    body = msgspec.json.encode(
        {"sub": context.subject, "client_id": context.client_id, "scope": " ".join(context.scope)}
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _serve(config: OurGuardConfig) -> None:
    workbench = _Workbench(config)
    await workbench.register_clients()
    store = SqliteStore.open(Path(config.directory) / "replays.sqlite")
    durable = StoreReplayMemory(store, space=config.audience)

    def application(variant: Variant) -> Application:
        guard = workbench.guard(
            base_url=f"https://localhost:{variant.port}",
            cache=variant.cache,
            replays=durable if variant.durable else None,
        )
        return GuardMiddleware(
            _bank, guard=guard, required_scope=lambda _request: NEEDED_SCOPE, observer=Telemetry()
        )

    listeners = [
        Listener(
            name=variant.name,
            application=application(variant),
            host="localhost",
            port=variant.port,
            certificate=Path(config.certificate),
            private_key=Path(config.private_key),
        )
        for variant in config.variants
    ]
    stop = asyncio.Event()
    lines = asyncio.create_task(answer_lines(workbench.measure, stop))
    await serve(listeners, stop=stop, on_ready=lambda: say({"ready": True}))
    lines.cancel()
    await store.close()


if __name__ == "__main__":
    uvloop.run(_serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=OurGuardConfig)))
