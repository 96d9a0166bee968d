"""Every endpoint of the directory: a good request to it, and whether an answer was deserved."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from support.anchor import BANK, HARBOUR, ISSUER, make_anchor
from support.anchor_members import MONEYVIEW, join, publish
from support.client_hosts import jwk_of
from support.directory import new_signer
from support.drafts import TOKEN, Draft, message_of
from support.endpoints import Endpoint, hold
from support.judge import read_json, read_pairs, read_signed
from trustweft.crypto.keys import public_jwk, thumbprint
from trustweft.directory.application import ENDPOINTS
from trustweft.directory.commands import Add, Move
from trustweft.directory.config import PATHS
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Key
from trustweft.directory.pace import Pace
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.offboarding import RECEIPT_MEDIA_TYPE
from trustweft.protocol.offboarding_probe import (
    PROBE_MEDIA_TYPE,
    Probe,
    ProbedParticipant,
    create_probe,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.anchor import Anchor
    from support.authority import Hearing
    from support.wire import Answer, Sent
    from trustweft.crypto.keys import LocalSigner

__all__ = ["DIRECTORY_ENDPOINTS", "Office", "make_office"]

DIRECTORY_ENDPOINTS: Final = tuple(each.name for each in ENDPOINTS.values())
MARK: Final = f"{ISSUER}/trust-marks/check"
FORM: Final = ("content-type", "application/x-www-form-urlencoded")
MEMBERS: Final = {MONEYVIEW, HARBOUR}


@dataclass
class Office:
    """A directory that is sent spoilt requests, and what a good one needs."""

    anchor: Anchor
    hearing: Hearing
    order: str
    signer: LocalSigner
    numbers: count[int]

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint by its name."""
        return Endpoint(name, getattr(self, f"_{name}"), self.approve(name))

    def approve(self, name: str) -> Any:
        """Return who judges what an endpoint answered."""
        judge = getattr(self, f"_judge_{name}", self._judge_document)

        async def approve(sent: Sent, answer: Answer, known: Any) -> None:
            hold(sent.method in {"GET", "HEAD", "POST"}, "another method")
            if sent.method != "HEAD":  # as to GET, but without a body
                judge(sent, answer, known)

        return approve

    def _judge_document(self, sent: Sent, answer: Answer, _known: Any) -> None:
        hold((sent.method != "POST", answer.status) == (True, 200), "no document")

    def read(self, answer: Answer, kind: str) -> dict[str, Any]:
        """Return the claims of what the directory signed."""
        hold(answer.status == 200, f"{answer.status}")
        hold(answer.header("content-type") == f"application/{kind}", "another content type")
        header, claims = read_signed(answer.body.decode("ascii"), self._own_jwk())
        hold(header["typ"] == kind, "another typ")
        hold(claims["iss"] == ISSUER, "another iss")
        return claims

    def _own_jwk(self) -> dict[str, Any]:
        signer = self.anchor.directory.keys.signer()
        return {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": signer.algorithm}

    # Documents.

    def _get(self, name: str, query: str = "") -> tuple[Draft, Any]:
        return Draft("GET", PATHS[name], query=query), None

    async def _jwks(self) -> tuple[Draft, Any]:
        return self._get("jwks")

    async def _transmitter_configuration(self) -> tuple[Draft, Any]:
        return self._get("transmitter_configuration")

    async def _entity_configuration(self) -> tuple[Draft, Any]:
        return self._get("entity_configuration")

    async def _historical_keys(self) -> tuple[Draft, Any]:
        return self._get("historical_keys")

    async def _status(self) -> tuple[Draft, Any]:
        revision = self.anchor.directory.feed.revision
        draft, _ = self._get("status", f"since={revision}&wait=0")
        return draft.with_header("if-none-match", f'"{revision - 1}"'), revision

    def _judge_status(self, sent: Sent, answer: Answer, known: Any) -> None:
        if answer.status == 304:
            hold(sent.header_values("if-none-match") == [f'"{known}"'], "not modified for somebody else")
            return
        claims = self.read(answer, "ecosystem-status+jwt")
        hold(claims["revision"] == known, "another revision")
        pairs = dict(parse_qsl(sent.query.decode("latin-1")))
        asked = pairs.get("since")
        hold("since" not in claims or str(claims["since"]) == str(int(asked or "-1")), "another since")
        hold(claims["exp"] - claims["iat"] <= 300, "good for too long")

    # The federation.

    async def _fetch(self) -> tuple[Draft, Any]:
        return self._get("fetch", f"sub={MONEYVIEW}")

    def _judge_fetch(self, _sent: Sent, answer: Answer, _known: Any) -> None:
        claims = self.read(answer, "entity-statement+jwt")
        hold(claims["sub"] in MEMBERS, "about nobody")

    async def _list(self) -> tuple[Draft, Any]:
        return self._get("list", "entity_type=openid_relying_party&trust_marked=true&intermediate=false")

    def _judge_list(self, _sent: Sent, answer: Answer, _known: Any) -> None:
        hold(set(read_json(answer.body.decode())) <= MEMBERS, "strangers are listed")

    async def _resolve(self) -> tuple[Draft, Any]:
        return self._get("resolve", f"sub={MONEYVIEW}&trust_anchor={ISSUER}&entity_type=openid_relying_party")

    def _judge_resolve(self, sent: Sent, answer: Answer, _known: Any) -> None:
        claims = self.read(answer, "resolve-response+jwt")
        hold(claims["sub"] == MONEYVIEW, "about somebody else")
        hold(ISSUER.encode() in sent.query.replace(b"%3A", b":").replace(b"%2F", b"/"), "for another anchor")

    async def _trust_marked(self) -> tuple[Draft, Any]:
        return self._get("trust_marked", f"trust_mark_type={MARK}&sub={MONEYVIEW}")

    def _judge_trust_marked(self, _sent: Sent, answer: Answer, _known: Any) -> None:
        hold(set(read_json(answer.body.decode())) <= MEMBERS, "strangers are listed")

    async def _trust_mark(self) -> tuple[Draft, Any]:
        return self._get("trust_mark", f"trust_mark_type={MARK}&sub={MONEYVIEW}")

    def _judge_trust_mark(self, _sent: Sent, answer: Answer, _known: Any) -> None:
        claims = self.read(answer, "trust-mark+jwt")
        hold((claims["sub"], claims["trust_mark_type"]) == (MONEYVIEW, MARK), "another mark")

    async def _trust_mark_status(self) -> tuple[Draft, Any]:
        directory = self.anchor.directory
        text = directory.statements.marks.issue(directory.statements.entity(MONEYVIEW), MARK)
        draft = Draft("POST", PATHS["trust_mark_status"], headers=[FORM], form=[("trust_mark", TOKEN)])
        draft.tokens[TOKEN] = message_of(text, directory.keys.signer())
        return draft, text

    def _judge_trust_mark_status(self, sent: Sent, answer: Answer, _known: Any) -> None:
        claims = self.read(answer, "trust-mark-status-response+jwt")
        mark = read_pairs(sent.body)["trust_mark"]
        hold(claims["trust_mark"] == mark, "about another mark")
        try:
            header, said = read_signed(mark, self._own_jwk())
        except AssertionError:
            hold(claims["status"] == "invalid", "a forged mark counts")
            return
        good = (
            header["typ"] == "trust-mark+jwt"
            and said.get("certification") == "certification:moneyview"
            and _is_after(said.get("exp", 9e18), self.anchor.clock.now())
        )
        hold(good or claims["status"] != "active", "a mark that ended is active")

    # Evidence.

    async def _receipts(self) -> tuple[Draft, Any]:
        text = self.anchor.bank.receipt(self.order, now=int(self.anchor.clock.now()))
        return self._signed("receipts", RECEIPT_MEDIA_TYPE, text, self.anchor.bank.signer), text

    def _signed(self, name: str, media: str, text: str, signer: LocalSigner) -> Draft:
        return Draft(
            "POST",
            PATHS[name],
            headers=[("content-type", media)],
            body=TOKEN.encode(),
            tokens={TOKEN: message_of(text, signer)},
        )

    def _judge_receipts(self, sent: Sent, answer: Answer, _known: Any) -> None:
        hold((answer.status, answer.body) == (202, b""), "another answer")
        self._judge_signed(sent, RECEIPT_MEDIA_TYPE, self.anchor.bank.signer, iss=BANK)

    async def _probes(self) -> tuple[Draft, Any]:
        now = int(self.anchor.clock.now())
        seen = ProbedParticipant(id=HARBOUR, kind="server", before_ok={"code": True}, refused={"code": 0.2})
        probe = Probe(
            iss="https://prober.example",
            aud=ISSUER,
            order=self.order,
            iat=now,
            participants=(seen,),
            control_ok=True,
            finished_at=now,
        )
        signer = self.anchor.prober.signer
        return self._signed("probes", PROBE_MEDIA_TYPE, create_probe(signer, probe), signer), None

    def _judge_probes(self, sent: Sent, answer: Answer, _known: Any) -> None:
        hold((answer.status, answer.body) == (202, b""), "another answer")
        self._judge_signed(sent, PROBE_MEDIA_TYPE, self.anchor.prober.signer, iss=None)

    def _judge_signed(self, sent: Sent, media: str, signer: LocalSigner, *, iss: str | None) -> None:
        types = sent.header_values("content-type")
        hold([each.partition(";")[0].strip().lower() for each in types] == [media], "another type")
        header, claims = read_signed(sent.body.decode("ascii"), jwk_of(signer))
        hold(header["typ"].lower().removeprefix("application/") == media.partition("/")[2], "another typ")
        hold(iss is None or claims["iss"] == iss, "another iss")
        hold((claims["aud"], claims["order"]) == (ISSUER, self.order), "for something else")
        hold(claims["iat"] <= self.anchor.clock.now() + 60, "from the future")

    # Whoever authenticates.

    def _assertion(self, client_id: str, signer: LocalSigner) -> Any:
        text = create_client_assertion(
            signer,
            client_id=client_id,
            issuer=ISSUER,
            now=self.anchor.clock.now(),
            lifetime=60,
            jti=f"j{next(self.numbers)}",
        )
        return message_of(text, signer)

    async def _software_statements(self) -> tuple[Draft, Any]:
        form = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", TOKEN)]
        draft = Draft("POST", PATHS["software_statements"], headers=[FORM], form=form)
        draft.tokens[TOKEN] = self._assertion("moneyview", self.signer)
        return draft, None

    def _judge_software_statements(self, sent: Sent, answer: Answer, _known: Any) -> None:
        claims = self.read(answer, "software-statement+jwt")
        hold(claims["software_id"] == "moneyview", "somebody else's statement")
        pairs = read_pairs(sent.body)
        hold(pairs["client_assertion_type"] == ASSERTION_TYPE, "another type of assertion")
        self._judge_assertion(pairs["client_assertion"], "moneyview", self.signer)

    async def _verification(self) -> tuple[Draft, Any]:
        draft = Draft(
            "POST",
            PATHS["verification"],
            headers=[("content-type", "application/json"), ("authorization", f"Bearer {TOKEN}")],
            body=f'{{"stream_id":"{BANK}","state":"a-state"}}'.encode(),
        )
        draft.tokens[TOKEN] = self._assertion(BANK, self.anchor.bank.signer)
        return draft, None

    def _judge_verification(self, sent: Sent, answer: Answer, _known: Any) -> None:
        hold((answer.status, answer.body) == (204, b""), "another answer")
        hold(read_json(sent.body.decode())["stream_id"] == BANK, "another stream")
        (authorization,) = sent.header_values("authorization")
        self._judge_assertion(authorization.partition(" ")[2], BANK, self.anchor.bank.signer)

    def _judge_assertion(self, text: str, client_id: str, signer: LocalSigner) -> None:
        now = self.anchor.clock.now()
        header, claims = read_signed(text, jwk_of(signer))
        hold(header.get("typ", "JWT").lower() in {"jwt", "client-authentication+jwt"}, "another typ")
        hold((claims["iss"], claims["sub"], claims["aud"]) == (client_id, client_id, ISSUER), "of others")
        hold(now < claims["exp"] <= now + 400 and claims["jti"], "not dated")


async def make_office(folder: Path, hearing: Hearing) -> Office:
    """Return a directory with members, an order, and a software that may ask."""
    anchor = await make_anchor(folder, observer=hearing)
    await join(anchor)
    publish(anchor)
    signer = new_signer("moneyview-1")
    key = parse_subject(f"key:{thumbprint(signer.public_key)}")
    jwk = {**public_jwk(signer.public_key), "kid": signer.key_id}
    await anchor.do(Add(subject=key, facts=Key(owner="software:moneyview", jwk=jwk)))
    await anchor.do(Move(subject=key, action="activate"))
    order = await anchor.move("api:moneyview~payments", "revoke")
    assert order is not None
    anchor.directory.pace = Pace(clock=anchor.clock, times=1_000_000)
    anchor.directory.feed.close()  # nobody waits here
    return Office(anchor, hearing, order, signer, count())


def _is_after(time: object, now: float) -> bool:
    return isinstance(time, (int, float)) and time > now
