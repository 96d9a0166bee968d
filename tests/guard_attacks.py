"""Attacks on the guard: each does one thing wrong, and names the reason that it must be refused with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guarding import AUDIENCE, CLIENT, ISSUER, ISSUER_KEY, OTHER, Stage
from mutations import (
    Message,
    Mutation,
    change,
    change_header,
    drop,
    drop_header,
    rename_header,
    rewrite,
    sign_with,
)
from support.participants import make_member
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk, public_jwk, thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.protocol.access_token import Confirmation
from trustweft.protocol.http import HttpRequest
from trustweft.protocol.rar import create_authorization_detail
from trustweft.resource.participation import Participation, ParticipationConfig
from trustweft.runtime.encoding import sha256_base64url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.protocol.ecosystem_status import Effect

__all__ = ["ATTACKS", "CERTIFICATE", "FORM", "NEEDED", "Attack", "bound_to_certificate"]

NEEDED = ("accounts",)
FORM = ("content-type", "application/x-www-form-urlencoded")
STRANGER = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
RSA = LocalSigner("PS256", generate_private_key("PS256"))
CERTIFICATE = b"the octets of a certificate: only their hash counts"
X5T = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"


@dataclass(frozen=True)
class Attack:
    """What an attacker sends; ``run`` raises ``Reject`` where the guard holds."""

    name: str
    expected: str
    run: Callable[[Stage], Awaitable[object]]

    def __str__(self) -> str:
        return f"{self.expected}: {self.name}"


def sends(name: str, expected: str, build: Callable[[Stage], HttpRequest]) -> Attack:
    """Send one request."""

    async def run(stage: Stage) -> object:
        return await stage.guard.verify(build(stage), scope=NEEDED)

    return Attack(name, expected, run)


def with_token(mutation: Mutation) -> Attack:
    """Present a token that was changed, with a proof that fits the changed token."""

    def build(stage: Stage) -> HttpRequest:
        good = jws.parse(stage.token())
        message = Message(dict(good.header), good.unverified_claims(), ISSUER_KEY)
        return stage.request(mutation.apply(message))

    return sends(f"token {mutation}", mutation.expected, build)


def with_proof(mutation: Mutation) -> Attack:
    """Prove possession with a proof that was changed."""

    def build(stage: Stage) -> HttpRequest:
        token = stage.token()
        good = jws.parse(stage.proof(token))
        message = Message(dict(good.header), good.unverified_claims(), CLIENT)
        return with_headers(("authorization", f"DPoP {token}"), ("dpop", mutation.apply(message)))

    return sends(f"proof {mutation}", mutation.expected, build)


def with_headers(*headers: tuple[str, str]) -> HttpRequest:
    """Return the good request with other headers."""
    return HttpRequest("GET", "/accounts", headers=headers)


def good_but(stage: Stage, **changes: object) -> HttpRequest:
    """Return the good request with other parts."""
    return replace(stage.request(), **changes)  # type: ignore[arg-type] # each test names its own parts


def bearer_in_place_of_dpop(stage: Stage) -> HttpRequest:
    """Present a bound token as if it were a bearer token, without any proof."""
    return with_headers(("authorization", f"Bearer {stage.token()}"))


def _bearer_with_proof(stage: Stage) -> HttpRequest:
    token = stage.token()
    return with_headers(("authorization", f"bearer {token}"), ("dpop", stage.proof(token)))


def _in_body(stage: Stage) -> HttpRequest:
    good = stage.request(method="POST")
    body = f"a=1&access_token={stage.token()}".encode()
    return replace(good, headers=(*good.headers, FORM), body=body)


def bound_to_certificate(
    stage: Stage, certificate: bytes | None, *, also_to_key: bool = False
) -> HttpRequest:
    """Present a token that is bound to ``CERTIFICATE``, over a connection with this certificate."""
    bound_to = Confirmation(
        jkt=thumbprint(CLIENT.public_key) if also_to_key else None,
        certificate_thumbprint=certificate_thumbprint(CERTIFICATE),
    )
    token = stage.token(confirmation=bound_to)
    good = stage.request(token) if also_to_key else with_headers(("authorization", f"Bearer {token}"))
    return replace(good, client_certificate=certificate)


def _certificate_without_proof(stage: Stage) -> HttpRequest:
    good = bound_to_certificate(stage, CERTIFICATE, also_to_key=True)
    return replace(good, headers=tuple(pair for pair in good.headers if pair[0] != "dpop"))


async def _replays(stage: Stage) -> object:
    request = stage.request()
    await stage.guard.verify(request, scope=NEEDED)
    return await stage.guard.verify(request, scope=NEEDED)


async def _replays_elsewhere(stage: Stage) -> object:
    """Replay the proof with the address spelled in another way."""
    token = stage.token()
    proof = stage.proof(token, url=AUDIENCE + "/accounts")
    again = stage.proof(token, url=AUDIENCE.replace("bank", "BANK") + "/accounts", jti=f"proof-{stage.count}")
    for each in (proof, again):
        headers = (("authorization", f"DPoP {token}"), ("dpop", each))
        outcome = await stage.guard.verify(with_headers(*headers), scope=NEEDED)
    return outcome


async def _is_revoked(stage: Stage) -> object:
    stage.revocations.revoked.add("token-1")
    return await stage.guard.verify(stage.request(), scope=NEEDED)


async def _takes_part_no_more(stage: Stage, effect: Effect) -> object:
    member = make_member(stage.clock)
    member.directory.say("software:moneyview", effect, cause="revoked")
    assert await member.reader.poll()
    participation = Participation(member.reader, ParticipationConfig())
    stage.guard.protection = replace(stage.protection, participation=participation)
    return await stage.guard.verify(stage.request(), scope=NEEDED)


async def _ended(stage: Stage) -> object:
    return await _takes_part_no_more(stage, "ended")


async def _suspended(stage: Stage) -> object:
    return await _takes_part_no_more(stage, "suspended")


async def _expires_while_remembered(stage: Stage) -> object:
    token = stage.token()
    await stage.guard.verify(stage.request(token), scope=NEEDED)
    stage.clock.advance(300)
    return await stage.guard.verify(stage.request(token), scope=NEEDED)


async def _is_revoked_while_remembered(stage: Stage) -> object:
    token = stage.token()
    await stage.guard.verify(stage.request(token), scope=NEEDED)
    stage.revocations.revoked.add("token-1")
    return await stage.guard.verify(stage.request(token), scope=NEEDED)


async def _steals_a_remembered_token(stage: Stage) -> object:
    token = stage.token()
    await stage.guard.verify(stage.request(token), scope=NEEDED)
    headers = (("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, signer=OTHER)))
    return await stage.guard.verify(with_headers(*headers), scope=NEEDED)


def _stolen_token(stage: Stage) -> HttpRequest:
    token = stage.token()
    return with_headers(("authorization", f"DPoP {token}"), ("dpop", stage.proof(token, signer=OTHER)))


def _proof(**changes: object) -> Callable[[Stage], HttpRequest]:
    def build(stage: Stage) -> HttpRequest:
        token = stage.token()
        proof = stage.proof(token, **changes)  # type: ignore[arg-type] # each attack names its own parts
        return with_headers(("authorization", f"DPoP {token}"), ("dpop", proof))

    return build


def _path(sent: str, *, proved: str | None = None) -> Callable[[Stage], HttpRequest]:
    """Send one path, and prove possession for it or for another."""

    def build(stage: Stage) -> HttpRequest:
        token = stage.token()
        proof = stage.proof(token, url=AUDIENCE + (sent if proved is None else proved))
        return HttpRequest("GET", sent, headers=(("authorization", f"DPoP {token}"), ("dpop", proof)))

    return build


def _old_nonce(stage: Stage) -> HttpRequest:
    old = stage.nonces.current(stage.clock.now())
    stage.clock.advance(240)
    return _proof(nonce=old)(stage)


def _host(stage: Stage) -> HttpRequest:
    """Prove possession for a host that only the request speaks of."""
    token = stage.token()
    proof = stage.proof(token, url="https://evil.example/accounts")
    names = ("host", "x-forwarded-host", "x-original-host")
    return with_headers(
        *((name, "evil.example") for name in names),
        ("forwarded", "host=evil.example;proto=https"),
        ("authorization", f"DPoP {token}"),
        ("dpop", proof),
    )


REQUESTS = [
    # check_path
    *(
        sends(f"path {path}", "guard.ambiguous-path", _path(path))
        for path in (
            "/accounts//",
            "//accounts",
            "/./accounts",
            "/a/../accounts",
            "/%61ccounts",
            "/accounts%2fx",
        )
    ),
    # read_token
    sends("no token", "bearer.missing", lambda _: HttpRequest("GET", "/accounts")),
    sends("another scheme", "bearer.scheme", lambda _: with_headers(("authorization", "Basic YTpi"))),
    sends(
        "two tokens",
        "bearer.repeated",
        lambda stage: good_but(stage, headers=(*stage.headers(), stage.headers()[0])),
    ),
    sends("no token after the scheme", "bearer.malformed", lambda _: with_headers(("authorization", "DPoP"))),
    sends(
        "in the query as well",
        "bearer.in-query",
        lambda stage: good_but(stage, query=b"access_token=" + stage.token().encode()),
    ),
    sends(
        "in the query, encoded",
        "bearer.in-query",
        lambda stage: good_but(stage, query=b"a=1&%61ccess%5Ftoken=x"),
    ),
    sends(
        "in the query alone",
        "bearer.in-query",
        lambda stage: HttpRequest(
            "GET",
            "/accounts",
            b"access_token=" + stage.token().encode(),
            (("dpop", stage.proof(stage.token())),),
        ),
    ),
    sends("in the body as well", "bearer.in-body", _in_body),
    # check_scheme
    sends("Bearer without proof", "bearer.bound", bearer_in_place_of_dpop),
    sends("Bearer with the proof", "bearer.bound", _bearer_with_proof),
    # verify_proof: the header
    sends("no proof", "dpop.missing", lambda stage: good_but(stage, headers=stage.headers()[:1])),
    sends(
        "two proofs",
        "dpop.repeated-header",
        lambda stage: good_but(stage, headers=(*stage.headers(), stage.headers()[1])),
    ),
    sends(
        "two proofs in one header",
        "dpop.repeated-header",
        lambda stage: with_headers(
            stage.headers()[0], ("dpop", f"{stage.headers()[1][1]}, {stage.headers()[1][1]}")
        ),
    ),
    # verify_proof: what it was made for
    sends("proof for POST", "dpop.htm-mismatch", _proof(method="POST")),
    sends("proof for another host", "dpop.htu-mismatch", _proof(url="https://other.example/accounts")),
    sends("proof for the host that the request names", "dpop.htu-mismatch", _host),
    sends("proof without TLS", "dpop.htu-mismatch", _proof(url="http://bank.example/accounts")),
    sends("proof for another port", "dpop.htu-mismatch", _proof(url=AUDIENCE + ":8443/accounts")),
    sends("path in another case", "dpop.htu-mismatch", _path("/accounts", proved="/Accounts")),
    sends("path with a slash more", "dpop.htu-mismatch", _path("/accounts", proved="/accounts/")),
    sends("path with an empty segment", "dpop.htu-mismatch", _path("/accounts", proved="//accounts")),
    sends("path with dots", "dpop.htu-mismatch", _path("/accounts", proved="/x/../accounts")),
    sends("path of something below", "dpop.htu-mismatch", _path("/accounts/1", proved="/accounts")),
    sends("a minute old, and a second", "dpop.expired", _proof(age=61)),
    sends("31 seconds ahead", "dpop.from-future", _proof(age=-31)),
    sends("an hour ahead", "dpop.from-future", _proof(age=-3600)),
    # check_binding
    sends("stolen token with the thief's proof", "dpop.key-mismatch", _stolen_token),
    # check_nonce
    sends("no nonce", "dpop.nonce-required", _proof(nonce=None)),
    sends("a made-up nonce", "dpop.nonce-stale", _proof(nonce="AAAAAAAAAAAAAAAAAAAAAA")),
    sends("a nonce that is no ASCII", "dpop.nonce-stale", _proof(nonce="n\u00f6nce")),
    sends("an old nonce", "dpop.nonce-stale", _old_nonce),
    # check_status, remember_proof
    Attack("a token of software that ended", "guard.participant-ended", _ended),
    Attack("a token of suspended software", "guard.participant-suspended", _suspended),
    Attack("a revoked token", "guard.token-revoked", _is_revoked),
    Attack("a token revoked while it is remembered", "guard.token-revoked", _is_revoked_while_remembered),
    Attack("a token that expires while it is remembered", "access-token.expired", _expires_while_remembered),
    Attack("a remembered token with the thief's proof", "dpop.key-mismatch", _steals_a_remembered_token),
    Attack("the same request twice", "dpop.replayed", _replays),
    Attack("the same jti for another spelling", "dpop.replayed", _replays_elsewhere),
]


def _cnf(confirmation: object) -> Mutation:
    return change("access-token.not-bound", cnf=confirmation)


JKT = {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
CERTIFICATES = [
    sends(
        "the certificate stayed at home",
        "mtls.binding-without-certificate",
        lambda stage: bound_to_certificate(stage, None),
    ),
    sends(
        "the certificate of a thief",
        "mtls.binding-mismatch",
        lambda stage: bound_to_certificate(stage, b"another"),
    ),
    sends(
        "the certificate of a thief who has the key",
        "mtls.binding-mismatch",
        lambda stage: bound_to_certificate(stage, b"another", also_to_key=True),
    ),
    sends("the certificate without the proof", "dpop.missing", _certificate_without_proof),
]
TOKENS = [
    rewrite("one segment", "access-token.malformed", lambda token: token.partition(".")[0]),
    rewrite("a flipped signature", "access-token.bad-signature", lambda token: token[:-8] + "AAAAAAAA"),
    change_header("access-token.type", typ="JWT"),
    drop_header("access-token.type", "typ"),
    change_header("access-token.algorithm", alg="none"),
    change_header("access-token.algorithm", alg="HS256"),
    change_header("access-token.unknown-key", kid="as-2"),
    change_header("access-token.unknown-key", alg="PS256"),
    sign_with("access-token.bad-signature", STRANGER),
    change("access-token.issuer", iss="https://other.example"),
    change("access-token.issuer", iss=ISSUER + "/"),
    change("access-token.audience", aud="https://other.example"),
    change("access-token.audience", aud=[AUDIENCE + "/"]),
    drop("access-token.audience", "aud"),
    change("access-token.expired", exp=1_800_000_000),
    drop("access-token.expired", "exp"),
    change("access-token.future", iat=1_800_000_031),
    change("access-token.future", nbf=1_800_000_031),
    drop("access-token.claims", "client_id"),
    drop("access-token.claims", "jti"),
    drop("access-token.not-bound", "cnf"),
    _cnf({}),
    _cnf({"jkt": 5}),
    change("dpop.key-mismatch", cnf=JKT),
    change("bearer.not-bound", cnf={"x5t#S256": X5T}),
    change("dpop.key-mismatch", cnf={**JKT, "x5t#S256": X5T}),
    change("mtls.binding-without-certificate", cnf={"jkt": thumbprint(CLIENT.public_key), "x5t#S256": X5T}),
    change("bearer.insufficient-scope", scope="payments"),
    change("bearer.insufficient-scope", scope="ACCOUNTS accounts2"),
    drop("bearer.insufficient-scope", "scope"),
    change("access-token.claims", authorization_details="[]"),
    change("access-token.claims", authorization_details=[]),
    change("access-token.claims", authorization_details=[{"amount": "20.00"}]),
]
PROOFS = [
    rewrite("one segment", "dpop.malformed", lambda proof: proof.partition(".")[0]),
    rewrite("a flipped signature", "dpop.bad-signature", lambda proof: proof[:-8] + "AAAAAAAA"),
    change_header("dpop.typ", typ="jwt"),
    change_header("dpop.algorithm", alg="none"),
    change_header("dpop.algorithm", alg="RS256"),
    drop_header("dpop.bad-key", "jwk"),
    rename_header("dpop.bad-key", "jwk", "x5c"),
    change_header("dpop.private-key", jwk=private_jwk(CLIENT.private_key)),
    change_header("dpop.bad-signature", jwk=public_jwk(OTHER.public_key)),
    sign_with("dpop.bad-signature", OTHER),
    drop("dpop.htm-mismatch", "htm"),
    change("dpop.htm-mismatch", htm="get"),
    drop("dpop.htu-mismatch", "htu"),
    change("dpop.htu-mismatch", htu=[AUDIENCE + "/accounts"]),
    drop("dpop.bad-time", "iat"),
    change("dpop.bad-time", iat="now"),
    drop("dpop.bad-jti", "jti"),
    change("dpop.bad-jti", jti=7),
    drop("dpop.ath-mismatch", "ath"),
    change("dpop.ath-mismatch", ath=sha256_base64url("another token")),
    change("dpop.bad-nonce", nonce=5),
    drop("dpop.nonce-required", "nonce"),
]

PAYMENT = {"type": "payment", "amount": "20.00", "to": "Bob"}
NEEDED_DETAIL = create_authorization_detail(PAYMENT)


def lacking(name: str, *held: dict[str, object]) -> Attack:
    """Pay twenty to Bob with a token that has these details."""

    async def run(stage: Stage) -> object:
        details = tuple(map(create_authorization_detail, held))
        token = stage.token(authorization_details=details)
        return await stage.guard.verify(stage.request(token), scope=NEEDED, details=(NEEDED_DETAIL,))

    return Attack(name, "bearer.insufficient-authorization-details", run)


DETAILS = [
    lacking("no details at all"),
    lacking("less than needed", {**PAYMENT, "amount": "19.99"}),
    lacking("for somebody else", {**PAYMENT, "to": "Mallory"}),
    lacking("of another type", {**PAYMENT, "type": "payments"}),
    lacking("restricted in a way that the operation does not name", {**PAYMENT, "from": "savings"}),
    lacking(
        "half here, half there", {"type": "payment", "amount": "20.00"}, {"type": "payment", "to": "Bob"}
    ),
    lacking("meant for another resource server", {**PAYMENT, "locations": ["https://other.example"]}),
    lacking("meant for another part of this one", {**PAYMENT, "locations": [AUDIENCE + "/payments"]}),
    lacking("meant for nowhere", {**PAYMENT, "locations": []}),
]
ATTACKS = [*REQUESTS, *CERTIFICATES, *map(with_token, TOKENS), *map(with_proof, PROOFS), *DETAILS]
