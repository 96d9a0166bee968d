"""Whose word is taken for a client's certificate and address, and what happens to everybody else's."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from trustweft.crypto.local_authority import create_self_signed
from trustweft.crypto.x509 import MAXIMUM_CERTIFICATE, MAXIMUM_INTERMEDIATES, certificate_thumbprint
from trustweft.net.asgi import read_request
from trustweft.net.proxy_headers import ProxyHeaders, TrustedProxies
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.net.asgi import Message, Receive, Send
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.errors import Reject

pytestmark = pytest.mark.anyio


def new_certificate(name: str) -> bytes:
    """Return a fresh certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    return create_self_signed(key, common_name=name, now=time.time()).public_bytes(Encoding.DER)


PROXY, CLIENT, VICTIM, ISSUER = map(new_certificate, ("proxy", "client", "victim", "issuer"))
INSIDE, OUTSIDE = "10.1.2.3", "198.51.100.7"


def sent(der: bytes) -> bytes:
    """Return a byte sequence as a proxy writes it."""
    return b":" + b64encode(der) + b":"


VICTIMS = (b"client-cert", sent(VICTIM))
BY_CERTIFICATE = TrustedProxies.configured(
    addresses=["10.0.0.0/8", "2001:db8::/32"], certificate_thumbprints=[certificate_thumbprint(PROXY)]
)
BY_ADDRESS = TrustedProxies.configured(addresses=["10.1.2.3"], authenticated_by="address")


class Hearing(SilentObserver):
    """Remembers what was ignored and what was refused."""

    def __init__(self) -> None:
        self.ignored = 0.0
        self.events: list[dict[str, str | float]] = []
        self.refusals: list[str] = []

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Remember the number."""
        assert (participant, quantity) == ("server", "proxy_headers_ignored")
        self.ignored = value

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Remember the facts."""
        assert (participant, event) == ("server", "proxy-headers-ignored")
        self.events.append(facts)

    def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
        """Remember the reason."""
        assert (participant, endpoint) == ("server", "transport")
        self.refusals.append(refusal.reason.id)


class Front:
    """The middleware, with an application behind it that remembers what it saw."""

    def __init__(self, trusted: TrustedProxies) -> None:
        self.hearing = Hearing()
        self.seen: list[HttpRequest] = []
        self.sent: list[Message] = []
        self._front = ProxyHeaders(self._app, trusted=trusted, participant="server", observer=self.hearing)

    async def _app(self, scope: Message, receive: Receive, send: Send) -> None:
        self.seen.append(await read_request(scope, receive, body_limit=10))

    async def ask(
        self, *headers: tuple[bytes, bytes], peer: str | None = INSIDE, certificate: bytes | None = PROXY
    ) -> HttpRequest | str:
        """Return what the application sees of a request, or the reason why it sees none."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"host", b"localhost"), *headers, (b"x-last", b"1")],
            "client": None if peer is None else (peer, 50000),
            "extensions": {"tls": {"client_cert_der": certificate, "tls_version": "TLSv1.3"}},
        }
        before = json.dumps(scope, default=repr)
        seen = len(self.seen)
        await self._front(scope, self._receive, self._send)
        assert (
            json.dumps(scope, default=repr) == before
        )  # the connection's own facts are shared by its requests
        if len(self.seen) > seen:
            assert [name for name, _ in self.seen[-1].headers if name not in ("host", "x-last")] == []
            return self.seen[-1]
        reason = dict(self.sent[-2]["headers"])[b"trustweft-reason"].decode()
        assert (self.sent[-2]["status"], self.hearing.refusals[-1]) == (400, reason)
        return str(reason)

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b""}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


async def facts(front: Front, *headers: tuple[bytes, bytes], **changes: Any) -> tuple[Any, ...]:
    """Return certificate, chain and address as the application sees them."""
    request = await front.ask(*headers, **changes)
    assert not isinstance(request, str), request
    return request.client_certificate, request.client_certificate_chain, request.peer


async def test_a_trusted_proxy_tells_the_clients_certificate_chain_and_address() -> None:
    """All three arrive where they are read; the header fields themselves go."""
    front = Front(BY_CERTIFICATE)
    headers = [
        (b"client-cert", sent(CLIENT)),
        (b"client-cert-chain", sent(ISSUER) + b", \t" + sent(VICTIM)),
        (b"forwarded", b'for="[2001:db8::17]:4711";proto=https;by=_proxy'),
    ]
    assert await facts(front, *headers) == (CLIENT, (ISSUER, VICTIM), "2001:db8::17")
    assert (front.hearing.ignored, front.hearing.events) == (0.0, [])


async def test_a_proxy_that_tells_nothing_has_no_certificate_of_a_client() -> None:
    """Its own is never taken for one, however it was recognised."""
    for trusted in (BY_CERTIFICATE, BY_ADDRESS):
        assert await facts(Front(trusted)) == (None, (), INSIDE)


@pytest.mark.parametrize("trusted", [TrustedProxies(), BY_CERTIFICATE], ids=["nobody", "by certificate"])
@pytest.mark.parametrize(
    ("peer", "certificate"),
    [
        (INSIDE, None),
        (INSIDE, CLIENT),
        (OUTSIDE, None),
        (OUTSIDE, CLIENT),
        ("/run/socket", CLIENT),
        (None, CLIENT),
    ],
    ids=lambda value: "with-certificate" if value is CLIENT else str(value),
)
async def test_nobody_else_speaks_for_a_client(
    trusted: TrustedProxies, peer: str | None, certificate: bytes | None
) -> None:
    """The right address is not enough; the certificate of the connection stands, and what was sent is counted."""
    front = Front(trusted)
    headers = (VICTIMS, (b"client-cert-chain", sent(ISSUER)), (b"forwarded", b"for=203.0.113.9"))
    assert await facts(front, *headers, peer=peer, certificate=certificate) == (certificate, (), peer)
    assert front.hearing.ignored == 3.0


@pytest.mark.parametrize("peer", [OUTSIDE, "2001:db9::1", "::ffff:10.1.2.3", None])
async def test_a_proxys_certificate_from_elsewhere_speaks_for_nobody(peer: str | None) -> None:
    """Neither are its header fields believed, nor is the certificate a client's: somebody has its key."""
    front = Front(BY_CERTIFICATE)
    assert await facts(front, VICTIMS, peer=peer) == (None, (), peer)
    assert front.hearing.ignored == 1.0


async def test_an_address_is_enough_only_where_the_operator_says_so() -> None:
    """Then nobody else's certificate at that address is a client's either."""
    front = Front(BY_ADDRESS)
    for certificate in (None, PROXY, CLIENT):
        assert await facts(front, VICTIMS, certificate=certificate) == (VICTIM, (), INSIDE)
    assert await facts(front, VICTIMS, peer="10.1.2.4", certificate=CLIENT) == (CLIENT, (), "10.1.2.4")


@pytest.mark.parametrize("peer", ["10.255.0.1", "2001:db8::1", "2001:db8::1%eth0"])
async def test_every_address_of_the_networks_counts(peer: str) -> None:
    """Of both families, with or without a zone."""
    assert (await facts(Front(BY_CERTIFICATE), VICTIMS, peer=peer))[0] == VICTIM


@pytest.mark.parametrize(
    "name",
    [
        b"client_cert",
        b"Client-Cert",
        b"CLIENT_CERT",
        b"client-cert_chain",
        b"FORWARDED",
        b"Client_Cert-Chain",
    ],
)
async def test_another_spelling_is_removed_like_the_first(name: bytes) -> None:
    """Frameworks that write HTTP_CLIENT_CERT cannot tell them apart."""
    front = Front(BY_CERTIFICATE)
    assert await facts(front, (name, sent(VICTIM)), peer=OUTSIDE, certificate=CLIENT) == (CLIENT, (), OUTSIDE)
    assert front.hearing.ignored == 1.0


async def test_what_slips_through_a_trusted_proxy_in_another_spelling_is_not_believed() -> None:
    """A proxy removes the fields that it knows; the one with an underscore is the client's own work."""
    front = Front(BY_CERTIFICATE)
    assert await facts(front, (b"client-cert", sent(CLIENT)), (b"client_cert", sent(VICTIM))) == (
        CLIENT,
        (),
        INSIDE,
    )
    assert await facts(front, (b"client_cert", sent(VICTIM)), (b"client_cert_chain", b"x")) == (
        None,
        (),
        INSIDE,
    )
    assert front.hearing.ignored == 3.0


def member(change: Callable[[bytes], bytes]) -> bytes:
    """Return a certificate's byte sequence, changed."""
    return change(sent(CLIENT))


# One whose base64 needs padding, so that its last character has bits that carry nothing.
PADDED = next(der for der in (new_certificate(str(number)) for number in range(100)) if len(der) % 3)


def with_unused_bits(value: bytes) -> bytes:
    """Return a byte sequence whose last character is the next one: another spelling of the same octets."""
    end = value.index(b"=") - 1
    return value[:end] + bytes([value[end] + 1]) + value[end + 1 :]


def large_certificate() -> bytes:
    """Return a good certificate, but for its size."""
    own = x509.load_der_x509_certificate(CLIENT)
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(MAXIMUM_CERTIFICATE))
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        own.issuer, own.subject, key.public_key(), 1, own.not_valid_before_utc, own.not_valid_after_utc
    )
    return builder.add_extension(padding, critical=False).sign(key, SHA256()).public_bytes(Encoding.DER)


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "a colon": b":",
    "no octets": b"::",
    "no colons": b64encode(CLIENT),
    "no colon at the end": member(lambda value: value[:-1]),
    "no colon at the beginning": member(lambda value: value[1:]),
    "a parameter": member(lambda value: value + b";a=1"),
    "garbage behind": member(lambda value: value + b"x"),
    "a space inside": member(lambda value: value[:9] + b" " + value[9:]),
    "a space outside": member(lambda value: b" " + value),
    "base64url": member(lambda value: value[:9] + b"-_" + value[11:]),
    "a line break inside": member(lambda value: value[:9] + b"\n" + value[9:]),
    "padding inside": member(lambda value: value[:9] + b"=" + value[10:]),
    "no padding": sent(PADDED).replace(b"=", b""),
    "unused bits set": with_unused_bits(sent(PADDED)),
    "a string": b'"' + b64encode(CLIENT) + b'"',
    "PEM": b":-----BEGIN CERTIFICATE-----:",
    "no certificate": sent(b"\x30\x03\x02\x01\x01"),
    "trailing octets in the certificate": sent(CLIENT + b"\x00"),
    "cut off": sent(CLIENT[:-1]),
    "too large": sent(large_certificate()),
    "not ASCII": b":\xff\xfe:",
}


@pytest.mark.parametrize("fault", MALFORMED)
async def test_what_a_trusted_proxy_garbles_is_refused(fault: str) -> None:
    """And never replaced by the proxy's own certificate, or by none."""
    value = MALFORMED[fault]
    front = Front(BY_CERTIFICATE)
    assert await front.ask((b"client-cert", value)) == "proxy-headers.client-cert"
    chain = ((b"client-cert", sent(CLIENT)), (b"client-cert-chain", sent(ISSUER) + b"," + value))
    # Spaces around the members of a list mean nothing.
    if fault != "a space outside":
        assert await front.ask(*chain) == "proxy-headers.client-cert-chain"
        assert front.seen == []
    else:
        assert (await facts(front, *chain))[1] == (ISSUER, CLIENT)


@pytest.mark.parametrize("times", [2, 3])
async def test_a_repeated_field_of_a_trusted_proxy_is_refused(times: int) -> None:
    """One of them may be the client's."""
    front = Front(BY_CERTIFICATE)
    client_cert, chain = (b"client-cert", sent(CLIENT)), (b"client-cert-chain", sent(ISSUER))
    for headers, reason in (
        ([client_cert] * times, "proxy-headers.client-cert"),
        ([client_cert, *[chain] * times], "proxy-headers.client-cert-chain"),
        ([(b"forwarded", b"for=203.0.113.9")] * times, "proxy-headers.forwarded"),
        ([client_cert, (b"Client-Cert", sent(VICTIM))], "proxy-headers.client-cert"),
    ):
        assert await front.ask(*headers) == reason


async def test_a_chain_needs_a_certificate_and_has_an_end() -> None:
    """It says nothing alone (RFC 9440 section 2.3), and what verifies chains takes no longer one."""
    front = Front(BY_CERTIFICATE)
    chain = (b"client-cert-chain", sent(ISSUER))
    assert await front.ask(chain) == "proxy-headers.client-cert-chain"
    longest = [sent(ISSUER)] * MAXIMUM_INTERMEDIATES
    client_cert = (b"client-cert", sent(CLIENT))
    assert len((await facts(front, client_cert, (b"client-cert-chain", b",".join(longest))))[1]) == len(
        longest
    )
    longer = (b"client-cert-chain", b",".join([*longest, sent(ISSUER)]))
    assert await front.ask(client_cert, longer) == "proxy-headers.client-cert-chain"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"for=203.0.113.9", "203.0.113.9"),
        (b"For=203.0.113.9;Proto=http;Host=evil.example", "203.0.113.9"),
        (b'for="203.0.113.9:47011"', "203.0.113.9"),
        (b'by=_p;for="[2001:DB8:0::9]"', "2001:db8::9"),
        (b'by="for=192.0.2.1";for=203.0.113.9', "203.0.113.9"),
    ],
)
async def test_a_trusted_proxy_tells_the_clients_address(value: bytes, address: str) -> None:
    """In the forms of RFC 7239 section 6; nothing else of the element is used."""
    assert (await facts(Front(BY_CERTIFICATE), (b"forwarded", value)))[2] == address


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"203.0.113.9",
        b"for=",
        b"for=unknown",
        b"for=_hidden",
        b"proto=https",
        b"for=192.0.2.1, for=203.0.113.9",
        b"for=192.0.2.1;for=203.0.113.9",
        b"for=203.0.113.9;proto=https;proto=http",
        b"for=203.0.113.256",
        b"for=2001:db8::9",
        b'for="2001:db8::9"',
        b'for="[2001:db8::9%eth0]"',
        b'for="[203.0.113.9]"',
        b'for="203.0.113.9',
        b'for="203.0.113.9"; proto=https',
        b'for="203.0.113.\\9"',
        b"for=203.0.113.9;",
        b"for=203.0.113.9\r\nx: y",
        b"for=" + b"1" * 2000,
        b"for=203.0.113.9;x=" + b"1" * 2000,
    ],
)
async def test_an_address_that_is_not_plainly_one_is_refused(value: bytes) -> None:
    """A list among them: what stands before the proxy's own element is whatever the client wrote."""
    front = Front(BY_CERTIFICATE)
    assert await front.ask((b"forwarded", value)) == "proxy-headers.forwarded"
    assert front.seen == []


async def test_other_forwarding_fields_are_nobodys_word() -> None:
    """They reach the application as they came, and change nothing."""
    seen: list[HttpRequest] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(await read_request(scope, receive, body_limit=0))

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is answered here")

    headers = [
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-real-ip", b"203.0.113.9"),
        (b"x-forwarded-host", b"e"),
    ]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": (INSIDE, 1)}
    await ProxyHeaders(app, trusted=BY_ADDRESS, participant="server", observer=Hearing())(
        scope, receive, send
    )
    assert (seen[0].peer, len(seen[0].headers)) == (INSIDE, 3)


async def test_the_log_tells_of_ignored_fields_without_being_filled_by_them() -> None:
    """The first, and then each time the number has doubled; with what an operator needs to see a wrong setting."""
    front = Front(BY_CERTIFICATE)
    for _ in range(100):
        await front.ask(VICTIMS, certificate=CLIENT)
    assert front.hearing.ignored == 100.0
    assert [event["number"] for event in front.hearing.events] == [1, 2, 4, 8, 16, 32, 64]
    assert front.hearing.events[0] == {
        "number": 1,
        "peer": INSIDE,
        "certificate": certificate_thumbprint(CLIENT),
    }


async def test_nothing_but_requests_passes() -> None:
    """A WebSocket is closed; the server's own life is none of its business."""
    messages: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        messages.append(scope["type"])

    async def receive() -> Message:
        raise AssertionError("nothing is read here")

    async def send(message: Message) -> None:
        messages.append(message)

    front = ProxyHeaders(app, trusted=BY_CERTIFICATE, participant="server", observer=Hearing())
    await front({"type": "websocket", "headers": [VICTIMS]}, receive, send)
    await front({"type": "lifespan"}, receive, send)
    assert messages == [{"type": "websocket.close", "code": 1008}, "lifespan"]


def test_a_thumbprint_may_be_written_as_openssl_prints_it() -> None:
    """With colons, without, or as in a token."""
    digest = hashlib.sha256(PROXY).digest()
    for text in (digest.hex(":").upper(), digest.hex(), certificate_thumbprint(PROXY)):
        trusted = TrustedProxies.configured(addresses=["10.0.0.1"], certificate_thumbprints=[text])
        assert trusted.include("10.0.0.1", PROXY)
        assert not trusted.include("10.0.0.1", CLIENT)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"addresses": []}, "addresses"),
        ({"addresses": ["0.0.0.0/0"]}, "never everybody"),
        ({"addresses": ["10.0.0.1", "::/0"]}, "never everybody"),
        ({"addresses": ["10.0.0.1/8"]}, "host bits"),
        ({"addresses": ["proxy.example"]}, "does not appear"),
        ({"certificate_thumbprints": []}, "are needed"),
        ({"certificate_thumbprints": ["A" * 42]}, "no SHA-256 thumbprint"),
        ({"certificate_thumbprints": ["ab" * 20]}, "no SHA-256 thumbprint"),
        ({"authenticated_by": "address"}, "go with nothing else"),
    ],
    ids=str,
)
def test_a_configuration_that_says_less_than_it_seems_is_refused(wrong: dict[str, Any], said: str) -> None:
    """No proxy at all, everybody, no certificate without a word, or one that would not be looked at."""
    good = {"addresses": ["10.0.0.1"], "certificate_thumbprints": [certificate_thumbprint(PROXY)]}
    with pytest.raises(ValueError, match=said):
        TrustedProxies.configured(**{**good, **wrong})
