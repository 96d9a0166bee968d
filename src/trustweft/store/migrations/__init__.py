"""How a file gets from any earlier schema to this one; Alembic runs it, and only where there is something to do."""

from typing import Final

__all__ = ["HEAD", "REVISIONS"]

# Oldest first. Known without importing Alembic, so that a file that is up to date opens at once.
REVISIONS: Final = ("0001", "0002")
HEAD: Final = REVISIONS[-1]
