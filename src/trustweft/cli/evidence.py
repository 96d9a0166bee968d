"""`trustweft evidence`: what happened, in a log that nobody can change unnoticed."""

from __future__ import annotations

import datetime as dt
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from trustweft.cli.data_directory import data_option
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.evidence.export import export_lines
from trustweft.evidence.files import EvidenceFileError
from trustweft.evidence.notes import NoteError, NoteKey, encode_base64
from trustweft.evidence.reader import LogReader
from trustweft.evidence.verification import (
    UnreadableExportError,
    Verified,
    checkpoints_of,
    verify_export,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.evidence.reader import Logged

__all__ = ["EVIDENCE_FILE", "EVIDENCE_KEY", "command"]

# Below the ecosystem's data directory.
EVIDENCE_FILE: Final = "directory/evidence.sqlite"
EVIDENCE_KEY: Final = "directory/evidence-key.json"
_BROKEN: Final = 1
_UNREADABLE: Final = 2
_MOST_SHOWN: Final = 20

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(
    name="evidence",
    epilog=examples(
        "trustweft evidence list --type order",
        "trustweft evidence show 17",
        "trustweft evidence export evidence.jsonl",
        "trustweft evidence verify evidence.jsonl",
    ),
)
def command() -> None:
    """List, show, export and verify the evidence log: orders, receipts, probe results, events of the directory."""


@command.command(
    name="list",
    epilog=examples(
        "trustweft evidence list",
        "trustweft evidence list --subject software:moneyview --since 2027-01-15 --json",
    ),
)
@data_option
@click.option("--type", "type_", help="Only entries of this type, for example order.")
@click.option("--subject", help="Only entries about this subject, for example software:moneyview.")
@click.option("--since", type=click.DateTime(), help="Only entries from this time on (UTC).")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the newest."
)
@json_option
def list_(
    data: Path,
    type_: str | None,
    subject: str | None,
    since: dt.datetime | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List entries, oldest first."""
    seconds = since.replace(tzinfo=dt.UTC).timestamp() if since else None
    with _open(data) as reader:
        found = reader.list(type=type_, subject=subject, since=seconds, limit=limit)
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    rows = [[str(each.index), _date(each.entry.at), each.entry.type, each.entry.subject] for each in found]
    print_table(("index", "at (UTC)", "type", "subject"), rows)


@command.command(epilog=examples("trustweft evidence show 17", "trustweft evidence show 17 --json"))
@click.argument("index", type=click.IntRange(0))
@data_option
@json_option
def show(index: int, data: Path, *, as_json: bool) -> None:
    """Show one entry, and the proof that it is in the log."""
    with _open(data) as reader, reader.snapshot():
        try:
            proof = reader.prove(index)
        except ValueError as cause:
            raise click.ClickException(str(cause)) from cause
    hashes = [encode_base64(each) for each in proof.hashes]
    entry = msgspec.to_builtins(proof.entry)
    if as_json:
        print_json({"index": index, "entry": entry, "proof": hashes, "checkpoint": proof.checkpoint})
        return
    print_json(entry)
    click.echo("\n".join(["", f"Entry {index}, audit path:", *(f"  {each}" for each in hashes), ""]))
    click.echo(proof.checkpoint, nl=False)


@command.command(
    epilog=examples(
        "trustweft evidence export evidence.jsonl", "trustweft evidence export - | gzip > evidence.gz"
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@data_option
def export(file: Path, data: Path) -> None:
    """Write the whole log with keys, checkpoints and proofs into one file; ``-`` is standard output."""
    with _open(data) as reader:
        try:
            if str(file) == "-":
                sys.stdout.buffer.writelines(export_lines(reader))
                return
            with file.open("wb") as output:
                output.writelines(export_lines(reader))
        except OSError as cause:
            raise click.ClickException(f"{file}: {cause.strerror}") from cause
    click.echo(f"Written to {file}.", err=True)


@command.command(
    epilog=examples(
        "trustweft evidence verify evidence.jsonl",
        "trustweft evidence verify evidence.jsonl --key directory.key --against last-month.jsonl",
        "trustweft evidence verify evidence.jsonl --json",
    )
)
@click.argument("file", type=_file)
@click.option(
    "--key", "key_files", multiple=True, type=_file, help="A file with public keys to trust, one a line."
)
@click.option(
    "--against", multiple=True, type=_file, help="A checkpoint or an export that was kept elsewhere."
)
@json_option
def verify(file: Path, key_files: tuple[Path, ...], against: tuple[Path, ...], *, as_json: bool) -> None:
    """Say whether an export is whole, and name what is not. Needs no network, no server and no data directory.

    Ends with 0 where everything holds, 1 where something is broken, 2 where a file is unreadable.
    """
    try:
        keys = [NoteKey.parse(line) for each in key_files for line in each.read_text("utf-8").split()]
        others = [note for each in against for note in checkpoints_of(each.read_bytes())]
        result = verify_export(file.read_bytes(), keys=keys, against=others)
    except (UnreadableExportError, NoteError, UnicodeDecodeError, OSError) as cause:
        if as_json:
            print_json({"good": False, "unreadable": str(cause)})
        click.echo(f"Unreadable: {cause}", err=True)
        sys.exit(_UNREADABLE)
    if as_json:
        print_json({"good": not result.findings, **msgspec.to_builtins(result)})
    else:
        _print(result)
    sys.exit(_BROKEN if result.findings else 0)


def _print(result: Verified) -> None:
    for finding in result.findings[:_MOST_SHOWN]:
        click.echo(f"{finding.what}: {finding.text}")
    more = len(result.findings) - _MOST_SHOWN
    if more > 0:
        click.echo(f"and {more} more; --json has all of them")
    verdict = "BROKEN" if result.findings else "Good"
    click.echo(f"{verdict}: {result.size} entries of {result.origin}")
    if result.own_keys:
        click.echo(
            "Signed by the export's own keys; whose they are is not shown. Name the key that you trust: --key"
        )
    for key in result.keys:
        click.echo(f"  {key}")


@contextmanager
def _open(data: Path) -> Iterator[LogReader]:
    try:
        reader = LogReader(data / EVIDENCE_FILE)
        try:
            yield reader
        finally:
            reader.close()
    except EvidenceFileError as cause:
        raise click.ClickException(str(cause)) from cause


def _as_json(logged: Logged) -> dict[str, Any]:
    return {"index": logged.index, **msgspec.to_builtins(logged.entry)}


def _date(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
