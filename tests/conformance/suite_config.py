"""Registers the clients of the OpenID Foundation's conformance suite, and writes the suite's configuration.

See docs/conformance.md. One call prepares one combination of variants against a running ecosystem.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.first_start import DemoCredentials
from trustweft.cli.registry import add_client, open_store
from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk
from trustweft.crypto.local_authority import issue_client_certificate, load_or_create_authority
from trustweft.demo.bank_details import ACCOUNT_INFORMATION
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import read_private_file, write_private_file
from trustweft.runtime.observability import SilentObserver
from trustweft.server.config import PATHS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from trustweft.crypto.algorithms import PrivateKey
    from trustweft.crypto.local_authority import Authority

__all__ = ["Combination", "command", "configure"]

PLAN: Final = "fapi2-security-profile-final-test-plan"
CLIENT_CREDENTIALS: Final = "fapi_client_credentials_grant"
# Client 1 has RSA keys: only with those can the suite try RS256, which must be refused.
_ALGORITHMS: Final = {"openid_connect": ("PS256", "ES256"), "plain_oauth": ("PS256", "EdDSA")}
_SURROUNDINGS: Final = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
_SECONDS: Final = 10

Json = dict[str, object]


@dataclass(frozen=True)
class Combination:
    """The variants of one run, named as the suite names them."""

    profile: str
    openid: str
    client_auth: str
    sender_constrain: str
    request_type: str = "simple"

    @property
    def name(self) -> str:
        """What tells this run from others: the suite's alias, and the beginning of the client identifiers."""
        words = {"private_key_jwt": "jwt", "openid_connect": "oidc", "plain_oauth": "oauth"}
        subject = "machine" if self.profile == CLIENT_CREDENTIALS else words[self.openid]
        authentication = words.get(self.client_auth, self.client_auth)
        details = ("rar",) if self.request_type == "rar" else ()
        return "-".join(("suite", subject, authentication, self.sender_constrain, *details))

    @property
    def plan(self) -> str:
        """The plan with its variants, as the suite's ``run-test-plan.py`` takes it."""
        variants = {
            "fapi_profile": self.profile,
            "client_auth_type": self.client_auth,
            "sender_constrain": self.sender_constrain,
            "authorization_request_type": self.request_type,
            "openid": self.openid,
        }
        return PLAN + "".join(f"[{name}={value}]" for name, value in variants.items())

    @property
    def scope(self) -> str:
        """What the clients ask for."""
        people = self.profile != CLIENT_CREDENTIALS and self.openid == "openid_connect"
        return "openid accounts" if people else "accounts"

    @property
    def needs_certificates(self) -> bool:
        """Whether the clients show certificates."""
        return "mtls" in (self.client_auth, self.sender_constrain)


@dataclass(frozen=True)
class _Identity:
    """One client of the suite, with everything that it keeps secret."""

    client_id: str
    algorithm: str
    key: PrivateKey
    certificate: x509.Certificate
    certificate_key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, client_id: str, algorithm: str, authority: Authority) -> _Identity:
        key = generate_private_key(algorithm)
        certificate_key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue_client_certificate(
            authority, certificate_key.public_key(), common_name=client_id, now=_SURROUNDINGS.clock.now()
        )
        return cls(client_id, algorithm, key, certificate, certificate_key)

    @property
    def _key_members(self) -> Json:
        return {"kid": f"{self.client_id}-key", "alg": self.algorithm, "use": "sig"}

    def metadata(self, combination: Combination, callback: str) -> Json:
        """Return what is registered (RFC 7591)."""
        people = combination.profile != CLIENT_CREDENTIALS
        constrained = {
            "mtls": "tls_client_certificate_bound_access_tokens",
            "dpop": "dpop_bound_access_tokens",
        }
        metadata: Json = {
            "client_id": self.client_id,
            "client_name": "OpenID conformance suite",
            "organization_name": "OpenID Foundation",
            "scope": combination.scope,
            "grant_types": ["authorization_code", "refresh_token"] if people else ["client_credentials"],
            constrained[combination.sender_constrain]: True,
        }
        if combination.request_type == "rar":
            metadata["authorization_details_types"] = [ACCOUNT_INFORMATION]
        if people:
            metadata["redirect_uris"] = [callback, f"{callback}?dummy1=lorem&dummy2=ipsum"]
        if combination.client_auth == "mtls":
            name = f"CN={self.client_id}"
            return {
                **metadata,
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_subject_dn": name,
            }
        return {
            **metadata,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": self.algorithm,
            "jwks": {"keys": [{**public_jwk(self.key.public_key()), **self._key_members}]},
        }

    def client(self, combination: Combination) -> Json:
        """Return the suite's section ``client``."""
        return {
            "client_id": self.client_id,
            "scope": combination.scope,
            "jwks": {"keys": [{**private_jwk(self.key), **self._key_members}]},
            "dpop_signing_alg": self.algorithm,
        }

    def certificates(self, authority: Authority) -> Json:
        """Return the suite's section ``mtls``."""
        key = self.certificate_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return {
            "cert": self.certificate.public_bytes(Encoding.PEM).decode(),
            "key": key.decode(),
            "ca": authority.certificate.public_bytes(Encoding.PEM).decode(),
        }


class Browsing:
    """What the suite's browser does on our pages: one person logs in and approves, or meets the error page."""

    def __init__(self, issuer: str, suite: str, *, username: str, password: str) -> None:
        self._issuer = issuer
        self._callback = f"{suite}/test/a/*/callback*"
        self._username = username
        self._password = password

    def visit(self, *, decision: str = "approve") -> Json:
        """Return the commands for one visit to the authorization endpoint."""
        log_in = [
            ["text", "id", "username", self._username],
            ["text", "id", "password", self._password],
            ["click", "id", "login"],
        ]
        pages = f"{self._issuer}{PATHS['interaction']}/*"
        # A screenshot of our page stands for the response where there is nobody to redirect to.
        error = ["wait", "id", "error", _SECONDS, "[\\s\\S]+", "update-image-placeholder-optional"]
        return {
            "match": f"{self._issuer}/authorize*",
            "tasks": [
                self._task("Log in", pages, *log_in),
                self._task("Decide", pages, ["click", "id", decision]),
                self._task("Refused", f"{self._issuer}/authorize*", error),
                self._task("Return", self._callback, ["wait", "id", "submission_complete", _SECONDS]),
            ],
        }

    def look(self) -> Json:
        """Return the commands for one visit that goes no further than the first page."""
        return {"match": f"{self._issuer}/authorize*", "match-limit": 1, "tasks": [{"task": "Look"}]}

    @staticmethod
    def _task(task: str, match: str, *commands: Sequence[object]) -> Json:
        return {"task": task, "match": match, "optional": True, "commands": list(commands)}


def configure(data: DataDirectory, combination: Combination, *, suite: str) -> tuple[Json, tuple[Json, ...]]:
    """Return the suite's configuration for a combination, and the clients to register for it."""
    now, ports, alias = _SURROUNDINGS.clock.now(), data.ports, combination.name
    authority = load_or_create_authority(data.path / "ca", now=now)
    run = (
        _SURROUNDINGS.entropy.token().lower().replace("_", "-")[:6].strip("-")
    )  # identifiers are never used twice
    first, second = (
        _Identity.create(f"{alias}-{run}-{number}", algorithm, authority)
        for number, algorithm in enumerate(_ALGORITHMS[combination.openid], start=1)
    )
    callback = f"{suite}/test/a/{alias}/callback"
    issuer = ports.url(ports.server)
    configuration: Json = {
        "alias": alias,
        "description": f"Trustweft, {combination.profile}, {combination.openid}",
        "server": {"discoveryUrl": f"{issuer}/.well-known/openid-configuration"},
        "client": first.client(combination),
        "client2": second.client(combination),
        "resource": {
            "resourceUrl": f"{ports.url(ports.resource)}/accounts",
            "richAuthorizationRequest": [{"type": ACCOUNT_INFORMATION, "actions": ["list_accounts"]}],
        },
        **_browsing(data, issuer, suite),
    }
    if combination.needs_certificates:
        configuration |= {"mtls": first.certificates(authority), "mtls2": second.certificates(authority)}
    return configuration, tuple(identity.metadata(combination, callback) for identity in (first, second))


def _browsing(data: DataDirectory, issuer: str, suite: str) -> Json:
    """Return the commands for the suite's browser, and the two modules that need others."""
    people = msgspec.json.decode(read_private_file(data.credentials), type=DemoCredentials).users
    browsing = Browsing(issuer, suite, username=people[0].username, password=people[0].password)
    module = PLAN.removesuffix("test-plan")
    return {
        "browser": [browsing.visit()],
        "override": {
            f"{module}user-rejects-authentication": {"browser": [browsing.visit(decision="deny")]},
            f"{module}par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": {
                "browser": [browsing.look(), browsing.visit()]
            },
        },
        "options": {"browsercontrol_css_enable": False},
    }


@click.command()
@data_option
@click.option(
    "--suite", required=True, help="The suite's base URL, as in https://localhost.emobix.co.uk:8443"
)
@click.option("--profile", type=click.Choice(("plain_fapi", CLIENT_CREDENTIALS)), default="plain_fapi")
@click.option("--openid", type=click.Choice(tuple(_ALGORITHMS)), default="openid_connect")
@click.option("--client-auth", type=click.Choice(("private_key_jwt", "mtls")), default="private_key_jwt")
@click.option("--sender-constrain", type=click.Choice(("dpop", "mtls")), default="dpop")
@click.option("--request-type", type=click.Choice(("simple", "rar")), default="simple")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def command(  # one variant, one option
    data: Path,
    suite: str,
    profile: str,
    openid: str,
    client_auth: str,
    sender_constrain: str,
    request_type: str,
    output: Path,
) -> None:
    """Register the clients of one combination with a running ecosystem, and write the suite's configuration.

    Prints what run-test-plan.py takes. The file OUTPUT holds private keys and a password, of a demonstration.
    """
    combination = Combination(profile, openid, client_auth, sender_constrain, request_type)
    configuration, clients = configure(DataDirectory.open(data), combination, suite=suite.rstrip("/"))

    async def register() -> None:
        async with open_store(data) as store:
            for metadata in clients:
                await add_client(store, msgspec.json.encode(metadata), surroundings=_SURROUNDINGS)

    asyncio.run(register())
    output.unlink(missing_ok=True)
    write_private_file(output, msgspec.json.format(msgspec.json.encode(configuration)))
    click.echo(f"{combination.plan} {output}")


if __name__ == "__main__":
    command()
