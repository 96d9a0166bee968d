"""The metadata policy that a profile asks for (OpenID Federation 1.0 section 6.1): what members of a federation may say.

A policy looks at one parameter at a time. What binds two, such as that tokens are bound in one of two ways, is for
the participant who reads the resolved metadata. Lists are narrowed to what is allowed, which may be nothing; a single
value that is not allowed is refused, and so is leaving out what would then mean something weaker. Of booleans the
policy can only say what they are: a server that does otherwise meets clients that insist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.crypto.algorithms import ALGORITHMS, canonical_algorithm

if TYPE_CHECKING:
    from trustweft.profile import Profile

    Parameters = dict[str, dict[str, object]]

__all__ = ["create_metadata_policy"]


def create_metadata_policy(profile: Profile) -> dict[str, Parameters]:
    """Return the ``metadata_policy`` claim for members that are held to the profile, by entity type."""
    client, server = _of_clients(profile), _of_servers(profile)
    signed = _algorithms(profile)
    return {
        "oauth_client": client,
        "openid_relying_party": {
            **client,
            "id_token_signed_response_alg": {"one_of": signed, "essential": True},
        },
        "oauth_authorization_server": server,
        "openid_provider": {
            **server,
            "id_token_signing_alg_values_supported": {"subset_of": signed, "essential": True},
        },
    }


def _algorithms(profile: Profile) -> list[object]:
    """Return the algorithms by every name that they have: ``Ed25519`` is one of ``EdDSA`` (RFC 9864)."""
    return [name for name in ALGORITHMS if canonical_algorithm(name) in profile.limits.signing_algorithms]


def _of_clients(profile: Profile) -> Parameters:
    limits, algorithms = profile.limits, _algorithms(profile)
    policy: Parameters = {
        # Left out it would mean a shared secret (RFC 7591 section 2).
        "token_endpoint_auth_method": {
            "one_of": list(limits.client_authentication_methods),
            "essential": True,
        },
        "token_endpoint_auth_signing_alg": {"one_of": algorithms},
        "request_object_signing_alg": {"one_of": algorithms},
        "grant_types": {"subset_of": list(limits.grant_types)},
        "response_types": {"subset_of": list(limits.response_types)},
    }
    if profile.duties.require_pushed_authorization_requests:
        policy["require_pushed_authorization_requests"] = {"value": True}  # RFC 9126 section 6
    if "jar" in profile.mechanisms.on:
        policy["require_signed_request_object"] = {"value": True}  # RFC 9101 section 10.5
    return policy | _bound(profile, dpop="dpop_bound_access_tokens")


def _of_servers(profile: Profile) -> Parameters:
    limits, duties, algorithms = profile.limits, profile.duties, _algorithms(profile)
    policy: Parameters = {
        # Each of these means something weaker where it is left out (RFC 8414 section 2).
        "token_endpoint_auth_methods_supported": {
            "subset_of": list(limits.client_authentication_methods),
            "essential": True,
        },
        "grant_types_supported": {"subset_of": list(limits.grant_types), "essential": True},
        "response_types_supported": {
            "subset_of": list(limits.response_types),
            "superset_of": list(limits.response_types),
            "essential": True,
        },
        "token_endpoint_auth_signing_alg_values_supported": {"subset_of": algorithms},
        "dpop_signing_alg_values_supported": {"subset_of": algorithms},
        "request_object_signing_alg_values_supported": {"subset_of": algorithms},
    }
    if duties.require_pkce:
        methods: list[object] = list(limits.code_challenge_methods)
        policy["code_challenge_methods_supported"] = {
            "subset_of": methods,
            "superset_of": methods,
            "essential": True,
        }
    if duties.require_pushed_authorization_requests:
        policy["pushed_authorization_request_endpoint"] = {"essential": True}
        policy["require_pushed_authorization_requests"] = {"value": True}  # RFC 9126 section 5
    if duties.require_iss_parameter:
        policy["authorization_response_iss_parameter_supported"] = {"value": True}  # RFC 9207 section 3
    if "jar" in profile.mechanisms.on:
        policy["require_signed_request_object"] = {"value": True}
    return policy | _bound(profile, dpop=None)


def _bound(profile: Profile, *, dpop: str | None) -> Parameters:
    """Return what a profile with one way of binding tokens says of it; of two ways a policy can say nothing."""
    if not profile.duties.require_sender_constrained_tokens:
        return {}
    methods = profile.limits.sender_constraint_methods
    if methods == ("mtls",):
        return {"tls_client_certificate_bound_access_tokens": {"value": True}}
    return {dpop: {"value": True}} if methods == ("dpop",) and dpop is not None else {}
