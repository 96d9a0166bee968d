"""Outbound requests against a real TLS server on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from local_tls import LocalTls, read_head, tls_server
from trustweft.net.fetch import CheckedTransport, Fetcher, trust_context
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

pytestmark = pytest.mark.anyio

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Resolver:
    """Gives scripted addresses and remembers who asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [list(answer) for answer in answers]
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the next answer; the last one again and again."""
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Host:
    """A server that answers every request with the same octets and remembers the requests."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.names: list[str | None] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and answer."""
        head = await read_head(reader)
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        writer.write(self.answer)
        await writer.drain()

    @contextlib.asynccontextmanager
    async def listening(self, local_tls: LocalTls) -> AsyncIterator[int]:
        """Serve on a free port; the names that clients ask for in the handshake are remembered."""
        context = local_tls.server_context()
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        async with tls_server(self.talk, context) as port:
            yield port


def fetcher(local_tls: LocalTls, **changes: object) -> Fetcher:
    """Return a fetcher that may ask localhost."""
    arguments: dict[str, object] = {
        "trust": local_tls.client_context(),
        "allowed_hosts": {"localhost"},
        "resolve": Resolver(["127.0.0.1"]),
        **changes,
    }
    return Fetcher(**arguments)  # type: ignore[arg-type] # the keywords of the constructor, some of them changed


async def reason_of(request: object) -> str:
    """Return the id of the reason why a fetch is refused."""
    with pytest.raises(Reject) as refused:
        await request  # type: ignore[misc] # an awaitable of any result
    return refused.value.reason.id


async def test_a_document_is_fetched_from_an_allowed_host(local_tls: LocalTls) -> None:
    """Status, headers and body arrive; the request names the host, in TLS too, and asks for no compression."""
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        answer = await fetcher(local_tls).get(f"https://localhost:{port}/a?b=c", expect_json=True)
    assert (answer.status, dict(answer.headers)["content-type"], answer.body) == (
        200,
        "application/json",
        b"{}",
    )
    head = host.requests[0].lower()
    assert head.startswith(b"get /a?b=c http/1.1\r\n")
    assert f"host: localhost:{port}".encode() in head
    assert head.count(b"accept-encoding: identity") == head.count(b"accept-encoding") == 1
    assert host.names == ["localhost"]


async def test_a_form_is_posted(local_tls: LocalTls) -> None:
    """The form arrives with its media type and every reserved character encoded."""
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        await fetcher(local_tls).post(f"https://localhost:{port}/", {"token": "a&b=c d"})
    assert b"content-type: application/x-www-form-urlencoded" in host.requests[0].lower()
    assert host.requests[0].endswith(b"\r\n\r\ntoken=a%26b%3Dc+d")


async def test_a_redirect_is_an_answer_and_is_not_followed(local_tls: LocalTls) -> None:
    """The caller gets the 302; nobody asks the address that it names."""
    host = Host(
        b"HTTP/1.1 302 Found\r\nlocation: https://localhost:1/\r\ncontent-length: 0\r\n\r\n",
    )
    async with host.listening(local_tls) as port:
        answer = await fetcher(local_tls).get(f"https://localhost:{port}/")
    assert (answer.status, dict(answer.headers)["location"], len(host.requests)) == (
        302,
        "https://localhost:1/",
        1,
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "//localhost/",
        "/relative",
        "",
        "https://",
        "https:///path",
        "https://user@localhost/",
        "https://user:password@localhost/",
        "https://local host/",
        "https://localhost:0/",
        "https://localhost:65536/",
        "https://localhost:-1/",
        "https://localhost\r\nx: y/",
        "https://[::1/",
        "https://ex%5bmplexn--/",
        "gopher://localhost/",
    ],
)
async def test_anything_but_an_https_url_is_refused(local_tls: LocalTls, url: str) -> None:
    """Other schemes, a user in the URL and what is no URL are refused before a name is looked up."""
    resolver = Resolver(["127.0.0.1"])
    assert await reason_of(fetcher(local_tls, resolve=resolver).get(url)) == "fetch.not-https"
    assert resolver.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["10.1.2.3"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700::1111", "fe80::1"],
    ],
    ids=str,
)
async def test_a_name_that_leads_inside_is_refused(local_tls: LocalTls, addresses: list[str]) -> None:
    """One address that is not public is enough; nothing is connected to."""
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        asking = fetcher(local_tls, resolve=Resolver(addresses), allowed_hosts={"localhost"})
        assert await reason_of(asking.get(f"https://evil.example:{port}/")) == "fetch.address"
    assert host.requests == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_no_spelling_of_the_loopback_address_passes(local_tls: LocalTls, host: str) -> None:
    """The system's resolver reads odd spellings of addresses; what it makes of them is what is checked."""
    asking = Fetcher(trust=local_tls.client_context())
    assert await reason_of(asking.get(f"https://{host}:1/")) in {"fetch.address", "fetch.unresolved"}


async def test_the_name_is_resolved_once_and_the_checked_address_is_used(local_tls: LocalTls) -> None:
    """A resolver that answers differently the second time (DNS rebinding) is never asked a second time."""
    resolver = Resolver(["127.0.0.1"], ["192.0.2.1"])
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        await fetcher(local_tls, resolve=resolver).get(f"https://localhost:{port}/")
    assert resolver.asked == ["localhost"]


async def test_an_allowed_name_allows_no_other(local_tls: LocalTls) -> None:
    """The list holds whole names, in any case; a longer name that ends in one is another name."""
    resolver = Resolver(["127.0.0.1"])
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        assert (await fetcher(local_tls, resolve=resolver).get(f"https://LOCALHOST:{port}/")).status == 200
        assert (
            await reason_of(fetcher(local_tls, resolve=resolver).get(f"https://evil.localhost:{port}/"))
            == "fetch.address"
        )


async def test_the_next_address_is_tried_where_the_first_is_closed(local_tls: LocalTls) -> None:
    """A server that listens on one of two addresses is reached."""
    async with Host(JSON).listening(local_tls) as port:
        asking = fetcher(local_tls, resolve=Resolver(["127.0.0.2", "127.0.0.1"]))
        assert (await asking.get(f"https://localhost:{port}/")).status == 200


async def test_a_certificate_of_another_name_is_refused(local_tls: LocalTls) -> None:
    """The address was right, the name in the certificate is not: nothing is sent."""
    host = Host(JSON)
    async with host.listening(local_tls) as port:
        asking = fetcher(local_tls, allowed_hosts={"bank.example"})
        assert await reason_of(asking.get(f"https://bank.example:{port}/")) == "fetch.unreachable"
    assert host.requests == []


async def test_a_certificate_of_another_authority_is_refused(local_tls: LocalTls) -> None:
    """Only the authorities that were passed in are trusted."""
    async with Host(JSON).listening(local_tls) as port:
        asking = fetcher(local_tls, trust=ssl.create_default_context())
        assert await reason_of(asking.get(f"https://localhost:{port}/")) == "fetch.unreachable"


def test_a_context_that_verifies_nothing_is_no_trust() -> None:
    """Neither a fetcher nor a transport can be built to trust everybody."""
    careless = ssl.create_default_context()
    careless.check_hostname = False
    nobody = ssl.create_default_context()
    nobody.check_hostname = False
    nobody.verify_mode = ssl.CERT_NONE
    for context in (careless, nobody):
        with pytest.raises(ValueError, match="no trust"):
            Fetcher(trust=context)
        with pytest.raises(ValueError, match="no trust"):
            CheckedTransport(trust=context)


async def test_an_authority_file_is_trust_too(local_tls: LocalTls) -> None:
    """A PEM file may be passed instead of a context; then TLS 1.2 has four suites and nothing older is spoken."""
    async with Host(JSON).listening(local_tls) as port:
        asking = fetcher(local_tls, trust=local_tls.authority.certificate_file)
        assert (await asking.get(f"https://localhost:{port}/")).status == 200
    context = trust_context(local_tls.authority.certificate_file)
    older = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert older == {
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
    }
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n" + b"x" * 65, "fetch.too-large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n" + b"x" * 65, "fetch.too-large"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n41\r\n" + b"x" * 65 + b"\r\n",
            "fetch.too-large",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65, "fetch.too-large"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000 + b"\r\n\r\n", "fetch.unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "fetch.unreachable"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "fetch.unreachable"),
        (b"", "fetch.unreachable"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n"
            + gzip.compress(b" " * 1_000_000),
            "fetch.encoded",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}", "fetch.not-json"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "fetch.not-json"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/json+x\r\ncontent-length: 2\r\n\r\n{}", "fetch.not-json"),
    ],
    ids=lambda value: value[-40:] if isinstance(value, bytes) else value,
)
async def test_an_answer_out_of_bounds_is_refused(local_tls: LocalTls, answer: bytes, expected: str) -> None:
    """Too large, cut off, compressed, of another type or no HTTP at all: refused, each with its reason."""
    plain = expected in {"fetch.too-large", "fetch.unreachable"}
    async with Host(answer).listening(local_tls) as port:
        asking = fetcher(local_tls, maximum_body=64)
        assert await reason_of(asking.get(f"https://localhost:{port}/", expect_json=not plain)) == expected


async def test_an_answer_of_exactly_the_bound_is_accepted(local_tls: LocalTls) -> None:
    """The bound itself is allowed; so is a JSON media type with a suffix and parameters."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: Application/JWK-Set+JSON; charset=utf-8\r\ncontent-length: 64\r\n\r\n"
    async with Host(answer + b"x" * 64).listening(local_tls) as port:
        asking = fetcher(local_tls, maximum_body=64)
        assert len((await asking.get(f"https://localhost:{port}/", expect_json=True)).body) == 64


async def test_a_host_that_drips_is_cut_off(local_tls: LocalTls) -> None:
    """The time is one bound over everything: octets that keep coming do not extend it."""
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read(1)
        gone.set()

    async with tls_server(drip, local_tls.server_context()) as port:
        asking = fetcher(local_tls, maximum_seconds=0.2)
        assert await reason_of(asking.get(f"https://localhost:{port}/")) == "fetch.timeout"
        await asyncio.wait_for(gone.wait(), timeout=5)


async def test_a_host_that_is_not_there_is_a_refusal_with_a_reason(local_tls: LocalTls) -> None:
    """No name, no address and a closed port are each told apart from an address that may not be asked."""

    async def no_such_name(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async with Host(JSON).listening(local_tls) as port:
        pass
    url = f"https://localhost:{port}/"
    assert await reason_of(fetcher(local_tls, resolve=no_such_name).get(url)) == "fetch.unresolved"
    assert await reason_of(fetcher(local_tls, resolve=Resolver([])).get(url)) == "fetch.unresolved"
    assert await reason_of(fetcher(local_tls).get(url)) == "fetch.unreachable"


async def test_a_client_over_the_checked_transport_is_bound_by_the_same_rules(local_tls: LocalTls) -> None:
    """A redirect that a client would follow, a plain URL and a private address all end in a refusal."""
    host = Host(b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n")
    transport = CheckedTransport(
        trust=local_tls.client_context(), allowed_hosts={"localhost"}, resolve=Resolver(["127.0.0.1"])
    )
    async with (
        host.listening(local_tls) as port,
        httpx2.AsyncClient(transport=transport, follow_redirects=True) as client,
    ):
        assert await reason_of(client.get(f"https://localhost:{port}/")) == "fetch.address"
        assert await reason_of(client.get(f"http://localhost:{port}/")) == "fetch.not-https"


async def test_a_caller_cannot_name_another_identity(local_tls: LocalTls) -> None:
    """The identity in TLS is the URL's host, whatever extensions a request carries."""
    host = Host(JSON)
    transport = CheckedTransport(
        trust=local_tls.client_context(), allowed_hosts={"bank.example"}, resolve=Resolver(["127.0.0.1"])
    )
    async with host.listening(local_tls) as port, httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://bank.example:{port}/", extensions={"sni_hostname": "localhost"})
    assert host.requests == []


async def test_errors_have_the_names_that_users_of_the_client_library_know(local_tls: LocalTls) -> None:
    """A response that ends early is a RemoteProtocolError of httpx2, from the body too."""
    host = Host(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort")
    transport = CheckedTransport(
        trust=local_tls.client_context(), allowed_hosts={"localhost"}, resolve=Resolver(["127.0.0.1"])
    )
    async with host.listening(local_tls) as port, httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"https://localhost:{port}/")
