"""What can go wrong for a client, besides a ``Reject`` of what it received."""

from __future__ import annotations

__all__ = ["AuthorizationDeniedError", "ServerRefusedError"]


class ServerRefusedError(Exception):
    """The server refused a request, with an OAuth error (RFC 6749 section 5.2).

    Attributes:
        error: the error code.
        description: what the server says; text of a stranger.
        status: the HTTP status.
    """

    def __init__(self, error: str, description: str | None, status: int) -> None:
        super().__init__(f"{error} (status {status})" + (f": {description}" if description else ""))
        self.error = error
        self.description = description
        self.status = status


class AuthorizationDeniedError(Exception):
    """The authorization response is an error (RFC 6749 section 4.1.2.1), for example ``access_denied``."""

    def __init__(self, error: str, description: str | None) -> None:
        super().__init__(error + (f": {description}" if description else ""))
        self.error = error
        self.description = description
