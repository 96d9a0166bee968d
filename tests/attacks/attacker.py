"""The attacker: a network of its own, keys of its own, and nothing of ours.

It has an account of its own at the honest server (eve's), plants links, runs a server of its own where it may (A1a),
and reads what the attacker model lets it read; the test hands that over.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import secrets
import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Key", "Post", "go_through_login", "serving"]

Post = dict[str, str]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A key pair on P-256, with what can be signed by it."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    def _sign(self, header: dict[str, object], claims: dict[str, object]) -> str:
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def proof(self, method: str, url: str, *, nonce: str | None = None, token: str | None = None) -> str:
        """Return a DPoP proof."""
        numbers = self._private.public_key().public_numbers()
        point = {
            name: _encoded(number.to_bytes(32, "big"))
            for name, number in (("x", numbers.x), ("y", numbers.y))
        }
        claims: dict[str, object] = {
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "jti": secrets.token_urlsafe(),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if token is not None:
            claims["ath"] = _encoded(hashlib.sha256(token.encode()).digest())
        return self._sign(
            {"typ": "dpop+jwt", "alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", **point}}, claims
        )

    def assertion(self, client_id: str, audience: str, *, kid: str) -> str:
        """Return a client assertion in the name of somebody else, signed by this key."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(),
        }
        return self._sign({"alg": "ES256", "kid": kid}, claims)

    def post(self, http: httpx2.Client, url: str, form: Post) -> httpx2.Response:
        """Post with a proof; once more where the server gives a nonce."""
        answer = http.post(url, data=form, headers={"dpop": self.proof("POST", url)})
        if answer.status_code >= httpx2.codes.BAD_REQUEST and "dpop-nonce" in answer.headers:
            answer = http.post(
                url, data=form, headers={"dpop": self.proof("POST", url, nonce=answer.headers["dpop-nonce"])}
            )
        return answer


def go_through_login(trust: ssl.SSLContext, url: str, *, user: tuple[str, str], until: str) -> str:
    """Follow a link as a browser, log in, agree; return the address below ``until`` that it is sent to in the end."""
    username, password = user
    filled = {"login": {"username": username, "password": password}, "decision": {"decision": "approve"}}
    with httpx2.Client(verify=trust) as browser:
        answer = browser.get(url)
        for _ in range(10):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                if url.startswith(until):
                    return url
                answer = browser.get(url)
                continue
            action = re.search(r'action="([^"]+/(login|decision))"', answer.text)
            csrf = re.search(r'name="csrf" value="([^"]+)"', answer.text)
            assert action is not None, (answer.status_code, answer.headers.get("trustweft-reason"))
            assert csrf is not None
            url = urljoin(url, action[1])
            answer = browser.post(
                url, data={"csrf": csrf[1], **filled[action[2]]}, headers={"sec-fetch-site": "same-origin"}
            )
    raise AssertionError(f"the browser never came back: {answer.status_code}")


@contextmanager
def serving(
    tls: Path, answer: Callable[[str, str, Mapping[str, str], Post], tuple[int, dict[str, str], Any]]
) -> Iterator[str]:
    """Run the attacker's own server over TLS; yield its origin.

    Args:
        tls: the folder with a certificate that the victims' software accepts.
        answer: takes method, path with query, headers and form; returns status, headers and a JSON document.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def _handle(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(size).decode()).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, fields, document = answer(self.command, self.path, headers, form)
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(body)),
                **fields,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _handle  # noqa: N815  # the library's names

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "certificate.pem", tls / "private-key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query_of(url: str) -> str:
    """Return the query of an address."""
    return urlsplit(url).query
