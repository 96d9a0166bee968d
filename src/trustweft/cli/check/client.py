"""`trustweft check client`: a hostile authorization server plays its scenarios to a client application."""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustweft.audit.relying.driver import Ride
from trustweft.audit.relying.setting import Staging
from trustweft.cli.check.box import folder_of_application
from trustweft.cli.check.moneyviews import moneyviews
from trustweft.cli.data_directory import DataDirectory, default_directory
from trustweft.protocol.well_known import well_known_urls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.hostile.application import Application
    from trustweft.audit.relying.driver import Driver
    from trustweft.audit.relying.under_test import ClientUnderTest
    from trustweft.audit.target import Target
    from trustweft.audit.wire import Wire

__all__ = ["by_hand", "introduce", "staging_of"]


@contextmanager
def staging_of(target: Target, data: DataDirectory | None, *, ask: bool = False) -> Iterator[Staging | None]:
    """Return how the client of a target is led to the hostile server; None where nothing says how.

    Args:
        target: of a file or of the box.
        data: the box, where the target is that.
        ask: let a person start each flow where nothing else can.
    """
    relying = target.relying_party
    with tempfile.TemporaryDirectory(prefix="trustweft-check-") as folder:
        if data is not None:
            yield Staging(
                folder=Path(folder),
                authority=data.authority.parent,
                lead=moneyviews(data, folder=folder_of_application(target, data)),
            )
        elif relying is not None and (relying.drivable or relying.server is not None):
            yield Staging(folder=Path(folder), authority=_own_authority())
        elif relying is not None and ask:
            yield Staging(folder=Path(folder), authority=_own_authority(), lead=by_hand)
        else:
            yield None


def _own_authority() -> Path:
    """Return the folder of an authority that lasts: clients that are configured by hand go on trusting it."""
    return default_directory().parent / "trustweft-check-client"


class _ByHand:
    """Asks a person to start a flow, and waits until they say that it has ended."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def ride(self, issuer: str) -> Ride:
        """Go through one flow."""
        with self._one_at_a_time:
            click.echo(f"Start a flow with the issuer {issuer}", err=True)
            click.prompt("and press Enter when it has ended", default="", show_default=False, err=True)
        return Ride()


@contextmanager
def by_hand(_stage: Application, _wire: Wire) -> Iterator[Driver]:
    """Lead a client that a person configures and starts."""
    yield _ByHand()


def introduce(client: ClientUnderTest) -> None:
    """Say where the hostile server is, how a client is registered there, and what it must do in each scenario."""
    stage = client.stage
    click.echo(
        "The hostile server takes every client_id, key, secret and redirect_uri: nothing is registered."
    )
    click.echo(f"Authority to trust: {client.authority}")
    for scenario in stage.scenarios.values():
        issuer = stage.issuer(scenario.id)
        click.echo(f"  {scenario.id}: the client must {scenario.must}")
        if client.tells_issuer:
            click.echo(f"    issuer   {issuer}")
            click.echo(f"    metadata {well_known_urls(issuer).oauth}")
    if not client.tells_issuer:
        issuer = stage.issuer(stage.on)
        click.echo(f"One after the other at the issuer {issuer}")
        click.echo(f"    metadata {well_known_urls(issuer).oauth}")
