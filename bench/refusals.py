"""Before anything is measured, each side shows that it refuses: what checks nothing is fast and worth nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from bench.loader import Answer, LoaderError, ask
from bench.rows import code_requests, current_nonce
from bench.signing import tampered
from trustweft.crypto.keys import LocalSigner, generate_private_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.sides import Side
    from bench.signing import Workshop

__all__ = ["Refusal", "server_refusals"]

CLIENT_CREDENTIALS = {"grant_type": "client_credentials", "scope": "accounts"}


class Refusal(NamedTuple):
    """One thing that a side was asked and refused."""

    side: str
    what: str
    status: int
    error: str


class NotRefusedError(LoaderError):
    """A side answered what it should have refused."""


class _Questions:
    """Asks one side; what must pass passes, what must be refused is refused with the right error."""

    def __init__(self, side: Side, workshop: Workshop) -> None:
        self._side = side
        self._workshop = workshop
        self._nonce = current_nonce(workshop, side)

    def ask(self, request: bytes) -> Answer:
        return ask(request, port=self._side.endpoints.port, trust=self._side.trust)

    def accepted(self, request: bytes) -> bytes:
        answer = self.ask(request)
        if answer.status not in {200, 201}:
            raise LoaderError(f"{self._side.name} refuses a good request: {answer}")
        return request

    def refused(self, what: str, request: bytes, *errors: str) -> Refusal:
        answer = self.ask(request)
        error = json.loads(answer.body).get("error")
        if answer.status not in {400, 401} or error not in errors:
            raise NotRefusedError(f"{self._side.name}, {what}: {answer}")
        return Refusal(self._side.name, what, answer.status, error)

    def replays(self) -> Iterator[Refusal]:
        workshop, at = self._workshop, self._side.endpoints
        pushed = self.accepted(workshop.pushed(at, 0, nonce=self._nonce, proven=False))
        yield self.refused("pushed request twice", pushed, "invalid_client")
        (code,) = code_requests(workshop, self._side, count=1, nonce=self._nonce)
        self.accepted(code)
        yield self.refused("code request twice", code, "invalid_client", "invalid_dpop_proof")
        yield self.code_twice()
        form = workshop.authenticated(at, workshop.client(0), CLIENT_CREDENTIALS)
        proof = self._proof()
        self.accepted(workshop.posted(at.token, at, form, proof))
        yield self.refused(
            "assertion twice", workshop.posted(at.token, at, form, self._proof()), "invalid_client"
        )
        form = workshop.authenticated(at, workshop.client(0), CLIENT_CREDENTIALS)
        replayed = workshop.posted(at.token, at, form, proof)
        # oidc-provider says invalid_grant, and in its log that it was the proof.
        yield self.refused("proof twice", replayed, "invalid_dpop_proof", "invalid_grant")

    def code_twice(self) -> Refusal:
        workshop, side = self._workshop, self._side
        (verifier,) = workshop.verifiers(1)
        item = {"code_challenge": _challenge(verifier), "dpop_jkt": workshop.thumbprint(0)}
        (code,) = side.codes(workshop.client(0).client_id, [item])

        def redeem() -> bytes:
            return workshop.code_exchange(side.endpoints, 0, code=code, verifier=verifier, nonce=self._nonce)

        self.accepted(redeem())
        return self.refused("code twice, freshly signed", redeem(), "invalid_grant")

    def forgeries(self) -> Iterator[Refusal]:
        workshop, at = self._workshop, self._side.endpoints
        client = workshop.client(0)
        form = workshop.authenticated(at, client, CLIENT_CREDENTIALS)
        changed = {**form, "client_assertion": tampered(form["client_assertion"])}
        yield self.refused(
            "assertion, signature changed",
            workshop.posted(at.token, at, changed, self._proof()),
            "invalid_client",
        )
        stranger = LocalSigner("ES256", generate_private_key("ES256"), client.signer.key_id)
        foreign = {**form, "client_assertion": workshop.assertion(at, client, signer=stranger)}
        yield self.refused(
            "assertion of another key",
            workshop.posted(at.token, at, foreign, self._proof()),
            "invalid_client",
        )
        proof = workshop.posted(at.token, at, form, tampered(self._proof()))
        yield self.refused("proof, signature changed", proof, "invalid_dpop_proof")
        form = workshop.authenticated(at, client, CLIENT_CREDENTIALS)
        stale = workshop.proof(at.issuer + at.token, workshop.holder(0), nonce=None)
        yield self.refused(
            "proof without nonce", workshop.posted(at.token, at, form, stale), "use_dpop_nonce"
        )

    def _proof(self) -> str:
        at = self._side.endpoints
        return self._workshop.proof(at.issuer + at.token, self._workshop.holder(0), nonce=self._nonce)


def _challenge(verifier: str) -> str:
    from trustweft.protocol.pkce import CodeVerifier, create_challenge

    return create_challenge(CodeVerifier(verifier))


def server_refusals(side: Side, workshop: Workshop) -> list[Refusal]:
    """Return what the side refused.

    Raises:
        LoaderError: it let something pass, or refused something good.
    """
    with side.process.running():
        questions = _Questions(side, workshop)
        return [*questions.replays(), *questions.forgeries()]
