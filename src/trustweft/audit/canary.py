"""A listener of the auditor's own: whoever calls it was made to, and the path says by which request."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from trustweft.runtime.entropy import Entropy

__all__ = ["Canary"]

PATIENCE: Final = 2.0  # seconds: what fetches while it answers has long done so
STEP: Final = 0.05


class Canary:
    """Listens while it is entered.

    Args:
        host: a name of this machine that the deployment can reach.
        entropy: makes paths that nobody guesses.
    """

    def __init__(self, host: str, entropy: Entropy) -> None:
        self._host = host
        self._entropy = entropy
        self._seen: set[str] = set()
        self._told: dict[str, tuple[str, bytes]] = {}
        seen, told = self._seen, self._told

        class Handler(BaseHTTPRequestHandler):
            """Notes the path, and says what it was given for it, or nothing."""

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

            def answer(self) -> None:
                """Note the path."""
                name = self.path.strip("/").partition("?")[0]
                seen.add(name)
                kind, body = told.get(name, ("", b""))
                self.send_response(200 if kind else 204)
                if kind:
                    self.send_header("content-type", kind)
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815  # the library's names

        # Every address of this machine: which one the deployment reaches it by is not known.
        self._server = ThreadingHTTPServer(("", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, *, kind: str = "", body: bytes = b"") -> tuple[str, str]:
        """Return a fresh URL, and the name by which its call is recognised.

        Args:
            kind: media type of what is answered there; empty for an answer without content.
            body: what is answered.
        """
        name = self._entropy.token()
        self._told[name] = (kind, body)
        return f"http://{self._host}:{self._server.server_port}/{name}", name

    def called(self, names: set[str]) -> set[str]:
        """Return which of these were called, once one was or patience has ended."""
        end = time.monotonic() + PATIENCE
        while not (names & self._seen) and time.monotonic() < end:
            time.sleep(STEP)
        return names & self._seen
