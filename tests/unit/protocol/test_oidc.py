"""OpenID Connect Core ID tokens and userinfo: one good token, every single mutation refused.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key
from trustweft.protocol.access_token import Confirmation, NewAccessToken, create_access_token
from trustweft.protocol.oidc import (
    ExpectedIdToken,
    IdToken,
    NewIdToken,
    UserInfo,
    access_token_hash,
    create_id_token,
    create_userinfo,
    read_userinfo,
    verify_id_token,
)
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER = "https://as.example"
SUBJECT = "sub.AAAAAAAAAAAAAAAAAAAAAA"
NOW = 1_800_000_000.0
SIGNER = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
OTHER = LocalSigner("ES256", generate_private_key("ES256"), "as-1")
EDWARDS = LocalSigner("EdDSA", generate_private_key("EdDSA"), "as-1")  # the same kid on purpose
KEYS = KeySet(
    [
        VerificationKey(EDWARDS.public_key, "EdDSA", "as-1"),
        VerificationKey(SIGNER.public_key, "ES256", "as-1"),
    ]
)
NEW = NewIdToken(
    issuer=ISSUER,
    subject=SUBJECT,
    client_id="moneyview",
    issued_at=NOW,
    expires_at=NOW + 300,
    nonce="n" * 64,
    auth_time=NOW - 5,
    acr="urn:example:gold",
    amr=("pwd",),
    access_token="access",
)
EXPECTED = ExpectedIdToken(issuer=ISSUER, client_id="moneyview", nonce="n" * 64, access_token="access")
GOOD = create_id_token(NEW, signer=SIGNER)
CLAIMS = jws.parse(GOOD).unverified_claims()


def verify(token: str, *, expected: ExpectedIdToken = EXPECTED, now: float = NOW) -> IdToken:
    return verify_id_token(token, expected=expected, keys=KEYS, now=now, future_tolerance=30.0)


def refusal(token: str, *, expected: ExpectedIdToken = EXPECTED, now: float = NOW) -> str:
    with pytest.raises(Reject) as caught:
        verify(token, expected=expected, now=now)
    return caught.value.reason.id


def signed(header: Mapping[str, object] | None = None, /, **changes: object) -> str:
    """Sign the good claims anew with changes; a change to ... drops the claim."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    return jws.sign(claims, signer=SIGNER, header=header)


def expecting(**changes: object) -> ExpectedIdToken:
    return msgspec.structs.replace(EXPECTED, **changes)


def test_the_good_token_verifies() -> None:
    """What was put in comes out, typed."""
    assert verify(GOOD) == IdToken(
        issuer=ISSUER,
        subject=SUBJECT,
        issued_at=NOW,
        expires_at=NOW + 300,
        auth_time=NOW - 5,
        acr="urn:example:gold",
        amr=("pwd",),
        claims=CLAIMS,
    )


def test_the_wire_format_is_that_of_section_2() -> None:
    """Key identifier in the header, one audience as a string, whole seconds."""
    parsed = jws.parse(GOOD)
    assert parsed.header == {"alg": "ES256", "kid": "as-1", "typ": "JWT"}
    assert {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": "moneyview",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        "nonce": "n" * 64,
        "auth_time": int(NOW) - 5,
        "acr": "urn:example:gold",
        "amr": ["pwd"],
        "at_hash": access_token_hash("access", algorithm="ES256"),
    } == CLAIMS


def test_what_nobody_asked_for_is_left_out() -> None:
    """A nonce that was not sent does not come back, and nothing else either."""
    bare = NewIdToken(
        issuer=ISSUER, subject=SUBJECT, client_id="moneyview", issued_at=NOW, expires_at=NOW + 300
    )
    token = create_id_token(bare, signer=SIGNER)
    assert set(jws.parse(token).unverified_claims()) == {"iss", "sub", "aud", "iat", "exp"}
    verified = verify(token, expected=expecting(nonce=None))
    assert (verified.auth_time, verified.acr, verified.amr) == (None, None, ())


def test_the_access_token_hash_of_openid_connect_core_is_computed() -> None:
    """Appendix A.3 of OpenID Connect Core; Ed25519 takes its own SHA-512, of which half is 32 octets."""
    example = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert access_token_hash(example, algorithm="ES256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(access_token_hash(example, algorithm="EdDSA")) == 43


@pytest.mark.parametrize("registered", ["EdDSA", "Ed25519"])
def test_another_registered_algorithm_verifies(registered: str) -> None:
    """Two keys with one kid: the algorithm decides (FAPI 2.0 section 5.4.3)."""
    token = create_id_token(NEW, signer=EDWARDS)
    assert verify(token, expected=expecting(algorithm=registered)).subject == SUBJECT


def test_an_id_token_is_never_made_with_another_algorithm() -> None:
    """A signer of another kind is a mistake of the configuration."""
    with pytest.raises(ValueError, match="RS256"):
        create_id_token(NEW, signer=LocalSigner("RS256", SIGNER.private_key))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", GOOD + "=", GOOD + ".x", "é", "a" * 20_000])
def test_1_another_shape_is_refused(token: str) -> None:
    """Only a compact JWS of bounded size is looked at."""
    assert refusal(token) == "id-token.malformed"


def test_1_an_access_token_is_no_id_token() -> None:
    """Signed by the same issuer with the same key, and still another kind (RFC 8725 section 3.11)."""
    token = create_access_token(
        NewAccessToken(
            issuer=ISSUER,
            subject=SUBJECT,
            audience=("moneyview",),
            client_id="moneyview",
            scope=(),
            issued_at=NOW,
            expires_at=NOW + 300,
            jti="j",
            confirmation=Confirmation(jkt="A" * 43),
        ),
        signer=SIGNER,
    )
    assert refusal(token, expected=expecting(nonce=None)) == "id-token.malformed"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", None], ids=repr)
def test_2_a_forbidden_algorithm_is_refused(algorithm: object) -> None:
    """Whatever the signature says."""
    header = encode_base64url(msgspec.json.encode({"alg": algorithm, "kid": "as-1"}))
    assert refusal(f"{header}.{GOOD.split('.', 1)[1]}") == "id-token.algorithm"


@pytest.mark.parametrize("registered", ["PS256", "EdDSA", "RS256", "none", ""])
def test_2_an_algorithm_that_was_not_registered_is_refused(registered: str) -> None:
    """An allowed algorithm is refused where another one was agreed."""
    assert refusal(GOOD, expected=expecting(algorithm=registered)) == "id-token.algorithm"


@pytest.mark.parametrize("kid", ["as-2", ""])
def test_3_an_unknown_key_is_refused(kid: str) -> None:
    """A kid that the issuer does not publish."""
    assert refusal(signed({"kid": kid})) == "id-token.unknown-key"


def test_4_a_signature_of_another_key_is_refused() -> None:
    """The same kid does not help a stranger."""
    assert refusal(jws.sign(CLAIMS, signer=OTHER)) == "id-token.bad-signature"


def test_4_claims_under_an_old_signature_are_refused() -> None:
    """A payload cannot be exchanged."""
    header, _, signature = GOOD.split(".")
    payload = encode_base64url(msgspec.json.encode({**CLAIMS, "sub": "sub.x"}))
    assert refusal(f"{header}.{payload}.{signature}") == "id-token.bad-signature"


@pytest.mark.parametrize("issuer", [..., None, "", ISSUER + "/", ISSUER.upper(), [ISSUER]], ids=repr)
def test_5_another_issuer_is_refused(issuer: object) -> None:
    """The issuer is compared octet by octet."""
    assert refusal(signed(iss=issuer)) == "id-token.issuer"


@pytest.mark.parametrize(
    "audience",
    [..., None, "", "Moneyview", [], ["moneyview", "other"], ["other", "moneyview"], ["moneyview", "moneyview"],
     [["moneyview"]], {"moneyview": 1}],
    ids=repr,
)  # fmt: skip
def test_6_another_audience_is_refused(audience: object) -> None:
    """This client alone: a further audience could have used the token first."""
    assert refusal(signed(aud=audience)) == "id-token.audience"


def test_6_an_array_of_one_is_an_audience() -> None:
    """Section 2 allows an array, also for one."""
    assert verify(signed(aud=["moneyview"])).subject == SUBJECT


@pytest.mark.parametrize("party", ["other", "", None, 1, ["moneyview"]], ids=repr)
def test_7_another_authorized_party_is_refused(party: object) -> None:
    """Section 3.1.3.7 item 5."""
    assert refusal(signed(azp=party)) == "id-token.audience"


def test_7_this_client_may_be_the_authorized_party() -> None:
    """Named once more, it is the same."""
    assert verify(signed(azp="moneyview")).subject == SUBJECT


@pytest.mark.parametrize("expiry", [..., None, True, "1900000000", NOW, NOW - 1, -1, 10**30], ids=repr)
def test_8_an_expired_token_is_refused(expiry: object) -> None:
    """Without a proper expiry in the future there is none."""
    assert refusal(signed(exp=expiry)) == "id-token.expired"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [0, 10, 30])
def test_9_a_token_from_the_near_future_is_accepted(claim: str, ahead: int) -> None:
    """Clocks differ: up to the tolerance of 30 seconds is accepted."""
    assert verify(signed(**{claim: NOW + ahead})).subject == SUBJECT


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [31, 61])
def test_9_a_token_from_the_far_future_is_refused(claim: str, ahead: int) -> None:
    """Beyond the tolerance no clock error explains it."""
    assert refusal(signed(**{claim: NOW + ahead})) == "id-token.future"


@pytest.mark.parametrize("changes", [{"iat": ...}, {"iat": "1"}, {"iat": None}, {"nbf": "1"}], ids=repr)
def test_9_a_time_of_another_type_is_refused(changes: dict[str, object]) -> None:
    """The claim iat is required, and it is a number."""
    assert refusal(signed(**changes)) == "id-token.future"


@pytest.mark.parametrize(
    "subject", [..., None, "", 1, ["x"], "é", "x" * 256], ids=lambda value: repr(value)[:20]
)
def test_10_a_malformed_subject_is_refused(subject: object) -> None:
    """Section 2: at most 255 ASCII characters."""
    assert refusal(signed(sub=subject)) == "id-token.subject"


@pytest.mark.parametrize("nonce", [..., None, "", "n" * 63, "N" * 64, ["n" * 64], 1], ids=repr)
def test_11_another_nonce_is_refused(nonce: object) -> None:
    """What was sent must come back, exactly."""
    assert refusal(signed(nonce=nonce)) == "id-token.nonce"


@pytest.mark.parametrize("nonce", ["x", None, ""], ids=repr)
def test_11_a_nonce_that_was_not_sent_is_refused(nonce: object) -> None:
    """The token belongs to another request."""
    assert refusal(signed(nonce=nonce), expected=expecting(nonce=None)) == "id-token.nonce"


@pytest.mark.parametrize("at_hash", ["", None, 1, access_token_hash("other", algorithm="ES256")], ids=repr)
def test_12_the_hash_of_another_access_token_is_refused(at_hash: object) -> None:
    """Section 3.1.3.8: an injected access token is noticed."""
    assert refusal(signed(at_hash=at_hash)) == "id-token.at-hash"


def test_12_an_access_token_of_odd_characters_is_refused_not_a_crash() -> None:
    """Whatever the token endpoint sent as access token can be hashed."""
    assert refusal(GOOD, expected=expecting(access_token="é\ud800")) == "id-token.at-hash"


def test_12_the_hash_is_optional() -> None:
    """Section 3.1.3.6 makes it optional in the code flow; without an access token there is nothing to compare."""
    assert verify(signed(at_hash=...)).subject == SUBJECT
    assert verify(GOOD, expected=expecting(access_token=None)).subject == SUBJECT


@pytest.mark.parametrize("auth_time", [None, "1", True, NOW + 31], ids=repr)
def test_13_a_malformed_authentication_time_is_refused(auth_time: object) -> None:
    """Nobody authenticated in the future."""
    assert refusal(signed(auth_time=auth_time)) == "id-token.auth-time"


def test_13_an_old_authentication_is_refused_where_max_age_was_sent() -> None:
    """Section 3.1.3.7 item 13."""
    assert verify(GOOD, expected=expecting(max_age=5)).auth_time == NOW - 5
    assert refusal(GOOD, expected=expecting(max_age=4)) == "id-token.auth-time"
    assert refusal(signed(auth_time=...), expected=expecting(max_age=4)) == "id-token.auth-time"


@pytest.mark.parametrize("changes", [{"acr": 1}, {"amr": "pwd"}, {"amr": [1]}], ids=repr)
def test_claims_of_another_type_are_refused(changes: dict[str, object]) -> None:
    """What is there must be readable."""
    assert refusal(signed(**changes)) == "id-token.malformed"


PERSON = {
    "name": "Ada",
    "email": "ada@example.org",
    "email_verified": True,
    "phone_number": None,
    "password_hash": "secret",
}


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ((), {}),
        (("openid", "accounts"), {}),
        (("openid", "profile"), {"name": "Ada"}),
        (("email",), {"email": "ada@example.org", "email_verified": True}),
        (("phone", "profile"), {"name": "Ada"}),
        (("password_hash",), {}),
    ],
)
def test_userinfo_tells_only_what_was_asked_for(scope: tuple[str, ...], claims: dict[str, object]) -> None:
    """Section 5.4: claims by scope, none that are unknown, never anything else that is stored."""
    assert create_userinfo(SUBJECT, scope=scope, claims=PERSON) == {"sub": SUBJECT, **claims}


def test_userinfo_cannot_be_made_about_somebody_else() -> None:
    """A claim named sub does not override the subject."""
    assert create_userinfo(SUBJECT, scope=("profile",), claims={"sub": "x"}) == {"sub": SUBJECT}


def test_userinfo_is_read_for_the_subject_of_the_id_token() -> None:
    """What the server creates, the client reads."""
    document = create_userinfo(SUBJECT, scope=("profile",), claims=PERSON)
    assert read_userinfo(document, subject=SUBJECT) == UserInfo(subject=SUBJECT, claims=document)


@pytest.mark.parametrize("document", [{}, {"sub": None}, {"sub": "x"}, {"sub": [SUBJECT]}], ids=repr)
def test_userinfo_about_somebody_else_is_refused(document: dict[str, object]) -> None:
    """Section 5.3.2: no substitution."""
    with pytest.raises(Reject) as caught:
        read_userinfo(document, subject=SUBJECT)
    assert caught.value.reason.id == "userinfo.subject"
