"""A conversation with a server that may leave the ecosystem at any moment, while it is being talked to.

Its address may be somebody else's afterwards (RFC 9700 section 4.4), and what the client had of it was forgotten: nothing
more is sent there, and nothing that comes from there is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.wire import Flow

__all__ = ["check_server", "while_it_takes_part"]

T = TypeVar("T")


def check_server(configuration: ClientConfiguration, *, ended_only: bool = False) -> None:
    """Refuse a server that takes part no more.

    Args:
        configuration: names the server, and who knows about it.
        ended_only: whether one that is suspended is let go on.

    Raises:
        Reject: as ``configuration.check_server`` does.
    """
    if configuration.check_server is not None:
        configuration.check_server(configuration.issuer, revoking=ended_only)


def while_it_takes_part(
    flow: Flow[T], configuration: ClientConfiguration, *, ended_only: bool = False
) -> Flow[T]:
    """Carry a conversation on for as long as its server takes part: asked before each request and after each answer.

    What a server answered that is suspended by then is kept: a new refresh token may be the only one that works.

    Raises:
        Reject: as ``configuration.check_server`` does; and whatever the conversation raises.
    """
    check_server(configuration, ended_only=ended_only)
    try:
        call = next(flow)
        while True:
            check_server(configuration, ended_only=ended_only)
            answer = yield call
            check_server(configuration, ended_only=True)
            call = flow.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
