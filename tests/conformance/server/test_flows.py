"""The whole flow: what is published, what a person who allows or denies it leads to, and what resources answer."""

from __future__ import annotations

import re
import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from conformance.examiner import judging
from conformance.examiner.tls import check_tls
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination

_ALGORITHMS: Final = {"PS256", "ES256", "EdDSA", "Ed25519"}
_REQUIRED: Final = ("token_endpoint", "jwks_uri")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SHORTEST_KEYS: Final = {"RSA": 2_048, "EC": 224, "OKP": 224}


@examines("discovery-end-point-verification")
def test_discovery_end_point_verification(examination: Examination) -> None:
    """The metadata is the issuer's own, and offers what the profile asks for and nothing weaker."""
    variant, metadata = examination.variant, examination.metadata
    assert metadata["issuer"] == examination.subject.issuer
    _check_endpoints(metadata)
    methods = metadata["token_endpoint_auth_methods_supported"]
    expected = (
        {"private_key_jwt"}
        if variant.signs_assertions
        else {"tls_client_auth", "self_signed_tls_client_auth"}
    )
    assert expected & set(methods), methods
    _check_algorithms(metadata, "token_endpoint_auth_signing_alg_values_supported")
    if variant.dpop:
        _check_algorithms(metadata, "dpop_signing_alg_values_supported")
    else:
        assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert all(_SCOPE.fullmatch(scope) for scope in metadata["scopes_supported"])
    if variant.client_credentials:
        assert "client_credentials" in metadata["grant_types_supported"]
    else:
        _check_authorization(metadata)
    if variant.openid:
        _check_openid(metadata)
    _check_keys(examination.keys)


def _check_endpoints(metadata: dict[str, Any]) -> None:
    named = {name: url for name, url in metadata.items() if name.endswith(("_endpoint", "_uri"))}
    assert set(_REQUIRED) <= set(named), named
    for url in (*named.values(), *metadata.get("mtls_endpoint_aliases", {}).values()):
        parts = urlsplit(url)
        assert (parts.scheme, parts.fragment) == ("https", ""), url


def _check_algorithms(metadata: dict[str, Any], member: str) -> None:
    assert metadata[member], member
    assert set(metadata[member]) <= _ALGORITHMS, metadata[member]


def _check_authorization(metadata: dict[str, Any]) -> None:
    assert "code" in metadata["response_types_supported"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert urlsplit(metadata["authorization_endpoint"]).scheme == "https"
    assert urlsplit(metadata["pushed_authorization_request_endpoint"]).scheme == "https"
    assert metadata["require_pushed_authorization_requests"] is True
    assert "S256" in metadata["code_challenge_methods_supported"]
    assert "plain" not in metadata["code_challenge_methods_supported"]
    assert "authorization_code" in metadata["grant_types_supported"]
    assert "refresh_token" in metadata["grant_types_supported"]


def _check_openid(metadata: dict[str, Any]) -> None:
    _check_algorithms(metadata, "id_token_signing_alg_values_supported")
    if "userinfo_signing_alg_values_supported" in metadata:
        _check_algorithms(metadata, "userinfo_signing_alg_values_supported")
    assert "openid" in metadata["scopes_supported"]
    assert set(metadata["subject_types_supported"]) <= {"public", "pairwise"}
    assert metadata["subject_types_supported"]


def _check_keys(jwks: dict[str, Any]) -> None:
    kids = [key["kid"] for key in jwks["keys"]]
    assert len(set(kids)) == len(kids) > 0
    for key in jwks["keys"]:
        assert key["alg"] in _ALGORITHMS, key
        assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & set(key), "a key that is not public"
        octets = len(key["n"] if key["kty"] == "RSA" else key["x"]) * 6 // 8
        assert octets * 8 >= _SHORTEST_KEYS[key["kty"]], key


@examines("happy-flow")
def test_happy_flow(examination: Examination) -> None:
    """Two clients get their tokens and use them; neither can use the other's."""
    first = examination.begin()
    first.get_code()
    first.got_tokens()
    for url in examination.resources:
        check_tls(url, authority=examination.subject.authority)
    interaction = str(uuid.uuid4())
    first.used(
        headers=(
            ("x-fapi-auth-date", formatdate(examination.now(), usegmt=True)),
            ("x-fapi-customer-ip-address", "198.51.100.119"),
            ("x-fapi-interaction-id", interaction),
        )
    )
    _call_in_other_ways(first)
    second = examination.begin_second()
    second.set_nonce(43)
    if examination.variant.dpop:
        second.request["dpop_jkt"] = second.proof_key.thumbprint
    if examination.variant.client_credentials:
        second.completed()
    else:
        second.pushed()
        second.authorized(second.authorization_url(backwards=True))
        second.got_tokens()
        second.used()
    second.useless_to(first)


def _call_in_other_ways(conversation: Conversation) -> None:
    """No token in the query (FAPI 2.0 SP 5.3.4-2); other addresses and other ways to ask for JSON do no harm."""
    for url in conversation.examination.resources:
        in_query = urlencode({"access_token": conversation.access_token})
        judging.check_status(conversation.call(url, scheme="", query=in_query), {400, 401, 414})
    conversation.used(
        headers=(
            ("x-fapi-customer-ip-address", "2001:DB8::1893:25c8:1946"),
            ("accept", "application/json;charset=UTF-8"),
            ("accept-charset", "UTF-8"),
        )
    )
    conversation.used(headers=(("accept", "application/json, application/*+json, */*"),))


@examines("user-rejects-authentication")
def test_user_rejects_authentication(examination: Examination) -> None:
    """A person who denies it sends both clients away with access_denied, their state and the issuer."""
    for conversation in (examination.begin(), examination.begin_second()):
        conversation.set_state(128)
        conversation.pushed()
        url, person = conversation.authorization_url(), examination.subject.person
        judging.check_callback_error(
            conversation.browser.deny(url, person),
            "access_denied",
            redirect_uri=conversation.redirect_uri,
            state=conversation.request["state"],
            issuer=examination.metadata["issuer"],
        )


@examines("access-token-type-header-case-sensitivity")
def test_access_token_type_header_case_sensitivity(examination: Examination) -> None:
    """The scheme is the same scheme in any case (RFC 9110 section 11.1)."""
    conversation = examination.begin()
    conversation.get_code()
    conversation.got_tokens()
    conversation.used(scheme=conversation.tokens["token_type"].swapcase())
