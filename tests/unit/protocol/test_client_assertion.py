"""Client assertions (private_key_jwt): one good assertion, and every single change of it refused with its reason."""

from __future__ import annotations

import json

import pytest

from mutations import Message, Mutation, change, change_header, drop, drop_header, rewrite, sign_with
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key
from trustweft.protocol.client_assertion import (
    ASSERTION_TYPE,
    ClientAssertion,
    create_client_assertion,
    parse_client_assertion,
    verify_client_assertion,
)
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject

NOW = 1_800_000_000.0
ISSUER = "https://as.example"
CLIENT = "moneyview"
SIGNER = LocalSigner("ES256", generate_private_key("ES256"), "key-1")
OTHER = LocalSigner("ES256", generate_private_key("ES256"), "key-1")
ROTATED = LocalSigner("EdDSA", generate_private_key("EdDSA"), "key-2")
KEYS = KeySet(
    [
        VerificationKey(SIGNER.public_key, "ES256", "key-1"),
        VerificationKey(ROTATED.public_key, "EdDSA", "key-2"),
    ]
)


def good() -> Message:
    """Return the one good assertion before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": "key-1"},
        claims={
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": ISSUER,
            "iat": int(NOW),
            "exp": int(NOW) + 60,
            "jti": "an-identifier",
        },
        signer=SIGNER,
    )


def verify(
    assertion: str, *, now: float = NOW, algorithm: str | None = "ES256", keys: KeySet = KEYS
) -> ClientAssertion:
    """Parse and verify as the authorization server does."""
    return verify_client_assertion(
        parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=assertion),
        client_id=CLIENT,
        keys=keys,
        algorithm=algorithm,
        issuer=ISSUER,
        now=now,
        future_tolerance=30,
        maximum_lifetime=300,
    )


def refusal(assertion: str, *, now: float = NOW, algorithm: str | None = "ES256") -> str:
    """Return the id of the reason that ``assertion`` is refused with."""
    with pytest.raises(Reject) as refused:
        verify(assertion, now=now, algorithm=algorithm)
    assert (refused.value.reason.error, refused.value.reason.status) == ("invalid_client", 401)
    return refused.value.reason.id


def with_duplicate_member(token: str) -> str:
    """Sign claims in which ``aud`` occurs twice."""
    claims = json.dumps(good().claims)[:-1] + ', "aud": "https://other.example"}'
    signed = f"{token.partition('.')[0]}.{encode_base64url(claims.encode())}"
    return f"{signed}.{encode_base64url(SIGNER.sign(signed.encode()))}"


MUTATIONS = [
    rewrite("empty", "client-assertion.malformed", lambda _: ""),
    rewrite("no signature", "client-assertion.malformed", lambda token: token.rpartition(".")[0]),
    rewrite("payload is no JSON", "client-assertion.malformed", lambda token: token.replace(".ey", ".fy", 1)),
    rewrite("claims twice", "client-assertion.malformed", with_duplicate_member),
    rewrite("not ASCII", "client-assertion.malformed", lambda token: token + "\u00e9"),
    rewrite("too large", "client-assertion.malformed", lambda token: token + "A" * 20_000),
    change_header("client-assertion.malformed", crit=["b64"]),
    # typ: no other kind of token that the client signs
    change_header("client-assertion.typ", typ="oauth-authz-req+jwt"),
    change_header("client-assertion.typ", typ="dpop+jwt"),
    change_header("client-assertion.typ", typ=""),
    change_header("client-assertion.typ", typ=["JWT"]),
    # (1) alg
    drop_header("client-assertion.algorithm", "alg"),
    change_header("client-assertion.algorithm", alg="none"),
    change_header("client-assertion.algorithm", alg="RS256"),
    change_header("client-assertion.algorithm", alg="HS256"),
    change_header("client-assertion.algorithm", alg="PS256"),  # allowed, but registered is ES256
    # (2) key
    change_header("client-assertion.no-key", kid="key-2"),  # a key of the client, for another algorithm
    change_header("client-assertion.no-key", kid="key-3"),
    change_header("client-assertion.no-key", kid=""),
    # (3) signature
    sign_with("client-assertion.bad-signature", OTHER),
    rewrite(
        "empty signature", "client-assertion.bad-signature", lambda token: token.rpartition(".")[0] + "."
    ),
    # (4) iss and sub
    drop("client-assertion.subject", "iss"),
    drop("client-assertion.subject", "sub"),
    change("client-assertion.subject", iss="another"),
    change("client-assertion.subject", sub="another"),
    change("client-assertion.subject", iss=[CLIENT]),
    change("client-assertion.subject", sub=[CLIENT]),
    change("client-assertion.subject", sub=""),
    change("client-assertion.subject", sub="money\u00e9view"),
    change("client-assertion.subject", sub="c" * 513),
    change("client-assertion.subject", iss="another", sub="another"),
    # (5) aud
    drop("client-assertion.audience", "aud"),
    change("client-assertion.audience", aud=[ISSUER]),
    change("client-assertion.audience", aud=[ISSUER, "https://other.example"]),
    change("client-assertion.audience", aud=ISSUER + "/"),
    change("client-assertion.audience", aud=ISSUER + "/token"),
    change("client-assertion.audience", aud=ISSUER + "/par"),
    change("client-assertion.audience", aud="https://AS.example"),
    change("client-assertion.audience", aud="https://other.example"),
    change("client-assertion.audience", aud=None),
    # (6) exp
    drop("client-assertion.bad-time", "exp"),
    change("client-assertion.bad-time", exp=None),
    change("client-assertion.bad-time", exp="never"),
    change("client-assertion.bad-time", exp=True),
    change("client-assertion.bad-time", exp=10**40),
    change("client-assertion.expired", exp=NOW),
    change("client-assertion.expired", exp=NOW - 300),
    change("client-assertion.lifetime", exp=NOW + 331),
    change("client-assertion.lifetime", exp=NOW + 86_400),
    # (7) iat and nbf
    change("client-assertion.bad-time", iat="now"),
    change("client-assertion.bad-time", nbf=None),
    change("client-assertion.from-future", iat=NOW + 31),
    change("client-assertion.from-future", nbf=NOW + 31),
    change("client-assertion.from-future", iat=NOW + 62, nbf=NOW + 62, exp=NOW + 122),
    # (8) jti
    drop("client-assertion.bad-jti", "jti"),
    change("client-assertion.bad-jti", jti=""),
    change("client-assertion.bad-jti", jti=7),
    change("client-assertion.bad-jti", jti="j" * 257),
]


def test_good_assertion_verifies() -> None:
    """The assertion that all attacks start from is accepted, and tells client, identifier and expiry."""
    assert verify(good().encode()) == ClientAssertion(
        client_id=CLIENT, jti="an-identifier", expires_at=NOW + 60 + 30
    )


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_single_change_is_refused(mutation: Mutation) -> None:
    """An assertion that is changed in any single way never verifies, and says why."""
    assert refusal(mutation.apply(good())) == mutation.expected


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "accepted"), [(0, True), (10, True), (30, True), (31, False), (61, False)])
def test_future_tolerance(claim: str, ahead: int, *, accepted: bool) -> None:
    """A time up to 30 seconds ahead is accepted and anything beyond refused (FAPI 2.0 SP 5.3.2.1 item 13)."""
    assertion = change("", **{claim: NOW + ahead}).apply(good())
    if accepted:
        assert verify(assertion).client_id == CLIENT
    else:
        assert refusal(assertion) == "client-assertion.from-future"


@pytest.mark.parametrize(("ahead", "expected"), [(1, None), (330, None), (331, "client-assertion.lifetime")])
def test_maximum_lifetime(ahead: int, expected: str | None) -> None:
    """An expiry may lie as far ahead as is permitted, by a clock that may be ahead of ours, and no further."""
    assertion = change("", exp=NOW + ahead).apply(good())
    if expected is None:
        assert verify(assertion).expires_at == NOW + ahead + 30
    else:
        assert refusal(assertion) == expected


def test_iat_is_optional() -> None:
    """RFC 7523 does not ask for iat; exp and jti bound an assertion without it."""
    assert verify(drop("", "iat").apply(good())).client_id == CLIENT


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
def test_typ_of_an_assertion(typ: str) -> None:
    """An assertion may say that it is a JWT, or that it authenticates a client."""
    assert verify(change_header("", typ=typ).apply(good())).client_id == CLIENT


def test_created_assertion_verifies() -> None:
    """What create_client_assertion makes, verify_client_assertion accepts."""
    assertion = create_client_assertion(
        SIGNER, client_id=CLIENT, issuer=ISSUER, now=NOW + 0.9, lifetime=60, jti="fresh"
    )
    assert verify(assertion) == ClientAssertion(client_id=CLIENT, jti="fresh", expires_at=NOW + 60 + 30)


def test_algorithm_left_out_is_a_choice_among_the_allowed_three() -> None:
    """A client that registered no algorithm may use any key it registered, and never RS256."""
    rotated = Message({"alg": "Ed25519", "kid": "key-2"}, good().claims, ROTATED)
    assert verify(rotated.encode(), algorithm=None).client_id == CLIENT
    assert verify(good().encode(), algorithm=None).client_id == CLIENT
    rs256 = change_header("", alg="RS256").apply(good())
    assert refusal(rs256, algorithm=None) == "client-assertion.algorithm"


@pytest.mark.parametrize("registered", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("used", ["EdDSA", "Ed25519"])
def test_two_names_of_one_algorithm(registered: str, used: str) -> None:
    """A client registered with one name of Ed25519 signatures may use the other."""
    rotated = Message({"alg": used, "kid": "key-2"}, good().claims, ROTATED)
    assert verify(rotated.encode(), algorithm=registered).client_id == CLIENT


@pytest.mark.parametrize("registered", ["RS256", "none", "HS256", ""])
def test_registered_algorithm_that_is_not_allowed_fits_nothing(registered: str) -> None:
    """A registration with an algorithm that the profile forbids lets nothing in."""
    assert refusal(good().encode(), algorithm=registered) == "client-assertion.algorithm"


def test_key_without_kid() -> None:
    """Without a kid the only key for the algorithm is used; with two of them the choice would be a guess."""
    unnamed = drop_header("", "kid").apply(good())
    assert verify(unnamed).client_id == CLIENT
    two = KeySet([*KEYS.keys, VerificationKey(OTHER.public_key, "ES256", "key-4")])
    with pytest.raises(Reject) as refused:
        verify(unnamed, keys=two)
    assert refused.value.reason.id == "client-assertion.no-key"


@pytest.mark.parametrize(
    ("assertion_type", "expected"),
    [
        (None, "client-assertion.type"),
        ("urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client-assertion.type"),
        (ASSERTION_TYPE.upper(), "client-assertion.type"),
        (ASSERTION_TYPE + " ", "client-assertion.type"),
    ],
)
def test_assertion_type(assertion_type: str | None, expected: str) -> None:
    """Only the exact type of a signed JWT is one (RFC 7523 section 2.2)."""
    with pytest.raises(Reject) as refused:
        parse_client_assertion(assertion_type=assertion_type, assertion=good().encode())
    assert refused.value.reason.id == expected


def test_no_assertion() -> None:
    """A client that does not authenticate is refused as an invalid client."""
    with pytest.raises(Reject) as refused:
        parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=None)
    assert refused.value.reason.id == "client-assertion.missing"


def test_parsing_says_whose_keys_to_look_for() -> None:
    """Before anything is verified, the claimed client is known and nothing else is said."""
    parsed = parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=good().encode())
    assert parsed.claimed_client_id == CLIENT


def test_replay_key_has_the_client_in_it() -> None:
    """Nobody can use up the identifier of another client's assertion."""
    ours = ClientAssertion(client_id="a", jti="bc", expires_at=NOW)
    theirs = ClientAssertion(client_id="ab", jti="c", expires_at=NOW)
    assert ours.replay_key != theirs.replay_key
    assert len(ours.replay_key) == 32
