"""One authorization, step by step: each step is a request that an attack may change before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.protocol.pkce import create_challenge, create_verifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.parties import Party
    from trustweft.audit.plan import Plan
    from trustweft.audit.target import User
    from trustweft.audit.user_agent import UserAgent, Visit
    from trustweft.audit.wire import Wire
    from trustweft.crypto.keys import LocalSigner

__all__ = ["Flow", "bound", "new_verifier"]


@dataclass(slots=True, kw_only=True)
class Flow:
    """One authorization of one client.

    Attributes:
        plan: how the client talks to this server.
        verifier: PKCE's; empty where PKCE is not used.
        parameters: of the authorization request; change them before it is pushed.
        browser: in which it happens.
    """

    wire: Wire
    plan: Plan
    party: Party
    browser: UserAgent
    verifier: str
    parameters: dict[str, str] = field(default_factory=dict)

    def with_parameters(self, changes: Mapping[str, str | None]) -> Flow:
        """Change parameters of the authorization request; None leaves one out. Returns the flow itself."""
        for name, value in changes.items():
            if value is None:
                self.parameters.pop(name, None)
            else:
                self.parameters[name] = value
        return self

    def pushed_request(self) -> Request:
        """Return the authenticated request that pushes the parameters (RFC 9126 section 2.1)."""
        url = self.plan.endpoint("pushed_authorization_request_endpoint", self.party)
        return self.party.authenticate(form_request(url, *self.parameters.items()))

    def authorization_url(self, parameters: Mapping[str, str] | None = None) -> str:
        """Return the URL for the browser with exactly these parameters; the flow's own where none are given."""
        url = self.plan.discovery.endpoint("authorization_endpoint")
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}{urlencode(self.parameters if parameters is None else parameters)}"

    def push(self) -> Exchange:
        """Push the parameters as they are."""
        return self.wire.send(self.pushed_request())

    def start_url(self) -> str:
        """Return the URL that begins this flow: with a pushed request where the server takes one.

        Raises:
            Inconclusive: the server refuses the pushed request.
        """
        if not self.plan.pushes:
            return self.authorization_url()
        pushed = self.push()
        return self.pushed_url(self.plan.expect(pushed, "request_uri", "the pushed authorization request"))

    def pushed_url(self, request_uri: str) -> str:
        """Return the URL that begins a flow whose request was pushed."""
        return self.authorization_url({"client_id": self.party.client_id, "request_uri": request_uri})

    def log_in(self, user: User) -> Visit:
        """Go through the whole of it as ``user``, up to the client's redirect URI.

        Raises:
            Inconclusive: the server refuses the pushed request.
        """
        return self.browser.log_in(self.start_url(), user)

    def token_request(self, code: str, *, signer: LocalSigner | None = None) -> Request:
        """Return the request that redeems a code, authenticated and with a fresh proof."""
        url = self.plan.endpoint("token_endpoint", self.party)
        parameters = [("grant_type", "authorization_code"), ("code", code)]
        if "redirect_uri" in self.parameters:
            parameters.append(("redirect_uri", self.parameters["redirect_uri"]))
        if self.verifier:
            parameters.append(("code_verifier", self.verifier))
        resource = self.parameters.get("resource")
        if resource:
            parameters.append(("resource", resource))
        request = self.party.authenticate(form_request(url, *parameters))
        return bound(request, party=self.party, wire=self.wire, plan=self.plan, signer=signer)


def bound(
    request: Request,
    *,
    party: Party,
    wire: Wire,
    plan: Plan,
    access_token: str | None = None,
    signer: LocalSigner | None = None,
) -> Request:
    """Return the request with a fresh proof, or on a connection with the certificate, as the plan binds tokens."""
    if plan.binding == "dpop":
        proof = party.proof(
            request.method,
            request.url,
            nonce=wire.nonce(request.url),
            access_token=access_token,
            signer=signer,
        )
        return request.with_header("dpop", proof)
    if plan.binding == "mtls" and request.certificate is None:
        return replace(request, certificate=party.certificate)
    return request


def new_verifier(plan: Plan, party: Party) -> tuple[str, dict[str, str]]:
    """Return a verifier and the parameters of its challenge; both empty where PKCE is not used."""
    if not plan.pkce:
        return "", {}
    verifier = create_verifier(party.entropy)
    return verifier, {"code_challenge": create_challenge(verifier), "code_challenge_method": "S256"}
