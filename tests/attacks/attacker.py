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
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "Key",
    "MaliciousClient",
    "Post",
    "RefusedError",
    "as_own",
    "begin_at",
    "code_of",
    "go_through_login",
    "push",
    "query_of",
    "rewritten",
    "serving",
]

Post = dict[str, str]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class RefusedError(Exception):
    """The honest server refused; the reason is its own."""


class Key:
    """A key pair on P-256, with what can be signed by it."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    def _sign(self, header: dict[str, object], claims: dict[str, object]) -> str:
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    @property
    def public(self) -> dict[str, str]:
        """The public key as a JWK."""
        numbers = self._private.public_key().public_numbers()
        point = {"x": numbers.x, "y": numbers.y}
        return {
            "kty": "EC",
            "crv": "P-256",
            **{name: _encoded(each.to_bytes(32, "big")) for name, each in point.items()},
        }

    def proof(self, method: str, url: str, *, nonce: str | None = None, token: str | None = None) -> str:
        """Return a DPoP proof."""
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
        return self._sign({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.public}, claims)

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


def _refusal(answer: httpx2.Response) -> RefusedError:
    return RefusedError(answer.headers.get("trustweft-reason", str(answer.status_code)))


def _checked(answer: httpx2.Response) -> httpx2.Response:
    if not answer.is_success:
        raise _refusal(answer)
    return answer


def push(http: httpx2.Client, issuer: str, client_id: str, assertion: str, request: Post) -> str:
    """Push a request in the name of a client; return the link to it.

    Args:
        http: the attacker's network.
        issuer: the honest server.
        client_id: in whose name.
        assertion: what shall prove it, made or found.
        request: the rest of the form.
    """
    credentials = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    pushed = _checked(http.post(f"{issuer}/par", data={"response_type": "code", **request, **credentials}))
    link = {"client_id": client_id, "request_uri": pushed.json()["request_uri"]}
    return f"{issuer}/authorize?{urlencode(link)}"


class MaliciousClient:
    """A client that the attacker has registered like anybody else, or that it poses as.

    Args:
        http: the attacker's network.
        issuer: the honest server.
        client_id: what it is registered as, with this key.
        key: its key, for assertions and for proofs.
        home: its redirect URI.
    """

    def __init__(self, http: httpx2.Client, issuer: str, client_id: str, key: Key, home: str) -> None:
        self._http, self._issuer, self._client_id, self.key, self._home = http, issuer, client_id, key, home
        self._verifier = secrets.token_urlsafe(48)

    def _assertion(self) -> str:
        return self.key.assertion(self._client_id, self._issuer, kid="test")

    def push(self, *, challenged: bool = True) -> str:
        """Push a request, with a challenge or without; return the link to it."""
        challenge = {
            "code_challenge": _encoded(hashlib.sha256(self._verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        request = {"redirect_uri": self._home, "scope": "accounts", **(challenge if challenged else {})}
        return push(self._http, self._issuer, self._client_id, self._assertion(), request)

    def redeem(self, code: str) -> str:
        """Redeem a code; return the access token."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self._verifier,
            "redirect_uri": self._home,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        return str(_checked(self.key.post(self._http, f"{self._issuer}/token", form)).json()["access_token"])

    def call(self, url: str, token: str) -> httpx2.Response:
        """Call the bank with a token of its own."""
        nonce: str | None = None
        for _ in range(2):
            proof = self.key.proof("GET", url, token=token, nonce=nonce)
            answer = self._http.get(url, headers={"authorization": f"DPoP {token}", "dpop": proof})
            if answer.is_success or "dpop-nonce" not in answer.headers:
                break
            nonce = answer.headers["dpop-nonce"]
        return answer


def begin_at(browser: httpx2.Client, application: str) -> str:
    """Begin a flow at an application, as anybody may; return the link that the browser is sent to."""
    page = browser.get(f"{application}/")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf is not None
    sent = browser.post(
        f"{application}/connect", data={"csrf": csrf[1]}, headers={"sec-fetch-site": "same-origin"}
    )
    return str(sent.headers["location"])


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
            if action is None or csrf is None:  # no page of the login
                raise _refusal(answer)
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


def rewritten(url: str, **parameters: str) -> str:
    """Return a link with other parameters in its query."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **parameters})).geturl()


def code_of(query: str) -> str:
    """Return the code in the query of a response."""
    return parse_qs(query)["code"][0]


def as_own(metadata: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return somebody's metadata as that of a server of the attacker's."""
    paths = {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/token",
        "pushed_authorization_request_endpoint": "/par",
        "jwks_uri": "/jwks",
    }
    kept = {name: value for name, value in metadata.items() if not str(value).startswith("http")}
    return {**kept, "issuer": origin, **{name: origin + path for name, path in paths.items()}}
