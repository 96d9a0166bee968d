"""Our client library as a program that goes through one flow: it prints the authorization URL, and reads the callback's.

Everything that the library offers is used once: userinfo, a call of an API, revocation. The exit status is 0 where all
of it went well.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from trustweft.client import (
    AuthorizationDeniedError,
    Client,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
    tls_context,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

REDIRECT_URI = "https://client.example/callback"
NAME = "alice"


def main() -> None:
    """Go through one flow."""
    configuration = ClientConfiguration(
        issuer=os.environ["TRUSTWEFT_ISSUER"],
        client_id="probe",
        authentication=PrivateKeyJwt(
            PublishedKeys(LocalSigner("ES256", generate_private_key("ES256"), "probe-1"))
        ),
        sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
        redirect_uri=REDIRECT_URI,
        scope=("openid", "accounts"),
    )
    trust = tls_context(authorities=Path(os.environ["SSL_CERT_FILE"]))
    with httpx2.Client(verify=trust, timeout=10) as http:
        client = Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())
        started = client.begin()
        print(started.url, flush=True)  # noqa: T201  # whoever drives it reads it
        client.finish(started.pending, urlsplit(sys.stdin.readline().strip()).query, name=NAME)
        client.userinfo(NAME)
        if client.call("GET", f"{configuration.issuer}/api/accounts", name=NAME).status != httpx2.codes.OK:
            sys.exit("the API refused")
        client.revoke(NAME)


if __name__ == "__main__":
    try:
        main()
    except (Reject, AuthorizationDeniedError, ServerRefusedError, httpx2.HTTPError) as refusal:
        sys.exit(repr(refusal))
