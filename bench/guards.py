"""The guards of a resource server: ours and one made of `oauth4webapi`, in process and over TLS."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench.identities import AUDIENCE, PERSON, published
from bench.loader import Answer, Expected, LoaderError, ask
from bench.our_guard import OurGuardConfig, Variant
from bench.refusals import Refusal
from bench.sampling import Sample, sample
from bench.sides import NODE_FOLDER, free_port
from bench.signing import http_request, tampered
from trustweft.profile import load_profile
from trustweft.protocol.access_token import Confirmation, NewAccessToken, create_access_token
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.runtime.encoding import encode_base64url

if TYPE_CHECKING:
    from bench.processes import Process
    from bench.sides import Place
    from bench.signing import Workshop
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["GUARD_VARIANTS", "PEER", "Guards", "Presented"]

ISSUER: Final = "https://server.example"
PEER: Final = "oauth4webapi"
PATH: Final = "/accounts"
TOKEN_LIFETIME: Final = 300
GUARD_VARIANTS: Final = (
    ("ours", False, False),
    ("ours, token cache", True, False),
    ("ours, token cache, SQLite replays", True, True),
)
_EXPECTED: Final = Expected(200, b'"client_id"')


class Presented(NamedTuple):
    """What authorizes one request."""

    token: str
    proof: str

    def request(self, port: int, *, method: str = "GET") -> bytes:
        """Return the octets of a request."""
        headers = {"Authorization": f"DPoP {self.token}", "DPoP": self.proof}
        return http_request(method, PATH, port=port, headers=headers)


@dataclass(frozen=True, slots=True)
class _Listener:
    """One guard over TLS."""

    name: str
    port: int
    process: Process


class Guards:
    """Starts the guards and asks them.

    Every holder of a DPoP key has one access token; every request brings a proof of its own.
    """

    def __init__(self, place: Place, workshop: Workshop, *, clock: Clock, entropy: Entropy) -> None:
        self._place = place
        self._workshop = workshop
        self._clock = clock
        self._entropy = entropy
        self._secret = entropy.octets(32)
        step = load_profile("fapi2-security").limits.dpop_nonce_step
        self._nonces = Nonces(self._secret, step=step, window=2 * step)
        jwks = {"keys": [published(workshop.identities.issuer)]}
        self._shared: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": jwks}
        self._ours = self._start_ours()
        self._peer = place.start_plain([place.node, NODE_FOLDER / "bench_guard.mjs"])
        self.listeners.append(self._start_peer())
        for process in self.processes:
            process.pause()

    @property
    def processes(self) -> list[Process]:
        """Return every process once."""
        return [self._ours, self._peer, self.listeners[-1].process]

    def _start_ours(self) -> Process:
        directory = self._place.directory / "guard"
        directory.mkdir(mode=0o700)
        variants = [
            Variant(name=name, port=free_port(), cache=cache, durable=durable)
            for name, cache, durable in GUARD_VARIANTS
        ]
        config = OurGuardConfig(
            **self._shared,
            clients=[client.client_id for client in self._workshop.identities.clients],
            nonce_secret=encode_base64url(self._secret),
            directory=str(directory),
            certificate=str(self._place.certificate),
            private_key=str(self._place.private_key),
            variants=variants,
        )
        process = self._place.start("our-guard", [sys.executable, "-m", "bench.our_guard"], config)
        process.read_line()
        self.listeners = [_Listener(variant.name, variant.port, process) for variant in variants]
        return process

    def _start_peer(self) -> _Listener:
        port = free_port()
        tls = {"key": str(self._place.private_key), "cert": str(self._place.certificate)}
        config = {**self._shared, "port": port, "tls": tls}
        process = self._place.start(
            "peer-guard", [self._place.node, NODE_FOLDER / "guard_server.mjs"], config
        )
        process.read_line()
        return _Listener(PEER, port, process)

    def present(self, port: int, count: int) -> list[Presented]:
        """Return tokens with fresh proofs for the guard at this port, each good once."""
        holders = self._workshop.identities.holders
        tokens = [self._token(number) for number in range(min(count, len(holders)))]
        nonce = self._nonces.current(self._clock.now())
        url = f"https://localhost:{port}{PATH}"
        return [
            Presented(
                token,
                self._workshop.proof(url, holder, nonce=nonce, method="GET", access_token=token),
            )
            for token, holder in (
                (tokens[number % len(tokens)], holders[number % len(tokens)]) for number in range(count)
            )
        ]

    def _token(self, number: int) -> str:
        now = self._clock.now()
        return create_access_token(
            NewAccessToken(
                issuer=ISSUER,
                subject=PERSON,
                audience=(AUDIENCE,),
                client_id=self._workshop.client(number).client_id,
                scope=("accounts",),
                issued_at=now,
                expires_at=now + TOKEN_LIFETIME,
                jti=self._entropy.token(),
                confirmation=Confirmation(jkt=self._workshop.thumbprint(number)),
            ),
            signer=self._workshop.identities.issuer,
        )

    def refusals(self) -> list[Refusal]:
        """Show that each guard behind TLS refuses a replay, changed signatures, and another method.

        Raises:
            LoaderError: one let something pass, or refused something good.
        """
        return [refusal for listener in self.listeners for refusal in self._refusals_of(listener)]

    def _refusals_of(self, listener: _Listener) -> list[Refusal]:
        good, other = self.present(listener.port, 2)

        def answer(request: bytes) -> Answer:
            return ask(request, port=listener.port, trust=self._place.trust)

        with listener.process.running():
            first = answer(good.request(listener.port))
            if first.status != _EXPECTED.status:
                raise LoaderError(f"{listener.name} refuses a good request: {first}")
            asked = {
                "proof twice": good.request(listener.port),
                "proof, signature changed": other._replace(proof=tampered(other.proof)).request(
                    listener.port
                ),
                "token, signature changed": other._replace(token=tampered(other.token)).request(
                    listener.port
                ),
                "proof for another method": other.request(listener.port, method="PUT"),
            }
            answers = {what: answer(request) for what, request in asked.items()}
        passed = [what for what, got in answers.items() if got.status != 401]
        if passed:
            raise LoaderError(f"{listener.name} let pass: {', '.join(passed)}")
        return [
            Refusal(f"guard, {listener.name}", what, got.status, json.loads(got.body)["error"])
            for what, got in answers.items()
        ]

    def serve_all(self, count: int) -> dict[str, Sample]:
        """Measure the guards behind TLS, one after the other."""
        return {listener.name: self._serve(listener, count) for listener in self.listeners}

    def _serve(self, listener: _Listener, count: int) -> Sample:
        with listener.process.running():
            requests = [each.request(listener.port) for each in self.present(listener.port, count)]
            return sample(
                requests,
                process=listener.process,
                port=listener.port,
                trust=self._place.trust,
                expected=_EXPECTED,
            )

    def verify(self, count: int) -> dict[str, Sample]:
        """Measure the guards in process, on the same requests: ours without and with its token cache, and the peer's.

        Raises:
            LoaderError: one of them accepted what it should have refused.
        """
        warm_up = count // 4
        port = self.listeners[0].port
        url = f"https://localhost:{port}{PATH}"
        requests = [
            {"method": "GET", "url": url, "authorization": f"DPoP {token}", "dpop": proof}
            for token, proof in self.present(port, count + warm_up)
        ]
        file = self._place.write("guard-requests", {**self._shared, "warm_up": warm_up, "requests": requests})
        orders = {
            "ours": (self._ours, json.dumps({"file": str(file), "cache": False})),
            PEER: (self._peer, str(file)),
            "ours, token cache": (self._ours, json.dumps({"file": str(file), "cache": True})),
        }
        return {name: _in_process(name, process, order) for name, (process, order) in orders.items()}


def _in_process(name: str, process: Process, order: str) -> Sample:
    with process.running():
        report = process.ask(order)
    accepted = [what for what, refused in report.items() if what.endswith("_refused") and not refused]
    if accepted:
        raise LoaderError(f"{name} in process: not {', '.join(accepted)}")
    return Sample(per_second=report["per_second"], server_share=1.0, loader_share=0.0)
