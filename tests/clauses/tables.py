"""The three tables, one for each participant, and how to take out what enforces a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clauses import authorization_server, client, resource_server
from clauses.client_changes import CHANGES as OF_CLIENTS
from clauses.guard_changes import CHANGES as OF_GUARDS
from clauses.server_changes import CHANGES as OF_SERVERS

if TYPE_CHECKING:
    from clauses.row import Change, Row

__all__ = ["NOT_FOR", "OWN_CHANGES", "TABLES", "changes_for"]

TABLES: Final[dict[str, tuple[Row, ...]]] = {
    "authorization-server": authorization_server.ROWS,
    "client": client.ROWS,
    "resource-server": resource_server.ROWS,
}
OWN_CHANGES: Final[dict[str, dict[str, tuple[Change, ...]]]] = {
    "authorization-server": OF_SERVERS,
    "client": OF_CLIENTS,
    "resource-server": OF_GUARDS,
}
# Clauses for "all" that a participant of ours has nothing to do with.
NOT_FOR: Final = {
    ("resource-server", "5.2.3-1"): "no endpoint of a resource server is for browsers",
    ("resource-server", "5.2.3-2"): "no endpoint of a resource server is for browsers",
}


def changes_for(participant: str, row: Row) -> tuple[Change, ...]:
    """Return what takes out the enforcement of a row: the participant's own, or what it shares with the server.

    Raises:
        KeyError: there is none.
    """
    own = OWN_CHANGES[participant]
    return own[row.clause] if row.clause in own else OF_SERVERS[row.clause]
