"""RFC 7591 client metadata as FAPI 2.0 allows it: one good document, every single mutation refused.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

import msgspec
import pytest

from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk
from trustweft.protocol.mtls import CertificateName
from trustweft.protocol.registration import ClientMetadata, read_client_metadata
from trustweft.runtime.errors import Reject

ELLIPTIC = generate_private_key("ES256")
EDWARDS = generate_private_key("EdDSA")
JWKS = {"keys": [{**public_jwk(ELLIPTIC.public_key()), "kid": "k1", "alg": "ES256", "use": "sig"}]}
GOOD: dict[str, object] = {
    "client_id": "moneyview",
    "client_name": "MoneyView",
    "organization_name": "MoneyView Ltd",
    "redirect_uris": ["https://moneyview.example/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "scope": "openid accounts",
    "jwks": JWKS,
    "token_endpoint_auth_method": "private_key_jwt",
    "dpop_bound_access_tokens": True,
}


def changed(**changes: object) -> dict[str, object]:
    """Return the good document with changes; a change to ... drops the member."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def refusal(**changes: object) -> tuple[str, str]:
    with pytest.raises(Reject) as caught:
        read_client_metadata(changed(**changes))
    assert caught.value.reason.status == 400
    return caught.value.reason.id.removeprefix("client-metadata."), caught.value.reason.error


def test_the_good_document_is_read() -> None:
    """Every member comes out typed, with the defaults filled in."""
    assert read_client_metadata(GOOD) == ClientMetadata(
        client_id="moneyview",
        client_name="MoneyView",
        organization_name="MoneyView Ltd",
        application_type="web",
        redirect_uris=read_client_metadata(GOOD).redirect_uris,
        grant_types=("authorization_code", "refresh_token"),
        response_types=("code",),
        scope=("openid", "accounts"),
        jwks=JWKS,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="ES256",
        id_token_signed_response_alg="ES256",
        certificate_name=None,
        tls_client_certificate_bound_access_tokens=False,
        dpop_bound_access_tokens=True,
        use_mtls_endpoint_aliases=False,
        resource_server_for=(),
        ignored=(),
    )
    assert read_client_metadata(GOOD).redirect_uris == ("https://moneyview.example/callback",)


def test_what_is_left_out_has_safe_defaults() -> None:
    """A left-out algorithm is ES256 and never RS256, a left-out method private_key_jwt and never a secret."""
    read = read_client_metadata(
        changed(
            grant_types=...,
            response_types=...,
            scope=...,
            token_endpoint_auth_method=...,
            dpop_bound_access_tokens=...,
        )
    )
    assert read.grant_types == ("authorization_code",)
    assert read.response_types == ("code",)
    assert read.scope == ()
    assert read.token_endpoint_auth_method == "private_key_jwt"
    assert read.token_endpoint_auth_signing_alg == "ES256"
    assert read.id_token_signed_response_alg == "ES256"
    assert read.dpop_bound_access_tokens is True


def test_a_result_can_be_stored_and_read_again() -> None:
    """What was checked once passes again: the registry stores the document and reads it later."""
    stored = msgspec.json.encode(read_client_metadata(GOOD))
    again = read_client_metadata(
        {
            name: " ".join(value) if name == "scope" else value
            for name, value in msgspec.json.decode(stored).items()
            if value is not None
        }
    )
    assert msgspec.structs.replace(again, ignored=()) == read_client_metadata(GOOD)


def test_the_directorys_identifiers_are_kept() -> None:
    """Off-boarding finds a client by its software: by its own identifier where no other is registered."""
    read = read_client_metadata(changed(software_id="planner", organisation_id="plannery"))
    assert (read.software_id, read.software, read.organisation_id) == ("planner", "planner", "plannery")
    bare = read_client_metadata(GOOD)
    assert (bare.software_id, bare.software, bare.organisation_id) == (None, "moneyview", None)


@pytest.mark.parametrize("member", ["software_id", "organisation_id"])
@pytest.mark.parametrize("value", ["", "a b", "x" * 129, "organisation:x", 5, ["planner"]])
def test_an_identifier_that_no_directory_has_is_refused(member: str, value: object) -> None:
    """One that nobody could be found by would survive every order."""
    with pytest.raises(Reject, match=r"client-metadata\.directory-identifier"):
        read_client_metadata(changed(**{member: value}))


def test_unknown_members_are_ignored_and_listed() -> None:
    """RFC 7591 section 2; an operator sees what had no effect."""
    read = read_client_metadata(
        changed(redirect_uri=["x"], client_uri="https://x", **{"client_name#de": "Geld"})
    )
    assert read.ignored == ("client_name#de", "client_uri", "redirect_uri")


def test_a_resource_server_is_a_client_without_grants() -> None:
    """It authenticates and introspects for the audiences that it is registered for; it gets no tokens."""
    read = read_client_metadata(
        changed(
            client_id="bank",
            grant_types=[],
            response_types=...,
            redirect_uris=...,
            resource_server_for=["https://bank.example"],
        )
    )
    assert (read.grant_types, read.response_types, read.redirect_uris) == ((), (), ())
    assert read.resource_server_for == ("https://bank.example",)


def test_a_machine_needs_no_redirect_uri() -> None:
    """Client credentials involve no browser."""
    read = read_client_metadata(
        changed(grant_types=["client_credentials"], response_types=[], redirect_uris=[])
    )
    assert (read.grant_types, read.response_types, read.redirect_uris) == (("client_credentials",), (), ())


def test_a_native_application_may_use_its_loopback_address() -> None:
    """RFC 8252 section 7.3, and only there."""
    read = read_client_metadata(
        changed(application_type="native", redirect_uris=["http://127.0.0.1/callback"])
    )
    assert read.application_type == "native"
    assert read.redirect_uris == ("http://127.0.0.1/callback",)


@pytest.mark.parametrize(
    "client_id",
    [..., None, 1, "", "ab", "a" * 65, "MoneyView", "-abc", "_abc", "a.b.c", "a b c", "abc\n", "sub.AAAAAAAAAAAAAAAAAAAAAA",
     "https://x", "äbc", ["moneyview"]],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_1_another_client_id_is_refused(client_id: object) -> None:
    """A client can never be taken for a person: no identifier has a dot (FAPI 2.0 section 6.7)."""
    assert refusal(client_id=client_id) == ("client-id", "invalid_client_metadata")


@pytest.mark.parametrize("client_id", ["abc", "0-_", "a" * 64])
def test_1_the_bounds_of_the_grammar_are_accepted(client_id: str) -> None:
    """3 to 64 characters."""
    assert read_client_metadata(changed(client_id=client_id)).client_id == client_id


@pytest.mark.parametrize("member", ["client_name", "organization_name"])
@pytest.mark.parametrize(
    "name",
    [..., None, 1, "", "   ", "a\nb", "a\u202eb", "a\0", "a" * 201],
    ids=lambda value: repr(value)[:20],
)
def test_2_a_name_that_people_cannot_read_is_refused(member: str, name: object) -> None:
    """Missing, empty, endless, or with characters that make it look like another name."""
    assert refusal(**{member: name}) == ("name", "invalid_client_metadata")


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("none", "public-client"),
        ("client_secret_basic", "shared-secret"),
        ("client_secret_post", "shared-secret"),
        ("client_secret_jwt", "shared-secret"),
        ("tls_client_auth", "certificate"),
        ("tls_client_attestation", "authentication"),
        ("attest_jwt_client_auth", "authentication"),
        ("PRIVATE_KEY_JWT", "authentication"),
        ("", "authentication"),
        (None, "authentication"),
        (["private_key_jwt"], "authentication"),
        ({}, "authentication"),
    ],
    ids=repr,
)
def test_3_another_authentication_is_refused(method: object, expected: str) -> None:
    """Confidential clients with asymmetric keys only (FAPI 2.0 section 5.3.2.1 items 3 and 6)."""
    assert refusal(token_endpoint_auth_method=method) == (expected, "invalid_client_metadata")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("tls_client_auth_subject_dn", "CN=moneyview,O=MoneyView Ltd"),
        ("tls_client_auth_san_dns", "client.moneyview.example"),
        ("tls_client_auth_san_uri", "urn:example:moneyview"),
        ("tls_client_auth_san_ip", "192.0.2.1"),
        ("tls_client_auth_san_email", "client@moneyview.example"),
    ],
)
def test_3_a_certificate_may_be_known_by_one_name(member: str, value: str) -> None:
    """RFC 8705 section 2.1.2; no keys are needed then."""
    read = read_client_metadata(
        changed(token_endpoint_auth_method="tls_client_auth", jwks=..., **{member: value})
    )
    assert read.certificate_name == CertificateName(member=member, value=value)
    assert read.token_endpoint_auth_method == "tls_client_auth"
    assert read.ignored == ()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tls_client_auth_subject_dn": "moneyview"},
        {"tls_client_auth_subject_dn": "CN=a", "tls_client_auth_san_dns": "a"},
    ],
)
def test_3_a_certificate_without_one_good_name_is_refused(changes: dict[str, object]) -> None:
    """Nobody would know which certificate is meant."""
    expected = ("certificate", "invalid_client_metadata")
    assert refusal(token_endpoint_auth_method="tls_client_auth", **changes) == expected


def test_3_a_self_signed_certificate_is_known_by_its_key() -> None:
    """RFC 8705 section 2.2.2; a set without a usable key is refused."""
    method = "self_signed_tls_client_auth"
    assert read_client_metadata(changed(token_endpoint_auth_method=method)).jwks == JWKS
    assert refusal(token_endpoint_auth_method=method, jwks={"keys": []})[0] == "certificate"
    assert refusal(token_endpoint_auth_method=method, jwks=...)[0] == "keys"


@pytest.mark.parametrize(
    ("certificate", "proof_key", "bound_to_certificate"),
    [(True, ..., True), (True, False, True), (False, True, False), (False, ..., False), (..., ..., False)],
)
def test_9_tokens_are_bound_in_one_way(
    certificate: object, proof_key: object, *, bound_to_certificate: bool
) -> None:
    """The client's registration says which; DPoP where it says nothing."""
    read = read_client_metadata(
        changed(tls_client_certificate_bound_access_tokens=certificate, dpop_bound_access_tokens=proof_key)
    )
    assert read.tls_client_certificate_bound_access_tokens is bound_to_certificate
    assert read.dpop_bound_access_tokens is not bound_to_certificate


@pytest.mark.parametrize(
    ("certificate", "proof_key"), [(True, True), (False, False), ("true", False), (1, False), (None, True)]
)
def test_9_other_bindings_are_refused(certificate: object, proof_key: object) -> None:
    """Neither both, nor none, nor a guess."""
    assert refusal(
        tls_client_certificate_bound_access_tokens=certificate, dpop_bound_access_tokens=proof_key
    ) == ("sender-constraint", "invalid_client_metadata")


def test_the_use_of_aliases_is_registered() -> None:
    """FAPI 2.0 section 5.2.2.1.1: a boolean, false where it is left out."""
    assert read_client_metadata(GOOD).use_mtls_endpoint_aliases is False
    assert read_client_metadata(changed(use_mtls_endpoint_aliases=True)).use_mtls_endpoint_aliases is True
    assert refusal(use_mtls_endpoint_aliases="yes") == ("aliases", "invalid_client_metadata")


def test_3_a_client_secret_is_refused() -> None:
    """Also beside a good method: nobody should think that it works."""
    assert refusal(client_secret="secret") == ("shared-secret", "invalid_client_metadata")


def test_3_the_example_of_rfc_7591_is_refused() -> None:
    """Section 3.1 registers a client with a secret: not here."""
    example = {
        "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
        "client_name": "My Example Client",
        "client_name#ja-Jpan-JP": "\u30af\u30e9\u30a4\u30a2\u30f3\u30c8\u540d",
        "token_endpoint_auth_method": "client_secret_basic",
        "logo_uri": "https://client.example.org/logo.png",
        "jwks_uri": "https://client.example.org/my_public_keys.jwks",
        "example_extension_parameter": "example_value",
        "client_id": "s6bhdrkqt3",
        "organization_name": "Example",
    }
    with pytest.raises(Reject) as caught:
        read_client_metadata(example)
    assert caught.value.reason.id == "client-metadata.shared-secret"


@pytest.mark.parametrize("member", ["token_endpoint_auth_signing_alg", "id_token_signed_response_alg"])
@pytest.mark.parametrize(
    "algorithm", ["RS256", "none", "HS256", "ES384", "es256", "", None, 1, ["ES256"]], ids=repr
)
def test_4_another_algorithm_is_refused(member: str, algorithm: object) -> None:
    """FAPI 2.0 section 5.4.1 item 1."""
    assert refusal(**{member: algorithm}) == ("algorithm", "invalid_client_metadata")


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_4_both_names_of_one_algorithm_are_read(name: str) -> None:
    """RFC 8037 and RFC 9864 mean the same."""
    jwks = {"keys": [public_jwk(EDWARDS.public_key())]}
    read = read_client_metadata(
        changed(token_endpoint_auth_signing_alg=name, id_token_signed_response_alg=name, jwks=jwks)
    )
    assert read.token_endpoint_auth_signing_alg == "EdDSA"
    assert read.id_token_signed_response_alg == "EdDSA"


@pytest.mark.parametrize(
    ("jwks", "expected"),
    [
        (..., "keys"),
        (None, "keys"),
        ([], "keys"),
        ({}, "keys"),
        ({"keys": {}}, "keys"),
        ({"keys": ["x"]}, "keys"),
        ({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, "keys"),
        ({"keys": []}, "no-fitting-key"),
        ({"keys": [{"kty": []}]}, "no-fitting-key"),
        ({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}]}, "no-fitting-key"),
        ({"keys": [public_jwk(EDWARDS.public_key())]}, "no-fitting-key"),
        ({"keys": [{**public_jwk(ELLIPTIC.public_key()), "use": "enc"}]}, "no-fitting-key"),
        ({"keys": [private_jwk(ELLIPTIC)]}, "private-keys"),
        ({"keys": [*JWKS["keys"], private_jwk(EDWARDS)]}, "private-keys"),
        ({"keys": [*JWKS["keys"], {"kty": "oct", "k": "c2VjcmV0"}]}, "private-keys"),
    ],
)
def test_5_keys_that_do_not_serve_are_refused(jwks: object, expected: str) -> None:
    """Public keys only, and at least one that fits the algorithm of the client's assertions."""
    assert refusal(jwks=jwks) == (expected, "invalid_client_metadata")


def test_5_keys_may_be_by_reference() -> None:
    """Which of them fit shows when they are used."""
    read = read_client_metadata(changed(jwks=..., jwks_uri="https://moneyview.example/jwks?v=1"))
    assert (read.jwks, read.jwks_uri) == (None, "https://moneyview.example/jwks?v=1")


def test_5_keys_by_value_and_by_reference_are_refused() -> None:
    """Whoever reads the one and whoever reads the other would believe different keys (RFC 7591 section 2)."""
    assert refusal(jwks_uri="https://x.example/jwks") == ("keys-twice", "invalid_client_metadata")
    assert refusal(jwks=..., jwks_uri=...) == ("keys", "invalid_client_metadata")
    assert refusal(jwks=..., jwks_uri=None) == ("keys", "invalid_client_metadata")


@pytest.mark.parametrize(
    "uri",
    ["", "http://moneyview.example/jwks", "file:///etc/passwd", "//moneyview.example/jwks", "/jwks", "https://",
     "https://user@moneyview.example/", "https://user:password@moneyview.example/", "https://moneyview.example/#keys",
     "https://moneyview.example\\@evil.example/", "https://moneyview.example/\n", "data:application/json,{}",
     "https://" + "a" * 3_000, 1, ["https://moneyview.example/jwks"], {}, False],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_5_a_reference_of_another_form_is_refused(uri: object) -> None:
    """Over https, from a host, and nothing that two readers would read as two addresses."""
    assert refusal(jwks=..., jwks_uri=uri) == ("keys-by-reference", "invalid_client_metadata")


def test_5_of_several_keys_one_must_fit() -> None:
    """A client that changes its keys registers the old one and the new one; others may stand beside them."""
    keys = [
        *JWKS["keys"],
        {**public_jwk(ELLIPTIC.public_key()), "kid": "k2"},
        public_jwk(EDWARDS.public_key()),
    ]
    for algorithm in ("ES256", "EdDSA"):
        read = read_client_metadata(changed(jwks={"keys": keys}, token_endpoint_auth_signing_alg=algorithm))
        assert read.token_endpoint_auth_signing_alg == algorithm
    refused = refusal(jwks={"keys": keys}, token_endpoint_auth_signing_alg="PS256")
    assert refused == ("no-fitting-key", "invalid_client_metadata")


def test_5_certificates_may_be_by_reference() -> None:
    """A client that vouches for itself publishes its certificate (RFC 8705 section 2.2.2); one known by a name may too."""
    reference = {"jwks": ..., "jwks_uri": "https://moneyview.example/jwks"}
    self_signed = changed(token_endpoint_auth_method="self_signed_tls_client_auth", **reference)
    named = changed(
        token_endpoint_auth_method="tls_client_auth", tls_client_auth_subject_dn="CN=x", **reference
    )
    for document in (self_signed, named):
        read = read_client_metadata(document)
        assert (read.jwks, read.jwks_uri) == (None, "https://moneyview.example/jwks")


@pytest.mark.parametrize(
    "grant_types",
    [None, "authorization_code", ["password"], ["implicit"], ["authorization_code", "password"], ["refresh_token"],
     ["client_credentials", "refresh_token"], ["authorization_code", "authorization_code"], [1], [["x"]],
     ["urn:ietf:params:oauth:grant-type:jwt-bearer"], ["authorization_code"] * 200],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_6_another_grant_type_is_refused(grant_types: object) -> None:
    """Passwords are never given to clients (FAPI 2.0 section 5.3.2.1 item 2), nothing goes through the front."""
    assert refusal(grant_types=grant_types) == ("grant-type", "invalid_client_metadata")


@pytest.mark.parametrize(
    "response_types",
    [None, "code", [], ["token"], ["code", "id_token"], ["code id_token"], ["code", "code"]],
    ids=repr,
)
def test_6_another_response_type_is_refused(response_types: object) -> None:
    """FAPI 2.0 section 5.3.2.2 item 1: code alone."""
    assert refusal(response_types=response_types) == ("response-type", "invalid_client_metadata")


def test_6_a_response_type_without_its_grant_is_refused() -> None:
    """RFC 7591 section 2.1: the two lists agree."""
    refused = refusal(grant_types=["client_credentials"], redirect_uris=[], response_types=["code"])
    assert refused == ("response-type", "invalid_client_metadata")


@pytest.mark.parametrize(
    "uris", [..., None, [], "https://x.example/", [1], [""], ["https://a.example/b"] * 2, ["https://a.example/" + "b" * 3_000]],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_7_redirect_uris_of_another_form_are_refused(uris: object) -> None:
    """A list of distinct texts, at least one."""
    assert refusal(redirect_uris=uris) == ("redirect-uris", "invalid_redirect_uri")


def test_7_redirect_uris_without_their_grant_are_refused() -> None:
    """A machine has no browser to redirect."""
    refused = refusal(grant_types=["client_credentials"], response_types=[])
    assert refused == ("redirect-uris", "invalid_redirect_uri")


@pytest.mark.parametrize(
    "uri",
    ["http://moneyview.example/callback", "http://127.0.0.1/callback", "https://a.example/#b", "https://user@a.example/",
     "javascript:alert(1)", "/callback", "https://*.example/", "data:text/html,x"],
)  # fmt: skip
def test_7_an_unsafe_redirect_uri_is_refused(uri: str) -> None:
    """One is enough, also behind a good one (FAPI 2.0 section 5.3.2.2 item 8)."""
    refused = refusal(redirect_uris=["https://moneyview.example/callback", uri])
    assert refused == ("redirect-uri", "invalid_redirect_uri")


@pytest.mark.parametrize("application_type", ["", "Web", "desktop", None, 1, ["web"], {}], ids=repr)
def test_7_another_application_type_is_refused(application_type: object) -> None:
    """It decides which redirect URIs are safe."""
    assert refusal(application_type=application_type) == ("application-type", "invalid_client_metadata")


@pytest.mark.parametrize("scope", [None, 1, ["openid"], " ", "a  b", "a\nb", 'a"b'], ids=repr)
def test_8_a_malformed_scope_is_refused(scope: object) -> None:
    """RFC 6749 section 3.3 says what a scope looks like."""
    assert refusal(scope=scope) == ("scope", "invalid_client_metadata")


@pytest.mark.parametrize("bound", [False, None, 0, 1, "true", "false"], ids=repr)
def test_9_unbound_tokens_are_refused(bound: object) -> None:
    """FAPI 2.0 section 5.3.2.1 item 4 knows no exception."""
    assert refusal(dpop_bound_access_tokens=bound) == ("sender-constraint", "invalid_client_metadata")


@pytest.mark.parametrize(
    "audiences", [None, "https://bank.example", [""], [1], ["a", "a"], {"a": 1}], ids=repr
)
def test_10_malformed_audiences_are_refused(audiences: object) -> None:
    """Whom an identity may ask about is a list of texts."""
    assert refusal(resource_server_for=audiences) == ("resource-server", "invalid_client_metadata")


PAYMENT = {"type": "payment", "amount": "50.00"}


def test_11_authorization_details_are_bounded_by_the_registration() -> None:
    """RFC 9396 section 10: the types; and, ours, the widest details that the client may ask for."""
    read = read_client_metadata(
        changed(authorization_details_types=["payment", "accounts"], authorization_details=[PAYMENT])
    )
    assert read.authorization_details_types == ("payment", "accounts")
    assert [detail.document() for detail in read.authorization_details] == [PAYMENT]
    assert read.ignored == ()


@pytest.mark.parametrize("types", ["payment", [""], [1], ["a", "a"], None, {}], ids=str)
def test_11_types_that_are_none_are_refused(types: object) -> None:
    """A list of distinct identifiers."""
    assert refusal(authorization_details_types=types) == (
        "authorization-details-types",
        "invalid_client_metadata",
    )


@pytest.mark.parametrize(
    "details",
    ["[]", {}, None, [1], [{}], [{"type": "accounts"}], [PAYMENT, {"type": "accounts"}], [PAYMENT] * 11],
    ids=str,
)
def test_11_details_that_are_none_or_of_another_type_are_refused(details: object) -> None:
    """A bound that cannot be compared with would be none."""
    assert refusal(authorization_details_types=["payment"], authorization_details=details) == (
        "authorization-details",
        "invalid_client_metadata",
    )


def test_13_signed_requests_are_registered() -> None:
    """RFC 9101 section 10.5: that a client always signs its requests, and with what; canonical, and open otherwise."""
    plain = read_client_metadata(changed())
    assert (plain.request_object_signing_alg, plain.require_signed_request_object) == (None, False)
    read = read_client_metadata(
        changed(request_object_signing_alg="Ed25519", require_signed_request_object=True)
    )
    assert (read.request_object_signing_alg, read.require_signed_request_object) == ("EdDSA", True)
    assert read.ignored == ()


@pytest.mark.parametrize("algorithm", ["none", "RS256", "HS256", "", None, ["ES256"]], ids=str)
def test_13_another_algorithm_for_requests_is_refused(algorithm: object) -> None:
    """Never ``none``, which OpenID Connect would allow, and no shared secret."""
    assert refusal(request_object_signing_alg=algorithm) == ("algorithm", "invalid_client_metadata")


@pytest.mark.parametrize("value", ["true", 1, None, []], ids=str)
def test_13_whether_requests_are_signed_is_a_boolean(value: object) -> None:
    """What could be read either way would be a downgrade."""
    assert refusal(require_signed_request_object=value) == ("request-objects", "invalid_client_metadata")
