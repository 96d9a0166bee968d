"""Runs a program with changes of its source: ``changed.py CHANGES PROGRAM``, where CHANGES is a list in JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from mutants.hot_changes import apply_changes

__all__ = ["command_of"]


def command_of(program: str, changes: object) -> tuple[str, ...]:
    """Return the command that runs ``main`` of a module with changes of its source.

    Args:
        program: name of the module.
        changes: rows with ``file``, ``old`` and ``new``.
    """
    start = f"import sys; sys.path[:] = {sys.path!r}; from mutants.changed import main; main()"
    return (sys.executable, "-c", start, json.dumps(changes), program)


def main() -> None:
    """Change what is loaded, then run."""
    apply_changes(json.loads(sys.argv[1]))
    import_module(sys.argv[2]).main()
