"""Leads the box's sample client to the hostile server: one MoneyView for each scenario, configured with its issuer."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trustweft.audit.hostile.hosting import HostingError, free_ports
from trustweft.audit.relying.browser import Application, BrowserDriver
from trustweft.audit.target import LoginRecipe
from trustweft.cli.check.moneyview_host import READY, Cast
from trustweft.cli.settings import ClientSettings
from trustweft.runtime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from trustweft.audit.hostile.application import Application as Stage
    from trustweft.audit.relying.driver import Driver
    from trustweft.audit.wire import Wire
    from trustweft.cli.data_directory import DataDirectory

__all__ = ["PROGRAM", "moneyviews"]

PROGRAM: Final = (sys.executable, "-P", "-m", "trustweft.cli.check.moneyview_host")
_STOP_SECONDS: Final = 20.0


def moneyviews(
    data: DataDirectory, *, folder: str = "client", program: Sequence[str] = PROGRAM
) -> Callable[[Stage, Wire], AbstractContextManager[Driver]]:
    """Return what starts the MoneyViews of a data directory.

    Args:
        data: of an ecosystem that was started before.
        folder: of the sample application there.
        program: that runs them.
    """
    file = data.file(f"{folder}/{folder}.toml")
    configured = read_settings(file, ClientSettings, environment={}).value

    @contextmanager
    def lead(stage: Stage, wire: Wire) -> Iterator[Driver]:
        ports = free_ports(len(stage.scenarios))
        cast = {
            scenario: _configured(configured, stage, scenario, port=port)
            for scenario, port in zip(stage.scenarios, ports, strict=True)
        }
        process = subprocess.Popen(  # noqa: S603  # this package's own program
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _start(process, Cast(settings=tuple(cast.values()), base=str(file.parent)))
            places = {
                stage.issuer(scenario): settings.moneyview.base_url for scenario, settings in cast.items()
            }
            yield BrowserDriver(
                wire,
                lambda issuer: Application(start=f"{places[issuer]}/", callback=f"{places[issuer]}/callback"),
                recipe=LoginRecipe(),
            )
        finally:
            _stop(process)

    return lead


def _configured(settings: ClientSettings, stage: Stage, scenario: str, *, port: int) -> ClientSettings:
    issuer = stage.issuer(scenario)
    host = urlsplit(settings.moneyview.base_url).hostname
    moneyview = msgspec.structs.replace(
        settings.moneyview, issuer=issuer, base_url=f"https://{host}:{port}", bank_url=f"{issuer}/api"
    )
    listen = msgspec.structs.replace(settings.listen, port=port, operations_port=None)
    return msgspec.structs.replace(settings, moneyview=moneyview, listen=listen)


def _start(process: subprocess.Popen[str], cast: Cast) -> None:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise HostingError("MoneyView has no pipes")
    process.stdin.write(msgspec.json.encode(cast).decode() + "\n")
    process.stdin.flush()
    if process.stdout.readline() != READY:
        raise HostingError(f"MoneyView did not start: {process.stderr.read()[-400:]}")


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()  # which it takes for the end
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
