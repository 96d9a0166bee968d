"""What the client signs: assertions and proofs, with which keys, for whom, and how often."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.forging import read_parts
from trustweft.audit.hostile.resource_server import presented_token
from trustweft.audit.relying.playing import client_of, control
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.crypto import jws
from trustweft.crypto.keys import read_public_jwk
from trustweft.protocol.dpop import verify_proof
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_signed = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.MEDIUM,
    owasp="API2:2023",
    cwe="CWE-287",
)
CLOCK_SECONDS: Final = 300.0  # our choice: what a clock may be off before a proof is called badly dated
LONGEST_ASSERTION: Final = 3_600  # our choice: an hour is more than any request takes
_FAPI_ALGORITHMS: Final = frozenset({"PS256", "ES256", "EdDSA", "Ed25519"})

_OTHER_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512", "ES256K"}
)


def _sent(trial: Trial) -> list[Exchange]:
    """Return every request of the honest flow that could carry something signed, kept as what was looked at."""
    flow = control(trial)
    sent = list(flow.at("par", "token", "userinfo", "api", "revoke"))
    for each in sent:
        trial.observe("A request of the honest flow", each)
    return sent


def _assertions(sent: list[Exchange]) -> list[str]:
    return [value for each in sent if (value := each.request.parameter("client_assertion"))]


def _proofs(sent: list[Exchange]) -> list[str]:
    return [value for each in sent if (value := each.request.header("dpop"))]


@_signed(
    "RP-08-assertion-audience",
    title="The audience of each client assertion is the issuer, as a text",
    sends="nothing: the client's assertions are read",
    fix="Put the issuer identifier, as a string and not in an array, into `aud` of each assertion.",
    requirements=("FAPI2-SP-5.3.3.1-5", "RFC9700-UPDATE-2.1.2-p2.2", "RFC9126-2-p5.1", "FAPI2-SP-5.3.3.1-2"),
    reach=Reach.FAPI_ALONE,
    severity=Severity.HIGH,
    cwe="CWE-346",
    gives=("client-impersonated",),
)
def audience_is_the_issuer(trial: Trial) -> Outcome:
    """An assertion with an endpoint, or with several audiences, is good at whatever server says it has that address.

    FAPI 2.0 SP section 5.3.3.1 item 5. What an attacker makes of it is played by RP-08-audience-injection.
    """
    issuer = client_of(trial).stage.issuer("honest")
    assertions = _assertions(_sent(trial))
    trial.need(assertions, "the client does not authenticate with assertions")
    trial.need(
        trial.deployment.claims_fapi, "other audiences are forbidden by FAPI 2.0, which is not claimed here"
    )
    others = [aud for each in assertions if (aud := read_parts(each)[1].get("aud")) != issuer]
    if others:
        return failed(f"The audience of an assertion is {others[0]!r}, not the issuer {issuer!r}.")
    return passed("Each assertion names the issuer alone.")


@_signed(
    "RP-18-assertion-fresh",
    title="Each client assertion is used once, and ends soon",
    sends="nothing: the client's assertions are compared",
    fix="Make an assertion with a new jti for each request, and let it end after a minute or so.",
    cwe="CWE-294",
    gives=("client-impersonated",),
)
def assertions_are_fresh(trial: Trial) -> Outcome:
    """An assertion that is sent again, or lives for hours, is a password that leaks with the first log.

    OpenID Connect Core section 9 has `jti` unique. More than an hour until `exp` is called long here.
    """
    claims = [read_parts(each)[1] for each in _assertions(_sent(trial))]
    trial.need(claims, "the client does not authenticate with assertions")
    names = [each.get("jti") for each in claims]
    if None in names or len(set(names)) != len(names):
        return failed("An assertion has no jti, or one that came before.")
    lives = [_life(each, now=trial.deployment.clock.now()) for each in claims]
    if max(lives) > LONGEST_ASSERTION:
        return failed(f"An assertion lives for {max(lives):.0f} seconds.")
    return passed(f"Each assertion has a jti of its own and ends within {max(lives):.0f} seconds.")


def _life(claims: dict[str, object], *, now: float) -> float:
    expires = claims.get("exp")
    return float(expires) - now if isinstance(expires, int | float) else float("inf")


@_signed(
    "RP-18-proof-fresh",
    title="Each DPoP proof has an identifier of its own",
    sends="nothing: the client's proofs are compared",
    fix="Make a proof with a new random jti for each request, also for one that is sent again.",
    requirements=("RFC9449-4.2-4", "RFC9449-7.3-p1"),
    cwe="CWE-294",
)
def proofs_are_fresh(trial: Trial) -> Outcome:
    """A proof that comes twice cannot be told from one that was stolen (RFC 9449 section 4.2)."""
    names = [read_parts(each)[1].get("jti") for each in _proofs(_sent(trial))]
    trial.need(names, "the client sends no proofs")
    if None in names or len(set(names)) != len(names):
        return failed("A proof has no jti, or one that came before.")
    return passed(f"{len(names)} proofs, each with a jti of its own.")


@_signed(
    "RP-18-proof-form",
    title="The client's proofs are as RFC 9449 describes them",
    sends="nothing: each proof is verified for the request that it came with",
    fix="Make proofs with typ, alg, public jwk, jti, htm, htu and iat, and with ath where a token is sent.",
    requirements=(
        "FAPI2-SP-5.3.3.1-1.2",
        "RFC9449-4.2-p1",
        "RFC9449-4.2-2",
        "RFC9449-4.2-3",
        "RFC9449-4.2-p2",
        "RFC9449-5-p1",
    ),
    cwe="CWE-345",
)
def proofs_are_well_formed(trial: Trial) -> Outcome:
    """A proof without method, address or time is good for any request; one with a private key gives the key away.

    Each proof that came to the hostile server is verified as a good server does it (RFC 9449 section 4.3).
    """
    sent = [each for each in _sent(trial) if each.request.header("dpop")]
    trial.need(sent, "the client sends no proofs")
    for each in sent:
        refusal = _refused(each.request, now=trial.deployment.clock.now())
        if refusal is not None:
            return failed(f"The proof for {each.request.method} {_address(each.request)}: {refusal}.")
    return passed(f"{len(sent)} proofs verify.")


@_signed(
    "RP-18-proof-of-token",
    title="A proof that goes with a token has the hash of that token",
    sends="nothing: proofs beside access tokens are verified with the token",
    fix="Put `ath`, the SHA-256 of the access token in base64url, into each proof for a resource.",
    requirements=("RFC9449-4.2-p3", "RFC9449-4.2-8", "RFC9449-7-p1.1", "RFC9449-7-p1.2"),
    cwe="CWE-345",
)
def proofs_name_their_token(trial: Trial) -> Outcome:
    """Without `ath` a proof goes with any token of the same key: one token can be put in the place of another."""
    sent = [each for each in _sent(trial) if presented_token(each.request.headers)[0] == "dpop"]
    trial.need(sent, "the client uses no token with a proof")
    for each in sent:
        proof = each.request.header("dpop")
        if proof is None:
            return failed(f"A token came to {_address(each.request)} without any proof.")
        _, token = presented_token(each.request.headers)
        refusal = _refused(each.request, now=trial.deployment.clock.now(), token=token)
        if refusal is not None:
            return failed(f"The proof beside a token at {_address(each.request)}: {refusal}.")
    return passed("Each proof beside a token belongs to that token.")


def _address(request: Request) -> str:
    return request.url.partition("?")[0]


def _refused(request: Request, *, now: float, token: str | None = None) -> str | None:
    proof = request.header("dpop") or ""
    algorithm = read_parts(proof)[0].get("alg")
    if algorithm in _OTHER_ALGORITHMS:
        return None  # good enough for RFC 9449, and we do not verify it; RP-18-algorithms says what FAPI says
    try:
        verify_proof(
            proof,
            method=request.method,
            urls=(_address(request),),
            now=now,
            future_tolerance=CLOCK_SECONDS,
            maximum_age=CLOCK_SECONDS,
            access_token=token,
        )
    except Reject as refusal:
        return refusal.reason.public.rstrip(".")
    return None


@_signed(
    "RP-18-separate-keys",
    title="The key of the client's proofs is not the key of its assertions",
    sends="nothing: assertions are verified with the key of the proofs",
    fix="Sign assertions and proofs with keys of their own.",
    reach=Reach.ADVICE,
    severity=Severity.LOW,
    cwe="CWE-323",
)
def keys_are_separate(trial: Trial) -> Outcome:
    """One key for two purposes: what is signed for one may be taken for the other, and one leak opens both.

    The public key in a proof is tried on the client's assertions; where it verifies one, the key is the same.
    """
    sent = _sent(trial)
    assertions, proofs = _assertions(sent), _proofs(sent)
    trial.need(assertions and proofs, "the client does not sign both assertions and proofs")
    for proof in proofs:
        if any(_verifies(proof, each) for each in assertions):
            return failed("The key in a proof verifies an assertion: one key does both.")
    return passed("No key of a proof verifies an assertion.")


def _verifies(proof: str, assertion: str) -> bool:
    key = read_parts(proof)[0].get("jwk")
    try:
        jws.verify(jws.parse(assertion), key=read_public_jwk(key if isinstance(key, dict) else {}))
    except Reject:
        return False
    return True


@_signed(
    "RP-18-algorithms",
    title="The client signs with PS256, ES256 or EdDSA",
    sends="nothing: the algorithms of assertions and proofs are read",
    fix="Use a key and an algorithm that FAPI 2.0 allows.",
    requirements=("FAPI2-SP-5.4.1-1.1",),
    reach=Reach.FAPI_ALONE,
    cwe="CWE-327",
)
def algorithms_are_allowed(trial: Trial) -> Outcome:
    """FAPI 2.0 SP section 5.4.1: RS256 and secrets are left behind, `none` was never there."""
    sent = _sent(trial)
    used = {str(read_parts(each)[0].get("alg")) for each in (*_assertions(sent), *_proofs(sent))}
    trial.need(used, "the client signs neither assertions nor proofs")
    trial.need(
        trial.deployment.claims_fapi, "other algorithms are forbidden by FAPI 2.0, which is not claimed here"
    )
    if used - _FAPI_ALGORITHMS:
        return failed(f"The client signs with {', '.join(sorted(used - _FAPI_ALGORITHMS))}.")
    return passed(f"The client signs with {', '.join(sorted(used))}.")


@_signed(
    "RP-18-published-keys",
    title="The client publishes public keys alone, over TLS",
    sends="a GET of the client's jwks_uri",
    fix="Publish public halves only, over https.",
    requirements=("FAPI2-SP-5.4.2-1",),
    severity=Severity.CRITICAL,
    cwe="CWE-321",
    gives=("client-impersonated",),
)
def published_keys_are_public(trial: Trial) -> Outcome:
    """A private key in a published key set is everybody's key (FAPI 2.0 SP section 5.4.2)."""
    members = _published(trial)
    if not members[0].startswith("https://"):
        return failed("The key set is published without TLS.")
    secret = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    if any(secret & set(each) for each in members[1]):
        return failed("A published key has members of a private key.")
    return passed(f"{len(members[1])} keys, all of them public.")


@_signed(
    "RP-18-key-names",
    title="No two published keys of the client have the same kid",
    sends="a GET of the client's jwks_uri",
    fix="Give each key a kid of its own.",
    requirements=("FAPI2-SP-5.4.2-3",),
    reach=Reach.FAPI,
    severity=Severity.LOW,
    cwe="CWE-694",
)
def published_keys_have_names(trial: Trial) -> Outcome:
    """Whoever looks for the key of an assertion finds two, and may take the wrong one (FAPI 2.0 SP 5.4.2 item 3)."""
    _, members = _published(trial)
    names = [each["kid"] for each in members if "kid" in each]
    if len({str(each) for each in names}) != len(names):
        return failed("Two published keys have the same kid.")
    return passed(f"{len(members)} keys, no two with the same kid.")


def _published(trial: Trial) -> tuple[str, list[dict[str, object]]]:
    """Fetch the client's key set; return its address and its members."""
    relying = trial.deployment.target.relying_party
    url = relying.jwks_uri if relying is not None else None
    trial.need(url, "the target names no jwks_uri of the client")
    answer = trial.control(
        "The client's key set", trial.deployment.wire.send(Request(method="GET", url=url or ""))
    )
    members = answer.document().get("keys")
    if not isinstance(members, list) or not members:
        raise Inconclusive("the address of the client's key set holds none")
    return url or "", [each for each in members if isinstance(each, dict)]
