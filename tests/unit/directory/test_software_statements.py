"""The software asks the directory for a statement, participants ask whether events arrive, and probes become evidence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from support.anchor import BANK, HARBOUR, ISSUER, Anchor, Listener, make_anchor
from support.authority import Hearing
from support.directory import new_signer
from support.town import MINE
from trustweft.crypto.keys import public_jwk, thumbprint
from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Api, Key, Software
from trustweft.evidence.reader import LogReader
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.offboarding_probe import (
    PROBE_MEDIA_TYPE,
    Probe,
    ProbedParticipant,
    create_probe,
)
from trustweft.protocol.security_event import Verification
from trustweft.protocol.software_statement import (
    SoftwareStatement,
    check_standing,
    parse_software_statement,
    verify_software_statement,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

FORM = [("content-type", "application/x-www-form-urlencoded")]
SIGNER = new_signer("moneyview-1")
KEY = f"key:{thumbprint(SIGNER.public_key)}"
METADATA: dict[str, Any] = {
    "redirect_uris": ["https://moneyview.example/callback"],
    "scope": "openid accounts",
    "authorization_details_types": ["account_information"],
}


@pytest.fixture
async def anchor(tmp_path: Path) -> AsyncIterator[Anchor]:
    """A directory in which the application has a key of its own."""
    made = await make_anchor(tmp_path)
    software = Software(organisation="moneyview", name="MoneyView", metadata=METADATA)
    await made.do(Amend(subject=parse_subject("software:moneyview"), facts=software))
    jwk = {**public_jwk(SIGNER.public_key), "kid": SIGNER.key_id}
    await made.do(Add(subject=parse_subject(KEY), facts=Key(owner="software:moneyview", jwk=jwk)))
    await made.do(Move(subject=parse_subject(KEY), action="activate"))
    yield made
    await made.stop()


def reason_of(response: HttpResponse) -> tuple[int, str]:
    """Return status and reason of a refusal."""
    return response.status, dict(response.headers)["trustweft-reason"]


def assertion(anchor: Anchor, *, client_id: str = "moneyview", jti: str = "j1", signer: Any = SIGNER) -> str:
    """Return an assertion of a client."""
    return create_client_assertion(
        signer, client_id=client_id, issuer=ISSUER, now=anchor.clock.now(), lifetime=60, jti=jti
    )


async def ask(anchor: Anchor, token: str) -> HttpResponse:
    """Ask for a statement."""
    body = urlencode({"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}).encode()
    return await anchor.ask("/software-statements", method="POST", headers=FORM, body=body)


def read_statement(anchor: Anchor, response: HttpResponse) -> SoftwareStatement:
    """Return a statement, verified as an authorization server does."""
    assert response.status == 200, response.body
    assert dict(response.headers)["content-type"] == "application/software-statement+jwt"
    statement = verify_software_statement(
        parse_software_statement(response.body.decode()),
        keys=anchor.keys(),
        issuer=ISSUER,
        algorithms=("ES256",),
        now=anchor.clock.now(),
        future_tolerance=0,
        maximum_age=300,
    )
    check_standing(statement)
    return statement


async def test_a_statement_says_what_the_register_has(anchor: Anchor) -> None:
    """Who it is, who answers for it, which roles, which keys, and the most that it may register for."""
    statement = read_statement(anchor, await ask(anchor, assertion(anchor)))
    assert (statement.software_id, statement.organisation_id) == ("moneyview", "moneyview")
    assert statement.active_roles == ("reader", "payer")
    assert statement.scope == ("openid", "accounts")
    assert statement.redirect_uris == ("https://moneyview.example/callback",)
    assert statement.jwks is not None
    assert statement.jwks["keys"] == [{**public_jwk(SIGNER.public_key), "kid": "moneyview-1", "use": "sig"}]
    assert statement.certificate_thumbprints == ("C" * 43,)
    assert statement.expires_at == int(anchor.clock.now()) + 300


async def test_keys_by_reference_stay_so(anchor: Anchor) -> None:
    """Where the register has an address, the statement has no keys."""
    metadata = {**METADATA, "jwks_uri": "https://moneyview.example/jwks"}
    software = Software(organisation="moneyview", name="MoneyView", metadata=metadata)
    await anchor.do(Amend(subject=parse_subject("software:moneyview"), facts=software))
    statement = read_statement(anchor, await ask(anchor, assertion(anchor)))
    assert (statement.jwks_uri, statement.jwks) == ("https://moneyview.example/jwks", None)


async def test_each_statement_is_another(anchor: Anchor) -> None:
    """It is good for one registration; the same assertion is good for one statement."""
    first = read_statement(anchor, await ask(anchor, assertion(anchor)))
    second = read_statement(anchor, await ask(anchor, assertion(anchor, jti="j2")))
    assert first.jti != second.jti
    assert reason_of(await ask(anchor, assertion(anchor))) == (401, "client-assertion.replayed")


async def test_strangers_get_no_statement(anchor: Anchor) -> None:
    """Unknown names, keys of others, keys that ended, and no assertion at all."""
    for name in ("nobody", "role:x~y", "a b"):
        token = assertion(anchor, client_id=name, jti=name)
        assert reason_of(await ask(anchor, token)) == (401, "directory.unknown-software")
    forged = assertion(anchor, signer=new_signer("moneyview-1"), jti="j3")
    assert reason_of(await ask(anchor, forged)) == (401, "client-assertion.bad-signature")
    nothing = await anchor.ask("/software-statements", method="POST", headers=FORM)
    assert reason_of(nothing) == (401, "client-assertion.missing")
    await anchor.move(KEY, "compromise", MINE)
    assert reason_of(await ask(anchor, assertion(anchor, jti="j4"))) == (401, "client-assertion.no-key")


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([("software:moneyview", "suspend")], "statement-right.software"),
        ([("software:moneyview", "withdraw")], "statement-right.software"),
        ([("organisation:moneyview", "suspend")], "statement-right.software"),
        ([(KEY, "retire")], "client-assertion.no-key"),
        (
            [("role:moneyview~reader", "suspend"), ("role:moneyview~payer", "revoke")],
            "statement-right.role",
        ),
        ([("certification:moneyview", "revoke")], "statement-right.certification"),
    ],
)
async def test_who_has_no_right_gets_no_statement(
    anchor: Anchor, moves: list[tuple[str, str]], expected: str
) -> None:
    """Whoever was stopped, or whose key was; roles and certification count besides."""
    for subject, action in moves:
        await anchor.move(subject, action)
    assert reason_of(await ask(anchor, assertion(anchor)))[1] == expected


async def test_a_role_that_was_lost_is_told_as_lost(anchor: Anchor) -> None:
    """As long as another holds, there is a statement."""
    await anchor.move("role:moneyview~payer", "revoke")
    statement = read_statement(anchor, await ask(anchor, assertion(anchor)))
    assert {each.role: each.status for each in statement.roles} == {"reader": "active", "payer": "ended"}


async def test_software_that_is_not_live_gets_no_statement(anchor: Anchor) -> None:
    """Its keys may be good already."""
    draft = Software(organisation="moneyview", name="Draft")
    signer = new_signer("draft-1")
    subject = parse_subject(f"key:{thumbprint(signer.public_key)}")
    await anchor.do(Add(subject=parse_subject("software:draft"), facts=draft))
    jwk = {**public_jwk(signer.public_key), "kid": signer.key_id}
    await anchor.do(Add(subject=subject, facts=Key(owner="software:draft", jwk=jwk)))
    await anchor.do(Move(subject=subject, action="activate"))
    token = assertion(anchor, client_id="draft", signer=signer)
    assert reason_of(await ask(anchor, token)) == (403, "statement-right.software")


# Shared signals.


async def test_the_transmitter_says_what_it_does(anchor: Anchor) -> None:
    """SSF 1.0 section 7.1: issuer, keys, delivery by push, where to ask for a verification."""
    answer = await anchor.ask("/.well-known/ssf-configuration")
    document = json.loads(answer.body)
    assert (document["issuer"], document["jwks_uri"]) == (ISSUER, f"{ISSUER}/jwks")
    assert document["delivery_methods_supported"] == ["urn:ietf:rfc:8935"]
    assert {name for name in document if name.endswith("_endpoint")} == {"verification_endpoint"}


async def verify(
    anchor: Anchor, token: str | None, body: object, media: str = "application/json"
) -> HttpResponse:
    """Ask for a verification event."""
    headers = [("content-type", media)]
    if token is not None:
        headers.append(("authorization", f"Bearer {token}"))
    octets = json.dumps(body).encode()
    return await anchor.ask("/events/verification", method="POST", headers=headers, body=octets)


async def test_a_participant_asks_whether_events_arrive(anchor: Anchor) -> None:
    """And is sent a verification event with its state."""
    anchor.start()
    token = assertion(anchor, client_id=BANK, signer=anchor.bank.signer)
    answer = await verify(anchor, token, {"stream_id": BANK, "state": "VGhpcyBpcyBh"})
    assert (answer.status, answer.body) == (204, b"")
    await anchor.bank.heard(2)
    (_, event) = anchor.events(anchor.bank)  # the first is that a key is new
    assert event.event == Verification(state="VGhpcyBpcyBh")


async def test_nobody_has_others_asked(anchor: Anchor) -> None:
    """Whoever it is, it is asked about itself; and what is asked is bounded."""

    def token(jti: str) -> str:
        return assertion(anchor, client_id=BANK, signer=anchor.bank.signer, jti=jti)

    assert reason_of(await verify(anchor, None, {})) == (401, "client-assertion.missing")
    stranger = assertion(anchor, client_id="https://stranger.example")
    assert reason_of(await verify(anchor, stranger, {})) == (401, "directory.unknown-participant")
    forged = assertion(anchor, client_id=BANK, signer=new_signer("p1"))
    assert reason_of(await verify(anchor, forged, {})) == (401, "client-assertion.bad-signature")
    assert reason_of(await verify(anchor, token("a"), {"stream_id": HARBOUR})) == (404, "verification.stream")
    assert reason_of(await verify(anchor, token("a"), {"stream_id": BANK})) == (
        401,
        "client-assertion.replayed",
    )
    long = {"stream_id": BANK, "state": "x" * 1_025}
    assert reason_of(await verify(anchor, token("b"), long)) == (400, "verification.state")
    assert reason_of(await verify(anchor, token("c"), {}, "text/plain")) == (415, "verification.media-type")


# Keys of participants.


async def test_keys_that_cannot_be_had_are_asked_for_later(anchor: Anchor) -> None:
    """A receipt waits at its sender until they can; one of somebody without an address is refused."""
    name = await anchor.move("software:moneyview", "revoke")
    assert name is not None
    body = anchor.bank.receipt(name, now=anchor.clock.now()).encode()
    headers = [("content-type", "application/offboarding-receipt+jwt")]
    anchor.web[f"{BANK}/jwks"] = HttpResponse(500)
    answer = await anchor.ask("/receipts", method="POST", headers=headers, body=body)
    assert reason_of(answer) == (503, "participant-keys.unavailable")
    assert int(dict(answer.headers)["retry-after"]) > 0
    del anchor.web[f"{BANK}/jwks"]
    anchor.clock.advance(10)
    assert (await anchor.ask("/receipts", method="POST", headers=headers, body=body)).status == 202


async def test_why_keys_cannot_be_had_is_told_to_the_operator(tmp_path: Path) -> None:
    """The participant hears that they cannot; a participant without an address hears that."""
    hearing = Hearing()
    made = await make_anchor(tmp_path, observer=hearing)
    name = await made.move("software:moneyview", "revoke")
    assert name is not None
    headers = [("content-type", "application/offboarding-receipt+jwt")]
    body = made.bank.receipt(name, now=made.clock.now()).encode()
    made.web[f"{BANK}/jwks"] = HttpResponse(404)
    await made.ask("/receipts", method="POST", headers=headers, body=body)
    assert "participant-keys.fetch-failed" in hearing.reasons
    plain = Api(brand="harbour-bank", family="accounts", resource=BANK, events_endpoint=f"{BANK}/events")
    await made.do(Amend(subject=parse_subject("api:accounts"), facts=plain))
    answer = await made.ask("/receipts", method="POST", headers=headers, body=body)
    assert reason_of(answer) == (400, "participant-keys.no-address")
    await made.stop()


async def test_what_cannot_be_kept_is_not_accepted(anchor: Anchor) -> None:
    """The participant sends its receipt again when the log can be written."""
    name = await anchor.move("software:moneyview", "revoke")
    assert name is not None
    await anchor.directory.ledger.close()
    answer = await anchor.ask(
        "/receipts",
        method="POST",
        headers=[("content-type", "application/offboarding-receipt+jwt")],
        body=anchor.bank.receipt(name, now=anchor.clock.now()).encode(),
    )
    assert reason_of(answer) == (503, "evidence.unavailable")
    assert not anchor.directory.ledger.has_receipt(name, BANK)


async def test_what_is_not_accepted_is_told_to_the_operator(tmp_path: Path) -> None:
    """Refused or away: each attempt, with whose it was."""
    hearing = Hearing()
    made = await make_anchor(tmp_path, observer=hearing)
    made.bank.answers = [400, OSError("away")]
    made.start()
    await made.move("software:moneyview", "revoke")
    await made.bank.heard(1)
    await made.stop()
    assert {"delivery.not-accepted", "delivery.unreachable"} <= set(hearing.reasons)


async def test_a_key_that_the_directory_ended_signs_no_receipt(anchor: Anchor) -> None:
    """Although the participant still publishes it."""
    signer = anchor.bank.signer
    subject = parse_subject(f"key:{thumbprint(signer.public_key)}")
    await anchor.do(
        Add(subject=subject, facts=Key(owner="brand:harbour-bank", jwk=public_jwk(signer.public_key)))
    )
    await anchor.do(Move(subject=subject, action="activate"))
    await anchor.move(str(subject), "compromise")
    name = await anchor.move("software:moneyview", "revoke")
    assert name is not None
    answer = await anchor.ask(
        "/receipts",
        method="POST",
        headers=[("content-type", "application/offboarding-receipt+jwt")],
        body=anchor.bank.receipt(name, now=anchor.clock.now()).encode(),
    )
    assert reason_of(answer) == (400, "receipt.no-key")


# Probes.


def probe(anchor: Anchor, order: str, *, by: Listener | None = None, **changes: Any) -> bytes:
    """Return what somebody outside saw."""
    now = anchor.clock.now()
    seen = ProbedParticipant(
        id=HARBOUR, kind="server", before_ok={"refresh_token": True}, refused={"refresh_token": 0.4}
    )
    said = {
        "iss": "https://prober.example",
        "aud": ISSUER,
        "order": order,
        "iat": now,
        "participants": (seen,),
        "control_ok": True,
        "finished_at": now,
    }
    return create_probe((by or anchor.prober).signer, Probe(**{**said, **changes})).encode()


async def test_what_a_probe_saw_becomes_evidence_once(anchor: Anchor, tmp_path: Path) -> None:
    """Signed with a key that the operator named; the same one again changes nothing."""
    name = await anchor.move("software:moneyview", "revoke")
    assert name is not None
    body = probe(anchor, name)
    headers = [("content-type", PROBE_MEDIA_TYPE)]
    for _ in range(2):
        assert (await anchor.ask("/probes", method="POST", headers=headers, body=body)).status == 202
    reader = LogReader(tmp_path / "evidence.sqlite")
    (kept,) = reader.list(type="probe")
    reader.close()
    assert kept.entry.subject == "software:moneyview"
    assert kept.entry.body == {"order": name, "received_at": anchor.clock.now(), "token": body.decode()}


async def test_probes_of_strangers_are_refused(anchor: Anchor) -> None:
    """And those about orders that nobody gave, or for another directory."""
    name = await anchor.move("software:moneyview", "revoke")
    assert name is not None

    async def send(body: bytes, media: str = PROBE_MEDIA_TYPE) -> str:
        headers = [("content-type", media)]
        return reason_of(await anchor.ask("/probes", method="POST", headers=headers, body=body))[1]

    assert await send(probe(anchor, name), "text/plain") == "probe.media-type"
    assert await send(b"\xff") == "probe.shape"
    assert await send(probe(anchor, "order-99999")) == "probe.unknown-order"
    assert await send(probe(anchor, name, by=Listener("x", new_signer("other")))) == "probe.no-key"
    assert await send(probe(anchor, name, aud="https://other.example")) == "probe.audience"
