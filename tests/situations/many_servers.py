"""A hundred authorization servers in one process: each follows the directory as a real one does, and issues nothing.

``python -m situations.many_servers BASE DIRECTORY DATA`` serves them until its standard input ends.

Each has what counts here: its own reader and receiver of events, its own key for receipts, its own address. What it
answers to a client is the directory's word and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from situations.processes import TESTS
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.net.asgi import application
from trustweft.net.event_receiver import EVENTS_PATH, EventReceiver
from trustweft.net.fetch import Fetcher, trust_context
from trustweft.net.serving import Listener, serve
from trustweft.net.status_reader import StatusReader
from trustweft.net.status_state import MemoryState
from trustweft.protocol.ecosystem_status import LIST_LIMIT
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.offboarding import Order

__all__ = ["NUMBER", "address_of", "many_servers"]

NUMBER: Final = 100
_BODY_LIMIT: Final = 65_536


def address_of(base: str, number: int) -> str:
    """Return the identifier of one of them, which is its address too."""
    return f"{base}/{number}"


async def _nothing(_order: Order) -> dict[str, int]:
    return {"grants": 0}


@dataclass
class ManyServers:
    """All of them.

    Attributes:
        base: where they answer together.
        directory: whom they follow.
        authority: the certificate that the directory's hangs off.
    """

    base: str
    directory: str
    authority: Path

    def create(self) -> Application:
        """Return what serves them; called in the loop in which they run."""
        signer = LocalSigner("ES256", generate_private_key("ES256"), "receipts")
        fetcher = Fetcher(
            trust=trust_context(self.authority), allowed_hosts=("localhost",), maximum_body=LIST_LIMIT
        )
        receivers = {str(number): self._follower(number, signer, fetcher) for number in range(NUMBER)}
        running = [asyncio.ensure_future(each.run()) for each in receivers.values()]
        published = {"keys": [{**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256"}]}

        async def respond(request: HttpRequest) -> HttpResponse:
            assert not any(each.done() for each in running)
            number, _, rest = request.path[1:].partition("/")
            if number == "jwks":
                return json_response(published)
            receiver = receivers[number]
            if f"/{rest}" == EVENTS_PATH:
                return await receiver.respond(request)
            refused = receiver.reader.refusal_of([f"software:{rest}"])
            return HttpResponse(401 if refused is not None else 200)

        return application(
            respond,
            participant="servers",
            observer=SilentObserver(),
            body_limit=_BODY_LIMIT,
            endpoint_of=lambda _path: "any",
        )

    def _follower(self, number: int, signer: LocalSigner, fetcher: Fetcher) -> EventReceiver:
        reader = StatusReader(
            issuer=self.directory,
            feed=f"{self.directory}/status",
            jwks_uri=f"{self.directory}/jwks",
            send=fetcher.send,
            keeper=MemoryState(),
            clock=SystemClock(),
            observer=SilentObserver(),
            participant=f"server {number}",
        )
        get_signer: Callable[[], LocalSigner] = lambda: signer  # noqa: E731  # one key for all receipts
        return EventReceiver(
            reader=reader,
            identifier=address_of(self.base, number),
            signer=get_signer,
            clean_up=_nothing,
            send=fetcher.send,
            clock=SystemClock(),
            observer=SilentObserver(),
            participant=f"server {number}",
        )


@contextmanager
def many_servers(base: str, *, directory: str, data: Path) -> Iterator[None]:
    """Run them in a process of their own."""
    with subprocess.Popen(
        [sys.executable, "-m", "situations.many_servers", base, directory, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])},
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.stdin.close()
    assert process.returncode == 0


async def _serve(base: str, directory: str, data: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, stop.set)
    tls = data / "tls"
    listener = Listener(
        name="servers",
        application=ManyServers(base, directory, data / "ca/certificate.pem").create(),
        host="localhost",
        port=int(base.rpartition(":")[2]),
        certificate=tls / "certificate.pem",
        private_key=tls / "private-key.pem",
    )
    await serve([listener], stop=stop, on_ready=_say_so)


def _say_so() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
