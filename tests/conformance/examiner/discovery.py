"""What the suite holds of a server's metadata and keys (RFC 8414, OpenID Connect Discovery, FAPI 2.0 SP 5.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from conformance.examiner.parties import RICH_REQUEST

if TYPE_CHECKING:
    from conformance.examiner.examination import Examination

__all__ = ["check_metadata"]

_ALGORITHMS: Final = frozenset({"PS256", "ES256", "EdDSA", "Ed25519"})
_REQUIRED: Final = frozenset({"token_endpoint", "jwks_uri"})
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SHORTEST_KEYS: Final = {"RSA": 2_048, "EC": 224, "OKP": 224}
_SECRET: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_FLAGS: Final = frozenset(
    {
        "authorization_response_iss_parameter_supported",
        "claims_parameter_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "tls_client_certificate_bound_access_tokens",
    }
)
# Registered for authorization servers and published by none but those that mean them; the suite warns of others.
_REGISTERED: Final = _FLAGS | {
    "acr_values_supported",
    "authorization_details_types_supported",
    "authorization_endpoint",
    "claims_supported",
    "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
    "grant_types_supported",
    "id_token_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "issuer",
    "jwks_uri",
    "mtls_endpoint_aliases",
    "prompt_values_supported",
    "protected_resources",
    "pushed_authorization_request_endpoint",
    "response_modes_supported",
    "response_types_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "scopes_supported",
    "service_documentation",
    "subject_types_supported",
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "userinfo_endpoint",
    "userinfo_signing_alg_values_supported",
}


def check_metadata(examination: Examination) -> None:
    """Hold that the metadata is the issuer's own, and offers what this variant asks for and nothing weaker."""
    variant, metadata = examination.variant, examination.metadata
    assert metadata["issuer"] == examination.subject.issuer
    _check_form(metadata)
    _check_endpoints(metadata)
    methods = metadata["token_endpoint_auth_methods_supported"]
    by_certificate = {"tls_client_auth", "self_signed_tls_client_auth"}
    assert ({"private_key_jwt"} if variant.signs_assertions else by_certificate) & set(methods), methods
    _check_algorithms(metadata, "token_endpoint_auth_signing_alg_values_supported")
    if variant.dpop:
        _check_algorithms(metadata, "dpop_signing_alg_values_supported")
    else:
        assert metadata["tls_client_certificate_bound_access_tokens"] is True
    if variant.rich_request:
        assert {detail["type"] for detail in RICH_REQUEST} <= set(
            metadata["authorization_details_types_supported"]
        )
    if variant.client_credentials:
        assert "client_credentials" in metadata["grant_types_supported"]
    else:
        _check_authorization(metadata)
    if variant.openid:
        _check_openid(metadata)
    _check_keys(examination.keys)


def _check_form(metadata: dict[str, Any]) -> None:
    assert set(metadata) <= _REGISTERED, set(metadata) - _REGISTERED
    for name, value in metadata.items():
        if name in _FLAGS:
            assert isinstance(value, bool), name
        elif name.endswith("_supported"):
            assert isinstance(value, list), name
            assert all(isinstance(item, str) for item in value), name
            assert len(set(value)) == len(value) > 0, name
    assert all(_SCOPE.fullmatch(scope) for scope in metadata["scopes_supported"])


def _check_endpoints(metadata: dict[str, Any]) -> None:
    named = {name: url for name, url in metadata.items() if name.endswith(("_endpoint", "_uri"))}
    assert set(named) >= _REQUIRED, named
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
        assert not _SECRET & set(key), "a key that is not public"
        octets = len(key["n"] if key["kty"] == "RSA" else key["x"]) * 6 // 8
        assert octets * 8 >= _SHORTEST_KEYS[key["kty"]], key
