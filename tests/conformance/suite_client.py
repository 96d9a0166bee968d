"""Runs our client against the OpenID Foundation's conformance suite, which then plays the servers.

See docs/conformance.md. The suite judges what it was sent; this only says for each module what ended our client.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click
import httpx2
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trustweft.client import (
    AuthorizationDeniedError,
    CertificateBound,
    Client,
    ClientCertificate,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
    tls_context,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk, public_jwk
from trustweft.crypto.local_authority import create_self_signed
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.crypto.algorithms import PrivateKey

PLAN: Final = "fapi2-security-profile-final-client-test-plan"
CLIENT_CREDENTIALS: Final = "fapi_client_credentials_grant"
ACCOUNTS: Final = "open-banking/v1.1/accounts"
REDIRECT_URI: Final = "https://client.example/callback"
_WAIT_SECONDS: Final = 2  # how long the suite looks whether we stopped where we had to
_POLL_MILLISECONDS: Final = 30_000
_PATIENCE: Final = 60.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Addresses:
    """Where the suite is: for everybody, and for those who show a certificate."""

    suite: str
    suite_mtls: str
    alias: str

    @property
    def issuer(self) -> str:
        """The issuer that the suite plays."""
        return f"{self.suite}/test/a/{self.alias}/"

    def accounts(self, *, with_certificate: bool) -> str:
        """Return the address of the resource that the suite plays."""
        base = f"{self.suite_mtls}/test-mtls" if with_certificate else f"{self.suite}/test"
        return f"{base}/a/{self.alias}/{ACCOUNTS}"


class OurClient:
    """Our client, and what the suite is told of it."""

    def __init__(self, addresses: Addresses, *, variants: dict[str, str], authorities: Path) -> None:
        self._addresses = addresses
        self._variants = variants
        self._authorities = authorities
        self._key: PrivateKey = generate_private_key("ES256")
        self._server_key: PrivateKey = generate_private_key("ES256")
        self._certificate_key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = create_self_signed(
            self._certificate_key, common_name="suite-client", now=SystemClock().now()
        )
        self._scope = ("openid", "accounts") if variants["fapi_client_type"] == "oidc" else ("accounts",)

    def suite_configuration(self) -> Json:
        """Return the suite's configuration: its own key, and our public halves."""
        members = {"kid": "key-1", "alg": "ES256", "use": "sig"}
        return {
            "alias": self._addresses.alias,
            "description": "Trustweft's client",
            "waitTimeoutSeconds": _WAIT_SECONDS,
            "server": {"jwks": {"keys": [{**private_jwk(self._server_key), **members}]}},
            "client": {
                "client_id": "suite-client",
                "scope": " ".join(self._scope),
                "redirect_uri": REDIRECT_URI,
                "jwks": {"keys": [{**public_jwk(self._key.public_key()), **members}]},
                "certificate": self._certificate.public_bytes(Encoding.PEM).decode(),
            },
        }

    def use(self) -> str:
        """Do once what an application does, and return what came of it."""
        with TemporaryDirectory() as directory, self._http(Path(directory)) as http:
            client = Client(self._configuration(), http, clock=SystemClock(), entropy=SystemEntropy())
            try:
                return self._obtain_and_call(client, http)
            except Reject as refusal:
                return f"{refusal.reason.id} ({refusal.detail})"
            except (AuthorizationDeniedError, ServerRefusedError, httpx2.HTTPError) as refusal:
                return f"{type(refusal).__name__}: {refusal}"

    def _obtain_and_call(self, client: Client, http: httpx2.Client) -> str:
        if self._variants["fapi_profile"] == CLIENT_CREDENTIALS:
            client.client_credentials(self._scope, name="alice")
        else:
            started = client.begin()
            seen = http.get(
                started.url, follow_redirects=False
            )  # the browser's part; the suite logs nobody in
            client.finish(started.pending, urlsplit(seen.headers["location"]).query, name="alice")
        with_certificate = self._variants["sender_constrain"] == "mtls"
        answer = client.call("GET", self._addresses.accounts(with_certificate=with_certificate), name="alice")
        return f"accounts: {answer.status}"

    def _configuration(self) -> ClientConfiguration:
        by_key = self._variants["client_auth_type"] == "private_key_jwt"
        by_proof = self._variants["sender_constrain"] == "dpop"
        keys = PublishedKeys(LocalSigner("ES256", self._key, "key-1"))
        return ClientConfiguration(
            issuer=self._addresses.issuer,
            client_id="suite-client",
            authentication=PrivateKeyJwt(keys) if by_key else ClientCertificate(),
            sender_constraint=(
                Dpop(LocalSigner("ES256", generate_private_key("ES256"))) if by_proof else CertificateBound()
            ),
            redirect_uri=None if self._variants["fapi_profile"] == CLIENT_CREDENTIALS else REDIRECT_URI,
            scope=self._scope,
        )

    def _http(self, directory: Path) -> httpx2.Client:
        if "mtls" not in (self._variants["client_auth_type"], self._variants["sender_constrain"]):
            return httpx2.Client(verify=tls_context(authorities=self._authorities), timeout=_PATIENCE)
        file = directory / "client.pem"
        file.touch(mode=0o600)
        secret = self._certificate_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(secret + self._certificate.public_bytes(Encoding.PEM))
        context = tls_context(authorities=self._authorities, certificate=file)
        return httpx2.Client(verify=context, timeout=_PATIENCE)


class Suite:
    """The suite's own interface for scripts."""

    def __init__(self, addresses: Addresses, http: httpx2.Client) -> None:
        self._base = f"{addresses.suite}/api"
        self._http = http

    def create_plan(self, variants: dict[str, str], configuration: Json) -> Json:
        """Return the plan with its modules."""
        parameters = {"planName": PLAN, "variant": msgspec.json.encode(variants).decode()}
        return self._post("plan", parameters, configuration)

    def start(self, plan: str, module: Json) -> str:
        """Start a module of a plan, and return its run when it waits for a client, or has ended already."""
        variant = msgspec.json.encode(module.get("variant") or {}).decode()
        run = str(
            self._post("runner", {"test": module["testModule"], "plan": plan, "variant": variant})["id"]
        )
        self.wait(run, "WAITING", "FINISHED")
        return run

    def wait(self, run: str, *states: str) -> None:
        """Return when a run is in one of these states, or interrupted."""
        parameters = {"states": ",".join((*states, "INTERRUPTED")), "timeoutMs": str(_POLL_MILLISECONDS)}
        while "state" not in self._get(f"runner/{run}/wait-state", parameters):
            pass

    def result(self, run: str) -> str:
        """Return the suite's verdict."""
        info = self._get(f"info/{run}")
        return str(info.get("result") or info["status"])

    def complaints(self, run: str) -> list[str]:
        """Return what the suite found fault with."""
        found = [entry for entry in self._get(f"log/{run}") if entry.get("result") in ("FAILURE", "WARNING")]
        return [f"{entry['result']} {entry.get('src')}: {entry.get('msg')}" for entry in found]

    def _post(self, path: str, parameters: dict[str, str], body: Json | None = None) -> Json:
        answer = self._http.post(f"{self._base}/{path}", params=parameters, json=body)
        answer.raise_for_status()
        return dict(answer.json())

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> Any:
        answer = self._http.get(f"{self._base}/{path}", params=parameters)
        answer.raise_for_status()
        return answer.json()


@click.command()
@click.option("--suite", required=True, help="The suite's base URL.")
@click.option("--suite-mtls", required=True, help="The same where it asks for client certificates.")
@click.option(
    "--authorities",
    type=click.Path(path_type=Path),
    required=True,
    help="PEM of whom the suite's TLS hangs off.",
)
@click.option("--profile", type=click.Choice(("plain_fapi", CLIENT_CREDENTIALS)), default="plain_fapi")
@click.option("--client-type", type=click.Choice(("oidc", "plain_oauth")), default="oidc")
@click.option("--client-auth", type=click.Choice(("private_key_jwt", "mtls")), default="private_key_jwt")
@click.option("--sender-constrain", type=click.Choice(("dpop", "mtls")), default="dpop")
def command(  # one variant, one option
    suite: str,
    suite_mtls: str,
    authorities: Path,
    profile: str,
    client_type: str,
    client_auth: str,
    sender_constrain: str,
) -> None:
    """Run every module of the suite's client plan, for one combination, and fail where one does."""
    variants = {
        "fapi_profile": profile,
        "client_auth_type": client_auth,
        "sender_constrain": sender_constrain,
        "authorization_request_type": "simple",
        "fapi_client_type": client_type,
    }
    addresses = Addresses(
        suite.rstrip("/"), suite_mtls.rstrip("/"), f"trustweft-client-{secrets.token_hex(3)}"
    )
    ours = OurClient(addresses, variants=variants, authorities=authorities)
    verdicts = []
    with httpx2.Client(verify=tls_context(authorities=authorities), timeout=_PATIENCE) as http:
        driver = Suite(addresses, http)
        plan = driver.create_plan(variants, ours.suite_configuration())
        click.echo(f"{addresses.suite}/plan-detail.html?plan={plan['id']}")
        for module in plan["modules"]:
            run = driver.start(plan["id"], module)
            ended = ours.use()
            click.echo(f"{module['testModule'].removeprefix(PLAN[:-9])}: {ended} ", nl=False)
            driver.wait(run, "FINISHED")
            verdicts.append(driver.result(run))
            click.echo(verdicts[-1])
            for line in driver.complaints(run):
                click.echo(f"           {line}")
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    click.echo(f"{len(verdicts)} modules: {counts}")
    sys.exit(any(verdict not in ("PASSED", "REVIEW", "SKIPPED") for verdict in verdicts))


if __name__ == "__main__":
    command()
