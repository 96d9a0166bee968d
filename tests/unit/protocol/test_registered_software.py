"""What is registered comes of the statement first, and of the request within it (RFC 7591 section 2.3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trustweft.protocol.registered_software import (
    Terms,
    compose_registration,
    create_client_information,
    with_defaults,
)
from trustweft.protocol.registration import read_client_metadata
from trustweft.protocol.software_statement import SoftwareRole, SoftwareStatement
from trustweft.runtime.errors import Reject

CALLBACKS = ("https://planner.example/callback", "https://planner.example/other")
SAID = SoftwareStatement(
    issuer="https://directory.example",
    jti="1",
    issued_at=0.0,
    software_id="planner",
    client_name="Planner",
    organisation_id="plannery",
    organization_name="Plannery Ltd",
    roles=(SoftwareRole(role="DATA"), SoftwareRole(role="PAYMENT", status="suspended")),
    scope=("openid", "accounts", "payments", "loans"),
    redirect_uris=CALLBACKS,
    jwks_uri="https://planner.example/jwks",
    certificate_subjects=("CN=planner,O=Plannery Ltd",),
    authorization_details_types=("payment_initiation", "other"),
)
TERMS = Terms(
    scope=("openid", "accounts", "payments"),
    roles={"DATA": ("openid", "accounts", "loans"), "PAYMENT": ("openid", "payments")},
    detail_types=("payment_initiation",),
)


def compose(
    document: dict[str, object] | None = None,
    *,
    said: SoftwareStatement = SAID,
    terms: Terms = TERMS,
    **changes: object,
) -> dict[str, object]:
    """Compose as a server does."""
    return compose_registration(
        {**(document or {}), **changes},
        said,
        software_statement="the.very.statement",
        client_id="software-1",
        terms=terms,
    )


def test_an_empty_request_means_all_that_the_statement_allows_and_the_server_knows() -> None:
    """Scope by active roles; redirect URIs, keys and names of the statement; identifiers for off-boarding."""
    registered = compose()
    assert registered == {
        "jwks_uri": "https://planner.example/jwks",
        "redirect_uris": list(CALLBACKS),
        "scope": "openid accounts",
        "authorization_details_types": ["payment_initiation"],
        "client_id": "software-1",
        "client_name": "Planner",
        "organization_name": "Plannery Ltd",
        "software_id": "planner",
        "organisation_id": "plannery",
        "software_statement": "the.very.statement",
    }
    metadata = read_client_metadata(registered)
    assert (metadata.software, metadata.organisation_id) == ("planner", "plannery")


def test_the_statement_comes_before_the_request() -> None:
    """Names, identifiers and keys are the directory's; nobody chooses a client identifier; the unknown is left out."""
    registered = compose(
        client_id="moneyview",
        client_name="Harbour Bank",
        organization_name="Harbour Bank plc",
        software_id="moneyview",
        organisation_id="harbour",
        software_statement="another",
        favourite_colour="blue",
        jwks_uri=SAID.jwks_uri,
    )
    assert registered == compose()


def test_a_request_chooses_within_the_statement() -> None:
    """Less than all, and ways that the statement is silent about."""
    registered = compose(
        redirect_uris=[CALLBACKS[1]],
        scope="accounts loans",
        authorization_details_types=[],
        grant_types=["authorization_code", "refresh_token"],
    )
    assert registered["redirect_uris"] == [CALLBACKS[1]]
    assert (
        registered["scope"] == "accounts"
    )  # loans are allowed, and unknown here: the answer tells the truth
    assert registered["authorization_details_types"] == []
    assert registered["grant_types"] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"resource_server_for": ["https://bank.example"]}, "registration.privileged"),
        ({"jwks_uri": "https://attacker.example/jwks"}, "registration.other-keys"),
        ({"jwks": {"keys": []}}, "registration.other-keys"),
        ({"redirect_uris": ["https://attacker.example/callback"]}, "registration.redirect-uris"),
        ({"redirect_uris": [*CALLBACKS, "https://planner.example/callback/"]}, "registration.redirect-uris"),
        ({"redirect_uris": CALLBACKS[0]}, "registration.redirect-uris"),
        ({"redirect_uris": [[]]}, "registration.redirect-uris"),
        ({"redirect_uris": ""}, "registration.redirect-uris"),
        ({"authorization_details_types": {}}, "registration.authorization-details-types"),
        ({"scope": "accounts payments"}, "registration.scope"),  # of a role that is suspended
        ({"scope": "openid admin"}, "registration.scope"),
        ({"scope": ["openid"]}, "registration.scope"),
        ({"scope": "openid  accounts"}, "registration.scope"),
        ({"authorization_details_types": ["admin"]}, "registration.authorization-details-types"),
        ({"authorization_details_types": "other"}, "registration.authorization-details-types"),
    ],
)
def test_what_lies_beyond_the_statement_is_refused(asked: dict[str, object], reason: str) -> None:
    """Loudly, so that nobody believes to have it."""
    with pytest.raises(Reject) as refused:
        compose(asked)
    assert refused.value.reason.id == reason


def test_a_bad_redirect_uri_has_an_error_of_its_own() -> None:
    """RFC 7591 section 3.2.2."""
    with pytest.raises(Reject) as refused:
        compose(redirect_uris=["https://attacker.example/"])
    assert refused.value.reason.error == "invalid_redirect_uri"


def test_without_a_table_of_roles_the_statements_scope_counts() -> None:
    """Then the directory has done the sum; an empty scope asks for nothing."""
    terms = msgspec.structs.replace(TERMS, roles=None)
    assert compose(terms=terms)["scope"] == "openid accounts payments"
    assert compose(scope="")["scope"] == ""


def test_a_machine_needs_no_redirect_uris() -> None:
    """A software whose statement has some may still be registered for its own affairs alone."""
    registered = compose(grant_types=["client_credentials"])
    assert registered["redirect_uris"] == []
    assert read_client_metadata(registered).grant_types == ("client_credentials",)


@pytest.mark.parametrize("by_value", [True, False])
def test_where_keys_are_asked_for_by_reference_a_value_is_refused(*, by_value: bool) -> None:
    """Of the request and of the statement alike: a key that stands in neither can be taken back."""
    terms = msgspec.structs.replace(TERMS, keys_by_reference=True)
    said = msgspec.structs.replace(SAID, jwks_uri=None, jwks={"keys": []}) if by_value else SAID
    asked: dict[str, object] = {} if by_value else {"jwks": {"keys": []}}
    with pytest.raises(Reject, match=r"registration\.keys-by-value"):
        compose(asked, said=said, terms=terms)
    assert compose(terms=terms)["jwks_uri"] == SAID.jwks_uri


def test_keys_by_value_are_the_statements() -> None:
    """Named again in the request or not."""
    said = msgspec.structs.replace(SAID, jwks_uri=None, jwks={"keys": []})
    assert compose(said=said)["jwks"] == compose(said=said, jwks={"keys": []})["jwks"] == {"keys": []}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tls_client_auth_subject_dn": "cn=planner, o=Plannery Ltd"},
        {"tls_client_auth_subject_dn": r"2.5.4.3=#0c07706c616e6e6572,O=Plannery\20Ltd"},
    ],
)
def test_a_certificate_is_known_by_the_name_that_the_statement_has(asked: dict[str, object]) -> None:
    """However it is spelt: names are compared, not spellings (RFC 4514)."""
    registered = compose(asked, token_endpoint_auth_method="tls_client_auth")
    assert read_client_metadata(registered).certificate_name is not None


@pytest.mark.parametrize(
    ("asked", "subjects"),
    [
        ({"tls_client_auth_subject_dn": "CN=other,O=Plannery Ltd"}, SAID.certificate_subjects),
        ({"tls_client_auth_subject_dn": "O=Plannery Ltd,CN=planner"}, SAID.certificate_subjects),
        ({"tls_client_auth_subject_dn": "no name"}, SAID.certificate_subjects),
        ({"tls_client_auth_san_dns": "planner.example"}, SAID.certificate_subjects),
        ({}, ()),
        ({}, ("CN=a", "CN=b")),
    ],
)
def test_another_name_for_the_certificate_is_refused(
    asked: dict[str, object], subjects: tuple[str, ...]
) -> None:
    """Somebody else's, one that is none, one of another kind, and none where there is no choice."""
    said = msgspec.structs.replace(SAID, certificate_subjects=subjects)
    with pytest.raises(Reject, match=r"registration\.certificate-name"):
        compose(asked, said=said, token_endpoint_auth_method="tls_client_auth")


@pytest.mark.parametrize(
    ("asked", "bound"),
    [({}, True), ({"dpop_bound_access_tokens": True}, None)],
)
def test_a_default_of_the_profile_gives_way_to_what_is_asked(
    asked: dict[str, object], *, bound: bool | None
) -> None:
    """Of the two ways to bind tokens one is chosen."""
    terms = msgspec.structs.replace(
        TERMS, defaults={"tls_client_certificate_bound_access_tokens": True, "application_type": "web"}
    )
    registered = compose(asked, terms=terms)
    assert registered.get("tls_client_certificate_bound_access_tokens") is bound
    assert registered["application_type"] == "web"


def test_the_answer_tells_all_that_is_registered() -> None:
    """With the defaults as they were understood, the statement unmodified, and how to look after it."""
    registered = compose()
    whole = with_defaults(registered, read_client_metadata(registered))
    told: dict[str, Any] = create_client_information(
        msgspec.json.encode(whole),
        registration_access_token="secret",
        registration_client_uri="https://as.example/register/software-1",
        issued_at=1_800_000_000.9,
    )
    assert told == {
        **registered,
        "application_type": "web",
        "dpop_bound_access_tokens": True,
        "grant_types": ["authorization_code"],
        "id_token_signed_response_alg": "ES256",
        "require_signed_request_object": False,
        "response_types": ["code"],
        "tls_client_certificate_bound_access_tokens": False,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "client_id_issued_at": 1_800_000_000,
        "registration_access_token": "secret",
        "registration_client_uri": "https://as.example/register/software-1",
    }
    assert told["software_statement"] == "the.very.statement"
