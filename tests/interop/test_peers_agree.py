"""The Node peers complete FAPI 2.0 flows with each other.

When an interoperability test with our own client or server fails, this tells whether the peer itself works here.
"""

import base64
import datetime as dt
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from client_certificates import create_client_certificate
from peers import (
    AUDIENCE,
    NONCE_SECRET,
    REDIRECT_URI,
    Peers,
    client_key,
    flow,
    jwk_of,
    provider_config,
    provider_config_with_certificates,
)

WHOLE_FLOW = [
    "discovery",
    "pushed_authorization_request",
    "callback",
    "authorization_code",
    "resource",
    "token_alone_refused",
    "refresh_token",
    "resource_after_refresh",
    "revocation",
    "refresh_after_revocation_refused",
]


@pytest.mark.parametrize(
    ("algorithm", "dpop"),
    [
        ("ES256", {}),
        ("PS256", {"nonce_secret": NONCE_SECRET, "require_nonce": True}),
        ("EdDSA", {"nonce_secret": NONCE_SECRET, "require_nonce": True}),
        ("Ed25519", {"nonce_secret": NONCE_SECRET}),
    ],
)
def test_the_whole_flow_completes(peers: Peers, algorithm: str, dpop: dict[str, Any]) -> None:
    """Discovery to revocation works with each algorithm, with and without server nonces."""
    key = client_key(algorithm)
    config = provider_config(jwk_of(key, algorithm, private=False), dpop=dpop)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    resource = peers.serve(
        "guard_server.mjs", {"issuer": issuer, "audience": AUDIENCE, "jwks_uri": f"{issuer}/jwks"}
    )["origin"]
    steps = flow(peers, key, issuer, algorithm=algorithm, resource=f"{resource}/accounts")
    assert [step["step"] for step in steps if step["ok"]] == WHOLE_FLOW


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
@pytest.mark.parametrize("constraint", ["dpop", "certificate"])
def test_the_whole_flow_completes_with_a_certificate(
    *, peers: Peers, tmp_path: Path, library: str, method: str, constraint: str
) -> None:
    """Issued and self-signed, to authenticate alone and to bind tokens too."""
    issued = method == "tls_client_auth"
    shown = create_client_certificate(
        tmp_path, "moneyview", issuer=peers.authority.issuer if issued else None
    )
    known = {"tls_client_auth_subject_dn": shown.subject} if issued else {"jwks": {"keys": [shown.jwk]}}
    binds = constraint == "certificate"
    config = provider_config_with_certificates(
        peers.authority, {"token_endpoint_auth_method": method, **known}, binds=binds
    )
    issuer = peers.serve("provider.mjs", config)["issuer"]
    guard = {"issuer": issuer, "audience": AUDIENCE, "jwks_uri": f"{issuer}/jwks", "guard": constraint}
    resource = peers.serve("guard_server.mjs", {**guard, "client_certificates": {}})["origin"]
    steps = flow(
        peers,
        None,
        issuer,
        library=library,
        resource=f"{resource}/accounts",
        client_certificate=str(shown.file),
        tls_client_certificate_bound_access_tokens=binds,
    )
    assert [step["step"] for step in steps if step["ok"]] == WHOLE_FLOW


def test_userinfo_needs_a_token_without_audience(peers: Peers) -> None:
    """With dpop_jkt instead of a header at PAR, an opaque token opens oidc-provider's userinfo endpoint."""
    key = client_key()
    config = provider_config(jwk_of(key, "ES256", private=False), use_granted_resource=False)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    steps = flow(peers, key, issuer, userinfo=True, par_dpop=False)
    assert [step["claims"] for step in steps if step["step"] == "userinfo"] == [{"sub": "u-1"}]
    assert all(step["ok"] for step in steps)


def test_a_replayed_code_kills_the_grant(peers: Peers) -> None:
    """After a second use of the code the refresh token is dead too."""
    key = client_key()
    issuer = peers.serve("provider.mjs", provider_config(jwk_of(key, "ES256", private=False)))["issuer"]
    steps = flow(peers, key, issuer, end="code_replay")
    assert [(step["step"], step["ok"]) for step in steps[-2:]] == [
        ("code_replay_refused", True),
        ("refresh_after_code_replay_refused", True),
    ]


def test_a_denied_consent_ends_the_flow(peers: Peers) -> None:
    """The client reports the authorization server's access_denied and stops."""
    key = client_key()
    issuer = peers.serve("provider.mjs", provider_config(jwk_of(key, "ES256", private=False)))["issuer"]
    steps = flow(peers, key, issuer, decision="deny", resource="https://localhost:1/")
    assert [(step["step"], step["ok"], step.get("error")) for step in steps[-2:]] == [
        ("callback", True, None),
        ("authorization_code", False, "access_denied"),
    ]


def signed(key: ECKey, header: dict[str, Any], **claims: Any) -> str:
    """A compact ES256 JWS with a fresh `jti`, issued now."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    fresh = {"iat": now, "jti": secrets.token_urlsafe(16)}
    return jwt.encode({"alg": "ES256", **header}, {**fresh, **claims}, key)


def dpop_proof(key: ECKey, *, htm: str, htu: str, **claims: Any) -> str:
    """A DPoP proof (RFC 9449 section 4.2)."""
    return signed(key, {"typ": "dpop+jwt", "jwk": key.as_dict(private=False)}, htm=htm, htu=htu, **claims)


def digest(text: str) -> str:
    """SHA-256 as base64url, the form of PKCE challenges and of `ath`."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def test_prepared_codes_can_be_redeemed_once(peers: Peers) -> None:
    """The benchmark's control address issues codes that work like the authorization endpoint's."""
    key, dpop_key, verifier = (
        ECKey.generate_key("P-256", auto_kid=True),
        ECKey.generate_key("P-256"),
        "v" * 43,
    )
    config = provider_config(jwk_of(key, "ES256", private=False), tls=None)
    ready = peers.serve("bench_provider.mjs", config)
    issuer = ready["issuer"]
    order = {"client_id": "moneyview", "redirect_uri": REDIRECT_URI, "scope": "openid accounts", "sub": "u-1"}
    items = [{"code_challenge": digest(verifier), "dpop_jkt": dpop_key.thumbprint()}] * 2
    with httpx2.Client() as http:
        codes = http.post(f"{ready['control']}/codes", json={**order, "items": items}).json()["codes"]

        def redeem(code: str) -> tuple[int, str]:
            claims = {"iss": "moneyview", "sub": "moneyview", "aud": issuer, "exp": 4_000_000_000}
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": verifier,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": signed(key, {"kid": key.kid}, **claims),
            }
            proof = dpop_proof(dpop_key, htm="POST", htu=f"{issuer}/token")
            answer = http.post(f"{issuer}/token", data=form, headers={"DPoP": proof})
            return answer.status_code, answer.json().get("error", answer.json().get("token_type"))

        answers = [redeem(codes[0]), redeem(codes[1]), redeem(codes[0])]
    assert answers == [(200, "DPoP"), (200, "DPoP"), (400, "invalid_grant")]


def test_the_measured_guard_refuses_replays(peers: Peers, tmp_path: Path) -> None:
    """bench_guard.mjs verifies every pre-signed request once and shows that it refuses what it should."""
    key, dpop_key, url = (
        ECKey.generate_key("P-256", auto_kid=True),
        ECKey.generate_key("P-256"),
        f"{AUDIENCE}/1",
    )
    token = signed(
        key,
        {"typ": "at+jwt", "kid": key.kid},
        iss="https://as.example",
        aud=AUDIENCE,
        sub="u-1",
        client_id="moneyview",
        exp=4_000_000_000,
        cnf={"jkt": dpop_key.thumbprint()},
    )
    requests = [
        {
            "method": "GET",
            "url": url,
            "authorization": f"DPoP {token}",
            "dpop": dpop_proof(dpop_key, htm="GET", htu=url, ath=digest(token)),
        }
        for _ in range(20)
    ]
    settings = {"issuer": "https://as.example", "audience": AUDIENCE, "warm_up": 4}
    keys = {"jwks": {"keys": [jwk_of(key, "ES256", private=False)]}}
    out, _ = peers.run("bench_guard.mjs", {**settings, **keys, "requests": requests}).communicate(timeout=60)
    report = json.loads(out)
    assert (report["verified"], report["replay_refused"], report["wrong_method_refused"]) == (16, True, True)
