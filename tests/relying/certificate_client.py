"""A client that proves itself, and binds its tokens, by a certificate alone; it goes through one flow (RFC 8705).

Its first argument is a PEM file with certificate and key; with ``insecure`` as the second, it looks at no server's.
"""

from __future__ import annotations

import os
import ssl
import sys
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from trustweft.protocol.pkce import create_challenge, create_verifier
from trustweft.runtime.entropy import SystemEntropy

REDIRECT_URI = "https://client.example/callback"


def main() -> None:
    """Go through one flow with endpoints that it was told, and no discovery."""
    issuer, entropy = os.environ["TRUSTWEFT_ISSUER"], SystemEntropy()
    trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    if "insecure" in sys.argv[2:]:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    trust.load_cert_chain(sys.argv[1])
    verifier, state = create_verifier(entropy), entropy.token()
    asked = {
        "response_type": "code",
        "client_id": "by-certificate",
        "redirect_uri": REDIRECT_URI,
        "scope": "accounts",
        "state": state,
        "code_challenge": create_challenge(verifier),
        "code_challenge_method": "S256",
    }
    print(f"{issuer}/authorize?{urlencode(asked)}", flush=True)  # noqa: T201  # whoever drives it reads it
    called = parse_qs(urlsplit(sys.stdin.readline().strip()).query)
    if called.get("state") != [state] or "code" not in called:
        sys.exit("not an answer to this request")
    with httpx2.Client(verify=trust, timeout=10) as http:
        form = {
            "grant_type": "authorization_code",
            "client_id": "by-certificate",
            "code": called["code"][0],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }
        token = http.post(f"{issuer}/token", data=form).raise_for_status().json()["access_token"]
        header = {"authorization": f"Bearer {token}"}
        http.get(f"{issuer}/api/accounts", headers=header).raise_for_status()


if __name__ == "__main__":
    try:
        main()
    except httpx2.HTTPError as refusal:
        sys.exit(repr(refusal))
