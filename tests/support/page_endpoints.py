"""Every page of an interaction: a good request to it, and whether an answer was deserved."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from support.authority import ISSUER, PASSWORD
from support.endpoints import Endpoint, hold
from support.judge import Objection, read_pairs
from support.manners import check_redirect
from support.visits import Visit, authorization_request, begin_visit, enrol_passkey, push
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from software_authenticator import SoftwareAuthenticator
    from support.authority import Authority
    from support.drafts import Draft
    from support.visits import Push
    from support.wire import Answer, Sent

    Approve = Callable[[Sent, Answer, Visit], Awaitable[None]]

__all__ = ["page_endpoints"]

FAILED = "?failed="
PRESENT_AND_VERIFIED = 0x05


def _cookies(sent: Sent) -> list[str]:
    return [piece.strip(" \t") for piece in "; ".join(sent.header_values("cookie")).split(";")]


def _approve_browser(sent: Sent, visit: Visit) -> None:
    """The browser has the secret, once, and is at the address."""
    hold(sent.path.decode("latin-1").startswith(visit.path), "another address")
    name = f"__Host-trustweft-server-{visit.cookie.handle}"
    mine = [piece for piece in _cookies(sent) if piece.partition("=")[0] == name]
    hold(mine == [f"{name}={visit.cookie.secret}"], "without the secret")


def _approve_form(sent: Sent, visit: Visit) -> dict[str, str]:
    """The form comes from our own page in that browser."""
    hold(sent.method == "POST", "another method")
    _approve_browser(sent, visit)
    sites = sent.header_values("sec-fetch-site")
    hold(set(sites) <= {"same-origin"}, "from another site")
    origins = set(sent.header_values("origin")) - {ISSUER}
    hold(not origins or (origins == {"null"} and sites), "from another origin")
    types = sent.header_values("content-type")
    hold(len(types) == 1 and types[0].lower().startswith("application/x-www-form-urlencoded"), "no form")
    pairs = read_pairs(sent.body)
    hold(pairs.get("csrf") == visit.csrf, "without the token")
    return pairs


def _octets(text: str) -> bytes:
    hold(text.isascii() and " " not in text and "=" not in text, "no plain base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _approve_client_data(credential: dict[str, Any], visit: Visit, kind: str) -> bytes:
    octets = _octets(credential["response"]["clientDataJSON"])
    said = json.loads(octets)
    hold(said["type"] == kind, "another ceremony")
    hold(said["origin"] == ISSUER and not said.get("crossOrigin"), "at another origin")
    hold(_octets(said["challenge"]) == _octets(visit.interaction.challenge or ""), "for another challenge")
    return octets


def _approve_data(data: bytes) -> None:
    hold(data[:32] == hashlib.sha256(b"localhost").digest(), "for another relying party")
    hold(data[32] & PRESENT_AND_VERIFIED == PRESENT_AND_VERIFIED, "without the person")


def _public_key(authenticator: SoftwareAuthenticator) -> ec.EllipticCurvePublicKey:
    key = authenticator.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.public_key()


class _Pages:
    """The pages, in the order in which a browser comes by."""

    def __init__(self, authority: Authority, authenticator: SoftwareAuthenticator) -> None:
        self.authority = authority
        self.authenticator = authenticator

    def _to_page(self, answer: Answer, visit: Visit) -> bool:
        """Say whether a redirect goes on to the interaction, and not back to the form that failed."""
        goes = check_redirect(answer, redirect_uris=self.authority.moneyview.redirect_uris)
        hold(visit.cookie.handle in answer.header("location") or goes == "client", "to another interaction")
        return goes == "own" and FAILED not in answer.header("location")

    async def open(self) -> tuple[Draft, Any]:
        pushed = await push(self.authority)
        return authorization_request(pushed), pushed

    async def approve_opening(self, sent: Sent, answer: Answer, pushed: Push) -> None:
        hold(check_redirect(answer, redirect_uris=()) == "own", "a redirect elsewhere")
        octets = sent.query if sent.method == "GET" else sent.body
        texts = [piece.partition("=") for piece in octets.decode("latin-1").split("&")]
        names = [name for name, _, _ in texts]
        hold(names.count("client_id") <= 1 and names.count("request_uri") <= 1, "a repeated parameter")
        wanted = read_pairs("&".join(f"{n}={v}" for n, _, v in texts if n in _READ or "%" in n).encode())
        hold(wanted.get("client_id") == pushed.record.client_id, "another client")
        hold(wanted.get("request_uri") == pushed.request_uri, "another request")
        hold(len(answer.values("set-cookie")) >= 1, "without a secret")

    async def page(self, step: str = "", **state: Any) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority, **state)
        return visit.page(step), visit

    async def approve_page(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        hold(sent.method == "GET", "another method")
        _approve_browser(sent, visit)
        hold(visit.csrf in answer.body.decode(), "another page")

    async def log_in(self) -> tuple[Draft, Any]:
        self.authority.clock.advance(900)  # into the next window of the attempts that are counted
        visit = await begin_visit(self.authority)
        return visit.log_in(), visit

    async def approve_login(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        pairs = _approve_form(sent, visit)
        if self._to_page(answer, visit):
            hold((pairs["username"], pairs["password"]) == ("alice", PASSWORD), "without the password")

    async def cancel(self) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority)
        return visit.cancel(), visit

    async def approve_answer(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        """The application is answered, for whatever reason."""
        pairs = _approve_form(sent, visit)
        hold(not self._to_page(answer, visit), "the request is not answered")
        if answer.reason is None:
            hold(pairs["decision"] == "approve", "a code without consent")
            code = answer.header("location").partition("code=")[2].partition("&")[0]
            record = await self.authority.store.find_code(digest_of(code))
            assert record is not None
            hold(record.subject == visit.interaction.subject, "for somebody else")
        hold("iss=https%3A%2F%2Flocalhost%3A8441" in answer.header("location"), "without issuer")

    async def decide(self) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority, logged_in=True)
        return visit.decide(), visit

    async def ask(self, step: str, *, logged_in: bool) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority, logged_in=logged_in)
        return visit.submit(step), visit

    async def approve_options(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        _approve_form(sent, visit)
        hold(answer.json["rpId" if "passkey_options" in str(sent.path) else "rp"], "no options")

    async def use_passkey(self) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority, challenged=True, authenticator=self.authenticator)
        return visit.use_passkey(), visit

    async def approve_passkey(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        pairs = _approve_form(sent, visit)
        if not self._to_page(answer, visit):
            return
        credential = json.loads(pairs["credential"])
        client_data = _approve_client_data(credential, visit, "webauthn.get")
        data = _octets(credential["response"]["authenticatorData"])
        _approve_data(data)
        signature = _octets(credential["response"]["signature"])
        signed = data + hashlib.sha256(client_data).digest()
        try:
            _public_key(self.authenticator).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as cause:
            raise Objection("the signature is not good") from cause

    async def add_passkey(self) -> tuple[Draft, Any]:
        visit = await begin_visit(self.authority, logged_in=True, challenged=True)
        passkeys = self.authority.store._passkeys
        for identifier in [*passkeys]:  # nobody may have more than twenty
            if identifier != self.authenticator.credential_id:
                del passkeys[identifier]
        return visit.add_passkey(), visit

    async def approve_new_passkey(self, sent: Sent, answer: Answer, visit: Visit) -> None:
        pairs = _approve_form(sent, visit)
        if not self._to_page(answer, visit):
            return
        credential = json.loads(pairs["credential"])
        _approve_client_data(credential, visit, "webauthn.create")
        data = cbor2.loads(_octets(credential["response"]["attestationObject"]))["authData"]
        _approve_data(data)
        hold(visit.authenticator.credential_id in data, "another credential")


_READ = {"client_id", "request_uri"}


async def page_endpoints(authority: Authority) -> tuple[Endpoint, ...]:
    """Return the authorization endpoint and the pages that follow it."""
    own = _Pages(authority, await enrol_passkey(authority))
    visited = partial(own.page, logged_in=True)
    return (
        Endpoint("authorization", own.open, own.approve_opening),
        Endpoint("interaction", own.page, own.approve_page),
        Endpoint("interaction, logged in", visited, own.approve_page),
        Endpoint("login", own.log_in, own.approve_login),
        Endpoint("cancel", own.cancel, own.approve_answer),
        Endpoint("decision", own.decide, own.approve_answer),
        Endpoint(
            "passkey_options", partial(own.ask, "/passkey_options", logged_in=False), own.approve_options
        ),
        Endpoint("passkey", own.use_passkey, own.approve_passkey),
        Endpoint("passkeys", partial(own.page, "/passkeys", logged_in=True), own.approve_page),
        Endpoint(
            "passkey_registration_options",
            partial(own.ask, "/passkey_registration_options", logged_in=True),
            own.approve_options,
        ),
        Endpoint("passkey_registration", own.add_passkey, own.approve_new_passkey),
    )
