"""`trustweft onboard`: from an application to going live, one step after the other."""

from __future__ import annotations

from typing import Final

import click

from trustweft.cli.onboard import keys, organisations, participants, proposals, prove, status
from trustweft.cli.output import examples

__all__ = ["command"]

_COMMANDS: Final = (
    organisations.apply,
    organisations.verify,
    organisations.sign,
    organisations.admit,
    participants.role,
    participants.brand,
    participants.software,
    keys.key,
    keys.proof,
    prove.prove,
    participants.live,
    participants.api,
    participants.authorise,
    proposals.approve,
    proposals.decline,
    status.status,
)


class _InOrder(click.Group):
    """Lists the steps in the order in which they are taken."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the library passes it
        """Return the names in that order."""
        return [str(each.name) for each in _COMMANDS]


@click.group(
    name="onboard",
    cls=_InOrder,
    epilog=examples(
        'trustweft onboard apply acme --name "Acme Ltd"',
        "trustweft onboard status acme",
        "trustweft onboard key software:acme-pay --csr acme-pay.csr --output acme-pay.pem",
        "trustweft onboard prove acme-pay --target acme-pay.toml",
        "trustweft onboard approve 17 --as otto",
    ),
)
def command() -> None:
    """Bring organisations, authorization servers and software into an ecosystem, step by step.

    Each step says which one comes next. Where the profile asks for two people, a step waits until a second person
    approves it. SUBJECT is an id such as moneyview, or kind:id where several things have that id.
    """


for _each in _COMMANDS:
    command.add_command(_each)
