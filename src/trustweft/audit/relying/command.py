"""Drives a client that is a program: it prints the authorization URL, and its exit status says how the flow ended."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import Request
from trustweft.audit.relying.driver import Ride
from trustweft.audit.target import ISSUER, LoginRecipe
from trustweft.audit.user_agent import UserAgent
from trustweft.audit.wire import HostNotAllowed, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.audit.exchange import Exchange
    from trustweft.audit.target import RelyingParty
    from trustweft.audit.wire import Wire

__all__ = ["CommandDriver"]

_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_SAID: Final = 600  # characters of what a program says that are kept


class CommandDriver:
    """Runs the program, brings its authorization request to the server, and the answer back.

    Args:
        wire: the way out; it must know the hostile server.
        relying: the program, and how it hears of the answer.
        authority: PEM file of the hostile server's authority, for the program's environment.
    """

    def __init__(self, wire: Wire, relying: RelyingParty, *, authority: Path) -> None:
        self._wire = wire
        self._relying = relying
        self._authority = authority

    def ride(self, issuer: str) -> Ride:
        """Go through one flow.

        Raises:
            Inconclusive: the program cannot be started.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  # the command of the target file, without a shell
                [each.replace(ISSUER, issuer) for each in self._relying.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment(issuer)},
                text=True,
                errors="replace",
            )
        except OSError as cause:
            raise Inconclusive(f"{self._relying.command[0]} cannot be started: {cause}") from cause
        patience = threading.Timer(self._relying.patience, process.kill)
        patience.start()
        try:
            exchanges, said = self._talk(process)
            status = process.wait()
        finally:
            patience.cancel()
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        return Ride(exchanges=exchanges, features={"exit": status == 0}, said=said[-_SAID:])

    def _environment(self, issuer: str) -> dict[str, str]:
        trusted = str(self._authority)
        return {
            "TRUSTWEFT_ISSUER": issuer,
            # What programs in Node, in Python and on OpenSSL read.
            "NODE_EXTRA_CA_CERTS": trusted,
            "REQUESTS_CA_BUNDLE": trusted,
            "SSL_CERT_FILE": trusted,
        }

    def _talk(self, process: subprocess.Popen[str]) -> tuple[tuple[Exchange, ...], str]:
        said = ""
        exchanges: list[Exchange] = []
        for line in process.stdout or ():
            said += line
            if exchanges:
                continue
            url = next((each for each in _URL.findall(line) if "/authorize" in each and "=" in each), None)
            if url is not None:
                exchanges += self._authorize(process, url.replace("\\u0026", "&"))
        return tuple(exchanges), said

    def _authorize(self, process: subprocess.Popen[str], url: str) -> list[Exchange]:
        browser = UserAgent(self._wire, recipe=LoginRecipe(), redirect_uri="")
        answer = browser.send(Request(method="GET", url=url))
        if not answer.location:
            return [answer]
        if self._relying.callback_by == "stdin":
            if process.stdin is not None:
                process.stdin.write(f"{answer.location}\n")
                process.stdin.flush()
            return [answer]
        try:
            return [answer, *browser.walk(Request(method="GET", url=answer.location))]
        except (HostNotAllowed, Unreachable):
            return [answer]  # the program has gone, or calls itself otherwise: its exit status says the rest
