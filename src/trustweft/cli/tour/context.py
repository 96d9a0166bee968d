"""What the steps of the tour share: the participants, and what was learned on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trustweft.cli.assembly.parts import read_key
from trustweft.cli.first_start import CERTIFICATE_NAMES, DemoCredentials
from trustweft.cli.tour.parties import Browser, Party
from trustweft.cli.tour.wire import Draft, Wire, origin_of
from trustweft.crypto.local_authority import create_self_signed
from trustweft.net.fetch import trust_context
from trustweft.profile import load_profile
from trustweft.protocol.bearer import Scheme, create_authorization
from trustweft.protocol.issuer import check_issuer_identifier
from trustweft.protocol.pkce import create_challenge, create_verifier
from trustweft.runtime.files import read_private_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.cli.first_start import DemoPerson
    from trustweft.cli.tour.wire import Pairs
    from trustweft.crypto.keys import Signer
    from trustweft.profile import Limits
    from trustweft.protocol.metadata import ServerMetadata
    from trustweft.protocol.pkce import CodeVerifier
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["FORGED", "SCOPE", "Flow", "Tour"]

SCOPE: Final = "openid profile accounts"
FORGED: Final = "forged"


@dataclass(slots=True, kw_only=True)
class Flow:
    """One authorization: what the client remembers of it, and the browser that it happens in."""

    browser: Browser
    verifier: CodeVerifier
    state: str
    nonce: str
    authorization: Draft | None = None
    callback: dict[str, str] = field(default_factory=dict)
    callback_url: str = ""
    access_token: str = ""
    refresh_token: str = ""


class Tour:
    """The ecosystem in a data directory, as its visitors see it.

    Args:
        directory: of an ecosystem that runs.
        clock: tells the time for assertions and proofs.
        entropy: for identifiers, states and nonces.
        wait: lets so many seconds pass; None to leave out what needs waiting.
    """

    def __init__(
        self,
        directory: DataDirectory,
        *,
        clock: Clock,
        entropy: Entropy,
        wait: Callable[[float], None] | None = None,
    ) -> None:
        ports = directory.ports
        self.issuer = check_issuer_identifier(ports.url(ports.server))
        self.bank = ports.url(ports.resource)
        self.redirect_uri = f"{ports.url(ports.home)}/tour/callback"
        self.wire = Wire(trust_context(directory.authority), certificates=_certificates(directory, clock))
        self.clock = clock
        self.entropy = entropy
        self.wait = wait
        self.limits: Limits = load_profile("fapi2-security").limits
        self.person: DemoPerson = _first_person(directory)
        self.client, self.stranger, self.resource_server = (
            Party(
                name,
                signer=read_key(directory.file(f"client-keys/{name}.json")),
                issuer=self.issuer,
                clock=clock,
                entropy=entropy,
            )
            for name in ("tour", "tour-stranger", "bank")
        )
        self.metadata: ServerMetadata
        self.keys: dict[str, object] = {}
        self.flow = self.new_flow()
        self.pushed: Draft
        self.narrow_token = ""
        self.own_token = ""

    def new_flow(self) -> Flow:
        """Begin an authorization in a fresh browser."""
        return Flow(
            browser=Browser(self.wire),
            verifier=create_verifier(self.entropy),
            state=self.entropy.token(),
            nonce=self.entropy.token(),
        )

    def form_request(
        self,
        url: str,
        *parameters: tuple[str, str],
        party: Party | None = None,
        proof: bool = True,
        signer: Signer | None = None,
    ) -> Draft:
        """Return an authenticated request to one of the server's form endpoints.

        Args:
            url: of the endpoint.
            parameters: besides those that authenticate.
            party: who sends it; the tour's own client unless given.
            proof: whether it brings a proof of possession.
            signer: the key of the proof; the party's own unless given.
        """
        party = party or self.client
        draft = Draft(method="POST", url=url, form=(*parameters, *party.authentication()))
        return self.with_fresh_proof(draft, party=party, signer=signer) if proof else draft

    def with_fresh_proof(
        self,
        draft: Draft,
        *,
        party: Party | None = None,
        signer: Signer | None = None,
        access_token: str | None = None,
        use_nonce: bool = True,
    ) -> Draft:
        """Return the draft with a proof for this very request."""
        nonce = self.wire.nonces.get(origin_of(draft.url)) if use_nonce else None
        made = (party or self.client).proof(
            draft.method, draft.url, nonce=nonce, access_token=access_token, signer=signer
        )
        return draft.with_header("dpop", made)

    def with_fresh_assertion(self, draft: Draft, *, party: Party | None = None) -> Draft:
        """Return the draft authenticated anew."""
        return draft.with_parameters(*(party or self.client).authentication())

    def call(
        self,
        url: str,
        token: str,
        *,
        method: str = "GET",
        signer: Signer | None = None,
        use_nonce: bool = True,
    ) -> Draft:
        """Return a request to a protected resource, with token and proof (RFC 9449 section 7)."""
        draft = Draft(method=method, url=url, headers=(create_authorization(token, scheme=Scheme.DPOP),))
        return self.with_fresh_proof(draft, signer=signer, access_token=token, use_nonce=use_nonce)

    def authorization_request(self, flow: Flow, *, scope: str = SCOPE) -> Pairs:
        """Return the parameters of an authorization request (FAPI 2.0 SP section 5.3.3.2)."""
        return (
            ("response_type", "code"),
            ("client_id", self.client.client_id),
            ("redirect_uri", self.redirect_uri),
            ("scope", scope),
            ("state", flow.state),
            ("nonce", flow.nonce),
            ("code_challenge", create_challenge(flow.verifier)),
            ("code_challenge_method", "S256"),
        )

    def redemption(self, flow: Flow) -> Pairs:
        """Return the parameters that redeem the flow's code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        return (
            ("grant_type", "authorization_code"),
            ("code", flow.callback.get("code", "")),
            ("redirect_uri", self.redirect_uri),
            ("code_verifier", flow.verifier),
        )


def _certificates(directory: DataDirectory, clock: Clock) -> dict[str, ssl.SSLContext]:
    """Return the certificates of the tour: its own, another of the same authority, and a forged one of the same name."""
    contexts = {name: trust_context(directory.authority) for name in (*CERTIFICATE_NAMES, FORGED)}
    for name in CERTIFICATE_NAMES:
        contexts[name].load_cert_chain(directory.file(f"client-keys/{name}.pem"))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = create_self_signed(key, common_name=CERTIFICATE_NAMES[0], now=clock.now())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with NamedTemporaryFile() as file:  # the standard library loads certificates from files alone
        file.write(secret + certificate.public_bytes(Encoding.PEM))
        file.flush()
        contexts[FORGED].load_cert_chain(file.name)
    return contexts


def _first_person(directory: DataDirectory) -> DemoPerson:
    raw = read_private_file(directory.credentials)
    return msgspec.json.decode(raw, type=DemoCredentials).users[0]
