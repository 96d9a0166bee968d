"""Request objects (RFC 9101): one good request object, and every single change of it refused with its reason."""

from __future__ import annotations

import json

import msgspec
import pytest

from mutations import Message, Mutation, change, change_header, drop, drop_header, rewrite, sign_with
from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, thumbprint
from trustweft.protocol.client_assertion import (
    ASSERTION_TYPE,
    create_client_assertion,
    parse_client_assertion,
)
from trustweft.protocol.jar import (
    ExpectedRequestObject,
    RequestObject,
    create_request_object,
    parse_request_object,
    verify_request_object,
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
STRICT = ExpectedRequestObject(
    client_id=CLIENT,
    issuer=ISSUER,
    algorithms=("PS256", "ES256", "EdDSA"),
    algorithm="ES256",
    require_not_before=True,
    require_identifier=True,
)
PARAMETERS = {"response_type": "code", "redirect_uri": "https://app.example/cb", "scope": "openid"}


def good() -> Message:
    """Return the one good request object before it is signed."""
    return Message(
        header={"alg": "ES256", "kid": "key-1", "typ": "oauth-authz-req+jwt"},
        claims={
            "iss": CLIENT,
            "aud": ISSUER,
            "client_id": CLIENT,
            **PARAMETERS,
            "iat": int(NOW),
            "nbf": int(NOW),
            "exp": int(NOW) + 300,
            "jti": "an-identifier",
        },
        signer=SIGNER,
    )


def verify(
    text: str, *, now: float = NOW, expected: ExpectedRequestObject = STRICT, keys: KeySet = KEYS
) -> RequestObject:
    """Parse and verify as the authorization server does."""
    return verify_request_object(
        parse_request_object(text), expected=expected, keys=keys, now=now, future_tolerance=30
    )


def refusal(text: str, *, now: float = NOW, expected: ExpectedRequestObject = STRICT) -> str:
    """Return the id of the reason that a request object is refused with."""
    with pytest.raises(Reject) as refused:
        verify(text, now=now, expected=expected)
    assert (refused.value.reason.error, refused.value.reason.status) == ("invalid_request_object", 400)
    return refused.value.reason.id


def loosely(**changes: object) -> ExpectedRequestObject:
    """Expect less than Message Signing and a federation together."""
    return msgspec.structs.replace(
        STRICT, algorithm=None, require_not_before=False, require_identifier=False, **changes
    )


def signed(text: str, payload: bytes) -> str:
    """Sign another payload under the same header."""
    octets = f"{text.partition('.')[0]}.{encode_base64url(payload)}"
    return f"{octets}.{encode_base64url(SIGNER.sign(octets.encode()))}"


def with_duplicate_member(text: str) -> str:
    """Sign claims in which ``redirect_uri`` occurs twice."""
    claims = json.dumps(good().claims)[:-1] + ', "redirect_uri": "https://attacker.example"}'
    return signed(text, claims.encode())


MUTATIONS = [
    # (1) size
    rewrite("too large", "request-object.too-large", lambda text: text + "A" * 50_000),
    change_header("request-object.malformed", x="A" * 33_000),
    # (2) shape
    rewrite("empty", "request-object.malformed", lambda _: ""),
    rewrite("no signature", "request-object.malformed", lambda text: text.rpartition(".")[0]),
    rewrite("encrypted", "request-object.encrypted", lambda text: text + ".c2Vl.bm90"),
    rewrite("payload is no object", "request-object.malformed", lambda text: signed(text, b"[]")),
    rewrite("claims twice", "request-object.malformed", with_duplicate_member),
    change_header("request-object.malformed", crit=["b64"]),
    # (3) alg
    drop_header("request-object.algorithm", "alg"),
    change_header("request-object.algorithm", alg="none"),
    change_header("request-object.algorithm", alg="RS256"),
    change_header("request-object.algorithm", alg="HS256"),
    # (4) typ: no other kind of token that the client signs
    change_header("request-object.typ", typ="client-authentication+jwt"),
    change_header("request-object.typ", typ="dpop+jwt"),
    change_header("request-object.typ", typ="entity-statement+jwt"),
    change_header("request-object.typ", typ=""),
    change_header("request-object.typ", typ=["oauth-authz-req+jwt"]),
    # (5) alg as registered
    change_header("request-object.algorithm", alg="PS256"),
    # (6) key
    change_header("request-object.no-key", kid="key-2"),  # a key of the client, for another algorithm
    change_header("request-object.no-key", kid="key-3"),
    # (7) signature
    sign_with("request-object.bad-signature", OTHER),
    rewrite("empty signature", "request-object.bad-signature", lambda text: text.rpartition(".")[0] + "."),
    # (8) iss
    drop("request-object.issuer", "iss"),
    change("request-object.issuer", iss="another"),
    change("request-object.issuer", iss=[CLIENT]),
    # (9) client_id
    drop("request-object.client", "client_id"),
    change("request-object.client", client_id="another"),
    # (10) aud
    drop("request-object.audience", "aud"),
    change("request-object.audience", aud="https://other.example"),
    change("request-object.audience", aud=f"{ISSUER}/par"),
    change("request-object.audience", aud=f"{ISSUER}/"),
    change("request-object.audience", aud=["https://other.example"]),
    change("request-object.audience", aud=[]),
    change("request-object.audience", aud=[ISSUER, 7]),
    # (11) sub
    change("request-object.subject", sub=CLIENT),
    change("request-object.subject", sub="alice"),
    change("request-object.subject", sub=None),
    # (12) exp and nbf
    drop("request-object.bad-time", "exp"),
    drop("request-object.bad-time", "nbf"),
    change("request-object.bad-time", exp="soon"),
    change("request-object.bad-time", exp=None),
    change("request-object.bad-time", nbf=True),
    change("request-object.expired", exp=int(NOW)),
    change("request-object.expired", exp=int(NOW) - 300, nbf=int(NOW) - 600),
    change("request-object.lifetime", exp=int(NOW) + 3_601),
    change("request-object.too-old", nbf=int(NOW) - 3_601),
    # (13) iat and nbf not ahead
    change("request-object.from-future", nbf=int(NOW) + 31),
    change("request-object.from-future", iat=int(NOW) + 31),
    change("request-object.bad-time", iat="now"),
    # (14) jti
    drop("request-object.bad-jti", "jti"),
    change("request-object.bad-jti", jti=""),
    change("request-object.bad-jti", jti=7),
    change("request-object.bad-jti", jti="j" * 257),
    # (15) no request in the request
    change("request-object.nested", request="e30.e30."),
    change("request-object.nested", request_uri="urn:ietf:params:oauth:request_uri:x"),
    change("request-object.nested", request_uri=None),
    # (16) parameters
    change("request-object.parameter", redirect_uri=["https://app.example/cb"]),
    change("request-object.parameter", state=True),
    change("request-object.parameter", state=None),
    change("request-object.parameter", max_age=1.5),
    change("request-object.parameter", state="a\0b"),
    change("request-object.parameter", **{"a\0b": "c"}),
    change("request-object.parameter", **{"n" * 101: "c"}),
    change("request-object.parameter", **{f"p{number}": "c" for number in range(100)}),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_single_change_is_refused(mutation: Mutation) -> None:
    """Whatever is changed in the good request object, it is refused, and for that."""
    assert refusal(mutation.apply(good())) == mutation.expected


def test_good_request_object_verifies() -> None:
    """What it says is the request; what is about the object itself is not part of it."""
    verified = verify(good().encode())
    assert dict(verified.parameters) == {"client_id": CLIENT, **PARAMETERS}
    assert (verified.client_id, verified.jti) == (CLIENT, "an-identifier")
    assert verified.expires_at == NOW + 330
    assert verified.key_thumbprint == thumbprint(SIGNER.public_key)


def test_created_request_object_verifies() -> None:
    """Both ends of the format fit together: type, times, and documents as what they are."""
    details = '[{"type":"payment_initiation"}]'
    text = create_request_object(
        SIGNER,
        client_id=CLIENT,
        issuer=ISSUER,
        parameters={**PARAMETERS, "authorization_details": details},
        now=NOW + 0.5,
        lifetime=60,
        jti="an-identifier",
        trust_chain=("a", "b"),
    )
    claims = jws.parse(text).unverified_claims()
    assert claims["authorization_details"] == [{"type": "payment_initiation"}]
    assert (claims["nbf"], claims["iat"], claims["exp"]) == (NOW, NOW, NOW + 60)
    parsed = parse_request_object(text)
    assert (parsed.token.header["typ"], parsed.trust_chain) == ("oauth-authz-req+jwt", ["a", "b"])
    assert dict(verify(text).parameters) == {
        "client_id": CLIENT,
        **PARAMETERS,
        "authorization_details": details,
    }


@pytest.mark.parametrize(
    ("parameters", "lifetime"),
    [({"request_uri": "urn:x"}, 60.0), ({"sub": CLIENT}, 60.0), ({}, 3_601.0), ({}, 0.0)],
)
def test_what_would_be_refused_is_not_created(parameters: dict[str, str], lifetime: float) -> None:
    """A nested request, a subject, or a life that is too long or none."""
    with pytest.raises(ValueError, match="no place"):
        create_request_object(
            SIGNER,
            client_id=CLIENT,
            issuer=ISSUER,
            parameters=parameters,
            now=NOW,
            lifetime=lifetime,
            jti="j",
        )


@pytest.mark.parametrize(
    "kind",
    ["oauth-authz-req+jwt", "application/oauth-authz-req+jwt", "OAUTH-AUTHZ-REQ+JWT", "JWT", "jwt"],
)
def test_typ_of_a_request_object(kind: str) -> None:
    """Its own type, with or without the prefix, and the general one; letters of either case (RFC 7515 section 4.1.9)."""
    message = good()
    message.header["typ"] = kind
    assert verify(message.encode()).client_id == CLIENT
    del message.header["typ"]
    assert verify(message.encode()).client_id == CLIENT


@pytest.mark.parametrize("audience", [[ISSUER], ["https://other.example", ISSUER]])
def test_the_issuer_may_be_one_of_several_in_aud(audience: list[str]) -> None:
    """Unlike the audience of an assertion (FAPI 2.0 Message Signing section 5.3.1 item 2)."""
    message = good()
    message.claims["aud"] = audience
    assert verify(message.encode()).client_id == CLIENT


@pytest.mark.parametrize("ahead", [8, 30])
def test_a_clock_that_is_a_little_ahead_does_no_harm(ahead: int) -> None:
    """Times some seconds ahead are accepted."""
    message = good()
    message.claims.update({"nbf": int(NOW) + ahead, "iat": int(NOW) + ahead})
    assert verify(message.encode()).client_id == CLIENT


def test_an_hour_is_the_longest_life() -> None:
    """From an hour back to now, or from now for an hour: to the second, and no longer."""
    message = good()
    message.claims.update({"nbf": int(NOW) - 3_600, "exp": int(NOW)})
    assert refusal(message.encode()) == "request-object.expired"
    assert verify(message.encode(), now=NOW - 1).client_id == CLIENT
    message.claims.update({"nbf": int(NOW), "exp": int(NOW) + 3_600})
    assert verify(message.encode()).client_id == CLIENT


def test_without_nbf_the_life_is_bounded_all_the_same() -> None:
    """It counts from ``iat``, and where there is none, from now: OpenID Connect and federations leave ``nbf`` open."""
    message = good()
    del message.claims["nbf"]
    assert verify(message.encode(), expected=loosely()).client_id == CLIENT
    message.claims["iat"] = int(NOW) - 3_601
    assert refusal(message.encode(), expected=loosely()) == "request-object.too-old"
    del message.claims["iat"]
    assert verify(message.encode(), expected=loosely()).client_id == CLIENT
    message.claims["exp"] = int(NOW) + 3_631
    assert refusal(message.encode(), expected=loosely()) == "request-object.lifetime"
    del message.claims["exp"]
    assert refusal(message.encode(), expected=loosely()) == "request-object.bad-time"


def test_an_identifier_may_be_left_out_where_the_client_authenticates() -> None:
    """Then there is nothing to remember; where it stands it must be one."""
    message = good()
    del message.claims["jti"]
    assert verify(message.encode(), expected=loosely()).replay_key is None
    message.claims["jti"] = 7
    assert refusal(message.encode(), expected=loosely()) == "request-object.bad-jti"


def test_two_clients_may_choose_the_same_identifier() -> None:
    """What is remembered has the client in it: nobody uses up the identifier of another."""
    mine = verify(good().encode())
    message = good()
    message.claims.update({"iss": "other", "client_id": "other"})
    theirs = verify(message.encode(), expected=loosely(client_id="other"))
    assert mine.replay_key is not None
    assert theirs.replay_key not in {None, mine.replay_key}
    assert verify(good().encode()).replay_key == mine.replay_key


def test_no_algorithm_registered_leaves_the_choice() -> None:
    """Any of the allowed, with a key of the client for it; a registered one admits no other."""
    message = Message(
        {"alg": "EdDSA", "kid": "key-2", "typ": "oauth-authz-req+jwt"}, good().claims, ROTATED
    ).encode()
    assert verify(message, expected=loosely()).key_thumbprint == thumbprint(ROTATED.public_key)
    assert refusal(message) == "request-object.algorithm"
    narrow = msgspec.structs.replace(loosely(), algorithms=("PS256",))
    assert refusal(message, expected=narrow) == "request-object.algorithm"


def test_numbers_and_documents_become_what_a_form_has() -> None:
    """A number its digits; the two parameters that are JSON their text, whichever way they were written."""
    message = good()
    message.claims.update(
        {"max_age": 60, "authorization_details": [{"type": "a"}], "claims": '{"id_token":{}}'}
    )
    parameters = dict(verify(message.encode()).parameters)
    assert parameters["max_age"] == "60"
    assert parameters["authorization_details"] == '[{"type":"a"}]'
    assert parameters["claims"] == '{"id_token":{}}'


def test_neither_passes_for_the_other() -> None:
    """A client assertion is no request object, and a request object no assertion, though one key signed both."""
    assertion = create_client_assertion(
        SIGNER, client_id=CLIENT, issuer=ISSUER, now=NOW, lifetime=60, jti="an-identifier"
    )
    assert refusal(assertion, expected=loosely()) == "request-object.client"
    claims = {**jws.parse(assertion).unverified_claims(), "client_id": CLIENT}
    assert refusal(jws.sign(claims, signer=SIGNER), expected=loosely()) == "request-object.subject"
    request = create_request_object(
        SIGNER, client_id=CLIENT, issuer=ISSUER, parameters=PARAMETERS, now=NOW, lifetime=60, jti="j"
    )
    with pytest.raises(Reject) as refused:
        parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=request)
    assert refused.value.reason.id == "client-assertion.typ"
