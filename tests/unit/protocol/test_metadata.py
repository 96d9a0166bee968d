"""RFC 8414, OpenID Connect Discovery and RFC 9728: one good document, every single mutation refused.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

import msgspec
import pytest

from trustweft.protocol.metadata import (
    ClientNeeds,
    ServerDescription,
    ServerMetadata,
    WellKnown,
    create_server_metadata,
    read_server_metadata,
    resource_well_known_url,
    well_known_urls,
)
from trustweft.protocol.resource_metadata import (
    ResourceDescription,
    ResourceMetadata,
    create_resource_metadata,
    read_resource_metadata,
)
from trustweft.runtime.errors import Reject

ISSUER = "https://as.example:8441"
SERVER = ServerDescription(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    pushed_authorization_request_endpoint=f"{ISSUER}/par",
    jwks_uri=f"{ISSUER}/jwks",
    introspection_endpoint=f"{ISSUER}/introspect",
    revocation_endpoint=f"{ISSUER}/revoke",
    userinfo_endpoint=f"{ISSUER}/userinfo",
    scopes=("openid", "accounts"),
    grant_types=("authorization_code", "refresh_token", "client_credentials"),
    claims=("sub", "name"),
    acr_values=("urn:example:gold",),
    prompt_values=("login",),
    mtls_endpoint_aliases=(("token_endpoint", "https://mtls.as.example/token"),),
    service_documentation="https://docs.example/",
    authorization_details_types=("payment", "accounts"),
)
GOOD = create_server_metadata(SERVER)
RESOURCE = "https://bank.example/v1"
GOOD_RESOURCE = create_resource_metadata(
    ResourceDescription(
        resource=RESOURCE,
        authorization_servers=(ISSUER,),
        scopes=("accounts",),
        name="Bank",
        documentation="https://docs.example/bank",
    )
)


def refusal(**changes: object) -> str:
    """Read the good document with changes; a change to ... drops the member."""
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    with pytest.raises(Reject) as caught:
        read_server_metadata(document, issuer=ISSUER)
    return caught.value.reason.id


def resource_refusal(**changes: object) -> str:
    document = {name: value for name, value in {**GOOD_RESOURCE, **changes}.items() if value is not ...}
    with pytest.raises(Reject) as caught:
        read_resource_metadata(document, resource=RESOURCE)
    return caught.value.reason.id


@pytest.mark.parametrize(
    ("issuer", "oauth", "openid"),
    [
        (
            "https://example.com",
            "https://example.com/.well-known/oauth-authorization-server",
            "https://example.com/.well-known/openid-configuration",
        ),
        (  # RFC 8414 section 3.1, OpenID Connect Discovery section 4.1
            "https://example.com/issuer1",
            "https://example.com/.well-known/oauth-authorization-server/issuer1",
            "https://example.com/issuer1/.well-known/openid-configuration",
        ),
        (
            "https://example.com:8441/",
            "https://example.com:8441/.well-known/oauth-authorization-server",
            "https://example.com:8441/.well-known/openid-configuration",
        ),
    ],
)
def test_the_well_known_urls_are_those_of_the_specifications(issuer: str, oauth: str, openid: str) -> None:
    """RFC 8414 inserts before the path, OpenID Connect Discovery appends behind it."""
    assert well_known_urls(issuer) == WellKnown(oauth, openid)


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://resource.example.com", "https://resource.example.com/.well-known/oauth-protected-resource"),
        (  # RFC 9728 section 3.1
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
        ),
        (
            "https://resource.example.com/a?b=1",
            "https://resource.example.com/.well-known/oauth-protected-resource/a?b=1",
        ),
    ],
)
def test_the_well_known_url_of_a_resource_is_that_of_rfc_9728(resource: str, url: str) -> None:
    """The well-known part stands between host and path; a query stays."""
    assert resource_well_known_url(resource) == url


def test_a_server_says_all_that_an_examiner_asks_for() -> None:
    """The whole document: what RFC 8414, 9126, 9207, 9449 and OpenID Connect define, and never RS256."""
    algorithms = ["ES256", "PS256", "EdDSA", "Ed25519"]
    assert {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
        "jwks_uri": f"{ISSUER}/jwks",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "scopes_supported": ["openid", "accounts"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": True,
        "dpop_signing_alg_values_supported": algorithms,
        "tls_client_certificate_bound_access_tokens": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["sub", "name"],
        "claims_parameter_supported": False,
        "acr_values_supported": ["urn:example:gold"],
        "prompt_values_supported": ["login"],
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.as.example/token"},
        "service_documentation": "https://docs.example/",
        "authorization_details_types_supported": ["payment", "accounts"],
    } == GOOD


def test_a_server_without_openid_connect_says_nothing_of_it() -> None:
    """What is not there is not advertised, and the rest still reads."""
    bare = msgspec.structs.replace(
        SERVER,
        id_token_algorithms=(),
        userinfo_endpoint=None,
        introspection_endpoint=None,
        revocation_endpoint=None,
        mtls_endpoint_aliases=(),
        service_documentation=None,
    )
    document = create_server_metadata(bare)
    assert {"userinfo_endpoint", "subject_types_supported", "mtls_endpoint_aliases"}.isdisjoint(document)
    assert "introspection_endpoint_auth_methods_supported" not in document
    read = read_server_metadata(document, issuer=ISSUER)
    assert (read.userinfo_endpoint, read.id_token_algorithms, read.mtls_endpoint_aliases) == (None, (), {})
    plain = create_server_metadata(msgspec.structs.replace(SERVER, acr_values=(), prompt_values=()))
    assert {"acr_values_supported", "prompt_values_supported"}.isdisjoint(plain)


def test_a_server_says_which_signed_requests_it_takes() -> None:
    """And nothing of them where it takes none (RFC 9101 section 10.5, OpenID Connect Discovery section 3)."""
    taking = msgspec.structs.replace(
        SERVER,
        request_object_algorithms=("ES256", "PS256"),
        require_signed_request_object=True,
        require_pushed_requests=False,
    )
    said = {name: value for name, value in create_server_metadata(taking).items() if GOOD.get(name) != value}
    assert said == {
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": ["ES256", "PS256"],
        "require_signed_request_object": True,
        "require_pushed_authorization_requests": False,
    }


@pytest.mark.parametrize("algorithm", ["RS256", "none", "HS256", "ES384"])
def test_a_forbidden_algorithm_is_never_advertised(algorithm: str) -> None:
    """FAPI 2.0 section 5.4.1, against what OpenID Connect Discovery asks for."""
    for member in ("signing_algorithms", "id_token_algorithms", "request_object_algorithms"):
        described = msgspec.structs.replace(SERVER, **{member: ("ES256", algorithm)})
        with pytest.raises(ValueError, match="algorithm"):
            create_server_metadata(described)
    with pytest.raises(ValueError, match="algorithm"):
        create_resource_metadata(
            ResourceDescription(
                resource=RESOURCE, authorization_servers=(), scopes=(), signing_algorithms=(algorithm,)
            )
        )


@pytest.mark.parametrize("url", ["http://as.example", "https://as.example#x", "as.example", ""])
def test_an_unsafe_url_is_never_advertised(url: str) -> None:
    """A mistake in the configuration is found at start."""
    for changes in (
        {"issuer": url},
        {"token_endpoint": url},
        {"mtls_endpoint_aliases": (("token_endpoint", url),)},
    ):
        with pytest.raises(ValueError, match="https"):
            create_server_metadata(msgspec.structs.replace(SERVER, **changes))
    described = ResourceDescription(resource=RESOURCE, authorization_servers=(ISSUER,), scopes=())
    for resource in ({"resource": url}, {"authorization_servers": (url,)}):
        with pytest.raises(ValueError, match="https"):
            create_resource_metadata(msgspec.structs.replace(described, **resource))


def test_the_good_document_is_read() -> None:
    """What a server creates, a client reads; unknown members are left out."""
    assert read_server_metadata({**GOOD, "unknown": {"a": [1]}}, issuer=ISSUER) == ServerMetadata(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        pushed_authorization_request_endpoint=f"{ISSUER}/par",
        jwks_uri=f"{ISSUER}/jwks",
        introspection_endpoint=f"{ISSUER}/introspect",
        revocation_endpoint=f"{ISSUER}/revoke",
        userinfo_endpoint=f"{ISSUER}/userinfo",
        scopes=("openid", "accounts"),
        grant_types=("authorization_code", "refresh_token", "client_credentials"),
        assertion_algorithms=("ES256", "PS256", "EdDSA", "Ed25519"),
        dpop_algorithms=("ES256", "PS256", "EdDSA", "Ed25519"),
        id_token_algorithms=("ES256",),
        mtls_endpoint_aliases={"token_endpoint": "https://mtls.as.example/token"},
        authorization_details_types=("payment", "accounts"),
    )


def test_registration_endpoints_are_created_and_read() -> None:
    """Where clients register themselves, and where they recover; a server without says nothing of them."""
    urls = {
        "registration_endpoint": f"{ISSUER}/register",
        "registration_recovery_endpoint": f"{ISSUER}/register/recovery",
    }
    document = create_server_metadata(msgspec.structs.replace(SERVER, **urls))
    read = read_server_metadata(document, issuer=ISSUER)
    assert read.registration_endpoint == urls["registration_endpoint"]
    assert read.registration_recovery_endpoint == urls["registration_recovery_endpoint"]
    assert read_server_metadata(GOOD, issuer=ISSUER).registration_endpoint is None


def test_a_server_for_many_profiles_is_read() -> None:
    """Other algorithms and methods may stand beside those that we use; they are not kept."""
    read = read_server_metadata(
        {
            **GOOD,
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "none"],
            "dpop_signing_alg_values_supported": ["ES256", "ES512"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "response_types_supported": ["code", "code id_token"],
            "mtls_endpoint_aliases": {"other_endpoint": "http://x"},
        },
        issuer=ISSUER,
    )
    assert (read.id_token_algorithms, read.dpop_algorithms) == (("PS256",), ("ES256",))
    assert read.mtls_endpoint_aliases == {}


def test_members_that_are_left_out_mean_what_rfc_8414_says() -> None:
    """Without grant types and response modes the defaults hold, and they suffice."""
    document = {
        name: value
        for name, value in GOOD.items()
        if name not in {"grant_types_supported", "response_modes_supported"}
    }
    assert read_server_metadata(document, issuer=ISSUER).grant_types == ("authorization_code", "implicit")


@pytest.mark.parametrize(
    "issuer", [..., None, 1, "", ISSUER + "/", ISSUER.upper(), "https://as.example", [ISSUER]], ids=repr
)
def test_1_the_metadata_of_another_issuer_is_refused(issuer: object) -> None:
    """RFC 8414 section 3.3: octet by octet, else a mix-up is possible."""
    assert refusal(issuer=issuer) == "metadata.issuer"


def test_1_an_issuer_without_https_is_refused() -> None:
    """Also where the configuration and the document agree."""
    with pytest.raises(Reject) as caught:
        read_server_metadata({**GOOD, "issuer": "http://as.example"}, issuer="http://as.example")
    assert caught.value.reason.id == "metadata.issuer"


@pytest.mark.parametrize(
    "member",
    ["authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "jwks_uri"],
)
def test_2_a_missing_endpoint_is_refused(member: str) -> None:
    """FAPI 2.0 needs all four."""
    assert refusal(**{member: ...}) == "metadata.endpoint"


@pytest.mark.parametrize(
    "member",
    ["authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "jwks_uri",
     "introspection_endpoint", "revocation_endpoint", "userinfo_endpoint"],
)  # fmt: skip
@pytest.mark.parametrize(
    "url",
    [None, 1, "", "http://as.example/x", "javascript:alert(1)", "//as.example/x", "/x", "https://", "https:///x",
     "https://user@as.example/x", "https://as.example/x#y", "https://as.example:0/x", "https://as.example:99999/x",
     "https://as.example/ x", "https://as.example\\@evil.example/x", "https://as.example/\n", "https://as.exämple/",
     "https://as.example/" + "x" * 3_000],
    ids=lambda url: repr(url)[:30],
)  # fmt: skip
def test_2_an_endpoint_that_is_no_https_url_is_refused(member: str, url: object) -> None:
    """Nothing that a parser could read in two ways, and nothing without TLS."""
    assert refusal(**{member: url}) == "metadata.endpoint"


@pytest.mark.parametrize("aliases", [{"token_endpoint": "http://x"}, {"userinfo_endpoint": 1}], ids=repr)
def test_2_an_alias_that_is_no_https_url_is_refused(aliases: object) -> None:
    """The endpoints for client certificates are endpoints too (RFC 8705 section 5)."""
    assert refusal(mtls_endpoint_aliases=aliases) == "metadata.endpoint"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("response_types_supported", ...),
        ("response_types_supported", ["code id_token", "token"]),
        ("code_challenge_methods_supported", ...),
        ("code_challenge_methods_supported", ["plain"]),
        ("token_endpoint_auth_methods_supported", ...),
        ("token_endpoint_auth_methods_supported", ["client_secret_basic", "none"]),
        ("grant_types_supported", ["implicit"]),
        ("response_modes_supported", ["form_post"]),
        ("authorization_response_iss_parameter_supported", ...),
        ("authorization_response_iss_parameter_supported", False),
        ("authorization_response_iss_parameter_supported", "true"),
        ("authorization_response_iss_parameter_supported", 1),
    ],
)
def test_3_a_server_that_cannot_do_fapi_is_refused(member: str, value: object) -> None:
    """The client does not begin what it cannot finish safely."""
    assert refusal(**{member: value}) == "metadata.unsupported"


@pytest.mark.parametrize(
    "value", ["code", None, {"code": 1}, ["code", 1], ["code"] * 1_001], ids=lambda value: repr(value)[:20]
)
@pytest.mark.parametrize(
    "member", ["response_types_supported", "scopes_supported", "dpop_signing_alg_values_supported"]
)
def test_3_a_list_of_another_type_is_refused(member: str, value: object) -> None:
    """A text that contains the word is not a list that has it."""
    assert refusal(**{member: value}) == "metadata.malformed"


def test_3_aliases_of_another_type_are_refused() -> None:
    """The aliases are an object."""
    assert refusal(mtls_endpoint_aliases=["x"]) == "metadata.malformed"


@pytest.mark.parametrize(
    "member", ["dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"]
)
@pytest.mark.parametrize("value", [..., [], ["RS256", "none"]], ids=repr)
def test_4_a_server_without_allowed_algorithms_is_refused(member: str, value: object) -> None:
    """A server that knows RS256 only is no server for this client."""
    assert refusal(**{member: value}) == "metadata.algorithm"


def test_a_resource_says_what_it_is() -> None:
    """RFC 9728 section 2: tokens in the header, always bound by DPoP."""
    assert GOOD_RESOURCE == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["accounts"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "Ed25519"],
        "dpop_bound_access_tokens_required": True,
        "tls_client_certificate_bound_access_tokens": False,
        "resource_name": "Bank",
        "resource_documentation": "https://docs.example/bank",
    }
    bare = ResourceDescription(resource=RESOURCE, authorization_servers=(ISSUER,), scopes=())
    assert {"resource_name", "resource_documentation"}.isdisjoint(create_resource_metadata(bare))


def test_a_resource_is_read() -> None:
    """What a resource creates, a client reads."""
    assert read_resource_metadata(GOOD_RESOURCE, resource=RESOURCE) == ResourceMetadata(
        resource=RESOURCE,
        authorization_servers=(ISSUER,),
        scopes=("accounts",),
        dpop_algorithms=("ES256", "PS256", "EdDSA", "Ed25519"),
    )


def test_the_example_of_rfc_9728_is_read() -> None:
    """Section 3.2; the method body is passed over, header is what we use."""
    document = {
        "resource": "https://resource.example.com",
        "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
        "bearer_methods_supported": ["header", "body"],
        "scopes_supported": ["profile", "email", "phone"],
        "resource_documentation": "https://resource.example.com/resource_documentation.html",
    }
    assert read_resource_metadata(document, resource="https://resource.example.com") == ResourceMetadata(
        resource="https://resource.example.com",
        authorization_servers=("https://as1.example.com", "https://as2.example.net"),
        scopes=("profile", "email", "phone"),
        dpop_algorithms=(),
    )


@pytest.mark.parametrize(
    "resource", [..., None, RESOURCE + "/", "https://bank.example", [RESOURCE]], ids=repr
)
def test_the_metadata_of_another_resource_is_refused(resource: object) -> None:
    """RFC 9728 section 3.3: else a stranger could describe our resource."""
    assert resource_refusal(resource=resource) == "metadata.resource"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"authorization_servers": ["http://as.example"]}, "metadata.endpoint"),
        ({"authorization_servers": ISSUER}, "metadata.malformed"),
        ({"bearer_methods_supported": ["query"]}, "metadata.unsupported"),
        ({"scopes_supported": "accounts"}, "metadata.malformed"),
    ],
)
def test_a_resource_that_is_not_safe_is_refused(changes: dict[str, object], expected: str) -> None:
    """Servers without TLS, tokens in the query, and wrong types."""
    assert resource_refusal(**changes) == expected


CODE_FLOW = (
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "response_types_supported",
    "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported",
)


def test_a_client_that_asks_nobody_needs_nothing_of_the_code_flow() -> None:
    """RFC 6749 section 4.4: a server for client credentials alone is a whole server."""
    document = {name: value for name, value in GOOD.items() if name not in CODE_FLOW}
    document["grant_types_supported"] = ["client_credentials"]
    read = read_server_metadata(document, issuer=ISSUER, needs=ClientNeeds(people=False))
    assert (read.authorization_endpoint, read.pushed_authorization_request_endpoint) == (None, None)
    assert read.token_endpoint == GOOD["token_endpoint"]


@pytest.mark.parametrize("name", CODE_FLOW)
def test_3_a_client_that_asks_people_needs_all_of_the_code_flow(name: str) -> None:
    """FAPI 2.0 section 5.3.3.2: whatever is missing, no request is pushed."""
    document = {other: value for other, value in GOOD.items() if other != name}
    with pytest.raises(Reject, match=r"metadata\.(endpoint|unsupported)"):
        read_server_metadata(document, issuer=ISSUER)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_2_what_a_client_that_asks_nobody_finds_must_be_right(name: str) -> None:
    """An address that nobody needs yet is judged like the one that everybody does."""
    document = {**GOOD, name: "http://as.example/other"}
    with pytest.raises(Reject, match=r"metadata\.endpoint"):
        read_server_metadata(document, issuer=ISSUER, needs=ClientNeeds(people=False))


CERTIFICATES = ClientNeeds(
    authentication_methods=("tls_client_auth",), dpop=False, certificate_bound=True, keys=False
)


def test_what_a_client_with_certificates_does_not_need_may_be_missing() -> None:
    """RFC 8705: neither proofs nor assertions, and no keys where there are no ID tokens."""
    document = {
        **GOOD,
        "token_endpoint_auth_methods_supported": ["tls_client_auth"],
        "tls_client_certificate_bound_access_tokens": True,
    }
    for name in (
        "jwks_uri",
        "dpop_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ):
        del document[name]
    read = read_server_metadata(document, issuer=ISSUER, needs=CERTIFICATES)
    assert (read.jwks_uri, read.dpop_algorithms, read.assertion_algorithms) == (None, (), ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "metadata.unsupported"),
        ({"token_endpoint_auth_methods_supported": ["self_signed_tls_client_auth"]}, "metadata.unsupported"),
        ({"tls_client_certificate_bound_access_tokens": False}, "metadata.unsupported"),
        ({"tls_client_certificate_bound_access_tokens": "true"}, "metadata.unsupported"),
        ({"tls_client_certificate_bound_access_tokens": ...}, "metadata.unsupported"),
        ({"jwks_uri": "http://as.example/jwks"}, "metadata.endpoint"),
    ],
    ids=repr,
)
def test_3_what_a_client_with_certificates_needs_must_be_there(
    changes: dict[str, object], reason: str
) -> None:
    """What stands there must be right although nobody needs it."""
    document = {
        **GOOD,
        "token_endpoint_auth_methods_supported": ["tls_client_auth"],
        "tls_client_certificate_bound_access_tokens": True,
        **changes,
    }
    kept = {name: value for name, value in document.items() if value is not ...}
    with pytest.raises(Reject) as caught:
        read_server_metadata(kept, issuer=ISSUER, needs=CERTIFICATES)
    assert caught.value.reason.id == reason
