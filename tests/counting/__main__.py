"""Prints statements of each specification beside the rows of its table, and their difference: `python -m counting`.

With ``--texts DIR`` the statements are counted anew in the texts there, and compared with what is recorded. A text is
named as its table, for example ``fapi2-security.html`` or ``rfc9126.txt``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counting.recorded import Counts, load_counts, rows_by_section, tables
from counting.statements import count, statements

if TYPE_CHECKING:
    from collections.abc import Iterator


def problems(counts: Counts, found: dict[str, int]) -> Iterator[str]:
    """Yield what is wrong with recorded counts, given the statements that were found in the text."""
    rows = rows_by_section(counts.text.specification)
    recorded = {section.section: section for section in counts.section}
    for name in sorted(rows.keys() - recorded.keys()):
        yield f"section {name} has rows, and no recorded count"
    for name in sorted(found.keys() - recorded.keys()) if counts.text.covers is None else ():
        yield f"section {name} has statements, and no recorded count"
    for name, section in recorded.items():
        if section.rows != rows.get(name, 0):
            yield f"section {name} has {rows.get(name, 0)} rows, recorded are {section.rows}"
        if section.statements != found.get(name, 0):
            yield f"section {name} has {found.get(name, 0)} statements, recorded are {section.statements}"
        if (section.statements == section.rows) != (section.explanation is None):
            yield f"section {name} differs without an explanation, or is explained without a difference"


def main() -> None:
    """Print one table per specification; end with 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path, metavar="DIR", help="where the specifications' texts are")
    parser.add_argument(
        "--show", metavar="SECTION", help="print the statements of one section; needs --texts"
    )
    parser.add_argument(
        "tables", nargs="*", metavar="TABLE", help="for example fapi2-security; all by default"
    )
    options = parser.parse_args()
    wrong = [problem for table in options.tables or tables() for problem in _report(table, options)]
    for problem in wrong:
        sys.stderr.write(f"{problem}\n")
    sys.exit(1 if wrong else 0)


def _report(table: str, options: argparse.Namespace) -> Iterator[str]:
    counts = load_counts(table)
    file = _file(table, options.texts)
    found = {section.section: section.statements for section in counts.section}
    if file is not None:
        text = file.read_text(encoding="utf-8")
        found = count(text, counts.text.verbs)
        yield from _same_file(file, counts)
        if options.show:
            for block in statements(text, counts.text.verbs):
                if block.section == options.show:
                    _say(f"- {block.text}")
            return
    source = "recorded" if file is None else f"counted in {file.name}"
    _say(f"{counts.text.specification}, {counts.text.revision} of {counts.text.date}: statements {source}")
    rows = rows_by_section(counts.text.specification)
    for section in counts.section:
        seen, ours = found.get(section.section, 0), rows.get(section.section, 0)
        _say(
            f"  {section.section:<12}{seen:>4}{ours:>4}{ours - seen:>+4}  {section.explanation or ''}".rstrip()
        )
    _say(f"  {'all':<12}{sum(found.values()):>4}{sum(rows.values()):>4}")
    yield from (f"{table}: {problem}" for problem in problems(counts, found))


def _file(table: str, folder: Path | None) -> Path | None:
    found = sorted(folder.glob(f"{table}.*")) if folder is not None else []
    return found[0] if found else None


def _same_file(file: Path, counts: Counts) -> Iterator[str]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if counts.text.sha256 is None:
        _say(f"{file.name}: sha256 {digest} (none is recorded)")
    elif digest != counts.text.sha256:
        yield f"{file.name} is another text: its sha256 is {digest}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
