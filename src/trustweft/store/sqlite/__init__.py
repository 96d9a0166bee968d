"""The default store: one SQLite file, driven with the standard library alone."""

from trustweft.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
