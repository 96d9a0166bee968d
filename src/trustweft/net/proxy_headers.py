"""The client's certificate and address as a trusted proxy tells them (RFC 9440, RFC 7239); nothing else is believed.

A proxy that ends TLS for us holds the client's certificate, and we hold the proxy's. Header fields that anybody can
write stand for the client's from there on, so they count only on a connection on which the proxy itself was
recognised: by its address, and by its own certificate. From everybody else they are removed and counted. Host and
scheme are never taken from a header: URLs are configured.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from cryptography import x509

from trustweft.crypto.x509 import MAXIMUM_CERTIFICATE, MAXIMUM_INTERMEDIATES, certificate_thumbprint
from trustweft.net.asgi import refusal_response, send_response
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.net.asgi import Application, Message, Receive, Send
    from trustweft.runtime.errors import Reason
    from trustweft.runtime.observability import Observer

    Header = tuple[bytes, bytes]

__all__ = ["ProxyHeaders", "TrustedProxies"]

_CERTIFICATE: Final = b"client-cert"
_CHAIN: Final = b"client-cert-chain"
_FORWARDED: Final = b"forwarded"
_NAMES: Final = frozenset({_CERTIFICATE, _CHAIN, _FORWARDED})
# Frameworks that write HTTP_CLIENT_CERT cannot tell hyphen and underscore apart.
_ANY_SPELLING: Final = re.compile(rb"client[-_]cert(?:[-_]chain)?|forwarded", re.IGNORECASE)
# Base64 of the largest certificate, and the colons around it.
_MAXIMUM_VALUE: Final = (MAXIMUM_CERTIFICATE + 2) // 3 * 4 + 2
_MAXIMUM_FORWARDED: Final = 1_024
_HEX_THUMBPRINT: Final = re.compile(r"[0-9A-Fa-f]{64}")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# RFC 7239 section 4: tokens, and one element of parameters without spaces; a quoted value has no escapes here.
_ELEMENT: Final = re.compile(rf'{_WORD}=(?:{_WORD}|"[^"\\]*")(?:;{_WORD}=(?:{_WORD}|"[^"\\]*"))*')
_PARAMETER: Final = re.compile(rf'({_WORD})=(?:({_WORD})|"([^"\\]*)")')
_NODE: Final = re.compile(r"(?:(?P<four>[0-9.]{7,15})|\[(?P<six>[0-9A-Fa-f:.]{2,45})\])(?::[0-9]{1,5})?")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BAD_CERTIFICATE = reason(
    "proxy-headers.client-cert",
    error="invalid_request",
    public="The Client-Cert header field of the proxy cannot be read.",
)
BAD_CHAIN = reason(
    "proxy-headers.client-cert-chain",
    error="invalid_request",
    public="The Client-Cert-Chain header field of the proxy cannot be read.",
)
BAD_FORWARDED = reason(
    "proxy-headers.forwarded",
    error="invalid_request",
    public="The Forwarded header field of the proxy cannot be read.",
)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose header fields are believed; nobody's by default.

    Attributes:
        networks: where a proxy's connections come from.
        thumbprints: ``x5t#S256`` of the proxies' own certificates; None where the address alone is enough.
    """

    networks: tuple[_Network, ...] = ()
    thumbprints: frozenset[str] | None = frozenset()

    @classmethod
    def configured(
        cls,
        *,
        addresses: Sequence[str],
        certificate_thumbprints: Sequence[str] = (),
        authenticated_by: Literal["certificate", "address"] = "certificate",
    ) -> TrustedProxies:
        """Return what an operator configured.

        The default wants a certificate, because whoever reaches us from the proxy's network, another container or a
        neighbour behind the same address translation, could speak for every client otherwise.

        Raises:
            ValueError: an address or thumbprint is none, or they do not go with ``authenticated_by``.
        """
        networks = tuple(ipaddress.ip_network(address) for address in addresses)
        if not networks or any(network.prefixlen == 0 for network in networks):
            raise ValueError("the addresses of the proxies are needed, and never everybody's")
        if (authenticated_by == "certificate") != bool(certificate_thumbprints):
            raise ValueError(
                "certificate_thumbprints are needed with authenticated_by = certificate, and go with nothing else"
            )
        thumbprints = frozenset(map(_read_thumbprint, certificate_thumbprints))
        return cls(networks, thumbprints if authenticated_by == "certificate" else None)

    def include(self, peer: str | None, certificate: bytes | None) -> bool:
        """Tell whether a connection is a trusted proxy's."""
        if peer is None or not self._is_address_of_one(peer):
            return False
        return self.thumbprints is None or self.is_certificate_of_one(certificate)

    def is_certificate_of_one(self, certificate: bytes | None) -> bool:
        """Tell whether a certificate is a proxy's own, which is no client's, wherever it comes from."""
        return (
            bool(self.thumbprints)
            and certificate is not None
            and certificate_thumbprint(certificate) in (self.thumbprints or ())
        )

    def _is_address_of_one(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:  # a Unix socket's, or a test's
            return False
        return any(address.version == network.version and address in network for network in self.networks)


class ProxyHeaders:
    """Puts what a trusted proxy tells into the scope, where ``net.asgi`` reads it, and lets no such header through.

    Args:
        app: the application behind.
        trusted: whose header fields are believed.
        participant: who answers, for the observer.
        observer: hears of refusals, and how many header fields were ignored.
    """

    def __init__(
        self, app: Application, *, trusted: TrustedProxies, participant: str, observer: Observer
    ) -> None:
        self._app = app
        self._trusted = trusted
        self._participant = participant
        self._observer = observer
        self._ignored = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse what a trusted proxy garbled; hand everything else over to the application."""
        if scope["type"] == "websocket":  # it has no pipeline here, so it stays shut
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            try:
                scope = self._told(scope)
            except Reject as refusal:
                self._observer.refused(self._participant, "transport", refusal)
                await send_response(send, refusal_response(refusal), head=scope["method"] == "HEAD")
                return
        await self._app(scope, receive, send)

    def _told(self, scope: Message) -> Message:
        headers: Sequence[Header] = scope["headers"]
        kept = [header for header in headers if not _ANY_SPELLING.fullmatch(header[0])]
        facts = scope.get("extensions", {}).get("tls", {})
        own, client = facts.get("client_cert_der"), scope.get("client")
        is_proxy = self._trusted.include(client[0] if client else None, own)
        told = [header for header in headers if is_proxy and header[0].lower() in _NAMES]
        self._count_ignored(len(headers) - len(kept) - len(told), client, own)
        if is_proxy:
            facts = {**facts, **_certificates(told)}  # the proxy's own certificate goes, whatever it tells
            client = _address(told) or client
        elif self._trusted.is_certificate_of_one(own):
            facts = {**facts, "client_cert_der": None, "client_cert_chain_der": ()}
        extensions = {**scope.get("extensions", {}), "tls": facts}
        return {**scope, "headers": kept, "extensions": extensions, "client": client}

    def _count_ignored(self, number: int, client: Sequence[object] | None, certificate: bytes | None) -> None:
        """Count header fields that nobody believes; log at 1, 2, 4, 8, so that nobody fills the log with them."""
        if not number:
            return
        before, self._ignored = self._ignored, self._ignored + number
        self._observer.measured(self._participant, "proxy_headers_ignored", float(self._ignored))
        if before.bit_length() != self._ignored.bit_length():
            self._observer.happened(
                self._participant,
                "proxy-headers-ignored",
                number=self._ignored,
                peer=str(client[0]) if client else "",
                certificate="none" if certificate is None else certificate_thumbprint(certificate),
            )


def _certificates(told: Iterable[Header]) -> dict[str, object]:
    """Return the client's certificate and chain as the scope holds them (RFC 9440 section 2).

    Raises:
        Reject: ``proxy-headers.client-cert``, ``proxy-headers.client-cert-chain``.
    """
    told = list(told)
    value = _only(told, _CERTIFICATE, BAD_CERTIFICATE)
    # A list may be split over several fields (RFC 9651 section 3.1); a chain that comes in two is the work of two.
    chain = _only(told, _CHAIN, BAD_CHAIN)
    if chain is not None and value is None:  # RFC 9440 section 2.3
        raise BAD_CHAIN.reject("a chain without a certificate")
    members = [] if chain is None else [member.strip(b" \t") for member in chain.split(b",")]
    if len(members) > MAXIMUM_INTERMEDIATES:
        raise BAD_CHAIN.reject(f"{len(members)} certificates")
    return {
        "client_cert_der": None if value is None else _read_certificate(value, BAD_CERTIFICATE),
        "client_cert_chain_der": tuple(_read_certificate(member, BAD_CHAIN) for member in members),
    }


def _read_certificate(value: bytes, bad: Reason) -> bytes:
    """Return the DER of one member."""
    if len(value) > _MAXIMUM_VALUE:
        raise bad.reject(f"{len(value)} octets")
    try:
        der = _read_byte_sequence(value)
        x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as cause:
        raise bad.reject(str(cause)[:200]) from cause
    return der


def _read_byte_sequence(value: bytes) -> bytes:
    """Return the octets (RFC 9651 section 3.3.5), which have one spelling only here, and no parameters.

    Padding is never left out, although readers may be lenient there: whoever writes must write it (section 4.1.8).

    Raises:
        ValueError: it is something else.
    """
    encoded = value[1:-1]
    if value != b":" + encoded + b":":
        raise ValueError("no byte sequence")
    octets = a2b_base64(encoded, strict_mode=True)
    if b64encode(octets) != encoded:
        raise ValueError("base64 with unused bits set")
    return octets


def _address(told: Iterable[Header]) -> tuple[str, int] | None:
    """Return the client's address for the scope, None where the proxy tells none (RFC 7239 section 5.2).

    The one element must be the proxy's own: what came before it in a list is whatever the client wrote.

    Raises:
        Reject: ``proxy-headers.forwarded``.
    """
    value = _only(told, _FORWARDED, BAD_FORWARDED)
    if value is None:
        return None
    text = value.decode("latin-1")
    if len(text) > _MAXIMUM_FORWARDED or not _ELEMENT.fullmatch(text):
        raise BAD_FORWARDED.reject(f"not one element: {text!r:.200}")
    parameters = [(name.lower(), token or quoted) for name, token, quoted in _PARAMETER.findall(text)]
    nodes = [node for name, node in parameters if name == "for"]
    match = _NODE.fullmatch(nodes[0]) if len(nodes) == 1 else None
    if match is None or len({name for name, _ in parameters}) != len(parameters):
        raise BAD_FORWARDED.reject(f"not one address: {text!r:.200}")
    try:
        if match["four"]:
            return str(ipaddress.IPv4Address(match["four"])), 0
        return str(ipaddress.IPv6Address(match["six"])), 0
    except ValueError as cause:
        raise BAD_FORWARDED.reject(str(cause)[:200]) from cause


def _only(told: Iterable[Header], name: bytes, bad: Reason) -> bytes | None:
    values = [value for header, value in told if header.lower() == name]
    if len(values) > 1:
        raise bad.reject(f"{len(values)} times")
    return values[0] if values else None


def _read_thumbprint(text: str) -> str:
    """Return ``x5t#S256`` of it, or of the SHA-256 fingerprint that OpenSSL prints."""
    digits = text.replace(":", "")
    if _HEX_THUMBPRINT.fullmatch(digits):
        return encode_base64url(bytes.fromhex(digits))
    if not _THUMBPRINT.fullmatch(text):
        raise ValueError(f"{text!r} is no SHA-256 thumbprint of a certificate")
    return text
