"""What one client says to the server and to resources: each step as the suite sends it, each open to change."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from conformance.examiner import judging
from conformance.examiner.id_token import check_id_token
from conformance.examiner.keys import Key, Token, random_text, sha256
from conformance.examiner.parties import RICH_REQUEST, scope_of
from conformance.examiner.wire import FORM, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from conformance.examiner.browser import Callback
    from conformance.examiner.examination import Examination
    from conformance.examiner.parties import Party

    Edit = Callable[[Token], None]
    Headers = Iterable[tuple[str, str]]
    Present = Callable[[str], Headers]

__all__ = ["ASSERTION_TYPE", "Conversation", "leave_alone"]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_DUPLICATES: Final[tuple[str, ...]] = ("response_type", "client_id", "scope", "redirect_uri")


def leave_alone(_token: Token) -> None:
    """Change nothing."""


def _one_proof(proof: str) -> Headers:
    return (("DPoP", proof),)


class Conversation:
    """One client on its way from a pushed request to a resource.

    Attributes:
        request: the authorization request, to be changed before it is pushed.
        proves_at_par: whether a proof goes along with the pushed request.
        edit_assertion: changes each client assertion before it is signed.
        edit_proof: changes each proof before it is signed.
        tokens: the latest token response.
    """

    def __init__(self, examination: Examination, party: Party, *, redirect_uri: str) -> None:
        self.examination = examination
        self.variant = examination.variant
        self.party = party
        self.redirect_uri = redirect_uri
        self.verifier = random_text(64)
        self.proof_key = Key.make()
        self.proves_at_par = False
        self.edit_assertion: Edit = leave_alone
        self.edit_proof: Edit = leave_alone
        self.browser = examination.browser()
        self.request = self._request()
        self.request_uri = ""
        self.expires_in = 0
        self.code = ""
        self.tokens: dict[str, Any] = {}
        self.refresh_token = ""
        self.id_claims: dict[str, Any] = {}
        self._nonces: dict[str, str] = {}

    def _request(self) -> dict[str, str]:
        request = {
            "client_id": self.party.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope_of(self.variant),
            "state": random_text(10),
            "response_type": "code",
            "code_challenge": sha256(self.verifier),
            "code_challenge_method": "S256",
        }
        if self.variant.openid:
            request["nonce"] = random_text(10)
        if self.variant.rich_request:
            request["authorization_details"] = json.dumps(RICH_REQUEST)
        return request

    def set_state(self, length: int) -> None:
        """Send a state of this length."""
        self.request["state"] = random_text(length)

    def set_nonce(self, length: int) -> None:
        """Send a nonce of this length, where there is one."""
        if self.variant.openid:
            self.request["nonce"] = random_text(length)

    # What goes along with requests.

    def assertion(self) -> str:
        """Return a fresh client assertion."""
        now = self.examination.now()
        claims = {
            "iss": self.party.client_id,
            "sub": self.party.client_id,
            "aud": self.examination.metadata["issuer"],
            "jti": random_text(),
            "iat": now,
            "nbf": now,
            "exp": now + 60,
        }
        signer = self.party.signer
        token = Token({"alg": signer.algorithm, "kid": signer.key_id, "typ": "JWT"}, claims, signer)
        self.edit_assertion(token)
        return token.sign()

    def credentials(self) -> dict[str, str]:
        """Return the parameters that say who the client is, and prove it unless its certificate does."""
        if not self.variant.signs_assertions:
            return {"client_id": self.party.client_id}
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}

    def proof(
        self, method: str, url: str, *, access_token: str | None = None, edit: Edit = leave_alone
    ) -> str:
        """Return a fresh proof of possession, with the nonce that was given last."""
        key = self.proof_key
        claims: dict[str, Any] = {
            "jti": random_text(),
            "iat": self.examination.now(),
            "htm": method,
            "htu": url,
        }
        if access_token is not None:
            claims["ath"] = sha256(access_token)
        nonce = self._nonces.get(urlsplit(url).netloc)
        if nonce is not None:
            claims["nonce"] = nonce
        token = Token({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": key.public_jwk}, claims, key)
        self.edit_proof(token)
        edit(token)
        return token.sign()

    def forget_nonces(self) -> None:
        """Prove without a nonce next time."""
        self._nonces.clear()

    def _heard(self, url: str, answer: Answer) -> bool:
        """Keep the nonce of an answer; tell whether it asks for a proof that holds it."""
        nonce = answer.header("dpop-nonce")
        if nonce is not None:
            self._nonces[urlsplit(url).netloc] = nonce
        asks = answer.error == "use_dpop_nonce"
        assert nonce is not None or not asks, "a nonce is asked for, and none is given"
        return asks

    # Requests to the server.

    def post(
        self,
        endpoint: str,
        form: dict[str, str],
        *,
        authenticates: bool = True,
        proves: bool = False,
        certified: bool = True,
        method: str = "POST",
    ) -> Answer:
        """Post a form to an endpoint; once more where a nonce is asked for, with everything fresh.

        Args:
            endpoint: its name in the metadata.
            form: the parameters; they win over those of the client's credentials.
            authenticates: whether the client says who it is.
            proves: whether a DPoP proof goes along.
            certified: whether a client that has a certificate uses it.
            method: of the request.
        """
        url = self.examination.endpoint(endpoint)
        wire = self.examination.subject.wire(self.party if certified else None)
        answer = None
        for _ in range(2):
            sent = {**(self.credentials() if authenticates else {}), **form}
            headers = (("DPoP", self.proof(method, url)),) if proves else ()
            answer = wire.send(method, url, (FORM, *headers), urlencode(sent).encode())
            if not (self._heard(url, answer) and proves):
                break
        assert answer is not None
        return answer

    def push(self, **changes: Any) -> Answer:
        """Push the authorization request."""
        certified = not self.variant.signs_assertions  # with an assertion, a certificate is of no use there
        options = {"proves": self.proves_at_par and self.variant.dpop, "certified": certified, **changes}
        return self.post("pushed_authorization_request", self.request, **options)

    def pushed(self) -> None:
        """Push the request, and hold that it is taken."""
        self.request_uri, self.expires_in = judging.check_pushed(self.push())

    def authorization_url(
        self, outside: Mapping[str, str] = NOTHING, *, duplicates: bool = True, backwards: bool = False
    ) -> str:
        """Return where the browser is sent: with the parameters that the suite repeats, and what else it brings."""
        repeated = {name: self.request[name] for name in _DUPLICATES if name in self.request}
        parameters: dict[str, str] = {"client_id": self.party.client_id, **(repeated if duplicates else {})}
        parameters |= {"request_uri": self.request_uri, **outside}
        ordered = dict(sorted(parameters.items(), reverse=backwards))
        return f"{self.examination.metadata['authorization_endpoint']}?{urlencode(ordered)}"

    def accept(self, callback: Callback) -> None:
        """Hold that an authorization response is the answer to this request, and keep its code."""
        self.code = judging.check_callback_success(
            callback,
            redirect_uri=self.redirect_uri,
            state=self.request.get("state"),
            issuer=self.examination.metadata["issuer"],
        )

    def authorized(self, url: str | None = None) -> None:
        """Send the browser to the server, where the person allows it, and take the code."""
        target = url or self.authorization_url()
        self.accept(self.browser.approve(target, self.examination.subject.person))

    def get_code(self) -> None:
        """Do everything up to the code."""
        if not self.variant.client_credentials:
            self.pushed()
            self.authorized()

    def token_form(self) -> dict[str, str]:
        """Return what the token endpoint is asked."""
        if self.variant.client_credentials:
            return {"grant_type": "client_credentials", "scope": scope_of(self.variant)}
        return {
            "grant_type": "authorization_code",
            "code": self.code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }

    def ask_for_tokens(self, form: dict[str, str] | None = None, **options: Any) -> Answer:
        """Ask the token endpoint, for what the code gives unless a form says otherwise."""
        asked = self.token_form() if form is None else form
        return self.post("token", asked, **{"proves": self.variant.dpop, **options})

    def got_tokens(self) -> None:
        """Hold that the token endpoint gives what was asked for."""
        self.take(judging.check_token_response(self.ask_for_tokens(), self.variant))
        if self.variant.openid:
            self.id_claims = check_id_token(self)

    def take(self, tokens: dict[str, Any]) -> None:
        """Keep tokens; a refresh token that is not repeated is still good."""
        self.tokens = tokens
        self.refresh_token = tokens.get("refresh_token", self.refresh_token)

    # Requests to resources.

    @property
    def access_token(self) -> str:
        """The access token."""
        token = self.tokens["access_token"]
        assert isinstance(token, str)
        return token

    @property
    def scheme(self) -> str:
        """The scheme of the Authorization header that goes with the tokens of this variant."""
        return "DPoP" if self.variant.dpop else "Bearer"

    def call(
        self,
        url: str,
        *,
        headers: Headers = (),
        scheme: str | None = None,
        edit: Edit = leave_alone,
        present: Present = _one_proof,
        query: str = "",
    ) -> Answer:
        """Call a resource with the access token; once more, with a fresh proof, where a nonce is asked for.

        Args:
            url: without query: what the proof is about.
            headers: beside those of the token.
            scheme: of the Authorization header; that of the token type unless given, none if empty.
            edit: changes the proof before it is signed.
            present: makes headers of the signed proof.
            query: what stands behind the question mark.
        """
        scheme = self.tokens["token_type"] if scheme is None else scheme
        authorization = (("Authorization", f"{scheme} {self.access_token}"),) if scheme else ()
        wire = self.examination.subject.wire(self.party if self.variant.constraint == "mtls" else None)
        answer = None
        for _ in range(2):
            proofs: Headers = ()
            if self.variant.dpop:
                proofs = present(self.proof("GET", url, access_token=self.access_token, edit=edit))
            answer = wire.get(f"{url}?{query}" if query else url, (*headers, *authorization, *proofs))
            if not self._heard(url, answer):
                break
        assert answer is not None
        return answer

    def used(self, *, headers: Headers = (), scheme: str | None = None) -> None:
        """Hold that each resource that the token is for answers."""
        interaction = dict(headers).get("x-fapi-interaction-id")
        for url in self.examination.resources:
            judging.check_resource(self.call(url, headers=headers, scheme=scheme), interaction=interaction)

    def useless_to(self, other: Conversation) -> None:
        """Hold that the access token is of no use with the key or the certificate of another client."""
        own, other.tokens = other.tokens, self.tokens
        for url in self.examination.resources:
            judging.check_status(other.call(url))
        other.tokens = own

    def completed(self) -> None:
        """Do everything, from the pushed request to the resource."""
        self.get_code()
        self.got_tokens()
        self.used()
