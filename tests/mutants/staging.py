"""Leads clients with a flaw to the hostile server: MoneyView, or our library in a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mutants.changed import command_of
from trustweft.audit.relying.setting import Staging
from trustweft.audit.target import RelyingParty
from trustweft.cli.check.moneyviews import moneyviews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trustweft.audit.target import Target
    from trustweft.cli.data_directory import DataDirectory

__all__ = ["concerns_clients", "probe_target", "staging_of_mutant"]


_CLIENT: Final = ("client/", "crypto/", "demo/moneyview", "net/", "protocol/")


def concerns_clients(changes: Sequence[Mapping[str, str]]) -> bool:
    """Tell whether changes are of what a client runs."""
    return any(each["file"].startswith(_CLIENT) for each in changes)


def staging_of_mutant(folder: Path, data: DataDirectory, *, client: str, changes: object) -> Staging:
    """Return the stage for a client with changes of its source.

    Args:
        folder: for certificates.
        data: of the ecosystem whose authority the client trusts.
        client: ``moneyview`` or ``probe``.
        changes: rows with ``file``, ``old`` and ``new``.
    """
    program = command_of("trustweft.cli.check.moneyview_host", changes)
    return Staging(
        folder=folder,
        authority=data.authority.parent,
        lead=moneyviews(data, program=program) if client == "moneyview" else None,
    )


def probe_target(target: Target, *, changes: object) -> Target:
    """Return the target with our library in a program as the client under test."""
    relying = RelyingParty(command=command_of("relying.probe", changes), callback_by="stdin")
    return msgspec.structs.replace(target, relying_party=relying)
