"""Our authorization server as a process: ``python -m bench.our_server CONFIG.json``.

It is assembled and served as `trustweft up` does it: the same function, listener, telemetry and reaper. Only the
memory store is not one of the product's choices. On standard input it takes the place of the consent page: each line
``{"client_id", "sub", "redirect_uri", "scope", "nonce", "items": [{"code_challenge", "dpop_jkt"}]}`` is answered with
``{"codes": [...]}``, one unredeemed code for each item, in order, each under a grant of its own.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import uvloop

from bench.lines import answer_lines, say
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.running import run
from trustweft.cli.assembly.server import assemble_server
from trustweft.cli.registry import add_client
from trustweft.cli.settings import ServerSettings  # noqa: TC001  # msgspec resolves the annotations at run time
from trustweft.net.telemetry import Telemetry
from trustweft.profile import load_profile
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.entropy import SystemEntropy
from trustweft.server.records import AuthorizationCode, Grant
from trustweft.store.memory import MemoryStore
from trustweft.store.reaper import Reaper
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

__all__ = ["OurServerConfig"]


class OurServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is started with.

    Attributes:
        directory: what the paths of the settings are relative to.
        clients: RFC 7591 metadata of every client.
        durable: the product's SQLite store, or a store in memory.
    """

    directory: str
    settings: ServerSettings
    clients: list[dict[str, Any]]
    durable: bool


class _Consent:
    """Issues the codes that people would have agreed to."""

    def __init__(self, store: ServerStore, surroundings: Surroundings, profile: str) -> None:
        self._store = store
        self._surroundings = surroundings
        self._limits = load_profile(profile).limits

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return one code for each item."""
        entropy = self._surroundings.entropy
        codes = [entropy.token() for _ in request["items"]]
        grants = [self._grant(request) for _ in codes]
        await asyncio.gather(*[self._store.save_grant(grant) for grant in grants])
        await asyncio.gather(
            *[
                self._store.save_code(digest_of(code), self._code(request, item, grant))
                for code, item, grant in zip(codes, request["items"], grants, strict=True)
            ]
        )
        return {"codes": codes}

    def _grant(self, request: dict[str, Any]) -> Grant:
        now = self._surroundings.clock.now()
        return Grant(
            grant_id=self._surroundings.entropy.token(),
            client_id=request["client_id"],
            subject=request["sub"],
            scope=tuple(request["scope"].split(" ")),
            created_at=now,
            expires_at=now + self._limits.grant_lifetime,
        )

    def _code(self, request: dict[str, Any], item: dict[str, str], grant: Grant) -> AuthorizationCode:
        now = self._surroundings.clock.now()
        expires_at = now + self._limits.authorization_code_lifetime
        return AuthorizationCode(
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            subject=grant.subject,
            redirect_uri=request["redirect_uri"],
            scope=grant.scope,
            code_challenge=item["code_challenge"],
            dpop_jkt=item["dpop_jkt"],
            nonce=request["nonce"],
            authenticated_at=now,
            methods=("pwd",),
            expires_at=expires_at,
            kept_until=expires_at + self._limits.access_token_lifetime,
        )


async def _serve(config: OurServerConfig) -> None:
    surroundings = Surroundings(SystemClock(), SystemEntropy(), Telemetry())
    directory = Path(config.directory)
    store: SqliteStore | MemoryStore = (
        SqliteStore.open(directory / config.settings.storage.path) if config.durable else MemoryStore()
    )
    for client in config.clients:
        await add_client(store, msgspec.json.encode(client), surroundings=surroundings)
    # Whatever satisfies ServerStore serves; only the signature of the assembly names the product's own choice.
    assembled = assemble_server(
        config.settings, base=directory, surroundings=surroundings, store=cast("SqliteStore", store)
    )
    if config.durable:  # a memory that forgets would have to look at all that it holds
        assembled.background.append(
            Reaper(store, clock=surroundings.clock, on_backlog=_ignore, on_failure=_ignore).run
        )
    stop = asyncio.Event()
    consent = _Consent(store, surroundings, config.settings.profile)
    lines = asyncio.create_task(answer_lines(consent.answer, stop))
    await run(assembled, stop=stop, on_ready=lambda: say({"ready": True}))
    lines.cancel()
    if isinstance(store, SqliteStore):
        await store.close()


def _ignore(_what: object) -> None:
    """Hear of it and do nothing."""


if __name__ == "__main__":
    uvloop.run(_serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=OurServerConfig)))
