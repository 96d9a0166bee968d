"""The first message of a TLS handshake and the answer to it, octet by octet.

The TLS library of this machine no longer knows the versions and suites that matter most here; a server that still
does says so in its ServerHello, before any key is needed (RFC 5246 section 7.4.1, RFC 8446 section 4.1).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

__all__ = ["Greeting", "Version", "client_hello", "read_greeting"]


class Version(IntEnum):
    """Versions by their number on the wire."""

    SSL_3 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304

    @property
    def text(self) -> str:
        """The name that people use."""
        return self.name.replace("_", " ", 1).replace("_", ".")


_HANDSHAKE: Final = 22
_ALERT: Final = 21
_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2
_SUPPORTED_VERSIONS: Final = 43
_SUITES_1_3: Final = (0x1301, 0x1302, 0x1303)
_GROUPS: Final = (29, 23, 24, 25, 30, 256, 257)  # X25519, P-256, P-384, P-521, X448, ffdhe2048, ffdhe3072
_SIGNATURES: Final = (
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0402, 0x0202,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server answered.

    Attributes:
        version: that it chose; None where it refused.
        suite: the number of the cipher suite that it chose; 0 where it refused.
        refusal: how it refused; empty where it did not.
    """

    version: int | None
    suite: int
    refusal: str = ""


def client_hello(host: str, version: Version, suites: Sequence[int], *, random: bytes) -> bytes:
    """Return the record that offers one version as the highest, and these suites.

    Args:
        host: for the server's choice of certificate; an address names none.
        version: for TLS 1.3, that and 1.2 are offered, so that the server's preference shows.
        suites: numbers; those of TLS 1.3 are added where it is offered.
        random: 32 octets.
    """
    offered = [*(_SUITES_1_3 if version is Version.TLS_1_3 else ()), *suites, 0x00FF]  # the last: RFC 5746
    body = (
        min(version, Version.TLS_1_2).to_bytes(2)
        + random
        + _vector(1, random if version > Version.TLS_1_2 else b"")
    )
    body += _vector(2, b"".join(each.to_bytes(2) for each in offered)) + _vector(1, b"\0")
    if version is not Version.SSL_3:
        body += _vector(2, _extensions(host, version))
    message = bytes((_CLIENT_HELLO,)) + _vector(3, body)
    record_version = min(version, Version.TLS_1_0)
    return bytes((_HANDSHAKE,)) + record_version.to_bytes(2) + _vector(2, message)


def _extensions(host: str, version: Version) -> bytes:
    groups = b"".join(each.to_bytes(2) for each in _GROUPS)
    found = _extension(10, _vector(2, groups)) + _extension(11, _vector(1, b"\0"))
    if not _is_address(host):
        name = b"\0" + _vector(2, host.encode("idna"))
        found = _extension(0, _vector(2, name)) + found
    if version >= Version.TLS_1_2:
        found += _extension(13, _vector(2, b"".join(each.to_bytes(2) for each in _SIGNATURES)))
    if version is Version.TLS_1_3:
        both = Version.TLS_1_3.to_bytes(2) + Version.TLS_1_2.to_bytes(2)
        # No key is shared yet: the server asks for one, and has named its version by that (RFC 8446 section 4.1.4).
        found += _extension(_SUPPORTED_VERSIONS, _vector(1, both)) + _extension(51, _vector(2, b""))
    return found


def read_greeting(connection: socket.socket) -> Greeting:
    """Read a server's answer to ``client_hello``, as far as it tells version and suite.

    Raises:
        TimeoutError: it says nothing, and goes on listening.
    """
    try:
        head = _read(connection, 5)
        record = _read(connection, int.from_bytes(head[3:5])) if len(head) == 5 else b""  # noqa: PLR2004  # a header
    except TimeoutError:
        raise
    except OSError as cut:
        return Greeting(None, 0, f"the connection was cut: {type(cut).__name__}")
    if head[:1] == bytes((_ALERT,)) and len(record) > 1:
        return Greeting(None, 0, f"alert {record[1]}")
    if head[:1] == bytes((_HANDSHAKE,)) and record[:1] == bytes((_SERVER_HELLO,)):
        return _read_server_hello(record[4:])
    return Greeting(None, 0, "the connection was closed" if not head else "the answer is no TLS")


def _read_server_hello(body: bytes) -> Greeting:
    version = int.from_bytes(body[0:2])
    after_session = 35 + (body[34] if len(body) > 34 else 0)  # noqa: PLR2004  # version and random come before
    suite = int.from_bytes(body[after_session : after_session + 2])
    rest = body[after_session + 5 :]
    while len(rest) >= 4:  # noqa: PLR2004  # number and length of an extension
        number, length = int.from_bytes(rest[0:2]), int.from_bytes(rest[2:4])
        if number == _SUPPORTED_VERSIONS:
            version = int.from_bytes(rest[4:6])
        rest = rest[4 + length :]
    return Greeting(version, suite)


def _read(connection: socket.socket, length: int) -> bytes:
    octets = b""
    while len(octets) < length:
        part = connection.recv(length - len(octets))
        if not part:
            break
        octets += part
    return octets


def _vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size) + content


def _extension(number: int, content: bytes) -> bytes:
    return number.to_bytes(2) + _vector(2, content)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
