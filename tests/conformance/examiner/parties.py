"""The clients that the examiner plays: two for each way to authenticate and each way to bind tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from conformance.examiner.keys import Key

if TYPE_CHECKING:
    from conformance.examiner.certificates import CertificateAuthority, ClientCertificate
    from conformance.examiner.variants import Constraint, Method, Variant

__all__ = ["CALLBACKS", "RICH_REQUEST", "Party", "make_parties", "scope_of"]

# Nobody listens there: the examiner reads where the browser is sent, and does not go.
CALLBACKS: Final = (
    "https://client.example/callback",
    "https://client.example/callback?dummy1=lorem&dummy2=ipsum",
)
# With OpenID Connect the details alone say what the bank is asked for; without, the scope says it too.
RICH_REQUEST: Final = [{"type": "account_information", "actions": ["list_accounts", "read_balances"]}]
_ALGORITHMS: Final = ("PS256", "ES256")  # the first has an RSA key, so RS256 can be tried with it


@dataclass(frozen=True)
class Party:
    """One client.

    Attributes:
        signer: what its assertions are signed with.
        certificate: with its key, where the client has one.
        registration: what is registered of it (RFC 7591).
    """

    client_id: str
    signer: Key
    certificate: ClientCertificate | None
    registration: dict[str, Any]


def make_parties(
    authentication: Method, constraint: Constraint, *, authority: CertificateAuthority
) -> tuple[Party, Party]:
    """Return two clients with different keys; of certificates, the first's is issued, the second's self-signed."""
    certified = "mtls" in (authentication, constraint)
    names = [f"{authentication}-{constraint}-{number}" for number in (1, 2)]
    certificates = [authority.issue(names[0]), authority.self_signed(names[1])] if certified else [None, None]
    first, second = (
        _make(name, Key.make(algorithm, key_id=f"{name}-key"), certificate, authentication, constraint)
        for name, algorithm, certificate in zip(names, _ALGORITHMS, certificates, strict=True)
    )
    return first, second


def _make(
    client_id: str,
    signer: Key,
    certificate: ClientCertificate | None,
    authentication: Method,
    constraint: Constraint,
) -> Party:
    registration: dict[str, Any] = {
        "client_id": client_id,
        "client_name": f"Examined {client_id}",
        "organization_name": "Conformance Ltd",
        "redirect_uris": list(CALLBACKS),
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": "openid profile email accounts",
        "authorization_details_types": [detail["type"] for detail in RICH_REQUEST],
        "tls_client_certificate_bound_access_tokens": constraint == "mtls",
    }
    if authentication == "private_key_jwt":
        registration |= {
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": signer.algorithm,
            "jwks": {"keys": [signer.registered_jwk]},
        }
    elif certificate is not None:
        registration |= _known_by(certificate, client_id)
    return Party(client_id, signer, certificate, registration)


def _known_by(certificate: ClientCertificate, client_id: str) -> dict[str, Any]:
    """Return what a client registers of its certificate: its subject, or itself where nobody issued it."""
    held = certificate.certificate
    if held.issuer != held.subject:
        return {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": f"CN={client_id}",
        }
    public = held.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    jwk = {**Key.public_jwk_of(public), "x5c": certificate.x5c, "kid": f"{client_id}-certificate"}
    return {"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": {"keys": [jwk]}}


def scope_of(variant: Variant) -> str:
    """Return what the clients of this variant ask for."""
    if variant.openid:
        return "openid profile" if variant.rich_request else "openid profile accounts"
    return "accounts"
