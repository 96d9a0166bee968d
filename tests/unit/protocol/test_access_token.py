"""RFC 9068 access tokens with RFC 9449 confirmation: one good token, every single mutation refused.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key
from trustweft.protocol.access_token import (
    AccessToken,
    Confirmation,
    NewAccessToken,
    create_access_token,
    read_confirmation,
    verify_access_token,
    verify_own_access_token,
)
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER = "https://as.example"
AUDIENCE = "https://bank.example"
NOW = 1_800_000_000.0
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
SIGNER = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
OTHER = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
EDWARDS = LocalSigner("EdDSA", generate_private_key("EdDSA"), "as-2")
KEYS = KeySet(
    [
        VerificationKey(SIGNER.public_key, "ES256", "as-1"),
        VerificationKey(EDWARDS.public_key, "EdDSA", "as-2"),
    ]
)
NEW = NewAccessToken(
    issuer=ISSUER,
    subject="sub.AAAAAAAAAAAAAAAAAAAAAA",
    audience=(AUDIENCE,),
    client_id="moneyview",
    scope=("accounts", "payments"),
    issued_at=NOW,
    expires_at=NOW + 300,
    jti="jti-1",
    confirmation=Confirmation(jkt=JKT),
    grant_id="grant-1",
    auth_time=NOW - 5,
    acr="urn:example:gold",
)
GOOD = create_access_token(NEW, signer=SIGNER)
CLAIMS = jws.parse(GOOD).unverified_claims()
HEADER = {"typ": "at+jwt"}


def verify(token: str, *, now: float = NOW, audience: str = AUDIENCE) -> AccessToken:
    return verify_access_token(
        token, keys=KEYS, issuer=ISSUER, audience=audience, now=now, future_tolerance=30.0
    )


def refusal(token: str, *, now: float = NOW, audience: str = AUDIENCE) -> str:
    with pytest.raises(Reject) as caught:
        verify(token, now=now, audience=audience)
    assert caught.value.reason.error == "invalid_token"
    assert caught.value.reason.status == 401
    return caught.value.reason.id


def signed(header: Mapping[str, object] | None = None, /, **changes: object) -> str:
    """Sign the good claims anew with changes; a change to ... drops the claim."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    return jws.sign(claims, signer=SIGNER, header=HEADER if header is None else header)


def test_the_good_token_verifies() -> None:
    """What was put in comes out, typed."""
    assert verify(GOOD) == AccessToken(
        issuer=ISSUER,
        subject="sub.AAAAAAAAAAAAAAAAAAAAAA",
        audience=(AUDIENCE,),
        client_id="moneyview",
        scope=("accounts", "payments"),
        issued_at=NOW,
        expires_at=NOW + 300,
        jti="jti-1",
        confirmation=Confirmation(jkt=JKT, certificate_thumbprint=None),
        grant_id="grant-1",
        auth_time=NOW - 5,
        acr="urn:example:gold",
        claims=CLAIMS,
    )


def test_the_wire_format_is_the_one_of_rfc_9068() -> None:
    """The header says at+jwt with a key identifier; one audience is a string; times are whole seconds."""
    token = create_access_token(msgspec.structs.replace(NEW, issued_at=NOW + 0.9), signer=SIGNER)
    parsed = jws.parse(token)
    assert parsed.header == {"alg": "ES256", "kid": "as-1", "typ": "at+jwt"}
    assert parsed.unverified_claims() == {
        "iss": ISSUER,
        "sub": "sub.AAAAAAAAAAAAAAAAAAAAAA",
        "aud": AUDIENCE,
        "client_id": "moneyview",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        "jti": "jti-1",
        "cnf": {"jkt": JKT},
        "scope": "accounts payments",
        "auth_time": int(NOW) - 5,
        "acr": "urn:example:gold",
        "grant_id": "grant-1",
    }


def test_what_is_not_known_is_left_out() -> None:
    """A token without scope, grant, authentication time and class has no such claims."""
    bare = msgspec.structs.replace(NEW, scope=(), grant_id=None, auth_time=None, acr=None)
    token = create_access_token(bare, signer=SIGNER)
    assert set(CLAIMS) - set(jws.parse(token).unverified_claims()) == {
        "scope",
        "grant_id",
        "auth_time",
        "acr",
    }
    verified = verify(token)
    assert (verified.scope, verified.grant_id, verified.auth_time, verified.acr) == ((), None, None, None)


def test_several_audiences_are_an_array() -> None:
    """A token for two resource servers is good at each of them, and at no third."""
    token = create_access_token(msgspec.structs.replace(NEW, audience=("https://a", AUDIENCE)), signer=SIGNER)
    assert jws.parse(token).unverified_claims()["aud"] == ["https://a", AUDIENCE]
    assert verify(token).audience == ("https://a", AUDIENCE)
    assert verify(token, audience="https://a").audience == ("https://a", AUDIENCE)
    assert refusal(token, audience="https://b") == "access-token.audience"


@pytest.mark.parametrize("jkt", ["", "short", JKT + "A", JKT[:-1] + "="])
def test_a_token_that_is_not_bound_is_never_made(jkt: str) -> None:
    """FAPI 2.0 section 5.3.2.1 item 4: only sender-constrained tokens are issued."""
    with pytest.raises(ValueError, match="bound"):
        create_access_token(msgspec.structs.replace(NEW, confirmation=Confirmation(jkt=jkt)), signer=SIGNER)


def test_a_token_for_nobody_is_never_made() -> None:
    """A token without audience would be refused everywhere, or accepted anywhere."""
    with pytest.raises(ValueError, match="somebody"):
        create_access_token(msgspec.structs.replace(NEW, audience=()), signer=SIGNER)


def test_a_second_algorithm_of_the_same_issuer_verifies() -> None:
    """The key is chosen by kid and algorithm."""
    assert verify(create_access_token(NEW, signer=EDWARDS)).jti == "jti-1"


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", GOOD + ".x", GOOD + "=", " " + GOOD, "é" * 50, "a" * 20_000]
)
def test_1_another_shape_is_refused(token: str) -> None:
    """Only a compact JWS of bounded size is looked at."""
    assert refusal(token) == "access-token.malformed"


@pytest.mark.parametrize("typ", ["JWT", "dpop+jwt", "id_token", "", 1, None, ["at+jwt"]], ids=repr)
def test_2_another_type_is_refused(typ: object) -> None:
    """An ID token or an assertion of the same issuer is no access token (RFC 9068 section 5)."""
    assert refusal(signed({"typ": typ})) == "access-token.type"


def test_2_a_missing_type_is_refused() -> None:
    """RFC 9068 section 4 requires typ."""
    assert refusal(signed({})) == "access-token.type"


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
def test_2_the_type_is_a_media_type(typ: str) -> None:
    """RFC 7515 section 4.1.9: any case, with or without application/."""
    assert verify(signed({"typ": typ})).jti == "jti-1"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", "", None], ids=repr)
def test_3_another_algorithm_is_refused(algorithm: object) -> None:
    """Nothing but ES256, PS256 and EdDSA, whatever the signature."""
    header = encode_base64url(msgspec.json.encode({"alg": algorithm, "typ": "at+jwt", "kid": "as-1"}))
    assert refusal(f"{header}.{GOOD.split('.', 1)[1]}") == "access-token.algorithm"


@pytest.mark.parametrize("header", [{"kid": "as-9"}, {"kid": "as-2"}, {"kid": ""}], ids=repr)
def test_4_an_unknown_key_is_refused(header: dict[str, object]) -> None:
    """A kid that the issuer does not publish, or that belongs to another algorithm, fits no key."""
    assert refusal(signed({**HEADER, **header})) == "access-token.unknown-key"


def test_5_a_signature_of_another_key_is_refused() -> None:
    """The same kid does not help a stranger."""
    assert refusal(jws.sign(CLAIMS, signer=OTHER, header=HEADER)) == "access-token.bad-signature"


def test_5_claims_under_an_old_signature_are_refused() -> None:
    """A payload cannot be exchanged."""
    header, _, signature = GOOD.split(".")
    payload = encode_base64url(msgspec.json.encode({**CLAIMS, "scope": "admin"}))
    assert refusal(f"{header}.{payload}.{signature}") == "access-token.bad-signature"


def test_5_a_signed_payload_that_is_no_object_is_refused() -> None:
    """Even the issuer's signature does not make a list into claims."""
    header = encode_base64url(b'{"alg":"ES256","kid":"as-1","typ":"at+jwt"}')
    octets = f"{header}.{encode_base64url(b'[]')}"
    token = f"{octets}.{encode_base64url(SIGNER.sign(octets.encode()))}"
    assert refusal(token) == "access-token.malformed"


@pytest.mark.parametrize(
    "issuer", [..., None, 1, "", ISSUER + "/", ISSUER.upper(), [ISSUER], "https://evil.example"], ids=repr
)
def test_6_another_issuer_is_refused(issuer: object) -> None:
    """The issuer is compared octet by octet."""
    assert refusal(signed(iss=issuer)) == "access-token.issuer"


@pytest.mark.parametrize(
    "audience", [..., None, 1, "", [], [1], [AUDIENCE, 1], AUDIENCE + "/", [ISSUER], {AUDIENCE: 1}], ids=repr
)
def test_7_another_audience_is_refused(audience: object) -> None:
    """A token for another resource server, or for nobody, is not for this one."""
    assert refusal(signed(aud=audience)) == "access-token.audience"


@pytest.mark.parametrize("audience", [..., 1, []], ids=repr)
def test_7_the_issuer_itself_needs_a_readable_audience(audience: object) -> None:
    """The issuer answers for any audience, but there must be one."""
    with pytest.raises(Reject) as caught:
        verify_own_access_token(
            signed(aud=audience), keys=KEYS, issuer=ISSUER, now=NOW, future_tolerance=30.0
        )
    assert caught.value.reason.id == "access-token.audience"


def test_7_the_issuer_itself_reads_a_token_for_any_audience() -> None:
    """Introspection and revocation concern tokens for others."""
    verified = verify_own_access_token(GOOD, keys=KEYS, issuer=ISSUER, now=NOW, future_tolerance=30.0)
    assert verified == verify(GOOD)


@pytest.mark.parametrize("expiry", [..., None, True, "1900000000", -1, NOW, NOW - 1, 10**30], ids=repr)
def test_8_an_expired_token_is_refused(expiry: object) -> None:
    """Without a proper expiry in the future there is none: no leeway (our choice: both clocks are servers')."""
    assert refusal(signed(exp=expiry)) == "access-token.expired"


def test_8_a_token_lives_until_its_expiry() -> None:
    """The last moment is good, the expiry itself is not (RFC 7519 section 4.1.4)."""
    assert verify(GOOD, now=NOW + 299.9).jti == "jti-1"
    assert refusal(GOOD, now=NOW + 300) == "access-token.expired"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [0, 10, 30])
def test_9_a_token_from_the_near_future_is_accepted(claim: str, ahead: int) -> None:
    """Clocks differ: up to the tolerance of 30 seconds is accepted."""
    assert verify(signed(**{claim: NOW + ahead})).jti == "jti-1"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [31, 61, 3600])
def test_9_a_token_from_the_far_future_is_refused(claim: str, ahead: int) -> None:
    """Beyond the tolerance no clock error explains it."""
    assert refusal(signed(exp=NOW + 7200, **{claim: NOW + ahead})) == "access-token.future"


@pytest.mark.parametrize(
    "changes", [{"iat": ...}, {"iat": "1"}, {"iat": True}, {"nbf": None}, {"nbf": "1"}], ids=repr
)
def test_9_a_time_of_another_type_is_refused(changes: dict[str, object]) -> None:
    """The claim iat is required (RFC 9068 section 2.2), nbf is not; both are numbers."""
    assert refusal(signed(**changes)) == "access-token.future"


@pytest.mark.parametrize("claim", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", [..., None, "", 1, ["x"], "x" * 3_000], ids=lambda value: repr(value)[:20])
def test_10_a_required_claim_of_another_type_is_refused(claim: str, value: object) -> None:
    """RFC 9068 section 2.2 requires who, for whom and which."""
    assert refusal(signed(**{claim: value})) == "access-token.claims"


@pytest.mark.parametrize(
    "changes", [{"grant_id": 1}, {"acr": ""}, {"auth_time": "1"}, {"auth_time": None}], ids=repr
)
def test_10_an_optional_claim_of_another_type_is_refused(changes: dict[str, object]) -> None:
    """A claim that is there must be readable: a grant that cannot be read cannot be checked for revocation."""
    assert refusal(signed(**changes)) == "access-token.claims"


@pytest.mark.parametrize(
    "confirmation",
    [..., None, {}, [], "jkt", JKT, {"jkt": ""}, {"jkt": 1}, {"jkt": JKT + "A"}, {"jwk": {}}, {"jkt": [JKT]},
     {"jkt": JKT, "x5t#S256": "short"}, {"x5t#S256": 1}],
    ids=repr,
)  # fmt: skip
def test_11_a_token_that_is_not_bound_is_refused(confirmation: object) -> None:
    """A bearer token is worthless here, and so is a binding that cannot be checked."""
    assert refusal(signed(cnf=confirmation)) == "access-token.not-bound"


def test_11_every_key_that_is_named_is_told_to_the_caller() -> None:
    """A token may be bound to a certificate, or to a certificate and a DPoP key."""
    both = {"jkt": JKT, "x5t#S256": JKT[::-1]}
    assert verify(signed(cnf=both)).confirmation == Confirmation(jkt=JKT, certificate_thumbprint=JKT[::-1])
    assert verify(signed(cnf={"x5t#S256": JKT})).jkt is None
    assert read_confirmation({"jkt": JKT, "other": 1}) == Confirmation(jkt=JKT, certificate_thumbprint=None)


@pytest.mark.parametrize(
    "scope",
    [None, 1, ["a"], " ", "a  b", " a", "a ", 'a"', "a\\b", "a\nb", "é", "a" * 5_000],
    ids=lambda v: repr(v)[:20],
)
def test_12_a_malformed_scope_is_refused(scope: object) -> None:
    """RFC 6749 section 3.3 says what a scope looks like."""
    assert refusal(signed(scope=scope)) == "access-token.claims"
