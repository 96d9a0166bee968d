"""DPoP proofs (RFC 9449): one good proof, and every single change of it refused with its reason."""

from __future__ import annotations

import json

import pytest

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
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk, public_jwk, thumbprint
from trustweft.protocol import dpop
from trustweft.protocol.dpop import Proof, create_proof, parse_proof_header, verify_key_binding, verify_proof
from trustweft.runtime.encoding import decode_base64url, encode_base64url, sha256_base64url
from trustweft.runtime.errors import Reason, Reject, Shown

NOW = 1_800_000_000.0
URLS = ("https://api.example/accounts", "https://mtls.api.example/accounts")
TOKEN = "an.access.token"
SIGNER = LocalSigner("ES256", generate_private_key("ES256"))
OTHER = LocalSigner("ES256", generate_private_key("ES256"))
RSA = LocalSigner("PS256", generate_private_key("PS256"))


def good() -> Message:
    """Return the one good proof before it is signed."""
    return Message(
        header={"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(SIGNER.public_key)},
        claims={
            "jti": "-BwC3ESc6acc2lTc",
            "htm": "GET",
            "htu": URLS[0],
            "iat": int(NOW),
            "ath": sha256_base64url(TOKEN),
        },
        signer=SIGNER,
    )


def verify(proof: str, *, now: float = NOW, access_token: str | None = TOKEN) -> Proof:
    """Verify as a resource server does."""
    return verify_proof(
        proof,
        method="GET",
        urls=URLS,
        now=now,
        future_tolerance=30,
        maximum_age=60,
        access_token=access_token,
    )


def refusal(proof: str, *, now: float = NOW) -> str:
    """Return the id of the reason that ``proof`` is refused with."""
    with pytest.raises(Reject) as refused:
        verify(proof, now=now)
    assert refused.value.reason.error == "invalid_dpop_proof"
    assert refused.value.reason.status == 400
    return refused.value.reason.id


def flip_last_signature_bit(token: str) -> str:
    """Change the signature in its last octet, in canonical base64url."""
    signed, _, signature = token.rpartition(".")
    octets = bytearray(decode_base64url(signature))
    octets[-1] ^= 1
    return f"{signed}.{encode_base64url(bytes(octets))}"


def with_duplicate_member(token: str) -> str:
    """Sign claims in which ``htu`` occurs twice."""
    header, _, _ = token.split(".")
    claims = json.dumps(good().claims)[:-1] + ', "htu": "https://elsewhere.example/"}'
    signed = f"{header}.{encode_base64url(claims.encode())}"
    return f"{signed}.{encode_base64url(SIGNER.sign(signed.encode()))}"


MUTATIONS = [
    # (1) shape, and an allowed asymmetric algorithm
    rewrite("empty", "dpop.malformed", lambda _: ""),
    rewrite("one segment", "dpop.malformed", lambda token: token.partition(".")[0]),
    rewrite("no signature", "dpop.malformed", lambda token: token.rpartition(".")[0]),
    rewrite("four segments", "dpop.malformed", lambda token: token + ".e30"),
    rewrite("padding", "dpop.malformed", lambda token: token + "="),
    rewrite("header is no JSON", "dpop.malformed", lambda token: "bm9wZQ." + token.partition(".")[2]),
    rewrite("header is a list", "dpop.malformed", lambda token: "W10." + token.partition(".")[2]),
    rewrite("not ASCII", "dpop.malformed", lambda token: token.replace(".", ".\u00e9", 1)),
    rewrite("too large", "dpop.malformed", lambda token: token + "A" * 20_000),
    rewrite("claims twice", "dpop.malformed", with_duplicate_member),
    change_header("dpop.malformed", crit=["exp"]),
    change_header("dpop.malformed", padding="x" * 4_096),
    drop_header("dpop.algorithm", "alg"),
    change_header("dpop.algorithm", alg="none"),
    change_header("dpop.algorithm", alg="HS256"),
    change_header("dpop.algorithm", alg="RS256"),
    change_header("dpop.algorithm", alg="ES384"),
    change_header("dpop.algorithm", alg="es256"),
    change_header("dpop.algorithm", alg=["ES256"]),
    change_header("dpop.algorithm", alg="PS256"),  # allowed, but not with this key
    # (2) typ
    drop_header("dpop.typ", "typ"),
    change_header("dpop.typ", typ="JWT"),
    change_header("dpop.typ", typ="at+jwt"),
    change_header("dpop.typ", typ=["dpop+jwt"]),
    # (3) jwk
    drop_header("dpop.bad-key", "jwk"),
    rename_header("dpop.bad-key", "jwk", "jku"),
    change_header("dpop.bad-key", jwk="key"),
    change_header("dpop.bad-key", jwk={}),
    change_header("dpop.bad-key", jwk={**public_jwk(SIGNER.public_key), "crv": "P-384"}),
    change_header("dpop.bad-key", jwk={**public_jwk(SIGNER.public_key), "x": "AAAA"}),
    change_header("dpop.bad-key", jwk={**public_jwk(SIGNER.public_key), "alg": "PS256"}),
    change_header("dpop.private-key", jwk=private_jwk(SIGNER.private_key)),
    change_header("dpop.private-key", jwk={"kty": "oct", "k": "c2VjcmV0"}),
    # (4) signature
    change_header("dpop.bad-signature", jwk=public_jwk(OTHER.public_key)),
    sign_with("dpop.bad-signature", OTHER),
    rewrite("one bit", "dpop.bad-signature", flip_last_signature_bit),
    rewrite("empty signature", "dpop.bad-signature", lambda token: token.rpartition(".")[0] + "."),
    # (5) htm
    drop("dpop.htm-mismatch", "htm"),
    change("dpop.htm-mismatch", htm="PUT"),
    change("dpop.htm-mismatch", htm="get"),
    change("dpop.htm-mismatch", htm=["GET"]),
    change("dpop.htm-mismatch", htm=None),
    # (6) htu
    drop("dpop.htu-mismatch", "htu"),
    change("dpop.htu-mismatch", htu="https://api.example/payments"),
    change("dpop.htu-mismatch", htu="https://api.example/accounts/"),
    change("dpop.htu-mismatch", htu="https://api.example/Accounts"),
    change("dpop.htu-mismatch", htu="https://api.example/accounts/1/.."),
    change("dpop.htu-mismatch", htu="http://api.example/accounts"),
    change("dpop.htu-mismatch", htu="https://api.example:444/accounts"),
    change("dpop.htu-mismatch", htu="https://api.example.attacker.example/accounts"),
    change("dpop.htu-mismatch", htu="https://attacker.example@api.example/accounts"),
    change("dpop.htu-mismatch", htu="https://api.example\\@attacker.example/accounts"),
    change("dpop.htu-mismatch", htu="/accounts"),
    change("dpop.htu-mismatch", htu=["https://api.example/accounts"]),
    change("dpop.htu-mismatch", htu={"https://api.example/accounts": 1}),
    change("dpop.htu-mismatch", htu=None),
    # (7) times
    drop("dpop.bad-time", "iat"),
    change("dpop.bad-time", iat=None),
    change("dpop.bad-time", iat=str(int(NOW))),
    change("dpop.bad-time", iat=True),
    change("dpop.bad-time", iat=[NOW]),
    change("dpop.bad-time", iat=-1),
    change("dpop.bad-time", iat=10**40),
    change("dpop.bad-time", nbf="soon"),
    change("dpop.bad-time", exp=None),
    change("dpop.from-future", iat=NOW + 31),
    change("dpop.from-future", nbf=NOW + 31),
    change("dpop.from-future", iat=NOW + 3_600),
    change("dpop.expired", iat=NOW - 61),
    change("dpop.expired", iat=NOW - 3_600),
    change("dpop.expired", exp=NOW),
    # (8) jti
    drop("dpop.bad-jti", "jti"),
    change("dpop.bad-jti", jti=""),
    change("dpop.bad-jti", jti=7),
    change("dpop.bad-jti", jti="j" * 257),
    # (9) ath
    drop("dpop.ath-mismatch", "ath"),
    change("dpop.ath-mismatch", ath=sha256_base64url("another.access.token")),
    change("dpop.ath-mismatch", ath=sha256_base64url(TOKEN) + "="),
    change("dpop.ath-mismatch", ath="\u00e9" * 43),
    change("dpop.ath-mismatch", ath=TOKEN),
    change("dpop.ath-mismatch", ath=None),
    change("dpop.bad-nonce", nonce=7),
]


def test_good_proof_verifies() -> None:
    """The proof that all attacks start from is accepted, and tells key, identifier and times."""
    assert verify(good().encode()) == Proof(
        jkt=thumbprint(SIGNER.public_key),
        jti="-BwC3ESc6acc2lTc",
        issued_at=NOW,
        nonce=None,
        expires_at=NOW + 60 + 30,
    )


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_single_change_is_refused(mutation: Mutation) -> None:
    """A proof that is changed in any single way never verifies, and says why."""
    assert refusal(mutation.apply(good())) == mutation.expected


@pytest.mark.parametrize(
    "member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"], ids=lambda member: f"jwk with {member}"
)
def test_any_private_member_is_refused(member: str) -> None:
    """A key that shows a private or symmetric member is refused, whatever the member holds."""
    mutation = change_header("", jwk={**public_jwk(SIGNER.public_key), member: "AAAA"})
    assert refusal(mutation.apply(good())) == "dpop.private-key"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "accepted"), [(0, True), (10, True), (30, True), (31, False), (61, False)])
def test_future_tolerance(claim: str, ahead: int, *, accepted: bool) -> None:
    """A time up to 30 seconds ahead is accepted and anything beyond refused (FAPI 2.0 SP 5.3.2.1 item 13)."""
    proof = change("", **{claim: NOW + ahead}).apply(good())
    if accepted:
        assert verify(proof).jti == "-BwC3ESc6acc2lTc"
    else:
        assert refusal(proof) == "dpop.from-future"


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (10, True), (60, True), (61, False)])
def test_maximum_age(age: int, *, accepted: bool) -> None:
    """A proof is accepted until its maximum age and refused afterwards."""
    proof = good().encode()
    if accepted:
        assert verify(proof, now=NOW + age).issued_at == NOW
    else:
        assert refusal(proof, now=NOW + age) == "dpop.expired"


@pytest.mark.parametrize("iat", [NOW, NOW + 30])
def test_replay_is_remembered_for_as_long_as_the_proof_verifies(iat: float) -> None:
    """When the memory may forget a proof, the proof is refused for its age on every machine of ours."""
    proof = change("", iat=iat).apply(good())
    forgotten_at = verify(proof).expires_at
    assert refusal(proof, now=forgotten_at - 30 + 0.001) == "dpop.expired"


@pytest.mark.parametrize(
    "htu",
    [
        "https://api.example/accounts?page=2",
        "https://api.example/accounts#top",
        "https://api.example/accounts?page=2#top",
        "HTTPS://API.EXAMPLE/accounts",
        "https://api.example:443/accounts",
        "https://api.example/%61ccounts",
        "https://mtls.api.example/accounts",
    ],
)
def test_equivalent_htu_is_accepted(htu: str) -> None:
    """Another spelling of a configured URL, with or without query and fragment, is the same URL (section 4.3)."""
    assert verify(change("", htu=htu).apply(good())).jti == "-BwC3ESc6acc2lTc"


def test_htu_in_a_set_of_urls_may_be_anything() -> None:
    """A value that cannot be hashed is refused like any other when the URLs are a set."""
    strange: tuple[object, ...] = ([], {}, None, 7)
    for htu in strange:
        with pytest.raises(Reject) as refused:
            verify_proof(
                change("", htu=htu).apply(good()),
                method="GET",
                urls=frozenset(URLS),
                now=NOW,
                future_tolerance=30,
                maximum_age=60,
            )
        assert refused.value.reason.id == "dpop.htu-mismatch"


def test_extra_members_are_ignored() -> None:
    """Header members and claims that nobody knows change nothing."""
    proof = change("", extra={"a": [1, 2]}, nbf=NOW, exp=NOW + 300).apply(good())
    assert verify(proof) == verify(good().encode())
    assert verify(change_header("", kid="1", extra="x").apply(good())) == verify(good().encode())


@pytest.mark.parametrize("typ", ["dpop+jwt", "DPoP+jwt", "application/dpop+jwt"])
def test_typ_is_a_media_type(typ: str) -> None:
    """The typ header is compared as a media type, whose case and prefix do not matter (RFC 7515 section 4.1.9)."""
    assert verify(change_header("", typ=typ).apply(good())).jkt == thumbprint(SIGNER.public_key)


def test_without_access_token_ath_is_not_needed() -> None:
    """At the token endpoint no token comes with the request, and ath is not asked for."""
    assert verify(drop("", "ath").apply(good()), access_token=None).nonce is None


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA", "Ed25519"])
def test_created_proof_verifies(algorithm: str) -> None:
    """What create_proof makes, verify_proof accepts, with each of the algorithms and both names of EdDSA."""
    signer = LocalSigner(
        algorithm, RSA.private_key if algorithm == "PS256" else generate_private_key(algorithm)
    )
    proof = create_proof(
        signer,
        method="GET",
        url=URLS[0] + "?page=2#top",
        now=NOW,
        jti="fresh",
        access_token=TOKEN,
        nonce="from-the-server",
    )
    verified = verify(proof)
    assert (verified.jkt, verified.jti, verified.nonce) == (
        thumbprint(signer.public_key),
        "fresh",
        "from-the-server",
    )


def test_created_proof_shows_no_private_member() -> None:
    """The key in the header is public, whatever kind of key signs."""
    for signer in (SIGNER, RSA, LocalSigner("EdDSA", generate_private_key("EdDSA"))):
        proof = create_proof(signer, method="GET", url=URLS[0], now=NOW, jti="fresh")
        header = json.loads(decode_base64url(proof.partition(".")[0]))
        assert header["jwk"] == public_jwk(signer.public_key)


def test_exactly_one_header() -> None:
    """No header, two headers and two proofs in one header are each refused (section 4.3 item 1)."""
    assert parse_proof_header(["a.b.c"]) == "a.b.c"
    for values, expected in (
        ([], "dpop.missing"),
        (["a.b.c", "a.b.c"], "dpop.repeated-header"),
        (["a.b.c, a.b.c"], "dpop.repeated-header"),
    ):
        with pytest.raises(Reject) as refused:
            parse_proof_header(values)
        assert refused.value.reason.id == expected


def test_key_binding() -> None:
    """A proof serves only what is bound to its key, and the refusal can be said in the words of the caller."""
    proof = verify(good().encode())
    verify_key_binding(proof, expected_jkt=thumbprint(SIGNER.public_key))
    token_bound_elsewhere = Reason("test.token", "invalid_token", "Bound to another key.", 401, Shown.JSON)
    for expected_jkt in (thumbprint(OTHER.public_key), "", "\u00e9", proof.jkt.lower()):
        with pytest.raises(Reject) as refused:
            verify_key_binding(proof, expected_jkt=expected_jkt)
        assert refused.value.reason is dpop.KEY_MISMATCH
    with pytest.raises(Reject) as refused:
        verify_key_binding(proof, expected_jkt="", mismatch=token_bound_elsewhere)
    assert refused.value.reason is token_bound_elsewhere


def test_replay_key_has_the_key_in_it() -> None:
    """Nobody can use up the identifier of a proof that another key makes."""
    first = verify(good().encode())
    other = Message({**good().header, "jwk": public_jwk(OTHER.public_key)}, good().claims, OTHER).encode()
    assert verify(other).jti == first.jti
    assert verify(other).replay_key != first.replay_key
    assert first.replay_key == verify(good().encode()).replay_key
    assert len(first.replay_key) == 32


@pytest.mark.parametrize("jkt", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\u00e9"])
def test_malformed_thumbprint(jkt: str) -> None:
    """A dpop_jkt that is no SHA-256 in base64url is refused as an invalid request."""
    with pytest.raises(Reject) as refused:
        dpop.check_thumbprint(jkt)
    assert (refused.value.reason.id, refused.value.reason.error) == ("dpop.bad-jkt", "invalid_request")


def test_thumbprint_form() -> None:
    """The thumbprint of a key has the form that dpop_jkt asks for."""
    assert dpop.check_thumbprint(thumbprint(SIGNER.public_key)) == thumbprint(SIGNER.public_key)


def test_refusals_are_not_remembered_as_keys() -> None:
    """A header that was refused once is judged again: only good keys are kept."""
    bad = change_header("", jwk={}).apply(good())
    assert [refusal(bad), refusal(bad)] == ["dpop.bad-key", "dpop.bad-key"]
