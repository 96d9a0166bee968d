"""Our client under examination, with the network that it has in production, and a person's browser beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey

from conformance.client.examiner import REDIRECT_URI, Exam, Script, Variant
from conformance.client.inspection import Inspection
from trustweft.client import (
    AsyncClient,
    CertificateBound,
    Client,
    ClientCertificate,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    tls_context,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    import ssl

    from conformance.client.hosting import Host

__all__ = ["CLIENT_ID", "Examination"]

CLIENT_ID = "moneyview"


class Examination:
    """One run of one module: what it means to pass, and to stop in time."""

    def __init__(self, host: Host, variant: Variant, *, algorithm: str = "ES256") -> None:
        self._host = host
        self._key = generate_private_key("ES256")
        key = ECKey.import_key({**private_jwk(self._key), "kid": "client-key"})
        self.exam = Exam(
            variant=variant,
            url=host.url,
            mtls_url=host.mtls_url,
            keys=host.keys,
            inspection=Inspection(
                issuer=f"{host.url}/test/a/trustweft/",
                client_id=CLIENT_ID,
                assertion_key=key,
                certificate=host.client_certificate_der,
            ),
            algorithm=algorithm,
        )

    def configuration(self) -> ClientConfiguration:
        """Return our client as it is registered with the examiner."""
        variant = self.exam.variant
        signer = LocalSigner("ES256", self._key, "client-key")
        return ClientConfiguration(
            issuer=self.exam.issuer,
            client_id=CLIENT_ID,
            authentication=(
                ClientCertificate()
                if variant.authentication == "mtls"
                else PrivateKeyJwt(PublishedKeys(signer))
            ),
            sender_constraint=(
                CertificateBound()
                if variant.constraint == "mtls"
                else Dpop(LocalSigner("ES256", generate_private_key("ES256")))
            ),
            redirect_uri=REDIRECT_URI,
            scope=("openid", "accounts") if variant.client_type == "oidc" else ("accounts",),
            id_token_algorithm=self.exam.algorithm,
        )

    def run(self, script: Script) -> None:
        """Walk the whole flow: discovery, pushed request, browser, tokens, accounts."""
        self._begin(script)
        with httpx2.Client(verify=self._trust(), trust_env=False) as http:
            client = Client(self.configuration(), http, clock=SystemClock(), entropy=SystemEntropy())
            started = client.begin()
            client.finish(started.pending, self._browse(started.url), name="alice")
            accounts = http.get(self.exam.resource, auth=client.auth("alice"))
            assert accounts.status_code == 200

    async def run_asynchronously(self, script: Script) -> None:
        """Walk the whole flow with the other driver."""
        self._begin(script)
        async with httpx2.AsyncClient(verify=self._trust(), trust_env=False) as http:
            client = AsyncClient(self.configuration(), http, clock=SystemClock(), entropy=SystemEntropy())
            started = await client.begin()
            query = await asyncio.to_thread(self._browse, started.url)
            await client.finish(started.pending, query, name="alice")
            accounts = await http.get(self.exam.resource, auth=await client.auth("alice"))
            assert accounts.status_code == 200

    def _begin(self, script: Script) -> None:
        self.exam.script = script
        self._host.exam = self.exam

    def _trust(self) -> ssl.SSLContext:
        """Return the client's TLS context, with its certificate where that is of use."""
        return tls_context(
            authorities=self._host.tls.authority.certificate_file,
            certificate=self._host.client_certificate if "mtls" in self.exam.variant else None,
        )

    def _browse(self, url: str) -> str:
        """Open an address as a person's browser does, without a certificate; return the query of the callback."""
        with httpx2.Client(verify=self._host.tls.client_context(), trust_env=False) as browser:
            answer = browser.get(url)
        assert answer.status_code == 302
        return urlsplit(answer.headers["location"]).query.removeprefix("bank=examiner&")

    def must_pass(self, script: Script) -> None:
        """Hold that the client comes to the end, and that every request on the way was as it should be."""
        self.run(script)
        self.hold_good()

    def hold_good(self) -> None:
        """Hold that the flow that was walked is good."""
        assert self._host.errors == []
        assert self.exam.inspection.problems == []
        assert self.exam.calls[-1] == "accounts"

    def must_stop(self, script: Script, *, reason: str) -> None:
        """Hold that the client stops for this reason, and calls nothing after the answer that it should stop at."""
        assert script.fault is not None
        with pytest.raises(Reject) as stopped:
            self.run(script)
        assert self._host.errors == []
        assert stopped.value.reason.id == reason
        assert script.fault in self.exam.calls
        assert self.exam.after_fault == []
        assert self.exam.inspection.problems == []
