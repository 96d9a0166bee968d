"""Runs the command line: ``python -m trustweft``."""

from __future__ import annotations

from trustweft.cli import main

main()
