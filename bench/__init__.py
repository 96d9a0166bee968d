"""Reproducible comparisons, each a command: ``python -m bench``. README.md says what is measured and how."""
